"""The datasets: what each raw file holds, what is computed from them, and in which order they are processed.

To change a column, change it here: docs/adapt.md shows how. Parsing, reject reasons, the expectation suite,
the sample data, the docs and the catalog schemas all follow from it. A contract file such as those in
`examples/` takes its place without a change here. Standard library only.
"""

from include.contract.line_total import describe_total
from include.contract.model import Column, Dataset, Kind, PublishedColumn

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
    key=("order_id", "order_line"),
    columns=(
        Column(
            name="order_id",
            kind=Kind.TEXT,
            required=True,
            nullable=False,
            in_orders="order_id",
            meaning="Names an order. Text, kept exactly as delivered.",
        ),
        Column(
            name="order_line",
            kind=Kind.TEXT,
            in_orders="order_line",
            meaning="Names a line within its order; empty in files with one line per order.",
        ),
        Column(
            name="customer_id",
            kind=Kind.TEXT,
            required=True,
            nullable=False,
            in_orders="customer_id",
            refers_to="customers",
            meaning="A customer of the same day's customers file or, if it arrived late, of a later day's.",
        ),
        Column(
            name="product_id",
            kind=Kind.TEXT,
            required=True,
            nullable=False,
            in_orders="product_id",
            refers_to="products",
            meaning="A product of the same day's products file or, if it arrived late, of a later day's.",
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
            in_orders="quantity",
            meaning="Units ordered.",
        ),
        Column(
            name="selling_price",
            kind=Kind.DECIMAL,
            required=True,
            nullable=False,
            minimum=0,
            in_orders="selling_price",
            meaning="Price paid per unit.",
        ),
        Column(name="status", kind=Kind.TEXT, meaning="State of the order in the shop. Not published."),
    ),
)

#: Columns that the transform computes. The formulas are in `transform.py`.
COMPUTED = (
    describe_total(ORDERS),
    PublishedColumn(
        name="shipping_time_days",
        computed_from=("order_date", "delivery_date"),
        kind=Kind.WHOLE_NUMBER,
        nullable=True,
        minimum=0,
        meaning="Whole 24-hour days from order_date to delivery_date, calendar days where delivery_date "
        "has no time; empty while undelivered.",
    ),
)

DELIVERY_BEFORE_ORDER = "delivery_before_order"
#: Reject reasons of orders that no single column gives. `transform_orders` finds the rows.
ORDER_RULES = (DELIVERY_BEFORE_ORDER,)

#: Every raw file of a day, in the order in which they are processed.
DATASETS = (
    CUSTOMERS,
    PRODUCTS,
    ORDERS,
)
