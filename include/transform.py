"""Transform: raw text rows become typed, joined and judged rows.

To change what is computed, change `transform_orders`: it sees one batch as a pandas frame. The stage
itself, `transform`, and the files around it follow below.
"""

import datetime as dt
import logging
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include import keys
from include.contract import (
    DATASETS,
    DELIVERED,
    DELIVERY_BEFORE_ORDER,
    LOOKED_UP,
    ORDERS,
    Column,
    Dataset,
    Kind,
    implausible_reason,
    invalid_reason,
    list_taken,
    minimum_reason,
    missing_reason,
    rejected_reason,
    unknown_reason,
)
from include.contract.arrow import ARROW_TYPES
from include.contract.line_total import (
    TOTAL,
    describe_total,
    find_delivered_total,
    find_factors,
    list_total_rules,
)
from include.contract.model import EARLIEST, LATEST, ValueFormat, list_column_reasons
from include.engine.batches import Batch
from include.engine.blanks import trim
from include.engine.dimension import Dimension
from include.engine.frames import to_array, to_column, to_flags
from include.engine.memory import keep_freed_memory
from include.engine.parse import parse
from include.engine.process import Completion, FileReport, Flags, Judged, process_file
from include.engine.raw_file import RawSource, read_header
from include.engine.value_formats import empty_null_words
from include.errors import RawFileError, RawFilesError
from include.inputs.snapshot import download_late_rows, fetch_snapshot
from include.manifest import Counts, describe_counts, digest_inputs, format_money
from include.s3.objects import upload_file
from include.scratch import scratch_folder

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings
    from include.manifest import Extracted, Manifest, RawFile, Transformed
    from include.s3.objects import Hook

log = logging.getLogger(__name__)

#: The columns of the published orders whose sums are reported.
SUMMED = ("total_price",)
#: Those whose empty values are counted.
MISSING = ("delivery_date",)
#: A file of free text can have rows of very many lengths.
_MOST_DETAILS = 5
#: The type of the published total.
TOTAL_KIND = describe_total(ORDERS).kind
_DAY_MICROSECONDS = 24 * 60 * 60 * 1_000_000


def transform_table(raw: pd.DataFrame, dataset: Dataset) -> Judged:
    """A batch of any dataset but orders. Grain: one row a raw row; all raw columns, typed."""
    rows = parse_columns(raw, dataset)
    faults = find_column_faults(raw, rows, dataset)
    if taken := list_taken(dataset):
        rows = rows.assign(**{name: raw[name].where(rows[name].notna()) for name in taken})
    return Judged(rows, faults)


def transform_orders(raw: pd.DataFrame, dimensions: Mapping[str, Dimension]) -> Judged:
    """A batch of orders. Grain: one row a raw row; the columns of the published orders.

    `dimensions` are the datasets that orders refer to. Values of rejected rows mean nothing.
    """
    parsed = parse_columns(raw, ORDERS)
    found = {name: dimensions[name].find(raw[column]) for name, column in ORDERS.references.items()}
    ordered_from = find_first_delivery(raw, parsed)
    faults = {
        **keep_taken_faults(find_column_faults(raw, parsed, ORDERS), found),
        DELIVERY_BEFORE_ORDER: is_true(parsed["delivery_date"] < ordered_from),
        **find_total_faults(parsed),
        **find_reference_faults(raw, found, dimensions),
    }
    computed = parsed.pipe(add_total_price).pipe(add_shipping_time, ordered_from)
    looked_up = [dimensions[name].look_up(rows) for name, rows in found.items()]
    return Judged(pd.concat([computed, *looked_up], axis="columns"), faults)


def take_columns(batch: Batch, dimensions: Mapping[str, Dimension]) -> Batch:
    """Order lines with the columns that they take from accepted rows of other datasets, such as headers."""
    rows = batch.rows
    for source in dict.fromkeys(column.taken_from for column in ORDERS.columns if column.taken_from):
        reference = ORDERS.column(ORDERS.references[source])
        ids = empty_null_words(trim(rows[reference.name]), ORDERS.format_of(reference))
        found = dimensions[source].find(pd.Series(to_column(ids)))
        for name in list_taken(DATASETS[source]):
            values = dimensions[source].take(name, found)
            rows = rows.set_column(rows.schema.get_field_index(name), name, values)
    return replace(batch, rows=rows)


