"""Arrow text as machine words: eight characters at a time, a whole column at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Words = npt.NDArray[np.uint64]

WORD_BYTES = 8
#: The high bit of each byte.
HIGH_BITS = np.uint64(0x8080808080808080)
_ONES = np.uint64(0x0101010101010101)
_LOWEST_BYTE = np.uint64(0xFF)
_COMMA = b","
#: Ids are shorter; looking for the end of a longer field one by one would take too long.
_LONGEST_FIRST_FIELD_BYTES = 8 * WORD_BYTES
#: So far a reader may look beyond the text at either end.
_MARGIN_BYTES = _LONGEST_FIRST_FIELD_BYTES


@dataclass(frozen=True)
class TextWords:
    """Where each value of a column starts in its text, and how many bytes it has; a null has none."""

    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    _words: Words

    @classmethod
    def of(cls, text: pa.Array) -> "TextWords":
        """The values of an Arrow text array."""
        _, offsets_buffer, data_buffer = text.buffers()
        if not len(text):
            offsets_buffer = np.zeros(1, np.int32)
        own = slice(text.offset, text.offset + len(text) + 1)
        offsets = np.frombuffer(offsets_buffer, np.int32)[own].astype(np.int64)
        first, last = int(offsets[0]), int(offsets[-1])
        data = np.frombuffer(data_buffer, np.uint8)[first:last] if last > first else np.array([], np.uint8)
        return cls(offsets[:-1] - first + _MARGIN_BYTES, np.diff(offsets), _view_words(data))

    @classmethod
    def of_first_fields(cls, lines: bytes) -> "TextWords | None":
        """The text before the first comma of each line.

        None where a line begins with a quote, or has no comma near its start.
        """
        data = np.frombuffer(lines, np.uint8)
        starts = np.concatenate([[-1], np.flatnonzero(data == ord("\n"))[:-1]]) + 1 + _MARGIN_BYTES
        words = _view_words(data)
        if (words[starts] & _LOWEST_BYTE == ord('"')).any():
            return None
        lengths, left = np.zeros_like(starts), np.arange(len(starts))
        for position in range(0, _LONGEST_FIRST_FIELD_BYTES, WORD_BYTES):
            commas = lowest_byte(words[starts[left] + position], _COMMA)
            lengths[left] = position + bytes_below(commas)
            left = left[commas == 0]
            if not len(left):
                return cls(starts, lengths, words)
        return None

    def at(self, positions: npt.NDArray[np.int64]) -> Words:
        """The eight bytes from each position, the first of them lowest, whosever they are."""
        return self._words[positions]


def _view_words(data: npt.NDArray[np.uint8]) -> Words:
    """The words that start at each byte of the data, which is copied once, with a margin at either end."""
    padded = np.zeros(len(data) + 2 * _MARGIN_BYTES, np.uint8)
    padded[_MARGIN_BYTES : _MARGIN_BYTES + len(data)] = data
    return np.ndarray((len(padded) - WORD_BYTES + 1,), np.dtype("<u8"), padded, strides=(1,))


def lowest_byte(words: Words, character: bytes) -> Words:
    """For each word the high bit of the lowest byte that holds the character; zero where none does."""
    other = words ^ word_of(character * WORD_BYTES)
    found = (other - _ONES) & ~other & HIGH_BITS
    return found & (~found + np.uint64(1))


def bytes_below(high_bits: Words) -> npt.NDArray[np.int64]:
    """How many bytes lie below the one whose high bit is given; 8 where none is."""
    counts: npt.NDArray[np.int64] = np.bitwise_count(high_bits - np.uint64(1)).astype(np.int64) >> 3
    return counts


def word_of(characters: bytes) -> np.uint64:
    """Eight characters as a word, the first in the lowest byte."""
    return np.uint64(int.from_bytes(characters, "little"))
