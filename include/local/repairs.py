"""`python -m include.local quarantine` and `repair`: refused rows as a file to correct, and back again."""

import csv
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from include import keys
from include.contract import DATASETS, Dataset
from include.inputs.repairs import LINE_NUMBER, RAW_ETAG, read_repair
from include.keys import Layout
from include.local.errors import LocalError
from include.local.session import make_stack
from include.local.stack import Stack
from include.local.storage import translate_s3_errors
from include.s3.objects import download_file, find_object, read_object, upload_file

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

#: The columns of an export, besides those of the raw file.
_FIRST, _LAST = (LINE_NUMBER, RAW_ETAG, "reasons"), ("raw_line",)


def export(day: str, target: Path, dataset: str, run_id: str | None) -> None:
    """Write the refused rows of a day, or of a run that was not published, to a CSV file."""
    stack = _join_stack()
    with translate_s3_errors():
        rows = export_quarantine(stack.hook, stack.layout, day, DATASETS[dataset], run_id)
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*_FIRST, *DATASETS[dataset].column_names, *_LAST])
        writer.writeheader()
        writer.writerows(rows)
    print(f"Wrote {len(rows):,} rows to {target}. Correct what can be corrected.")


def upload(day: str, path: Path, dataset: str) -> None:
    """Store corrected rows where the pipeline looks for them; a file that cannot be used is refused here."""
    stack = _join_stack()
    repair = read_repair(path.read_bytes(), str(path), DATASETS[dataset])
    url = keys.repair(stack.layout, day, dataset)
    with translate_s3_errors():
        state = find_object(stack.hook, keys.raw(stack.layout, day, dataset))
        if state is None or state["etag"] != repair.raw_etag:
            raise LocalError(
                f"{path} was made for another version of {keys.raw(stack.layout, day, dataset)} than the one "
                "that is there now. Export the quarantine again."
            )
        upload_file(stack.hook, path, url, "text/csv")
    print(f"Wrote {len(repair.rows):,} rows to {url}. A published day is run again within the hour.")


def _join_stack() -> Stack:
    stack = make_stack(is_owned=False)
    if not (record := stack.find_running()):
        raise LocalError("Nothing is running. `make up` starts the stack.")
    stack.join(record)
    return stack


def export_quarantine(
    hook: "S3Hook", layout: Layout, day: str, dataset: Dataset, run_id: str | None = None
) -> list[dict[str, Any]]:
    """The refused rows, by line, and those that were repaired before: a new repair replaces the old one.

    Raises
    ------
    LocalError: the day was not published, or the gate did not stop that run.
    """
    etag, quarantine = _find_quarantine(hook, layout, day, dataset.name, run_id)
    rows = _read_repaired(hook, keys.repair(layout, day, dataset.name), etag, dataset)
    rows |= {row[LINE_NUMBER]: row for row in _read_refused(hook, quarantine, dataset)}
    names = [*_FIRST, *dataset.column_names, *_LAST]
    return [{name: ({RAW_ETAG: etag} | rows[line]).get(name) for name in names} for line in sorted(rows)]


def _find_quarantine(
    hook: "S3Hook", layout: Layout, day: str, dataset: str, run_id: str | None
) -> tuple[str, str]:
    """The version of the raw file, and where its refused rows lie."""
    if run_id:
        url = keys.staged(layout, day, run_id, "gate.json")
        quarantine = keys.staged(layout, day, run_id, f"quarantine/{dataset}.parquet")
        missing = f"The gate did not stop a run {run_id} of {day}: there is no {url}."
    else:
        url, quarantine = keys.manifest(layout, day), keys.quarantine(layout, day, dataset)
        missing = (
            f"{day} is not published: there is no {url}. For a run that the gate stopped, give its id: --run."
        )
    found = read_object(hook, url)
    if found is None:
        raise LocalError(missing)
    return json.loads(found[1])["inputs"][dataset]["etag"], quarantine


def _read_refused(hook: "S3Hook", url: str, dataset: Dataset) -> list[dict[str, Any]]:
    """The rows; those of a day before a column was renamed have its name of today."""
    import pyarrow.parquet as pq

    with TemporaryDirectory(prefix="quarantine-") as folder:
        path = Path(folder, "quarantine.parquet")
        download_file(hook, url, path)
        rows = pq.read_table(path).to_pylist()
    renamed = [{dataset.name_of(name): value for name, value in row.items()} for row in rows]
    return [row | {"reasons": " ".join(row["reasons"])} for row in renamed]


def _read_repaired(hook: "S3Hook", url: str, raw_etag: str, dataset: Dataset) -> dict[int, dict[str, Any]]:
    """The rows of the repair that is there, unless it was made for another version of the raw file."""
    found = read_object(hook, url)
    if found is None:
        return {}
    repair = read_repair(found[1], url, dataset)
    is_current = repair.raw_etag == raw_etag
    return {line: {LINE_NUMBER: line, **row} for line, row in repair.rows.items()} if is_current else {}
