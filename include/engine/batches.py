"""Raw files as batches of text rows: every contract column as delivered, with line numbers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from include.contract import Dataset
from include.engine.blanks import trim
from include.engine.csv_blocks import Cut, read_again, read_blocks
from include.engine.csv_records import Block, Line
from include.engine.decoding import restore_values
from include.engine.identifiers import hash_keys, trim_declared
from include.engine.raw_file import Header, RawSource, open_raw
from include.engine.text_hash import Hashes, hash_words
from include.engine.text_words import TextWords

Value = TypeVar("Value", bound=np.generic)
Flags = npt.NDArray[np.bool_]

_BYTE_ORDER_MARK = "\ufeff".encode()


@dataclass(frozen=True)
class Batch:
    """Rows of one raw file, in file order.

    Parameters
    ----------
    rows: one text column for each contract column that was asked for; only an empty field is null.
    line_numbers: the line on which each row starts; 1 is the header.
    malformed: lines that are not rows: the wrong number of fields, or a quote that does not close.
    blank: how many rows of empty fields, and blank lines, were skipped.
    filled: what the contract declares for columns that the file does not have, by column.
    """

    rows: pa.RecordBatch
    line_numbers: npt.NDArray[np.int64]
    malformed: list[Line]
    blank: int = 0
    filled: Mapping[str, pa.Array] = field(default_factory=dict)

    @property
    def judged_rows(self) -> pa.RecordBatch:
        """The rows, with the filled-in columns added."""
        rows = self.rows
        for name, values in self.filled.items():
            rows = rows.set_column(rows.schema.get_field_index(name), name, values)
        return rows


def read_file_blocks(source: RawSource, header: Header, block_bytes: int) -> Iterator[Block]:
    """The records of a raw file, unparsed.

    Raises
    ------
    RawFileError: the bytes are not UTF-8 text, or their compression is broken.
    """
    with open_raw(source) as stream:
        stream.read(header.bytes)
        yield from read_blocks(
            stream,
            source.source_key,
            block_bytes,
            first_line=header.first_line,
            longest_record_bytes=source.dataset.longest_record_bytes,
        )


def read_file_again(source: RawSource, header: Header, cuts: Iterable[Cut]) -> Iterator[Block]:
    """The blocks of a raw file that was read to its end before."""
    with open_raw(source) as stream:
        stream.read(header.bytes)
        yield from read_again(stream, cuts, longest_record_bytes=source.dataset.longest_record_bytes)


def parse_rows(block: Block, header: Header, dataset: Dataset) -> Batch:
    """The rows of a dataset in a block of the file that holds them.

    In another dataset's file, rows without this key are blank; malformed rows belong to that dataset.
    """
    if not dataset.delivered_in:
        return _fill_absent(parse_block(block, header, dataset.column_names), header, dataset)
    batch = _parse(block, header, dataset.column_names)
    key = trim_declared(batch.rows.select([dataset.id_column]), dataset).column(0)
    has_key = trim(key).is_valid()
    rows = batch.rows.filter(has_key)
    lines = batch.line_numbers[has_key.to_numpy(zero_copy_only=False)]
    own = Batch(rows, lines, [], len(batch.rows) - len(rows))
    return _fill_absent(own, header, dataset)


def _fill_absent(batch: Batch, header: Header, dataset: Dataset) -> Batch:
    """What the contract declares for columns that the file does not have."""
    filled = {
        column.name: pa.array(batch.line_numbers).cast(pa.string())
        if column.from_line_number
        else pa.repeat(column.if_absent, len(batch.rows))
        for column in dataset.columns
        if column.from_line_number or (column.if_absent is not None and column.name not in header.columns)
    }
    return replace(batch, filled=filled) if filled else batch


def parse_block(block: Block, header: Header, columns: tuple[str, ...]) -> Batch:
    """The rows of a block. A column that the header does not name is all null."""
    batch = _parse(block, header, columns)
    is_blank = _find_rows_of_nulls(batch.rows)
    if is_blank is not None and not set(header.columns) <= set(columns):
        # Only now, because most blocks have no such rows.
        is_blank = _find_rows_of_nulls(parse_all_columns(block, header).rows)
    if is_blank is None:
        return batch
    return Batch(
        batch.rows.filter(pa.array(~is_blank)),
        batch.line_numbers[~is_blank],
        batch.malformed,
        int(np.count_nonzero(is_blank)),
    )


def hash_block_keys(block: Block, header: Header, dataset: Dataset) -> Hashes:
    """The hashes of the keys in a block: one per record, or per row if the block has to be parsed."""
    key = list_delivered_key(header, dataset)
    is_first_field = key == header.columns[:1] and len(header.columns) > 1
    if is_first_field and _is_hashed_as_delivered(header, dataset, key):
        ids = TextWords.of_first_fields(block.data)
        if ids and len(ids.starts) == _count_lines_of_one_record(block):
            return hash_words(ids)
    return hash_keys(_parse(block, header, key).rows, dataset, key)


def _is_hashed_as_delivered(header: Header, dataset: Dataset, key: tuple[str, ...]) -> bool:
    has_null_words = any(dataset.format_of(dataset.column(name)).null_words for name in key)
    return header.restorer is None and not dataset.trimmed_columns and not has_null_words


def _count_lines_of_one_record(block: Block) -> int | None:
    """The number of lines if each is exactly one record; None if unknown.

    With line feeds alone, as many lines as records mean that no record has two lines.
    """
    if block.record_lines is None:
        return block.line_count
    return None if b"\r" in block.data else len(block.record_lines)


def list_delivered_key(header: Header, dataset: Dataset) -> tuple[str, ...]:
    """The key columns in a file's header; optional ones may be absent."""
    return tuple(name for name in dataset.key_columns if name in header.columns)


