"""The wiring of the DAG: what follows what, and what each task may use."""

import datetime as dt
import importlib
import subprocess
import sys
from typing import Any

import pytest

from tests.project_files import PROJECT

HEAVY = {"pandas", "pyarrow", "numpy", "great_expectations", "duckdb"}


FOLLOWING: dict[str, dict[str, list[str]]] = {
    "ecommerce_etl": {
        "wait_for_raw_files": ["extract"],
        "extract": ["approve", "publish", "transform", "validate"],
        "transform": ["approve", "publish", "validate"],
        "validate": ["approve", "publish"],
        "approve": ["publish"],
        "publish": [],
    },
    "ecommerce_corrections": {
        "find_changes": ["name_unread_days", "run_again"],
        "name_unread_days": [],
        "run_again": [],
    },
    "ecommerce_cleanup": {"clean_up": []},
    "ecommerce_verify": {"verify": []},
    "ecommerce_watchdog": {"check_days": []},
}
#: The schedule in UTC, how many runs at once, and whether the DAG starts paused; one runs on demand only.
SCHEDULES = {
    "ecommerce_etl": ("0 0 * * *", 16, None),
    "ecommerce_corrections": ("20 * * * *", 1, None),
    "ecommerce_cleanup": ("30 3 * * *", 1, False),
    "ecommerce_watchdog": ("5 * * * *", 1, False),
}
NAMES = sorted(path.stem for path in (PROJECT / "dags").glob("*.py"))


def load(name: str) -> Any:
    return importlib.import_module(f"dags.{name}").DAG


@pytest.mark.parametrize("name", NAMES)
def test_tasks_follow_each_other(name: str) -> None:
    following = {task.task_id: sorted(task.downstream_task_ids) for task in load(name).tasks}

    assert following == FOLLOWING[name]


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_is_in_utc_without_catch_up(name: str) -> None:
    dag = load(name)
    cron, max_active_runs, is_paused = SCHEDULES[name]

    assert (dag.timetable.expression, str(dag.timetable.timezone), dag.catchup) == (cron, "UTC", False)
    assert (dag.max_active_runs, dag.is_paused_upon_creation) == (max_active_runs, is_paused)


def test_verification_runs_on_demand() -> None:
    assert (load("ecommerce_verify").schedule, {*NAMES} - {*SCHEDULES}) == (None, {"ecommerce_verify"})


def test_each_change_is_run_once() -> None:
    triggered = load("ecommerce_corrections").get_task("run_again").partial_kwargs

    assert (triggered["trigger_dag_id"], triggered["skip_when_already_exists"]) == ("ecommerce_etl", True)


@pytest.mark.parametrize("name", NAMES)
def test_every_task_of_every_dag_is_retried_bounded_in_time_and_explained(name: str) -> None:
    dag = load(name)

    assert (dag.dag_id, dag.doc_md, dag.catchup) == (name, dag.doc_md or "missing", False)
    for task in dag.tasks:
        assert (task.retries, task.retry_delay) == (3, dt.timedelta(minutes=5)), task.task_id
        assert task.execution_timeout, task.task_id
        assert task.doc_md, task.task_id


@pytest.mark.parametrize("name", NAMES)
def test_a_failure_is_reported_once_and_a_retry_is_not(name: str) -> None:
    from include.operators.context import report_failure, report_maintenance_failure

    report = report_failure if name == "ecommerce_etl" else report_maintenance_failure
    for task in load(name).tasks:
        arguments = getattr(task, "partial_kwargs", None) or vars(task)
        assert arguments["on_failure_callback"] in (report, [report]), task.task_id
        assert not arguments.get("on_retry_callback"), task.task_id


def test_sensor_waits_deferred_for_exact_keys() -> None:
    sensor = load("ecommerce_etl").get_task("wait_for_raw_files")

    found = (sensor.deferrable, sensor.wildcard_match, sensor.check_fn, sensor.soft_fail)
    assert found == (True, False, None, False)


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1]


def test_parsing_the_dags_imports_nothing_heavy() -> None:
    names = ", ".join(f"dags.{name}" for name in NAMES)

    assert run_python(f"import sys, {names}; print({HEAVY} & sys.modules.keys())") == "set()"


def test_core_of_the_pipeline_imports_no_airflow() -> None:
    core = "include.transform, include.contract, include.keys, include.generate, include.manifest"

    assert run_python(f"import sys, {core}; print('airflow' in sys.modules)") == "False"
