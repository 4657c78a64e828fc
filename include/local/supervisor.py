"""The parent of all processes of a stack: starts them, and stops them all at its end.

It runs in its own session, so that Ctrl-C reaches only the command that started the stack. It ends on
SIGTERM, when a child dies, or when the `make run` that owns it has ended: the owner holds the other end of
its standard input.

Airflow is imported here once and its components are forked, since each import costs four seconds of processor
time.
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

from include.contract_file import find_contract_file
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
#: A scheduler that ends more often is broken, and the stack should stop.
_MOST_SCHEDULER_RESTARTS = 5
#: Imported before tasks are forked; the workers in compose.yaml import the same libraries.
SHARED_LIBRARIES = (
    "airflow.providers.amazon.aws.sensors.s3",
    "pandas",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "duckdb",
    "great_expectations",
)
#: Enough for the store. Running tasks would need longer, but their API server is stopped as well.
_STOP_SECONDS = 4.0


class Supervisor:
    """One stack and its child processes."""

    def __init__(self, state: State, record: Record, cluster: Cluster | None) -> None:
        self._state = state
        self._record = record
        self._cluster = cluster
        self._children: dict[int, str] = {}
        self._has_stop_signal = False
        self._scheduler_restarts_left = _MOST_SCHEDULER_RESTARTS
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle_signal)

    def run(self) -> None:
        """Start everything and run until the stack should end.

        Raises
        ------
        StackError: a child process ended unexpectedly.
        """
        login = read_settings(store_password=read_secrets(self._state).store_password).store
        self._store = start_store(self._state, login, self._record.s3_port, self._record.store_ports)
        self._children[self._store.pid] = "store"
        if self._cluster:
            self._start_servers(self._cluster)
        self._fork(_MIGRATION, ["airflow", "db", "migrate"])
        while not self._should_end():
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
        """The name of a child that has ended, or None.

        Raises
        ------
        StackError: the child must not end: all but the migration, the scheduler, and all but the last worker.
        """
        pid, status = os.waitpid(-1, os.WNOHANG)
        name = self._children.pop(pid, None)
        if name and name.startswith(WORKER_PREFIX) and self._has_worker():
            print(f"The {name} ended with {describe_exit(status)}; the others continue.", flush=True)
            return name
        if name == _SCHEDULER and self._scheduler_restarts_left and not self._should_end():
            self._restart_scheduler(status)
            return name
        if name and (status or name != _MIGRATION) and not self._should_end():
            log = self._state.logs / f"{name}.log"
            raise StackError(f"The {name} ended unexpectedly with {describe_exit(status)}. Its log: {log}")
        return name

    def _restart_scheduler(self, status: int) -> None:
        """Start a new scheduler, which continues from the state in the database.

        On SQLite, Airflow's scheduler can crash while another component writes, such as during a backfill.
        """
        self._scheduler_restarts_left -= 1
        print(f"The scheduler ended with {describe_exit(status)}; restarting it.", flush=True)
        self._fork(_SCHEDULER, ["airflow", *airflow_components(self._record)[_SCHEDULER]])

    def _has_worker(self) -> bool:
        return any(name.startswith(WORKER_PREFIX) for name in self._children.values())

    def _handle_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._has_stop_signal = True

    def _should_end(self) -> bool:
        return self._has_stop_signal or (self._record.owner_pid is not None and is_input_closed())


def main() -> int:
    """Run a stack until it should end. Returns 1 if a part of it died."""
    options = _parse_options()
    # Files hold personal data, keys or logs: readable only by their owner.
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
        contract=str(find_contract_file() or ""),
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
    """The commands of Airflow's components; the slowest starts first.

    Tasks have their own API server, because a single one can deadlock on SQLite: it writes a user's request
    to the audit log while a task's request in the same server holds the lock.

    The scheduler is last, after the import of shared libraries.
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
    """Import the libraries that all forked tasks share.

    Each task imports the pipeline's own modules itself, so that edits take effect immediately.
    """
    # Great Expectations logs each step of its import.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    for name in SHARED_LIBRARIES:
        importlib.import_module(name)
    from include.local.aws_data import load_s3_description

    load_s3_description()
    # The Amazon provider calls this for its user agent; the first call reads the source of every module.
    inspect.stack()


def is_input_closed() -> bool:
    """Whether the owner has closed the other end of standard input."""
    is_readable, _, _ = select.select([0], [], [], 0)
    return bool(is_readable) and not os.read(0, 1)


def describe_exit(status: int) -> str:
    """Describe how a child ended, from the status of `waitpid`."""
    code = os.waitstatus_to_exitcode(status)
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Skip the cleanup of imported modules, which takes a second.
    os._exit(code)
