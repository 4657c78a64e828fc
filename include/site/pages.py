"""The frame and the pages that are the site's own, as HTML. No IO but the templates and the style sheet."""

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from include.day import move_day
from include.quality.findings import Outcome
from include.site.business import list_breakdowns
from include.site.charts import Bar, draw_bars
from include.site.days import (
    Day,
    Verdict,
    count,
    explain_day,
    explain_quality,
    find_cause,
    format_amount,
    format_minute,
    judge_validation,
)
from include.site.summary import RunFailure, RunSummary

FOLDER = Path(__file__).parent
#: The name of the style sheet, next to the pages that use it.
STYLE = "site.css"
#: Reasons that have a colour of their own in the chart; the others share one.
COLOURED_REASONS = 8


@cache
def environment() -> Environment:
    created = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    created.filters |= {
        "count": lambda number: f"{number:,}",
        "money": format_amount,
        "when": render_instant,
        "explain": explain_day,
        "cause": find_cause,
        "met": explain_quality,
        "verdict": judge_validation,
        "weekday": lambda day: f"{dt.date.fromisoformat(day):%a}",
        "month": lambda day: f"{dt.date.fromisoformat(day):%b}",
    }
    return created


def render_instant(instant: str) -> Markup:
    """A time for people; the exact one shows on hover."""
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(instant, format_minute(instant))


@cache
def style_sheet() -> str:
    """The part of Bootstrap that the pages use, then the site's own rules."""
    return "\n".join((FOLDER / "static" / name).read_text() for name in ("bootstrap.css", STYLE))


def render_page(template: str, **values: Any) -> str:
    return environment().get_template(template).render(**values)


def render_results(
    title: str, trail: str, content: Markup, *, summary: RunSummary | None = None, has_filter: bool = False
) -> str:
    """A page of Great Expectations in the site's frame, with the gate's verdict if it is about a run."""
    return render_page(
        "results.html",
        title=title,
        trail=trail,
        content=content,
        summary=summary,
        has_filter=has_filter,
        root="",
    )


def render_run(summary: RunSummary, results: Sequence[tuple[str, Outcome, str]]) -> str:
    """One validation: each expectation, how it ended, and what was found if it was not met."""
    day = Day(day=summary["day"], verdict=judge_validation(summary), summary=summary)
    return render_page("run.html", day=day, summary=summary, results=results, root="")


def render_report(day: Day) -> str:
    """A day on one page, for people without Airflow: one file, without links."""
    style = Markup(style_sheet())  # noqa: S704 - our own file
    breakdowns = list_breakdowns(day.business) if day.business else {}
    return render_page("report.html", day=day, breakdowns=breakdowns, style=style, root="")


def render_front(days: Sequence[Day], today: str) -> str:
    """The days shown, the oldest first; the last of them is today."""
    names = frequent_reasons(days)
    orders = [orders_bar(day) for day in days]
    reasons = [reasons_bar(day, names) for day in days]
    return render_page(
        "front.html",
        days=days,
        yesterday=days[-2],
        today=today,
        root="",
        rows_chart=draw_bars(orders, "Orders published and rejected per day", "orders"),
        reasons_chart=draw_bars(reasons, "Rejected rows per day and reason", "rows"),
        reasons=list(enumerate(names, start=1)),
        has_other_reasons=any(set(day.reason_totals) - set(names) for day in days),
    )


def render_day(day: Day, runs: Sequence[RunSummary], failures: Sequence[RunFailure], week_before: Day) -> str:
    """The cockpit of a day; `week_before` is the same weekday one week earlier."""
    return render_page(
        "day.html",
        day=day,
        runs=runs,
        failures=failures,
        changes=compare_days(week_before, day),
        week_before=week_before,
        before=move_day(day.day, -1),
        after=move_day(day.day, 1),
        root="../",
    )


