"""The watchdog: which day is due, and how old the newest is."""

import datetime as dt

import pytest

from include.aws.watchdog import SEARCHED_DAYS, Finding, inspect_days, measure_finding

MORNING = dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.UTC)
NOON = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
CASES: dict[str, tuple[dt.datetime, set[str], str | None, float, bool]] = {
    "today is there": (NOON, {"2026-11-20", "2026-11-21"}, "2026-11-21", 12, False),
    "today is not there after the deadline": (NOON, {"2026-11-20"}, "2026-11-20", 36, True),
    "today is not there before the deadline": (MORNING, {"2026-11-20"}, "2026-11-20", 32, False),
    "yesterday is not there": (MORNING, {"2026-11-19"}, "2026-11-19", 56, True),
    "today came early": (MORNING, {"2026-11-21"}, "2026-11-21", 8, False),
    "nothing for weeks": (NOON, {"2026-10-01"}, None, SEARCHED_DAYS * 24 + 12, True),
    "nothing at all": (NOON, set(), None, SEARCHED_DAYS * 24 + 12, True),
}


@pytest.mark.parametrize(("now", "published", "newest", "age", "is_missed"), CASES.values(), ids=CASES.keys())
def test_lambda_watchdog_finds(
    now: dt.datetime, published: set[str], newest: str | None, age: float, is_missed: bool
) -> None:
    finding = inspect_days(published.__contains__, now, deadline_hour=9)

    assert finding == Finding(newest_day=newest, newest_age_hours=age, is_deadline_missed=is_missed)


def test_search_ends_at_the_newest_published_day() -> None:
    asked: list[str] = []

    def is_published(day: str) -> bool:
        asked.append(day)
        return day == "2026-11-20"

    inspect_days(is_published, NOON, deadline_hour=9)

    assert asked == ["2026-11-21", "2026-11-20"]


def test_a_finding_is_two_metrics() -> None:
    finding = Finding(newest_day="2026-11-20", newest_age_hours=36.0, is_deadline_missed=True)

    assert [(each["MetricName"], each["Value"]) for each in measure_finding(finding)] == [
        ("NewestDayAgeHours", 36.0),
        ("DeadlineMissed", 1),
    ]
