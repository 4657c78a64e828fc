"""Every hour: rerun published days whose inputs have changed. The rules are in `include/corrections.py`."""

import datetime as dt
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag, task

from include.config import ETL_DAG_ID
from include.operators.context import task_context
from include.operators.defaults import DAG_DEFAULTS, TASK_DEFAULTS, cron_utc, day_param


@dag(
    **DAG_DEFAULTS,
    dag_id="ecommerce_corrections",
    schedule=cron_utc("20 * * * *"),
    # A scan finds every change, so two scans at a time would find the same ones.
    max_active_runs=1,
    default_args=TASK_DEFAULTS | {"execution_timeout": dt.timedelta(minutes=30)},
    params={
        "day": day_param("Last day to check", "Leave it empty to check the days up to the day of the run.")
    },
    doc_md=Path(__file__).with_suffix(".md").read_text(),
)
def ecommerce_corrections() -> None:
    """Starts a run of `ecommerce_etl` for each published day whose inputs have changed."""
    changes = find_changes()
    TriggerDagRunOperator.partial(
        task_id="run_again",
        trigger_dag_id=ETL_DAG_ID,
        logical_date=None,
        # The run id identifies the change: an existing run was already started for it.
        skip_when_already_exists=True,
        map_index_template="{{ task.trigger_run_id }}",
        doc_md="Starts one run for each change. Skipped if that run exists.",
    ).expand_kwargs(changes)
    changes >> name_unread_days()


@task
def find_changes(**context: Any) -> list[dict[str, Any]]:
    """Compares the inputs in the manifests of recent days with the objects in S3."""
    from include import corrections
    from include.day import day_of

    with task_context() as (hook, settings):
        found = corrections.scan_published_days(hook, settings, day_of(context["dag_run"], context["params"]))
    context["ti"].xcom_push("unread", found.unread)
    return [
        {"trigger_run_id": change.run_id, "conf": {"day": change.day}, "note": str(change)}
        for change in found.changes
    ]


@task
def name_unread_days(**context: Any) -> None:
    """Fails if days could not be read. A separate task, so that the other days are rerun."""
    from include import corrections

    with task_context():
        corrections.reject_unread_days(context["ti"].xcom_pull(task_ids="find_changes", key="unread") or {})


DAG = ecommerce_corrections()
