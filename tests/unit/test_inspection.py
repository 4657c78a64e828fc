"""`make inspect`: odd exports, and the contract that it proposes for them, tried on the same files."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from include.contract import datasets
from include.contract.model import Kind
from include.contract_file import CONTRACT_VARIABLE
from include.errors import RawFileError
from include.inspection.columns import examine_column, make_shape
from include.inspection.contract_source import write_contract
from include.inspection.hints import list_hints
from include.inspection.mapping import normalize
from include.inspection.proposal import propose_datasets
from include.inspection.report import inspect_files, list_files, print_inspection
from include.inspection.sample import read_sample
from include.local.__main__ import main
from tests.example_shops import EXAMPLES, SHOPS, Shop
from tests.project_files import PROJECT

ROWS = range(60)

GERMAN = {
    "Kunden.csv": "Kundennummer;Kundenname;E-Mail;Ort;Land\r\n"
    + "".join(f"K{n};Jörg Groß {n};j{n}@example.com;Köln;DE\r\n" for n in range(20)),
    "Artikel.csv": "Artikelnummer;Bezeichnung;Warengruppe;Preis\r\n"
    + "".join(f"A{n};Größe {n};Möbel;{n + 1}.100,90\r\n" for n in range(7)),
    "Bestellungen.csv": "sep=;\r\nBestellnummer;Kundennummer;Artikelnummer;Bestelldatum;Lieferdatum;Menge;"
    "Einzelpreis\r\n"
    + "".join(
        f"B{n};K{n % 20};A{n % 7};{1 + n % 28:02}.11.2026 10:{n:02};;{1 + n % 3};1.200,50\r\n" for n in ROWS
    ),
}
AMERICAN = {
    "accounts.tsv": "Account\tFull Name\tTown\tCountry Code\n"
    + "".join(f"U{n}\tAnn {n}\tBoston\tUS\n" for n in range(20)),
    "items.tsv": "SKU\tTitle\tDepartment\tRegular Price\n"
    + "".join(f"S{n}\tMug {n}\tKitchen\t1,{n}00.50\n" for n in range(7)),
    "sales.tsv": "Order Number\tLine No\tAccount\tSKU\tOrdered At\tDelivered At\tQty\tUnit Price\n"
    + "".join(
        f"#{1000 + n // 2}\t{1 + n % 2}\tU{n % 20}\tS{n % 7}\t"
        f"{1 + n % 12}/{1 + n % 28}/2025 {1 + n % 11}:05 PM\t\t{1 + n % 3}\t1,050.25\n"
        for n in ROWS
    ),
}
DUMP = {
    "customers.csv": "customer_id,name,email,city,country,signup_date\n"
    + "".join(f"{n},\\N,\\N,Paris,FR,0000-00-00 00:00:00\n" for n in range(1, 21)),
    "products.csv": "product_id,name,category,list_price\n"
    + "".join(f"{n},Mug,Home,NULL\n" for n in range(7)),
    "orders.csv": "entity_id,client_id,product,created_at,delivery_date,qty_ordered,price\n"
    + "".join(
        f"{n},{1 + n % 20},{n % 7},{1_762_353_000 + n * 60},NULL,{1 + n % 3}.0000,12.5000\n" for n in ROWS
    ),
}
#: Every fourth row is of a guest, every tenth a return, and an order may have the same line twice.
WIDE = {
    "sales 2025.csv": "Invoice;StockCode;Description;Quantity;InvoiceDate;Price;Customer ID;Country\n"
    + "".join(
        f"{500 + n // 4};S{n // 2 % 7};Fäden {n // 2 % 7};{-1 if n % 10 == 3 else 2};"
        f"{1 + n % 12}/{13 + n % 8}/2025 8:{n:02};1,25;{'' if n % 4 == 0 else f'K{n % 20}'};PT\n"
        for n in ROWS
    )
}
EXPORTS = {"German": (GERMAN, "cp1252"), "American": (AMERICAN, "utf-16"), "dump": (DUMP, "utf-8")}


CUSTOMERS = "customer_id,country\n" + "".join(f"K{n},PT\n" for n in range(20))
PRODUCTS = "sku,title\n" + "".join(f"S{n},Rope {n}\n" for n in range(7))
#: Files in other shapes than one per dataset, the rows of orders that are published, and their sum.
SHAPES: dict[str, tuple[dict[str, str], int, str]] = {
    "headers and lines": (
        {
            "customers.csv": CUSTOMERS,
            "products.csv": PRODUCTS,
            "sales_order.csv": "id,customer_id,created_at\n"
            + "".join(f"{9000 + n},K{n % 20},2026-11-21 10:00:00+00\n" for n in range(30)),
            "sales_order_item.csv": "order_id,sku,qty,price\n"
            + "".join(f"{9000 + n // 2},S{n % 7},2,0.50\n" for n in ROWS),
        },
        60,
        "60.00",
    ),
    "line totals": (
        {
            "customers.csv": CUSTOMERS,
            "products.csv": PRODUCTS,
            "orders.csv": "order_id,customer_id,sku,date,qty,Line Total\n"
            + "".join(f"O{n},K{n % 20},S{n % 7},2026-11-21,3,1.99\n" for n in ROWS),
        },
        60,
        "119.40",
    ),
    "decimal quantities": (
        {
            "customers.csv": CUSTOMERS,
            "products.csv": PRODUCTS,
            "orders.csv": "order_id,customer_id,sku,date,qty,price\n"
            + "".join(f"O{n},K{n % 20},S{n % 7},2026-11-21,0.25,2.00\n" for n in ROWS),
        },
        60,
        "30.00",
    ),
    "items beside headers that nothing needs": (
        {
            "users.csv": "id,first_name,city,created_at\n"
            + "".join(f"{n},Ann,Lyon,2024-01-01 10:00:00+00:00\n" for n in range(20)),
            "products.csv": "id,name,category,retail_price,sku\n"
            + "".join(f"{n},Pen,Home,6.25,A{n}\n" for n in range(7)),
            "orders.csv": "order_id,user_id,status,created_at,num_of_item\n"
            + "".join(f"{n},{n % 20},Shipped,2024-05-01 03:04:05 UTC,2\n" for n in range(30)),
            "order_items.csv": "id,order_id,user_id,product_id,status,created_at,delivered_at,sale_price\n"
            + "".join(
                f"{n},{n // 2},{n // 2 % 20},{n % 7},Shipped,2024-05-01 03:04:05 UTC,,2.0\n" for n in ROWS
            ),
        },
        60,
        "120.00",
    ),
    "one item per line": (
        {
            "customers.csv": CUSTOMERS,
            "products.csv": PRODUCTS,
            "orders.csv": "order_id,customer_id,sku,date,price\n"
            + "".join(f"O{n // 2},K{n % 20},S{n % 7},2026-11-21,2.00\n" for n in ROWS),
        },
        60,
        "120.00",
    ),
}


def write_export(folder: Path, files: dict[str, str], encoding: str = "utf-8") -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_bytes(text.encode(encoding))
    return folder


def propose_contract(folder: Path) -> str:
    """The source of the contract that the inspection proposes."""
    paths = list_files(folder)
    proposed = propose_datasets(inspect_files(paths).matches, [path.name for path in paths])
    return write_contract(proposed, datasets.DATASETS)


def transform_with(contract: Path, raw: Path) -> dict[str, Any]:
    """The counts of `python -m include.local transform` with a contract file."""
    result = subprocess.run(
        [sys.executable, "-m", "include.local", "transform", str(raw), str(contract.parent / "out")],
        cwd=PROJECT,
        env={**os.environ, CONTRACT_VARIABLE: str(contract)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    counts: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return counts


@pytest.mark.parametrize(("files", "encoding"), EXPORTS.values(), ids=EXPORTS)
def test_proposed_contract_publishes_every_row(tmp_path: Path, files: dict[str, str], encoding: str) -> None:
    folder, contract = write_export(tmp_path / "export", files, encoding), tmp_path / "contract.py"
    contract.write_text(propose_contract(folder))

    rows = transform_with(contract, folder)["rows"]

    assert {name: each["published"] for name, each in rows.items()} == {
        "customers": 20,
        "products": 7,
        "orders": len(ROWS),
    }


def test_one_wide_file_is_proposed_as_every_dataset(tmp_path: Path) -> None:
    folder, contract = write_export(tmp_path / "export", WIDE, "cp1252"), tmp_path / "contract.py"
    contract.write_text(propose_contract(folder))

    rows = transform_with(contract, folder)["rows"]

    assert {name: each["published"] for name, each in rows.items()} == {
        "customers": 15,
        "products": 7,
        "orders": len(ROWS),
    }
    assert rows["customers"]["blank"] == 15
    assert len(contract.read_text().splitlines()) <= 15


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.name)
def test_proposed_contract_publishes_an_example(tmp_path: Path, shop: Shop) -> None:
    contract = tmp_path / "contract.py"
    contract.write_text(propose_contract(shop.raw))

    assert transform_with(contract, shop.raw)["rows"] == shop.rows
    assert len(contract.read_text().splitlines()) <= 17


@pytest.mark.parametrize(("files", "published", "total_price"), SHAPES.values(), ids=SHAPES)
def test_proposed_contract_publishes_a_shape(
    tmp_path: Path, files: dict[str, str], published: int, total_price: str
) -> None:
    folder, contract = write_export(tmp_path / "export", files), tmp_path / "contract.py"
    contract.write_text(propose_contract(folder))

    counts = transform_with(contract, folder)

    assert (counts["rows"]["orders"]["published"], counts["total_price"]) == (published, total_price)
    assert len(contract.read_text().splitlines()) <= 17


def test_reference_is_the_header_whose_values_the_other_file_has() -> None:
    """Shopify's orders name a customer by e-mail address, beside customers with an id of their own."""
    source = propose_contract(EXAMPLES / "shopify" / "raw")

    assert source.count('"customer_id": "Email"') == 2
    assert '"customer_id": {"personal": True, "in_orders": None}' in source
    assert 'key=("order_id", "product_id")' in source


