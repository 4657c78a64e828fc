"""The smallest TaskFlow DAG, to measure Airflow's parsing overhead."""

import datetime as dt

from airflow.sdk import dag, task


@dag(dag_id="empty", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
def empty() -> None:
    nothing()


@task
def nothing() -> None:
    pass


DAG = empty()
