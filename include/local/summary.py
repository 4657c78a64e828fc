"""What a run has done, in words and numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from include import keys
from include.keys import Layout


def print_published(console: Console, layout: Layout, manifest: Mapping[str, Any], folder: Path) -> None:
    """The summary of a published day."""
    day = manifest["day"]
    console.print(_render_rows(manifest))
    _print_line(console, "total price", manifest["total_price"])
    _print_line(console, "gate", f"open: {_describe_quality(manifest['quality'])}")
    for name, output in manifest["outputs"].items():
        _print_line(console, name, output["key"])
    _print_line(console, "manifest", keys.manifest(layout, day))
    _print_line(console, "data docs", manifest["quality"]["docs_key"])
    _print_folder(console, folder)


def print_refused(console: Console, gate: Mapping[str, Any], folder: Path) -> None:
    """The summary of a day that the gate stopped."""
    console.print(_render_rows(gate))
    _print_line(console, "total price", gate["total_price"])
    _print_line(console, "gate", f"closed: {_describe_quality(gate['quality'])}")
    for fault in gate["faults"]:
        _print_line(console, "", fault)
    _print_line(console, "data docs", gate["quality"]["docs_key"])
    _print_folder(console, folder)


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
    """The reasons that occurred, the most frequent first."""
    found = sorted(((count, reason) for reason, count in reasons.items() if count), reverse=True)
    return ", ".join(f"{reason}\N{NO-BREAK SPACE}{count:,}" for count, reason in found)


def _describe_quality(quality: Mapping[str, Any]) -> str:
    failed = len(quality["failed"])
    return f"{quality['expectations'] - failed} of {quality['expectations']} expectations are met"


def _print_line(console: Console, name: str, text: str) -> None:
    """One line that stays one line, so that a key or a path can be copied from it."""
    console.print(f"{name:<22}{text}", soft_wrap=True, highlight=False, markup=False)
