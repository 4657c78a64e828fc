"""What was sold on a day: a small summary of the orders in one Parquet file, without personal data.

Computed once for each validation, with DuckDB, from the file that is then published as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from include.manifest import format_money

#: How many values a breakdown lists before the rest.
LISTED = 10
#: Breakdowns and the published columns that they group by, the first one that has a value.
GROUPS = {
    "country": ("customer_country",),
    "category": ("product_category",),
    "product": ("product_name", "product_id"),
}
#: The longest delivery time, in days, that has a bar of its own.
MAX_DAYS = 7
REST, NONE = "all others", "(none)"
_MEMORY_LIMIT = "500MB"
_THREADS = 2


class Group(TypedDict):
    """One bar of a breakdown. The bars of a breakdown add up to the day."""

    name: str
    revenue: str
    units: int


class Business(TypedDict):
    """The sales of a day. Money is text with its exact digits; `revenue` equals the manifest's total price.

    `delivery_days` counts delivered orders by whole days from order to delivery.
    """

    revenue: str
    orders: int
    units: int
    average_order_value: str
    undelivered: int
    groups: dict[str, list[Group]]
    delivery_days: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One bar of a breakdown; `share` is that of the day's revenue, in percent."""

    name: str
    revenue: str
    units: int
    share: float


def summarise_orders(orders: Path, scratch: Path) -> Business:
    """Summarise a Parquet file of published orders. DuckDB spills to `scratch`."""
    import duckdb

    config: dict[str, Any] = {
        "memory_limit": _MEMORY_LIMIT,
        "threads": _THREADS,
        "temp_directory": str(scratch / "spilled"),
    }
    with duckdb.connect(config=config) as connection:
        table = connection.read_parquet(str(orders))
        known = table.columns
        table.create_view("orders")
        totals = connection.execute(
            "SELECT coalesce(sum(total_price), 0), count(DISTINCT order_id), coalesce(sum(quantity), 0), "
            "count(*) FILTER (delivery_date IS NULL) FROM orders"
        ).fetchone()
        assert totals  # noqa: S101 - an aggregate has one row
        revenue, count, units, undelivered = totals
        return {
            "revenue": format_money(revenue),
            "orders": count,
            "units": round(units),
            "average_order_value": format_money(round(revenue / count, 2) if count else revenue),
            "undelivered": undelivered,
            "groups": {
                name: _group_orders(connection, present)
                for name, columns in GROUPS.items()
                if (present := [column for column in columns if column in known])
            },
            "delivery_days": _count_delivery_days(connection),
        }


def _group_orders(connection: Any, columns: list[str]) -> list[Group]:
    """The largest groups by revenue, and one for the rest; ties are ordered by name."""
    values = ", ".join(f"nullif(CAST({column} AS VARCHAR), '')" for column in columns)
    query = f"""
        WITH groups AS (
            SELECT coalesce({values}, '{NONE}') AS name,
                   coalesce(sum(total_price), 0) AS revenue, coalesce(sum(quantity), 0) AS units
            FROM orders GROUP BY 1
        ), ranked AS (
            SELECT *, row_number() OVER (ORDER BY revenue DESC, name) AS place FROM groups
        )
        SELECT CASE WHEN place <= {LISTED} THEN name ELSE '{REST}' END, sum(revenue), sum(units)
        FROM ranked GROUP BY 1, place > {LISTED} ORDER BY min(place)
    """  # noqa: S608 - constants of this module
    return [
        {"name": name, "revenue": format_money(revenue), "units": round(units)}
        for name, revenue, units in connection.execute(query).fetchall()
    ]


def _count_delivery_days(connection: Any) -> dict[str, int]:
    """Delivered orders by days; the last bar takes everything longer."""
    query = """
        SELECT least(shipping_time_days, ?), count(*)
        FROM orders WHERE shipping_time_days IS NOT NULL GROUP BY 1
    """
    found = dict(connection.execute(query, [MAX_DAYS + 1]).fetchall())
    if not found:
        return {}
    return {f"{days}" if days <= MAX_DAYS else f"{days}+": found.get(days, 0) for days in range(MAX_DAYS + 2)}


def list_breakdowns(sold: Business) -> Mapping[str, list[Slice]]:
    """The bars of each breakdown; their revenue adds up to that of the day."""
    whole = float(sold["revenue"])
    return {
        name: [
            Slice(
                name=group["name"],
                revenue=group["revenue"],
                units=group["units"],
                share=100 * float(group["revenue"]) / whole if whole else 0.0,
            )
            for group in groups
        ]
        for name, groups in sold["groups"].items()
    }
