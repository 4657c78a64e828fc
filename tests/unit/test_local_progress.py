"""Progress as it is shown."""

import io
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from include.local.dag_run import Board, TaskProgress, order_tasks, read_progress, render_table

NOW = datetime(2026, 11, 21, 10, 0, 30, tzinfo=UTC)
ORDER = ["wait", "extract", "publish"]


def make_task(task_id: str, state: str, seconds: float | None = None) -> TaskProgress:
    return TaskProgress(task_id=task_id, state=state, seconds=seconds, try_number=1)


def make_console(*, is_terminal: bool) -> Console:
    return Console(file=io.StringIO(), width=80, force_terminal=is_terminal, color_system=None)


def read_lines(console: Console) -> list[str]:
    """What was printed, without the clock."""
    assert isinstance(console.file, io.StringIO)
    return [line[9:].rstrip() for line in console.file.getvalue().splitlines()]


def test_tasks_are_ordered_as_they_run() -> None:
    tasks = [
        {"task_id": "publish", "downstream_task_ids": []},
        {"task_id": "extract", "downstream_task_ids": ["publish"]},
        {"task_id": "wait", "downstream_task_ids": ["extract", "publish"]},
    ]

    assert order_tasks(tasks) == ORDER


def test_progress_has_every_task_with_its_time_so_far() -> None:
    instances: list[dict[str, Any]] = [
        {
            "task_id": "extract",
            "state": "running",
            "start_date": "2026-11-21T10:00:20Z",
            "end_date": None,
            "try_number": 2,
        },
        {
            "task_id": "wait",
            "state": "success",
            "start_date": "2026-11-21T10:00:00.500000Z",
            "end_date": "2026-11-21T10:00:02Z",
            "try_number": 1,
        },
    ]

    assert read_progress(instances, ORDER, NOW) == [
        TaskProgress(task_id="wait", state="success", seconds=1.5, try_number=1),
        TaskProgress(task_id="extract", state="running", seconds=10.0, try_number=2),
        TaskProgress(task_id="publish", state="waiting", seconds=None, try_number=0),
    ]


def test_without_a_terminal_each_change_is_a_line() -> None:
    console = make_console(is_terminal=False)
    with Board(console) as board:
        board.show([make_task("wait", "running", 0.1), make_task("extract", "waiting")])
        board.show([make_task("wait", "running", 0.9), make_task("extract", "waiting")])
        board.show([make_task("wait", "success", 1.25), make_task("extract", "queued")])

    assert read_lines(console) == ["wait: running", "wait: success after 1.2 s", "extract: queued"]


def test_each_change_of_a_task_is_reported_once() -> None:
    with Board(make_console(is_terminal=False)) as board:
        first = make_task("wait", "up_for_retry")
        second = TaskProgress(task_id="wait", state="up_for_retry", seconds=None, try_number=2)

        assert board.show([first]) == [first]
        assert board.show([first]) == []
        assert board.show([second]) == [second]


def test_terminal_keeps_the_last_state() -> None:
    console = make_console(is_terminal=True)
    with Board(console) as board:
        board.show([make_task("wait", "running", 0.5)])
        board.show([make_task("wait", "success", 2.0)])

    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().rstrip("\n\x1b[?25h").splitlines()[-1].split() == [
        "wait",
        "success",
        "2.0",
        "s",
    ]


def test_the_table_shows_state_and_time_of_each_task() -> None:
    console = make_console(is_terminal=False)
    console.print(render_table([make_task("wait", "success", 2.04), make_task("extract", "waiting")]))

    assert isinstance(console.file, io.StringIO)
    rows = [line.split() for line in console.file.getvalue().splitlines()]
    assert rows == [["task", "state", "time"], ["wait", "success", "2.0", "s"], ["extract", "waiting"]]