def keep_taken_faults(
    faults: dict[str, Flags], found: Mapping[str, npt.NDArray[np.int64]]
) -> dict[str, Flags]:
    """Without those of columns taken from a row that was not found: the reference says it already."""
    missing = {
        reason: found[column.taken_from] < 0
        for column in ORDERS.columns
        if column.taken_from
        for reason in list_column_reasons(ORDERS, column)
    }
    return {
        reason: flags & ~missing[reason] if reason in missing else flags for reason, flags in faults.items()
    }


def add_total_price(orders: pd.DataFrame) -> pd.DataFrame:
    """total_price = quantity × selling_price, exact; as delivered where a row lacks one of them."""
    if not find_factors(ORDERS):
        return orders.assign(total_price=as_total(orders[TOTAL]))
    product = multiply_factors(orders)
    delivered = as_total(orders[TOTAL]) if find_delivered_total(ORDERS) else None
    return orders.assign(total_price=product if delivered is None else product.fillna(delivered))


def find_total_faults(orders: pd.DataFrame) -> dict[str, Flags]:
    """Rows whose delivered total is not quantity × selling_price; nothing without both in the contract."""
    rules = list_total_rules(ORDERS)
    return {rule: is_true(as_total(orders[TOTAL]) != multiply_factors(orders)) for rule in rules}


def multiply_factors(orders: pd.DataFrame) -> pd.Series:
    """The product quantity × selling_price; null where a row lacks one of them."""
    return as_total(orders["quantity"] * orders["selling_price"])


def as_total(amounts: pd.Series) -> pd.Series:
    """Exact amounts in the type of the published total, which holds every product."""
    total = pd.ArrowDtype(ARROW_TYPES[TOTAL_KIND])
    return amounts if amounts.dtype == total else amounts.astype(total)


