"""Stages in processes of their own, which can be killed at a request or after a while."""

import json
import logging
import multiprocessing
import os
import resource
import tempfile
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from threading import Event
from typing import Any

import psutil

from include.local.settings_file import Connection
from include.local.state import State
from include.local.storage import open_hook
from tests.faults.days import Run
from tests.faults.proxy import Fault, Plan, Request

_SECONDS = 120
_PRELOADED = [
    "airflow.providers.amazon.aws.hooks.s3",
    "boto3.s3.transfer",
    "include.extract",
    "include.publish",
    "include.transform",
    "tests.faults.stages_apart",
]
_context = multiprocessing.get_context("forkserver")
# Each stage is forked from one process that has imported what it needs, as on a worker of Airflow.
_context.set_forkserver_preload(_PRELOADED)


@dataclass(frozen=True)
class Order:
    """What a process is to do; `limits` are resource limits that it sets for itself."""

    connection: Connection
    state: State
    day: str
    run_id: str
    stage: str
    results: dict[str, Any]
    answer: Path
    temporary: Path
    limits: dict[int, int]


def perform(order: Order) -> None:
    """The body of the process."""
    logging.disable()
    # Only this process writes its temporary files there.
    os.environ["TMPDIR"] = str(order.temporary)
    tempfile.tempdir = None
    hook = open_hook(order.connection, order.state)
    run = Run(hook, order.day, order.run_id, results=order.results)
    for limit, value in order.limits.items():
        # Of addresses the process has taken some already: the limit is on what it takes more.
        taken = psutil.Process().memory_info().vms if limit == resource.RLIMIT_AS else 0
        resource.setrlimit(limit, (taken + value, taken + value))
    try:
        run.perform(order.stage)
        answer = {"result": run.results[order.stage]}
    except Exception as error:  # noqa: BLE001 - the test looks at it
        answer = {"error": type(error).__name__, "message": str(error)}
    written = order.answer.with_suffix(".part")
    written.write_text(json.dumps(answer))
    written.rename(order.answer)


@dataclass
class Apart:
    """A stage that runs apart."""

    process: ForkServerProcess
    answer: Path

    def wait(self) -> dict[str, Any] | None:
        """What it answered; None where it was killed before."""
        self.process.join(_SECONDS)
        assert self.process.exitcode is not None, "it hangs"
        if not self.answer.exists():
            return None
        answered: dict[str, Any] = json.loads(self.answer.read_text())
        return answered

    def kill(self) -> None:
        self.process.kill()


def start_apart(
    run: Run, stage: str, connection: Connection, state: State, folder: Path, **limits: int
) -> Apart:
    """Start one stage of a run. Limits are names of the module `resource`."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    answer = folder / f"{stage}.json"
    answer.unlink(missing_ok=True)
    numbers = {getattr(resource, name): value for name, value in limits.items()}
    order = Order(connection, state, run.day, run.run_id, stage, run.results, answer, temporary, numbers)
    process = _context.Process(target=perform, args=(order,))
    process.start()
    return Apart(process, answer)


class KillAtRequest(Plan):
    """Kills the process at one of its requests: before the store sees it, or when the store has done it."""

    def __init__(self, number: int, is_after: bool) -> None:
        self._number = number
        self._is_after = is_after
        self._is_known = Event()
        self._victim: Apart | None = None
        self.is_done = False

    def aim(self, victim: Apart) -> None:
        self._victim = victim
        self._is_known.set()

    def before(self, request: Request) -> Fault | None:
        if request.number == self._number and not self._is_after:
            self._kill()
            return Fault.RESET_BEFORE
        return None

    def after(self, request: Request) -> None:
        if request.number == self._number and self._is_after:
            self._kill()

    def _kill(self) -> None:
        assert self._is_known.wait(_SECONDS)
        assert self._victim
        self._victim.kill()
        self._victim.process.join(_SECONDS)
        self.is_done = True
