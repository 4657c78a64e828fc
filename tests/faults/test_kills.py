"""Stages that are killed: at each request, before the store sees it and after, and while they compute."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Semaphore
from typing import Any

import pytest

from tests.faults.checker import Watched
from tests.faults.conftest import IS_FULL, Lane, Report, World, choose
from tests.faults.days import End, Run, deliver, run_stages, run_up_to, watch_day
from tests.faults.proxy import Plan, Request
from tests.faults.stages_apart import Apart, KillAtRequest, start_apart

KILLED = ("extract", "transform", "publish")


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("apart")


@pytest.mark.parametrize("is_published", [False, True], ids=["new day", "published day"])
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("stage", KILLED)
def test_stage_killed_at_any_request_recovers_on_retry(
    world: World,
    draw: random.Random,
    report: Report,
    scratch: Path,
    stage: str,
    is_after: bool,
    is_published: bool,
) -> None:
    """In full, each request of the stage is one at which it is killed."""
    requests = range(1, count_requests(world, draw, stage, is_published, scratch) + 1)
    for number in requests if IS_FULL else sorted(draw.sample(requests, 4)):
        watched, run = prepare(world, draw, is_published)
        run_up_to(run, stage)
        plan = KillAtRequest(number, is_after)
        assert run_apart(world, run, stage, plan, scratch) is None
        report("processes of stages killed at a request", 1)
        watched.check_now()
        assert run_stages(run, stage) == End()
        watched.check_at_rest(watched.deliveries[-1])


def count_requests(world: World, draw: random.Random, stage: str, is_published: bool, scratch: Path) -> int:
    _, run = prepare(world, draw, is_published)
    run_up_to(run, stage)
    plan = Count()
    assert run_apart(world, run, stage, plan, scratch)
    return plan.seen


class Count(Plan):
    """Lets all pass."""

    seen = 0

    def answered(self, request: Request) -> None:
        self.seen = request.number


def prepare(world: World, draw: random.Random, is_published: bool, **size: int) -> tuple[Watched, Run]:
    """A day that is published with one delivery and has another one by now, or a new one."""
    watched = watch_day(world.hook, world.folder, draw, **size)
    if is_published:
        assert run_stages(Run(world.hook, watched.day, "first")) == End()
        deliver(watched, draw, **size)
    return watched, Run(world.hook, watched.day, "killed")


def run_apart(world: World, run: Run, stage: str, plan: Plan, scratch: Path) -> dict[str, Any] | None:
    """What the stage answered; None where it was killed."""
    with world.lane() as lane, lane.proxy.following(plan):
        apart = start_apart(run, stage, world.make_connection(lane.proxy), world.store.state, scratch)
        if isinstance(plan, KillAtRequest):
            plan.aim(apart)
        return apart.wait()


@pytest.mark.parametrize("number", range(choose(6, 60)))
def test_killed_transform_leaves_nothing(
    world: World, draw: random.Random, report: Report, scratch: Path, number: int
) -> None:
    watched, run = prepare(world, draw, number % 2 == 1, orders=100_000)
    run_up_to(run, "transform")
    with world.lane() as lane, computing(world, lane, run, scratch) as apart:
        apart.process.join(draw.uniform(0, 0.6))
        apart.kill()
        was_killed = apart.wait() is None
    report("transforms killed while they compute", was_killed)
    watched.check_now()

    with world.lane() as lane:
        finished = start_apart(
            run, "transform", world.make_connection(lane.proxy), world.store.state, scratch
        )
        answer = finished.wait()
    assert answer
    run.results["transform"] = answer["result"]
    assert not list((scratch / "tmp").glob("ecommerce-scratch-*")), "a killed process left its folder"
    assert run_stages(run, "validate") == End()
    watched.check_at_rest(watched.deliveries[-1])


@contextmanager
def computing(world: World, lane: Lane, run: Run, scratch: Path) -> Iterator[Apart]:
    """A transform that has read its raw files."""
    plan = WaitForReads()
    with lane.proxy.following(plan):
        apart = start_apart(run, "transform", world.make_connection(lane.proxy), world.store.state, scratch)
        plan.wait()
        yield apart


class WaitForReads(Plan):
    """Tells when all three raw files were read."""

    def __init__(self) -> None:
        self._reads = Semaphore(0)

    def answered(self, request: Request) -> None:
        if request.kind == "read":
            self._reads.release()

    def wait(self) -> None:
        for _ in range(3):
            assert self._reads.acquire(timeout=60)


@pytest.mark.parametrize("number", range(choose(4, 30)))
def test_killed_store_loses_no_confirmed_write(
    world: World, draw: random.Random, report: Report, number: int
) -> None:
    watched, run = prepare(world, draw, number % 2 == 1)
    with world.lane() as lane:
        run.hook = lane.hook
        with lane.proxy.following(KillStore(world, draw.randrange(1, 60))):
            end = run_stages(run)
    report("kills of the store", 1)
    watched.check_now()
    if end.stage:
        # As patient as in production: a store that has just started may take longer than a moment.
        run.hook = world.hook
        assert run_stages(run, end.stage) == End()
    watched.check_at_rest(watched.deliveries[-1])


class KillStore(Plan):
    """Kills the store at one request, and starts it again at once on the same data."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._number = number

    def before(self, request: Request) -> None:
        if request.number == self._number:
            self._world.store.kill()
            self._world.store.start()
