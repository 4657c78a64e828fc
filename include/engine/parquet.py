"""Writing one Parquet file, a table at a time."""

import datetime as dt
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

#: Tables are gathered into row groups of at least this size, except the last.
ROW_GROUP_ROWS = 250_000


class TableWriter:
    """Appends tables to a Parquet file. The same tables give the same bytes.

    Parameters
    ----------
    schema: what the file holds when nothing is ever written; tables may be dictionary-encoded.
    day: the value of the last column, which the tables lack.
    """

    def __init__(self, path: Path, schema: pa.Schema, day: dt.date | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._schema, self._day = path, schema, day
        self._writer: pq.ParquetWriter | None = None
        self._pending: list[pa.Table] = []
        self.rows_written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        if self._writer:
            self._writer.close()

    def write(self, table: pa.Table) -> None:
        """Append the rows of a table; all tables of a file have one schema."""
        self._pending.append(table)
        if sum(len(pending) for pending in self._pending) >= ROW_GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        table = self._join(self._pending) if self._pending else self._schema.empty_table()
        self._pending = []
        self._writer = self._writer or self._open(table.schema)
        if len(table):
            self._writer.write_table(table, row_group_size=len(table))
        self.rows_written += len(table)

    def _join(self, tables: list[pa.Table]) -> pa.Table:
        joined = pa.concat_tables(tables)
        if self._day is None:
            return joined
        field = self._schema.field(len(self._schema) - 1)
        return joined.append_column(field, pa.repeat(pa.scalar(self._day, field.type), len(joined)))

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        looked_up = [field.name for field in schema if pa.types.is_dictionary(field.type)]
        whole_numbers = [field.name for field in schema if pa.types.is_integer(field.type)]
        return pq.ParquetWriter(
            self._path,
            schema,
            compression="zstd",
            compression_level=1,
            # A dictionary pays where the transform has one already; to find out elsewhere costs more
            # than all the rest of the writing.
            use_dictionary=looked_up,
            # The smallest and largest product name of a row group help no query, and cost a sort of names.
            write_statistics=[field.name for field in schema if field.name not in looked_up],
            column_encoding=dict.fromkeys(whole_numbers, "DELTA_BINARY_PACKED"),
            # Readers see plain text, not the dictionaries that the transform worked with.
            store_schema=False,
        )
