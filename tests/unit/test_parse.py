"""What the text of a field is understood as."""

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contract import Kind
from include.engine.parse import _PARSERS, _cast_decimals, _cast_timestamps, _cast_whole_numbers, parse

CASTS = {
    Kind.WHOLE_NUMBER: _cast_whole_numbers,
    Kind.DECIMAL: _cast_decimals,
    Kind.TIMESTAMP: _cast_timestamps,
}

WHOLE_NUMBERS: dict[str, Any] = {
    "7": 7,
    "007": 7,
    "-3": -3,
    "0": 0,
    "-0": 0,
    "+12": 12,
    "5.": 5,
    "40.00": 40,
    "3.000000000000": 3,
    "  8": 8,
    "8\u00a0": 8,
    "\t+6.0 ": 6,
    "\ufeff9": 9,
    "7\n": 7,
    "999999999999999999": 999999999999999999,
    "0000000000999999999999999999.0": 999999999999999999,
    "1000000000000000000": None,
    "1.5": None,
    "1.0001": None,
    "1e3": None,
    "1,000": None,
    "1 000": None,
    "+ 1": None,
    "+-1": None,
    "seven": None,
    "NaN": None,
    "٣": None,
    "-": None,
    ".": None,
    ".0": 0,
    " ": None,
}
DECIMALS: dict[str, Any] = {
    "12.3456": Decimal("12.3456"),
    "12": Decimal(12),
    "-0.01": Decimal("-0.01"),
    "7.250000": Decimal("7.25"),
    ".75": Decimal("0.75"),
    "-.5": Decimal("-0.5"),
    "6.": Decimal(6),
    "+8.10": Decimal("8.1"),
    " 3.20 ": Decimal("3.2"),
    "\u00a09.99\u200b": Decimal("9.99"),
    "00.1000000000000000": Decimal("0.1"),
    "99999999999999.9999": Decimal("99999999999999.9999"),
    "100000000000000": None,
    "1.23456": None,
    "2.989999999999999998": None,
    "1,5": None,
    "€5": None,
    "$2.20": None,
    "2.20 EUR": None,
    "(3.00)": None,
    ".": None,
    "1.2.3": None,
    "1e3": None,
    "inf": None,
    "NA": None,
}


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[arg-type, misc]  # year to microsecond


TIMESTAMPS: dict[str, Any] = {
    "2026-11-21": utc(2026, 11, 21),
    "2026-11-21T10:15": utc(2026, 11, 21, 10, 15),
    "2026-11-21 10:15:30": utc(2026, 11, 21, 10, 15, 30),
    "2026-11-21T10:15:30.5": utc(2026, 11, 21, 10, 15, 30, 500_000),
    "2026-11-21T10:15:30.123456789": utc(2026, 11, 21, 10, 15, 30, 123_456),
    "2026-11-21T10:15:30Z": utc(2026, 11, 21, 10, 15, 30),
    "2026-11-21T10:15:30+05:30": utc(2026, 11, 21, 4, 45, 30),
    "2026-11-21T10:15:30-0800": utc(2026, 11, 21, 18, 15, 30),
    "2026-11-21 10:15:30.123456789+01": utc(2026, 11, 21, 9, 15, 30, 123_456),
    "2026-11-21 10:15:30 -0800": utc(2026, 11, 21, 18, 15, 30),
    "2026-11-21 10:15:30 +02": utc(2026, 11, 21, 8, 15, 30),
    "2026-11-21 10:15:30 UTC": utc(2026, 11, 21, 10, 15, 30),
    "2026-11-21 10:15:30.654321 UTC": utc(2026, 11, 21, 10, 15, 30, 654_321),
    "2026-11-21 10:15:30.1230000 +00:00": utc(2026, 11, 21, 10, 15, 30, 123_000),
    "2026-11-21 10:15:30.120000000000": utc(2026, 11, 21, 10, 15, 30, 120_000),
    "2026-11-21T10:15:30z": utc(2026, 11, 21, 10, 15, 30),
    "2026-11-21T10:15Z": utc(2026, 11, 21, 10, 15),
    "2026-11-21 10:15+01:00": utc(2026, 11, 21, 9, 15),
    " 2026-11-21 10:15:30\u00a0": utc(2026, 11, 21, 10, 15, 30),
    " 2026-11-21 ": utc(2026, 11, 21),
    "2024-02-29": utc(2024, 2, 29),
    "2000-02-29": utc(2000, 2, 29),
    "9999-12-31": utc(9999, 12, 31),
    "2026-02-29": None,
    "1900-02-29": None,
    "2026-04-31": None,
    "2026-13-01": None,
    "2026-00-10": None,
    "0000-01-01": None,
    "0000-12-31T23:59:59": None,
    "0000-01-01 00:00:00Z": None,
    "2026-11-21T24:00:00": None,
    "2026-11-21T10:15:60": None,
    "2026-11-21T10:15:30+24:00": None,
    "2026-11-21Z": None,
    "2026-11-21 UTC": None,
    "2026-11-21T10:15:30.1234567891": None,
    "2026-11-21 10:15:30 AM": None,
    "2026-11-21 10:15:30  UTC": None,
    "2026-11-21  10:15:30": None,
    "46347.41667": None,
    "1795255200": None,
    "11/21/2026": None,
    "21.11.2026": None,
    "20261121": None,
    "2026-11-21T": None,
    "2026-11-21T10:15.5": None,
    "yesterday": None,
}


