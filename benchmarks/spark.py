"""The transform on Spark on one and two cores, compared with the one-machine engine."""

import json
from collections import defaultdict
from pathlib import Path

from rich.console import Console

from benchmarks.data import Size, prepare_raw_files
from benchmarks.measure import BenchmarkError, run_module
from benchmarks.report import Report, show_seconds
from benchmarks.transform import OURS, plain_counts, run_contestant, scratch_folder
from include.local.settings_file import Connection, read_settings
from include.local.state import State
from include.local.store import run_store

CORES = (1, 2)


def measure_spark(report: Report, console: Console, size: Size, rounds: int) -> None:
    """Measure one day with Spark from and to a store, and with our engine on local disk.

    Raises
    ------
    BenchmarkError: they count differently.
    """
    raw_dir = prepare_raw_files(size)
    seconds: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        console.print(f"Spark: round {number + 1} of {rounds}", style="dim")
        with scratch_folder() as folder:
            measurement, counts = run_contestant(OURS, raw_dir, folder / OURS)
            seconds["one machine's engine"].append(measurement.wall_seconds)
            with run_store(make_state(folder / "store"), read_settings().store) as store:
                for cores in CORES:
                    taken, found = run_spark_day(cores, store, raw_dir)
                    seconds[f"Spark, {cores} core{'s' if cores > 1 else ''}"].append(taken)
                    if plain_counts(found) != plain_counts(counts):
                        raise BenchmarkError(f"Spark counts\n{found}\nand we count\n{counts}")
    show_seconds(console, f"Transform on Spark, {size.orders:,} orders", "", seconds)
    report.details["spark"] = {"orders": size.orders, "seconds": seconds}


def make_state(folder: Path) -> State:
    state = State(folder)
    state.create()
    return state


def run_spark_day(cores: int, store: Connection, raw_dir: Path) -> tuple[float, dict[str, object]]:
    """Seconds of the transform without the start of Spark, and its counts."""
    _, output = run_module("benchmarks.spark_day", cores, store.extra["endpoint_url"], raw_dir)
    result = json.loads(output.splitlines()[-1])
    return result["seconds"], result["counts"]
