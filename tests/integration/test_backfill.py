"""A backfill of two weeks: days without files, a day with a closed gate, and a scheduler that is killed."""

import datetime as dt
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from include import keys
from include.contract import DATASETS
from include.local.dag_run import DAG_ID, wait_for_dag
from include.local.ports import find_free_ports
from include.local.stack import Stack
from tests.integration.conftest import LAYOUT, Pipeline
from tests.raw_files import make_orders
from tests.stack_processes import find_scheduler
from tests.waiting import wait_until

FIRST_DAY = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
DAYS = [(FIRST_DAY + dt.timedelta(days=number)).date().isoformat() for number in range(14)]
LATE_DAYS, RED_DAY = {DAYS[3], DAYS[10]}, DAYS[6]
#: The scheduler dies once so many days are published.
PUBLISHED_BEFORE_KILL = 3
#: Nobody waits for minutes here. The way is the same.
IMPATIENT = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "2",
}
_SECONDS = 600


def count_orders(day: str) -> int:
    """Every day has a number of its own, so that no day passes for another."""
    return 100 + DAYS.index(day)


@pytest.fixture(scope="module")
def backfilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Two weeks, backfilled over the death of the scheduler; the late days got their files after it."""
    ui_port, s3_port = find_free_ports(2)
    stack = Stack(
        tmp_path_factory.mktemp("backfill"), ui_port=ui_port, s3_port=s3_port, airflow_settings=IMPATIENT
    )
    with stack:
        wait_for_dag(stack)
        pipeline = Pipeline(stack)
        for day in DAYS:
            if day not in LATE_DAYS:
                pipeline.deliver(day, make_orders(count_orders(day), faulty=50 if day == RED_DAY else 1))
        stack.api.unpause(DAG_ID)
        last_day = FIRST_DAY + dt.timedelta(days=13)
        assert stack.api.backfill(DAG_ID, FIRST_DAY, last_day, max_active_runs=5) == len(DAYS)
        wait_until(lambda: count_published(pipeline) >= PUBLISHED_BEFORE_KILL, {True}, _SECONDS)
        kill_scheduler(stack)
        wait_until(lambda: unfinished_days(pipeline), {frozenset(LATE_DAYS)}, _SECONDS)
        yield pipeline


def kill_scheduler(stack: Stack) -> None:
    """End the scheduler and the tasks below it at once. The stack starts another one."""
    scheduler = find_scheduler(stack)
    assert scheduler
    for process in [scheduler, *scheduler.children(recursive=True)]:
        process.kill()
    wait_until(lambda: find_scheduler(stack) not in {None, scheduler}, {True}, 60)


def count_published(pipeline: Pipeline) -> int:
    return sum(pipeline.exists(keys.manifest(LAYOUT, day)) for day in DAYS)


def unfinished_days(pipeline: Pipeline) -> frozenset[str]:
    runs = read_runs(pipeline)
    return frozenset(day for day, run in runs.items() if run["state"] in {"queued", "running"})


def read_runs(pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    return {run["logical_date"][:10]: run for run in pipeline.api.list_runs(DAG_ID)}


def test_waiting_days_use_no_worker_and_continue_with_files(backfilled: Pipeline) -> None:
    runs = read_runs(backfilled)
    for day in LATE_DAYS:
        wait_until(partial(read_wait, backfilled, runs[day]["dag_run_id"]), {"deferred"}, 180)
        backfilled.deliver(day, make_orders(count_orders(day), faulty=1))

    for day in LATE_DAYS:
        assert backfilled.wait(runs[day]["dag_run_id"]) == "success"


def read_wait(pipeline: Pipeline, run_id: str) -> str | None:
    return pipeline.task_state(run_id, "wait_for_raw_files")


def test_other_days_succeed_beside_a_failing_one(backfilled: Pipeline) -> None:
    states = {day: run["state"] for day, run in read_runs(backfilled).items()}

    assert states == dict.fromkeys(DAYS, "success") | {RED_DAY: "failed"}
    assert not backfilled.exists(keys.manifest(LAYOUT, RED_DAY))
    assert not backfilled.exists(keys.published(LAYOUT, RED_DAY, "orders"))


@pytest.mark.parametrize("day", [day for day in DAYS if day != RED_DAY])
def test_every_day_is_published_once_and_right(backfilled: Pipeline, day: str) -> None:
    manifest = backfilled.read_manifest(day)

    assert manifest["run_id"] == read_runs(backfilled)[day]["dag_run_id"]
    assert manifest["rows"]["orders"]["published"] == count_orders(day)
    assert manifest["total_price"] == f"{count_orders(day) * 1998 / 100:.2f}"
    for output in manifest["outputs"].values():
        # A task that was killed and repeated may have written twice: the same bytes.
        assert find_etags(backfilled, output["key"]) == {output["etag"]}
    assert set(manifest["inputs"]) == set(DATASETS)


def find_etags(pipeline: Pipeline, url: str) -> set[str]:
    """Those of all versions of an object."""
    bucket, key = pipeline.stack.hook.parse_s3_url(url)
    versions = pipeline.stack.hook.get_conn().list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
    return {version["ETag"].strip('"') for version in versions}
