"""What the shops in `examples/` come to, read from their files with the csv module and decimal alone."""

from dataclasses import dataclass
from pathlib import Path

from tests.project_files import PROJECT

EXAMPLES = PROJECT / "examples"


@dataclass(frozen=True)
class Shop:
    """Row counts, the sum of quantity × price, order lines of guests, and lines that are not delivered."""

    name: str
    customers: int
    products: int
    order_lines: int
    total_price: str
    duplicates: int = 0
    blank: int = 0
    guests: int = 0
    undelivered: int = 0

    @property
    def contract(self) -> Path:
        return EXAMPLES / self.name / "contract.py"

    @property
    def raw(self) -> Path:
        return EXAMPLES / self.name / "raw"

    @property
    def rows(self) -> dict[str, dict[str, int]]:
        """The `rows` of the manifest: nothing is rejected."""
        read = {"customers": self.customers, "products": self.products, "orders": self.order_lines}
        rows = {
            name: {"read": count, "published": count, "quarantined": 0, "duplicates": 0, "blank": 0}
            for name, count in read.items()
        }
        rows["orders"] |= {
            "published": self.order_lines - self.duplicates,
            "duplicates": self.duplicates,
            "blank": self.blank,
        }
        return rows


SHOPS = (
    Shop("shopify", customers=16, products=11, order_lines=37, total_price="1430.75", undelivered=37),
    Shop(
        "woocommerce",
        customers=15,
        products=8,
        order_lines=43,
        total_price="1059.90",
        guests=10,
        undelivered=43,
    ),
    Shop(
        "spreadsheet",
        customers=12,
        products=7,
        order_lines=39,
        total_price="34489.75",
        blank=5,
        undelivered=9,
    ),
    Shop(
        "warehouse",
        customers=18,
        products=7,
        order_lines=45,
        total_price="4558.44",
        duplicates=1,
        undelivered=12,
    ),
)
