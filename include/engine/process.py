"""The machinery of the transform: one raw file, batch by batch, into published and quarantined Parquet.

Reading, judging and writing overlap on a few threads; a handful of batches is in memory at any time.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include.contract import MALFORMED_ROW, Dataset, duplicate_reason, reasons
from include.contract.arrow import published_schema, quarantine_schema, transformed_schema
from include.engine.batches import (
    Batch,
    align_with_rows,
    hash_block_keys,
    list_delivered_key,
    parse_rows,
    read_file_again,
    read_file_blocks,
)
from include.engine.blanks import trim
from include.engine.csv_blocks import Cut
from include.engine.csv_records import Block
from include.engine.duplicates import FirstRows, RepeatFinder, find_repeated
from include.engine.frames import to_array, to_frame
from include.engine.identifiers import (
    find_identifier_faults,
    find_outer_blanks,
    hash_keys,
    trim_columns,
    trim_declared,
)
from include.engine.parallel import WORKERS, map_in_order
from include.engine.parquet import TableWriter
from include.engine.raw_file import Header, RawSource, read_header
from include.engine.text_hash import Hashes
from include.engine.value_formats import rewrite_values
from include.errors import RawFileError, RowsLostError
from include.manifest import RowCounts

Flags = npt.NDArray[np.bool_]

#: Adds columns taken from other files to the rows of a batch.
Completion = Callable[[Batch], Batch]

#: The default context of decimals rounds to 28 digits.
EXACT = Context(prec=76, traps=[Inexact])


@dataclass(frozen=True)
class Judged:
    """Typed rows, one per raw row in the same order, and per reason, flags for the rows it rejects."""

    rows: pd.DataFrame
    faults: Mapping[str, Flags]


@dataclass
class FileReport:
    """What became of the rows of one raw file."""

    unknown_columns: list[str]
    rows: RowCounts
    reasons: dict[str, int]
    malformed: dict[str, int]
    emptied: dict[str, int]
    sums: dict[str, Decimal]
    missing: dict[str, int]

    @classmethod
    def of(
        cls, header: Header, dataset: Dataset, summed: Iterable[str] = (), missing: Iterable[str] = ()
    ) -> "FileReport":
        """Nothing counted yet."""
        return cls(
            unknown_columns=header.unknown_columns(dataset),
            rows=RowCounts(read=0, published=0, quarantined=0, duplicates=0, blank=0),
            reasons=dict.fromkeys(reasons(dataset), 0),
            malformed={},
            emptied={column.name: 0 for column in dataset.columns if column.empty_if_invalid},
            sums=dict.fromkeys(summed, Decimal(0)),
            missing=dict.fromkeys(missing, 0),
        )

    def add(self, split: "SplitBatch") -> None:
        """Count the rows of a batch; whoever writes them counts those published and rejected."""
        self.rows["read"] += split.read
        self.rows["duplicates"] += split.duplicates
        self.rows["blank"] += split.blank
        for detail, count in split.malformed.items():
            self.malformed[detail] = self.malformed.get(detail, 0) + count
        for name, count in split.emptied.items():
            self.emptied[name] += count
        for reason, count in split.reasons.items():
            self.reasons[reason] += count
        for name in self.sums:
            self.sums[name] = EXACT.add(self.sums[name], _sum_exactly(split.published[name]))
        for name in self.missing:
            self.missing[name] += split.published[name].null_count


@dataclass(frozen=True)
class ComparedBatch:
    """A batch, with flags for exact duplicates and for other rows that repeat an earlier key."""

    batch: Batch
    is_same_row: Flags
    is_same_key: Flags


@dataclass(frozen=True)
class SplitBatch:
    """A batch split into published and quarantined rows."""

    published: pa.Table
    quarantined: pa.Table
    reasons: Mapping[str, int]
    malformed: Mapping[str, int]
    emptied: Mapping[str, int]
    read: int
    duplicates: int
    blank: int


def process_file(
    source: RawSource,
    judge: Callable[[pd.DataFrame], Judged],
    out_dir: Path,
    batch_bytes: int,
    day: dt.date,
    summed: tuple[str, ...] = (),
    missing: tuple[str, ...] = (),
    complete: Completion | None = None,
) -> FileReport:
    """Write `{dataset}.parquet` and `quarantine/{dataset}.parquet` into `out_dir`, in file order.

    `judge` sees the rows of one batch, exact duplicates included, and must not look beyond them.
    `summed` names the published columns whose exact sums are reported, `missing` those whose empty values
    are counted. `complete` adds columns taken from other files.

    Raises
    ------
    RawFileError: the file as a whole cannot be used.
    RowsLostError: the rows written are not the rows read.
    """
    dataset, header = source.dataset, read_header(source)
    report = FileReport.of(header, dataset, summed, missing)
    with (
        ThreadPoolExecutor(WORKERS) as pool,
        TableWriter(out_dir / f"{dataset.name}.parquet", published_schema(dataset), day) as published,
        TableWriter(
            out_dir / "quarantine" / f"{dataset.name}.parquet", quarantine_schema(dataset)
        ) as rejected,
    ):
        for split in map_in_order(
            pool,
            lambda batch: split_batch(batch, judge, dataset, source.source_key, complete),
            _compare_rows(pool, source, header, batch_bytes),
        ):
            published.write(split.published)
            rejected.write(split.quarantined)
            report.add(split)
    report.rows["published"], report.rows["quarantined"] = published.rows_written, rejected.rows_written
    check_nothing_lost(report.rows, dataset, source.source_key)
    return report


def _compare_rows(
    pool: ThreadPoolExecutor, source: RawSource, header: Header, batch_bytes: int
) -> Iterator[ComparedBatch]:
    """The batches of a file, each with the rows that repeat earlier ones."""
    dataset = source.dataset
    if dataset.numbered_column or dataset.delivered_in:
        yield from _compare_in_one_reading(pool, source, header, batch_bytes)
        return
    finder, first_reading = _find_repeats(pool, source, header, batch_bytes)
    for batch, may_repeat in _read_batches(pool, source, header, finder, first_reading):
        rows = trim_declared(batch.rows, dataset)
        yield ComparedBatch(batch, *finder.find(rows, dataset.key_columns, may_repeat))


def _compare_in_one_reading(
    pool: ThreadPoolExecutor, source: RawSource, header: Header, batch_bytes: int
) -> Iterator[ComparedBatch]:
    """For files read only once: line-number keys never repeat; for other keys the first row wins."""
    dataset, first_rows = source.dataset, FirstRows()
    blocks = read_file_blocks(source, header, batch_bytes)
    for batch in map_in_order(pool, lambda block: parse_rows(block, header, dataset), blocks):
        is_same_row = is_same_key = np.zeros(len(batch.rows), bool)
        if dataset.delivered_in:
            is_same_row = first_rows.find_repeats(trim_declared(batch.rows, dataset)[dataset.id_column])
        yield ComparedBatch(batch, is_same_row, is_same_key)


def _find_repeats(
    pool: ThreadPoolExecutor, source: RawSource, header: Header, batch_bytes: int
) -> tuple[RepeatFinder, list[tuple[Cut, Flags]]]:
    """Read the ids of a file. Also returns, for each block, its position and which of its ids may repeat."""
    first_reading = list(_read_ids(pool, source, header, batch_bytes))
    finder = RepeatFinder(find_repeated(pool, [hashes for _, hashes in first_reading]))
    # A flag takes an eighth of the memory of a hash, and whole batches are in memory from here on.
    return finder, [(cut, finder.may_repeat(hashes)) for cut, hashes in first_reading]


def _read_ids(
    pool: ThreadPoolExecutor, source: RawSource, header: Header, batch_bytes: int
) -> Iterator[tuple[Cut, Hashes]]:
    """For each block, its position and the hashes of its ids."""

    def read(block: Block) -> tuple[Cut, Hashes]:
        return Cut.of(block), hash_block_keys(block, header, source.dataset)

    return map_in_order(pool, read, read_file_blocks(source, header, batch_bytes))


def _read_batches(
    pool: ThreadPoolExecutor,
    source: RawSource,
    header: Header,
    finder: RepeatFinder,
    first_reading: list[tuple[Cut, Flags]],
) -> Iterator[tuple[Batch, Flags]]:
    """The batches, each with the rows whose keys may repeat."""
    dataset, key = source.dataset, list_delivered_key(header, source.dataset)

    def parse(block: Block, may_repeat: Flags) -> tuple[Batch, Flags]:
        batch = parse_rows(block, header, dataset)
        known = align_with_rows(batch, block, may_repeat)
        if known is None:
            return batch, finder.may_repeat(hash_keys(batch.rows, dataset, key))
        return batch, known

    blocks = read_file_again(source, header, [cut for cut, _ in first_reading])
    items = ((block, flags) for block, (_, flags) in zip(blocks, first_reading, strict=True))
    return map_in_order(pool, lambda item: parse(*item), items)


def split_batch(
    compared: ComparedBatch,
    judge: Callable[[pd.DataFrame], Judged],
    dataset: Dataset,
    source_key: str,
    complete: Completion | None = None,
) -> SplitBatch:
    """Publish the rows without a fault; give the others their reasons, and their text as delivered."""
    batch = complete(compared.batch) if complete else compared.batch
    outer_blanks = find_outer_blanks(batch.judged_rows, dataset)
    rewritten = rewrite_values(trim_columns(batch.judged_rows, outer_blanks), dataset)
    judged = judge(to_frame(rewritten.rows))
    is_distinct = ~compared.is_same_row
    faults = {
        **judged.faults,
        **rewritten.find_faults(judged.faults),
        **find_identifier_faults(batch.rows, dataset, outer_blanks),
        duplicate_reason(dataset): compared.is_same_key,
    }
    faults = {reason: flags & is_distinct for reason, flags in faults.items()}
    is_rejected = np.logical_or.reduce(list(faults.values()))
    return SplitBatch(
        published=_keep(judged.rows, is_distinct & ~is_rejected, transformed_schema(dataset)),
        quarantined=_quarantine(batch, np.flatnonzero(is_rejected), faults, dataset, source_key),
        reasons={reason: int(np.count_nonzero(flags)) for reason, flags in faults.items()}
        | {MALFORMED_ROW: len(batch.malformed)},
        malformed=Counter(line.detail for line in batch.malformed),
        emptied=_count_emptied(rewritten.rows, judged.rows, is_distinct & ~is_rejected, dataset),
        read=len(batch.rows) + len(batch.malformed),
        duplicates=int(np.count_nonzero(compared.is_same_row)),
        blank=batch.blank,
    )


def _count_emptied(
    text: pa.RecordBatch, values: pd.DataFrame, is_published: Flags, dataset: Dataset
) -> dict[str, int]:
    """How many values of published rows could not be read and were left out, by column that allows it."""
    return {
        column.name: int(
            np.count_nonzero(
                is_published
                & trim(text[column.name]).is_valid().to_numpy(zero_copy_only=False)
                & values[column.name].isna().to_numpy()
            )
        )
        for column in dataset.columns
        if column.empty_if_invalid
    }


def _keep(rows: pd.DataFrame, is_kept: Flags, schema: pa.Schema) -> pa.Table:
    """Looked-up text stays dictionary-encoded, which Parquet stores as plain text."""
    # Column by column: filtering a table as a whole takes twice as long.
    arrays = [to_array(rows[name]).filter(pa.array(is_kept)) for name in schema.names]
    return pa.Table.from_arrays(
        arrays,
        schema=pa.schema([field.with_type(array.type) for field, array in zip(schema, arrays, strict=True)]),
    )


def _quarantine(
    batch: Batch,
    rejected: npt.NDArray[np.int64],
    faults: Mapping[str, Flags],
    dataset: Dataset,
    source_key: str,
) -> pa.Table:
    schema = quarantine_schema(dataset)
    rows = pa.Table.from_batches([batch.rows.take(pa.array(rejected))])
    names = np.array([reason for reason in reasons(dataset) if reason in faults])
    of_rows = [names[row].tolist() for row in np.column_stack([faults[name][rejected] for name in names])]
    malformed = batch.malformed
    provenance = {
        "reasons": [*of_rows, *([MALFORMED_ROW] for _ in malformed)],
        "source_key": [source_key] * (len(rejected) + len(malformed)),
        "line_number": [*batch.line_numbers[rejected].tolist(), *(line.number for line in malformed)],
        "raw_line": [*([None] * len(rejected)), *(line.text for line in malformed)],
        "detail": [*([None] * len(rejected)), *(line.detail for line in malformed)],
    }
    as_delivered = [
        pa.concat_arrays([*rows[name].chunks, pa.nulls(len(malformed), pa.string())])
        for name in dataset.column_names
    ]
    columns = [pa.array(values, schema.field(name).type) for name, values in provenance.items()]
    return pa.Table.from_arrays([*as_delivered, *columns], schema=schema).sort_by("line_number")


def _sum_exactly(amounts: pa.ChunkedArray) -> Decimal:
    """In 256 bits: Arrow's 128-bit sums overflow silently."""
    total = pc.sum(amounts.cast(pa.decimal256(EXACT.prec, amounts.type.scale))).as_py()
    return total or Decimal(0)


def check_nothing_lost(rows: RowCounts, dataset: Dataset, source_key: str) -> None:
    """Raises an error unless every row that was read was published, rejected or dropped."""
    # A file in which no row has this dataset's key, such as a day of guest orders, is not empty.
    if rows["read"] == 0 and not dataset.may_be_empty and not dataset.delivered_in:
        raise RawFileError(
            source_key,
            "",
            "there are no rows below the header",
            f"Deliver it again; if a day without {dataset.name} is possible, declare may_be_empty=True for "
            "them in the contract.",
        )
    if rows["read"] != rows["published"] + rows["quarantined"] + rows["duplicates"]:
        raise RowsLostError(f"{source_key}: the rows do not add up: {rows}. Nothing was published.")
