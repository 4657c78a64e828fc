"""The transform in other engines: same input and output, written in the idiomatic way of each engine."""

import csv
from pathlib import Path

from include.contract import DATASETS

#: The raw columns that the peers support.
COLUMNS = {
    "customers": ("customer_id", "name", "email", "country", "city", "signup_date"),
    "products": ("product_id", "name", "category", "list_price"),
    "orders": (
        *("order_id", "order_line", "customer_id", "product_id", "order_date", "delivery_date"),
        *("quantity", "selling_price", "status"),
    ),
}


def find_different_columns() -> list[str]:
    """Columns that only the contract or only the peers have, such as `orders.discount`."""
    ours = {f"{name}.{column}" for name, dataset in DATASETS.items() for column in dataset.column_names}
    theirs = {f"{name}.{column}" for name, columns in COLUMNS.items() for column in columns}
    return sorted(ours ^ theirs)


def read_header(file: Path) -> list[str]:
    """The columns of a raw file, which may lack optional ones such as `orders.order_line`."""
    with file.open(newline="") as lines:
        return next(csv.reader(lines))
