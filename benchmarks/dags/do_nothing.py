"""The shape of the pipeline without its work, to measure Airflow's overhead."""

import datetime as dt
from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task


@dag(
    dag_id="do_nothing",
    schedule=CronTriggerTimetable("0 0 * * *", timezone="UTC"),
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=16,
)
def do_nothing() -> None:
    extracted = extract()
    transformed = transform(extracted)
    validated = validate(extracted, transformed)
    approval = approve(extracted, transformed, validated)
    wait_for_raw_files() >> extracted
    publish(extracted, transformed, validated, approval)


@task
def wait_for_raw_files() -> None:
    pass


@task
def extract() -> None:
    pass


@task
def transform(extracted: Any) -> None:
    pass


@task
def validate(extracted: Any, transformed: Any) -> None:
    pass


@task
def approve(extracted: Any, transformed: Any, validated: Any) -> None:
    pass


@task
def publish(extracted: Any, transformed: Any, validated: Any, approval: Any) -> None:
    pass


DAG = do_nothing()
