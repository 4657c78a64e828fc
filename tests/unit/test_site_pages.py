"""The pages themselves: nothing in them runs, loads or tells more than it should."""

import re
from typing import Any

import pytest
from markupsafe import Markup

from include.day import days_until
from include.quality.findings import Outcome
from include.site.charts import Bar, draw_bars, find_ticks
from include.site.days import Day, Verdict, judge_days
from include.site.pages import (
    render_day,
    render_error,
    render_front,
    render_index,
    render_manifest,
    render_report,
    render_results,
    render_run,
    style_sheet,
)
from include.site.summary import RunSummary, run_folder, summary_page

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
    return judge_days(shown, [summary], [], {}, today="2026-11-24", first_day="2026-11-20")


def render_all(summary: RunSummary) -> dict[str, str]:
    days = make_days(summary)
    results = [(summary["run_id"], Outcome.FAILED, summary["run_id"])]
    return {
        "front": render_front(days, "2026-11-24"),
        "day": render_day(days[-2], [summary], [], week_before=days[-9]),
        "index": render_index("2026-11", days, [summary], first_month="2026-10", last_month="2026-11"),
        "run": render_run(summary, results),
        "report": render_report(days[-2]),
        "manifest": render_manifest({"day": DAY, summary["run_id"]: [summary["run_id"]]}),
        "error": render_error(summary["run_id"], summary["run_id"], root=""),
    }


@pytest.mark.parametrize("page", ["front", "day", "index", "run", "report", "manifest", "error"])
def test_values_are_text_and_never_markup(page: str) -> None:
    html = render_all(make_summary(EVIL, faults=[EVIL]))[page]
    assert "<script" not in html
    assert "<img" not in html
    assert "alert(1)" in html


@pytest.mark.parametrize("page", ["front", "day", "index", "run", "report", "manifest", "error"])
def test_page_loads_nothing_from_another_host_and_has_no_script(page: str) -> None:
    html = render_all(make_summary())[page]
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)
    assert not re.search(r"<script|<iframe|\son\w+=|\sstyle=", html)


def test_report_is_one_file_without_links() -> None:
    html = render_all(make_summary())["report"]
    assert '<link rel="stylesheet"' not in html
    assert f"<style>{style_sheet()}</style>" in html
    assert [link[:10] for link in re.findall(r'href="([^"]*)"', html)] == ["data:image"]


def test_style_sheet_loads_nothing() -> None:
    assert not re.search(r"url\(|@import", style_sheet())


GATES = {
    "closed": ({"faults": ["too many"]}, "danger", ["is closed", "too many", "This run published nothing."]),
    "can be approved": (
        {"faults": ["too many"], "can_be_approved": True},
        "danger",
        ["is closed", "It is published only if a person approves it in Airflow."],
    ),
    "open": ({"warnings": []}, "success", ["is open"]),
    "open with warnings": ({"warnings": ["odd"]}, "warning", ["is open, with warnings", "Warning: odd"]),
}


@pytest.mark.parametrize(("changes", "look", "words"), GATES.values(), ids=GATES)
def test_every_page_of_a_run_shows_its_gate(changes: Any, look: str, words: list[str]) -> None:
    summary: Any = {**make_summary(), **changes, "skipped": ["a"]}
    pages = [
        render_run(summary, [("a", Outcome.SKIPPED, "no")]),
        render_results("Validation", "trail", Markup("<p>none</p>"), summary=summary, has_filter=True),
    ]
    for html in pages:
        assert f"alert alert-{look} verdict" in html
        for word in [*words, "expectations met, 1 had nothing to compare with."]:
            assert word in html


@pytest.mark.parametrize(
    ("state", "words", "shown"),
    [
        pytest.param("", "", ["missing", "bad", "good"], id="all"),
        pytest.param("rejected", "", ["bad"], id="by state"),
        pytest.param("", "RED paris", ["bad"], id="by words of the cause"),
        pytest.param("", "run-good", ["good"], id="by run"),
        pytest.param("rejected", "run-good", [], id="both"),
    ],
)
def test_index_shows_the_days_asked_for(state: str, words: str, shown: list[str]) -> None:
    days = {"good": "2026-11-20", "bad": "2026-11-21", "missing": "2026-11-22"}
    good: RunSummary = {**make_summary("run-good"), "day": days["good"]}
    bad: RunSummary = {**make_summary("run-bad", faults=["Red in Paris"]), "day": days["bad"]}
    judged = judge_days(days.values(), [good, bad], [], {}, today="2026-11-24", first_day="2026-11-20")
    html = render_index(
        "2026-11",
        judged,
        [bad, good],
        first_month="2026-11",
        last_month="2026-11",
        state=state,
        words=words,
    )
    rows = re.findall(r'class="day-row">\s*<td><a href="../days/([\d-]+)"', html)
    assert rows == [days[name] for name in shown]
    runs = re.findall(r'class="run-id">run-(\w+)<', html)
    assert runs == [name for name in shown if name != "missing"]


def test_index_leads_to_months_that_can_have_runs() -> None:
    html = render_index("2026-01", [], [], first_month="2025-12", last_month="2026-01")
    assert re.findall(r'class="btn btn-primary" href="([^"]*)"', html) == ["2025-12"]


def test_bar_heights_show_the_sizes() -> None:
    bars = [
        Bar(label="1", title="a", href="x", parts=[("published", 30), ("quarantined", 10)]),
        Bar(label="2", title="b", href="y", parts=[("published", 20), ("quarantined", 0)]),
    ]
    drawn = draw_bars(bars, "caption", "orders")
    heights = re.findall(r'class="(published|quarantined)".*?height="([\d.]+)"', drawn)
    assert [name for name, _ in heights] == ["published", "quarantined"] * 2
    first, second, third, fourth = (float(height) for _, height in heights)
    assert (round(first / second, 1), round(first / third, 1), fourth) == (3.0, 1.5, 0.0)


@pytest.mark.parametrize(
    ("largest", "ticks"),
    [
        (0, [0, 1, 2]),
        (0.07, [0, 0.02, 0.04, 0.06, 0.08]),
        (3, [0, 1, 2, 3]),
        (40, [0, 10, 20, 30, 40]),
        (1_297, [0, 500, 1_000, 1_500]),
    ],
)
def test_axis_has_round_ticks_up_to_the_largest_value(largest: float, ticks: list[float]) -> None:
    assert find_ticks(largest) == pytest.approx(ticks)


def test_every_state_of_a_day_has_a_colour() -> None:
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


#: Text and what it stands on, as the names of colours in the style sheet.
TEXTS = [("text", "page"), ("muted", "page"), ("link", "page"), ("warn-text", "page"), ("bad", "page")]
TEXTS += [("good", "page"), ("panel-text", "panel")]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXTS, ids=lambda name: name)
def test_text_is_readable(scheme: int, text: str, ground: str) -> None:
    rules = re.findall(r":root \{(.*?)\}", style_sheet(), re.DOTALL)
    own = [rule for rule in rules if "--panel-text" in rule]
    colours = dict(re.findall(r"--([\w-]+): (#\w+);", own[scheme]))
    darker, lighter = sorted((find_luminance(colours[text]), find_luminance(colours[ground])))
    # The least contrast that WCAG 2.2 asks for at level AA.
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def find_luminance(colour: str) -> float:
    """The relative luminance as WCAG defines it, of `#rrggbb` or `#rgb`."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    shares = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
