"""The real DAG with CeleryExecutor: the gain of a second worker."""

from rich.console import Console

from benchmarks.data import FOLDER, Size, prepare_raw_files
from benchmarks.measure import BenchmarkError, Spread
from benchmarks.report import Finding, Report, show_seconds
from benchmarks.scheduler import (
    LAYOUT,
    OURS,
    BenchmarkApi,
    deliver,
    list_days,
    run_backfill,
    run_day,
    run_stack,
    wait_for_dags,
)
from benchmarks.transform import scratch_folder
from include import keys
from include.local.cluster import plan_cluster
from include.local.errors import StackError
from include.local.state import ADMIN, State

_WORKERS = (1, 2)


def measure_celery(report: Report, console: Console, size: Size, rounds: int, days: int) -> None:
    """Measure backfills on one and on two workers with one slot each, alternately, on separate stacks.

    Where CeleryExecutor cannot run it says why, and measures nothing.
    """
    try:
        plan_cluster(State(FOLDER), max(_WORKERS), 1)
    except StackError as error:
        console.print(f"Celery is not measured. {error}", style="yellow", markup=False)
        return
    seconds: dict[int, list[float]] = {workers: [] for workers in _WORKERS}
    for number in range(rounds):
        for workers, durations in seconds.items():
            console.print(f"round {number + 1} of {rounds}: {workers} Celery workers", style="dim")
            durations.append(time_backfill(size, workers, days))
    title = f"A backfill of {days} days of {size.orders:,} orders"
    show_seconds(console, title, "workers", {str(workers): each for workers, each in seconds.items()})
    report.details["celery"] = seconds
    ratios = [both / one for one, both in zip(seconds[1], seconds[2], strict=True)]
    what = f"a backfill of {days} days with CeleryExecutor: two workers against one"
    report.findings.append(Finding(what, Spread.of(ratios), 0.7))


def time_backfill(size: Size, workers: int, days: int) -> float:
    """The seconds from the request to the end of the last run, after one unmeasured day."""
    first, *others = list_days(days + 1)
    with scratch_folder() as folder:
        # As root, PostgreSQL runs as another user, which must be able to enter its folder.
        folder.chmod(0o755)
        with run_stack(folder, workers=workers, worker_slots=1) as stack:
            api = BenchmarkApi(stack.url, ADMIN, stack.password)
            wait_for_dags(api)
            deliver(stack, [first, *others], prepare_raw_files(size))
            api.unpause(OURS)
            run_day(api, OURS, first, 0)
            took = run_backfill(api, OURS, others)
            for day in others:
                if not stack.hook.check_for_key(keys.manifest(LAYOUT, day.isoformat())):
                    raise BenchmarkError(f"the backfill did not publish {day}")
    return took
