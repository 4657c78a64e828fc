"""The real DAG on the real scheduler, compared with DAGs that measure Airflow's overhead."""

import datetime as dt
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from benchmarks.data import Size, prepare_raw_files
from benchmarks.measure import PROJECT, BenchmarkError, Spread
from benchmarks.quality_site import measure_site
from benchmarks.report import Finding, Report, show_seconds
from benchmarks.traffic import measure_traffic
from benchmarks.transform import scratch_folder
from include import keys
from include.keys import Layout
from include.local.api import AirflowApi, Json
from include.local.ports import find_free_ports
from include.local.stack import Stack
from include.local.state import ADMIN
from include.local.storage import find_raw_files, upload_raw_files

OURS, NOTHING, EMPTY = "ecommerce_etl", "do_nothing", "empty"
LAYOUT = Layout()
FIRST_DAY = dt.date(2026, 2, 1)
_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 1800
_PARSES = 5


class BenchmarkApi(AirflowApi):
    """API requests that only the benchmark needs."""

    def parse_again(self, dag_id: str) -> None:
        token = (self.find_dag(dag_id) or {})["file_token"]
        self._request("PUT", f"/parseDagFile/{token}")


def measure_scheduler(
    report: Report, console: Console, size: Size, rounds: int, backfill_days: int, backfill_rounds: int
) -> None:
    """Measure parsing, single days, backfills and S3 traffic on a separate stack."""
    raw_dir = prepare_raw_files(size)
    with scratch_folder() as folder, run_stack(folder) as stack:
        api = BenchmarkApi(stack.url, ADMIN, stack.password)
        wait_for_dags(api)
        for dag_id in (OURS, NOTHING):
            api.unpause(dag_id)
        # Each day runs only once, because a second publication also compares the day with the first one.
        days = list_days(rounds + 2 + backfill_days * backfill_rounds)
        console.print(f"delivering {len(days)} days of {size.orders:,} orders", style="dim")
        deliver(stack, days, raw_dir)
        measure_parsing(report, console, api)
        measure_days(report, console, api, days[: rounds + 1], size)
        measure_traffic(report, console, stack.hook, days[rounds + 1].isoformat())
        measure_site(report, console, stack.hook, rounds)
        measure_backfills(report, console, stack, api, days[rounds + 2 :], backfill_days)


def list_days(count: int) -> list[dt.date]:
    return [FIRST_DAY + dt.timedelta(days=number) for number in range(count)]


@contextmanager
def run_stack(folder: Path, workers: int = 0, worker_slots: int = 1) -> Iterator[Stack]:
    """A temporary stack with our DAG and those of the benchmark, on separate ports.

    `workers` is the number of Celery workers; 0 means LocalExecutor. `worker_slots` is the tasks per worker.
    """
    dags_dir, ignore = folder / "dags", shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "dags", dags_dir, ignore=ignore)
    shutil.copytree(PROJECT / "benchmarks" / "dags", dags_dir / "benchmarks", ignore=ignore)
    ui_port, s3_port = find_free_ports(2)
    with Stack(
        folder / "stack",
        ui_port=ui_port,
        s3_port=s3_port,
        dags_dir=dags_dir,
        workers=workers,
        worker_slots=worker_slots,
    ) as stack:
        yield stack


def deliver(stack: Stack, days: Sequence[dt.date], raw_dir: Path) -> None:
    files = find_raw_files(raw_dir, LAYOUT)
    for day in days:
        upload_raw_files(stack.hook, LAYOUT, day.isoformat(), files)


def wait_for_dags(api: BenchmarkApi) -> None:
    wait_until(lambda: all(api.find_dag(dag_id) for dag_id in (OURS, NOTHING, EMPTY)), "the DAGs are parsed")


def measure_parsing(report: Report, console: Console, api: BenchmarkApi) -> None:
    """Seconds per file as reported by the DAG processor."""
    seconds: dict[str, list[float]] = {EMPTY: [], OURS: []}
    for number in range(_PARSES):
        console.print(f"parse {number + 1} of {_PARSES}", style="dim")
        for dag_id, durations in seconds.items():
            durations.append(parse_once(api, dag_id))
    show_seconds(console, "Parsing a DAG file", "DAG", seconds)
    report.details["parsing"] = seconds
    report.findings.append(
        Finding("parsing the DAG file, against an empty one", find_ratio(seconds, EMPTY), 1.2)
    )


