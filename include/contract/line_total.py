"""The total of an order line: quantity × selling_price, or as delivered, or both compared.

A file may deliver `total_price` beside or in place of the unit price. Type and smallest value of the
published total follow from the columns that it is made of.
"""

import math
from collections.abc import Iterator

from include.contract.model import Column, Dataset, Kind, PublishedColumn

TOTAL = "total_price"
FACTORS = ("quantity", "selling_price")
#: Reject reason of a row whose delivered total is not quantity × selling_price.
TOTAL_MISMATCH = f"{TOTAL}_mismatch"


def find_factors(orders: Dataset) -> tuple[Column, ...]:
    """The columns whose product is the total; none where orders declare no unit price."""
    declared = {column.name: column for column in orders.columns}
    return tuple(declared[name] for name in FACTORS) if declared.keys() >= {*FACTORS} else ()


def find_delivered_total(orders: Dataset) -> Column | None:
    return next((column for column in orders.columns if column.name == TOTAL), None)


def describe_total(orders: Dataset) -> PublishedColumn:
    """The published total as its declaration follows from the columns of orders."""
    factors, delivered = find_factors(orders), find_delivered_total(orders)
    computed = f"{' × '.join(FACTORS)}, exact"
    if delivered is None:
        meaning = f"{computed}."
    elif factors:
        meaning = f"{computed}; as delivered where a row lacks one of them."
    else:
        meaning = "As delivered."
    sources = (*factors, *([delivered] if delivered else []))
    return PublishedColumn(
        name=TOTAL,
        computed_from=tuple(column.name for column in sources),
        kind=Kind.FINE_DECIMAL if is_fine(orders) else Kind.WIDE_DECIMAL,
        nullable=False,
        minimum=_find_minimum(factors, delivered),
        meaning=meaning,
    )


def list_total_rules(orders: Dataset) -> tuple[str, ...]:
    """The reject reasons that compare a delivered total with its factors."""
    return (TOTAL_MISMATCH,) if find_factors(orders) and find_delivered_total(orders) else ()


def check_total(orders: Dataset) -> Iterator[str]:
    """Whether every accepted row has a total."""
    factors, delivered = find_factors(orders), find_delivered_total(orders)
    if delivered and (delivered.in_orders or delivered.kind is not Kind.DECIMAL):
        yield f"{orders.name}.{TOTAL} must be a {Kind.DECIMAL.name} without in_orders."
    has_product = bool(factors) and not any(column.nullable for column in factors)
    if not has_product and (delivered is None or delivered.nullable):
        yield (
            f"{orders.name}: rows may lack {' or '.join(FACTORS)}, so declare a column {TOTAL} with "
            "nullable=False, or these two."
        )


def is_fine(orders: Dataset) -> bool:
    """Whether quantities are decimals: a product of two decimals has the places of both."""
    return any(column.name == "quantity" and column.kind is Kind.DECIMAL for column in orders.columns)


def _find_minimum(factors: tuple[Column, ...], delivered: Column | None) -> int | None:
    """The smallest total that accepted rows can have; None where there is no limit."""
    limits = [_multiply_minimums(factors)] if factors else []
    if delivered and (not factors or any(column.nullable for column in factors)):
        limits.append(delivered.minimum)
    known = [limit for limit in limits if limit is not None]
    return min(known) if known and len(known) == len(limits) else None


def _multiply_minimums(factors: tuple[Column, ...]) -> int | None:
    """Nothing limits a product of which a factor may be negative."""
    minimums = [column.minimum for column in factors if column.minimum is not None and column.minimum >= 0]
    return math.prod(minimums) if len(minimums) == len(factors) else None
