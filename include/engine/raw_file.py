"""Opening a raw file: is it what its name says, and does its header keep the contract?

Every error of this module concerns the file as a whole and stops the run before anything is written.
"""

import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any, NoReturn

from isal import igzip, igzip_lib

from include.contract import Dataset
from include.engine.csv_blocks import check_text
from include.errors import RawFileError

_GZIP = b"\x1f\x8b"
#: How files begin that are no CSV text, and what they are.
_FOREIGN_BEGINNINGS = {
    _GZIP: "gzip data",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\x28\xb5\x2f\xfd": "Zstandard data",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ": "xz data",
    b"PAR1": "a Parquet file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"version https://git-lfs": "a Git LFS pointer, not the file it points to",
}
_LONGEST_HEADER_BYTES = 1024 * 1024
#: Rows with ids of their own never compress so well; a file that inflates to more is a bomb, or a mistake.
_LARGEST_GZIP_RATIO = 100
#: A file that inflates to no more than this does no harm, whatever its ratio.
_HARMLESS_BYTES = 256 * 1024 * 1024
_BYTE_ORDER_MARK = "\ufeff"
_FIRST_LINE = re.compile(rb"(?P<text>[^\r\n]*)(?:\r\n|\n|\r|\Z)")


@dataclass(frozen=True)
class RawSource:
    """A raw file on local disk, and the name under which people know it."""

    dataset: Dataset
    path: Path
    source_key: str


@dataclass(frozen=True)
class Header:
    """The columns of a raw file in its order, under the contract's names, and the bytes that they take up."""

    columns: tuple[str, ...]
    bytes: int

    def unknown_columns(self, dataset: Dataset) -> list[str]:
        return [column for column in self.columns if column not in dataset.column_names]


@contextmanager
def open_raw(source: RawSource) -> Iterator[BufferedIOBase]:
    """The file's bytes, decompressed where its name ends in `.gz`.

    Raises
    ------
    RawFileError: the name says gzip, the content does not; or, on reading, the compression is broken, or it
        inflates to absurdly much.
    """
    if source.source_key.endswith(".gz"):
        _check_gzip(source)
    size = source.path.stat().st_size
    with source.path.open("rb") as file, decompress(file, source.source_key, size) as stream:
        yield stream


@contextmanager
def decompress(file: Any, source_key: str, size: int) -> Iterator[BufferedIOBase]:
    """The bytes of a stream, which has `size` of them, decompressed where the name ends in `.gz`.

    Raises
    ------
    RawFileError: on reading, the compression is broken, or it inflates to absurdly much.
    """
    if not source_key.endswith(".gz"):
        yield file
        return
    try:
        with igzip.open(file) as stream:  # type: ignore[no-untyped-call]  # it ships no types
            yield _BoundedStream(stream, source_key, size)
    except (EOFError, gzip.BadGzipFile, igzip_lib.IsalError) as error:  # type: ignore[misc]  # nor its errors
        raise RawFileError(
            source_key, "", f"the gzip data is broken ({error})", "Compress and deliver it again."
        ) from error


class _BoundedStream(BufferedIOBase):
    """Inflated bytes, as long as there are not absurdly many of them."""

    def __init__(self, stream: BufferedIOBase, source_key: str, size: int) -> None:
        self._stream, self._source_key = stream, source_key
        self._bytes_left = max(_HARMLESS_BYTES, _LARGEST_GZIP_RATIO * size)

    def read(self, size: int | None = -1) -> bytes:
        data = self._stream.read(size)
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise RawFileError(
                self._source_key,
                "",
                f"it inflates to more than {_LARGEST_GZIP_RATIO} times its size, which no orders do",
                "Look at what it repeats; a good file can be delivered without compression.",
            )
        return data


def _check_gzip(source: RawSource) -> None:
    with source.path.open("rb") as file:
        beginning = file.read(len(_GZIP))
    if not beginning:
        _refuse_empty(source)
    if beginning != _GZIP:
        raise RawFileError(
            source.source_key, "", "the name says gzip, the content does not", "Compress it or rename it."
        )


def _refuse_empty(source: RawSource) -> NoReturn:
    raise RawFileError(source.source_key, "", "the file is empty (zero bytes)", "Deliver it again.")


def read_header(source: RawSource) -> Header:
    """The first line of the file, checked against the contract.

    Raises
    ------
    RawFileError: the file as a whole cannot be used: a required column is missing, for example.
    """
    with open_raw(source) as stream:
        beginning = stream.read(_LONGEST_HEADER_BYTES + 1)
    _check_beginning(source, beginning)
    line = _FIRST_LINE.match(beginning)
    if line is None or line.end() > _LONGEST_HEADER_BYTES:
        raise RawFileError(source.source_key, "line 1", "the header does not end", "Is this a CSV file?")
    check_text(line.group(), source.source_key, first_line=1)
    text = line["text"].decode().lstrip(_BYTE_ORDER_MARK)
    _check_delimiter(source, text)
    delivered = _split_names(source, text)
    columns = tuple(map(source.dataset.name_of, delivered))
    _check_columns(source, columns, delivered)
    return Header(columns, line.end())


def _check_beginning(source: RawSource, beginning: bytes) -> None:
    if not beginning:
        _refuse_empty(source)
    for signature, what in _FOREIGN_BEGINNINGS.items():
        if beginning.startswith(signature):
            raise RawFileError(
                source.source_key, "", f"this is {what}", "Deliver it as plain CSV text in UTF-8."
            )


def _check_delimiter(source: RawSource, line: str) -> None:
    names = {";": "semicolons", "\t": "tabs", "|": "pipes", ":": "colons"}
    for sign, name in names.items():
        columns = {source.dataset.name_of(column.strip('"')) for column in line.split(sign)}
        if sign in line and columns.issuperset(source.dataset.required_names):
            raise RawFileError(
                source.source_key, "line 1", f"the columns are separated by {name}", "Use commas."
            )


def _split_names(source: RawSource, line: str) -> tuple[str, ...]:
    try:
        return tuple(next(csv.reader([line], strict=True), []))
    except csv.Error as error:
        raise RawFileError(
            source.source_key,
            "line 1",
            f"the header cannot be read ({error})",
            "Write all column names on one line, and close every quote.",
        ) from error


def _check_columns(source: RawSource, columns: tuple[str, ...], delivered: tuple[str, ...]) -> None:
    missing = [name for name in source.dataset.required_names if name not in columns]
    if missing:
        raise RawFileError(
            source.source_key,
            "line 1",
            f"required column{'s' if len(missing) > 1 else ''} missing: {', '.join(missing)}",
            _describe_header(source.dataset, delivered),
        )
    twice = [name for name, count in Counter(columns).items() if count > 1 and name]
    if twice:
        raise RawFileError(
            source.source_key, "line 1", f"duplicate column: {', '.join(twice)}", "Name each column once."
        )


def _describe_header(dataset: Dataset, delivered: tuple[str, ...]) -> str:
    """What the header names; not shown where it may be a row of data, which may hold personal data."""
    names = {dataset.name_of(name) for name in delivered} | {name.strip(' "').lower() for name in delivered}
    if names & set(dataset.required_names):
        return f"The header names: {', '.join(delivered)[:300]}. Spaces and case count."
    return "Line 1 names none of them: is it the header?"
