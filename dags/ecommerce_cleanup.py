"""Once a day: remove what dead runs left in S3. Wiring only: the rule stands in `include/cleanup.py`."""

import datetime as dt
from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

from include.tasks import connected

ETL_DAG_ID = "ecommerce_etl"
LIVE_STATES = ["queued", "running"]


@dag(
    dag_id="ecommerce_cleanup",
    schedule=CronTriggerTimetable("30 3 * * *", timezone="UTC"),
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    # It has nothing to wait for and cannot touch a live run: it need not be switched on.
    is_paused_upon_creation=False,
    default_args={
        "owner": "data-engineering",
        "retries": 3,
        "retry_delay": dt.timedelta(minutes=5),
        "execution_timeout": dt.timedelta(hours=1),
    },
    doc_md=__doc__,
    tags=["ecommerce"],
)
def ecommerce_cleanup() -> None:
    """Removes snapshots, staged outputs and unfinished uploads of runs that have ended long ago."""
    clean_up()


@task
def clean_up(**context: Any) -> list[str]:
    """Removes what dead runs left; returns the folders that went."""
    from include import cleanup as stage

    def is_live(run_id: str) -> bool:
        count: int = context["ti"].get_dr_count(dag_id=ETL_DAG_ID, run_ids=[run_id], states=LIVE_STATES)
        return count > 0

    with connected() as (hook, settings):
        return stage.clean_up(hook, settings, is_live, dt.datetime.now(dt.UTC))


DAG = ecommerce_cleanup()
