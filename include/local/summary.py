"""The summary that `make run` prints."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from include import keys
from include.keys import Layout
from include.manifest import describe_expectations

#: The manifest has them all.
_MOST_REASONS = 5


def print_published(console: Console, layout: Layout, manifest: Mapping[str, Any], folder: Path) -> None:
    """The summary of a published day."""
    day = manifest["day"]
    console.print(_render_rows(manifest))
    _print_line(console, "total price", manifest["total_price"])
    opened = "opened by approval" if manifest["approval"] else "open"
    _print_line(console, "gate", f"{opened}: {describe_expectations(manifest['quality'])}")
    _print_findings(console, manifest)
    for name, output in manifest["outputs"].items():
        _print_line(console, name, output["key"])
    _print_line(console, "manifest", keys.manifest(layout, day))
    _print_line(console, "data docs", manifest["quality"]["docs_key"])
    _print_folder(console, folder)


def print_rejected(console: Console, gate: Mapping[str, Any], folder: Path) -> None:
    """The summary of a day with a closed gate."""
    console.print(_render_rows(gate))
    _print_line(console, "total price", gate["total_price"])
    _print_line(console, "gate", f"closed: {describe_expectations(gate['quality'])}")
    for fault in gate["faults"]:
        _print_line(console, "", fault)
    _print_findings(console, gate)
    _print_line(console, "data docs", gate["quality"]["docs_key"])
    _print_folder(console, folder)


def _print_findings(console: Console, record: Mapping[str, Any]) -> None:
    """Print the warnings, and the answer about a closed gate."""
    for warning in record["quality"]["warnings"]:
        _print_line(console, "warning", warning)
    if approval := record["approval"]:
        answer = "approved" if approval["approved"] else "not approved"
        by = approval["by"] or "nobody (timed out)"
        _print_line(console, answer, f"at {approval['at']} by {by}: {approval['reason']}")


def _print_folder(console: Console, folder: Path) -> None:
    _print_line(console, "copy of all this", str(folder))
    _print_line(console, "to read in a browser", (folder / "docs" / "index.html").as_uri())


def _render_rows(record: Mapping[str, Any]) -> Table:
    table = Table("file", box=None, pad_edge=False)
    for title in ("read", "published", "quarantined", "duplicates"):
        table.add_column(title, justify="right")
    table.add_column("reasons")
    for dataset, rows in record["rows"].items():
        counts = [f"{rows[name]:,}" for name in ("read", "published", "quarantined", "duplicates")]
        table.add_row(dataset, *counts, describe_reasons(record["reasons"][dataset]))
    return table


def describe_reasons(reasons: Mapping[str, int]) -> str:
    """The most frequent reasons, the largest first, and how many others there are."""
    found = sorted(((count, reason) for reason, count in reasons.items() if count), reverse=True)
    shown = [f"{reason}\N{NO-BREAK SPACE}{count:,}" for count, reason in found[:_MOST_REASONS]]
    others = len(found) - len(shown)
    return ", ".join(shown) + (f" and {others} more" if others else "")


def _print_line(console: Console, name: str, text: str) -> None:
    """Print one unwrapped line, so that a key or a path can be copied."""
    console.print(f"{name:<22}{text}", soft_wrap=True, highlight=False, markup=False)
