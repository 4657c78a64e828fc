"""Many Parquet files of one schema joined into one object, inside S3 and without decoding a value.

A Parquet file is a magic word, row groups, and a footer that says where they lie. So the row groups of all
files follow each other as they are, and one new footer says where they have come to lie.
"""

import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from include.s3.multipart import Segment, join_segments
from include.s3.objects import Hook
from include.spark.compact import Reader, Struct, write_struct

MAGIC = b"PAR1"
_SIZE_AND_MAGIC_BYTES = 8

# Numbers of fields in https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
_FILE_ROWS, _FILE_ROW_GROUPS = 3, 4
_GROUP_COLUMNS, _GROUP_OFFSET, _GROUP_ORDINAL = 1, 5, 7
_CHUNK_OFFSETS, _CHUNK_METADATA = (2, 4, 6), 3
_COLUMN_OFFSETS = (9, 10, 11, 14)


@dataclass(frozen=True)
class Piece:
    """A Parquet file in S3 that is to become a part of another one."""

    url: str
    footer: bytes
    size_bytes: int

    @property
    def footer_start(self) -> int:
        return self.size_bytes - len(self.footer) - _SIZE_AND_MAGIC_BYTES


def read_footer(path: Path) -> bytes:
    """The footer of a Parquet file, without its size and the magic word behind it."""
    with path.open("rb") as file:
        end = file.seek(-_SIZE_AND_MAGIC_BYTES, 2)
        (size,) = struct.unpack("<I", file.read(4))
        file.seek(end - size)
        return file.read(size)


def join_pieces(
    hook: Hook, pieces: Sequence[Piece], target: str, pool: ThreadPoolExecutor, *, made_from: str
) -> None:
    """Store the rows of all pieces, in their order, as one object: a reader sees all of it or none."""
    join_segments(hook, list(_lay_out(pieces)), target, pool, made_from=made_from)


def _lay_out(pieces: Sequence[Piece]) -> Iterator[Segment]:
    footers, position = [], 0
    for piece in pieces:
        # The first piece brings the magic word at the beginning.
        start = len(MAGIC) if position else 0
        footers.append(_move(Reader(piece.footer).read_struct(), position - start))
        position += piece.footer_start - start
        if piece.footer_start > start:
            yield Segment(url=piece.url, start=start, stop=piece.footer_start)
    footer = write_struct(_join_footers(footers))
    yield Segment.of(footer + struct.pack("<I", len(footer)) + MAGIC)


def _join_footers(footers: Sequence[Struct]) -> Struct:
    joined = footers[0]
    kind, _ = joined[_FILE_ROW_GROUPS].value
    groups = [group for footer in footers for group in footer[_FILE_ROW_GROUPS].value[1]]
    for ordinal, group in enumerate(groups):
        if _GROUP_ORDINAL in group:
            group[_GROUP_ORDINAL].value = ordinal
    joined[_FILE_ROWS].value = sum(footer[_FILE_ROWS].value for footer in footers)
    joined[_FILE_ROW_GROUPS].value = (kind, groups)
    return joined


def _move(footer: Struct, distance: int) -> Struct:
    """The footer of a file whose row groups lie so many bytes farther back."""
    for group in footer[_FILE_ROW_GROUPS].value[1]:
        _shift(group, (_GROUP_OFFSET,), distance)
        for chunk in group[_GROUP_COLUMNS].value[1]:
            _shift(chunk, _CHUNK_OFFSETS, distance)
            _shift(chunk[_CHUNK_METADATA].value, _COLUMN_OFFSETS, distance)
    return footer


def _shift(fields: Struct, numbers: Sequence[int], distance: int) -> None:
    for number in numbers:
        # Offset 0 holds the magic bytes, so 0 means that there is no such page.
        if number in fields and fields[number].value:
            fields[number].value += distance
