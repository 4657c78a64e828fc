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
from typing import Any

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
_FIRST_LINE = re.compile(rb"(?P<text>[^\r\n]*)(?:\r\n|\n|\r|\Z)")


@dataclass(frozen=True)
class RawSource:
    """A raw file on local disk, and the name under which people know it."""

    dataset: Dataset
    path: Path
    source_key: str


@dataclass(frozen=True)
class Header:
    """The columns of a raw file as delivered, in its order, and the bytes that they take up."""

    columns: tuple[str, ...]
    bytes: int

    def unknown_columns(self, dataset: Dataset) -> list[str]:
        return [column for column in self.columns if column not in dataset.column_names]


@contextmanager
def open_raw(source: RawSource) -> Iterator[BufferedIOBase]:
    """The file's bytes, decompressed where its name ends in `.gz`.

    Raises
    ------
    RawFileError: the file is empty or not what its name says; or, on reading, its compression is broken.
    """
    _check_beginning(source)
    with source.path.open("rb") as file, decompress(file, source.source_key) as stream:
        yield stream


@contextmanager
def decompress(file: Any, source_key: str) -> Iterator[BufferedIOBase]:
    """The bytes of a stream, decompressed where the name ends in `.gz`.

    Raises
    ------
    RawFileError: on reading, the compression is broken.
    """
    if not source_key.endswith(".gz"):
        yield file
        return
    try:
        with igzip.open(file) as stream:  # type: ignore[no-untyped-call]  # it ships no types
            yield stream
    except (EOFError, gzip.BadGzipFile, igzip_lib.IsalError) as error:  # type: ignore[misc]  # nor its errors
        raise RawFileError(
            source_key, "", f"the gzip data is broken ({error})", "Compress and deliver it again."
        ) from error


def _check_beginning(source: RawSource) -> None:
    with source.path.open("rb") as file:
        beginning = file.read(32)
    if not beginning:
        raise RawFileError(source.source_key, "", "the file is empty (zero bytes)", "Deliver it again.")
    if not source.source_key.endswith(".gz"):
        _refuse_foreign(source, beginning)
    elif not beginning.startswith(_GZIP):
        raise RawFileError(
            source.source_key, "", "the name says gzip, the content does not", "Compress it or rename it."
        )


def _refuse_foreign(source: RawSource, beginning: bytes) -> None:
    for signature, what in _FOREIGN_BEGINNINGS.items():
        if beginning.startswith(signature):
            raise RawFileError(
                source.source_key, "", f"this is {what}", "Deliver it as plain CSV text in UTF-8."
            )


def read_header(source: RawSource) -> Header:
    """The first line of the file, checked against the contract.

    Raises
    ------
    RawFileError: the file as a whole cannot be used: a required column is missing, for example.
    """
    with open_raw(source) as stream:
        beginning = stream.read(_LONGEST_HEADER_BYTES)
    line = _FIRST_LINE.match(beginning)
    if line is None:
        raise RawFileError(source.source_key, "line 1", "the header does not end", "Is this a CSV file?")
    check_text(line.group(), source.source_key, first_line=1)
    text = line["text"].decode("utf-8-sig")
    columns = tuple(next(csv.reader([text]), []))
    _check_columns(source, columns, text)
    return Header(columns, line.end())


def _check_columns(source: RawSource, columns: tuple[str, ...], line: str) -> None:
    missing = [name for name in source.dataset.required_names if name not in columns]
    if missing:
        delimiter = _other_delimiter(source.dataset, line)
        if delimiter:
            raise RawFileError(
                source.source_key, "line 1", f"the columns are separated by {delimiter}", "Use commas."
            )
        raise RawFileError(
            source.source_key,
            "line 1",
            f"required column{'s' if len(missing) > 1 else ''} missing: {', '.join(missing)}",
            f"The header names: {', '.join(columns)[:300] or 'nothing'}.",
        )
    twice = [name for name, count in Counter(columns).items() if count > 1 and name]
    if twice:
        raise RawFileError(
            source.source_key, "line 1", f"duplicate column: {', '.join(twice)}", "Name each column once."
        )


def _other_delimiter(dataset: Dataset, line: str) -> str | None:
    names = {";": "semicolons", "\t": "tabs", "|": "pipes", ":": "colons"}
    for sign, name in names.items():
        if set(dataset.required_names) <= set(next(csv.reader([line], delimiter=sign), [])):
            return name
    return None
