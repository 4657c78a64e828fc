"""Formats and arithmetic of days and instants, and the day that a run processes."""

import calendar
import datetime as dt
from collections.abc import Mapping
from typing import Any, Protocol

from include.errors import SettingError


def format_instant(instant: dt.datetime) -> str:
    """UTC, ISO 8601, with a Z."""
    return instant.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def move_day(day: str, days: int) -> str:
    return (dt.date.fromisoformat(day) + dt.timedelta(days=days)).isoformat()


def days_until(last_day: str, count: int) -> list[str]:
    """The `count` days that end with `last_day`, oldest first."""
    return [move_day(last_day, -age) for age in reversed(range(count))]


def days_after(day: str, count: int) -> list[str]:
    """The `count` days after `day`, oldest first."""
    return [move_day(day, step) for step in range(1, count + 1)]


def list_month(month: str) -> list[str]:
    """The days of a month, `YYYY-MM`, the oldest first."""
    year, number = map(int, month.split("-"))
    return [f"{month}-{day:02}" for day in range(1, calendar.monthrange(year, number)[1] + 1)]


def list_due_days(now: dt.datetime, deadline_hour: int, count: int) -> list[str]:
    """The `count` most recent days whose deadline, an hour in UTC, has passed; newest first."""
    newest = (now.astimezone(dt.UTC) - dt.timedelta(hours=deadline_hour)).date()
    return [(newest - dt.timedelta(days=back)).isoformat() for back in range(count)]


class Run(Protocol):
    """The part of Airflow's DagRun that determines its day."""

    logical_date: dt.datetime | None
    run_after: dt.datetime


def day_of(run: Run, params: Mapping[str, Any]) -> str:
    """The delivery day of a run, `YYYY-MM-DD`, UTC: its param `day`, or else its logical date.

    For a manual run with neither, the day on which it was started.

    Raises
    ------
    SettingError: the param is not a date.
    """
    if not params.get("day"):
        return (run.logical_date or run.run_after).astimezone(dt.UTC).strftime("%Y-%m-%d")
    try:
        return dt.datetime.strptime(str(params["day"]), "%Y-%m-%d").date().isoformat()
    except ValueError as error:
        raise SettingError(
            f"The param day is {params['day']!r}; give it as YYYY-MM-DD, such as 2026-11-21."
        ) from error
