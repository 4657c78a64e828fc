"""A run of the DAG: start it, show its progress, and read the cause of a failure."""

import datetime as dt
import time
from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from include.local.api import AirflowApi
from include.local.errors import StackError
from include.local.stack import Stack
from include.local.state import ADMIN

DAG_ID = "ecommerce_etl"
CORRECTIONS_DAG_ID = "ecommerce_corrections"
#: Prefix of the run ids of `make run`.
RUN_PREFIX = "local__"
#: Loggers of failure reports, which repeat the error.
_REPORTERS = ("include.reporting.alerts", "include.operators.context", "include.reporting.metrics")
_POLL_SECONDS = 0.5
_PARSE_SECONDS = 120
_STYLES = {
    "success": "green",
    "failed": "red",
    "upstream_failed": "yellow",
    "running": "cyan",
    "awaiting_input": "yellow",
}
#: Shown for tasks without a state.
_WAITING = "waiting"


@dataclass(frozen=True, kw_only=True)
class TaskProgress:
    """The current state of one task of a run."""

    task_id: str
    state: str
    seconds: float | None
    try_number: int

    @property
    def duration(self) -> str:
        return "" if self.seconds is None else f"{self.seconds:.1f} s"


def wait_for_dag(stack: Stack) -> None:
    """Wait until the current DAG file has been parsed.

    Raises
    ------
    StackError: the DAG cannot be imported or is missing.
    """
    end = time.monotonic() + _PARSE_SECONDS
    while not _is_since_start(stack, (stack.api.find_dag(DAG_ID) or {}).get("last_parsed_time")):
        for error in stack.api.read_import_errors():
            is_ours = Path(error["filename"]).stem == DAG_ID
            if is_ours and _is_since_start(stack, error["timestamp"]):
                last_line = error["stack_trace"].strip().splitlines()[-1]
                raise StackError(f"{error['filename']} cannot be imported: {last_line}")
        if time.monotonic() > end:
            raise StackError(f"No DAG {DAG_ID} was found. The log: {stack.state.logs / 'dag-processor.log'}")
        time.sleep(_POLL_SECONDS)


def _is_since_start(stack: Stack, instant: str | None) -> bool:
    """Whether the instant is after the start of this stack; the database keeps earlier events."""
    return instant is not None and dt.datetime.fromisoformat(instant).timestamp() >= stack.started_at


def fail_interrupted_runs(api: AirflowApi) -> None:
    """Fail the unfinished runs of an interrupted `make run`, which would otherwise continue."""
    for run_id in api.find_unfinished_runs(DAG_ID):
        if run_id.startswith(RUN_PREFIX):
            api.fail_run(DAG_ID, run_id)


def trigger_day(api: AirflowApi, day: str) -> str:
    """Start a run for the day. Returns its id."""
    run_id = f"{RUN_PREFIX}{day}__{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S%f}"
    api.unpause(DAG_ID)
    api.trigger(DAG_ID, run_id, {"day": day})
    return run_id


def watch_run(stack: Stack, run_id: str, console: Console) -> list[TaskProgress]:
    """Show the run until it has ended. Returns the final state of its tasks.

    Raises
    ------
    StackError: the stack ended during the run.
    """
    try:
        return _watch_run(stack, run_id, console)
    except StackError:
        # A stopping stack stops its API server first.
        stack.require_running(patience_seconds=10.0)
        raise


def _watch_run(stack: Stack, run_id: str, console: Console) -> list[TaskProgress]:
    order = order_tasks(stack.api.read_tasks(DAG_ID))
    with Board(console) as board:
        while True:
            has_ended = stack.api.read_run(DAG_ID, run_id)["state"] in {"success", "failed"}
            instances = stack.api.read_task_instances(DAG_ID, run_id)
            tasks = read_progress(instances, order, dt.datetime.now(dt.UTC))
            for task in board.show(tasks):
                if task.state == "up_for_retry":
                    console.print(f"{task.task_id} will be retried: {read_fault(stack, run_id, task)}")
                if task.state == "awaiting_input":
                    console.print(f"{task.task_id} waits for a person: {describe_form(stack, run_id, task)}")
            if has_ended:
                return tasks
            time.sleep(_POLL_SECONDS)


