"""How tasks look up customers and products: all of them in memory, or those that a range names.

A small dimension is read whole by each worker process, once. A large one never is: Spark joins the ids that
each range names with it, and each task gets the rows of its own range.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.contract import DATASETS, Dataset, list_looked_up, published_columns
from include.contract.arrow import SQL_TYPES, published_schema
from include.engine.batches import parse_column
from include.engine.blanks import trim
from include.engine.dimension import Dimension
from include.s3.objects import download_file
from include.spark.file_ranges import RemoteSource, read_range
from include.spark.frames import RANGE, Batches, list_ranges, make_range_frame
from include.spark.store import Store

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
    quarantine: the rejected rows, as one Parquet object; every task has their ids.
    late: rows that arrived on a later day, as one Parquet object; few, so that every task has all of them.
    is_joined: too large for the memory of a worker.
    """

    name: str
    url: str
    pieces: tuple[str, ...]
    quarantine: str
    late: str | None
    is_joined: bool

    @property
    def dataset(self) -> Dataset:
        return DATASETS[self.name]

    @property
    def column(self) -> str:
        """The column of a range's row that holds the rows that the range names."""
        return f"_{self.name}"

    @property
    def schema(self) -> pa.Schema:
        """The id, and the columns that orders take over."""
        whole = published_schema(self.dataset)
        return pa.schema([whole.field(name) for name in list_looked_up(self.dataset)])

    @property
    def sql_schema(self) -> str:
        kinds = {column.name: SQL_TYPES[column.kind] for column in published_columns(self.dataset)}
        return ", ".join(f"{name} {kinds[name]}" for name in self.schema.names)


def find_dimension(lookup: Lookup, row: pa.RecordBatch) -> Dimension:
    """The dimension that a task needs for its range, whose row holds what was joined."""
    if not lookup.is_joined:
        return _read_dimension(lookup)
    rows = pa.Table.from_struct_array(row[lookup.column].flatten()).cast(lookup.schema)
    # In an order that does not depend on how the rows came, so that a second try writes the same bytes.
    rows = rows.sort_by(lookup.dataset.id_column)
    with _download_late(lookup) as late, _download(lookup.quarantine) as quarantine:
        return Dimension.of(rows, lookup.dataset, late, quarantine)


@cache
def _read_dimension(lookup: Lookup) -> Dimension:
    """A whole dimension; kept for the next tasks of this process."""
    with (
        _download(lookup.url) as rows,
        _download_late(lookup) as late,
        _download(lookup.quarantine) as quarantine,
    ):
        table = pq.read_table(rows, columns=lookup.schema.names)
        return Dimension.of(table, lookup.dataset, late, quarantine)


@contextmanager
def _download(url: str) -> Iterator[Path]:
    """A local copy of an object while the context is open."""
    with TemporaryDirectory(prefix="lookup-") as folder:
        download_file(Store(), url, Path(folder, "rows.parquet"))
        yield Path(folder, "rows.parquet")


def _download_late(lookup: Lookup) -> AbstractContextManager[Path | None]:
    return _download(lookup.late) if lookup.late else nullcontext()


def join_dimension(
    session: "SparkSession", file: RemoteSource, parts: "list[FileRange]", lookup: Lookup
) -> "DataFrame":
    """For each range, the rows of the dimension that its orders name."""
    from pyspark.sql import functions

    key = lookup.dataset.id_column
    column = file.dataset.references[lookup.dataset.name]
    named = make_range_frame(session, parts).mapInArrow(
        _find_named_ids(file, column, key), f"{RANGE} int, {key} string"
    )
    rows = _read_pieces(session, lookup).join(named, key)
    columns = functions.struct(*lookup.schema.names)
    return rows.groupBy(RANGE).agg(functions.collect_list(columns).alias(lookup.column))


def _find_named_ids(file: RemoteSource, column: str, key: str) -> "Batches":
    """For each range, the ids in a column of orders, under the name of the key that they refer to."""

    def find_named_ids(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for part, _ in list_ranges(batches):
            columns = (trim(parse_column(block, file.header, column)) for block in read_range(file, part))
            found = [pc.unique(ids) for ids in columns]
            ids = pc.unique(pa.chunked_array(found, pa.string())).drop_null()
            yield pa.RecordBatch.from_pydict({RANGE: pa.array([part.index] * len(ids), pa.int32()), key: ids})

    return find_named_ids


def _read_pieces(session: "SparkSession", lookup: Lookup) -> "DataFrame":
    rows = session.sparkContext.parallelize([(url,) for url in lookup.pieces], len(lookup.pieces))
    return session.createDataFrame(rows, "url string").mapInArrow(_read_rows(lookup), lookup.sql_schema)


def _read_rows(lookup: Lookup) -> "Batches":
    def read_rows(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for url in batch["url"].to_pylist():
                with _download(url) as piece:
                    table = pq.read_table(piece, columns=lookup.schema.names)
                yield from table.to_batches()

    return read_rows
