"""The processes of a stack: launch its supervisor, and find and stop them, also after an unclean end.

The supervisor leads its own session, and its command line contains the state folder. (A recorded process id
may belong to another process by now.) Its children stay in the session and work in the state folder, which
identifies them even after the supervisor was killed. Process titles do not, because Airflow rewrites them.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from include.local.cluster import Cluster, cluster_environment
from include.local.environment import airflow_environment
from include.local.state import REASON_PREFIX, State, read_secrets

SUPERVISOR_MODULE = "include.local.supervisor"
_CHECK_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The ports of a stack: the UI, S3, and the API server for tasks."""

    ui: int
    s3: int
    tasks: int


def launch_supervisor(
    state: State,
    *,
    ports: Ports,
    dags_dir: Path,
    is_owned: bool,
    is_scheduled: bool,
    cluster: Cluster | None,
    settings: Mapping[str, str],
) -> "subprocess.Popen[bytes]":
    """Start a supervisor in a new session. An owned one ends with this process."""
    secrets = read_secrets(state)
    environment = airflow_environment(
        state,
        secrets,
        ui_port=ports.ui,
        task_port=ports.tasks,
        dags_dir=dags_dir,
        is_scheduled=is_scheduled,
    )
    if cluster:
        environment |= cluster_environment(cluster, secrets)
    with (state.logs / "supervisor.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - the command is ours
            _make_command(state, ports, cluster, is_owned=is_owned),
            env=environment | dict(settings),
            cwd=state.airflow_home,
            stdin=subprocess.PIPE if is_owned else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def find_reason(state: State) -> str:
    """Why the last supervisor ended its stack, or an empty text."""
    log = state.logs / "supervisor.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    said = [line.removeprefix(REASON_PREFIX) for line in lines if line.startswith(REASON_PREFIX)]
    return said[-1] if said else ""


def _make_command(state: State, ports: Ports, cluster: Cluster | None, *, is_owned: bool) -> list[str]:
    options = {"--ui-port": ports.ui, "--s3-port": ports.s3, "--task-port": ports.tasks}
    owner = {"--owner": os.getpid()} if is_owned else {}
    numbers = [text for option, number in (options | owner).items() for text in (option, str(number))]
    workers = ["--cluster", cluster.write()] if cluster else []
    return [sys.executable, "-m", SUPERVISOR_MODULE, "--state", str(state.root), *numbers, *workers]


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
    # Signal all at once: a component waits for children without a signal, and a second signal makes the
    # triggerer wait even longer.
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
