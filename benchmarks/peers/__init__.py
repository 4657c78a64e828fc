"""The transform in other tools: the same input, the same rows out, written as their experts would."""

from include.contract import DATASETS

#: The columns of the raw files that they work on; a contract that has others is not theirs.
COLUMNS = {
    "customers": ("customer_id", "name", "email", "country", "city", "signup_date"),
    "products": ("product_id", "name", "category", "list_price"),
    "orders": (
        *("order_id", "customer_id", "product_id", "order_date", "delivery_date"),
        *("quantity", "selling_price", "status"),
    ),
}


def find_strange_columns() -> list[str]:
    """What the contract has and they do not know, or the other way round, such as `orders.discount`."""
    ours = {f"{name}.{column}" for name, dataset in DATASETS.items() for column in dataset.column_names}
    theirs = {f"{name}.{column}" for name, columns in COLUMNS.items() for column in columns}
    return sorted(ours ^ theirs)
