"""Access to the stack for the commands: start or join it, wait until it is ready, or open only its store."""

import datetime as dt
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from include.keys import Layout
from include.local.cluster import read_workers
from include.local.dag_run import fail_interrupted_runs, wait_for_dag
from include.local.errors import LocalError
from include.local.ports import read_port
from include.local.stack import DEFAULT_S3_PORT, DEFAULT_UI_PORT, Stack
from include.local.storage import connect, translate_s3_errors
from include.local.store import run_store
from include.s3.objects import Client

#: Width if the output is not a terminal.
_LINE_WIDTH = 140


def make_console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _LINE_WIDTH)


class StepLogger:
    """Prints the steps of a command, each with the seconds since its start."""

    def __init__(self) -> None:
        self.console = make_console()
        self._started_at = time.monotonic()

    def log(self, text: str) -> None:
        elapsed = f"{time.monotonic() - self._started_at:5.1f} s"
        self.console.print(f"{elapsed}  {text}", soft_wrap=True, highlight=False, markup=False)


@contextmanager
def use_stack(steps: StepLogger, *, is_owned: bool) -> Iterator[Stack]:
    """The running stack, or a new one that is still starting.

    A new stack is stopped at the end if it is owned, and always after an error.
    """
    stack = make_stack(is_owned=is_owned)
    record = stack.find_running()
    if record and record.owner_pid:
        raise LocalError(f"A `make run` is in progress here (pid {record.owner_pid}); wait until it ends.")
    if record and stack.workers not in {0, record.workers}:
        raise LocalError(
            "A stack with another executor or number of workers is running here; `make down` stops it."
        )
    with translate_s3_errors():
        if record:
            stack.join(record)
            steps.log(f"Using the running stack on {stack.url}")
            yield stack
            return
        try:
            stack.start()
            steps.log("Starting the store and Airflow")
            yield stack
        except BaseException:
            stack.stop_started()
            raise
        if is_owned:
            stack.stop_started()


def make_stack(*, is_owned: bool) -> Stack:
    """A stack configured by UI_PORT, S3_PORT, EXECUTOR and WORKERS.

    The schedule is on unless it is owned.
    """
    return Stack(
        ui_port=read_port("UI_PORT", DEFAULT_UI_PORT),
        s3_port=read_port("S3_PORT", DEFAULT_S3_PORT),
        is_owned=is_owned,
        is_scheduled=not is_owned,
        workers=read_workers(),
    )


def prepare(stack: Stack, steps: StepLogger) -> None:
    """Wait until the stack and the DAG are ready for a run."""
    stack.wait_for_store()
    steps.log(f"The store is ready on {stack.endpoint_url}")
    stack.prepare_airflow()
    if stack.is_started_here:
        fail_interrupted_runs(stack.api)
    wait_for_dag(stack)
    steps.log(f"Airflow is ready on {stack.url}")


@dataclass(frozen=True)
class StoreAccess:
    client: Client
    layout: Layout


@contextmanager
def open_store(stack: Stack) -> Iterator[StoreAccess]:
    """The store of the running stack; if no stack is running, the store runs alone until the end.

    Raises
    ------
    LocalError: nothing is stored here yet, or a stack is starting or stopping.
    """
    if record := stack.find_running():
        stack.join(record)
        yield StoreAccess(connect(stack.settings.store), stack.layout)
        return
    stack.require_stopped()
    if not stack.state.store.exists():
        raise LocalError("Nothing is stored here yet. `make run` publishes a day.")
    with run_store(stack.state, stack.settings.store) as connection:
        yield StoreAccess(connect(connection), stack.settings.layout)


def generate_raw_files(stack: Stack, day: dt.date) -> Path:
    """Generate the raw files of a day in the state folder. Returns their folder."""
    from include.generate import generate

    folder = stack.state.raw(day.isoformat())
    folder.mkdir(parents=True, exist_ok=True)
    generate(day, folder)
    return folder
