"""What the text of a field is understood as."""

import datetime as dt
from decimal import Decimal
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
    "999999999999999999": 999999999999999999,
    "1000000000000000000": None,
    "1.0": None,
    "1e3": None,
    "1,000": None,
    " 7": None,
    "seven": None,
    "NaN": None,
    "٣": None,
    "-": None,
    "7\n": None,
}
DECIMALS: dict[str, Any] = {
    "12.3456": Decimal("12.3456"),
    "12": Decimal(12),
    "-0.01": Decimal("-0.01"),
    "99999999999999.9999": Decimal("99999999999999.9999"),
    "100000000000000": None,
    "1.23456": None,
    "1,5": None,
    "€5": None,
    ".5": None,
    "5.": None,
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
    "2024-02-29": utc(2024, 2, 29),
    "2000-02-29": utc(2000, 2, 29),
    "9999-12-31": utc(9999, 12, 31),
    "2026-02-29": None,
    "1900-02-29": None,
    "2026-04-31": None,
    "2026-13-01": None,
    "2026-00-10": None,
    "0000-01-01": None,
    "2026-11-21T24:00:00": None,
    "2026-11-21T10:15:60": None,
    "2026-11-21T10:15:30+24:00": None,
    "2026-11-21Z": None,
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
def test_a_field_is_read_exactly_or_not_at_all(kind: Kind, cases: dict[str, Any]) -> None:
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
