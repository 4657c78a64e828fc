"""A day beside the same weekday of earlier weeks."""

from typing import Any
from unittest.mock import Mock

import pytest

from include.config import Settings
from include.quality.baseline import (
    MEASURES,
    Comparison,
    compare_day,
    find_earlier_days,
    find_range,
    measure_day,
)
from include.validate import compare_with_history, find_same_delivery, read_published_days

SATURDAY = "2026-11-21"
TOLERANCES = {name: float(getattr(Settings(), measure.tolerance)) for name, measure in MEASURES.items()}
USUAL = {"orders_read": 10_000, "revenue": 50_000.0, "reject_ratio": 0.04, "undelivered_ratio": 0.3}


def make_counts(read: int, quarantined: int, total: str, **others: int) -> dict[str, Any]:
    rows = {"read": read, "published": read - quarantined, "quarantined": quarantined, "duplicates": 0}
    return {"rows": {"orders": rows}, "total_price": total, **others}


def compare(
    found: dict[str, float], earlier: list[dict[str, float]], min_days: int = 3
) -> dict[str, Comparison]:
    compared = compare_day(SATURDAY, found, earlier, TOLERANCES, min_days)
    return {comparison.measure: comparison for comparison in compared}


def find_unusual(found: dict[str, float], earlier: list[dict[str, float]]) -> list[str]:
    """The measures of the day that are outside of what is usual."""
    return [
        name
        for name, each in compare(found, earlier).items()
        if each.lowest is not None and not each.lowest <= (each.found or 0) <= (each.highest or 0)
    ]


def test_day_is_compared_with_earlier_days_of_its_weekday() -> None:
    assert find_earlier_days(SATURDAY, 3) == ["2026-11-14", "2026-11-07", "2026-10-31"]


def test_the_figures_of_a_day_come_from_its_counts() -> None:
    assert measure_day(make_counts(200, 20, "12.30", undelivered=45)) == {
        "orders_read": 200,
        "revenue": 12.3,
        "reject_ratio": 0.1,
        "undelivered_ratio": 0.25,
    }


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param(make_counts(10, 0, "1.00"), id="a manifest of an earlier release"),
        pytest.param(make_counts(10, 10, "0.00", undelivered=0), id="no order was accepted"),
    ],
)
def test_a_figure_that_a_day_does_not_have_is_left_out(counts: dict[str, Any]) -> None:
    assert "undelivered_ratio" not in measure_day(counts)


@pytest.mark.parametrize(
    ("change", "unusual"),
    [
        pytest.param({}, [], id="as usual"),
        pytest.param({"orders_read": 5_000}, [], id="half of it is the limit"),
        pytest.param({"orders_read": 4_999}, ["orders_read"], id="fewer than half"),
        pytest.param({"orders_read": 15_001}, ["orders_read"], id="too many"),
        pytest.param({"revenue": 0.0}, ["revenue"], id="no revenue"),
        pytest.param({"reject_ratio": 0.061}, ["reject_ratio"], id="more rejected"),
        pytest.param({"reject_ratio": 0.0}, [], id="fewer rejected is fine"),
        pytest.param({"undelivered_ratio": 0.51}, ["undelivered_ratio"], id="more under way"),
        pytest.param({"undelivered_ratio": 0.09}, ["undelivered_ratio"], id="hardly any under way"),
    ],
)
def test_figure_far_from_the_median_is_unusual(change: dict[str, float], unusual: list[str]) -> None:
    assert find_unusual({**USUAL, **change}, [USUAL] * 5) == unusual


def test_one_outlier_among_earlier_days_changes_nothing() -> None:
    odd = {"orders_read": 1_000_000, "revenue": 1e9, "reject_ratio": 0.9, "undelivered_ratio": 1.0}

    assert compare(USUAL, [USUAL] * 4 + [odd])["orders_read"].highest == 15_000
    assert find_unusual(USUAL, [USUAL] * 4 + [odd]) == []


def test_too_few_earlier_days_are_not_compared() -> None:
    compared = compare({**USUAL, "orders_read": 1}, [USUAL] * 2)

    assert {each.lowest for each in compared.values()} == {None}
    assert compared["orders_read"].summary == "not compared: needs 3 earlier Saturdays, found 2"


