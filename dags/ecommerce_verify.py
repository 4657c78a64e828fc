"""On demand: prove a published day by computing it again. The rules are in `include/verify.py`."""

import datetime as dt
from pathlib import Path
from typing import Any

from airflow.sdk import dag, task

from include.operators.context import task_context
from include.operators.defaults import DAG_DEFAULTS, TASK_DEFAULTS, day_param


@dag(
    **DAG_DEFAULTS,
    dag_id="ecommerce_verify",
    schedule=None,
    is_paused_upon_creation=False,
    default_args=TASK_DEFAULTS | {"execution_timeout": dt.timedelta(hours=2)},
    params={"day": day_param("Day to verify", "Leave it empty to verify the day of the run's logical date.")},
    doc_md=Path(__file__).with_suffix(".md").read_text(),
)
def ecommerce_verify() -> None:
    """Computes a published day again from its snapshot and compares everything."""
    verify()


@task(pool="ecommerce_transform")
def verify(**context: Any) -> str:
    """Compares bytes, counts, sums and versions with the manifest; fails if anything differs."""
    from include import verify as stage
    from include.day import day_of

    with task_context() as (hook, settings):
        return stage.prove_day(hook, settings, day_of(context["dag_run"], context["params"]))


DAG = ecommerce_verify()