@pytest.mark.parametrize(
    ("kind", "cases"),
    [
        pytest.param(Kind.WHOLE_NUMBER, WHOLE_NUMBERS, id="whole numbers"),
        pytest.param(Kind.DECIMAL, DECIMALS, id="decimals"),
        pytest.param(Kind.TIMESTAMP, TIMESTAMPS, id="timestamps"),
    ],
)
def test_values_are_read_exactly_or_not_at_all(kind: Kind, cases: dict[str, Any]) -> None:
    text = pd.Series([*cases, None], dtype=pd.ArrowDtype(pa.string()))

    values = pa.array(parse(text, kind)).to_pylist()

    expected: dict[str | None, Any] = dict(cases) | {None: None}
    assert dict(zip(expected, values, strict=True)) == expected


@pytest.mark.parametrize("text", [text for text, value in TIMESTAMPS.items() if value])
def test_a_timestamp_does_not_depend_on_its_neighbours(text: str) -> None:
    alone = parse(pd.Series([text], dtype=pd.ArrowDtype(pa.string())), Kind.TIMESTAMP)

    assert pa.array(alone).to_pylist() == [TIMESTAMPS[text]]


def read_timestamps(texts: list[str]) -> list[dt.datetime | None]:
    """By the grammar alone, which every form has to go through that is not among the common ones."""
    moments: list[dt.datetime | None] = _cast_timestamps(pa.array(texts)).to_pylist()
    return moments


def find_moment(year: int, month: int, day: int) -> dt.datetime | None:
    try:
        return utc(year, month, day)
    except ValueError:
        return None


@pytest.mark.parametrize("form", ["{:04}-{:02}-{:02}", "{:04}-{:02}-{:02}T00:00Z"])
def test_every_day_of_the_calendar_is_known(form: str) -> None:
    days = [(year, month, day) for year in range(10_000) for month, day in ((1, 1), (2, 29))]
    days += [(year, month, day) for year in (2023, 2024) for month in range(100) for day in range(100)]

    assert read_timestamps([form.format(*day) for day in days]) == [find_moment(*day) for day in days]


@pytest.mark.parametrize(
    ("form", "end"),
    {
        "2026-11-21T{}:00": 24,
        "2026-11-21T00:{}": 60,
        "2026-11-21T00:00:{}": 60,
        "2026-11-21T00:00+{}": 24,
        "2026-11-21T00:00-00:{}": 60,
    }.items(),
)
def test_every_hour_minute_and_second_of_the_clock_is_known(form: str, end: int) -> None:
    read = read_timestamps([form.format(f"{number:02}") for number in range(100)])

    assert [moment is not None for moment in read] == [number < end for number in range(100)]


COMMON_CHARACTERS = "0123456789.-:T +Z"


@pytest.mark.parametrize("kind", [Kind.WHOLE_NUMBER, Kind.DECIMAL, Kind.TIMESTAMP])
@given(texts=st.lists(st.text(COMMON_CHARACTERS, max_size=20), min_size=1, max_size=20))
def test_common_forms_are_read_as_the_grammar_says(kind: Kind, texts: list[str]) -> None:
    array = pa.array(texts)

    assert _PARSERS[kind](array).to_pylist() == CASTS[kind](array).to_pylist()


