"""Every night: delete the working objects of old runs from S3. The rules are in `include/cleanup.py`."""

import datetime as dt
from pathlib import Path
from typing import Any

from airflow.sdk import dag, task

from include.config import ETL_DAG_ID
from include.operators.context import task_context
from include.operators.defaults import DAG_DEFAULTS, TASK_DEFAULTS, cron_utc

LIVE_STATES = ["queued", "running"]


@dag(
    **DAG_DEFAULTS,
    dag_id="ecommerce_cleanup",
    schedule=cron_utc("30 3 * * *"),
    max_active_runs=1,
    # It cannot touch a live run, so it need not be switched on.
    is_paused_upon_creation=False,
    default_args=TASK_DEFAULTS | {"execution_timeout": dt.timedelta(hours=1)},
    doc_md=Path(__file__).with_suffix(".md").read_text(),
)
def ecommerce_cleanup() -> None:
    """Deletes snapshots, staged objects and unfinished uploads of runs that ended long ago."""
    clean_up()


@task
def clean_up(**context: Any) -> list[str]:
    """Deletes the objects of old runs that are over; returns the deleted folders."""
    from include import cleanup as stage

    def is_live(run_id: str) -> bool:
        count: int = context["ti"].get_dr_count(dag_id=ETL_DAG_ID, run_ids=[run_id], states=LIVE_STATES)
        return count > 0

    with task_context() as (hook, settings):
        return stage.clean_up(hook, settings, is_live, dt.datetime.now(dt.UTC))


DAG = ecommerce_cleanup()
