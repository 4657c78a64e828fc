"""Which day a run processes."""

import datetime as dt
from dataclasses import dataclass

import pytest

from include.day import day_of, format_instant
from include.errors import SettingError


@dataclass
class FakeRun:
    logical_date: dt.datetime | None
    run_after: dt.datetime = dt.datetime(2026, 11, 24, 6, tzinfo=dt.UTC)


SCHEDULED = FakeRun(dt.datetime(2026, 11, 21, tzinfo=dt.UTC))
WITHOUT_DATE = FakeRun(None)
EAST = dt.timezone(dt.timedelta(hours=9))


@pytest.mark.parametrize(
    ("run", "params", "day"),
    [
        pytest.param(SCHEDULED, {"day": None}, "2026-11-21", id="the logical date"),
        pytest.param(SCHEDULED, {}, "2026-11-21", id="no such param"),
        pytest.param(SCHEDULED, {"day": "2026-01-05"}, "2026-01-05", id="the param wins"),
        pytest.param(WITHOUT_DATE, {"day": "2026-01-05"}, "2026-01-05", id="only the param"),
        pytest.param(WITHOUT_DATE, {"day": None}, "2026-11-24", id="neither: the day of the start"),
        pytest.param(FakeRun(dt.datetime(2026, 11, 21, 5, tzinfo=EAST)), {}, "2026-11-20", id="UTC"),
    ],
)
def test_the_day_of_a_run(run: FakeRun, params: dict[str, str | None], day: str) -> None:
    assert day_of(run, params) == day


def test_instant_is_written_in_utc() -> None:
    assert format_instant(dt.datetime(2026, 11, 21, 5, 30, 1, 999, EAST)) == "2026-11-20T20:30:01Z"


@pytest.mark.parametrize("nonsense", ["yesterday", "2026-02-30", "21.11.2026", "2026-11-21T00:00:00", "../x"])
def test_invalid_day_names_the_expected_format(nonsense: str) -> None:
    with pytest.raises(SettingError, match="give it as YYYY-MM-DD"):
        day_of(WITHOUT_DATE, {"day": nonsense})
