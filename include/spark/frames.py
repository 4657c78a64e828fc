"""Ranges of a file as rows of a Spark frame, one to a partition, and back."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from include.spark.file_ranges import FileRange

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: Columns of our own begin with a sign that no column of a contract begins with.
RANGE, START, STOP, FIRST_LINE, IS_LAST = "_range", "_start", "_stop", "_first_line", "_is_last"
HASH, LINE, IS_SAME_ROW = "_hash", "_line", "_is_same_row"
SAME_ROWS, SAME_IDS = "_same_rows", "_same_ids"
RANGE_SCHEMA = f"{RANGE} int, {START} long, {STOP} long, {FIRST_LINE} long, {IS_LAST} boolean"

#: What Spark's mapInArrow calls.
Batches = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def make_range_frame(session: "SparkSession", parts: list[FileRange]) -> "DataFrame":
    rows = [(part.index, part.start, part.stop, part.first_line, part.is_last) for part in parts]
    return session.createDataFrame(session.sparkContext.parallelize(rows, len(rows)), RANGE_SCHEMA)


def add_to_ranges(ranges: "DataFrame", parts: list[FileRange], *others: "DataFrame") -> "DataFrame":
    """The rows of the ranges with what others know of them; a partition each, whatever the others do."""
    for other in others:
        ranges = ranges.join(other, RANGE, "left")
    return ranges.repartitionByRange(len(parts), RANGE)


def list_ranges(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[FileRange, pa.RecordBatch]]:
    """Each range with its row as a batch."""
    for batch in batches:
        for place in range(len(batch)):
            row = batch.slice(place, 1)
            values = (row[name][0].as_py() for name in (RANGE, START, STOP, FIRST_LINE, IS_LAST))
            yield FileRange(*values), row
