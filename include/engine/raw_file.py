"""Opening a raw file: is it what its name says, and does its header keep the contract?

Every error of this module concerns the file as a whole and stops the run before anything is written.
"""

import csv
import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from isal import igzip, igzip_lib

from include.contract import DATASETS, Dataset
from include.engine.csv_blocks import check_text
from include.engine.decoding import DecodedStream, is_default, is_utf_8, make_restorer
from include.engine.header_check import check_columns, check_delimiter
from include.errors import RawFileEmptyError, RawFileError
from include.keys import is_compressed

_GZIP = b"\x1f\x8b"
#: How files begin that are no CSV text, and what they are.
_FOREIGN_BEGINNINGS = {
    _GZIP: "gzip data",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\x28\xb5\x2f\xfd": "Zstandard data",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ": "xz data",
    b"PAR1": "a Parquet file",
    b"version https://git-lfs": "a Git LFS pointer, not the file it points to",
}
_LONGEST_HEADER_BYTES = 1024 * 1024
#: Rows with ids of their own never compress so well; a file that inflates to more is a bomb, or a mistake.
_LARGEST_GZIP_RATIO = 100
#: A file that inflates to no more than this does no harm, whatever its ratio.
_HARMLESS_BYTES = 256 * 1024 * 1024
_BYTE_ORDER_MARK = "\ufeff"
#: Enough to recognise what a file is; a text as short as this is no UTF-16 to be sure of.
_SIGNATURE_BYTES, _SHORTEST_UTF_16 = 256, 8
_DELIMITER_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_FIRST_LINE = re.compile(rb"(?P<text>[^\r\n]*)(?:\r\n|\n|\r|\Z)")


@dataclass(frozen=True)
class RawSource:
    """A raw file on local disk, and the name under which people know it."""

    dataset: Dataset
    path: Path
    source_key: str


@dataclass(frozen=True)
class Header:
    """The columns of a raw file in its order, under the contract's names.

    Parameters
    ----------
    bytes, lines: how much of the decoded file comes before the first row.
    restorer: gives values back as they were delivered, see `decoding`; None where they are as delivered.
    """

    columns: tuple[str, ...]
    bytes: int
    lines: int = 1
    restorer: dict[int, str] | None = None

    @property
    def first_line(self) -> int:
        """The line on which the first row starts."""
        return self.lines + 1

    def unknown_columns(self, dataset: Dataset) -> list[str]:
        """The columns that nothing reads, reported once for each file."""
        if dataset.delivered_in:
            return []
        readers = [dataset, *(each for each in DATASETS.values() if each.delivered_in == dataset.name)]
        return [column for column in self.columns if not any(each.is_named_by(column) for each in readers)]


@contextmanager
def open_raw(source: RawSource) -> Iterator[BufferedIOBase]:
    """The file's text as the reader takes it: decompressed where its name ends in `.gz`, and decoded.

    Raises
    ------
    RawFileError: the name says gzip, the content does not; or, on reading, the compression is broken, or it
        inflates to absurdly much.
    """
    with _open_bytes(source) as stream:
        yield decode(stream, source.dataset, source.source_key)


def decode(stream: BufferedIOBase, dataset: Dataset, source_key: str) -> BufferedIOBase:
    """The text of a decompressed file as the reader takes it."""
    return stream if is_default(dataset.format) else DecodedStream(stream, dataset.format, source_key)


@contextmanager
def _open_bytes(source: RawSource) -> Iterator[BufferedIOBase]:
    """The file's bytes, decompressed where its name ends in `.gz`."""
    if is_compressed(source.source_key):
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
    if not is_compressed(source_key):
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
        raise RawFileEmptyError(source.source_key)
    if beginning != _GZIP:
        raise RawFileError(
            source.source_key, "", "the name says gzip, the content does not", "Compress it or rename it."
        )


def read_header(source: RawSource) -> Header:
    """The first line of the file, checked against the contract.

    Raises
    ------
    RawFileError: the file as a whole cannot be used: a required column is missing, for example.
    """
    _check_beginning(source)
    with open_raw(source) as stream:
        beginning = stream.read(_LONGEST_HEADER_BYTES + 1)
    file_format = source.dataset.format
    restorer = make_restorer(file_format)
    first = _FIRST_LINE.match(beginning)
    skipped = _skip_delimiter_line(source, first["text"], restorer) if first else False
    line = _FIRST_LINE.match(beginning, first.end()) if first and skipped else first
    number = 2 if skipped else 1
    if line is None or line.end() > _LONGEST_HEADER_BYTES:
        raise RawFileError(source.source_key, f"line {number}", "the header does not end", "Is this CSV?")
    check_text(line.group(), source.source_key, first_line=number)
    text = line["text"].decode().lstrip(_BYTE_ORDER_MARK)
    check_delimiter(source, text.translate(restorer or {}), f"line {number}")
    delivered = tuple(name.translate(restorer or {}) for name in _split_names(source, text, number))
    check_columns(source, delivered, f"line {number}")
    return Header(tuple(map(source.dataset.name_of, delivered)), line.end(), number, restorer)


def _check_beginning(source: RawSource) -> None:
    """Refuse what is no text of the declared encoding, by its first bytes as they were delivered."""
    with _open_bytes(source) as stream:
        beginning = stream.read(_SIGNATURE_BYTES)
    if not beginning:
        raise RawFileEmptyError(source.source_key)
    for signature, what in _FOREIGN_BEGINNINGS.items():
        if beginning.startswith(signature):
            raise RawFileError(
                source.source_key, "", f"this is {what}", "Deliver it as plain CSV text in UTF-8."
            )
    if is_utf_8(source.dataset.format) and (encoding := find_utf_16(beginning)):
        raise RawFileError(
            source.source_key,
            "",
            "this is UTF-16 text",
            f'Deliver it in UTF-8, or declare FileFormat(encoding="{encoding}") in the contract.',
        )


def find_utf_16(beginning: bytes) -> str | None:
    """The encoding of UTF-16 text, with a byte order mark or by the zero bytes of its Latin letters."""
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    pairs = beginning[: len(beginning) // 2 * 2]
    if len(pairs) >= _SHORTEST_UTF_16 and not pairs[1::2].strip(b"\0") and b"\0" not in pairs[::2]:
        return "utf-16-le"
    if len(pairs) >= _SHORTEST_UTF_16 and not pairs[::2].strip(b"\0") and b"\0" not in pairs[1::2]:
        return "utf-16-be"
    return None


def _skip_delimiter_line(source: RawSource, line: bytes, restorer: dict[int, str] | None) -> bool:
    """Whether the first line is `sep=;`, as spreadsheets write it to name their delimiter."""
    text = line.decode(errors="replace").lstrip(_BYTE_ORDER_MARK)
    found = _DELIMITER_LINE.fullmatch(text.translate(restorer or {}))
    if found is None:
        return False
    if found[1] != source.dataset.format.delimiter:
        raise RawFileError(
            source.source_key,
            "line 1",
            f"the file says that its delimiter is {found[1]!r}",
            f'Declare FileFormat(delimiter="{found[1]}") in the contract, or export with commas. '
            "`make inspect` shows the whole declaration.",
        )
    return True


def _split_names(source: RawSource, line: str, number: int) -> tuple[str, ...]:
    try:
        return tuple(next(csv.reader([line], strict=True), []))
    except csv.Error as error:
        raise RawFileError(
            source.source_key,
            f"line {number}",
            f"the header cannot be read ({error})",
            "Write all column names on one line, and close every quote.",
        ) from error
