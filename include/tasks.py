"""What the tasks of a DAG share: the hook, the settings, and how an error ends a task."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include import keys
from include.config import CONNECTION_ID, Settings
from include.contract import DATASETS
from include.day import Run, day_of
from include.errors import PipelineError, PublishConflictError, RawFileChangedError
from include.manifest import Counts

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook


@contextmanager
def connected() -> "Iterator[tuple[S3Hook, Settings]]":
    """The S3 hook and the settings for a task's body.

    Raises
    ------
    AirflowFailException: in place of a PipelineError that trying again cannot heal.
    """
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from airflow.sdk.exceptions import AirflowFailException

    try:
        yield S3Hook(aws_conn_id=CONNECTION_ID), Settings.from_variables()
    except (RawFileChangedError, PublishConflictError):
        raise
    except PipelineError as error:
        raise AirflowFailException(str(error)) from error


def raw_keys(run: Run, params: Mapping[str, Any]) -> list[str]:
    """The three raw files that a run waits for."""
    layout, day = Settings.from_variables().layout, day_of(run, params)
    return [keys.raw(layout, day, dataset) for dataset in DATASETS]


def report_failure(context: dict[str, Any]) -> None:
    """Count a run that failed for good; called once, after the last try of a task."""
    from include.metrics import report_failed

    with connected() as (hook, settings):
        if settings.metrics_namespace:
            counts = _read_gate(hook, settings.layout, context)
            report_failed(settings.metrics_namespace, counts, context["ti"])


def _read_gate(hook: "S3Hook", layout: keys.Layout, context: Mapping[str, Any]) -> Counts | None:
    """What the gate counted, where it was the gate that failed the run."""
    day = day_of(context["dag_run"], context["params"])
    bucket, key = hook.parse_s3_url(keys.staged(layout, day, context["run_id"], "gate.json"))
    if context["ti"].task_id != "publish" or not hook.check_for_key(key, bucket):
        return None
    counts: Counts = json.loads(hook.read_key(key, bucket))
    return counts
