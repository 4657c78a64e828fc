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
    # Shortly after the hour, so that files that arrive just before their deadline are in time.
    schedule=cron_utc("5 * * * *"),
    max_active_runs=1,
    # It sends nothing before the first delivery, so it need not be switched on.
    is_paused_upon_creation=False,
    default_args=TASK_DEFAULTS | {"execution_timeout": dt.timedelta(minutes=10)},
    doc_md=Path(__file__).with_suffix(".md").read_text(),
)
def ecommerce_watchdog() -> None:
    """Alerts about missing raw files and unpublished days."""
    check_days()


@task
def check_days(**context: Any) -> dict[str, str]:
    """Checks the raw files and manifests of the most recent days, and alerts about new problems."""
    from include import watchdog

    with task_context() as (hook, settings):
        ui_url = context["ti"].log_url.partition("/dags/")[0]
        return watchdog.watch(hook, settings, dt.datetime.now(dt.UTC), ui_url)


DAG = ecommerce_watchdog()