def describe_form(stack: Stack, run_id: str, task: TaskProgress) -> str:
    """The URL of the form and the login for it."""
    form = f"{stack.url}/dags/{DAG_ID}/runs/{run_id}/tasks/{task.task_id}/required_actions"
    return f"{form} (log in as {ADMIN} / {stack.password})"


def find_failed(tasks: list[TaskProgress]) -> TaskProgress | None:
    """The first failed task, not counting those with a failed upstream task."""
    return next((task for task in tasks if task.state == "failed"), None)


def read_fault(stack: Stack, run_id: str, task: TaskProgress) -> str:
    """The last error in the log of a task."""
    events = stack.api.read_task_log(DAG_ID, run_id, task.task_id, task.try_number)
    faults = [fault for event in events if (fault := find_fault(event))]
    return faults[-1] if faults else f"no reason in its log; see {stack.url}/dags/{DAG_ID}/runs/{run_id}"


def find_fault(event: dict[str, Any]) -> str:
    """The error message of a log event, or an empty text.

    Failure reports are skipped. Errors that the pipeline does not raise on purpose include their type.
    """
    if event.get("logger") in _REPORTERS:
        return ""
    if event.get("error_detail"):
        raised = event["error_detail"][0]
        kind = "" if raised["exc_type"] == "AirflowFailException" else f"{raised['exc_type']}: "
        return f"{kind}{raised['exc_value']}"
    return str(event["event"]) if event.get("level") in {"error", "critical"} else ""


def order_tasks(tasks: Iterable[dict[str, Any]]) -> list[str]:
    """Task ids in execution order, from the API's list of tasks."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for task in tasks:
        sorter.add(task["task_id"])
        for follower in task["downstream_task_ids"]:
            sorter.add(follower, task["task_id"])
    return list(sorter.static_order())


def read_progress(
    instances: Iterable[dict[str, Any]], order: list[str], now: dt.datetime
) -> list[TaskProgress]:
    """The progress of the tasks in `order`, from the API's task instances."""
    found = {instance["task_id"]: instance for instance in instances}
    return [_read_task(task_id, found.get(task_id, {}), now) for task_id in order]


def _read_task(task_id: str, instance: dict[str, Any], now: dt.datetime) -> TaskProgress:
    dates = (instance.get(name) for name in ("start_date", "end_date"))
    start, end = (dt.datetime.fromisoformat(date) if date else None for date in dates)
    return TaskProgress(
        task_id=task_id,
        state=instance.get("state") or _WAITING,
        seconds=((end or now) - start).total_seconds() if start else None,
        try_number=instance.get("try_number") or 0,
    )


class Board:
    """Shows the progress of a run: a live table on a terminal, otherwise one line per change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, tuple[str, int]] = {}
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, tasks: list[TaskProgress]) -> list[TaskProgress]:
        """Update the display. Returns the tasks whose state has changed since the last call."""
        changed = [task for task in tasks if self._shown.get(task.task_id) != (task.state, task.try_number)]
        self._shown |= {task.task_id: (task.state, task.try_number) for task in changed}
        if self._live:
            self._live.update(render_table(tasks))
        else:
            self._print([task for task in changed if task.state != _WAITING])
        return changed

    def _print(self, tasks: list[TaskProgress]) -> None:
        for task in tasks:
            clock = dt.datetime.now(dt.UTC).strftime("%H:%M:%S")
            duration = f" after {task.duration}" if task.state in {"success", "failed"} else ""
            self._console.print(f"{clock} {task.task_id}: {task.state}{duration}", highlight=False)


def render_table(tasks: list[TaskProgress]) -> Table:
    """The tasks as a table."""
    table = Table("task", "state", box=None, pad_edge=False)
    table.add_column("time", justify="right")
    for task in tasks:
        style = _STYLES.get(task.state, "dim" if task.state == _WAITING else "")
        table.add_row(task.task_id, f"[{style}]{task.state}[/]" if style else task.state, task.duration)
    return table
