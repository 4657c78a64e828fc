"""`python -m include.local quarantine` and `repair`: export rejected rows, and upload the corrected rows."""

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from include import keys
from include.contract import DATASETS, Dataset
from include.inputs.repairs import LINE_NUMBER, RAW_ETAG, Repair, read_repair
from include.keys import Layout
from include.local.errors import LocalError
from include.local.run import parse_day
from include.local.session import make_stack, open_store
from include.local.storage import translate_s3_errors
from include.manifest import rank_reasons
from include.s3.objects import Hook, download_file, find_object, read_object, upload_file

#: The columns of an export, before and after those of the raw file.
_FIRST, _LAST = (LINE_NUMBER, RAW_ETAG, "reasons"), ("raw_line",)


def export(day_text: str, target: Path, dataset: str, run_id: str | None) -> None:
    """Write the rejected rows of a day, or of a run that was not published, to a CSV file."""
    day = parse_day(day_text).isoformat()
    with open_store(make_stack(is_owned=False)) as store, translate_s3_errors():
        rows = export_quarantine(store.client, store.layout, day, DATASETS[dataset], run_id)
    write_export(rows, target, DATASETS[dataset])
    print(describe_export(rows, day, target, dataset))


def write_export(rows: Sequence[Mapping[str, Any]], target: Path, dataset: Dataset) -> None:
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*_FIRST, *dataset.delivered_names, *_LAST])
        writer.writeheader()
        writer.writerows(rows)


def describe_export(rows: Sequence[Mapping[str, Any]], day: str, target: Path, dataset: str) -> str:
    if not rows:
        return f"{day} has no rejected rows of {dataset}; {target} has only the header."
    reasons = Counter(reason for row in rows for reason in (row["reasons"] or "repaired").split())
    listed = ", ".join(f"{reason} {count:,}" for reason, count in rank_reasons(reasons).items())
    return (
        f"Wrote {len(rows):,} rows of {dataset} to {target}: {listed}. Correct the values, keep "
        f"{LINE_NUMBER} and {RAW_ETAG}, then: python -m include.local repair {day} {target}"
        + ("" if dataset == "orders" else f" --dataset {dataset}")
    )


def upload(day_text: str, path: Path, dataset: str) -> None:
    """Store corrected rows for the next run of the day.

    Raises
    ------
    RepairError: the file cannot be used; the message says where and why.
    LocalError: the rows belong to another version of the raw file.
    """
    day = parse_day(day_text).isoformat()
    repair = read_repair(path.read_bytes(), str(path), DATASETS[dataset])
    with open_store(make_stack(is_owned=False)) as store, translate_s3_errors():
        url = upload_repair(store.client, store.layout, day, path, repair, dataset)
    print(
        f"Wrote {len(repair.rows):,} corrected rows of {dataset} to {url}. The next hourly check reruns a "
        "published day; for a day with a closed gate, clear its run from extract on."
    )


def upload_repair(hook: Hook, layout: Layout, day: str, path: Path, repair: Repair, dataset: str) -> str:
    """Store a repair of the current raw file. Returns its URL."""
    raw_key = keys.raw(layout, day, dataset)
    state = find_object(hook, raw_key)
    if state is None:
        raise LocalError(f"There is no raw file {raw_key}. Is {day} the right day?")
    if state["etag"] != repair.raw_etag:
        raise LocalError(f"{path} belongs to an earlier version of {raw_key}. Export the quarantine again.")
    url = keys.repair(layout, day, dataset)
    upload_file(hook, path, url, "text/csv")
    return url


def export_quarantine(
    hook: Hook, layout: Layout, day: str, dataset: Dataset, run_id: str | None = None
) -> list[dict[str, Any]]:
    """The rejected rows and the rows repaired before, by line: a new repair replaces the previous one.

    Raises
    ------
    LocalError: the day is not published, or the gate did not stop the given run.
    """
    etag, quarantine = _find_quarantine(hook, layout, day, dataset.name, run_id)
    rows = _read_repaired(hook, keys.repair(layout, day, dataset.name), etag, dataset)
    rows |= {row[LINE_NUMBER]: row for row in _read_rejected(hook, quarantine, dataset)}
    names = [*_FIRST, *dataset.delivered_names, *_LAST]
    return [{name: ({RAW_ETAG: etag} | rows[line]).get(name) for name in names} for line in sorted(rows)]


def _find_quarantine(
    hook: Hook, layout: Layout, day: str, dataset: str, run_id: str | None
) -> tuple[str, str]:
    """The ETag of the raw file, and the URL of its rejected rows."""
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


def _read_rejected(hook: Hook, url: str, dataset: Dataset) -> list[dict[str, Any]]:
    """The rejected rows, with the current names of renamed columns."""
    import pyarrow.parquet as pq

    with TemporaryDirectory(prefix="quarantine-") as folder:
        path = Path(folder, "quarantine.parquet")
        download_file(hook, url, path)
        rows = pq.read_table(path).to_pylist()
    renamed = [{dataset.name_of(name): value for name, value in row.items()} for row in rows]
    return [row | {"reasons": " ".join(row["reasons"])} for row in renamed]


def _read_repaired(hook: Hook, url: str, raw_etag: str, dataset: Dataset) -> dict[int, dict[str, Any]]:
    """The rows of the current repair, unless it belongs to another version of the raw file."""
    found = read_object(hook, url)
    if found is None:
        return {}
    repair = read_repair(found[1], url, dataset)
    is_current = repair.raw_etag == raw_etag
    return {line: {LINE_NUMBER: line, **row} for line, row in repair.rows.items()} if is_current else {}