def test_a_measure_that_only_some_days_have_counts_those() -> None:
    old = {name: figure for name, figure in USUAL.items() if name != "undelivered_ratio"}

    compared = compare(USUAL, [old, old, USUAL])

    assert compared["orders_read"].lowest == 5_000
    assert compared["undelivered_ratio"].summary == "not compared: needs 3 earlier Saturdays, found 1"


def test_amount_is_not_compared_with_a_median_of_zero() -> None:
    free = {**USUAL, "revenue": 0.0, "undelivered_ratio": 0.0, "reject_ratio": 0.0}

    compared = compare({**USUAL, "revenue": 9.99}, [free] * 3)

    assert compared["revenue"].summary == "not compared: the median of 3 earlier Saturdays is 0"
    assert (compared["reject_ratio"].lowest, compared["reject_ratio"].highest) == (0.0, 0.02)


@pytest.mark.parametrize("orders", [1, 2, 5, 10, 30])
def test_small_shop_is_not_warned_of_random_variation(orders: int) -> None:
    lowest, highest = find_range("orders_read", orders, 0.5, orders)

    assert lowest <= max(orders - 2 * orders**0.5, 0)
    assert highest >= orders + 2 * orders**0.5


@pytest.mark.parametrize(
    ("measure", "usual", "tolerance", "expected"),
    [
        pytest.param("orders_read", 10_000, 1.5, (0.0, 25_000.0), id="no fewer than none"),
        pytest.param("undelivered_ratio", 0.1, 0.2, (0.0, pytest.approx(0.3)), id="no less than nothing"),
        pytest.param("undelivered_ratio", 0.9, 0.2, (pytest.approx(0.7), 1.0), id="no more than all"),
    ],
)
def test_range_stays_within_what_is_possible(
    measure: str, usual: float, tolerance: float, expected: tuple[float, float]
) -> None:
    assert find_range(measure, usual, tolerance, orders=10_000) == expected


def test_reject_tolerance_widens_for_few_orders() -> None:
    assert find_range("reject_ratio", 0.0, 0.02, orders=5)[1] >= 1 / 5
    assert find_range("reject_ratio", 0.0, 0.02, orders=1_000_000)[1] == 0.02


def test_a_comparison_says_what_is_usual() -> None:
    assert compare(USUAL, [USUAL] * 3)["reject_ratio"].summary == (
        "usual is 0.0% to 6.0% (median of 3 earlier Saturdays: 4.0%)"
    )


def test_only_recent_days_and_earlier_weeks_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def read_json(_: object, url: str) -> dict[str, Any] | None:
        asked.append(url)
        return make_counts(100, 1, "5.00", undelivered=30) if url.endswith("2026-11-14.json") else None

    monkeypatch.setattr("include.publishing.manifests.read_json", read_json)
    settings = Settings(history_weeks=4, history_min_days=1)
    counts: Any = make_counts(100, 1, "5.00", undelivered=30)
    published = read_published_days(Mock(), settings, SATURDAY)
    compared = compare_with_history(settings, SATURDAY, counts, published)

    days = (
        *("2026-11-21", "2026-11-20", "2026-11-19", "2026-11-18"),
        *("2026-11-14", "2026-11-07", "2026-10-31", "2026-10-24"),
    )
    assert sorted(asked) == sorted(f"s3://ecommerce-curated/manifests/dt={day}.json" for day in days)
    assert {each.lowest is None for each in compared} == {False}


@pytest.mark.parametrize(
    ("etag", "size", "read", "expected"),
    [
        ("a", 10, 5, "2026-11-20"),
        ("b", 10, 5, None),
        ("a", 11, 5, None),
        ("a", 10, 0, None),
    ],
    ids=["same bytes", "another ETag", "another size", "no rows"],
)
def test_repeated_delivery_is_noticed(etag: str, size: int, read: int, expected: str | None) -> None:
    published: Any = {
        SATURDAY: {"inputs": {"orders": {"etag": etag, "bytes": size}}},
        "2026-11-20": {"inputs": {"orders": {"etag": "a", "bytes": 10}}},
    }
    extracted: Any = {"day": SATURDAY, "inputs": {"orders": {"etag": etag, "bytes": size}}}
    counts: Any = {"rows": {"orders": {"read": read}}}

    assert find_same_delivery(extracted, counts, published) == expected
