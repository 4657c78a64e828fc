"""What the tasks of a DAG share: the hook, the settings, and how an error ends a task."""

import datetime as dt
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include import keys
from include.config import CONNECTION_ID, Settings
from include.contract import DATASETS
from include.day import Run, day_of
from include.errors import GateClosedError, RetryableError, SettingError
from include.library_errors import translate_error

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.reporting.alerts import Failure

log = logging.getLogger(__name__)


def connect() -> "tuple[S3Hook, Settings]":
    """The one way to S3 and to the settings; both are asked only when something of them is used."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    return S3Hook(aws_conn_id=CONNECTION_ID), Settings.from_variables()


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise library errors as messages for the person who reads them in Airflow.

    Raises
    ------
    RetryableError: a retry may succeed.
    AirflowFailException: a retry cannot succeed; ends the task at once.
    """
    from airflow.sdk.exceptions import AirflowFailException

    try:
        yield
    except Exception as error:
        known = translate_error(error)
        if known is None or (known is error and isinstance(error, RetryableError)):
            raise
        if isinstance(known, RetryableError):
            raise known from error
        raise AirflowFailException(str(known)) from error


@contextmanager
def task_context() -> "Iterator[tuple[S3Hook, Settings]]":
    """The hook and the settings for a task's body, whose errors end the task in words.

    Raises
    ------
    AirflowFailException: in place of an error that trying again cannot heal.
    RetryableError: the next try may go well.
    """
    with translate_errors():
        yield connect()


def raw_keys(run: Run, params: Mapping[str, Any]) -> list[str]:
    """The raw files that a run waits for."""
    layout, day = Settings.from_variables().layout, day_of(run, params)
    return [keys.raw(layout, day, dataset) for dataset in DATASETS]


def report_failure(context: Mapping[str, Any]) -> None:
    """Tell people of a run that failed for good, and count it; called once, after the last try of a task.

    Works while the store is down or a setting is wrong: that may be the failure.
    """
    from include.reporting.alerts import describe_failure, find_cause, send_alert
    from include.reporting.metrics import report_failed

    hook, settings = connect()
    day = _find_day(context)
    failure = _describe_failure(day, context)
    if send_alert(describe_failure(failure)) and day:
        _record_alert(hook, settings.layout, day)
    cause = find_cause(failure.error)
    counts = cause.closed if isinstance(cause, GateClosedError) else None
    report_failed(settings.metrics_namespace, counts, context["ti"])


def report_maintenance_failure(context: Mapping[str, Any]) -> None:
    """Tell people that a DAG beside the pipeline fails; it has no delivery day, so no day is counted.

    Such a DAG runs often and makes up for itself: while it goes on failing, people are told once a day.
    """
    from include.reporting.alerts import describe_maintenance_failure, send_alert

    if _was_reported(context):
        log.info("The run before failed on the same day: people know")
        return
    failure = _describe_failure(None, context)
    send_alert(describe_maintenance_failure(context["ti"].dag_id, failure))


def _was_reported(context: Mapping[str, Any]) -> bool:
    """Whether the run before failed on the same day; False where Airflow does not say."""
    try:
        before = context["ti"].get_previous_dagrun()
        is_same_day = before and before.run_after.date() == context["dag_run"].run_after.date()
        return bool(is_same_day and before.state == "failed")
    except Exception:
        log.exception("How the run before ended could not be found out: people are told")
        return False


def _find_day(context: Mapping[str, Any]) -> str | None:
    """The run's day; None where the day is what is wrong, or where Airflow knows too little of the run."""
    try:
        return day_of(context["dag_run"], context["params"])
    except (SettingError, KeyError):
        return None


def _describe_failure(day: str | None, context: Mapping[str, Any]) -> "Failure":
    from include.reporting.alerts import Failure

    task = context["ti"]
    return Failure(
        day=day or task.run_id,
        run_id=task.run_id,
        task_id=task.task_id,
        try_number=task.try_number,
        log_url=task.log_url,
        error=context.get("exception"),
    )


def _record_alert(hook: "S3Hook", layout: keys.Layout, day: str) -> None:
    from include.reporting.alert_log import RUN_FAILED, record_alert

    try:
        record_alert(hook, layout, day, RUN_FAILED, dt.datetime.now(dt.UTC))
    except Exception:
        log.exception("What was told of %s was not kept: the watchdog may tell of it once more", day)
