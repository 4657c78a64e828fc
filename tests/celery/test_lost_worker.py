"""Ten days on two workers that share no folder, one of which dies in the middle of a transform."""

import datetime as dt
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import redis

from include import keys
from include.contract import DATASETS
from include.local.dag_run import DAG_ID
from include.local.state import read_secrets
from include.s3.listing import list_versions
from tests.celery.conftest import read_cluster
from tests.integration.conftest import LAYOUT, Pipeline
from tests.raw_files import make_orders
from tests.stack_processes import find_members
from tests.waiting import wait_until

FIRST_DAY = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
DAYS = [(FIRST_DAY + dt.timedelta(days=number)).date().isoformat() for number in range(10)]
#: The day in whose transform a worker dies; by then both workers have done something.
LONG_DAY = DAYS[5]
#: So small batches make the transform of the long day take its time, and change nothing for the others.
BATCH_BYTES, LONG_ORDERS = 20_000, 300_000
FAULTY_ORDERS = 3
_SECONDS = 900


def count_orders(day: str) -> int:
    """Every day has a number of its own, so that no day passes for another."""
    return LONG_ORDERS if day == LONG_DAY else 100 + DAYS.index(day)


@dataclass(frozen=True)
class Aftermath:
    """What there was to see once every run had ended."""

    pipeline: Pipeline
    dead: str
    alive: str
    runs: dict[str, dict[str, Any]]
    tasks: dict[str, dict[str, dict[str, Any]]]

    def temporary(self, address: str) -> set[str]:
        """The folders that tasks left; that of multiprocessing's socket is the worker's own."""
        folders = [path.name for path in find_temporary(self.pipeline, address).iterdir() if path.is_dir()]
        return {name.rpartition("-")[0] for name in folders if not name.startswith("pymp-")}


@pytest.fixture(scope="module")
def aftermath(pipeline: Pipeline) -> Aftermath:
    pipeline.api.set_variable("ecommerce_batch_bytes", str(BATCH_BYTES))
    for day in DAYS:
        pipeline.deliver(day, make_orders(count_orders(day), FAULTY_ORDERS))
    pipeline.api.unpause(DAG_ID)
    assert pipeline.api.backfill(DAG_ID, FIRST_DAY, FIRST_DAY + dt.timedelta(days=9)) == 10

    dead = wait_for_transform(pipeline, LONG_DAY)
    kill_worker(pipeline, dead)
    wait_until(lambda: not pipeline.api.find_unfinished_runs(DAG_ID), {True}, _SECONDS)
    (alive,) = set(read_cluster(pipeline.stack).addresses) - {dead}
    wait_until(lambda: has_refused(pipeline, alive), {True}, _SECONDS)

    runs = {run["logical_date"][:10]: run for run in pipeline.api.list_runs(DAG_ID)}
    tasks = {day: read_tasks(pipeline, run["dag_run_id"]) for day, run in runs.items()}
    return Aftermath(pipeline, dead, alive, runs, tasks)


def test_every_day_ends_well(aftermath: Aftermath) -> None:
    assert {day: run["state"] for day, run in aftermath.runs.items()} == dict.fromkeys(DAYS, "success")


def test_the_days_spread_over_both_workers(aftermath: Aftermath) -> None:
    workers = {task["hostname"] for tasks in aftermath.tasks.values() for task in tasks.values()}

    assert workers == {aftermath.dead, aftermath.alive}


def test_only_the_lost_task_is_retried_on_the_other_worker(aftermath: Aftermath) -> None:
    again = {
        (day, name): (task["try_number"], task["hostname"])
        for day, tasks in aftermath.tasks.items()
        for name, task in tasks.items()
        if task["try_number"] != 1
    }

    assert again == {(LONG_DAY, "transform"): (2, aftermath.alive)}


@pytest.mark.parametrize("day", DAYS)
def test_the_day_is_published_right(aftermath: Aftermath, day: str) -> None:
    good = count_orders(day)
    manifest = aftermath.pipeline.read_manifest(day)
    orders = pq.read_table(io.BytesIO(aftermath.pipeline.get(manifest["outputs"]["orders"]["key"])))

    assert manifest["run_id"] == aftermath.runs[day]["dag_run_id"]
    assert manifest["rows"]["orders"] == {
        "read": good + FAULTY_ORDERS,
        "published": good,
        "quarantined": FAULTY_ORDERS,
        "duplicates": 0,
        "blank": 0,
    }
    assert manifest["total_price"] == f"{good * 1998 / 100:.2f}"
    assert orders["order_id"].to_pylist() == [f"O{number}" for number in range(good)]


