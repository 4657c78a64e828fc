"""Rows that repeat, across all ranges of a file: what `include.engine.duplicates` finds, with shuffles.

First only a hash of each id travels. Then only the rows whose hash occurs twice do, to where all rows with
that hash come together in file order and are compared by their text.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from include.engine.batches import hash_block_keys, list_delivered_key, parse_rows
from include.engine.duplicates import SeenRows
from include.engine.identifiers import hash_keys, trim_declared
from include.spark.file_ranges import FileRange, RemoteSource, read_range
from include.spark.frames import (
    HASH,
    IS_SAME_ROW,
    LINE,
    RANGE,
    SAME_IDS,
    SAME_ROWS,
    Batches,
    add_to_ranges,
    list_ranges,
    make_range_frame,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_HASHES = "_hashes"


def find_repeats(session: "SparkSession", file: RemoteSource, parts: list[FileRange]) -> "DataFrame":
    """For each range that has any: the lines of its rows that repeat an earlier row of the file.

    Those that equal it in every column are apart from those that only share its id.
    """
    from pyspark.sql import functions

    ranges = make_range_frame(session, parts)
    hashes = ranges.mapInArrow(_hash_keys(file), f"{RANGE} int, {HASH} long")
    repeated = hashes.groupBy(HASH).count().where("count > 1").select(HASH)
    of_ranges = hashes.join(repeated, HASH, "left_semi").groupBy(RANGE)
    wanted = of_ranges.agg(functions.collect_set(HASH).alias(_HASHES))
    columns = ", ".join(f"{name} string" for name in file.dataset.column_names)
    candidates = add_to_ranges(ranges, parts, wanted).mapInArrow(
        _read_candidates(file), f"{RANGE} int, {HASH} long, {LINE} long, {columns}"
    )
    compared = (
        candidates.repartition(HASH)
        .sortWithinPartitions(LINE)
        .mapInArrow(_compare(file), f"{RANGE} int, {LINE} long, {IS_SAME_ROW} boolean")
    )
    return compared.groupBy(RANGE).agg(
        functions.collect_list(functions.expr(f"if({IS_SAME_ROW}, {LINE}, null)")).alias(SAME_ROWS),
        functions.collect_list(functions.expr(f"if({IS_SAME_ROW}, null, {LINE})")).alias(SAME_IDS),
    )


def _hash_keys(file: RemoteSource) -> Batches:
    def hash_keys(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for part, _ in list_ranges(batches):
            # A line number in the key makes every row another one.
            for block in () if file.dataset.numbered_column else read_range(file, part):
                hashes = hash_block_keys(block, file.header, file.dataset).view(np.int64)
                yield pa.RecordBatch.from_pydict(
                    {RANGE: np.full(len(hashes), part.index, np.int32), HASH: hashes}
                )

    return hash_keys


def _read_candidates(file: RemoteSource) -> Batches:
    """The rows of a range whose hash is among those wanted."""
    key = list_delivered_key(file.header, file.dataset)

    def read_candidates(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for part, row in list_ranges(batches):
            wanted = row[_HASHES].flatten().to_numpy(zero_copy_only=False)
            for block in read_range(file, part) if len(wanted) else ():
                batch = parse_rows(block, file.header, file.dataset)
                hashes = hash_keys(batch.rows, file.dataset, key).view(np.int64)
                is_wanted = np.isin(hashes, wanted)
                found = batch.rows.filter(pa.array(is_wanted))
                own = [
                    pa.array(np.full(len(found), part.index, np.int32)),
                    pa.array(hashes[is_wanted]),
                    pa.array(batch.line_numbers[is_wanted]),
                ]
                yield pa.RecordBatch.from_arrays(
                    [*own, *found.columns], names=[RANGE, HASH, LINE, *found.schema.names]
                )

    return read_candidates


def _compare(file: RemoteSource) -> Batches:
    """Sees all rows that share a hash, in file order."""

    def compare(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        seen, dataset = SeenRows(), file.dataset
        for batch in batches:
            rows = trim_declared(batch.select(list(dataset.column_names)), dataset)
            is_same_row, is_same_key = seen.compare(rows, dataset.key_columns)
            if dataset.delivered_in:
                is_same_row |= is_same_key
            lines = batch.select([RANGE, LINE]).append_column(IS_SAME_ROW, pa.array(is_same_row))
            yield lines.filter(pa.array(is_same_row | is_same_key))

    return compare
