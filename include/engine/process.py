"""The machinery of the transform: one raw file, batch by batch, into published and quarantined Parquet.

Reading, judging and writing overlap on a few threads; a handful of batches is in memory at any time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include.contract import MALFORMED_ROW, Dataset, duplicate_reason, reasons
from include.engine.batches import Batch, parse_block, parse_key, read_file_blocks
from include.engine.csv_blocks import Block
from include.engine.duplicates import RepeatFinder, find_repeated
from include.engine.frames import to_array, to_frame
from include.engine.parallel import WORKERS, map_in_order
from include.engine.parquet import TableWriter
from include.engine.raw_file import Header, RawSource, read_header
from include.engine.text_hash import Hashes, hash_text
from include.errors import RawFileError, RowsLostError
from include.manifest import RowCounts
from include.tables import published_schema, quarantine_schema

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """Typed rows, one for each raw row in the same order, and for each reason the rows that it refuses."""

    rows: pd.DataFrame
    faults: Mapping[str, Flags]


@dataclass
class FileReport:
    """What became of the rows of one raw file."""

    unknown_columns: list[str]
    rows: RowCounts
    reasons: dict[str, int]
    sums: dict[str, Decimal]

    @classmethod
    def of(cls, header: Header, dataset: Dataset, summed: Iterable[str] = ()) -> "FileReport":
        """Nothing counted yet."""
        return cls(
            unknown_columns=header.unknown_columns(dataset),
            rows=RowCounts(read=0, published=0, quarantined=0, duplicates=0),
            reasons=dict.fromkeys(reasons(dataset), 0),
            sums=dict.fromkeys(summed, Decimal(0)),
        )

    def add(self, split: "SplitBatch") -> None:
        """Count the rows of a batch."""
        self.rows["read"] += split.read
        self.rows["published"] += len(split.published)
        self.rows["quarantined"] += len(split.quarantined)
        self.rows["duplicates"] += split.duplicates
        for reason, count in split.reasons.items():
            self.reasons[reason] += count
        for name in self.sums:
            self.sums[name] += pc.sum(split.published[name]).as_py() or 0


@dataclass(frozen=True)
class ComparedBatch:
    """A batch, with the rows that equal an earlier one and the others that share the id of an earlier one."""

    batch: Batch
    is_same_row: Flags
    is_same_id: Flags


@dataclass(frozen=True)
class SplitBatch:
    """A batch after its judgement."""

    published: pa.Table
    quarantined: pa.Table
    reasons: Mapping[str, int]
    read: int
    duplicates: int


def process_file(
    source: RawSource,
    judge: Callable[[pd.DataFrame], Judged],
    out_dir: Path,
    batch_bytes: int,
    summed: tuple[str, ...] = (),
) -> FileReport:
    """Write `{dataset}.parquet` and `quarantine/{dataset}.parquet` into `out_dir`, in file order.

    `judge` sees the rows of one batch, exact duplicates included, and must not look beyond them.
    `summed` names the published columns whose exact sums are reported.

    Raises
    ------
    RawFileError: the file as a whole cannot be used.
    RowsLostError: the rows written are not the rows read.
    """
    dataset, header = source.dataset, read_header(source)
    report = FileReport.of(header, dataset, summed)
    with (
        ThreadPoolExecutor(WORKERS) as pool,
        TableWriter(out_dir / f"{dataset.name}.parquet", published_schema(dataset)) as published,
        TableWriter(
            out_dir / "quarantine" / f"{dataset.name}.parquet", quarantine_schema(dataset)
        ) as refused,
    ):
        finder = RepeatFinder(find_repeated(_hash_keys(pool, source, header, batch_bytes)))
        batches = _read_batches(pool, source, header, batch_bytes)
        compared = (
            ComparedBatch(batch, *finder.find(batch.rows, dataset.key, hashes)) for batch, hashes in batches
        )
        for split in map_in_order(
            pool, lambda batch: split_batch(batch, judge, dataset, source.source_key), compared
        ):
            published.write(split.published)
            refused.write(split.quarantined)
            report.add(split)
    report.rows["published"], report.rows["quarantined"] = published.rows_written, refused.rows_written
    check_nothing_lost(report.rows, source.source_key)
    return report


def _hash_keys(
    pool: ThreadPoolExecutor, source: RawSource, header: Header, batch_bytes: int
) -> Iterator[Hashes]:
    blocks, key = read_file_blocks(source, header, batch_bytes), source.dataset.key
    return map_in_order(pool, lambda block: hash_text(parse_key(block, header, key)), blocks)


def _read_batches(
    pool: ThreadPoolExecutor, source: RawSource, header: Header, batch_bytes: int
) -> Iterator[tuple[Batch, Hashes]]:
    """The batches, each with the hashes of its ids."""

    def parse(block: Block) -> tuple[Batch, Hashes]:
        batch = parse_block(block, header, source.dataset.column_names)
        return batch, hash_text(batch.rows[source.dataset.key])

    return map_in_order(pool, parse, read_file_blocks(source, header, batch_bytes))


def split_batch(
    compared: ComparedBatch, judge: Callable[[pd.DataFrame], Judged], dataset: Dataset, source_key: str
) -> SplitBatch:
    """Publish the rows without a fault; give the others their reasons, and their text as delivered."""
    batch = compared.batch
    judged = judge(to_frame(batch.rows))
    is_distinct = ~compared.is_same_row
    faults = {**judged.faults, duplicate_reason(dataset): compared.is_same_id}
    faults = {reason: flags & is_distinct for reason, flags in faults.items()}
    is_refused = np.logical_or.reduce(list(faults.values()))
    rows = _to_table(judged.rows, published_schema(dataset))
    return SplitBatch(
        published=rows.filter(pa.array(is_distinct & ~is_refused)),
        quarantined=_quarantine(batch, np.flatnonzero(is_refused), faults, dataset, source_key),
        reasons={reason: int(flags.sum()) for reason, flags in faults.items()}
        | {MALFORMED_ROW: len(batch.malformed)},
        read=len(batch.rows) + len(batch.malformed),
        duplicates=int(compared.is_same_row.sum()),
    )


def _to_table(rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Looked-up text stays dictionary-encoded, which Parquet stores as plain text."""
    arrays = [to_array(rows[name]) for name in schema.names]
    return pa.Table.from_arrays(
        arrays,
        schema=pa.schema([field.with_type(array.type) for field, array in zip(schema, arrays, strict=True)]),
    )


