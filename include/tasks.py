"""What the tasks of a DAG share: the hook, the settings, and how an error ends a task."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include import keys
from include.config import CONNECTION_ID, Settings
from include.contract import DATASETS
from include.day import Run, day_of
from include.errors import PipelineError, RawFileChangedError

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
    except RawFileChangedError:
        raise
    except PipelineError as error:
        raise AirflowFailException(str(error)) from error


def raw_keys(run: Run, params: Mapping[str, Any]) -> list[str]:
    """The three raw files that a run waits for."""
    layout, day = Settings.from_variables().layout, day_of(run, params)
    return [keys.raw(layout, day, dataset) for dataset in DATASETS]