@pytest.mark.parametrize(
    ("header", "meaning"),
    [("Order #", "order id"), ("customerKey", "customer id"), ("unit_price_eur", "unit price")],
)
def test_id_and_unit_words_do_not_matter(header: str, meaning: str) -> None:
    assert normalize(header) == normalize(meaning)


def test_hints_name_what_the_files_do_not_say(tmp_path: Path) -> None:
    header = "order_id,order_line,customer_id,product_id,order_date,delivery_date,quantity,selling_price\n"
    orders = header + "".join(f"O{n // 4},1,C1,P1,2026-11-21 10:00,,1,{n}\n" for n in ROWS)
    matches = inspect_files(list_files(write_export(tmp_path / "raw", {"orders.csv": orders}))).matches

    hints = list_hints(propose_datasets(matches, ["orders.csv"]), matches)

    assert [hint.partition(":")[0] for hint in hints] == [
        "No file looks like customers",
        "No file looks like products",
        "orders",
        "orders",
    ]
    assert "each day needs one" in hints[0]
    assert "order_date: no time zone, read as UTC" in hints[2]
    assert "75.0% of the rows repeat order_id and order_line" in hints[3]


def test_inspect_saves_a_contract_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder, contract = EXAMPLES / "warehouse" / "raw", tmp_path / "contract.py"

    assert main(["inspect", "--raw", str(folder), "--out", str(contract)]) == 0
    assert main(["inspect", "--raw", str(folder), "--out", str(contract)]) == 1

    printed = capfd.readouterr()
    assert contract.read_text() == propose_contract(folder)
    assert "dim_customer.csv (line 1): required column missing: customer_id" in printed.out
    assert "orders: 45 read, 44 published, 0 rejected, 1 duplicates" in printed.out
    assert f"make run RAW=examples/warehouse/raw {CONTRACT_VARIABLE}={contract}" in printed.out
    assert printed.err == f"error: {contract} exists. Remove it, or give OUT another name.\n"


