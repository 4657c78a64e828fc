"""Rows that repeat, across all batches of a file.

Two passes keep memory flat. The first reads only the ids and remembers a hash of each, 8 bytes a row:
sorted, they show which hashes repeat. The second, over whole rows, compares only the rows with such a
hash, and those by their text. So the answer is exact, whatever the hashes do.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.engine.text_hash import Hashes

Flags = npt.NDArray[np.bool_]

_LOW_BITS = np.uint64(2**20 - 1)
#: Hashes are sorted in so many parts: each fits the cache, and threads share them.
_PARTS = 16
_PART_SHIFT = np.uint64(60)
_NONE: Hashes = np.array([], np.uint64)


def find_repeated(pool: Executor, pieces: Sequence[Hashes]) -> Hashes:
    """The hashes that occur more than once, sorted."""
    return np.concatenate(list(pool.map(partial(_find_repeated_in_part, pieces), range(_PARTS))))


def _find_repeated_in_part(pieces: Sequence[Hashes], part: int) -> Hashes:
    """A part holds the hashes that begin with the same bits."""
    own = np.concatenate([_NONE, *(piece[piece >> _PART_SHIFT == part] for piece in pieces)])
    own.sort()
    return np.unique(own[1:][own[1:] == own[:-1]])


@dataclass
class RepeatFinder:
    """Tells, batch after batch in file order, which rows repeat earlier ones.

    Parameters
    ----------
    repeated: hashes of the ids that may repeat, sorted.
    """

    repeated: Hashes
    _is_low_part: Flags = field(init=False)
    _seen: "SeenRows" = field(init=False)

    def __post_init__(self) -> None:
        # The lowest bits alone, in a table that fits the cache, tell most rows apart from the repeated ones.
        self._is_low_part = np.zeros(_LOW_BITS + 1, bool)
        self._is_low_part[self.repeated & _LOW_BITS] = True
        self._seen = SeenRows()

    def may_repeat(self, hashes: Hashes) -> Flags:
        """Which hashes are among the repeated ones."""
        flags: Flags = self._is_low_part[hashes & _LOW_BITS]
        places = np.searchsorted(self.repeated, hashes[flags])
        flags[flags] = self.repeated.take(places, mode="clip") == hashes[flags]
        return flags

    def find(self, rows: pa.RecordBatch, key: str, may_repeat: Flags) -> tuple[Flags, Flags]:
        """Which rows equal an earlier row in every column, and which others have the id of an earlier row.

        `may_repeat` are the rows whose ids may, and `key` is the column that holds these.
        """
        is_same_row = np.zeros(len(rows), bool)
        is_same_id = np.zeros(len(rows), bool)
        candidates = np.flatnonzero(may_repeat)
        is_same_row[candidates], is_same_id[candidates] = self._seen.compare(
            rows.take(pa.array(candidates)), key
        )
        return is_same_row, is_same_id


@dataclass
class SeenRows:
    """Remembers rows as they come, in file order, to tell which repeat one of them."""

    _ids: set[str] = field(default_factory=set)
    _rows: set[bytes] = field(default_factory=set)

    def compare(self, rows: pa.RecordBatch, key: str) -> tuple[Flags, Flags]:
        """Which rows equal an earlier row in every column, and which others have the id of an earlier row."""
        is_same_row = np.zeros(len(rows), bool)
        is_same_id = np.zeros(len(rows), bool)
        texts = [column.to_pylist() for column in rows.columns]
        ids = texts[rows.schema.get_field_index(key)]
        for index, (id_, row) in enumerate(zip(ids, zip(*texts, strict=True), strict=True)):
            digest = hashlib.blake2b(repr(row).encode(), digest_size=16).digest()
            is_same_row[index] = digest in self._rows
            is_same_id[index] = id_ in self._ids and not is_same_row[index]
            self._rows.add(digest)
            if id_ is not None:
                self._ids.add(id_)
        return is_same_row, is_same_id
