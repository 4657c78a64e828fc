"""Trends over weeks, and two days side by side."""

import re
from typing import Any

import pytest

from include.day import days_until
from include.site.compare import render_comparison
from include.site.days import Day, Verdict, judge_days
from include.site.trends import (
    MEASURES,
    find_freshness_hours,
    find_run_minutes,
    find_usual,
    list_records,
    list_shown_and_earlier,
    render_trends,
)
from tests.unit.test_site_days import GOOD, ROWS, make_failure, make_summary

LAST, SHOWN = "2026-11-23", 35
REVENUE = next(measure for measure in MEASURES if measure.title == "Revenue")
REJECTED = next(measure for measure in MEASURES if measure.title == "Rejected orders")


def make_days(**odd: Any) -> list[Day]:
    """Days that are all alike but the last one."""
    listed = list_shown_and_earlier(LAST, SHOWN)
    manifests: Any = {
        day: {**GOOD, "day": day, "started_at": f"{day}T20:00:00Z", "published_at": f"{day}T23:30:00Z"}
        for day in listed
    }
    manifests[LAST] |= odd
    return judge_days(listed, [], [], manifests, today=LAST, first_day=listed[0])


def test_each_measure_of_each_day_has_a_bar_in_its_usual_range() -> None:
    page = render_trends(make_days(), [], LAST)
    for measure in MEASURES:
        assert f">{measure.title}<" in page
    charts = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert [chart.count("<title>") for chart in charts] == [SHOWN] * len(MEASURES)
    assert 'class="odd"' not in "".join(charts)
    assert charts[1].count('class="usual"') == SHOWN


def test_unusual_day_stands_out() -> None:
    page = render_trends(make_days(total_price="99.00"), [], LAST)
    assert len(re.findall(r'rect class="odd"', page)) == 1


@pytest.mark.parametrize(
    ("earlier", "usual"),
    [
        pytest.param([100.0, 100.0, 100.0, 100.0], (90.0, 110.0), id="no spread: a tenth"),
        pytest.param([100.0, 200.0, 100.0, 200.0], (50.0, 250.0), id="half of the spread"),
        pytest.param([None, None, 100.0, 100.0], (90.0, 110.0), id="two weeks will do"),
        pytest.param([None, None, None, 100.0], None, id="one week will not"),
    ],
)
def test_usual_range_is_that_of_the_weekday(earlier: list[float | None], usual: Any) -> None:
    figures: list[float | None] = [7.0] * 29
    figures[0:28:7] = earlier
    found = find_usual(REVENUE, figures, 28)
    assert found == (usual and pytest.approx(usual))


def test_lower_is_never_unusual_for_rejects() -> None:
    found = find_usual(REJECTED, [5.0] * 29, 28)
    assert found is not None
    assert found[0] == 0


def test_times_are_hours_after_the_day_and_minutes_of_the_run() -> None:
    manifest: Any = {
        "day": "2026-11-23",
        "started_at": "2026-11-24T00:00:00Z",
        "published_at": "2026-11-24T03:30:00Z",
    }
    assert (find_freshness_hours(manifest), find_run_minutes(manifest)) == (3.5, 210)


def test_expectations_that_were_not_met_are_counted() -> None:
    quality = {**GOOD["quality"], "warnings": ["usual(revenue): found 1", "usual(orders): found 2"]}
    days = make_days(quality=quality)
    records = [(record.name, record.failed, record.warned, record.last_day) for record in list_records(days)]
    assert records == [("usual(orders)", 0, 1, LAST), ("usual(revenue)", 0, 1, LAST)]


def test_failed_runs_of_the_weeks_are_listed() -> None:
    old: Any = {**make_failure("01:00:00", "other", "an old cause"), "day": days_until(LAST, 36)[0]}
    page = render_trends(make_days(), [old, make_failure("02:00:00", "other", "no disk")], LAST)
    assert "no disk" in page
    assert "an old cause" not in page


def test_two_days_are_shown_side_by_side() -> None:
    sold: Any = {"groups": {"country": [{"name": "FR", "revenue": "12.30", "units": 1}]}}
    other: Any = {"groups": {"country": [{"name": "DE", "revenue": "7.00", "units": 1}]}}
    first = make_days()[-8]
    second = make_days(total_price="20.00", reasons={"orders": {"malformed_row": 9}, "customers": {}})[-1]
    first, second = (
        Day(
            day=day.day,
            verdict=Verdict.PUBLISHED,
            manifest=day.manifest,
            summary=make_summary("03:00:01", business=business),
        )
        for day, business in ((first, sold), (second, other))
    )
    text = " ".join(re.sub(r"<[^>]+>", " ", render_comparison(first, second)).split())
    assert f"Orders read {ROWS['orders']['read']} {ROWS['orders']['read']}" in text
    assert "Total price 12.30 20.00" in text
    assert "malformed_row 44 9" in text
    assert "unknown_customer 120 –" in text
    assert "DE – 7.00" in text
    assert "FR 12.30 –" in text


def test_days_without_figures_cannot_be_compared() -> None:
    missing = Day(day="2026-11-16", verdict=Verdict.MISSING)
    assert "2026-11-16 has no figures" in render_comparison(missing, make_days()[-1])