@pytest.mark.parametrize("day", DAYS)
def test_the_day_is_published_once(aftermath: Aftermath, day: str) -> None:
    urls = [keys.manifest(LAYOUT, day)]
    urls += [keys.published(LAYOUT, day, dataset) for dataset in DATASETS]
    urls += [keys.quarantine(LAYOUT, day, dataset) for dataset in DATASETS]

    assert {url: count_versions(aftermath.pipeline, url) for url in urls} == dict.fromkeys(urls, 1)


def test_publishing_twice_would_show(pipeline: Pipeline) -> None:
    url = keys.published(LAYOUT, "2026-01-01", "orders")
    for body in (b"first", b"second"):
        pipeline.put(url, body)

    assert count_versions(pipeline, url) == 2


def test_the_lost_try_left_no_staged_object_behind(aftermath: Aftermath) -> None:
    staged = {day: list_staged(aftermath, day) for day in DAYS}

    assert staged == dict.fromkeys(DAYS, staged[DAYS[0]])
    assert len(staged[DAYS[0]]) == 2 * len(DATASETS)


def test_only_the_dead_worker_leaves_temporary_files(aftermath: Aftermath) -> None:
    """They go with its machine; nothing that is alive can remove them."""
    assert aftermath.temporary(aftermath.alive) == set()
    assert aftermath.temporary(aftermath.dead) == {"ecommerce-scratch-transform"}


def test_the_log_of_a_task_is_read_from_the_worker_that_ran_it(aftermath: Aftermath) -> None:
    run_id = aftermath.runs[LONG_DAY]["dag_run_id"]
    events = aftermath.pipeline.api.read_task_log(DAG_ID, run_id, "transform", 2)

    assert any(str(event["event"]).startswith("Transformed") for event in events)


def wait_for_transform(pipeline: Pipeline, day: str) -> str:
    """The address of the worker that is in the middle of the day's transform: it has written something."""

    def find_worker() -> str | None:
        for run in pipeline.api.list_runs(DAG_ID):
            if run["logical_date"].startswith(day):
                task = read_tasks(pipeline, run["dag_run_id"]).get("transform", {})
                is_running = task.get("state") == "running" and task.get("hostname")
                if is_running and is_writing(pipeline, task["hostname"]):
                    return str(task["hostname"])
        return None

    return str(wait_until(find_worker, set(read_cluster(pipeline.stack).addresses), _SECONDS))


def is_writing(pipeline: Pipeline, address: str) -> bool:
    unfinished = find_temporary(pipeline, address).glob(
        "ecommerce-scratch-transform-*/out/.unfinished-*/orders*"
    )
    return any(path.stat().st_size for path in unfinished)


def kill_worker(pipeline: Pipeline, address: str) -> None:
    """End a worker and all that runs on it at once, as a machine does that loses its power."""
    title = f"celery@{address}:MainProcess"
    (worker,) = [each for each in find_members(pipeline.stack) if title in " ".join(each.cmdline())]
    for process in [worker, *worker.children(recursive=True)]:
        process.kill()


def find_temporary(pipeline: Pipeline, address: str) -> Path:
    return pipeline.stack.state.worker(find_number(pipeline, address)) / "tmp"


def find_number(pipeline: Pipeline, address: str) -> int:
    return read_cluster(pipeline.stack).addresses.index(address) + 1


def has_refused(pipeline: Pipeline, address: str) -> bool:
    """Whether the worker was handed out again what the dead one had not confirmed: a try that is over."""
    log = pipeline.stack.state.logs / f"worker-{find_number(pipeline, address)}.log"
    return "Task Instance not found" in log.read_text() and count_unconfirmed(pipeline) == 0


def count_unconfirmed(pipeline: Pipeline) -> int:
    """How many messages a worker has taken and not confirmed."""
    port, password = (
        read_cluster(pipeline.stack).broker_port,
        read_secrets(pipeline.stack.state).broker_password,
    )
    with redis.Redis(port=port, password=password) as client:
        return int(client.hlen("unacked"))


def read_tasks(pipeline: Pipeline, run_id: str) -> dict[str, dict[str, Any]]:
    return {task["task_id"]: task for task in pipeline.api.read_task_instances(DAG_ID, run_id)}


def list_staged(aftermath: Aftermath, day: str) -> list[str]:
    """The staged objects of the day, without the run's own part of their keys."""
    bucket, prefix = aftermath.pipeline.stack.hook.parse_s3_url(
        keys.staged(LAYOUT, day, aftermath.runs[day]["dag_run_id"], "")
    )
    parent = prefix.rstrip("/").rpartition("/")[0] + "/"
    found = aftermath.pipeline.stack.hook.list_keys(bucket_name=bucket, prefix=parent)
    return sorted(key.removeprefix(prefix) for key in found)


def count_versions(pipeline: Pipeline, url: str) -> int:
    versions = list_versions(pipeline.stack.hook, url)
    return sum(version.url == url and not version.is_delete_marker for version in versions)
