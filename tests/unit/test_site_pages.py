"""The pages themselves: nothing in them runs, loads or tells more than it should."""

import re
from typing import Any

import pytest

from include.day import days_until
from include.quality.findings import Outcome
from include.site.charts import Bar, draw_bars
from include.site.pages import render_day, render_error, render_front, render_index, render_run, style_sheet
from include.site.summary import RunSummary, run_folder, summary_page
from include.site.verdicts import Day, Verdict, judge_days

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
DAY = "2026-11-23"


def make_summary(text: str = "fine", *, faults: list[str] | None = None) -> RunSummary:
    counts: Any = {"read": 12_345, "published": 12_000, "quarantined": 345, "duplicates": 0}
    return {
        "day": DAY,
        "run_id": text,
        "validated_at": f"{DAY}T03:00:00.000Z",
        "folder": f"runs/{DAY}/run/20261123T030000000Z",
        "success": True,
        "expectations": 30,
        "failed": [text],
        "warnings": [text],
        "faults": faults or [],
        "rows": {"orders": counts},
        "reasons": {"orders": {text: 345}},
        "total_price": "1234567.80",
    }


def make_days(summary: RunSummary) -> list[Day]:
    shown = days_until("2026-11-24", 35)
    return judge_days(shown, [summary], {}, today="2026-11-24", first_day="2026-11-20")


def render_all(summary: RunSummary) -> dict[str, str]:
    days = make_days(summary)
    results = [(summary["run_id"], Outcome.FAILED, summary["run_id"])]
    return {
        "front": render_front(days, "2026-11-24"),
        "day": render_day(days[-2], [summary]),
        "index": render_index("2026-11", [summary], first_month="2026-10", last_month="2026-11"),
        "run": render_run(summary, results, is_attachment=False),
        "report": render_run(summary, results, is_attachment=True),
        "error": render_error(summary["run_id"], summary["run_id"], root=""),
    }


@pytest.mark.parametrize("page", ["front", "day", "index", "run", "report", "error"])
def test_values_are_text_and_never_markup(page: str) -> None:
    html = render_all(make_summary(EVIL, faults=[EVIL]))[page]
    assert "<script" not in html
    assert "<img" not in html
    assert "alert(1)" in html


@pytest.mark.parametrize("page", ["front", "day", "index", "run", "report", "error"])
def test_page_loads_nothing_from_another_host_and_has_no_script(page: str) -> None:
    html = render_all(make_summary())[page]
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)
    assert not re.search(r"<script|<iframe|\son\w+=|\sstyle=", html)


def test_report_is_one_file_that_leads_nowhere() -> None:
    html = render_all(make_summary())["report"]
    assert '<link rel="stylesheet"' not in html
    assert f"<style>{style_sheet()}</style>" in html
    assert set(re.findall(r'href="([^"]*)"', html)) == {"data:,"}


def test_style_sheet_loads_nothing() -> None:
    assert not re.search(r"url\(|@import", style_sheet())


def test_red_report_names_every_fault() -> None:
    html = render_run(make_summary(faults=["too many", "too few"]), [], is_attachment=True)
    assert "did not pass" in html
    assert "too many" in html
    assert "too few" in html


def test_front_page_answers_for_yesterday() -> None:
    html = render_front(make_days(make_summary(faults=["too many"])), "2026-11-24")
    assert re.search(r"Can I trust yesterday\?\s+No: the gate is closed\.", html)
    assert "12,000" in html


def test_index_leads_to_months_that_can_have_runs() -> None:
    html = render_index("2026-01", [], first_month="2025-12", last_month="2026-01")
    assert re.findall(r'class="btn btn-primary" href="([^"]*)"', html) == ["2025-12"]


def test_bar_heights_show_the_sizes() -> None:
    bars = [
        Bar(label="1", title="a", href="x", parts=[("published", 30), ("quarantined", 10)]),
        Bar(label="2", title="b", href="y", parts=[("published", 20), ("quarantined", 0)]),
    ]
    heights = re.findall(r'class="(published|quarantined)".*?height="([\d.]+)"', draw_bars(bars, "caption"))
    assert [name for name, _ in heights] == ["published", "quarantined"] * 2
    first, second, third, fourth = (float(height) for _, height in heights)
    assert (round(first / second, 2), round(first / third, 2), fourth) == (3.0, 1.5, 0.0)


def test_chart_without_any_rows_is_drawn() -> None:
    assert "<svg" in draw_bars([Bar(label="1", title="a", href="x", parts=[("published", 0)])], "caption")


