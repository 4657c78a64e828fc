"""The checkpoint on a day's published orders. Usage of the measured part: `… ORDERS_PARQUET ROWS`."""

import sys
from pathlib import Path

from rich.console import Console

from benchmarks.data import Size, prepare_raw_files
from benchmarks.measure import Measurement, Spread, Summary, run_module
from benchmarks.report import Finding, Report
from benchmarks.transform import OURS, run_contestant, scratch_folder, show_summaries


def measure_validation(report: Report, console: Console, size: Size, rounds: int) -> None:
    """Validate the output of the transform, each in a separate process, imports included."""
    raw_dir = prepare_raw_files(size)
    measurements: dict[str, list[Measurement]] = {"transform": [], "validate": []}
    for number in range(rounds):
        console.print(f"round {number + 1} of {rounds}: transform and validate", style="dim")
        with scratch_folder() as folder:
            transformed, counts = run_contestant(OURS, raw_dir, folder)
            rows = counts["rows"]["orders"]["published"]
            validated, _ = run_module("benchmarks.validation", folder / "orders.parquet", rows)
        measurements["transform"].append(transformed)
        measurements["validate"].append(validated)
    summaries = {name: Summary(each) for name, each in measurements.items()}
    show_summaries(console, f"Validate, {size.orders:,} orders", summaries)
    report.details["validation"] = {name: summary.as_json() for name, summary in summaries.items()}
    gigabytes = Spread.of(each.peak_bytes / 1e9 for each in measurements["validate"])
    report.findings += [
        Finding(
            "validate: time against transform", summaries["validate"].time_ratio(summaries["transform"]), 1
        ),
        Finding("validate: peak memory", gigabytes, 1, "GB"),
    ]


def main(orders: Path, rows: int) -> None:
    from include.validate import prepare_libraries

    prepare_libraries()
    from include.quality.checkpoint import run_checkpoint

    checked = run_checkpoint(orders, rows, "benchmark")
    if not checked.success:
        sys.exit("\n".join(checked.failed))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
