"""The published days around a day: always so many, so that reading them costs the same in a long history."""

import datetime as dt
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from include import keys
from include.manifest import Manifest
from include.objects import read_object

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook


def days_until(last_day: str, count: int) -> list[str]:
    """So many days, the last one included, the oldest first."""
    return [move_day(last_day, -age) for age in reversed(range(count))]


def days_after(day: str, count: int) -> list[str]:
    """So many days behind a day, the oldest first."""
    return [move_day(day, step) for step in range(1, count + 1)]


def move_day(day: str, days: int) -> str:
    return (dt.date.fromisoformat(day) + dt.timedelta(days=days)).isoformat()


def read_manifests(hook: "S3Hook", layout: keys.Layout, days: Iterable[str]) -> dict[str, Manifest]:
    """The manifests of those days that are published, in the order of the days."""
    found = {day: read_object(hook, keys.manifest(layout, day)) for day in days}
    return {day: json.loads(answer[1]) for day, answer in found.items() if answer}
