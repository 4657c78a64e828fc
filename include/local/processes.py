"""Find and stop the processes of a stack, including those left behind by an earlier start.

The supervisor leads its own session, and its command line names the state folder; a recorded process id may
belong to another process by now. Its children stay in the session and work in the state folder, which
identifies the orphans of a killed supervisor. Process titles do not, because Airflow rewrites them.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

import psutil

from include.local.state import State

SUPERVISOR_MODULE = "include.local.supervisor"
_CHECK_SECONDS = 0.1


def find_supervisor(state: State) -> int | None:
    """The process id of the supervisor that runs for this state folder."""
    return next((process.pid for process in psutil.process_iter() if is_supervisor(process, state)), None)


def is_supervisor(process: psutil.Process, state: State) -> bool:
    """Whether the process is the supervisor of this state folder, not a fork with the same command line."""
    try:
        arguments = process.cmdline()
        is_ours = SUPERVISOR_MODULE in arguments and str(state.root) in arguments
        return is_ours and os.getsid(process.pid) == process.pid and _is_alive(process)
    except (OSError, psutil.Error):
        return False


def find_session(state: State, leader_pid: int) -> list[psutil.Process]:
    """Every process of a supervisor's session, including the supervisor."""
    members = [process for process in psutil.process_iter() if _is_member(process, leader_pid)]
    if any(is_supervisor(member, state) for member in members):
        return members
    return [member for member in members if _works_in(member, state)]


def stop_session(state: State, leader_pid: int, *, grace_seconds: float = 20.0) -> int:
    """Stop every process of the session except the caller. Returns how many there were.

    A running supervisor stops its children itself. After the grace period, remaining processes are killed.
    """
    processes = _find_others(state, leader_pid)
    supervisors = [process for process in processes if is_supervisor(process, state)]
    # All get one signal at the same time: a component waits for children that got none, and a second signal
    # makes the triggerer wait even longer.
    for process in supervisors or processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _wait_for_end(processes, grace_seconds)
    stopped = {process.pid for process in processes}
    while left := _find_others(state, leader_pid):
        stopped |= {process.pid for process in left}
        _kill_processes(left)
    return len(stopped)


def _find_others(state: State, leader_pid: int) -> list[psutil.Process]:
    return [process for process in find_session(state, leader_pid) if process.pid != os.getpid()]


def _kill_processes(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _wait_for_end(processes, 5.0)


def _wait_for_end(processes: list[psutil.Process], seconds: float) -> None:
    """Wait until all have ended; zombies count as ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(_is_alive(process) for process in processes):
        time.sleep(_CHECK_SECONDS)


def _is_member(process: psutil.Process, leader_pid: int) -> bool:
    try:
        return os.getsid(process.pid) == leader_pid and _is_alive(process)
    except OSError:
        return False


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _works_in(process: psutil.Process, state: State) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(state.root)
    except psutil.Error:
        return False
