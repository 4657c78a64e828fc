"""Notices a day that is missing, from outside of Airflow: a Lambda function that looks for manifests hourly.

A run that never started, or was killed, tells nobody; and an alarm that waits for missing data to count as
bad may take periods more than its own. Runs in Lambda, where there is no Airflow and so no hook.
"""

import datetime as dt
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from include import keys
from include.day import list_due_days
from include.keys import Layout

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)

#: How far back the newest day is looked for; an older one counts as this old.
LOOK_BACK_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is known of the published days at an instant.

    Parameters
    ----------
    newest_day: None when no day of the look-back was published.
    newest_age_hours: from the start of the newest day.
    is_deadline_missed: the newest day that is due by now is not published.
    """

    newest_day: str | None
    newest_age_hours: float
    is_deadline_missed: bool


def handle(_event: Any, _context: Any) -> dict[str, Any]:
    """The function's entry: look, report two metrics, and return what was found."""
    import boto3

    layout = Layout(curated_bucket=os.environ["CURATED_BUCKET"])
    finding = inspect_days(
        lambda day: has_manifest(boto3.client("s3"), layout, day),
        now=dt.datetime.now(dt.UTC),
        deadline_hour=int(os.environ["DEADLINE_HOUR"]),
    )
    boto3.client("cloudwatch").put_metric_data(
        Namespace=os.environ["METRICS_NAMESPACE"], MetricData=measure_finding(finding)
    )
    log.info("%s", finding)
    return {"newest_day": finding.newest_day, "is_deadline_missed": finding.is_deadline_missed}


def inspect_days(is_published: Callable[[str], bool], now: dt.datetime, deadline_hour: int) -> Finding:
    """Look back from today until a published day is found."""
    today = now.date()
    days = [today - dt.timedelta(days=back) for back in range(LOOK_BACK_DAYS + 1)]
    newest = next((day for day in days if is_published(day.isoformat())), None)
    (due,) = list_due_days(now, deadline_hour, 1)
    start = dt.datetime.combine(newest or days[-1], dt.time(), dt.UTC)
    return Finding(
        newest_day=newest.isoformat() if newest else None,
        newest_age_hours=(now - start).total_seconds() / 3600,
        is_deadline_missed=newest is None or newest.isoformat() < due,
    )


def has_manifest(s3: Any, layout: Layout, day: str) -> bool:
    from botocore.exceptions import ClientError

    bucket, _, key = keys.manifest(layout, day).removeprefix("s3://").partition("/")
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return True


def measure_finding(finding: Finding) -> list[dict[str, Any]]:
    return [
        {"MetricName": "NewestDayAgeHours", "Unit": "None", "Value": finding.newest_age_hours},
        {"MetricName": "DeadlineMissed", "Unit": "Count", "Value": int(finding.is_deadline_missed)},
    ]
