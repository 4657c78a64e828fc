"""Looks every hour whether the inputs of a published day have changed, and has such days run again.

Wiring only: what is looked for stands in `include/corrections.py`.
"""

import datetime as dt
import logging
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronTriggerTimetable, Param, dag, task

from include.tasks import connected

log = logging.getLogger(__name__)


@dag(
    dag_id="ecommerce_corrections",
    schedule=CronTriggerTimetable("20 * * * *", timezone="UTC"),
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    # A look sees everything that changed since: two at a time would see the same.
    max_active_runs=1,
    default_args={
        "owner": "data-engineering",
        "retries": 3,
        "retry_delay": dt.timedelta(minutes=5),
        "execution_timeout": dt.timedelta(minutes=30),
    },
    params={
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Last day to look at",
            description="YYYY-MM-DD, UTC. Leave it empty to look at the days up to that of the run.",
        )
    },
    doc_md=Path(__file__).with_suffix(".md").read_text(),
    tags=["ecommerce"],
)
def ecommerce_corrections() -> None:
    """Starts a run of `ecommerce_etl` for each published day whose inputs have changed."""
    TriggerDagRunOperator.partial(
        task_id="run_again",
        trigger_dag_id="ecommerce_etl",
        logical_date=None,
        # The run is named after the change: it has been started, so there is nothing to do.
        skip_when_already_exists=True,
        map_index_template="{{ task.trigger_run_id }}",
        doc_md="Starts one run for each change. Skipped where that run exists already.",
    ).expand_kwargs(find_changes())


@task
def find_changes(**context: Any) -> list[dict[str, Any]]:
    """Compares what is in S3 now with what the manifests of the last days name as inputs."""
    from include import corrections
    from include.day import day_of

    with connected() as (hook, settings):
        last_day = day_of(context["dag_run"], context["params"])
        found = corrections.look(hook, settings, last_day)
    for day, names in found.gone.items():
        log.warning("%s was published from raw files that are gone: %s", day, ", ".join(names))
    for change in found.changes:
        log.info("To be run again: %s", change)
    return [
        {"trigger_run_id": change.run_id, "conf": {"day": change.day}, "note": str(change)}
        for change in found.changes
    ]


DAG = ecommerce_corrections()
