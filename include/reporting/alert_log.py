"""Which alerts were sent about a day, kept in S3, so that each is sent once.

One small object per day that ever had an alert; it is empty again once the day is published.
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
    """The kinds of alerts that were sent, each with the instant."""
    return dict((read_json(hook, keys.alerts(layout, day)) or {}).get("told", {}))


def record_alert(hook: "S3Hook", layout: keys.Layout, day: str, kind: str, now: dt.datetime) -> None:
    told = read_alert_log(hook, layout, day) | {kind: now.isoformat(timespec="seconds")}
    write_json(hook, {"day": day, "told": told}, keys.alerts(layout, day))


def clear_alert_log(hook: "S3Hook", layout: keys.Layout, day: str) -> None:
    """The day is published: a later problem is alerted again."""
    write_json(hook, {"day": day, "told": {}}, keys.alerts(layout, day))
