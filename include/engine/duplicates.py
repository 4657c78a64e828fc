"""Rows that repeat, across all batches of a file.

Two passes keep memory flat. The first reads only the keys and remembers a hash of each, 8 bytes a row:
sorted, they show which hashes repeat. The second, over whole rows, compares only the rows with such a
hash, and those by their text. So the answer is exact even where hashes collide.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.engine.blanks import BLANKS
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
    """Finds, batch after batch in file order, the rows that repeat earlier ones.

    Parameters
    ----------
    repeated: hashes of the keys that may repeat, sorted.
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

    def find(self, rows: pa.RecordBatch, key: tuple[str, ...], may_repeat: Flags) -> tuple[Flags, Flags]:
        """Which rows equal an earlier row in every column, and which others have the key of an earlier row.

        `may_repeat` flags the rows whose keys may repeat; `key` names the key columns.
        """
        is_same_row = np.zeros(len(rows), bool)
        is_same_key = np.zeros(len(rows), bool)
        candidates = np.flatnonzero(may_repeat)
        is_same_row[candidates], is_same_key[candidates] = self._seen.compare(
            rows.take(pa.array(candidates)), key
        )
        return is_same_row, is_same_key


@dataclass
class FirstRows:
    """Tells, batch after batch in file order, which rows have the key of an earlier one."""

    _keys: set[str] = field(default_factory=set)

    def find_repeats(self, keys: pa.Array) -> Flags:
        """`keys` has no nulls."""
        encoded = keys.dictionary_encode()
        first_places = np.unique(encoded.indices.to_numpy(), return_index=True)[1]
        texts = encoded.dictionary.to_pylist()
        is_new = np.array([text not in self._keys for text in texts], bool)
        is_repeat = np.ones(len(keys), bool)
        is_repeat[first_places[is_new]] = False
        self._keys.update(texts)
        return is_repeat


@dataclass
class SeenRows:
    """Remembers rows as they come, in file order, to tell which repeat one of them."""

    _keys: set[tuple[str | None, ...]] = field(default_factory=set)
    _rows: set[bytes] = field(default_factory=set)

    def compare(self, rows: pa.RecordBatch, key: tuple[str, ...]) -> tuple[Flags, Flags]:
        """Which rows equal an earlier row in every column, and which others have the key of an earlier row.

        A row without a value in the first key column has no key.
        """
        is_same_row = np.zeros(len(rows), bool)
        is_same_key = np.zeros(len(rows), bool)
        texts = [column.to_pylist() for column in rows.columns]
        keys = zip(*(texts[rows.schema.get_field_index(name)] for name in key), strict=True)
        for index, (row_key, row) in enumerate(zip(keys, zip(*texts, strict=True), strict=True)):
            digest = hashlib.blake2b(repr(row).encode(), digest_size=16).digest()
            is_same_row[index] = digest in self._rows
            is_same_key[index] = row_key in self._keys and not is_same_row[index]
            self._rows.add(digest)
            if (row_key[0] or "").strip(BLANKS):
                self._keys.add(row_key)
        return is_same_row, is_same_key
