"""The wiring of the DAG: what follows what, and what each task may use."""

import ast
import datetime as dt
import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from tests.project_files import PROJECT

HEAVY = {"pandas", "pyarrow", "numpy", "great_expectations", "duckdb", "boto3"}


@pytest.fixture(scope="module")
def dag() -> DAG:
    from dags import ecommerce_etl

    return ecommerce_etl.DAG


def read_schedule(dag: DAG) -> tuple[str, str]:
    """The cron expression, and where its clock stands."""
    timetable: Any = dag.timetable
    return timetable.expression, str(timetable.timezone)


def test_the_stages_follow_each_other(dag: DAG) -> None:
    following = {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}

    assert following == {
        "wait_for_raw_files": ["extract"],
        "extract": ["approve", "publish", "transform", "validate"],
        "transform": ["approve", "publish", "validate"],
        "validate": ["approve", "publish"],
        "approve": ["publish"],
        "publish": [],
    }


def test_the_schedule_is_daily_at_midnight_utc_without_catch_up(dag: DAG) -> None:
    assert read_schedule(dag) == ("0 0 * * *", "UTC")
    assert (dag.catchup, dag.max_active_runs) == (False, 16)


@pytest.mark.parametrize("name", sorted(path.stem for path in (PROJECT / "dags").glob("*.py")))
def test_every_task_of_every_dag_is_retried_bounded_in_time_and_explained(name: str) -> None:
    dag = importlib.import_module(f"dags.{name}").DAG

    assert (dag.dag_id, dag.doc_md, dag.catchup) == (name, dag.doc_md or "missing", False)
    for task in dag.tasks:
        assert (task.retries, task.retry_delay) == (3, dt.timedelta(minutes=5)), task.task_id
        assert task.execution_timeout, task.task_id
        assert task.doc_md, task.task_id


@pytest.mark.parametrize("name", sorted(path.stem for path in (PROJECT / "dags").glob("*.py")))
def test_a_failure_is_reported_once_and_a_retry_is_not(name: str) -> None:
    from include.operators.context import report_failure, report_maintenance_failure

    report = report_failure if name == "ecommerce_etl" else report_maintenance_failure
    for task in importlib.import_module(f"dags.{name}").DAG.tasks:
        arguments = getattr(task, "partial_kwargs", None) or vars(task)
        assert arguments["on_failure_callback"] in (report, [report]), task.task_id
        assert not arguments.get("on_retry_callback"), task.task_id


def test_the_watchdog_looks_every_hour_by_itself() -> None:
    from dags import ecommerce_watchdog

    dag = ecommerce_watchdog.DAG

    assert read_schedule(dag) == ("5 * * * *", "UTC")
    assert (dag.catchup, dag.max_active_runs, dag.is_paused_upon_creation) == (False, 1, False)
    assert [(task.task_id, task.retries, bool(task.execution_timeout)) for task in dag.tasks] == [
        ("check_days", 3, True)
    ]


def test_the_sensor_waits_deferred_for_exact_keys(dag: DAG) -> None:
    sensor: Any = dag.get_task("wait_for_raw_files")

    assert (sensor.deferrable, sensor.wildcard_match, sensor.check_fn, sensor.soft_fail) == (
        True,
        False,
        None,
        False,
    )


def test_parsing_the_dags_imports_nothing_heavy() -> None:
    code = (
        "import sys; import dags.ecommerce_etl, dags.ecommerce_watchdog;"
        f"print(sorted({sorted(HEAVY - {'boto3'})} & sys.modules.keys()))".replace("[", "{").replace("]", "}")
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )

    assert result.stdout.strip().splitlines()[-1] == "[]"


def test_the_clean_up_is_one_nightly_task_that_needs_no_switching_on() -> None:
    from dags import ecommerce_cleanup

    dag = ecommerce_cleanup.DAG

    assert [(task.task_id, task.retries) for task in dag.tasks] == [("clean_up", 3)]
    assert read_schedule(dag) == ("30 3 * * *", "UTC")
    assert (dag.catchup, dag.max_active_runs, dag.is_paused_upon_creation) == (False, 1, False)


@pytest.mark.parametrize("path", sorted((PROJECT / "dags").glob("*.py")), ids=lambda path: path.name)
def test_dag_files_import_nothing_heavy_at_module_level(path: Path) -> None:
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert not {name.partition(".")[0] for name in imported} & HEAVY


@pytest.mark.parametrize("module", ["transform", "contract", "keys", "generate", "manifest"])
def test_the_pipelines_core_knows_no_airflow(module: str) -> None:
    code = f"import sys; import include.{module}; print('airflow' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "False"
