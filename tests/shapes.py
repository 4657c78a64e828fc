"""Shapes of delivery that the guide has a contract file for: the files of a day, and what becomes of them."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.project_files import PROJECT

GUIDE = (PROJECT / "docs" / "adapt.md").read_text()
GUIDE_CONTRACTS = dict(re.findall(r"^```python (\w+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))
WIDE_FORMAT = 'format=FileFormat(delimiter=";", encoding="cp1252", decimal_separator=",")'
#: Contracts that the guide describes in words.
CONTRACTS = GUIDE_CONTRACTS | {
    "checked_totals": GUIDE_CONTRACTS["line_totals"].replace(', dropped=("selling_price",)', ""),
    "wide_spreadsheet": "from include.contract.model import FileFormat\n"
    + GUIDE_CONTRACTS["wide_file"].replace("ORDERS.adapt(", f"ORDERS.adapt({WIDE_FORMAT},"),
}

CUSTOMERS = "customer_id,country,city\nK1,PT,Porto\nK2,SE,Malmö\n"
PRODUCTS = "product_id,name,category\nS1,Rope,Boats\nS2,Anchor,Boats\n"
HEADER = "order_id,customer_id,product_id,order_date,delivery_date,quantity,selling_price\n"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The files of a day, and what has to become of them.

    Parameters
    ----------
    orders: of each published order line, the columns that matter here.
    rejected: of each dataset, the lines that are rejected and why.
    rows: of each dataset that matters here: read, published, quarantined, duplicates, blank.
    """

    files: dict[str, str]
    columns: str
    orders: list[str]
    total_price: str
    rejected: dict[str, dict[int, list[str]]] = field(default_factory=dict)
    rows: dict[str, tuple[int, int, int, int, int]] = field(default_factory=dict)


def plain_files(orders: str) -> dict[str, str]:
    return {"customers": CUSTOMERS, "products": PRODUCTS, "orders": orders}


