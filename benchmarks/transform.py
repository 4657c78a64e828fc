"""The transform compared with its peers, its memory growth, and its speed on compressed input."""

import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.data import FOLDER, Size, prepare_compressed_files, prepare_raw_files
from benchmarks.measure import BenchmarkError, Measurement, Spread, Summary, run_module
from benchmarks.peers import find_different_columns
from benchmarks.report import Finding, Report

OURS = "ours"
#: The module and first arguments of each contestant; the two folders follow.
CONTESTANTS: dict[str, tuple[str, ...]] = {
    OURS: ("include.local", "transform"),
    "DuckDB": ("benchmarks.peers.duckdb_transform",),
    "Polars": ("benchmarks.peers.polars_transform",),
    "pandas, tutorial": ("benchmarks.peers.pandas_transform",),
}
#: Targets for our time and memory as ratios to the peer's.
TARGETS = {"DuckDB": (0.5, 0.25), "Polars": (0.3, None), "pandas, tutorial": (0.3, None)}


def compare_with_peers(report: Report, console: Console, size: Size, rounds: int, *, every_row: bool) -> None:
    """Run each contestant in turn, round after round, so that fluctuations affect all alike.

    Raises
    ------
    BenchmarkError: the contracts differ, or the results differ.
    """
    if different := find_different_columns():
        raise BenchmarkError(
            f"The contract differs from that of the other engines: {', '.join(different)}. "
            "Add these columns to benchmarks/peers/ to compare the speed."
        )
    raw_dir = prepare_raw_files(size)
    measurements: dict[str, list[Measurement]] = defaultdict(list)
    for number in range(rounds):
        with scratch_folder() as folder:
            counts = {}
            for name in CONTESTANTS:
                console.print(f"round {number + 1} of {rounds}: {name}", style="dim")
                measurement, counts[name] = run_contestant(name, raw_dir, folder / name)
                measurements[name].append(measurement)
                check_agreement(name, counts, folder, every_row=every_row)
    summaries = {name: Summary(each) for name, each in measurements.items()}
    show_summaries(
        console,
        f"Transform, {size.orders:,} orders; same results; rounds: {rounds}",
        summaries,
        against=OURS,
        note="Without malformed rows, which each tool handles differently.",
    )
    report.details["transform"] = {name: summary.as_json() for name, summary in summaries.items()}
    report.findings += judge_contest(summaries)


def run_contestant(name: str, raw_dir: Path, out_dir: Path) -> tuple[Measurement, dict[str, Any]]:
    module, *arguments = CONTESTANTS[name]
    measurement, output = run_module(module, *arguments, raw_dir, out_dir)
    return measurement, json.loads(output.splitlines()[-1])


def check_agreement(name: str, counts: dict[str, dict[str, Any]], folder: Path, *, every_row: bool) -> None:
    """Check that all contestants give the same result; otherwise their times are not comparable.

    Raises
    ------
    BenchmarkError: counts, published rows or quarantines differ from ours.
    """
    if name == OURS:
        return
    if plain_counts(counts[name]) != plain_counts(counts[OURS]):
        raise BenchmarkError(f"{name} counts\n{counts[name]}\nand we count\n{counts[OURS]}")
    options = ["--every-row"] if every_row else []
    _, differences = run_module("benchmarks.compare", folder / OURS, folder / name, *options)
    if differences:
        raise BenchmarkError(f"the files of {name} differ from ours:\n{differences}")
    shutil.rmtree(folder / name)


def plain_counts(counts: dict[str, Any]) -> Any:
    """The counts without zeros and trailing zeros."""
    rows, reasons = (
        {
            name: {what: count for what, count in found.items() if count}
            for name, found in counts[part].items()
        }
        for part in ("rows", "reasons")
    )
    return rows, reasons, Decimal(counts["total_price"])


def show_summaries(
    console: Console, title: str, summaries: dict[str, Summary], *, against: str | None = None, note: str = ""
) -> None:
    """Print a line per contestant; with `against`, also ratios of time and memory."""
    ratios = [f"time of {against}", f"memory of {against}"] if against else []
    table = Table("", "seconds", "processor seconds", "peak MB", *ratios, title=title, caption=note)
    for name, summary in summaries.items():
        cells = [
            summary.wall_seconds.show(),
            f"{summary.processor_seconds.median:.2f}",
            f"{summary.peak_bytes.median / 1e6:,.0f}",
        ]
        if against:
            cells.append(summaries[against].time_ratio(summary).show())
            cells.append(f"{summaries[against].memory_ratio(summary).median:.2f}")
        table.add_row(name, *cells)
    console.print(table)


def judge_contest(summaries: dict[str, Summary]) -> Iterator[Finding]:
    ours = summaries[OURS]
    for name, (time_target, memory_target) in TARGETS.items():
        peer = summaries[name]
        yield Finding(f"transform: time against {name}", ours.time_ratio(peer), time_target)
        if memory_target:
            yield Finding(f"transform: peak memory against {name}", ours.memory_ratio(peer), memory_target)


def measure_memory_growth(report: Report, console: Console, sizes: list[Size]) -> None:
    """Measure the growth of peak memory with the number of orders."""
    peaks = {}
    for size in sizes:
        console.print(f"memory of {size.orders:,} orders", style="dim")
        with scratch_folder() as folder:
            measurement, _ = run_contestant(OURS, prepare_raw_files(size), folder / OURS)
        peaks[size.orders] = measurement.peak_bytes
    table = Table("orders", "peak MB", title="Transform: memory")
    for orders, peak in peaks.items():
        table.add_row(f"{orders:,}", f"{peak / 1e6:,.0f}")
    console.print(table)
    fewest, most = min(peaks), max(peaks)
    growth = (peaks[most] - peaks[fewest]) / (most - fewest)
    report.details["memory"] = {str(orders): peak for orders, peak in peaks.items()}
    report.findings.append(
        Finding(
            f"transform: memory from {fewest:,} to {most:,} orders", Spread.of([growth]), 16, "bytes an order"
        )
    )


def measure_compressed_input(report: Report, console: Console, size: Size, rounds: int) -> None:
    """Measure the extra time of `.csv.gz` over `.csv`, against the time of decompressing it."""
    raw_dir = prepare_raw_files(size)
    folders = {"plain": raw_dir, "compressed": prepare_compressed_files(raw_dir)}
    measurements: dict[str, list[Measurement]] = defaultdict(list)
    for number in range(rounds):
        for name, input_dir in folders.items():
            console.print(f"round {number + 1} of {rounds}: {name} input", style="dim")
            with scratch_folder() as folder:
                measurement, _ = run_contestant(OURS, input_dir, folder / OURS)
            measurements[name].append(measurement)
        measurement, _ = run_module("benchmarks.decompress", folders["compressed"])
        measurements["decompressing alone"].append(measurement)
    summaries = {name: Summary(each) for name, each in measurements.items()}
    show_summaries(console, f"Compressed input, {size.orders:,} orders", summaries)
    report.details["compressed"] = {name: summary.as_json() for name, summary in summaries.items()}
    rounds_of_three = zip(*measurements.values(), strict=True)
    ratio = Spread.of(
        (packed.wall_seconds - plain.wall_seconds) / unpacking.wall_seconds
        for plain, packed, unpacking in rounds_of_three
    )
    report.findings.append(Finding("transform: extra time for .csv.gz, against gunzip", ratio, 1))


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder on the disk with the data."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix="out-") as folder:
        yield Path(folder)
