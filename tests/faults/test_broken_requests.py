"""Days whose requests are broken at random: each heals by itself or stops clearly; nothing is ever mixed."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.errors import RetryableError
from tests.faults.checker import Watched
from tests.faults.conftest import LANES, Lane, Report, World, choose, draw_for
from tests.faults.days import End, Run, deliver, run_stages, watch_day
from tests.faults.proxy import Fault, Plan, Request

DAYS_AT_ONCE = 2 * LANES


class RandomFaults(Plan):
    """Breaks so many of all requests. Stalls cost time, so there are fewer of them."""

    def __init__(self, draw: random.Random, ratio: float) -> None:
        self._draw = draw
        self._ratio = ratio

    def before(self, request: Request) -> Fault | None:
        if self._draw.random() >= self._ratio:
            return None
        possible = request.possible_faults
        weights = [0.2 if "stall" in fault else 1.0 for fault in possible]
        return self._draw.choices(possible, weights)[0]


@pytest.mark.parametrize("batch", range(choose(8, 30)))
def test_broken_days_recover_or_stop_with_a_clear_error(world: World, report: Report, batch: int) -> None:
    """Half of the days were published before, and are now delivered once more."""
    with ThreadPoolExecutor(LANES) as pool:
        numbers = range(batch * DAYS_AT_ONCE, (batch + 1) * DAYS_AT_ONCE)
        ends = list(pool.map(lambda number: run_broken_day(world, number, {}), numbers))
    report("days under faults", len(ends))
    report("days under faults that stopped and had to be cleared", sum(end != End() for end in ends))
    report("faults injected into requests", count_faults(world))


@pytest.mark.parametrize("number", range(choose(4, 12)))
def test_broken_multipart_days_recover_or_stop_with_a_clear_error(
    world: World, report: Report, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Raw files are read and tables are written in parts; on every second day copies are in parts as well."""
    if number % 2:
        monkeypatch.setattr("include.s3.conditional.LARGEST_SINGLE_COPY_BYTES", 5 * 1024**2)
    end = run_broken_day(world, number, {"orders": 60_000, "id_signs": 120})
    report("large days under faults", 1)
    report("large days under faults that stopped and had to be cleared", end != End())
    report("faults injected into requests", count_faults(world))


class CutSecondPart(Plan):
    """Cuts off one of the parts in which the orders are fetched, with a length that fits."""

    def __init__(self) -> None:
        self._parts = 0

    def before(self, request: Request) -> Fault | None:
        is_part = request.kind == "read" and "/snapshots/" in request.path and "orders.csv" in request.path
        self._parts += is_part
        return Fault.SHORT_LENGTH if is_part and self._parts == 2 else None


def test_a_part_that_was_cut_off_leaves_no_hole(world: World, draw: random.Random) -> None:
    watched = watch_day(world.hook, world.folder, draw, orders=60_000, id_signs=120)
    with world.lane() as lane, lane.proxy.following(CutSecondPart()):
        assert run_stages(Run(lane.hook, watched.day, "broken")) == End()
    watched.check_at_rest(watched.deliveries[-1])


class OneFault(Plan):
    """Breaks one request, in any way that is possible there."""

    def __init__(self, number: int, draw: random.Random) -> None:
        self._number = number
        self._draw = draw

    def before(self, request: Request) -> Fault | None:
        return self._draw.choice(request.possible_faults) if request.number == self._number else None


@pytest.mark.parametrize("number", range(choose(30, 200)))
def test_day_with_one_fault_recovers_by_retries(
    world: World, draw: random.Random, report: Report, number: int
) -> None:
    watched = watch_day(world.hook, world.folder, draw)
    with world.lane() as lane, lane.proxy.following(OneFault(draw.randrange(1, 65), draw)):
        assert run_stages(Run(lane.hook, watched.day, "broken")) == End()
    watched.check_at_rest(watched.deliveries[-1])
    report("days with one fault", 1)
    report("faults injected into requests", count_faults(world))


def run_broken_day(world: World, number: int, size: dict[str, int]) -> End:
    draw = draw_for(f"broken {number} {size}")
    watched = watch_day(world.hook, world.folder, draw, **size)
    if number % 2:
        assert run_stages(Run(world.hook, watched.day, "first")) == End()
        watched.check_at_rest(watched.deliveries[0])
        deliver(watched, draw, **size)
    with world.lane() as lane:
        run = Run(lane.hooks[draw.choice([1, 2])], watched.day, "broken")
        end = break_run(lane, run, draw)
        recover(watched, run, end)
    return end


def break_run(lane: Lane, run: Run, draw: random.Random) -> End:
    with lane.proxy.following(RandomFaults(draw, draw.choice([0.03, 0.1, 0.3]))):
        return run_stages(run)


def recover(watched: Watched, run: Run, end: End) -> None:
    """As a person would: clear the run from the task that failed."""
    watched.check_now()
    if end.stage:
        require_clear(end)
        assert run_stages(run, end.stage) == End()
    watched.check_at_rest(watched.deliveries[-1])


def require_clear(end: End) -> None:
    """The error says in the pipeline's own words what happened."""
    assert isinstance(end.error, AirflowFailException | RetryableError), repr(end.error)
    # No fault here is one that another try could not heal.
    assert isinstance(end.error, RetryableError), repr(end.error)


def count_faults(world: World) -> int:
    """How many were injected since this was last asked."""
    total = sum(sum(lane.proxy.injected.values()) for lane in world.lanes)
    for lane in world.lanes:
        lane.proxy.injected.clear()
    return total
