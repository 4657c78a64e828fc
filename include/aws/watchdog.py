"""A Lambda function that detects missing days independently of Airflow, by checking for manifests every hour.

A run that never started or was killed sends no metrics, and an alarm on missing metrics may react several
periods late. There is no Airflow in Lambda, and so no hook.
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

#: The limit of the search for the newest day; an older day counts as this old.
SEARCHED_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The state of the published days at an instant.

    Parameters
    ----------
    newest_day: None if none of the searched days is published.
    newest_age_hours: hours since the start of the newest day.
    is_deadline_missed: whether the latest due day is not published.
    """

    newest_day: str | None
    newest_age_hours: float
    is_deadline_missed: bool


def handle(_event: Any, _context: Any) -> dict[str, Any]:
    """The entry point: send two metrics and return the state."""
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
    """Search backwards from today for a published day."""
    today = now.date()
    days = [today - dt.timedelta(days=back) for back in range(SEARCHED_DAYS + 1)]
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
