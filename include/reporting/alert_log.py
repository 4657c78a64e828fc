"""The log of alerts about each day, kept in S3 so that each alert is sent once.

One small object per day that had an alert; cleared when the day is published.
"""

import datetime as dt
from typing import TYPE_CHECKING

from include import keys
from include.s3.objects import read_json, write_json

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

#: Kinds of alerts, as the objects name them.
FILES_MISSING = "files_missing"
NOT_PUBLISHED = "not_published"
RUN_FAILED = "run_failed"


def read_alert_log(hook: "S3Hook", layout: keys.Layout, day: str) -> dict[str, str]:
    """The kinds of alerts that were sent about a day, each with its instant."""
    return dict((read_json(hook, keys.alerts(layout, day)) or {}).get("told", {}))


def record_alert(hook: "S3Hook", layout: keys.Layout, day: str, kind: str, now: dt.datetime) -> None:
    sent = read_alert_log(hook, layout, day) | {kind: now.isoformat(timespec="seconds")}
    write_json(hook, {"day": day, "told": sent}, keys.alerts(layout, day))


def clear_alert_log(hook: "S3Hook", layout: keys.Layout, day: str) -> None:
    """Allow new alerts about a day that has been published."""
    write_json(hook, {"day": day, "told": {}}, keys.alerts(layout, day))
