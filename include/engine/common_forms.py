"""The forms in which nearly every file writes its numbers and timestamps, read eight characters at a time.

Each reader says which values it could read. What it leaves, valid or not, is for the grammars in `parse.py`,
which it must agree with: with these alone, a day of 2 million orders takes 4 % more CPU time. Digits are
computed inside 64-bit words: a word holds one character in each byte, the first in the lowest.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.engine.text_words import (
    HIGH_BITS,
    WORD_BYTES,
    TextWords,
    Words,
    bytes_below,
    lowest_byte,
    word_of,
)

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: Decimals are whole numbers of their fourth place.
DECIMAL_PLACES = 4


_ZEROS = word_of(b"00000000")
#: Added to a byte, sets its high bit when the byte is more than nine.
_OVER_NINE = word_of(b"\x76" * 8)
_BYTE = np.uint64(0xFF)

_MONTH_STARTS = np.arange("0000-01", "10000-02", dtype="M8[M]").astype("M8[D]").astype(np.int64)
_MONTH_DAYS = np.diff(_MONTH_STARTS)


def read_whole_numbers(text: pa.Array) -> tuple[Integers, Flags]:
    """`123`: one to eight digits."""
    digits, lengths = _align_right(text)
    return _value_of_digits(digits), _are_digits(digits) & _fits_in_word(lengths)


def read_decimals(text: pa.Array) -> tuple[Integers, Flags]:
    """`12.34`, `12`: one to eight characters; the value in units of the fourth decimal place."""
    digits, lengths = _align_right(text)
    point = lowest_byte(digits ^ _ZEROS, b".")
    has_point = point != 0
    before = (digits & ((point >> np.uint64(7)) - np.uint64(1))) << np.uint64(8)
    behind = digits & ~((point << np.uint64(1)) - np.uint64(1))
    digits = np.where(has_point, before | behind, digits)
    places = np.where(has_point, 7 - bytes_below(point), 0)
    is_complete = ~has_point | ((places > 0) & (places <= DECIMAL_PLACES) & (lengths > places + 1))
    scale = 10 ** np.clip(DECIMAL_PLACES - places, 0, DECIMAL_PLACES)
    return _value_of_digits(digits) * scale, is_complete & _are_digits(digits) & _fits_in_word(lengths)


def read_timestamps(text: pa.Array) -> tuple[Integers, Flags]:
    """`2026-11-21T10:15:30`, with a `T` or a space, and a `Z` or none; microseconds since 1970 in UTC."""
    words = TextWords.of(text)
    length = len("2026-11-21T10:15:30")
    starts = np.where((words.lengths == length) | (words.lengths == length + 1), words.starts, 0)
    is_read = (starts > 0) & ((words.lengths == length) | (words.at(starts + length) & _BYTE == ord("Z")))
    century, is_century = _read_pair(words.at(starts))
    year, month, day, is_date = _read_triple(words.at(starts + 2), b"-")
    separator = words.at(starts + 10) & _BYTE
    hour, minute, second, is_time = _read_triple(words.at(starts + 11), b":")
    is_read &= is_century & is_date & is_time & ((separator == ord("T")) | (separator == ord(" ")))
    is_read &= (hour < 24) & (minute < 60) & (second < 60) & (month >= 1) & (month <= 12)
    year += century * 100
    month_index = np.where(is_read, year * 12 + month - 1, 0)
    is_read &= (year >= 1) & (day >= 1) & (day <= _MONTH_DAYS[month_index])
    days = _MONTH_STARTS[month_index] + day - 1
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000, is_read


def _align_right(text: pa.Array) -> tuple[Words, Integers]:
    """The last eight characters of each value as digits 0 to 9, behind zeros where there are fewer."""
    words = TextWords.of(text)
    missing = np.clip(WORD_BYTES - words.lengths, 0, WORD_BYTES - 1).astype(np.uint64)
    own = ~np.uint64(0) << (missing * np.uint64(8))
    return (words.at(words.starts + words.lengths - WORD_BYTES) ^ _ZEROS) & own, words.lengths


def _fits_in_word(lengths: Integers) -> Flags:
    return (lengths >= 1) & (lengths <= WORD_BYTES)


def _are_digits(digits: Words) -> Flags:
    """Whether every byte is zero to nine."""
    is_digits: Flags = (((digits + _OVER_NINE) | digits) & HIGH_BITS) == 0
    return is_digits


def _value_of_digits(digits: Words) -> Integers:
    """The number that eight digits make: neighbours are joined to pairs, pairs to fours, fours to one."""
    pairs = (digits * np.uint64(10) + (digits >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    fours = (pairs * np.uint64(100) + (pairs >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    value = (fours * np.uint64(10_000) + (fours >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
    return value.astype(np.int64)


def _read_pair(word: Words) -> tuple[Integers, Flags]:
    """Two digits at the start of a word."""
    digits = (word ^ _ZEROS) & np.uint64(0xFFFF)
    first, second = digits & _BYTE, digits >> np.uint64(8)
    return (first * np.uint64(10) + second).astype(np.int64), (first < 10) & (second < 10)


def _read_triple(word: Words, separator: bytes) -> tuple[Integers, Integers, Integers, Flags]:
    """Three pairs of digits with a separator between them: `26-11-21`, `10:15:30`."""
    digits = word ^ word_of(separator.join([b"00"] * 3))
    is_separated = (digits & np.uint64(0x0000FF0000FF0000)) == 0
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
    parts = [((pairs >> np.uint64(shift)) & _BYTE).astype(np.int64) for shift in (0, 24, 48)]
    return parts[0], parts[1], parts[2], is_separated & _are_digits(digits)
