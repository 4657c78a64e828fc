"""Declared formats of values: what fits has one reading, and nothing else is read."""

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contract import Column, Dataset, Kind
from include.contract.model import FileFormat
from include.engine.parse import parse_array
from include.engine.value_formats import rewrite_values


def read(text: str, kind: Kind, **declared: Any) -> Any:
    """The value of one field in a file of that format; None where it is empty or invalid."""
    column = Column(name="value", kind=kind, meaning="")
    dataset = Dataset(name="files", key="value", columns=(column,), format=FileFormat(**declared))
    rows = pa.RecordBatch.from_arrays([pa.array([text], pa.string())], names=["value"])
    return parse_array(rewrite_values(rows, dataset).rows.column(0), kind).to_pylist()[0]


EUROPE = {"decimal_separator": ",", "thousands_separator": "."}
FRANCE = {"decimal_separator": ",", "thousands_separator": " "}


@pytest.mark.parametrize(
    ("text", "declared", "value"),
    [
        ("7,25", EUROPE, "7.25"),
        ("1.234,50", EUROPE, "1234.50"),
        ("12.345.678,9", EUROPE, "12345678.9"),
        (" +3,00 ", EUROPE, "3"),
        (",75", EUROPE, "0.75"),
        ("-12,5", EUROPE, "-12.5"),
        ("1 234,50", FRANCE, "1234.50"),
        ("1\u202f234,50", FRANCE, "1234.50"),
        ("1'234.50", {"thousands_separator": "'"}, "1234.50"),
        ("7.25", EUROPE, None),
        ("1.23,50", EUROPE, None),
        ("1.2345,50", EUROPE, None),
        ("1,234.50", EUROPE, None),
        ("7.25", {"decimal_separator": ","}, None),
        ("1,234.50", {}, None),
        ("", EUROPE, None),
        (",", EUROPE, None),
        ("7,12345", EUROPE, None),
    ],
)
def test_decimal_separators(text: str, declared: dict[str, Any], value: str | None) -> None:
    assert read(text, Kind.DECIMAL, **declared) == (None if value is None else Decimal(value))


@pytest.mark.parametrize(("text", "value"), [("1.200", 1200), ("5,0", 5), ("5,5", None), ("1.20", None)])
def test_thousands_in_whole_numbers(text: str, value: int | None) -> None:
    assert read(text, Kind.WHOLE_NUMBER, **EUROPE) == value


@pytest.mark.parametrize(
    ("text", "words", "is_null"),
    [
        ("NULL", ("NULL",), True),
        (" NULL ", ("NULL",), True),
        (r"\N", (r"\N",), True),
        ("null", ("NULL",), False),
        ("NULLS", ("NULL",), False),
        ("NULL", (), False),
    ],
)
def test_null_words(text: str, words: tuple[str, ...], is_null: bool) -> None:
    assert (read(text, Kind.TEXT, null_words=words) is None) == is_null


def utc(*moment: int) -> dt.datetime:
    return dt.datetime(*moment, tzinfo=dt.UTC)  # type: ignore[misc,arg-type]


DAY_FIRST = ("%d.%m.%Y %H:%M", "%d.%m.%Y")


