"""The summary of the sales of a day."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.contract import ORDERS
from include.contract.arrow import published_schema
from include.site.business import LISTED, MAX_DAYS, summarise_orders

SCHEMA = pa.schema([field.with_nullable(True) for field in published_schema(ORDERS)])


def summarise(folder: Path, rows: list[dict[str, Any]]) -> Any:
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "orders.parquet")
    return summarise_orders(folder / "orders.parquet", folder)


def make_row(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "order_id": f"O{number}",
        "quantity": 1,
        "total_price": Decimal(number),
        "delivery_date": dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
        **fields,
    }


def test_sales_are_exact_sums(tmp_path: Path) -> None:
    lines = [
        make_row(1, quantity=2, total_price=Decimal("0.1001")),
        make_row(1),
        make_row(2, delivery_date=None),
    ]

    found = summarise(tmp_path, lines)

    names = ("revenue", "orders", "units", "average_order_value", "undelivered")
    assert [found[name] for name in names] == ["3.1001", 2, 4, "1.55", 1]


def test_largest_groups_are_listed_before_the_rest(tmp_path: Path) -> None:
    rows = [make_row(number, customer_country=f"K{number:02}") for number in range(1, LISTED + 3)]

    groups = summarise(tmp_path, [*rows, make_row(50)])["groups"]["country"]

    assert [group["name"] for group in groups] == [
        "(none)",
        *(f"K{number:02}" for number in range(LISTED + 2, 3, -1)),
        "all others",
    ]
    assert groups[-1] == {"name": "all others", "revenue": "6.00", "units": 3}


def test_long_deliveries_share_a_bar(tmp_path: Path) -> None:
    rows = [make_row(days, shipping_time_days=days) for days in (0, MAX_DAYS, MAX_DAYS + 1, MAX_DAYS + 9)]

    found = summarise(tmp_path, rows)["delivery_days"]

    assert {days: count for days, count in found.items() if count} == {
        "0": 1,
        f"{MAX_DAYS}": 1,
        f"{MAX_DAYS + 1}+": 2,
    }


def test_day_without_orders_has_zeros(tmp_path: Path) -> None:
    found = summarise(tmp_path, [])

    assert (found["revenue"], found["average_order_value"], found["delivery_days"]) == ("0.00", "0.00", {})
