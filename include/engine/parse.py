"""From text to typed values, a whole column at a time. This module has the grammar of each kind.

Every spelling with exactly one reading is accepted; what would need rounding or has two readings is not.
Arrow's casts stop at the first value that they cannot read, so the grammar comes first and rewrites what it
accepts to the form that the cast takes. The most common forms are read faster, before it.
"""

import datetime as dt
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include.contract import Kind
from include.contract.arrow import ARROW_TYPES
from include.engine.blanks import trim
from include.engine.common_forms import read_decimals, read_timestamps, read_whole_numbers
from include.engine.frames import to_array

Flags = npt.NDArray[np.bool_]

# A sign, a value without needless zeros, and what a rewrite may drop without changing the value.
WHOLE_NUMBER = r"(?:\+|(-))?0*(?:(\d{1,18})(?:\.0*)?|\.0+)"
DECIMAL = r"(?:\+|(-))?0*(?:(\d{1,14})(?:\.(\d{0,4})0*)?|\.(\d{1,4})0*)"

_YEAR = r"(?:\d{3}[1-9]|\d{2}[1-9]\d|\d[1-9]\d{2}|[1-9]\d{3})"
_LEAP_YEAR = r"(?:\d{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DATE = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    rf"|02-(?:0[1-9]|1\d|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
# Digits beyond microseconds are cut: up to nanoseconds, and any zeros behind them.
_TIME = r"((?:[01]\d|2[0-3]):[0-5]\d)(?:(:[0-5]\d)(?:(\.\d{1,6})\d{0,3}0*)?)?"
_OFFSET = r"([+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)"
TIMESTAMP_IN_UTC = rf"({_DATE})(?:([T ]){_TIME}(?: ?(?:Z|z|UTC))?)?"
TIMESTAMP_WITH_OFFSET = rf"({_DATE})([T ]){_TIME} ?{_OFFSET}"

_FIRST_MOMENT = pa.scalar(dt.datetime.min.replace(tzinfo=dt.UTC), ARROW_TYPES[Kind.TIMESTAMP])
_LAST_MOMENT = pa.scalar(dt.datetime.max.replace(tzinfo=dt.UTC), ARROW_TYPES[Kind.TIMESTAMP])


def parse(text: pd.Series, kind: Kind) -> pd.Series:
    """The values of a text column, as Arrow-backed pandas; null where the text is null or not of the kind."""
    typed = parse_array(to_array(text), kind)
    return pd.Series(typed, index=text.index, dtype=pd.ArrowDtype(ARROW_TYPES[kind]))


def parse_array(text: pa.Array, kind: Kind) -> pa.Array:
    """The same for an Arrow array."""
    return _PARSERS[kind](text)


def _parse_whole_numbers(text: pa.Array) -> pa.Array:
    values, is_read = read_whole_numbers(text)
    return _add_uncommon(text, pa.array(values, mask=~is_read), is_read, _cast_whole_numbers)


def _parse_decimals(text: pa.Array) -> pa.Array:
    values, is_read = read_decimals(text)
    # A decimal of 128 bits is its lower and its upper half; common forms are never negative.
    halves = np.column_stack([values, np.zeros_like(values)])
    buffers = [pa.array(is_read).buffers()[1], pa.py_buffer(halves)]
    decimals = pa.Decimal128Array.from_buffers(ARROW_TYPES[Kind.DECIMAL], len(text), buffers)
    return _add_uncommon(text, decimals, is_read, _cast_decimals)


def _parse_timestamps(text: pa.Array) -> pa.Array:
    values, is_read = read_timestamps(text)
    timestamps = pa.array(values, mask=~is_read).view(ARROW_TYPES[Kind.TIMESTAMP])
    return _add_uncommon(text, timestamps, is_read, _cast_timestamps)


def _add_uncommon(
    text: pa.Array, typed: pa.Array, is_read: Flags, cast: Callable[[pa.Array], pa.Array]
) -> pa.Array:
    """Read what is left in its uncommon forms, where it has any."""
    is_left = pc.and_(text.is_valid(), pa.array(~is_read))
    left = text.filter(is_left)
    return pc.replace_with_mask(typed, is_left, cast(left)) if len(left) else typed


def _cast_whole_numbers(text: pa.Array) -> pa.Array:
    return _rewrite(trim(text), WHOLE_NUMBER, r"\10\2").cast(ARROW_TYPES[Kind.WHOLE_NUMBER])


def _cast_decimals(text: pa.Array) -> pa.Array:
    return _rewrite(trim(text), DECIMAL, r"\1\2.\3\4").cast(ARROW_TYPES[Kind.DECIMAL])


def _cast_timestamps(text: pa.Array) -> pa.Array:
    """Without an offset it is UTC; with one it is converted. Fractions are cut to microseconds."""
    text, timestamp = trim(text), ARROW_TYPES[Kind.TIMESTAMP]
    in_utc = _rewrite(text, TIMESTAMP_IN_UTC, r"\1\2\3\4\5").cast(pa.timestamp("us"))
    with_offset = _rewrite(text, TIMESTAMP_WITH_OFFSET, r"\1\2\3\4\5\6").cast(timestamp)
    return pc.coalesce(in_utc.cast(timestamp), _keep_in_calendar(with_offset))


def _keep_in_calendar(moments: pa.Array) -> pa.Array:
    """An offset may lead out of the years 1 to 9999, where no reader follows."""
    is_inside = pc.and_(pc.greater_equal(moments, _FIRST_MOMENT), pc.less_equal(moments, _LAST_MOMENT))
    return pc.if_else(is_inside, moments, None)


def _rewrite(text: pa.Array, pattern: str, rewritten: str) -> pa.Array:
    """The values that match, in the one form that the cast reads; null for the others."""
    whole = rf"\A(?:{pattern})\z"
    is_matching = pc.match_substring_regex(text, whole)
    # Compiling the pattern a second time costs more than matching the few uncommon values of a batch.
    if not pc.any(is_matching).as_py():
        return pa.nulls(len(text), text.type)
    return pc.replace_substring_regex(pc.if_else(is_matching, text, None), whole, rewritten)


_PARSERS: dict[Kind, Callable[[pa.Array], pa.Array]] = {
    Kind.TEXT: lambda text: text,
    Kind.WHOLE_NUMBER: _parse_whole_numbers,
    Kind.DECIMAL: _parse_decimals,
    Kind.TIMESTAMP: _parse_timestamps,
}
