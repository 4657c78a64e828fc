"""Values that are written another way than the default grammar: null words, decimal commas, local times.

Rewrites the text of the columns that declare a format; `parse` then reads it. What does not fit its
declaration becomes a text that no grammar accepts: nothing is read in a way that was not declared.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include.contract import Dataset, Kind
from include.contract.model import DEFAULT_VALUES, EPOCH_FORMATS, UTC, Column, ValueFormat
from include.engine.blanks import trim
from include.engine.frames import to_flags
from include.engine.parse import parse_array

Flags = npt.NDArray[np.bool_]

#: A text that no grammar reads, in place of one that does not fit its declared format.
_INVALID = "invalid"
_TIME_CODES = re.compile(r"%[HIMSfpXcTRrs]")
_PER_SECOND = {"epoch_seconds": 1, "epoch_milliseconds": 1_000}
_MICROSECONDS = 1_000_000
_THOUSANDS_BLANKS = " \u00a0\u202f\u2009"


@dataclass(frozen=True)
class Rewritten:
    """Rows in the default grammar, and the local times that name no single moment, by column."""

    rows: pa.RecordBatch
    ambiguous: Mapping[str, Flags]
    nonexistent: Mapping[str, Flags]

    def find_faults(self, found: Mapping[str, Flags]) -> dict[str, Flags]:
        """A reason of its own for each such time, in place of the one that an unreadable value gets."""
        faults: dict[str, Flags] = {}
        for name in self.ambiguous:
            faults[f"{name}_ambiguous"], faults[f"{name}_nonexistent"] = (
                self.ambiguous[name],
                self.nonexistent[name],
            )
            invalid = f"{name}_invalid"
            if invalid in found:
                faults[invalid] = found[invalid] & ~self.ambiguous[name] & ~self.nonexistent[name]
        return faults


@cache
def list_declared(dataset: Dataset) -> tuple[Column, ...]:
    """The columns whose values are not written in the default format."""
    return tuple(column for column in dataset.columns if dataset.format_of(column) != DEFAULT_VALUES)


def rewrite_values(rows: pa.RecordBatch, dataset: Dataset) -> Rewritten:
    """The rows with declared formats rewritten to the default; the same rows if none declares one."""
    ambiguous: dict[str, Flags] = {}
    nonexistent: dict[str, Flags] = {}
    for column in list_declared(dataset):
        place, value_format = rows.schema.get_field_index(column.name), dataset.format_of(column)
        text = empty_null_words(rows.column(place), value_format)
        if column.kind in (Kind.WHOLE_NUMBER, Kind.DECIMAL):
            text = _rewrite_numbers(text, value_format)
        elif column.kind is Kind.TIMESTAMP:
            moments = read_timestamps(text, value_format)
            text = moments.text
            if value_format.time_zone != UTC:
                ambiguous[column.name] = moments.is_ambiguous
                nonexistent[column.name] = moments.is_nonexistent
        rows = rows.set_column(place, column.name, text)
    return Rewritten(rows, ambiguous, nonexistent)


def empty_null_words(text: pa.Array, value_format: ValueFormat) -> pa.Array:
    """Null in place of a declared null word, also with blanks around it."""
    if not value_format.null_words:
        return text
    words = pa.array(value_format.null_words, pa.string())
    # Leaves no text under the nulls, as `if_else` does: a null hashes like an empty text.
    return pc.replace_with_mask(text, pc.is_in(trim(text), words), pa.scalar(None, pa.string()))


def _rewrite_numbers(text: pa.Array, value_format: ValueFormat) -> pa.Array:
    """`1.234,50` as `1234.50`. Thousands are either grouped throughout or not at all."""
    decimal, thousands = value_format.decimal_separator, value_format.thousands_separator
    if (decimal, thousands) == (".", ""):
        return text
    trimmed = trim(text)
    grouped = rf"\d{{1,3}}(?:{_any_of(thousands)}\d{{3}})+|" if thousands else ""
    pattern = rf"\A[+-]?(?:{grouped}\d*)(?:{re.escape(decimal)}\d*)?\z"
    fits = pc.match_substring_regex(trimmed, pattern)
    plain = pc.replace_substring_regex(trimmed, _any_of(thousands), "") if thousands else trimmed
    return _keep_fitting(text, fits, pc.replace_substring(plain, decimal, "."))


def _any_of(separator: str) -> str:
    """A blank between thousands is often one that does not break."""
    return f"[{_THOUSANDS_BLANKS}]" if separator in _THOUSANDS_BLANKS else re.escape(separator)


def _keep_fitting(text: pa.Array, fits: pa.Array, rewritten: pa.Array) -> pa.Array:
    """The rewritten values, null where there was none, and a text that cannot be read for all others."""
    return pc.if_else(text.is_null(), None, pc.if_else(pc.fill_null(fits, False), rewritten, _INVALID))


@dataclass(frozen=True)
class LocalTimes:
    """Timestamps as text in UTC; bare dates stay bare dates, because a whole day has no time zone."""

    text: pa.Array
    is_ambiguous: Flags
    is_nonexistent: Flags


def read_timestamps(text: pa.Array, value_format: ValueFormat) -> LocalTimes:
    """Read every declared format and ISO 8601. A value that two of them read differently is invalid."""
    readings = [_read_iso(text), *(_read_format(text, each) for each in value_format.timestamp_formats)]
    chosen = readings[0]
    is_contradictory = np.zeros(len(text), bool)
    for reading in readings[1:]:
        both = chosen.is_read & reading.is_read
        is_contradictory |= both & (
            (chosen.moments != reading.moments) | (chosen.is_local != reading.is_local)
        )
        chosen = _merge(chosen, reading)
    moments, is_ambiguous, is_nonexistent = _to_utc(chosen, value_format.time_zone)
    fits = chosen.is_read & ~is_contradictory & ~is_ambiguous & ~is_nonexistent
    return LocalTimes(_write(text, chosen, moments, fits), is_ambiguous, is_nonexistent)


@dataclass(frozen=True)
class _Reading:
    """What one format makes of each value: microseconds since 1970, whether the clock was a local one."""

    is_read: Flags
    moments: npt.NDArray[np.int64]
    is_local: Flags
    is_bare_date: Flags


def _read_iso(text: pa.Array) -> _Reading:
    typed = parse_array(text, Kind.TIMESTAMP)
    has_time = _matches(text, ":")
    has_offset = has_time & _matches(text, r"(Z|z|UTC|[+-]\d{2}(:?\d{2})?)\s*$", is_regex=True)
    return _Reading(
        is_read=typed.is_valid().to_numpy(zero_copy_only=False),
        moments=pc.fill_null(typed.view(pa.int64()), 0).to_numpy(),
        is_local=has_time & ~has_offset,
        is_bare_date=~has_time,
    )


def _matches(text: pa.Array, pattern: str, *, is_regex: bool = False) -> Flags:
    match: Callable[[pa.Array, str], pa.Array] = pc.match_substring_regex if is_regex else pc.match_substring
    return to_flags(match(trim(text), pattern))


def _read_format(text: pa.Array, timestamp_format: str) -> _Reading:
    if timestamp_format in EPOCH_FORMATS:
        return _read_epoch(text, timestamp_format)
    has_zone = "%z" in timestamp_format
    trimmed = pd.Series(trim(text).to_pandas(), dtype="object")
    found = pd.to_datetime(trimmed, format=timestamp_format, errors="coerce", utc=has_zone)
    moments = found.dt.tz_localize(None) if has_zone else found
    is_read = moments.notna().to_numpy()
    has_time = bool(_TIME_CODES.search(timestamp_format))
    every = np.ones(len(text), bool)
    return _Reading(
        is_read=is_read,
        moments=np.where(is_read, moments.to_numpy("datetime64[us]").astype(np.int64), 0),
        is_local=every & (has_time and not has_zone),
        is_bare_date=every & (not has_time),
    )


def _read_epoch(text: pa.Array, unit: str) -> _Reading:
    """Whole numbers, with a fraction of up to six digits of a second."""
    trimmed = trim(text)
    per_second = _PER_SECOND[unit]
    places = 6 if per_second == 1 else 3
    is_read = to_flags(
        pc.match_substring_regex(trimmed, rf"\A-?\d{{1,{18 - places}}}(\.\d{{1,{places}}}0*)?\z")
    )
    amounts = pc.if_else(pa.array(is_read), trimmed, "0").cast(pa.decimal128(38, 12))
    scaled = pc.multiply(amounts.cast(pa.decimal256(50, 6)), pa.scalar(_MICROSECONDS // per_second))
    every = np.ones(len(text), bool)
    return _Reading(is_read, scaled.cast(pa.int64()).to_numpy(), ~every, ~every)


def _merge(one: _Reading, other: _Reading) -> _Reading:
    """What either has read, the first before the other."""
    return _Reading(
        is_read=one.is_read | other.is_read,
        moments=np.where(one.is_read, one.moments, other.moments),
        is_local=np.where(one.is_read, one.is_local, other.is_local),
        is_bare_date=np.where(one.is_read, one.is_bare_date, other.is_bare_date),
    )


def _to_utc(reading: _Reading, time_zone: str) -> tuple[npt.NDArray[np.int64], Flags, Flags]:
    """Local clocks as UTC; which of them show a time twice, and which never."""
    is_local = reading.is_read & reading.is_local
    is_ambiguous, is_nonexistent = np.zeros_like(is_local), np.zeros_like(is_local)
    if time_zone == UTC or not is_local.any():
        return reading.moments, is_ambiguous, is_nonexistent
    clocks = pd.DatetimeIndex(reading.moments[is_local].astype("datetime64[us]"))
    zone = ZoneInfo(time_zone)
    first, second = (
        clocks.tz_localize(zone, ambiguous=np.full(len(clocks), is_summer), nonexistent="NaT")
        for is_summer in (True, False)
    )
    is_ambiguous[is_local] = (first != second) & first.notna()
    is_nonexistent[is_local] = first.isna()
    moments = reading.moments.copy()
    moments[is_local] = np.where(
        first.isna(), 0, first.tz_convert("UTC").tz_localize(None).as_unit("us").asi8
    )
    return moments, is_ambiguous, is_nonexistent


def _write(text: pa.Array, reading: _Reading, moments: npt.NDArray[np.int64], fits: Flags) -> pa.Array:
    timestamps = pa.array(moments).view(pa.timestamp("us"))
    instants = pc.binary_join_element_wise(timestamps.cast(pa.string()), "Z", "")
    dates = timestamps.cast(pa.date32()).cast(pa.string())
    written = pc.if_else(pa.array(reading.is_bare_date), dates, instants)
    return _keep_fitting(text, pa.array(fits), written)
