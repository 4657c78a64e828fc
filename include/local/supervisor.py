"""The parent of all processes of a stack: starts them, and ends with all of them.

Runs in a session of its own, so that a Ctrl-C reaches only whoever asked for the stack. It ends when it is
told to, when one of its children dies, or when the `make run` that owns it is gone, however that one ended:
the owner holds the other end of standard input.

Airflow is imported once and its components are forked from here: an import costs four seconds of processor
time, and five commands would pay it five times.
"""

import argparse
import importlib
import inspect
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from include.errors import PipelineError
from include.local.cluster import WORKER_PREFIX, Cluster, worker_commands
from include.local.errors import StackError
from include.local.fork import fork_command
from include.local.ports import LOOPBACK
from include.local.processes import stop_session
from include.local.servers import start_broker, start_database
from include.local.settings_file import read_settings
from include.local.state import REASON_PREFIX, Record, State, read_secrets, write_record
from include.local.store import choose_ports, remove_sockets, start_store

_CHECK_SECONDS = 0.2
_MIGRATION = "db-migrate"
_SCHEDULER = "scheduler"
#: A scheduler that ends more often than that has a reason, which people should see.
_MOST_SCHEDULER_RESTARTS = 5
#: What the tasks use; the workers of compose.yaml import the same.
SHARED_LIBRARIES = (
    "airflow.providers.amazon.aws.sensors.s3",
    "pandas",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "duckdb",
    "great_expectations",
)
#: The store needs one second. A task that runs needs longer, in vain: it talks to an Airflow that is gone.
_STOP_SECONDS = 4.0


class Supervisor:
    """One stack: its children, and whether it shall end."""

    def __init__(self, state: State, record: Record, cluster: Cluster | None) -> None:
        self._state = state
        self._record = record
        self._cluster = cluster
        self._children: dict[int, str] = {}
        self._is_told_to_end = False
        self._scheduler_restarts_left = _MOST_SCHEDULER_RESTARTS
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take_signal)

    def run(self) -> None:
        """Start everything and stay until the end.

        Raises
        ------
        StackError: a child ended by itself.
        """
        login = read_settings(store_password=read_secrets(self._state).store_password).store
        self._store = start_store(self._state, login, self._record.s3_port, self._record.store_ports)
        self._children[self._store.pid] = "store"
        if self._cluster:
            self._start_servers(self._cluster)
        self._fork(_MIGRATION, ["airflow", "db", "migrate"])
        while not self._shall_end():
            if self._check_children() == _MIGRATION:
                self._start_components()
            time.sleep(_CHECK_SECONDS)

    def _start_servers(self, cluster: Cluster) -> None:
        secrets = read_secrets(self._state)
        self._servers = {
            "database": start_database(self._state, secrets.database_password, cluster.database_port),
            "broker": start_broker(self._state, secrets.broker_password, cluster.broker_port),
        }
        self._children |= {server.pid: name for name, server in self._servers.items()}

    def _start_components(self) -> None:
        for name, arguments in airflow_components(self._record).items():
            if name == _SCHEDULER:
                import_shared_libraries()
            self._fork(name, ["airflow", *arguments])
        if self._cluster:
            for name, (words, environment) in worker_commands(self._state, self._cluster).items():
                self._fork(name, words, environment)

    def _fork(self, name: str, words: list[str], environment: Mapping[str, str] | None = None) -> None:
        log = self._state.logs / f"{name}.log"
        self._children[fork_command(words, log, environment or {})] = name

    def _check_children(self) -> str | None:
        """The name of a child that has ended and may: migration, scheduler, or a worker beside others."""
        pid, status = os.waitpid(-1, os.WNOHANG)
        name = self._children.pop(pid, None)
        if name and name.startswith(WORKER_PREFIX) and self._has_worker():
            print(f"The {name} ended with {describe_exit(status)}; the others go on.", flush=True)
            return name
        if name == _SCHEDULER and self._scheduler_restarts_left and not self._shall_end():
            self._restart_scheduler(status)
            return name
        if name and (status or name != _MIGRATION) and not self._shall_end():
            log = self._state.logs / f"{name}.log"
            raise StackError(f"The {name} ended by itself with {describe_exit(status)}. Its log: {log}")
        return name

    def _restart_scheduler(self, status: int) -> None:
        """It takes up where the other left off: all that it knows stands in the database.

        On SQLite, Airflow's own scheduler can stumble over a writer beside it, such as a large backfill.
        """
        self._scheduler_restarts_left -= 1
        print(f"The scheduler ended with {describe_exit(status)}; it is started again.", flush=True)
        self._fork(_SCHEDULER, ["airflow", *airflow_components(self._record)[_SCHEDULER]])

    def _has_worker(self) -> bool:
        return any(name.startswith(WORKER_PREFIX) for name in self._children.values())

    def _take_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._is_told_to_end = True

    def _shall_end(self) -> bool:
        return self._is_told_to_end or (self._record.owner_pid is not None and is_input_closed())