def test_unknown_state_of_a_day_has_a_colour() -> None:
    for verdict in Verdict:
        assert f"day-{verdict.name.lower()}" in style_sheet()


def test_validations_of_one_run_never_share_a_key() -> None:
    import datetime as dt

    first = dt.datetime(2026, 11, 24, 6, 38, 49, 37_000, tzinfo=dt.UTC)
    later = first + dt.timedelta(milliseconds=1)
    run = "scheduled__2026-11-21T00:00:00+00:00"
    assert run_folder(DAY, run, first) == (
        f"runs/{DAY}/scheduled__2026-11-21T00-00-00-00-00/20261124T063849037Z"
    )
    assert run_folder(DAY, run, first) != run_folder(DAY, run, later)
    assert (
        summary_page(DAY, run, first) < summary_page(DAY, run, later) < summary_page("2026-11-24", "a", first)
    )


HOSTILE = {
    "script": "<div>ok<script>alert(1)</script></div>",
    "handler": '<div onclick="alert(1)" onmouseover=alert(1)>ok</div>',
    "javascript link": '<a href="javascript:alert(1)">ok</a>',
    "data link": '<a href="data:text/html,<script>alert(1)</script>">ok</a>',
    "frame": '<iframe src="https://example.com">alert(1)</iframe>ok',
    "svg": '<svg onload="alert(1)"><animate onbegin=alert(1)></svg>ok',
    "form": '<form action="https://example.com"><input autofocus onfocus=alert(1)></form>ok',
    "style": '<p style="background:url(https://example.com/alert(1))">ok</p>',
    "meta": '<meta http-equiv="refresh" content="0;url=https://example.com?alert(1)">ok',
    "base": '<base href="https://example.com/alert(1)">ok',
}


@pytest.mark.parametrize("html", HOSTILE.values(), ids=HOSTILE)
def test_markup_of_the_library_is_cleaned(html: str) -> None:
    from include.site.results import clean

    cleaned = clean(html)
    assert "ok" in cleaned
    assert not re.search(
        r"alert\(1\)\"|<script|\son|javascript:|example\.com|<iframe|<svg|<form|<base", cleaned
    )


def make_remarked_day() -> Day:
    summary = make_summary("odd orders")
    return Day(
        day=DAY,
        verdict=Verdict.PUBLISHED,
        rows=summary["rows"],
        reasons=summary["reasons"],
        total_price="1.00",
        published_at=f"{DAY}T04:00:00Z",
        warnings=["odd orders"],
        approval={"approved": True, "by": "ann", "at": "04:00", "reason": EVIL, "faults": ["too many"]},
    )


def test_front_page_tells_a_published_day_with_remarks_from_one_without() -> None:
    days = [*make_days(make_summary())[:-2], make_remarked_day(), make_days(make_summary())[-1]]
    html = render_front(days, "2026-11-24")
    assert re.search(r"Can I trust yesterday\?\s+Yes, but look: approved with faults, 1 warning\.", html)
    assert html.count("day-published day-remarked") == 3
    assert "alert alert-warning verdict" in html


@pytest.mark.parametrize("page", ["front", "day"])
def test_remarks_are_shown_without_the_name_of_who_approved(page: str) -> None:
    day = make_remarked_day()
    days = [*make_days(make_summary())[:-2], day, make_days(make_summary())[-1]]
    html = render_front(days, "2026-11-24") if page == "front" else render_day(day, [])
    assert "1 warning:" in html
    assert "<li>too many</li>" in html
    assert "alert(1)" in html
    assert "<script" not in html
    assert "ann" not in re.sub(r"<[^>]+>", "", html).split()


@pytest.mark.parametrize(
    ("warnings", "look", "words"),
    [
        ([], "success", "passed its quality gate<"),
        (["odd"], "warning", "passed its quality gate, with warnings<"),
    ],
)
def test_report_of_a_day_with_warnings_looks_different(warnings: list[str], look: str, words: str) -> None:
    summary: RunSummary = {**make_summary(), "warnings": warnings}
    html = render_run(summary, [("a", Outcome.MET, ""), ("b", Outcome.SKIPPED, "no")], is_attachment=True)
    assert f"alert alert-{look} verdict" in html
    assert words in html
    assert "1 of 30 expectations were met, 1 had nothing to compare with." in html


def test_report_of_a_day_that_can_be_approved_does_not_say_that_it_is_over() -> None:
    summary: RunSummary = {**make_summary(faults=["red"]), "can_be_approved": True}
    html = render_run(summary, [], is_attachment=True)
    assert "it is published only if somebody approves it in Airflow" in html
    assert "published nothing" not in html