def parse_once(api: BenchmarkApi, dag_id: str) -> float:
    def read_dag() -> Json:
        return api.find_dag(dag_id) or {}

    before = read_dag()["last_parsed_time"]
    api.parse_again(dag_id)
    wait_until(lambda: read_dag()["last_parsed_time"] != before, f"{dag_id} is parsed again")
    return float(read_dag()["last_parse_duration"])


def measure_days(
    report: Report, console: Console, api: BenchmarkApi, days: Sequence[dt.date], size: Size
) -> None:
    """Measure single days alternately, from queued to ended, after one unmeasured day."""
    seconds: dict[str, list[float]] = {NOTHING: [], OURS: []}
    for number, day in enumerate(days):
        for dag_id, durations in seconds.items():
            console.print(f"day {number} of {len(days) - 1}: {dag_id}", style="dim")
            took = run_day(api, dag_id, day, number)
            if number:
                durations.append(took)
    show_seconds(console, f"A day of {size.orders:,} orders on the scheduler", "DAG", seconds)
    report.details["days"] = seconds
    report.findings.append(
        Finding("a day on the scheduler, against one that does nothing", find_ratio(seconds, NOTHING), 1.5)
    )


def run_day(api: BenchmarkApi, dag_id: str, day: dt.date, number: int) -> float:
    run_id = f"benchmark-{number}"
    api.trigger(dag_id, run_id, {"day": day.isoformat()} if dag_id == OURS else {})
    wait_until(lambda: api.read_run(dag_id, run_id)["state"] in {"success", "failed"}, f"{dag_id} ends")
    run = api.read_run(dag_id, run_id)
    require_success([run])
    return (read_instant(run["end_date"]) - read_instant(run["queued_at"])).total_seconds()


def measure_backfills(
    report: Report,
    console: Console,
    stack: Stack,
    api: BenchmarkApi,
    days: Sequence[dt.date],
    days_per_backfill: int,
) -> None:
    """Measure backfills of different days per round, from the request to the end of the last run."""
    seconds: dict[str, list[float]] = {NOTHING: [], OURS: []}
    for first in range(0, len(days), days_per_backfill):
        for dag_id, durations in seconds.items():
            console.print(f"backfill from {days[first]}: {dag_id}", style="dim")
            durations.append(run_backfill(api, dag_id, days[first : first + days_per_backfill]))
    for day in days:
        if not stack.hook.check_for_key(keys.manifest(LAYOUT, day.isoformat())):
            raise BenchmarkError(f"the backfill did not publish {day}")
    show_seconds(console, f"A backfill of {days_per_backfill} days", "DAG", seconds)
    report.details["backfills"] = seconds
    report.findings.append(
        Finding(
            f"a backfill of {days_per_backfill} days, against one that does nothing",
            find_ratio(seconds, NOTHING),
            1.5,
        )
    )


def run_backfill(api: BenchmarkApi, dag_id: str, days: Sequence[dt.date]) -> float:
    first, last = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in (days[0], days[-1]))
    started_at = dt.datetime.now(dt.UTC)
    count = api.backfill(dag_id, first, last)
    if count != len(days):
        raise BenchmarkError(f"the backfill of {dag_id} has {count} runs, not {len(days)}")
    wait_until(lambda: not api.find_unfinished_runs(dag_id), f"the backfill of {dag_id} ends")
    runs = api.list_runs(dag_id)[: len(days)]
    require_success(runs)
    return (max(read_instant(run["end_date"]) for run in runs) - started_at).total_seconds()


def require_success(runs: Sequence[Json]) -> None:
    failed = [run["dag_run_id"] for run in runs if run["state"] != "success"]
    if failed:
        raise BenchmarkError(f"runs failed: {', '.join(failed)}")


def read_instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not is_true():
        if time.monotonic() > end:
            raise BenchmarkError(f"timed out after {_PATIENCE_SECONDS} seconds, waiting until {what}")
        time.sleep(_POLL_SECONDS)


def find_ratio(seconds: dict[str, list[float]], base: str) -> Spread:
    """The ratio of our times to the base, round by round."""
    return Spread.of(ours / theirs for ours, theirs in zip(seconds[OURS], seconds[base], strict=True))