@pytest.mark.parametrize(
    ("text", "declared", "value"),
    [
        ("05.11.2026 14:30", {"timestamp_formats": DAY_FIRST}, utc(2026, 11, 5, 14, 30)),
        ("5.11.2026", {"timestamp_formats": DAY_FIRST}, utc(2026, 11, 5)),
        ("2026-11-05T14:30:00Z", {"timestamp_formats": DAY_FIRST}, utc(2026, 11, 5, 14, 30)),
        ("31.02.2026", {"timestamp_formats": DAY_FIRST}, None),
        ("05/11/2026", {"timestamp_formats": DAY_FIRST}, None),
        ("12/1/2010 8:26", {"timestamp_formats": ("%m/%d/%Y %H:%M",)}, utc(2010, 12, 1, 8, 26)),
        ("11/05/2026 02:30 PM", {"timestamp_formats": ("%m/%d/%Y %I:%M %p",)}, utc(2026, 11, 5, 14, 30)),
        ("05/06/2026", {"timestamp_formats": ("%d/%m/%Y", "%m/%d/%Y")}, None),
        ("25/06/2026", {"timestamp_formats": ("%d/%m/%Y", "%m/%d/%Y")}, utc(2026, 6, 25)),
        ("05/05/2026", {"timestamp_formats": ("%d/%m/%Y", "%m/%d/%Y")}, utc(2026, 5, 5)),
        ("1762353000", {"timestamp_formats": ("epoch_seconds",)}, utc(2025, 11, 5, 14, 30)),
        ("1762353000.25", {"timestamp_formats": ("epoch_seconds",)}, utc(2025, 11, 5, 14, 30, 0, 250_000)),
        (
            "1762353000250",
            {"timestamp_formats": ("epoch_milliseconds",)},
            utc(2025, 11, 5, 14, 30, 0, 250_000),
        ),
        ("1762353000", {}, None),
        ("2026-07-05 14:30", {"time_zone": "Europe/Berlin"}, utc(2026, 7, 5, 12, 30)),
        ("2026-11-05 14:30", {"time_zone": "Europe/Berlin"}, utc(2026, 11, 5, 13, 30)),
        ("2026-11-05 14:30+02:00", {"time_zone": "Europe/Berlin"}, utc(2026, 11, 5, 12, 30)),
        ("2026-11-05T14:30Z", {"time_zone": "Europe/Berlin"}, utc(2026, 11, 5, 14, 30)),
        ("2026-11-05", {"time_zone": "Europe/Berlin"}, utc(2026, 11, 5)),
        (
            "05.07.2026 14:30",
            {"time_zone": "America/New_York", "timestamp_formats": DAY_FIRST},
            utc(2026, 7, 5, 18, 30),
        ),
        ("2026-10-25 02:30", {"time_zone": "Europe/Berlin"}, None),
        ("2026-03-29 02:30", {"time_zone": "Europe/Berlin"}, None),
        ("", {"time_zone": "Europe/Berlin"}, None),
    ],
)
def test_timestamps(text: str, declared: dict[str, Any], value: dt.datetime | None) -> None:
    assert read(text, Kind.TIMESTAMP, **declared) == value


def test_local_times_without_one_moment_are_told_apart() -> None:
    column = Column(name="value", kind=Kind.TIMESTAMP, meaning="")
    file_format = FileFormat(time_zone="Europe/Berlin")
    dataset = Dataset(name="files", key="value", columns=(column,), format=file_format)
    texts = ["2026-10-25 02:30", "2026-03-29 02:30", "2026-10-25 03:30", None]
    rows = pa.RecordBatch.from_arrays([pa.array(texts)], names=["value"])

    rewritten = rewrite_values(rows, dataset)

    assert rewritten.ambiguous["value"].tolist() == [True, False, False, False]
    assert rewritten.nonexistent["value"].tolist() == [False, True, False, False]


@given(
    st.datetimes(dt.datetime(1980, 1, 1), dt.datetime(2037, 12, 31)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_local_times_are_those_of_the_zone(clock: dt.datetime, zone: str) -> None:
    clock = clock.replace(second=0, microsecond=0)
    both = [clock.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(dt.UTC) for fold in (0, 1)]
    returned = {moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in both}
    has_one_moment = both[0] == both[1] and returned == {clock}

    found = read(f"{clock:%d.%m.%Y %H:%M}", Kind.TIMESTAMP, time_zone=zone, timestamp_formats=DAY_FIRST)

    assert found == (both[0] if has_one_moment else None)


@given(st.decimals(min_value=-99_999_999, max_value=99_999_999, places=2))
def test_decimals_are_those_that_were_written(amount: Decimal) -> None:
    text = f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))

    assert read(text, Kind.DECIMAL, **EUROPE) == amount
