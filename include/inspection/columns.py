"""The type of a column's values, their format, and their null words."""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import pyarrow as pa

from include.contract.model import DEFAULT_VALUES, Column, Dataset, FileFormat, Kind, ValueFormat
from include.engine.parse import parse_array
from include.engine.value_formats import rewrite_values

#: Words that exports write for a missing value.
NULL_WORDS = ("NULL", "null", r"\N", "N/A", "n/a", "NaN", "None", "0000-00-00", "0000-00-00 00:00:00")
_NUMBER_FORMATS = ((".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (".", "'"), (".", " "))
_DATES = (
    *("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d.%m.%y", "%m/%d/%y"),
    *("%d/%m/%y", "%Y%m%d", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d-%b-%Y"),
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", " %H:%M:%S %z")
_LIKE_A_DATE = re.compile(r"\d{1,4}[./ -]\w{1,9}[./, -]+\d{2,4}|\w{3,9} \d{1,2}, \d{4}|\d{8}")
_LIKE_A_NUMBER = re.compile(r"^\s*[-+]?[\d.,' \u00a0]*\d[\d.,' \u00a0]*$")
#: Enough different values to rule formats out, before the others are tried on every value.
_FEW = 300
#: Enough values to rule out most formats of timestamps with `strptime`, which is quick for few.
_FIRST = 20
#: A column is of a type if nearly all of its values are; the others are bad rows.
_MOST = 0.9


@dataclass(frozen=True)
class Finding:
    """What a column holds. `share` of its values fit; `shape` shows one without its characters."""

    header: str
    kind: Kind
    format: ValueFormat
    share: float
    filled: int
    is_unique: bool
    shape: str
    notes: tuple[str, ...] = ()


def examine_column(header: str, values: Sequence[str]) -> Finding:
    """The narrowest type that nearly all values fit."""
    present = [value for value in values if value.strip()]
    words = tuple(word for word in NULL_WORDS if any(value.strip() == word for value in present))
    filled = [value for value in present if value.strip() not in words]
    best = _find_best(filled)
    kind, value_format, share, notes = best or (Kind.TEXT, DEFAULT_VALUES, 1.0, ())
    return Finding(
        header=header,
        kind=kind,
        format=replace(value_format, null_words=words),
        share=share,
        filled=len(filled),
        is_unique=bool(filled) and len(set(filled)) == len(values),
        shape=make_shape(filled[0]) if filled else "",
        notes=notes,
    )


def _find_best(filled: Sequence[str]) -> tuple[Kind, ValueFormat, float, tuple[str, ...]] | None:
    """Whole numbers before decimals before timestamps; codes such as `00123` stay text."""
    if not filled or any(re.fullmatch(r"0\d+", value.strip()) for value in filled):
        return None
    few = list(dict.fromkeys(filled))[:_FEW]
    for kind in (Kind.WHOLE_NUMBER, Kind.DECIMAL) if _are_like(_LIKE_A_NUMBER, few) else ():
        found = [
            (measure_fit(filled, kind, each), each)
            for each in (
                ValueFormat(decimal_separator=decimal, thousands_separator=thousands)
                for decimal, thousands in _NUMBER_FORMATS
            )
        ]
        share, value_format = max(found, key=lambda each: each[0])
        if share >= _MOST:
            return kind, value_format, share, ()
    return _find_timestamps(filled)


def _find_timestamps(filled: Sequence[str]) -> tuple[Kind, ValueFormat, float, tuple[str, ...]] | None:
    iso = measure_fit(filled, Kind.TIMESTAMP, DEFAULT_VALUES)
    if iso >= _MOST:
        return Kind.TIMESTAMP, DEFAULT_VALUES, iso, ()
    few = list(dict.fromkeys(filled))[:_FEW]
    if not _are_like(_LIKE_A_DATE, few):
        return None
    candidates = [
        each
        for each in _list_timestamp_formats()
        if any(_has_form(value, each) for value in few[:_FIRST])
        and measure_fit(few, Kind.TIMESTAMP, ValueFormat(timestamp_formats=(each,))) > 0.5
    ]
    fits = {
        each: measure_fit(filled, Kind.TIMESTAMP, ValueFormat(timestamp_formats=(each,)))
        for each in candidates
    }
    best = max(fits.values(), default=0.0)
    if best < _MOST:
        return None
    tied = [each for each, share in fits.items() if share == best]
    notes: tuple[str, ...] = ()
    if len(tied) > 1:
        both = " and ".join(tied)
        notes = (f"{both} fit every value: only a day after the 12th of a month would decide. Ask the shop.",)
    return Kind.TIMESTAMP, ValueFormat(timestamp_formats=(tied[0],)), best, notes


def _are_like(pattern: re.Pattern[str], values: Sequence[str]) -> bool:
    return sum(bool(pattern.search(value)) for value in values) >= len(values) * _MOST


def are_numbers(values: Sequence[str]) -> bool:
    """Whether values look like numbers, even if they have more places than the contract reads."""
    return bool(values) and _are_like(_LIKE_A_NUMBER, values)


def _has_form(value: str, form: str) -> bool:
    try:
        return bool(dt.datetime.strptime(value.strip(), form))
    except ValueError:
        return False


def _list_timestamp_formats() -> Iterator[str]:
    yield from (date + time for date, time in product(_DATES, _TIMES))


def measure_fit(values: Sequence[str], kind: Kind, value_format: ValueFormat) -> float:
    """The share of the values that the contract's own grammar reads in that format."""
    column = Column(name="value", kind=kind, meaning="")
    declared = FileFormat(**{name: getattr(value_format, name) for name in vars(DEFAULT_VALUES)})
    dataset = Dataset(name="sample", key="value", columns=(column,), format=declared)
    rows = pa.RecordBatch.from_arrays([pa.array(values, pa.string())], names=["value"])
    parsed = parse_array(rewrite_values(rows, dataset).rows.column(0), kind)
    return float((len(parsed) - parsed.null_count) / len(parsed))


def is_epoch(values: Sequence[str]) -> str | None:
    """The unit of whole numbers that are moments of the years 2000 to 2100."""
    numbers = [int(value) for value in values if re.fullmatch(r"\d{9,13}", value.strip())]
    if len(numbers) < len(values) * _MOST or not numbers:
        return None
    for unit, per_second in (("epoch_seconds", 1), ("epoch_milliseconds", 1000)):
        if all(946_684_800 <= number / per_second <= 4_102_444_800 for number in numbers):
            return unit
    return None


def make_shape(value: str) -> str:
    """How a value looks, without what it says: `#1001` is `#0000`, `Ann Lee` is `Aaa Aaa`."""
    shape = re.sub(r"[^\W\d_]", lambda found: "A" if found[0].isupper() else "a", value.strip())
    return re.sub(r"\d", "0", shape)[:24]
