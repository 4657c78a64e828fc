"""Transform: raw text rows become typed, joined and judged rows.

To change what is computed, change `transform_orders`: it sees one batch as a pandas frame. The stage
itself, `transform`, and the files around it follow below.
"""

import logging
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from include import keys
from include.contract import (
    CUSTOMERS,
    DATASETS,
    DELIVERY_BEFORE_ORDER,
    ORDERS,
    PRODUCTS,
    UNKNOWN_CUSTOMER,
    UNKNOWN_PRODUCT,
    Dataset,
    Kind,
    invalid_reason,
    missing_reason,
)
from include.engine.dimension import Dimension
from include.engine.frames import to_array, to_flags
from include.engine.memory import keep_freed_memory
from include.engine.process import FileReport, Flags, Judged, process_file
from include.engine.raw_file import RawSource, read_header
from include.errors import SnapshotGoneError, TryAgainError
from include.manifest import LATE, Counts, describe_counts, digest_inputs, format_money
from include.objects import download_file, head_object, is_missing, upload_file
from include.parse import parse
from include.scratch import scratch_folder

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings
    from include.manifest import Extracted, RawFile, Transformed

log = logging.getLogger(__name__)

#: The columns of the published orders whose sums are reported.
SUMMED = ("total_price",)
#: Those whose empty values are counted.
MISSING = ("delivery_date",)
_DAY_MICROSECONDS = 24 * 60 * 60 * 1_000_000


def transform_dimension(raw: pd.DataFrame, dataset: Dataset) -> Judged:
    """Customers or products. Grain: one row a raw row; all raw columns, typed."""
    rows = parse_columns(raw, dataset)
    return Judged(rows, find_column_faults(raw, rows, dataset))


def transform_orders(raw: pd.DataFrame, customers: Dimension, products: Dimension) -> Judged:
    """A batch of orders. Grain: one row a raw row; the columns of the published orders.

    Values of refused rows promise nothing.
    """
    parsed = parse_columns(raw, ORDERS)
    customer_rows = customers.find(raw["customer_id"])
    product_rows = products.find(raw["product_id"])
    faults = {
        **find_column_faults(raw, parsed, ORDERS),
        DELIVERY_BEFORE_ORDER: is_true(parsed["delivery_date"] < parsed["order_date"]),
        UNKNOWN_CUSTOMER: is_true(raw["customer_id"].notna()) & (customer_rows < 0),
        UNKNOWN_PRODUCT: is_true(raw["product_id"].notna()) & (product_rows < 0),
    }
    computed = parsed.pipe(add_total_price).pipe(add_shipping_time)
    looked_up = [customers.look_up(customer_rows), products.look_up(product_rows)]
    return Judged(pd.concat([computed, *looked_up], axis="columns"), faults)


def add_total_price(orders: pd.DataFrame) -> pd.DataFrame:
    """total_price = quantity × selling_price, in exact decimals."""
    return orders.assign(total_price=orders["quantity"] * orders["selling_price"])