def main() -> int:
    """Run a stack until it shall end. The result is 1 when it ended because a part of it died."""
    options = _parse_options()
    # Everything below holds personal data, keys or logs: for its owner alone.
    os.umask(0o077)
    state = State(options.state)
    os.chdir(state.airflow_home)
    record = Record(
        pid=os.getpid(),
        ui_port=options.ui_port,
        s3_port=options.s3_port,
        task_port=options.task_port,
        store_ports=choose_ports(state),
        owner_pid=options.owner,
        started_at=time.time(),
        workers=options.cluster.workers if options.cluster else 0,
    )
    write_record(state, record)
    try:
        Supervisor(state, record, options.cluster).run()
    except PipelineError as error:
        print(f"{REASON_PREFIX}{error}", file=sys.stderr, flush=True)
        return 1
    finally:
        stop_session(state, os.getpid(), grace_seconds=_STOP_SECONDS)
        remove_sockets(record.store_ports, record.s3_port)
        state.record.unlink(missing_ok=True)
    return 0


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--ui-port", type=int, required=True)
    parser.add_argument("--s3-port", type=int, required=True)
    parser.add_argument("--task-port", type=int, required=True)
    parser.add_argument("--owner", type=int)
    parser.add_argument("--cluster", type=Cluster.read)
    return parser.parse_args()


def airflow_components(record: Record) -> dict[str, list[str]]:
    """Airflow's components and their commands, the one that takes longest to start first.

    Tasks have an API server of their own: one server for all can wait for itself. It writes each request of
    a person to the audit log before anything else, and while SQLite is locked by a task's request of the
    same server, that request cannot end, until the patience of SQLite does.

    The scheduler comes last, with the libraries of the tasks imported meanwhile. Nothing serves logs over
    the network: the API server reads them from disk.
    """
    server = ["api-server", "--host", LOOPBACK, "--workers", "1"]
    return {
        "api-server": [*server, "--port", str(record.ui_port), "--apps", "core"],
        "task-api-server": [*server, "--port", str(record.task_port), "--apps", "execution"],
        "dag-processor": ["dag-processor"],
        "triggerer": ["triggerer", "--skip-serve-logs"],
        _SCHEDULER: ["scheduler", "--skip-serve-logs"],
    }


def import_shared_libraries() -> None:
    """Import what the tasks use, so that each task finds it in the process that it is forked from.

    Only libraries: the pipeline's own modules are read anew by every task, so that an edit counts at once.
    """
    # It logs every step of its import.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    for name in SHARED_LIBRARIES:
        importlib.import_module(name)
    from include.local.aws_data import load_s3_description

    load_s3_description()
    # Airflow tells AWS which code asks. To find that out, Python looks up the files of all modules, once.
    inspect.stack()


def is_input_closed() -> bool:
    """Whether nobody holds the other end of standard input any more."""
    is_readable, _, _ = select.select([0], [], [], 0)
    return bool(is_readable) and not os.read(0, 1)


def describe_exit(status: int) -> str:
    """How a child ended, in words, from the status that `waitpid` gave."""
    code = os.waitstatus_to_exitcode(status)
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Nothing is left to tidy up, and taking down all that was imported costs a second.
    os._exit(code)