def render_index(
    month: str,
    days: Sequence[Day],
    runs: Sequence[RunSummary],
    *,
    first_month: str,
    last_month: str,
    state: str = "",
    words: str = "",
) -> str:
    """The days of a month, the oldest first, and their validations.

    Shown are the days with the verdict `state` that mention all of the `words`; empty ones exclude none.
    """
    first = dt.date.fromisoformat(f"{month}-01")
    neighbours = {
        "Earlier": move_day(first.isoformat(), -1)[:7],
        "Later": move_day(first.isoformat(), 31)[:7],
    }
    known = [day for day in days if day.verdict is not Verdict.BEFORE]
    run_ids = {day.day: [run["run_id"] for run in runs if run["day"] == day.day] for day in known}
    shown = [
        day
        for day in known
        if state in {"", day.verdict.name.lower()} and mentions(day, run_ids[day.day], words)
    ]
    names = {day.day for day in shown}
    return render_page(
        "index.html",
        month=month,
        days=shown[::-1],
        runs=[run for run in runs if run["day"] in names],
        months={name: other for name, other in neighbours.items() if first_month <= other <= last_month},
        states={"": "all"} | {day.verdict.name.lower(): day.verdict.value for day in known},
        state=state,
        words=words,
        root="../",
    )


def mentions(day: Day, run_ids: Sequence[str], words: str) -> bool:
    """Whether each of the words is in what the pages say about a day."""
    text = " ".join([day.day, day.state, *run_ids, *explain_day(day), *day.reason_totals]).casefold()
    return all(word in text for word in words.casefold().split())


def render_manifest(manifest: Mapping[str, Any]) -> str:
    return render_page("manifest.html", manifest=manifest, root="../")


def render_error(title: str, message: str, root: str) -> str:
    """Has a style of its own: a caller without access to the site cannot load its style sheet."""
    style = Markup((FOLDER / "static" / "error.css").read_text())  # noqa: S704 - our own file
    return render_page("error.html", title=title, message=message, style=style, root=root)


def compare_days(before: Day, after: Day) -> list[tuple[str, str, str]]:
    """The figures of two days side by side; empty unless both have any."""
    if not (before.rows and after.rows):
        return []
    figures = [describe_figures(day) for day in (before, after)]
    return [(name, figures[0][name], figures[1][name]) for name in figures[0]]


def describe_figures(day: Day) -> dict[str, str]:
    orders = day.rows["orders"]
    ratio = orders["quarantined"] / orders["read"] if orders["read"] else 0.0
    return {
        "Orders read": f"{orders['read']:,}",
        "Orders published": f"{orders['published']:,}",
        "Orders rejected": f"{orders['quarantined']:,} ({ratio:.1%})",
        "Rows rejected in other files": f"{day.rejected_elsewhere:,}",
        "Total price": format_amount(day.total_price),
    }


def frequent_reasons(days: Sequence[Day]) -> list[str]:
    totals: dict[str, int] = {}
    for day in days:
        for reason, rows in day.reason_totals.items():
            totals[reason] = totals.get(reason, 0) + rows
    return sorted(totals, key=lambda reason: (-totals[reason], reason))[:COLOURED_REASONS]


def orders_bar(day: Day) -> Bar:
    """The good orders of a day that is not published are shown as not published."""
    good = "published" if day.verdict is Verdict.PUBLISHED else "held"
    words = "published" if good == "published" else "good, not published"
    title = f"{count(day.published_orders, 'order')} {words}, {day.rejected_orders:,} rejected"
    return day_bar(day, title, [(good, day.published_orders), ("quarantined", day.rejected_orders)])


def reasons_bar(day: Day, names: Sequence[str]) -> Bar:
    totals = day.reason_totals
    title = ", ".join(f"{reason} {rows:,}" for reason, rows in totals.items()) or "no row rejected"
    others = sum(rows for reason, rows in totals.items() if reason not in names)
    parts = [(f"reason-{place}", totals.get(name, 0)) for place, name in enumerate(names, start=1)]
    return day_bar(day, title, [*parts, ("reason-other", others)])


def day_bar(
    day: Day,
    title: str,
    parts: Sequence[tuple[str, float]],
    *,
    href: str = "days/",
    usual: tuple[float, float] | None = None,
) -> Bar:
    date = dt.date.fromisoformat(day.day)
    return Bar(
        label=f"{date:%d}",
        sublabel=f"{date:%b}" if date.day == 1 else f"{date:%a}"[:1],
        title=f"{date:%a} {day.day}, {day.state}: {title}",
        href=f"{href}{day.day}",
        parts=parts,
        usual=usual,
    )
