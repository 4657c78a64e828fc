"""The raw files of a small day.

Columns and datasets that a contract gains are filled in, so that only tests about the contract know of them.
"""

import gzip
from collections.abc import Mapping
from pathlib import Path

from include.contract import DATASETS, Column, Dataset, Kind
from include.engine.raw_file import RawSource
from tests import reference

Contents = Mapping[str, str | bytes]

CUSTOMERS = (
    "customer_id,name,email,city,country,signup_date\nC1,Ann,ann@example.com,Paris,FR,2024-05-01\nC2,,,,,\n"
)
PRODUCTS = "product_id,name,category,list_price\nP1,Lamp,Home,20.00\nP2,,,\n"
ORDERS_HEADER = "order_id,customer_id,product_id,quantity,selling_price,order_date,delivery_date,status\n"
_ORDER = {
    "customer_id": "C1",
    "product_id": "P1",
    "quantity": "1",
    "selling_price": "1.00",
    "order_date": "2026-11-21",
    "delivery_date": "",
    "status": "",
}
_SHIPPED = {
    "quantity": "2",
    "selling_price": "9.99",
    "order_date": "2026-11-21T10:00:00",
    "delivery_date": "2026-11-23T10:00:00",
    "status": "shipped",
}
_FAULTY = {"customer_id": "C9", "quantity": "0", "selling_price": "9.99", "status": "open"}


def make_order(order_id: str = "O1", **fields: str) -> str:
    """A line of orders. The fields replace its values as they are, without quotes."""
    return ",".join({"order_id": order_id, **_ORDER, **fields}.values()) + "\n"


def make_orders(good: int, faulty: int = 0, more: str = "") -> str:
    """A file of good orders, then faulty ones, then more lines."""
    lines = [make_order(f"O{number}", **_SHIPPED) for number in range(good)]
    lines += [make_order(f"F{number}", **_FAULTY) for number in range(faulty)]
    return ORDERS_HEADER + "".join(lines) + more


def complete_day(contents: Contents) -> dict[str, str | bytes]:
    """The files of a day as the contract requires them; those of customers and products have defaults."""
    given = {"customers": CUSTOMERS, "products": PRODUCTS, **contents}
    texts = {name: given[name] if name in given else _write_one_row(each) for name, each in DATASETS.items()}
    return {name: complete(DATASETS[name], text) for name, text in texts.items()}


def complete(dataset: Dataset, content: str | bytes) -> str | bytes:
    """The file with the columns that the contract requires and the tests do not know."""
    header, *lines = content.split("\n") if isinstance(content, str) else [""]
    known = reference.RAW_COLUMNS.get(dataset.name, dataset.column_names)
    gained = [column for column in dataset.columns if column.required and column.name not in known]
    if not gained or not header.startswith(dataset.id_column) or ";" in header:
        return content
    names, values = ",".join(each.name for each in gained), ",".join(map(_write_field, gained))
    return "\n".join([f"{header},{names}", *(f"{line},{values}" if line else "" for line in lines)])


def write_raw_files(folder: Path, contents: Contents, suffix: str = ".csv") -> dict[str, RawSource]:
    """The day's files in a folder. Where the suffix is `.gz`, content in bytes is compressed already."""
    folder.mkdir(exist_ok=True)
    sources = {}
    for name, content in complete_day(contents).items():
        body = content.encode() if isinstance(content, str) else content
        path = folder / f"{name}{suffix}"
        path.write_bytes(gzip.compress(body) if suffix.endswith(".gz") and isinstance(content, str) else body)
        sources[name] = RawSource(DATASETS[name], path, f"s3://raw/{path.name}")
    return sources


def _write_one_row(dataset: Dataset) -> str:
    return ",".join(dataset.column_names) + "\n" + ",".join(map(_write_field, dataset.columns)) + "\n"


def _write_field(column: Column) -> str:
    """A value that the contract accepts."""
    if column.kind in (Kind.WHOLE_NUMBER, Kind.DECIMAL):
        return str(column.minimum or 1)
    return "2026-11-21" if column.kind is Kind.TIMESTAMP else "x"
