"""Shared by all tasks: the S3 hook, the settings, error handling and failure reports."""

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include import keys
from include.config import CONNECTION_ID, LAYOUT_NAMES, SHORT_TIMEOUTS, Settings
from include.contract import DELIVERED
from include.day import Run, day_of
from include.errors import GateClosedError, RetryableError, SettingError
from include.library_errors import translate_error

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.reporting.alerts import Failure
    from include.site.days import Day

log = logging.getLogger(__name__)


def connect(names: Iterable[str] | None = None) -> "tuple[S3Hook, Settings]":
    """The hook for all S3 traffic, and the settings, or only those named."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    return S3Hook(aws_conn_id=CONNECTION_ID), Settings.from_variables(names)


def connect_for_report() -> "tuple[S3Hook, Settings]":
    """Like `connect`, but ignores invalid settings and does not wait long for the store.

    Either may be the failure to report.
    """
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from botocore.config import Config

    hook = S3Hook(aws_conn_id=CONNECTION_ID, config=Config(**SHORT_TIMEOUTS))
    return hook, Settings.from_valid_variables()


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn library errors into messages for the reader of the task log.

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
    """The hook and the settings for the body of a task, with library errors translated.

    Raises
    ------
    RetryableError: a retry may succeed.
    AirflowFailException: a retry cannot succeed; ends the task at once.
    """
    with translate_errors():
        yield connect()


def raw_keys(run: Run, params: Mapping[str, Any]) -> list[str]:
    """The keys that a run waits for."""
    layout, day = Settings.from_variables(LAYOUT_NAMES).layout, day_of(run, params)
    return [keys.raw(layout, day, dataset) for dataset in DELIVERED]


def report_failure(context: Mapping[str, Any]) -> None:
    """Send the alert and the metrics of a failed run. Airflow calls this after the last retry of a task.

    Works even if the store is down or a setting is invalid, since that may be the failure.
    """
    from include.reporting.alerts import describe_failure, find_cause, send_alert
    from include.reporting.metrics import report_failed

    hook, settings = connect_for_report()
    day = _find_day(context)
    failure = _describe_failure(day, context)
    judged = _record_failure(hook, settings.layout, failure) if day else None
    if send_alert(describe_failure(failure, judged)) and day:
        _record_alert(hook, settings.layout, day)
    cause = find_cause(failure.error)
    counts = cause.closed if isinstance(cause, GateClosedError) else None
    report_failed(settings.metrics_namespace, counts, context["ti"])


def report_maintenance_failure(context: Mapping[str, Any]) -> None:
    """Send the alert of a failed maintenance DAG, at most once a day while it keeps failing."""
    from include.reporting.alerts import describe_maintenance_failure, send_alert

    if _was_reported(context):
        log.info("The previous run failed on the same day: no second alert")
        return
    failure = _describe_failure(None, context)
    send_alert(describe_maintenance_failure(context["ti"].dag_id, failure))


def _was_reported(context: Mapping[str, Any]) -> bool:
    """Whether the previous run failed on the same day; False if that is unknown."""
    try:
        before = context["ti"].get_previous_dagrun()
        is_same_day = before and before.run_after.date() == context["dag_run"].run_after.date()
        return bool(is_same_day and before.state == "failed")
    except Exception:
        log.exception("Could not read the state of the previous run: sending the alert")
        return False


def _find_day(context: Mapping[str, Any]) -> str | None:
    """The day of the run; None if its param is invalid or Airflow passed no run."""
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


def _record_failure(hook: "S3Hook", layout: keys.Layout, failure: "Failure") -> "Day | None":
    """Record the failure for the data-quality site. Returns the day; None if the store is down."""
    from include.reporting.alerts import make_record
    from include.site.publish import record_failure

    try:
        return record_failure(hook, layout, make_record(failure, dt.datetime.now(dt.UTC)))
    except Exception:
        log.exception("The data-quality site will not show why %s failed", failure.run_id)
        return None


def _record_alert(hook: "S3Hook", layout: keys.Layout, day: str) -> None:
    from include.reporting.alert_log import RUN_FAILED, record_alert

    try:
        record_alert(hook, layout, day, RUN_FAILED, dt.datetime.now(dt.UTC))
    except Exception:
        log.exception("The alert about %s was not recorded: the watchdog may send another one", day)
