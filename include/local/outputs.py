"""The outputs of a run: their copy in `.local/output/{day}/`, and the summary that `make run` prints."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from include import keys
from include.contract import DATASETS
from include.keys import Layout
from include.manifest import rank_reasons
from include.s3.objects import download_file
from include.site.days import Day, explain_day, explain_quality

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

#: The manifest has all of them.
_MOST_REASONS = 5


def copy_published(hook: "S3Hook", layout: Layout, day: str, target: Path) -> dict[str, Any]:
    """Copy the published objects of a day. Returns the manifest."""
    with replace_folder(target) as folder:
        manifest = _copy_document(hook, keys.manifest(layout, day), folder / "manifest.json")
        for name, output in manifest["outputs"].items():
            download_file(hook, output["key"], folder / f"{name}.parquet")
        _copy_docs(hook, manifest["quality"], folder / "docs")
    return manifest


def copy_rejected(hook: "S3Hook", layout: Layout, day: str, run_id: str, target: Path) -> Path | None:
    """Copy the outputs of a run with a closed gate to `rejected`, next to an earlier publication.

    Returns that folder, or None if the gate did not stop the run. It replaces the folder of an earlier run.
    """
    rejected = target / "rejected"
    gate_key = keys.staged(layout, day, run_id, "gate.json")
    if not hook.check_for_key(gate_key):
        shutil.rmtree(rejected, ignore_errors=True)
        return None
    with replace_folder(rejected) as folder:
        gate = _copy_document(hook, gate_key, folder / "gate.json")
        for dataset in DATASETS:
            name = f"quarantine/{dataset}.parquet"
            download_file(hook, keys.staged(layout, day, run_id, name), folder / name)
        _copy_docs(hook, gate["quality"], folder / "docs")
    return rejected


@contextmanager
def replace_folder(target: Path) -> Iterator[Path]:
    """A new folder that replaces `target` at the end, unless there is an error."""
    new, old = (target.with_name(f".{target.name}.{which}.{os.getpid()}") for which in ("new", "old"))
    new.mkdir(parents=True)
    try:
        yield new
        if target.exists():
            target.rename(old)
        new.rename(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _copy_document(hook: "S3Hook", url: str, path: Path) -> dict[str, Any]:
    download_file(hook, url, path)
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _copy_docs(hook: "S3Hook", quality: Mapping[str, Any], folder: Path) -> None:
    """Copy the run's folder of the data-quality site."""
    bucket, key = hook.parse_s3_url(quality["docs_key"])
    prefix = key.rpartition("/")[0] + "/"
    for found in hook.list_keys(bucket_name=bucket, prefix=prefix):
        download_file(hook, f"s3://{bucket}/{found}", folder / found.removeprefix(prefix))


def print_day(console: Console, day: Day, folder: Path | None, site_url: str = "") -> None:
    """Print the summary of a day after its run.

    `folder` is the copy of the outputs, if there are any; `site_url` is Airflow's, if it keeps running.
    """
    _print_line(console, day.day, day.state)
    for sentence in explain_day(day):
        _print_line(console, "", sentence)
    if day.record:
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
    """The most frequent reasons, and the number of others."""
    found = rank_reasons(reasons)
    shown = [f"{reason}\N{NO-BREAK SPACE}{count:,}" for reason, count in [*found.items()][:_MOST_REASONS]]
    others = len(found) - len(shown)
    return ", ".join(shown) + (f" and {others} more" if others else "")


def _print_line(console: Console, name: str, text: str) -> None:
    """Print one line without wrapping, so that a path can be copied."""
    console.print(f"{name:<22}{text}", soft_wrap=True, highlight=False, markup=False)