def add_shipping_time(orders: pd.DataFrame) -> pd.DataFrame:
    """shipping_time_days = whole 24-hour days from order_date to delivery_date; null while undelivered."""
    elapsed_microseconds = (orders["delivery_date"] - orders["order_date"]).astype("int64[pyarrow]")
    return orders.assign(shipping_time_days=elapsed_microseconds // _DAY_MICROSECONDS)


def parse_columns(raw: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Every column as its kind says; null where the text is missing or invalid."""
    return raw.assign(**{column.name: parse(raw[column.name], column.kind) for column in dataset.columns})


def find_column_faults(raw: pd.DataFrame, parsed: pd.DataFrame, dataset: Dataset) -> dict[str, Flags]:
    """The reject reasons that a column's own declaration in the contract gives."""
    faults: dict[str, Flags] = {}
    for column in dataset.columns:
        text, values = raw[column.name], parsed[column.name]
        if not column.nullable:
            faults[missing_reason(column)] = is_true(text.isna())
        if column.kind is not Kind.TEXT:
            faults[invalid_reason(column)] = is_true(text.notna() & values.isna())
        if column.minimum is not None:
            faults[column.below_minimum] = is_true(values < column.minimum)
    return faults


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
    inputs = extracted["inputs"]
    with scratch_folder("transform") as folder:
        raw_dir, out_dir = folder / "raw", folder / "out"
        sources = {}
        for name, dataset in DATASETS.items():
            _fetch_snapshot(hook, inputs[name], raw_dir / name)
            sources[name] = RawSource(dataset, raw_dir / name, inputs[name]["key"])
        late = _download_late_rows(hook, inputs, folder / "late")
        started = time.monotonic()
        counts = transform_files(sources, out_dir, settings.batch_bytes, late)
        report_counts(counts, time.monotonic() - started)
        staged, made_from = {}, digest_inputs(inputs)
        for path in sorted(out_dir.rglob("*.parquet")):
            name = path.relative_to(out_dir).as_posix()
            staged[name] = keys.staged(settings.layout, extracted["day"], extracted["run_id"], name)
            upload_file(hook, path, staged[name], made_from=made_from)
    return {"counts": counts, "staged": staged}


def report_counts(counts: Counts, seconds: float) -> None:
    """Leave in the log what became of the rows of a day."""
    for line in describe_counts(counts):
        log.info("%s", line)
    log.info("Transformed in %.1f s, total price %s", seconds, counts["total_price"])


def _fetch_snapshot(hook: "S3Hook", raw: "RawFile", path: Path) -> None:
    """Fetch exactly the bytes that the run pinned."""
    from botocore.exceptions import ClientError

    url = raw["snapshot_key"]
    try:
        download_file(hook, url, path)
        # Looked at afterwards: what was there before may have been replaced while it was read.
        state = head_object(hook, url)
    except ClientError as error:
        if is_missing(error):
            raise SnapshotGoneError(url) from error
        raise
    check_pinned(raw, state["etag"])
    if path.stat().st_size != state["bytes"]:
        raise TryAgainError(
            f"{url} has {state['bytes']:,} bytes, of which {path.stat().st_size:,} arrived. "
            "The next try may go well."
        )


def check_pinned(raw: "RawFile", etag: str) -> None:
    """Whether a snapshot that has this ETag is the one that the run pinned.

    Raises
    ------
    SnapshotGoneError: it is that of a later try.
    """
    if etag != raw.get("snapshot_etag", etag):
        raise SnapshotGoneError(
            raw["snapshot_key"],
            "this run was cleared and extracted again, and this is an earlier try. Nothing has to be done.",
        )


def _download_late_rows(hook: "S3Hook", inputs: "Mapping[str, RawFile]", folder: Path) -> dict[str, Path]:
    """The customers and products of later days that the run uses beside the day's own; most runs use none."""
    late = {}
    for dataset in (CUSTOMERS.name, PRODUCTS.name):
        if pinned := inputs.get(LATE + dataset):
            late[dataset] = folder / f"{dataset}.parquet"
            download_file(hook, pinned["snapshot_key"], late[dataset])
    return late


def transform_files(
    sources: Mapping[str, RawSource],
    out_dir: Path,
    batch_bytes: int,
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
    for source in sources.values():
        read_header(source)
    out_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".unfinished-") as folder:
        reports = _process_day(sources, Path(folder), batch_bytes, late or {})
        _move_files(Path(folder), out_dir)
    return count_rows(reports)


def _process_day(
    sources: Mapping[str, RawSource], out_dir: Path, batch_bytes: int, late: Mapping[str, Path]
) -> dict[str, FileReport]:
    reports = {}
    for dataset in (CUSTOMERS, PRODUCTS):
        reports[dataset.name] = process_file(
            sources[dataset.name], partial(transform_dimension, dataset=dataset), out_dir, batch_bytes
        )
    customers = Dimension.read(out_dir, CUSTOMERS, late.get(CUSTOMERS.name))
    products = Dimension.read(out_dir, PRODUCTS, late.get(PRODUCTS.name))
    reports[ORDERS.name] = process_file(
        sources[ORDERS.name],
        partial(transform_orders, customers=customers, products=products),
        out_dir,
        batch_bytes,
        summed=SUMMED,
        missing=MISSING,
    )
    return reports


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
    }
