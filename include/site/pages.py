"""The frame and the pages that are the site's own, as HTML. No IO but the templates and the style sheet."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from include.quality.findings import Outcome
from include.site.charts import Bar, draw_bars
from include.site.summary import RunSummary
from include.site.verdicts import Day, Verdict

FOLDER = Path(__file__).parent
#: The name of the style sheet, next to the pages that use it.
STYLE = "site.css"
#: Reasons that have a colour of their own in the chart; the others share one.
COLOURED_REASONS = 6


@cache
def environment() -> Environment:
    created = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    created.filters["count"] = lambda number: f"{number:,}"
    created.filters["money"] = lambda digits: f"{Decimal(digits):,}"
    return created


@cache
def style_sheet() -> str:
    """The part of Bootstrap that the pages use, then the site's own rules."""
    return "\n".join((FOLDER / "static" / name).read_text() for name in ("bootstrap.css", STYLE))


def render_page(template: str, **values: Any) -> str:
    return environment().get_template(template).render(**values)


def render_results(title: str, trail: str, content: Markup, *, has_filter: bool = False) -> str:
    """A page of Great Expectations in the site's frame; it lies in a run's folder, next to its style."""
    return render_page(
        "results.html", title=title, trail=trail, content=content, has_filter=has_filter, root=""
    )


def render_run(
    summary: RunSummary, results: Sequence[tuple[str, Outcome, str]], *, is_attachment: bool
) -> str:
    """All of one validation on one page; as an attachment it is one file, without links to neighbours.

    `results` holds each expectation, how it ended, and what was found where it was not met.
    """
    style = Markup(style_sheet()) if is_attachment else ""  # noqa: S704 - our own file
    outcomes = [outcome for _, outcome, _ in results]
    return render_page(
        "run.html",
        summary=summary,
        results=results,
        met=outcomes.count(Outcome.MET),
        skipped=outcomes.count(Outcome.SKIPPED),
        style=style,
        is_attachment=is_attachment,
        root="",
    )


def render_front(days: Sequence[Day], today: str) -> str:
    """The days shown, the oldest first; the last of them is today."""
    names = frequent_reasons(days)
    return render_page(
        "front.html",
        days=days,
        yesterday=days[-2],
        today=today,
        root="",
        rows_chart=draw_bars([rows_bar(day) for day in days], "Orders published and quarantined per day"),
        reasons_chart=draw_bars([reasons_bar(day, names) for day in days], "Refused rows per day and reason"),
        reasons=list(enumerate(names, start=1)),
    )


def render_day(day: Day, runs: Sequence[RunSummary]) -> str:
    return render_page("day.html", day=day, runs=runs, root="../")


def render_index(month: str, runs: Sequence[RunSummary], *, first_month: str, last_month: str) -> str:
    first = dt.date.fromisoformat(f"{month}-01")
    neighbours = {
        "Earlier": (first - dt.timedelta(days=1)).isoformat()[:7],
        "Later": (first + dt.timedelta(days=31)).isoformat()[:7],
    }
    months = {name: other for name, other in neighbours.items() if first_month <= other <= last_month}
    return render_page("index.html", month=month, runs=runs, months=months, root="../")


def render_error(title: str, message: str, root: str) -> str:
    """Has a style of its own: whoever may not see the site may not see its style sheet."""
    style = Markup((FOLDER / "static" / "error.css").read_text())  # noqa: S704 - our own file
    return render_page("error.html", title=title, message=message, style=style, root=root)


def frequent_reasons(days: Sequence[Day]) -> list[str]:
    totals: dict[str, int] = {}
    for day in days:
        for reason, count in day.reason_totals.items():
            totals[reason] = totals.get(reason, 0) + count
    return sorted(totals, key=lambda reason: (-totals[reason], reason))[:COLOURED_REASONS]


def rows_bar(day: Day) -> Bar:
    """The good rows of a day that was not published are shown as held back."""
    refused = day.rows["orders"]["quarantined"] if day.rows else 0
    good = "published" if day.verdict is Verdict.PUBLISHED else "held"
    told = f"{day.accepted_orders:,} orders {good}, {refused:,} quarantined"
    return day_bar(day, told, [(good, day.accepted_orders), ("quarantined", refused)])


def reasons_bar(day: Day, names: Sequence[str]) -> Bar:
    totals = day.reason_totals
    told = ", ".join(f"{reason} {count:,}" for reason, count in totals.items()) or "no row refused"
    others = sum(count for reason, count in totals.items() if reason not in names)
    parts = [(f"reason-{place}", totals.get(name, 0)) for place, name in enumerate(names, start=1)]
    return day_bar(day, told, [*parts, ("reason-other", others)])


def day_bar(day: Day, told: str, parts: Sequence[tuple[str, int]]) -> Bar:
    return Bar(
        label=day.day[8:], title=f"{day.day}, {day.verdict}: {told}", href=f"days/{day.day}", parts=parts
    )
