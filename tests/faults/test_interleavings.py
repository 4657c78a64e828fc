"""Two runs of one day at the same moment, and one that wakes up after its successor, request by request."""

import random
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.errors import RetryableError
from tests.faults.checker import Watched
from tests.faults.conftest import IS_FULL, Lane, Report, World, choose
from tests.faults.days import End, Run, deliver, run_stages, run_up_to, watch_day
from tests.faults.proxy import Plan
from tests.faults.turns import Choose, Turns, switch_at

#: The two runs, and when their raw files were delivered.
DELIVERED = {"older": "2019-01-02T00:00:00Z", "newer": "2019-01-03T00:00:00Z"}


@pytest.fixture
def lanes(world: World) -> list[Lane]:
    return world.lanes[:2]


@pytest.mark.parametrize("first", [0, 1], ids=["the older first", "the newer first"])
def test_publication_delayed_at_any_request_while_another_runs(
    world: World, draw: random.Random, report: Report, lanes: list[Lane], first: int
) -> None:
    """One switch: the second runs as a whole in the middle of the first, which then wakes up as a zombie."""
    points = range(1, count_requests(world, draw, lanes[0]))
    for point in points if IS_FULL else sorted(draw.sample(points, 8)):
        publish_both(world, draw, lanes, switch_at([point], first))
        report("interleavings of two publications, one held up", 1)


@pytest.mark.parametrize("first", [0, 1], ids=["the older first", "the newer first"])
def test_publications_that_change_places_twice(
    world: World, draw: random.Random, report: Report, lanes: list[Lane], first: int
) -> None:
    pairs = list(product(range(1, count_requests(world, draw, lanes[0])), repeat=2))
    for pair in draw.sample(pairs, choose(8, 120)):
        publish_both(world, draw, lanes, switch_at(list(pair), first))
        report("interleavings of two publications, with two switches", 1)


@pytest.mark.parametrize("number", range(choose(10, 80)))
def test_whole_runs_of_one_day_in_random_order(
    world: World, draw: random.Random, report: Report, lanes: list[Lane], number: int
) -> None:
    """Two runs with ids of their own, from extract on; a new delivery may arrive while they read."""
    watched = watch_day(world.hook, world.folder, draw)
    runs = [Run(lane.hook, watched.day, f"run {letter}") for lane, letter in zip(lanes, "ab", strict=True)]
    is_delivered_meanwhile = number % 2
    order = deliver_at(watched, draw, draw.randrange(40)) if is_delivered_meanwhile else draw.choice
    Turns(order).play(lanes, [lambda run=run: finish(run) for run in runs])  # type: ignore[misc]

    watched.check_now()
    report("interleavings of two whole runs", 1)
    restore_manifest_versions(watched, world)


def count_requests(world: World, draw: random.Random, lane: Lane) -> int:
    """How many requests a publication makes that replaces a day."""
    run = prepare_second(world, draw)
    run.hook = lane.hook
    with lane.proxy.following(Plan()):
        run.perform("publish")
        return lane.proxy.requests


def prepare_second(world: World, draw: random.Random) -> Run:
    """A published day that was delivered again, right before its publication."""
    watched = watch_day(world.hook, world.folder, draw)
    assert run_stages(Run(world.hook, watched.day, "first")) == End()
    deliver(watched, draw)
    return run_up_to(Run(world.hook, watched.day, "second"), "publish")


def deliver_at(watched: Watched, draw: random.Random, number: int) -> Choose:
    """Random turns, and a second delivery at one of them: between any two requests of any run."""
    seen = 0

    def choose_turn(waiting: list[int]) -> int:
        nonlocal seen
        seen += 1
        if seen == number:
            deliver(watched, draw)
        return draw.choice(waiting)

    return choose_turn


def finish(run: Run) -> None:
    end = run_stages(run)
    if end.error:
        raise end.error


def publish_both(world: World, draw: random.Random, lanes: list[Lane], order: Choose) -> None:
    """The day is published; then two runs with a delivery each publish it again."""
    watched = watch_day(world.hook, world.folder, draw)
    first = extract_as_of(Run(world.hook, watched.day, "first"), "2019-01-01T00:00:00Z")
    assert run_stages(first, "transform") == End()
    runs = []
    for lane, (name, written_at) in zip(lanes, DELIVERED.items(), strict=True):
        deliver(watched, draw)
        run = extract_as_of(Run(world.hook, watched.day, name), written_at)
        run.perform("transform")
        run.perform("validate")
        run.hook = lane.hook
        runs.append(run)
    works: list[Callable[[], Any]] = [lambda run=run: run.perform("publish") for run in runs]  # type: ignore[misc]
    errors = Turns(order).play(lanes, works)
    require_consistent(watched, errors)
    again = Run(world.hook, watched.day, "newer", results=dict(runs[1].results))
    if errors[1]:
        again.perform("publish")
        watched.check_at_rest(watched.deliveries[-1])


def extract_as_of(run: Run, written_at: str) -> Run:
    """As if the files had been delivered then: S3 tells that in whole seconds, and these tests take less."""
    run.perform("extract")
    for raw in run.results["extract"]["inputs"].values():
        raw["written_at"] = written_at
    return run


def require_consistent(watched: Watched, errors: list[BaseException | None]) -> None:
    """At rest without anybody's help: the newer delivery, or what was there if its run has to wait."""
    assert all(isinstance(each, AirflowFailException | RetryableError | None) for each in errors), errors
    watched.check_at_rest(*(watched.deliveries if errors[1] else watched.deliveries[-1:]))


def restore_manifest_versions(watched: Watched, world: World) -> None:
    """A run afterwards finds nothing in its way."""
    assert run_stages(Run(world.hook, watched.day, "afterwards")) == End()
    watched.check_at_rest(watched.deliveries[-1])


@pytest.mark.parametrize("number", range(choose(8, 40)))
def test_delayed_transform_of_a_cleared_run_is_rejected(
    world: World, draw: random.Random, report: Report, lanes: list[Lane], number: int
) -> None:
    """Both write under the keys of the same run, from different raw files."""
    watched = watch_day(world.hook, world.folder, draw)
    zombie = run_up_to(Run(lanes[0].hook, watched.day, "cleared"), "transform")
    deliver(watched, draw)
    successor = Run(lanes[1].hook, watched.day, "cleared")
    points = [draw.randrange(1, 16), draw.randrange(1, 60)]
    works: list[Callable[[], Any]] = [lambda: zombie.perform("transform"), lambda: finish(successor)]

    _, error = Turns(switch_at(points, 0)).play(lanes, works)

    watched.check_now()
    assert isinstance(error, AirflowFailException | None), error
    if error:
        assert "Clear this run from transform on" in str(error)
        assert run_stages(successor, "transform") == End()
    watched.check_at_rest(watched.deliveries[-1])
    report("interleavings of a cleared run with its own zombie", 1)
