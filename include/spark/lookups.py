"""How tasks look up customers and products: all of them in memory, or those that a range names.

A small dimension is read whole by each worker process, once. A large one never is: Spark joins the ids that
each range names with it, and each task gets the rows of its own range.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.contract import DATASETS, Dataset
from include.engine.batches import parse_key
from include.engine.dimension import Dimension
from include.objects import download_file
from include.spark.file_ranges import RemoteFile, read_range
from include.spark.frames import RANGE, Batches, list_ranges, make_range_frame
from include.spark.store import Store
from include.tables import SQL_TYPES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from include.spark.file_ranges import FileRange


@dataclass(frozen=True)
class Lookup:
    """A published dimension.

    Parameters
    ----------
    url: all of it, as one Parquet object.
    pieces: the same, as several.
    is_joined: too large for the memory of a worker.
    """

    name: str
    url: str
    pieces: tuple[str, ...]
    is_joined: bool

    @property
    def dataset(self) -> Dataset:
        return DATASETS[self.name]

    @property
    def column(self) -> str:
        """The column of a range's row that holds the rows that the range names."""
        return f"_{self.name}"

    @property
    def taken_over(self) -> dict[str, str]:
        """The columns that orders take over, by the names that they get there."""
        return {each.in_orders: each.name for each in self.dataset.columns if each.in_orders}


@cache
def read_dimension(url: str, dataset: str) -> Dimension:
    """A whole dimension; kept for the next tasks of this process."""
    with TemporaryDirectory(prefix="lookup-") as folder:
        download_file(Store(), url, Path(folder, f"{dataset}.parquet"))
        return Dimension.read(Path(folder), DATASETS[dataset])


def find_dimension(lookup: Lookup, row: pa.RecordBatch) -> Dimension:
    """The dimension that a task needs for its range, whose row holds what was joined."""
    if not lookup.is_joined:
        return read_dimension(lookup.url, lookup.name)
    rows = pa.Table.from_struct_array(row[lookup.column].flatten())
    # In an order that does not depend on how the rows came, so that a second try writes the same bytes.
    rows = rows.sort_by(lookup.dataset.key).combine_chunks()
    columns = {name: rows[name].combine_chunks() for name in lookup.taken_over}
    return Dimension(rows[lookup.dataset.key].combine_chunks().cast(pa.string()), columns)


def join_dimension(
    session: "SparkSession", file: RemoteFile, parts: "list[FileRange]", lookup: Lookup
) -> "DataFrame":
    """For each range, the rows of the dimension that its orders name."""
    from pyspark.sql import functions

    key = lookup.dataset.key
    named = make_range_frame(session, parts).mapInArrow(
        _find_named_ids(file, key), f"{RANGE} int, {key} string"
    )
    rows = _read_pieces(session, lookup).join(named, key)
    columns = [key, *lookup.taken_over]
    return rows.groupBy(RANGE).agg(functions.collect_list(functions.struct(*columns)).alias(lookup.column))


def _find_named_ids(file: RemoteFile, key: str) -> "Batches":
    def find_named_ids(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for part, _ in list_ranges(batches):
            found = [pc.unique(parse_key(block, file.header, key)) for block in read_range(file, part)]
            ids = pc.unique(pa.chunked_array(found, pa.string())).drop_null()
            yield pa.RecordBatch.from_pydict({RANGE: pa.array([part.index] * len(ids), pa.int32()), key: ids})

    return find_named_ids


def _read_pieces(session: "SparkSession", lookup: Lookup) -> "DataFrame":
    rows = session.sparkContext.parallelize([(url,) for url in lookup.pieces], len(lookup.pieces))
    of_orders = [
        f"{column.in_orders} {SQL_TYPES[column.kind]}"
        for column in lookup.dataset.columns
        if column.in_orders
    ]
    schema = ", ".join([f"{lookup.dataset.key} string", *of_orders])
    return session.createDataFrame(rows, "url string").mapInArrow(_read_rows(lookup), schema)


def _read_rows(lookup: Lookup) -> "Batches":
    key, taken_over = lookup.dataset.key, lookup.taken_over

    def read_rows(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for url in batch["url"].to_pylist():
                with TemporaryDirectory(prefix="piece-") as folder:
                    download_file(Store(), url, Path(folder, "piece"))
                    table = pq.read_table(Path(folder, "piece"), columns=[key, *taken_over.values()])
                yield from table.rename_columns([key, *taken_over]).to_batches()

    return read_rows
