"""The transform of a day on Spark: the functions of `include.transform`, one range of a file at a time.

Each task leaves its rows as a piece, a Parquet file in S3; the driver joins the pieces in file order. So the
stage returns what the one on a single machine returns: one object for each table and quarantine.
"""

import datetime as dt
import json
import logging
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from include.contract import DATASETS, LOOKED_UP, ORDERS, Dataset
from include.contract.arrow import published_schema, quarantine_schema
from include.contract.model import LATE
from include.engine.batches import parse_rows
from include.engine.parquet import TableWriter
from include.engine.process import EXACT, ComparedBatch, FileReport, check_nothing_lost, split_batch
from include.inputs.snapshot import check_pinned
from include.manifest import Extracted, Transformed, digest_inputs
from include.s3.objects import delete_objects, head_object, upload_file
from include.spark.file_ranges import FileRange, RemoteSource, open_remote_file, read_range, split_file
from include.spark.frames import (
    RANGE,
    SAME_IDS,
    SAME_ROWS,
    Batches,
    add_to_ranges,
    list_ranges,
    make_range_frame,
)
from include.spark.join_parquet import Piece, join_pieces, read_footer
from include.spark.lookups import Lookup, find_dimension, join_dimension
from include.spark.repeats import find_repeats
from include.spark.store import Store
from include.transform import count_rows, list_measured, make_completion, make_judge, report_counts

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

log = logging.getLogger(__name__)

#: Requests to S3 at the same time while pieces are joined.
_CONNECTIONS = 10
_PIECE_TYPES = {"url": pa.string(), "bytes": pa.int64(), "footer": pa.binary()}
RESULT_TYPES = pa.schema(
    {RANGE: pa.int32(), "report": pa.string()}
    | {f"{piece}_{name}": each for piece in ("table", "rejected") for name, each in _PIECE_TYPES.items()}
)
RESULT_SCHEMA = (
    f"{RANGE} int, report string, table_url string, table_bytes long, table_footer binary, "
    "rejected_url string, rejected_bytes long, rejected_footer binary"
)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is worked on at a time.

    Parameters
    ----------
    batch_bytes: of a raw file at once in a task.
    range_bytes: of a raw file in one task.
    lookup_bytes: a dimension whose Parquet file is larger is joined, not held in memory.
    """

    batch_bytes: int
    range_bytes: int = 32 * 1024 * 1024
    lookup_bytes: int = 128 * 1024 * 1024


@dataclass(frozen=True)
class Processed:
    """One file's rows: counted, and the pieces of its table and its quarantine, in file order."""

    report: FileReport
    table: list[Piece]
    rejected: list[Piece]


def transform_day(session: "SparkSession", extracted: Extracted, staged: str, sizes: Sizes) -> Transformed:
    """Transform a run's snapshot into its staged tables and quarantines, below the URL `staged`.

    Raises
    ------
    RawFileError: a file as a whole cannot be used; nothing was staged.
    SnapshotGoneError: the run's snapshot was cleaned up, or belongs to a later attempt.
    """
    started = time.monotonic()
    inputs, day = extracted["inputs"], dt.date.fromisoformat(extracted["day"])
    files = [
        open_remote_file(
            dataset,
            inputs[dataset.raw_dataset]["snapshot_key"],
            inputs[dataset.raw_dataset]["key"],
            sizes.batch_bytes,
        )
        for dataset in DATASETS.values()
    ]
    for file in files:
        check_pinned(inputs[file.dataset.raw_dataset], file.etag)
    made_from = digest_inputs(inputs)
    # Keyed by inputs: a delayed attempt on other raw files may still be writing.
    pieces = f"{staged}pieces/{made_from}/"
    # Detects all file-level faults before anything is written.
    ranges = {file.dataset: split_file(session.sparkContext, file, sizes.range_bytes) for file in files}
    done: dict[str, Processed] = {}
    lookups: list[Lookup] = []
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        for file in files:
            dataset = file.dataset
            processed = _process(session, file, ranges[dataset], pieces, lookups, day)
            done[dataset.name] = processed
            for joined, url in (
                (processed.table, _table_url(staged, dataset)),
                (processed.rejected, _quarantine_url(staged, dataset)),
            ):
                join_pieces(Store(), joined, url, pool, made_from=made_from)
            if dataset.name in LOOKED_UP:
                late = inputs[LATE + dataset.name]["snapshot_key"] if LATE + dataset.name in inputs else None
                lookups.append(_open_lookup(processed, dataset, staged, late, sizes))
    delete_objects(Store(), [piece.url for each in done.values() for piece in (*each.table, *each.rejected)])
    counts = count_rows({name: processed.report for name, processed in done.items()})
    report_counts(counts, time.monotonic() - started)
    return {"counts": counts, "staged": dict(_name_outputs(staged))}


