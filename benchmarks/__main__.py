"""`python -m benchmarks` (`make bench`): run all benchmarks, or some of them."""

import argparse
import datetime as dt
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rich.console import Console

from benchmarks import transform, validation
from benchmarks.data import FOLDER, Size
from benchmarks.measure import BenchmarkError
from benchmarks.report import Report, show_findings, write_json
from benchmarks.spark import measure_spark
from include.errors import PipelineError


@dataclass(frozen=True)
class Scale:
    """The size of the benchmark. Only the full one is compared with the targets."""

    contest: Size
    growth: list[Size]
    rounds: int
    spark: Size
    day: Size
    backfill_days: int
    backfill_rounds: int
    celery_days: int
    every_row: bool
    is_judged: bool


SCALES = {
    "small": Scale(
        contest=Size(20_000, 2_000, 500),
        growth=[Size(20_000, 2_000, 500), Size(60_000, 2_000, 500)],
        rounds=1,
        spark=Size(20_000, 2_000, 500),
        day=Size(1_000, 1_000, 100),
        backfill_days=2,
        backfill_rounds=1,
        celery_days=2,
        every_row=True,
        is_judged=False,
    ),
    "full": Scale(
        contest=Size(10_000_000, 1_000_000, 100_000),
        growth=[Size(orders, 1_000_000, 100_000) for orders in (1_000_000, 10_000_000, 30_000_000)],
        rounds=5,
        spark=Size(10_000_000, 1_000_000, 100_000),
        day=Size(10_000, 5_000, 500),
        backfill_days=30,
        backfill_rounds=3,
        celery_days=10,
        every_row=False,
        is_judged=True,
    ),
}


def list_parts(scale: Scale, rounds: int) -> dict[str, Callable[[Report, Console], None]]:
    return {
        "peers": partial(
            transform.compare_with_peers, size=scale.contest, rounds=rounds, every_row=scale.every_row
        ),
        "memory": partial(transform.measure_memory_growth, sizes=scale.growth),
        "compressed": partial(transform.measure_compressed_input, size=scale.contest, rounds=rounds),
        "validation": partial(validation.measure_validation, size=scale.contest, rounds=rounds),
        "spark": partial(measure_spark, size=scale.spark, rounds=min(rounds, 3)),
        "airflow": partial(measure_airflow, scale=scale, rounds=rounds),
        "celery": partial(measure_celery, scale=scale, rounds=min(rounds, scale.backfill_rounds)),
    }


def measure_airflow(report: Report, console: Console, scale: Scale, rounds: int) -> None:
    """Imported late and run last, because it makes this process large (see `run_module`)."""
    from benchmarks.scheduler import measure_scheduler

    backfill_rounds = min(rounds, scale.backfill_rounds)
    measure_scheduler(report, console, scale.day, rounds, scale.backfill_days, backfill_rounds)


def measure_celery(report: Report, console: Console, scale: Scale, rounds: int) -> None:
    """Imported late for the same reason."""
    from benchmarks import celery

    celery.measure_celery(report, console, scale.day, rounds, scale.celery_days)


def main(arguments: list[str] | None = None) -> int:
    """Run the parts. Returns 1 if a program fails or results differ, not if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--size", choices=SCALES, default="full", help="small only shows that it works")
    parser.add_argument("--only", choices=list_parts(SCALES["small"], 1), nargs="+", help="run only these")
    parser.add_argument("--rounds", type=int, help="measurements of each")
    options = parser.parse_args(arguments)
    scale, console, report = SCALES[options.size], Console(width=120), Report(options.size)
    parts = list_parts(scale, options.rounds or scale.rounds)
    try:
        for name, part in parts.items():
            if not options.only or name in options.only:
                part(report, console)
    except (BenchmarkError, PipelineError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    show_findings(console, report.findings, is_judged=scale.is_judged)
    path = FOLDER / f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H-%M-%SZ}-{options.size}.json"
    write_json(report, path)
    console.print(f"All figures: {path.relative_to(FOLDER.parent.parent)}")
    return 0


if __name__ == "__main__":
    # Treat SIGTERM like Ctrl-C, which also stops the started stores and stacks.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
