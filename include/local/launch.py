"""Start the supervisor of a stack, and read why it ended."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from include.local.cluster import Cluster, cluster_environment
from include.local.environment import airflow_environment
from include.local.processes import SUPERVISOR_MODULE
from include.local.state import REASON_PREFIX, State, read_secrets


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
