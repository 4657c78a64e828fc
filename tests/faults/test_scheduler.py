"""Many days at once through the real scheduler: undisturbed for long, and then with everything dying."""

import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event

import httpx
import psutil
import pytest

from include import keys
from include.local.dag_run import trigger_day
from include.s3.listing import list_versions
from tests.faults.airflow_world import AirflowWorld, run_airflow_world
from tests.faults.checker import LAYOUT, Watched, list_unfinished_uploads
from tests.faults.conftest import IS_FULL, Report, choose
from tests.faults.days import deliver, watch_day
from tests.faults.proxy import Plan, Request
from tests.faults.test_broken_requests import RandomFaults
from tests.waiting import wait_until

SOAK_DAYS = choose(10, 40)
KILLED_DAYS = choose(6, 20)
KILLS = {
    "task": choose(5, 30),
    "executor": choose(1, 4),
    "scheduler": choose(1, 4),
    "everything": choose(1, 3),
}
#: What a process may take more in the second half of the long soak. Caches and the store's heap fill up at
#: first, so the short one only says what it measured.
MOST_GROWTH_BYTES = 64 * 1024**2
READERS = 6


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowWorld]:
    with run_airflow_world(tmp_path_factory.mktemp("airflow")) as world:
        yield world


class CountByDay(Plan):
    """Counts what each day asks of the store. How often the sensor looks depends on the clock: left out."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()

    def answered(self, request: Request) -> None:
        day = re.search(r"\d{4}-\d\d-\d\d", request.path)
        if day and not (request.method == "HEAD" and request.path.startswith(f"/{LAYOUT.raw_bucket}/")):
            self.requests[day[0]] += 1


def test_a_soak_grows_nothing_and_leaves_nothing(
    airflow: AirflowWorld, draw: random.Random, report: Report, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("soak")
    days = [watch_day(airflow.stack.hook, folder, draw) for _ in range(SOAK_DAYS)]
    count, halves = CountByDay(), (days[: SOAK_DAYS // 2], days[SOAK_DAYS // 2 :])
    memory = []
    with airflow.proxy.following(count), reading_the_site(airflow) as read:
        for half in halves:
            run_all(airflow, half)
            memory.append(airflow.measure_memory())
    for watched in days:
        watched.check_at_rest(watched.deliveries[-1])
    report("days through the real scheduler, undisturbed", SOAK_DAYS)
    report("pages of the quality site read meanwhile", len(read))

    assert set(read) == {httpx.codes.OK}
    first, second = ([count.requests[each.day] for each in half] for half in halves)
    assert max(second) <= max(first) + 2, f"requests of a run: {first}, later {second}"
    report("requests of a run to S3, at most", max(second))
    grown = {pid: memory[1][pid] - size for pid, size in memory[0].items() if pid in memory[1]}
    assert not IS_FULL or max(grown.values()) < MOST_GROWTH_BYTES, grown
    report("MB that the process grew most in the second half", max(grown.values()) // 1024**2)
    require_clean(airflow, days)


def run_all(airflow: AirflowWorld, days: list[Watched]) -> list[str]:
    """All at the same moment."""
    run_ids = [trigger_day(airflow.stack.api, watched.day) for watched in days]
    assert set(airflow.wait_for_all(run_ids).values()) == {"success"}
    return run_ids


@contextmanager
def reading_the_site(airflow: AirflowWorld) -> Iterator[list[int]]:
    """Readers of the quality site's front page, until the context ends; gives the status codes they got."""
    token, end, read = airflow.stack.api._fetch_token(), Event(), list[int]()

    def go_on() -> None:
        while not end.wait(1.0):
            answer = client.get("/quality/")
            read.append(answer.status_code if "Data quality" in answer.text else -1)

    headers = {"Authorization": f"Bearer {token}"}
    with (
        httpx.Client(base_url=airflow.stack.url, headers=headers, timeout=60, trust_env=False) as client,
        ThreadPoolExecutor(READERS) as pool,
    ):
        readers = [pool.submit(go_on) for _ in range(READERS)]
        try:
            yield read
        finally:
            end.set()
        for reader in readers:
            reader.result()