def add_shipping_time(orders: pd.DataFrame, ordered_from: pd.Series) -> pd.DataFrame:
    """shipping_time_days = whole 24-hour days up to delivery_date; null while undelivered."""
    elapsed_microseconds = (orders["delivery_date"] - ordered_from).astype("int64[pyarrow]")
    return orders.assign(shipping_time_days=elapsed_microseconds // _DAY_MICROSECONDS)


def find_first_delivery(raw: pd.DataFrame, parsed: pd.DataFrame) -> pd.Series:
    """From when on an order can be delivered: order_date, or its midnight where delivery_date has no time."""
    is_whole_day = find_bare_dates(raw["delivery_date"], parsed["delivery_date"])
    if not is_whole_day.any():
        return parsed["order_date"]
    ordered_from, order_date = parsed["order_date"].copy(), ORDERS.column("order_date")
    ordered_from[is_whole_day] = find_local_midnight(ordered_from[is_whole_day], ORDERS.format_of(order_date))
    return ordered_from


def find_local_midnight(moments: pd.Series, value_format: ValueFormat) -> pd.Series:
    """The start of the day that a clock in the declared time zone shows, as a bare date is read: in UTC."""
    local = moments.dt.tz_convert(value_format.time_zone)
    midnight: pd.Series = local.dt.floor("D").dt.tz_localize(None).dt.tz_localize("UTC")
    return midnight


def find_bare_dates(text: pd.Series, values: pd.Series) -> Flags:
    """Which timestamps were delivered as a date without a time."""
    flags = np.zeros(len(text), bool)
    moments = to_array(values)
    microseconds = pc.fill_null(moments.view(pa.int64()), -1).to_numpy()
    midnights = np.flatnonzero(microseconds % _DAY_MICROSECONDS == 0)
    if len(midnights):
        has_time = pc.match_substring(to_array(text).take(pa.array(midnights)), ":")
        flags[midnights] = ~has_time.to_numpy(zero_copy_only=False)
    return flags


def find_reference_faults(
    raw: pd.DataFrame, found: Mapping[str, npt.NDArray[np.int64]], dimensions: Mapping[str, Dimension]
) -> dict[str, Flags]:
    """The ids that no accepted row has: those of rejected rows, and those of none."""
    faults: dict[str, Flags] = {}
    for name, column in ORDERS.references.items():
        is_lost = is_true(raw[column].notna()) & (found[name] < 0)
        is_of_rejected = dimensions[name].find_rejected(raw[column], is_lost)
        faults[unknown_reason(column)] = is_lost & ~is_of_rejected
        faults[rejected_reason(column)] = is_of_rejected
    return faults


def parse_columns(raw: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Every column as its kind says; null where the text is missing or invalid."""
    parsed = raw.assign(**{column.name: parse(raw[column.name], column.kind) for column in dataset.columns})
    emptied = {
        column.name: parsed[column.name].mask(find_out_of_range(parsed[column.name], column))
        for column in dataset.columns
        if column.empty_if_invalid
    }
    return parsed.assign(**emptied) if emptied else parsed


def find_out_of_range(values: pd.Series, column: Column) -> Flags:
    """Which values are implausible or too small."""
    flags = np.zeros(len(values), bool)
    if column.kind is Kind.TIMESTAMP:
        flags |= find_implausible(values, column)
    if column.minimum is not None:
        flags |= is_true(values < column.minimum)
    return flags


def find_column_faults(raw: pd.DataFrame, parsed: pd.DataFrame, dataset: Dataset) -> dict[str, Flags]:
    """The reject reasons that a column's own declaration in the contract gives."""
    faults: dict[str, Flags] = {}
    for column in dataset.columns:
        text, values = raw[column.name], parsed[column.name]
        is_empty = find_nulls(text)
        if column.kind is not Kind.TEXT:
            is_invalid = find_nulls(values) & ~is_empty
            is_blank = find_blank(text, is_invalid)
            is_empty, is_invalid = is_empty | is_blank, is_invalid & ~is_blank
            faults[invalid_reason(column)] = is_invalid & (not column.empty_if_invalid)
        if not column.nullable:
            faults[missing_reason(column)] = is_empty
        if column.kind is Kind.TIMESTAMP:
            faults[implausible_reason(column)] = find_implausible(values, column)
        if column.minimum is not None:
            faults[minimum_reason(column)] = is_true(values < column.minimum)
    return faults


def find_implausible(moments: pd.Series, column: Column) -> Flags:
    """Which timestamps are outside the plausible days of the column."""
    first, end = list_plausible_microseconds(column)
    microseconds = pc.fill_null(to_array(moments).view(pa.int64()), first).to_numpy()
    flags: Flags = (microseconds < first) | (microseconds >= end)
    return flags


@cache
def list_plausible_microseconds(column: Column) -> tuple[int, int]:
    """The first plausible moment of a column and the end of the last plausible day, since 1970."""
    first, last = (
        int(np.datetime64(day, "us").astype(np.int64))
        for day in (column.earliest or EARLIEST, column.latest or LATEST)
    )
    return first, last + _DAY_MICROSECONDS


def find_nulls(values: pd.Series) -> Flags:
    """Which values are missing."""
    flags: Flags = to_array(values).is_null().to_numpy(zero_copy_only=False)
    return flags


def find_blank(text: pd.Series, suspects: Flags) -> Flags:
    """Which of the suspects hold nothing but blanks: they are as empty as an empty field."""
    is_blank = np.zeros(len(text), bool)
    is_blank[suspects] = trim(to_array(text[suspects])).is_null().to_numpy(zero_copy_only=False)
    return is_blank


def is_true(condition: pd.Series) -> Flags:
    """A condition as plain flags; unknown is not true."""
    return condition.to_numpy() if condition.dtype == bool else to_flags(to_array(condition))


def transform(hook: "S3Hook", settings: "Settings", extracted: "Extracted") -> "Transformed":
    """Transform a run's snapshot into its staged tables and quarantines.

    Raises
    ------
    RawFileError: a file as a whole cannot be used; nothing was staged.
    SnapshotGoneError: the run's snapshot was cleaned up, or is that of a later try.
    """
    with scratch_folder("transform") as folder:
        counts = transform_snapshot(hook, settings, extracted, folder)
        return {"counts": counts, "staged": _stage_files(hook, settings, extracted, folder / "out")}


def transform_snapshot(
    hook: "Hook", settings: "Settings", run: "Extracted | Manifest", folder: Path
) -> Counts:
    """Download the inputs of a run and write its tables and quarantines to `out` in the folder."""
    inputs = run["inputs"]
    sources = _fetch_sources(hook, inputs, folder / "raw")
    late = download_late_rows(hook, inputs, folder / "late")
    started = time.monotonic()
    day = dt.date.fromisoformat(run["day"])
    counts = transform_files(sources, folder / "out", settings.batch_bytes, day, late)
    report_counts(counts, time.monotonic() - started)
    return counts


def _fetch_sources(hook: "Hook", inputs: "Mapping[str, RawFile]", folder: Path) -> dict[str, RawSource]:
    for name in DELIVERED:
        fetch_snapshot(hook, inputs[name], folder / name)
    return {
        name: RawSource(dataset, folder / dataset.raw_dataset, inputs[dataset.raw_dataset]["key"])
        for name, dataset in DATASETS.items()
    }


def _stage_files(
    hook: "S3Hook", settings: "Settings", extracted: "Extracted", folder: Path
) -> dict[str, str]:
    """Upload the tables and quarantines of a folder. Returns the key of each."""
    staged, made_from = {}, digest_inputs(extracted["inputs"])
    for path in sorted(folder.rglob("*.parquet")):
        name = path.relative_to(folder).as_posix()
        staged[name] = keys.staged(settings.layout, extracted["day"], extracted["run_id"], name)
        upload_file(hook, path, staged[name], made_from=made_from)
    return staged


def report_counts(counts: Counts, seconds: float) -> None:
    """Leave in the log what became of the rows of a day."""
    for line in describe_counts(counts):
        log.info("%s", line)
    log.info("Transformed in %.1f s, total price %s", seconds, counts["total_price"])


def transform_files(
    sources: Mapping[str, RawSource],
    out_dir: Path,
    batch_bytes: int,
    day: dt.date,
    late: Mapping[str, Path] | None = None,
) -> Counts:
    """Transform one day's raw files on local disk. Orders also find the `late` customers and products.

    Writes `{dataset}.parquet` and `quarantine/{dataset}.parquet` for each dataset into `out_dir`, all of
    them or, on an error, none.

    Raises
    ------
    RawFileError: a file as a whole cannot be used.
    """
    keep_freed_memory()
    check_headers(sources.values())
    out_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".unfinished-") as folder:
        reports = _process_day(sources, Path(folder), batch_bytes, day, late or {})
        _move_files(Path(folder), out_dir)
    return count_rows(reports)


def check_headers(sources: Iterable[RawSource]) -> None:
    """Check every file before any is worked on, so that all faults are reported at once.

    Raises
    ------
    RawFileError: names each file that cannot be used.
    """
    errors = []
    for source in sources:
        try:
            read_header(source)
        except RawFileError as error:
            errors.append(error)
    if len(errors) > 1:
        raise RawFilesError(errors)
    if errors:
        raise errors[0]


def _process_day(
    sources: Mapping[str, RawSource],
    out_dir: Path,
    batch_bytes: int,
    day: dt.date,
    late: Mapping[str, Path],
) -> dict[str, FileReport]:
    """One file after the other; what orders refer to stands before them in the contract."""
    reports: dict[str, FileReport] = {}
    dimensions: dict[str, Dimension] = {}
    for name, dataset in DATASETS.items():
        reports[name] = process_file(
            sources[name],
            make_judge(dataset, dimensions),
            out_dir,
            batch_bytes,
            day,
            *list_measured(dataset),
            complete=make_completion(dataset, dimensions),
        )
        if name in LOOKED_UP:
            dimensions[name] = Dimension.read(out_dir, dataset, late.get(name))
    return reports


def make_judge(dataset: Dataset, dimensions: Mapping[str, Dimension]) -> Callable[[pd.DataFrame], Judged]:
    """What judges a batch of the dataset."""
    if dataset is ORDERS:
        return partial(transform_orders, dimensions=dimensions)
    return partial(transform_table, dataset=dataset)


def make_completion(dataset: Dataset, dimensions: Mapping[str, Dimension]) -> Completion | None:
    """What adds the columns that rows of the dataset take from others; None where there are none."""
    is_completed = dataset is ORDERS and any(column.taken_from for column in dataset.columns)
    return partial(take_columns, dimensions=dimensions) if is_completed else None


def list_measured(dataset: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The published columns whose sums are reported, and those whose empty values are counted."""
    return (SUMMED, MISSING) if dataset is ORDERS else ((), ())


def list_most_frequent(malformed: Mapping[str, int]) -> dict[str, int]:
    """What is wrong with most of the malformed rows of a file, the most frequent first."""
    ranked = sorted(malformed.items(), key=lambda each: (-each[1], each[0]))
    return dict(ranked[:_MOST_DETAILS])


def _move_files(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*.parquet")):
        destination = target / path.relative_to(source)
        destination.parent.mkdir(exist_ok=True)
        path.replace(destination)


def count_rows(reports: Mapping[str, FileReport]) -> Counts:
    """What became of the rows of a day, from the reports of its files."""
    return {
        "rows": {name: report.rows for name, report in reports.items()},
        "reasons": {name: report.reasons for name, report in reports.items()},
        "total_price": format_money(reports[ORDERS.name].sums["total_price"]),
        "undelivered": reports[ORDERS.name].missing["delivery_date"],
        "drift": {name: {"unknown_columns": report.unknown_columns} for name, report in reports.items()},
        "malformed": {name: list_most_frequent(report.malformed) for name, report in reports.items()},
        "emptied": {name: report.emptied for name, report in reports.items() if report.emptied},
    }
