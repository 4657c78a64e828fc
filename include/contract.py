"""The contract: what each raw file holds, what is published, and why a row is refused.

Parsing, reject reasons, the expectation suite, the generator and the documentation are derived from
this module. To change a column, change it here. Standard library only.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How the text of a field is understood. `parse.py` holds the grammar of each kind."""

    TEXT = "text"
    WHOLE_NUMBER = "whole number"
    DECIMAL = "decimal, up to 4 places"
    WIDE_DECIMAL = "decimal, up to 4 places, computed"
    TIMESTAMP = "timestamp, UTC"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a raw file.

    Parameters
    ----------
    required: the header must name the column.
    nullable: a field of it may be empty.
    minimum: the smallest value allowed; a smaller one is refused with the reason `below_minimum`.
    personal: personal data: never in published orders, logs or quality pages.
    in_orders: the column's name in the published orders, or None where it stays out of them.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    nullable: bool = True
    minimum: int | None = None
    below_minimum: str = ""
    personal: bool = False
    in_orders: str | None = None


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One raw file: its columns, and the column that names a row."""

    name: str
    key: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def required_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True, kw_only=True)
class PublishedColumn:
    """One column of the published orders, and the rules that the checkpoint holds it to."""

    name: str
    kind: Kind
    meaning: str
    nullable: bool
    minimum: int | None = None


CUSTOMERS = Dataset(
    name="customers",
    key="customer_id",
    columns=(
        Column(
            name="customer_id",
            kind=Kind.TEXT,
            required=True,
            nullable=False,
            meaning="Who ordered. Text, kept exactly as delivered.",
        ),
        Column(name="name", kind=Kind.TEXT, personal=True, meaning="Full name."),
        Column(name="email", kind=Kind.TEXT, personal=True, meaning="Address for mail."),
        Column(
            name="country",
            kind=Kind.TEXT,
            in_orders="customer_country",
            meaning="Country of the customer.",
        ),
        Column(name="city", kind=Kind.TEXT, in_orders="customer_city", meaning="City of the customer."),
        Column(name="signup_date", kind=Kind.TIMESTAMP, meaning="When the account was opened."),
    ),
)

PRODUCTS = Dataset(
    name="products",
    key="product_id",
    columns=(
        Column(
            name="product_id",
            kind=Kind.TEXT,
            required=True,
            nullable=False,
            meaning="What is sold. Text, kept exactly as delivered.",
        ),
        Column(name="name", kind=Kind.TEXT, in_orders="product_name", meaning="Name in the shop."),
        Column(name="category", kind=Kind.TEXT, in_orders="product_category", meaning="Kind of product."),
        Column(name="list_price", kind=Kind.DECIMAL, meaning="Price per unit before any discount."),
    ),
)

ORDERS = Dataset(
    name="orders",
    key="order_id",
    columns=(
        Column(
            name="order_id",
            kind=Kind.TEXT,
            required=True,
            nullable=False,
            in_orders="order_id",
            meaning="Names one order line. Text, kept exactly as delivered.",
        ),
        Column(
            name="customer_id",
            kind=Kind.TEXT,
            required=True,
            nullable=False,
            in_orders="customer_id",
            meaning="A customer of the same day's customers file.",
        ),
        Column(
            name="product_id",
            kind=Kind.TEXT,
            required=True,
            nullable=False,
            in_orders="product_id",
            meaning="A product of the same day's products file.",
        ),
        Column(
            name="order_date",
            kind=Kind.TIMESTAMP,
            required=True,
            nullable=False,
            in_orders="order_date",
            meaning="When the order was placed.",
        ),
        Column(
            name="delivery_date",
            kind=Kind.TIMESTAMP,
            required=True,
            in_orders="delivery_date",
            meaning="When the order arrived; empty while it has not.",
        ),
        Column(
            name="quantity",
            kind=Kind.WHOLE_NUMBER,
            required=True,
            nullable=False,
            minimum=1,
            below_minimum="quantity_not_positive",
            in_orders="quantity",
            meaning="Units ordered.",
        ),
        Column(
            name="selling_price",
            kind=Kind.DECIMAL,
            required=True,
            nullable=False,
            minimum=0,
            below_minimum="selling_price_negative",
            in_orders="selling_price",
            meaning="Price paid per unit.",
        ),
        Column(name="status", kind=Kind.TEXT, meaning="State of the order in the shop. Not published."),
    ),
)

DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in (CUSTOMERS, PRODUCTS, ORDERS)}

#: Columns that the transform computes. The formulas stand in `transform.py`.
COMPUTED = (
    PublishedColumn(
        name="total_price",
        kind=Kind.WIDE_DECIMAL,
        nullable=False,
        minimum=0,
        meaning="quantity × selling_price, exact.",
    ),
    PublishedColumn(
        name="shipping_time_days",
        kind=Kind.WHOLE_NUMBER,
        nullable=True,
        minimum=0,
        meaning="Whole 24-hour days from order_date to delivery_date; empty while undelivered.",
    ),
)

MALFORMED_ROW = "malformed_row"
DELIVERY_BEFORE_ORDER = "delivery_before_order"
UNKNOWN_CUSTOMER = "unknown_customer"
UNKNOWN_PRODUCT = "unknown_product"


def published_orders() -> tuple[PublishedColumn, ...]:
    """The columns of the published orders, in order: delivered, computed, looked up."""

    def taken_from(dataset: Dataset, *, is_lookup: bool) -> tuple[PublishedColumn, ...]:
        return tuple(
            PublishedColumn(
                name=column.in_orders,
                kind=column.kind,
                meaning=column.meaning,
                nullable=column.nullable or is_lookup,
                minimum=column.minimum,
            )
            for column in dataset.columns
            if column.in_orders
        )

    return (
        *taken_from(ORDERS, is_lookup=False),
        *COMPUTED,
        *taken_from(CUSTOMERS, is_lookup=True),
        *taken_from(PRODUCTS, is_lookup=True),
    )


def missing_reason(column: Column) -> str:
    return f"{column.name}_missing"


def invalid_reason(column: Column) -> str:
    return f"{column.name}_invalid"


def duplicate_reason(dataset: Dataset) -> str:
    return f"duplicate_{dataset.key}"


def reasons(dataset: Dataset) -> tuple[str, ...]:
    """Every reason for which a row of the dataset can be refused, in the order they are reported."""
    of_columns = [
        reason
        for column in dataset.columns
        for reason, applies in (
            (missing_reason(column), not column.nullable),
            (invalid_reason(column), column.kind is not Kind.TEXT),
            (column.below_minimum, column.minimum is not None),
        )
        if applies
    ]
    of_orders = [DELIVERY_BEFORE_ORDER, UNKNOWN_CUSTOMER, UNKNOWN_PRODUCT] if dataset is ORDERS else []
    return (*of_columns, *of_orders, duplicate_reason(dataset), MALFORMED_ROW)