def test_days_whose_tasks_executor_and_scheduler_die(
    airflow: AirflowWorld, draw: random.Random, report: Report, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every second day was published before; requests break at random meanwhile."""
    folder = tmp_path_factory.mktemp("killed")
    days = [watch_day(airflow.stack.hook, folder, draw) for _ in range(KILLED_DAYS)]
    run_all(airflow, days[::2])
    for watched in days[::2]:
        deliver(watched, draw)
    with airflow.proxy.following(RandomFaults(draw, 0.02)):
        run_ids = [trigger_day(airflow.stack.api, watched.day) for watched in days]
        killed = kill_at_random(airflow, draw, run_ids)
        states = airflow.wait_for_all(run_ids)
        for watched in days:
            watched.check_now()
    assert killed.keys() == KILLS.keys()
    for kind, count in killed.items():
        report(f"kills under the real scheduler: {kind}", count)
    report("days through the real scheduler under kills and faults", KILLED_DAYS)
    report("faults injected into requests", sum(airflow.proxy.injected.values()))
    clear_all(airflow, [run_id for run_id, state in states.items() if state == "failed"], report)
    for watched in days:
        watched.check_at_rest(watched.deliveries[-1])
    require_clean(airflow, days)


def kill_at_random(airflow: AirflowWorld, draw: random.Random, run_ids: list[str]) -> Counter[str]:
    """How many of each kind were killed, until all runs have ended."""
    killed: Counter[str] = Counter()
    # Each kind once, then the rest: the runs may end before that.
    kinds = draw.sample([*KILLS], len(KILLS))
    kinds += draw.sample(kinds, sum(KILLS.values()) - len(KILLS), counts=[KILLS[kind] - 1 for kind in kinds])
    for kind in kinds:
        find = airflow.find_executors if kind == "executor" else airflow.find_tasks
        found: list[psutil.Process] = []

        def look() -> bool:
            found[:] = find()  # noqa: B023 - used in this turn only
            return bool(found) or not set(airflow.read_states(run_ids).values()) & {"queued", "running"}  # noqa: B023

        wait_until(look, {True}, 300)
        if not found:
            break
        # A moment of its own in the life of the process.
        time.sleep(draw.uniform(0, 1.5))
        if kind == "scheduler":
            airflow.kill_scheduler()
        elif kind == "everything":
            airflow.kill_everything_and_restart()
        else:
            with suppress(psutil.NoSuchProcess):
                draw.choice(found).kill()
        killed[kind] += 1
    return killed


def clear_all(airflow: AirflowWorld, run_ids: list[str], report: Report) -> None:
    report("runs that a person had to clear", len(run_ids))
    for run_id in run_ids:
        airflow.clear_failed(run_id)
    assert set(airflow.wait_for_all(run_ids).values()) <= {"success"}


def require_clean(airflow: AirflowWorld, days: list[Watched]) -> None:
    """No folder of a dead process after the next task, no unfinished upload, six staged tables a run."""
    run_all(airflow, days[-1:])
    assert [path.name for path in airflow.temporary.glob("ecommerce-scratch-*")] == []
    assert list_unfinished_uploads(airflow.stack.hook, [LAYOUT.raw_bucket, LAYOUT.curated_bucket]) == []
    for watched in days:
        staged = {version.url for version in list_versions(airflow.stack.hook, prefix_of(watched))}
        by_run = Counter(url.removeprefix(prefix_of(watched)).partition("/")[0] for url in staged)
        assert set(by_run.values()) == {6}, by_run


def prefix_of(watched: Watched) -> str:
    return keys.staged(LAYOUT, watched.day, "run", "").removesuffix("run/")
