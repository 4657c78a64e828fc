"""Progress of a run: a live table on a terminal, otherwise one line per change."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

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


def order_tasks(tasks: Iterable[dict[str, Any]]) -> list[str]:
    """Task ids in execution order, from the API's list of tasks."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for task in tasks:
        sorter.add(task["task_id"])
        for follower in task["downstream_task_ids"]:
            sorter.add(follower, task["task_id"])
    return list(sorter.static_order())


def read_progress(instances: Iterable[dict[str, Any]], order: list[str], now: datetime) -> list[TaskProgress]:
    """The progress of the tasks in `order`, from the API's task instances."""
    found = {instance["task_id"]: instance for instance in instances}
    return [_read_task(task_id, found.get(task_id, {}), now) for task_id in order]


def _read_task(task_id: str, instance: dict[str, Any], now: datetime) -> TaskProgress:
    start, end = (_parse(instance.get(name)) for name in ("start_date", "end_date"))
    return TaskProgress(
        task_id=task_id,
        state=instance.get("state") or _WAITING,
        seconds=((end or now) - start).total_seconds() if start else None,
        try_number=instance.get("try_number") or 0,
    )


def _parse(instant: str | None) -> datetime | None:
    return datetime.fromisoformat(instant) if instant else None


class Board:
    """Shows progress while it is open."""

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
            clock = datetime.now(UTC).strftime("%H:%M:%S")
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
