"""What was sold on a day: the sums are those of the manifest, to the cent, and nobody is named."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from include.site.business import LISTED, REST, Business, summarise_orders
from include.site.business_page import render_business
from include.site.days import Day, Verdict, format_amount, judge_days
from include.site.pages import render_day, render_front, render_report
from tests.raw_files import ORDERS_HEADER
from tests.unit.conftest import Outcome, Transform
from tests.unit.test_site_days import make_manifest, make_summary

DAY = "2026-11-23"
PRODUCTS = "product_id,name,category,list_price\n" + "".join(
    f"P{n},{'' if n == 3 else f'Mug {n}'},{'' if n % 5 else f'Kind {n}'},20.00\n" for n in range(1, 26)
)
CUSTOMERS = "customer_id,name,email,city,country,signup_date\n" + "".join(
    f"C{n},Ada Lovelace,ada{n}@example.com,Paris,{'' if n == 2 else f'L{n}'},2024-05-01\n"
    for n in range(1, 14)
)
#: Prices with four places: no sum of them is exact in binary.
ORDERS = ORDERS_HEADER + "".join(
    f"O{n},C{n % 13 + 1},P{n % 25 + 1},{n % 3 + 1},{n}.10{n % 10}3,2026-11-20T10:00:00,"
    f"{'' if n % 4 == 0 else f'2026-11-{20 + n % 11:02}T11:00:00'},new\n"
    for n in range(1, 200)
)


@pytest.fixture
def outcome(transform_day: Transform) -> Outcome:
    return transform_day(ORDERS, CUSTOMERS, PRODUCTS)


@pytest.fixture
def sold(outcome: Outcome, tmp_path: Path) -> Business:
    return summarise_orders(outcome.folder / "orders.parquet", tmp_path)


def make_day(sold: Business | None, outcome: Outcome) -> Day:
    counts: Any = outcome.counts
    manifest = make_manifest("03:00:01", total_price=counts["total_price"], rows=counts["rows"])
    run = make_summary("03:00:01", **({"business": sold} if sold else {}))
    (day,) = judge_days([DAY], [run], [], {DAY: manifest}, today="2026-11-24", first_day=DAY)
    return day


def test_sums_are_those_of_the_manifest(outcome: Outcome, sold: Business) -> None:
    total = Decimal(outcome.counts["total_price"])
    orders = pq.read_table(outcome.folder / "orders.parquet")
    assert Decimal(sold["revenue"]) == total
    assert sold["units"] == sum(orders["quantity"].to_pylist())
    for groups in sold["groups"].values():
        assert sum(Decimal(group["revenue"]) for group in groups) == total
        assert sum(group["units"] for group in groups) == sold["units"]
    delivered = len(orders) - outcome.counts["undelivered"]
    assert sum(sold["delivery_days"].values()) == delivered
    assert sold["undelivered"] == outcome.counts["undelivered"]


def test_top_ten_is_followed_by_the_rest(sold: Business) -> None:
    products = sold["groups"]["product"]
    assert (len(products), products[-1]["name"]) == (LISTED + 1, REST)
    amounts = [Decimal(group["revenue"]) for group in products[:-1]]
    assert amounts == sorted(amounts, reverse=True)


def test_nobody_is_named(outcome: Outcome, sold: Business) -> None:
    pages = [render_business([make_day(sold, outcome)]), json.dumps(sold)]
    for word in ("Ada", "Lovelace", "example.com"):
        assert not [page for page in pages if word in page]


def test_every_page_shows_the_same_sales(outcome: Outcome, sold: Business) -> None:
    day, other = make_day(sold, outcome), Day(day="2026-11-24", verdict=Verdict.WAITING)
    pages = [
        render_business([other, day]),
        render_day(day, [], [], week_before=other),
        render_report(day),
        render_front([other, day, other], "2026-11-24"),
    ]
    for page in pages:
        assert f"<dd>{format_amount(sold['revenue'])}</dd>" in page
    assert REST in pages[0]
    assert REST in pages[2]
    assert f'href="../business/{DAY}"' in pages[1]
    assert f'href="business/{DAY}"' in pages[3]


def test_day_from_before_the_summary_says_so(outcome: Outcome) -> None:
    page = render_business([make_day(None, outcome)])
    assert "published before sales were summarised" in page


def test_correction_shows_the_sales_of_the_published_version(outcome: Outcome, sold: Business) -> None:
    first: Any = make_summary("03:00:01", business={**sold, "revenue": "1.00"})
    corrected = make_summary("05:00:00", business=sold)
    waiting = make_summary("09:00:00", business={**sold, "revenue": "2.00"}, faults=["red"])
    manifest = make_manifest("05:00:00")
    runs = [first, corrected, waiting]
    (day,) = judge_days([DAY], runs, [], {DAY: manifest}, today="2026-11-24", first_day=DAY)
    assert day.business == sold


def test_contract_without_a_column_has_no_such_breakdown(outcome: Outcome, tmp_path: Path) -> None:
    path = tmp_path / "fewer.parquet"
    table = pq.read_table(outcome.folder / "orders.parquet")
    pq.write_table(table.drop_columns(["customer_country", "product_name"]), path)
    sold = summarise_orders(path, tmp_path)
    assert [*sold["groups"]] == ["category", "product"]
    assert sold["groups"]["product"][0]["name"].startswith("P")


@pytest.mark.parametrize(
    ("digits", "shown"), [("1234567.80", "1,234,567.80"), ("-0.50", "-0.50"), ("-1234.5", "-1,234.5")]
)
def test_amount_keeps_its_digits_and_sign(digits: str, shown: str) -> None:
    assert format_amount(digits) == shown
