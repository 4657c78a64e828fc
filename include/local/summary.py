"""The summary that `make run` prints: the day as the data-quality site shows it."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from include.manifest import rank_reasons
from include.site.days import Day, explain_day, explain_quality

#: The manifest has them all.
_MOST_REASONS = 5


def print_day(console: Console, day: Day, folder: Path | None, site_url: str = "") -> None:
    """Print what became of a day after its run.

    `folder` is the copy of the run's outputs, if it left any; `site_url` is Airflow's, if it keeps running.
    """
    _print_line(console, day.day, day.state)
    for sentence in explain_day(day):
        _print_line(console, "", sentence)
    if day.rows:
        console.print(_render_rows(day))
        _print_line(console, "total price", day.total_price)
        _print_line(console, "quality", explain_quality(day.record))
    if folder:
        _print_line(console, "outputs", str(folder))
        _print_line(console, "to read in a browser", (folder / "docs" / "index.html").as_uri())
    if site_url:
        _print_line(console, "the day on the site", f"{site_url}/quality/days/{day.day}")


def _render_rows(day: Day) -> Table:
    table = Table("file", box=None, pad_edge=False)
    for title in ("read", "published" if day.manifest else "good", "rejected", "duplicates"):
        table.add_column(title, justify="right")
    table.add_column("reasons")
    for dataset, rows in day.rows.items():
        counts = [f"{rows[name]:,}" for name in ("read", "published", "quarantined", "duplicates")]
        table.add_row(dataset, *counts, describe_reasons(day.reasons[dataset]))
    return table


def describe_reasons(reasons: Mapping[str, int]) -> str:
    """The most frequent reasons, the largest first, and how many others there are."""
    found = rank_reasons(reasons)
    shown = [f"{reason}\N{NO-BREAK SPACE}{count:,}" for reason, count in [*found.items()][:_MOST_REASONS]]
    others = len(found) - len(shown)
    return ", ".join(shown) + (f" and {others} more" if others else "")


def _print_line(console: Console, name: str, text: str) -> None:
    """Print one unwrapped line, so that a key or a path can be copied."""
    console.print(f"{name:<22}{text}", soft_wrap=True, highlight=False, markup=False)