SHAPES = {
    "returns": Shape(
        files=plain_files(
            f"{HEADER}"
            "A1,K1,S1,2026-03-02T09:00:00,2026-03-04T09:00:00,3,19.99\n"
            "A2,K1,S1,2026-03-02T09:05:00,,-1,19.99\n"
            "A3,K2,S2,2026-03-02T10:00:00,,0,7\n"
            "A4,K2,S2,2026-03-02T10:00:00,,-1,-7\n"
        ),
        columns="order_id quantity total_price",
        orders=["A1 3 59.9700", "A2 -1 -19.9900", "A3 0 0.0000"],
        total_price="39.98",
        rejected={"orders": {5: ["selling_price_negative"]}},
    ),
    "guests": Shape(
        files=plain_files(
            f"{HEADER}"
            "A1,,S1,2026-03-02T09:00:00,,1,2.50\n"
            "A2,guest,S1,2026-03-02T09:00:00,,1,2.50\n"
            "A3, 0 ,S2,2026-03-02T09:00:00,,1,2.50\n"
            "A4,K2,S2,2026-03-02T09:00:00,,1,2.50\n"
            "A5,K0,S2,2026-03-02T09:00:00,,1,2.50\n"
        ),
        columns="order_id customer_id customer_country product_name",
        orders=["A1 None None Rope", "A2 None None Rope", "A3 None None Anchor", "A4 K2 SE Anchor"],
        total_price="10.00",
        rejected={"orders": {6: ["unknown_customer"]}},
    ),
    "decimal_quantities": Shape(
        files=plain_files(
            f"{HEADER}"
            "A1,K1,S1,2026-03-02T09:00:00,,0.125,7.9999\n"
            "A2,K1,S1,2026-03-02T09:00:00,,99999999999999.9999,99999999999999.9999\n"
            "A3,K1,S1,2026-03-02T09:00:00,,-0.5,1\n"
            "A4,K1,S1,2026-03-02T09:00:00,,0.00001,1\n"
        ),
        columns="order_id quantity total_price",
        orders=[
            "A1 0.1250 0.99998750",
            "A2 99999999999999.9999 9999999999999999980000000000.00000001",
        ],
        total_price="9999999999999999980000000000.99998751",
        rejected={"orders": {4: ["quantity_negative"], 5: ["quantity_invalid"]}},
    ),
    "numbered_lines": Shape(
        files=plain_files(
            f"note,{HEADER}"
            "x,A1,K1,S1,2026-03-02T09:00:00,2026-07-30T09:00:00,1,2.50\n"
            "x,A1,K1,S1,2026-03-02T09:00:00,2026-07-30T09:00:00,1,2.50\n"
            '"two\nlines",A1,K1,S2,2026-03-02T09:00:00,2026-09-01T09:00:00,1,4\n'
            "\n"
            "x,A1,K1,S1,2026-03-02T09:00:00,2026-07-30T09:00:00,0,2.50\n"
            "x,A1,K1,S1,2026-03-02T09:00:00,2026-07-30T09:00:00,1,2.50\n"
        ),
        columns="order_id order_line product_id shipping_time_days",
        orders=["A1 2 S1 150", "A1 3 S1 150", "A1 4 S2 183", "A1 8 S1 150"],
        total_price="11.50",
        rejected={"orders": {7: ["quantity_not_positive"]}},
        rows={"orders": (5, 4, 1, 0, 1)},
    ),
    "single_items": Shape(
        files=plain_files(
            "order_id,order_line,customer_id,product_id,order_date,delivery_date,selling_price\n"
            "A1,1,K1,S1,2026-03-02 09:00:00,2026-05-02 09:00:00,12.25\n"
            "A1,2,K1,S1,2026-03-02 09:00:00,2026-05-02 09:00:00,12.25\n"
            "A1,1,K1,S2,2026-03-02 09:00:00,2026-05-02 09:00:00,1\n"
        ),
        columns="order_id order_line quantity total_price",
        orders=["A1 1 1 12.2500", "A1 2 1 12.2500"],
        total_price="24.50",
        rejected={"orders": {4: ["duplicate_order_id"]}},
    ),
    "line_totals": Shape(
        files=plain_files(
            "order_id,customer_id,product_id,order_date,delivery_date,quantity,Amount\n"
            "A1,K1,S1,2026-03-02T09:00:00,,3,10.00\n"
            "A2,K2,S2,2026-03-02T09:00:00,,7,0.01\n"
            "A3,K2,S2,2026-03-02T09:00:00,,1,\n"
            "A4,K2,S2,2026-03-02T09:00:00,,1,-0.01\n"
            "A5,K2,S2,2026-03-02T09:00:00,,1,1.00001\n"
        ),
        columns="order_id quantity total_price",
        orders=["A1 3 10.0000", "A2 7 0.0100"],
        total_price="10.01",
        rejected={
            "orders": {4: ["total_price_missing"], 5: ["total_price_negative"], 6: ["total_price_invalid"]}
        },
    ),
    "checked_totals": Shape(
        files=plain_files(
            f"Amount,{HEADER}"
            "59.97,A1,K1,S1,2026-03-02T09:00:00,,3,19.99\n"
            "59.98,A2,K1,S1,2026-03-02T09:00:00,,3,19.99\n"
            ",A3,K1,S1,2026-03-02T09:00:00,,1,19.99\n"
            "5,A4,K1,S1,2026-03-02T09:00:00,,five,19.99\n"
        ),
        columns="order_id selling_price total_price",
        orders=["A1 19.9900 59.9700"],
        total_price="59.97",
        rejected={
            "orders": {3: ["total_price_mismatch"], 4: ["total_price_missing"], 5: ["quantity_invalid"]}
        },
    ),
    "wide_file": Shape(
        files={
            "orders": (
                "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,Customer,Country,Till\n"
                "701,S1,ROPE 5M,6,12/1/2025 8:26,2.55,K7,Norway,1\n"
                "701,S2,ANCHOR,2,12/1/2025 8:26,33.90,K7,Norway,1\n"
                "701,S1,ROPE 5M,6,12/1/2025 8:26,2.55,K7,Norway,1\n"
                "702,S1,rope (5 m),1,12/1/2025 18:04,2.55,,Norway,2\n"
                "C703,S2,ANCHOR,-1,12/2/2025 0:00,33.90,K7,Denmark,2\n"
                "704,S3,BUOY,4,13/2/2025 9:00,1.25,K8,Norway,2\n"
                "705,S3,BUOY,4,12/2/2025 9:00,1.25,K8 ,Norway,2\n"
                "706,,BUOY,4,12/2/2025 9:00,1.25,K8,Norway,2\n"
                "707,S3,BUOY,4\n"
                ",,,,,,,,\n"
            ),
        },
        columns="order_id order_line customer_id customer_country product_name quantity total_price",
        orders=[
            "701 2 K7 Norway ROPE 5M 6 15.3000",
            "701 3 K7 Norway ANCHOR 2 67.8000",
            "701 4 K7 Norway ROPE 5M 6 15.3000",
            "702 5 None None ROPE 5M 1 2.5500",
            "C703 6 K7 Norway ANCHOR -1 -33.9000",
        ],
        total_price="67.05",
        rejected={
            "customers": {8: ["customer_id_untrimmed"]},
            "orders": {
                7: ["order_date_invalid"],
                8: ["customer_id_untrimmed"],
                9: ["product_id_missing"],
                10: ["malformed_row"],
            },
        },
        rows={
            "customers": (7, 2, 1, 4, 2),
            "products": (7, 3, 0, 4, 2),
            "orders": (9, 5, 4, 0, 1),
        },
    ),
    "wide_spreadsheet": Shape(
        files={
            "orders": (
                "InvoiceNo;StockCode;Description;Quantity;InvoiceDate;UnitPrice;Customer;Country\n"
                "701;S1;CRÈME BRÛLÉE;6;12/1/2025 8:26;2,55;K7;Norway\n"
                "702;S1;Crème;1;12/1/2025 18:04;2.55;;Norway\n"
            )
        },
        columns="order_id product_name total_price",
        orders=["701 CRÈME BRÛLÉE 15.3000"],
        total_price="15.30",
        rejected={"orders": {3: ["selling_price_invalid"]}},
        rows={"customers": (1, 1, 0, 0, 1), "products": (2, 1, 0, 1, 0), "orders": (2, 1, 1, 0, 0)},
    ),
    "headers_and_lines": Shape(
        files={
            "customers": CUSTOMERS,
            "products": PRODUCTS,
            "order_headers": "order_id,order_date,delivery_date,customer_id,status\n"
            "A1,2026-03-02T09:00:00,2026-03-02,K1,done\n"
            "A2,2026-03-02T10:00:00,2026-03-05T09:00:00,K9,done\n"
            "A3,2026-02-30T10:00:00,,K2,open\n"
            "A4,2026-03-02T11:00:00,2026-03-01T11:00:00,K2,done\n"
            "A6,2026-03-02T12:00:00,,K2,open\n"
            "A6,2026-03-02T12:00:00,,K1,open\n"
            "A7,2026-03-02T12:00:00,,K2 ,open\n",
            "orders": "order_id,order_line,product_id,quantity,selling_price\n"
            "A1,1,S1,2,2.50\n"
            "A1,2,S2,1,33.90\n"
            "A2,1,S1,1,2.50\n"
            "A3,1,S1,1,2.50\n"
            "A4,1,S1,1,2.50\n"
            "A5,1,S9,1,2.50\n"
            "A6,1,S1,0,2.50\n"
            "A6,2,S1,3,2.50\n"
            "A6,2,S1,3,2.50\n"
            "A7,1,S1,3,2.50\n",
        },
        columns="order_id order_line customer_id customer_city order_date shipping_time_days total_price",
        orders=[
            "A1 1 K1 Porto 2026-03-02 09:00:00+00:00 0 5.0000",
            "A1 2 K1 Porto 2026-03-02 09:00:00+00:00 0 33.9000",
            "A6 2 K2 Malmö 2026-03-02 12:00:00+00:00 None 7.5000",
        ],
        total_price="46.40",
        rejected={
            "order_headers": {4: ["order_date_invalid"], 7: ["duplicate_order_id"]},
            "orders": {
                4: ["unknown_customer"],
                5: ["rejected_order"],
                6: ["delivery_before_order"],
                7: ["unknown_order", "unknown_product"],
                8: ["quantity_not_positive"],
                11: ["customer_id_untrimmed"],
            },
        },
        rows={"order_headers": (7, 5, 2, 0, 0), "orders": (10, 3, 6, 1, 0)},
    ),
}


def write_shape(name: str, folder: Path) -> None:
    """The contract and the raw files of a shape."""
    (folder / "contract.py").write_text(CONTRACTS[name])
    for dataset, text in SHAPES[name].files.items():
        encoding = "cp1252" if name == "wide_spreadsheet" else "utf-8"
        (folder / f"{dataset}.csv").write_text(text, encoding)