def parse_column(block: Block, header: Header, name: str) -> pa.Array:
    """One column of a block; malformed lines have no value, and blank lines are null."""
    return _parse(block, header, (name,)).rows[name]


def align_with_rows(batch: Batch, block: Block, values: npt.NDArray[Value]) -> npt.NDArray[Value] | None:
    """Align per-key values of a block with the rows of its batch; None if they cannot be aligned."""
    lines = block.record_lines
    if len(values) == (block.line_count if lines is None else len(lines)):
        first = block.first_line
        places = batch.line_numbers - first if lines is None else lines.searchsorted(batch.line_numbers)
        return values[places]
    return values if len(values) == len(batch.rows) else None


def parse_all_columns(block: Block, header: Header) -> Batch:
    """Every column of the file; unknown ones may share a name, so each is named by its position."""
    names = tuple(str(place) for place in range(len(header.columns)))
    return _parse(block, replace(header, columns=names), names)


def _find_rows_of_nulls(rows: pa.RecordBatch) -> Flags | None:
    """The rows without any value; None where there are none."""
    is_null = None
    for column in rows.columns:
        if not column.null_count:
            return None
        is_null = column.is_null() if is_null is None else pc.and_(is_null, column.is_null())
    if is_null is None or not pc.any(is_null).as_py():
        return None
    flags: Flags = is_null.to_numpy(zero_copy_only=False)
    return flags


def _parse(block: Block, header: Header, columns: tuple[str, ...]) -> Batch:
    rejected: list[tuple[int, str, str]] = []
    table = _parse_csv(block.data, header, columns, rejected)
    lines = block.record_lines
    if lines is None:
        lines = np.arange(block.first_line, block.first_line + block.line_count)
    malformed = [
        *block.malformed,
        *(Line(int(lines[index]), text, detail) for index, text, detail in rejected),
    ]
    arrays = [_column(table, name) for name in columns]
    if header.restorer:
        arrays = [restore_values(array, header.restorer) for array in arrays]
        malformed = [replace(line, text=line.text.translate(header.restorer)) for line in malformed]
    return Batch(
        rows=pa.RecordBatch.from_arrays(arrays, names=list(columns)),
        line_numbers=np.delete(lines, [index for index, *_ in rejected]) if rejected else lines,
        malformed=sorted(malformed, key=lambda line: line.number),
    )


def _parse_csv(
    data: bytes, header: Header, columns: tuple[str, ...], rejected: list[tuple[int, str, str]]
) -> pa.Table:
    """Rows with the wrong number of fields go to `rejected`, with their zero-based row index."""

    def reject(row: pa_csv.InvalidRow) -> str:
        detail = f"{row.actual_columns} fields, the header has {row.expected_columns}"
        rejected.append((row.number - 1, row.text, detail))
        return "skip"

    if not data:
        return pa.table({name: pa.array([], pa.string()) for name in columns})
    if data.startswith(_BYTE_ORDER_MARK):
        # Arrow drops one at the start of its input, which is the start of a record like any other.
        data = _BYTE_ORDER_MARK + data
    wanted = [name for name in header.columns if name in columns]
    # Unknown columns may share a name, such as the empty one; Arrow needs distinct names.
    names = [name if name in columns else f"unknown column {i}" for i, name in enumerate(header.columns)]
    return pa_csv.read_csv(
        pa.py_buffer(data),
        pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
        pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=reject),
        pa_csv.ConvertOptions(
            check_utf8=False,
            include_columns=wanted,
            column_types=dict.fromkeys(wanted, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def _column(table: pa.Table, name: str) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(len(table), pa.string())
    return table[name].combine_chunks() if table[name].num_chunks != 1 else table[name].chunk(0)