NUMBER_CHARACTERS = "00123456789..+- \u00a0"
number_texts = st.lists(
    st.one_of(
        st.text(NUMBER_CHARACTERS, max_size=8),
        st.from_regex(r"\s?[+-]?[0-9]{0,20}(\.[0-9]{0,8})?\s?", fullmatch=True, alphabet=NUMBER_CHARACTERS),
    ),
    min_size=1,
)


def read_number(text: str, places: int, digits: int) -> Decimal | None:
    """With Python's own decimals: None where the value has more places or digits."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    is_exact = value == round(value, places)
    return value if is_exact and abs(value) < Decimal(10) ** digits else None


@pytest.mark.parametrize(
    ("kind", "places", "digits"),
    [(Kind.WHOLE_NUMBER, 0, 18), (Kind.DECIMAL, 4, 14)],
    ids=["whole", "decimal"],
)
@given(texts=number_texts)
def test_numbers_are_what_decimal_reads(kind: Kind, places: int, digits: int, texts: list[str]) -> None:
    expected = [read_number(text, places, digits) for text in texts]

    assert _PARSERS[kind](pa.array(texts)).to_pylist() == expected


OFFSETS = st.one_of(
    st.sampled_from([("", 0), ("Z", 0), ("z", 0), (" UTC", 0), ("UTC", 0), (" Z", 0)]),
    st.builds(
        lambda form, sign, hours, minutes: (
            form.format(sign, hours, minutes),
            (1 if sign == "+" else -1) * (hours * 60 + minutes * ("{2" in form)),
        ),
        st.sampled_from(
            [
                "{0}{1:02}",
                " {0}{1:02}",
                "{0}{1:02}{2:02}",
                " {0}{1:02}{2:02}",
                "{0}{1:02}:{2:02}",
                " {0}{1:02}:{2:02}",
            ]
        ),
        st.sampled_from("+-"),
        st.integers(0, 23),
        st.integers(0, 59),
    ),
)


@given(
    moment=st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 12, 30)),
    separator=st.sampled_from("T "),
    time=st.sampled_from(["%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%H:%M:%S.%f0", "%H:%M:%S.%f000000000"]),
    offset=OFFSETS,
    blanks=st.tuples(*[st.sampled_from(["", " ", "\u00a0", "\t"])] * 2),
)
def test_timestamps_are_what_datetime_says(
    moment: dt.datetime, separator: str, time: str, offset: tuple[str, int], blanks: tuple[str, str]
) -> None:
    written = f"{moment.year:04}-{moment:%m-%d}{separator}{moment.strftime(time)}"
    known = moment if "%f" in time else moment.replace(microsecond=0, second=moment.second * ("%S" in time))
    expected = known.replace(tzinfo=dt.timezone(dt.timedelta(minutes=offset[1])))

    text = f"{blanks[0]}{written}{offset[0]}{blanks[1]}"

    assert _PARSERS[Kind.TIMESTAMP](pa.array([text])).to_pylist() == [expected]


@given(
    moments=st.lists(
        st.tuples(
            st.integers(0, 9999),
            st.integers(0, 13),
            st.integers(0, 32),
            st.sampled_from("T -"),
            st.integers(0, 25),
            st.integers(0, 61),
            st.integers(0, 61),
        ),
        min_size=1,
        max_size=50,
    )
)
def test_every_calendar_date_is_read_as_the_grammar_says(moments: list[tuple[Any, ...]]) -> None:
    array = pa.array(["{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}".format(*moment) for moment in moments])

    assert _PARSERS[Kind.TIMESTAMP](array).to_pylist() == CASTS[Kind.TIMESTAMP](array).to_pylist()


@given(values=st.lists(st.decimals(0, 99_999_999, places=4), min_size=1), places=st.integers(0, 5))
def test_decimals_are_read_as_the_grammar_says(values: list[Decimal], places: int) -> None:
    array = pa.array([f"{value:.{places}f}" for value in values])

    assert _PARSERS[Kind.DECIMAL](array).to_pylist() == CASTS[Kind.DECIMAL](array).to_pylist()
