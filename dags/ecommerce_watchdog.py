"""Every hour: alert about missing raw files and unpublished days. The rules are in `include/watchdog.py`."""

import datetime as dt
from pathlib import Path
from typing import Any

from airflow.sdk import dag, task

from include.operators.context import task_context
from include.operators.defaults import DAG_DEFAULTS, TASK_DEFAULTS, cron_utc


@dag(
    **DAG_DEFAULTS,
    dag_id="ecommerce_watchdog",
    # A few minutes past the hour: what comes right before its deadline has come in time.
    schedule=cron_utc("5 * * * *"),
    max_active_runs=1,
    # It is quiet until something was delivered, so it may watch from the beginning.
    is_paused_upon_creation=False,
    default_args=TASK_DEFAULTS | {"execution_timeout": dt.timedelta(minutes=10)},
    doc_md=Path(__file__).with_suffix(".md").read_text(),
)
def ecommerce_watchdog() -> None:
    """Tells people of days that are late."""
    look()


@task
def look(**context: Any) -> dict[str, str]:
    """Looks at the raw files and manifests of the newest days, and tells people what is new."""
    from include import watchdog

    with task_context() as (hook, settings):
        ui_url = context["ti"].log_url.partition("/dags/")[0]
        return watchdog.watch(hook, settings, dt.datetime.now(dt.UTC), ui_url)


DAG = ecommerce_watchdog()