def _process(
    session: "SparkSession",
    file: RemoteSource,
    parts: list[FileRange],
    pieces: str,
    lookups: list[Lookup],
    day: dt.date,
) -> Processed:
    """Write the pieces of one file below the URL `pieces`, and count its rows."""
    lookups = lookups if file.dataset is ORDERS else []
    joined = [join_dimension(session, file, parts, lookup) for lookup in lookups if lookup.is_joined]
    ranges = add_to_ranges(
        make_range_frame(session, parts), parts, find_repeats(session, file, parts), *joined
    )
    results = ranges.mapInArrow(_write_pieces(file, pieces, lookups, day), RESULT_SCHEMA).collect()
    results.sort(key=lambda result: result[RANGE])
    report = _add_reports(file, (json.loads(result["report"]) for result in results))
    check_nothing_lost(report.rows, file.dataset, file.source_key)
    table, rejected = ([_make_piece(result, name) for result in results] for name in ("table", "rejected"))
    return Processed(report, table, rejected)


def _make_piece(result: "Row", name: str) -> Piece:
    return Piece(result[f"{name}_url"], bytes(result[f"{name}_footer"]), result[f"{name}_bytes"])


def _write_pieces(file: RemoteSource, pieces: str, lookups: list[Lookup], day: dt.date) -> Batches:
    def write_pieces(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for part, row in list_ranges(batches):
            with TemporaryDirectory(prefix="pieces-") as folder:
                table, rejected = Path(folder, "table"), Path(folder, "rejected")
                report = _split_range(file, part, row, lookups, day, table, rejected)
                result = {RANGE: part.index, "report": json.dumps(report)}
                for name, path in (("table", table), ("rejected", rejected)):
                    url = f"{pieces}{file.dataset.name}/{part.index:05}.{name}.parquet"
                    upload_file(Store(), path, url)
                    result |= {
                        f"{name}_url": url,
                        f"{name}_bytes": path.stat().st_size,
                        f"{name}_footer": read_footer(path),
                    }
            yield pa.RecordBatch.from_pylist([result], RESULT_TYPES)

    return write_pieces


def _split_range(
    file: RemoteSource,
    part: FileRange,
    row: pa.RecordBatch,
    lookups: list[Lookup],
    day: dt.date,
    table_path: Path,
    rejected_path: Path,
) -> dict[str, Any]:
    """Judge the rows of a range. Returns the counts in a JSON-serializable form."""
    dataset = file.dataset
    dimensions = {lookup.name: find_dimension(lookup, row) for lookup in lookups}
    judge, complete = make_judge(dataset, dimensions), make_completion(dataset, dimensions)
    report = _start_report(file)
    same_rows, same_ids = (
        row[name].flatten().to_numpy(zero_copy_only=False) for name in (SAME_ROWS, SAME_IDS)
    )
    with (
        TableWriter(table_path, published_schema(dataset), day) as table,
        TableWriter(rejected_path, quarantine_schema(dataset)) as rejected,
    ):
        for block in read_range(file, part):
            batch = parse_rows(block, file.header, dataset)
            lines = batch.line_numbers
            compared = ComparedBatch(batch, np.isin(lines, same_rows), np.isin(lines, same_ids))
            split = split_batch(compared, judge, dataset, file.source_key, complete)
            table.write(split.published)
            rejected.write(split.quarantined)
            report.add(split)
    report.rows["published"], report.rows["quarantined"] = table.rows_written, rejected.rows_written
    sums = {name: str(amount) for name, amount in report.sums.items()}
    counts = {
        "rows": report.rows,
        "reasons": report.reasons,
        "malformed": report.malformed,
        "emptied": report.emptied,
    }
    return {**counts, "sums": sums, "missing": report.missing}


def _add_reports(file: RemoteSource, parts: Iterable[dict[str, Any]]) -> FileReport:
    report = _start_report(file)
    for part in parts:
        for name, count in part["rows"].items():
            report.rows[name] += count  # type: ignore[literal-required]  # of one and the same record
        for reason, count in part["reasons"].items():
            report.reasons[reason] += count
        for name, count in part["emptied"].items():
            report.emptied[name] += count
        for detail, count in part["malformed"].items():
            report.malformed[detail] = report.malformed.get(detail, 0) + count
        for name, amount in part["sums"].items():
            report.sums[name] = EXACT.add(report.sums[name], Decimal(amount))
        for name, count in part["missing"].items():
            report.missing[name] += count
    return report


def _start_report(file: RemoteSource) -> FileReport:
    return FileReport.of(file.header, file.dataset, *list_measured(file.dataset))


def _open_lookup(
    processed: Processed, dataset: Dataset, staged: str, late: str | None, sizes: Sizes
) -> Lookup:
    url = _table_url(staged, dataset)
    # Ids that order lines take from their header are not in the lines' own file: Spark cannot join on them.
    is_named = not ORDERS.column(ORDERS.references[dataset.name]).taken_from
    is_joined = is_named and head_object(Store(), url)["bytes"] > sizes.lookup_bytes
    pieces = tuple(piece.url for piece in processed.table)
    return Lookup(dataset.name, url, pieces, _quarantine_url(staged, dataset), late, is_joined)


def _name_outputs(staged: str) -> Iterator[tuple[str, str]]:
    for dataset in DATASETS.values():
        for url in (_table_url(staged, dataset), _quarantine_url(staged, dataset)):
            yield url.removeprefix(staged), url


def _table_url(staged: str, dataset: Dataset) -> str:
    return f"{staged}{dataset.name}.parquet"


def _quarantine_url(staged: str, dataset: Dataset) -> str:
    return f"{staged}quarantine/{dataset.name}.parquet"
