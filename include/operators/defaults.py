"""What all DAGs have in common, so that a DAG file states only what is its own."""

import datetime as dt
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param

from include.operators.context import report_maintenance_failure

#: For every DAG, beside its schedule and its words.
DAG_DEFAULTS: dict[str, Any] = {
    "start_date": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    "catchup": False,
    "tags": ["ecommerce"],
}
#: For every task; each DAG adds its limit of time, and the pipeline its own way to report. The time until the
#: next try is Airflow's setting [core] default_task_retry_delay: five minutes.
TASK_DEFAULTS: dict[str, Any] = {
    "owner": "data-engineering",
    "retries": 3,
    # What matters of it is logged in words; the whole is in XCom.
    "show_return_value_in_logs": False,
    "on_failure_callback": report_maintenance_failure,
}


def cron_utc(cron: str) -> CronTriggerTimetable:
    """A schedule in UTC, whose runs open at the instant that they are named after."""
    return CronTriggerTimetable(cron, timezone="UTC")


def day_param(title: str, without: str) -> Param:
    """The param `day`; `without` says what a run does that has none."""
    return Param(
        None,
        type=["null", "string"],
        format="date",
        title=title,
        description=f"YYYY-MM-DD, UTC. {without}",
    )
