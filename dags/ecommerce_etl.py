"""The daily pipeline: wait for the raw files, extract, transform, validate, approve, publish.

Each task calls the stage of the same name in `include/`. Heavy imports are inside the tasks, so that this
file is parsed quickly.
"""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk import Asset, dag, task

from include.config import CONNECTION_ID, ETL_DAG_ID
from include.operators.approval import GateApproval
from include.operators.context import raw_keys, report_failure, task_context
from include.operators.defaults import DAG_DEFAULTS, ENGINE, GLUE, TASK_DEFAULTS, cron_utc, day_param

if TYPE_CHECKING:
    from include.manifest import Manifest

#: Each publication adds an event to both. The second one is partitioned by day and starts a run for each day;
#: partitioned events do not start DAGs that wait for a plain asset.
PUBLISHED_ORDERS = Asset("ecommerce_orders")
ORDERS_BY_DAY = Asset("ecommerce_orders_by_day")


@dag(
    **DAG_DEFAULTS,
    dag_id=ETL_DAG_ID,
    schedule=cron_utc("0 0 * * *"),
    # A day that waits for its files is an active run, too. The pools limit how many are processed at a time.
    max_active_runs=16,
    default_args=TASK_DEFAULTS
    | {"execution_timeout": dt.timedelta(hours=2), "on_failure_callback": report_failure},
    params={"day": day_param("Delivery day", "Leave it empty to process the day of the run's logical date.")},
    user_defined_macros={"raw_keys": raw_keys},
    render_template_as_native_obj=True,
    doc_md=Path(__file__).with_suffix(".md").read_text(),
)
def ecommerce_etl() -> None:
    """Publishes one trustworthy orders table per day."""
    raw_files = wait_for_raw_files()
    extracted = extract()
    transformed = transform_on_glue(extracted) if ENGINE == GLUE else transform(extracted)
    validated = validate(extracted, transformed)
    approval = approve(extracted, transformed, validated)
    publish(extracted, transformed, validated, approval)

    raw_files >> extracted


def wait_for_raw_files() -> S3KeySensor:
    return S3KeySensor(
        task_id="wait_for_raw_files",
        aws_conn_id=CONNECTION_ID,
        bucket_key="{{ raw_keys(dag_run, params) }}",
        deferrable=True,
        poke_interval=30,
        timeout=dt.timedelta(hours=36).total_seconds(),
        execution_timeout=dt.timedelta(hours=37),
        doc_md="Waits until all raw files of the day exist. Deferred, so it occupies no worker.",
    )


@task
def extract(**context: Any) -> dict[str, Any]:
    """Copies the raw files inside S3, so that a later delivery does not affect this run."""
    from include import extract as stage
    from include.day import day_of

    with task_context() as (hook, settings):
        day = day_of(context["dag_run"], context["params"])
        return dict(stage.extract(hook, settings, day, context["run_id"]))


@task(pool="ecommerce_transform")
def transform(extracted: Any) -> dict[str, Any]:
    """Cleans, joins and computes; rejected rows go to quarantine with their reasons."""
    from include import transform as stage

    with task_context() as (hook, settings):
        return dict(stage.transform(hook, settings, extracted))


def transform_on_glue(extracted: Any) -> Any:
    """The transform as a Spark job; used if the Airflow option `[ecommerce] engine` is `glue`."""
    from include.operators.glue import GlueTransform

    return GlueTransform(
        task_id="transform",
        extracted=extracted,
        pool="ecommerce_transform",
        doc_md="Runs the transform on AWS Glue, deferred; small days stay on the worker.",
    ).output


@task(pool="ecommerce_transform")
def validate(extracted: Any, transformed: Any) -> dict[str, Any]:
    """Runs the Great Expectations checkpoint on the staged orders and decides the gate."""
    from include import validate as stage

    with task_context() as (hook, settings):
        return dict(stage.validate(hook, settings, extracted, transformed))


def approve(extracted: Any, transformed: Any, validated: Any) -> Any:
    return GateApproval(
        task_id="approve",
        extracted=extracted,
        transformed=transformed,
        validated=validated,
        doc_md="With the setting `ecommerce_gate_approval`, a closed gate waits here for a person.",
    ).output


@task(pool="ecommerce_publish", outlets=[PUBLISHED_ORDERS, ORDERS_BY_DAY])
def publish(
    extracted: Any, transformed: Any, validated: Any, approval: Any, **context: Any
) -> dict[str, Any]:
    """Publishes a day whose gate is open or approved: copies the tables, then writes the manifest."""
    from include import publish as stage
    from include.reporting.publication import report_publication

    with task_context() as (hook, settings):
        started_at = context["dag_run"].start_date
        manifest = stage.publish(hook, settings, extracted, transformed, validated, started_at, approval)
        report_publication(settings, manifest, context["ti"])
    events = context["outlet_events"]
    events[ORDERS_BY_DAY].add_partitions(manifest["day"])
    events[PUBLISHED_ORDERS].extra = events[ORDERS_BY_DAY].extra = describe_publication(manifest)
    return dict(manifest)


def describe_publication(manifest: "Manifest") -> dict[str, Any]:
    """The extra of the asset events: a summary of the published day for consumers."""
    return {
        "day": manifest["day"],
        "rows": manifest["rows"]["orders"]["published"],
        "total_price": manifest["total_price"],
        "verdict": "approved" if manifest["approval"] else "passed",
        "warnings": len(manifest["quality"]["warnings"]),
        "is_correction": manifest["correction"] is not None,
    }


DAG = ecommerce_etl()
