"""The cost of adding a validation to the data-quality site: the 1,000th against the 10th."""

import datetime as dt
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Spread
from benchmarks.report import Finding, Report
from benchmarks.traffic import Meter
from include.config import Settings
from include.contract import DATASETS, ORDERS
from include.contract.arrow import published_schema
from include.manifest import Extracted, Transformed, Validated
from include.publishing.gate import decide_gate
from include.site.publish import publish_docs, write_pages
from include.site.summary import summary_page
from include.validate import describe_quality, prepare_libraries

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.quality.checkpoint import Checked

_FIRST_DAY = dt.date(2010, 1, 1)
_AIM = 1.5


def measure_site(report: Report, console: Console, hook: "S3Hook", rounds: int) -> None:
    """Measure adding a run to sites of 9 and 999 runs, in requests, bytes and time."""
    checked, meter = check_empty_table(), Meter(hook)
    seconds: dict[str, list[float]] = {}
    for name, first, count in (("10th", 0, 9), ("1,000th", 9, 990)):
        write_past(hook, first, count)
        day = _FIRST_DAY + dt.timedelta(days=first + count)
        seconds[name] = [add_run(hook, meter, name, day, checked, turn) for turn in range(rounds)]
    show(console, meter, seconds)
    earlier, later = (meter.stages[name] for name in seconds)
    ratios = {
        "requests": later.requests.total() / earlier.requests.total(),
        "bytes": (later.bytes_up + later.bytes_down) / (earlier.bytes_up + earlier.bytes_down),
    }
    times = [new / old for old, new in zip(*seconds.values(), strict=True)]
    report.findings += [
        *(
            Finding(f"site: {what} of the 1,000th run", Spread.of([ratio]), _AIM)
            for what, ratio in ratios.items()
        ),
        Finding("site: time of the 1,000th run", Spread.of(times), _AIM),
    ]


def check_empty_table() -> "Checked":
    prepare_libraries()
    from include.quality.checkpoint import run_checkpoint

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.parquet"
        pq.write_table(published_schema(ORDERS).empty_table(), path)
        return run_checkpoint(path, 0, "benchmark")


def add_run(hook: "S3Hook", meter: Meter, name: str, day: dt.date, checked: "Checked", turn: int) -> float:
    extracted: Extracted = {"day": day.isoformat(), "run_id": f"run {turn}", "inputs": {}}
    transformed: Transformed = {"counts": make_counts(), "staged": {}}
    with meter.stage(name):
        started = time.perf_counter()
        now, quality = dt.datetime.now(dt.UTC), describe_quality(checked, "")
        gate = decide_gate(transformed["counts"], quality, Settings(), None)
        validated: Validated = {"quality": quality, "gate": gate}
        publish_docs(hook, Settings(), extracted, transformed, validated, checked, now)
        return time.perf_counter() - started


def write_past(hook: "S3Hook", first: int, count: int) -> None:
    """Summaries of earlier runs, one per day."""

    def write(place: int) -> None:
        day = (_FIRST_DAY + dt.timedelta(days=place)).isoformat()
        counts = make_counts()
        summary = {name: counts[name] for name in ("rows", "reasons", "total_price")}
        summary |= {"day": day, "run_id": "run", "validated_at": f"{day}T03:00:00.000Z"}
        summary |= {"folder": f"runs/{day}/run/x", "success": True, "expectations": 30}
        summary |= {"failed": [], "faults": []}
        page = summary_page(day, "run", dt.datetime.fromisoformat(f"{day}T03:00:00+00:00"))
        write_pages(hook, Settings().layout, {page: json.dumps(summary)})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(first, first + count)))


def make_counts() -> Any:
    rows = {"read": 100, "published": 99, "quarantined": 1, "duplicates": 0}
    return {
        "rows": dict.fromkeys(DATASETS, rows),
        "reasons": {name: {f"{dataset.id_column}_missing": 1} for name, dataset in DATASETS.items()},
        "total_price": "12.30",
        "drift": {},
    }


def show(console: Console, meter: Meter, seconds: dict[str, list[float]]) -> None:
    table = Table("run", "requests", "kB up", "kB down", "seconds", title="Adding a run to the quality site")
    for name, figures in seconds.items():
        traffic = meter.stages[name]
        requests = ", ".join(f"{count} {operation}" for operation, count in traffic.requests.most_common())
        kilobytes = (f"{size / 1e3:.0f}" for size in (traffic.bytes_up, traffic.bytes_down))
        table.add_row(name, requests, *kilobytes, Spread.of(figures).show())
    console.print(table)
