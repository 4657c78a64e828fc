"""Telling our processes from strangers, and ending them, however they were left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from include.local.processes import SUPERVISOR_MODULE, find_session, find_supervisor, stop_session
from include.local.state import State

#: Starts a child that is asked to end in vain, says its process id, and waits.
PARENT = """
import signal, subprocess, sys, time
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)"
process = subprocess.Popen([sys.executable, "-c", deaf + "; time.sleep(60)"], stdout=subprocess.PIPE)
process.stdout.readline()
print(process.pid, flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
time.sleep(60)
"""

Start = Callable[..., tuple["subprocess.Popen[str]", int]]


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state with a space")
    state.create()
    return state


@pytest.fixture
def start(state: State) -> Iterator[Start]:
    """Starts a process with a child, in a session of its own; gives both."""
    sessions: list[int] = []

    def start(*arguments: str, folder: Path | None = None) -> tuple["subprocess.Popen[str]", int]:
        process = subprocess.Popen(
            [sys.executable, "-c", PARENT, *arguments],
            cwd=folder or state.airflow_home,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout
        sessions.append(process.pid)
        return process, int(process.stdout.readline())

    yield start
    for pid in psutil.pids():
        if is_in_session(pid, sessions):
            os.kill(pid, signal.SIGKILL)


def is_in_session(pid: int, sessions: list[int]) -> bool:
    try:
        return os.getsid(pid) in sessions and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


def as_supervisor(state: State) -> tuple[str, str]:
    return (SUPERVISOR_MODULE, str(state.root))


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_supervisor_is_known_by_its_command_line(state: State, start: Start, tmp_path: Path) -> None:
    start(*as_supervisor(State(tmp_path / "elsewhere")))
    assert find_supervisor(state) is None

    supervisor, _ = start(*as_supervisor(state))
    assert find_supervisor(state) == supervisor.pid


def test_living_session_is_stopped_within_the_grace_period(state: State, start: Start) -> None:
    supervisor, child = start(*as_supervisor(state))
    began = time.monotonic()

    assert stop_session(state, supervisor.pid, grace_seconds=0.5) == 2

    assert time.monotonic() - began < 10
    assert is_gone(child)
    assert find_supervisor(state) is None


def test_orphans_of_a_killed_supervisor_are_stopped(state: State, start: Start) -> None:
    supervisor, child = start(*as_supervisor(state))
    supervisor.kill()
    supervisor.wait()

    assert [process.pid for process in find_session(state, supervisor.pid)] == [child]
    assert stop_session(state, supervisor.pid, grace_seconds=0.5) == 1
    assert is_gone(child)


def test_foreign_process_with_the_same_pid_is_left_alone(state: State, start: Start, tmp_path: Path) -> None:
    stranger, child = start(folder=tmp_path)

    assert find_supervisor(state) is None
    assert stop_session(state, stranger.pid, grace_seconds=0.5) == 0
    assert not is_gone(stranger.pid)
    assert not is_gone(child)


def test_stopping_an_ended_session_is_no_error(state: State, start: Start) -> None:
    supervisor, _ = start(*as_supervisor(state))
    stop_session(state, supervisor.pid, grace_seconds=0.5)

    assert stop_session(state, supervisor.pid, grace_seconds=0.5) == 0