@pytest.mark.parametrize(
    ("values", "kind", "declared"),
    [
        (["1", "20", ""], Kind.WHOLE_NUMBER, {}),
        (["1.234,50", "7,00"], Kind.DECIMAL, {"decimal_separator": ",", "thousands_separator": "."}),
        (["13/02/2026", "01/02/2026"], Kind.TIMESTAMP, {"timestamp_formats": ("%d/%m/%Y",)}),
        (["2026-11-21T10:00:00Z"], Kind.TIMESTAMP, {}),
        (["00123", "00124"], Kind.TEXT, {}),
        (["Ann", "Bob"], Kind.TEXT, {}),
        (["NULL", "3"], Kind.WHOLE_NUMBER, {"null_words": ("NULL",)}),
    ],
)
def test_type_of_a_column(values: list[str], kind: Kind, declared: dict[str, object]) -> None:
    finding = examine_column("any", values)

    assert finding.kind is kind
    assert {name: getattr(finding.format, name) for name in declared} == declared


def test_ambiguous_date_format_is_noted() -> None:
    finding = examine_column("date", ["01/02/2026", "03/04/2026"])

    assert "%m/%d/%Y and %d/%m/%Y fit every value" in finding.notes[0]


def test_no_value_is_printed(tmp_path: Path) -> None:
    (tmp_path / "Kunden.csv").write_bytes(GERMAN["Kunden.csv"].encode("cp1252"))
    console = Console(width=200, file=open(os.devnull, "w"), record=True)  # noqa: SIM115, PTH123
    print_inspection(inspect_files(list_files(tmp_path)), console)

    printed = console.export_text()

    assert not re.search("Jörg|Groß|example.com|Köln", printed)
    assert make_shape("Jörg 12 <a@b.c>") == "Aaaa 00 <a@a.a>"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "zero bytes"), (b"\x00\x01\x02", "no columns"), (b"just a text\n", "no ")],
    ids=["empty", "binary", "text"],
)
def test_file_without_a_table_says_so(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(content)

    with pytest.raises(RawFileError, match=message):
        read_sample(path)