def _quarantine(
    batch: Batch,
    refused: npt.NDArray[np.int64],
    faults: Mapping[str, Flags],
    dataset: Dataset,
    source_key: str,
) -> pa.Table:
    schema = quarantine_schema(dataset)
    rows = pa.Table.from_batches([batch.rows.take(pa.array(refused))])
    names = np.array([reason for reason in reasons(dataset) if reason in faults])
    of_rows = [names[row].tolist() for row in np.column_stack([faults[name][refused] for name in names])]
    malformed = batch.malformed
    provenance = {
        "reasons": [*of_rows, *([MALFORMED_ROW] for _ in malformed)],
        "source_key": [source_key] * (len(refused) + len(malformed)),
        "line_number": [*batch.line_numbers[refused].tolist(), *(line.number for line in malformed)],
        "raw_line": [*([None] * len(refused)), *(line.text for line in malformed)],
    }
    as_delivered = [
        pa.concat_arrays([*rows[name].chunks, pa.nulls(len(malformed), pa.string())])
        for name in dataset.column_names
    ]
    columns = [pa.array(values, schema.field(name).type) for name, values in provenance.items()]
    return pa.Table.from_arrays([*as_delivered, *columns], schema=schema).sort_by("line_number")


def check_nothing_lost(rows: RowCounts, source_key: str) -> None:
    """Raises an error unless every row that was read was published, refused or dropped."""
    if rows["read"] == 0:
        raise RawFileError(source_key, "", "there are no rows below the header", "Deliver it again.")
    if rows["read"] != rows["published"] + rows["quarantined"] + rows["duplicates"]:
        raise RowsLostError(f"{source_key}: the rows do not add up: {rows}. Nothing was published.")
