"""A stack and its lifecycle: start or join it, wait for it, stop it."""

import subprocess
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from include.keys import Layout
from include.local.api import AirflowApi
from include.local.cluster import plan_cluster
from include.local.errors import LocalError, StackError
from include.local.ports import LOOPBACK, find_free_ports, has_answer, require_free_port
from include.local.processes import Ports, find_reason, find_supervisor, launch_supervisor, stop_session
from include.local.settings_file import LocalSettings, make_aws_config, read_layout, read_settings
from include.local.state import (
    ADMIN,
    DEFAULT_STATE_DIR,
    PROJECT,
    Record,
    State,
    read_record,
    read_secrets,
    write_private,
)
from include.local.storage import create_buckets, open_hook

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

DEFAULT_UI_PORT = 8080
DEFAULT_S3_PORT = 8333
_START_SECONDS = 240
_POLL_SECONDS = 0.3


class Stack:
    """The store and Airflow in one state folder.

    As a context manager it starts the stack, waits until it is ready, and stops it at the end.

    Parameters
    ----------
    is_owned: the stack ends with this process; otherwise it runs until it is stopped.
    is_scheduled: the scheduler starts daily runs.
    workers: number of Celery workers, with PostgreSQL and Redis; 0 means LocalExecutor and SQLite.
    worker_slots: concurrent tasks per worker.
    airflow_settings: more Airflow options, as environment variables.
    """

    def __init__(
        self,
        state_dir: Path = DEFAULT_STATE_DIR,
        *,
        ui_port: int = DEFAULT_UI_PORT,
        s3_port: int = DEFAULT_S3_PORT,
        dags_dir: Path = PROJECT / "dags",
        is_owned: bool = True,
        is_scheduled: bool = False,
        workers: int = 0,
        worker_slots: int = 2,
        airflow_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.state = State(state_dir.resolve())
        self.ui_port = ui_port
        self.s3_port = s3_port
        self._dags_dir = dags_dir
        self._is_owned = is_owned
        self._is_scheduled = is_scheduled
        self.workers = workers
        self._worker_slots = worker_slots
        self._airflow_settings = airflow_settings or {}
        self._supervisor: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
            self.wait_for_store()
            self.prepare_airflow()
        except BaseException:
            self.stop_started()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_started()

    @property
    def is_started_here(self) -> bool:
        """Whether this object started the stack instead of joining it."""
        return self._supervisor is not None

    @property
    def started_at(self) -> float:
        """Start time of the stack, in seconds since the epoch."""
        record = read_record(self.state)
        return record.started_at if record else 0.0

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.ui_port}"

    @property
    def endpoint_url(self) -> str:
        return f"http://{LOOPBACK}:{self.s3_port}"

    @property
    def password(self) -> str:
        """The password of the Airflow user `admin`."""
        return read_secrets(self.state).admin_password

    @cached_property
    def settings(self) -> LocalSettings:
        return read_settings(s3_port=self.s3_port, store_password=read_secrets(self.state).store_password)

    @cached_property
    def api(self) -> AirflowApi:
        return AirflowApi(self.url, ADMIN, self.password)

    @property
    def layout(self) -> Layout:
        """The layout that the DAG uses; Variables may have been changed in the UI."""
        return read_layout(self.api.read_variables())

    @cached_property
    def hook(self) -> "S3Hook":
        """S3 through the connection of the settings file. The first use imports for seconds."""
        return open_hook(self.settings.store, self.state)

    def find_running(self) -> Record | None:
        """The record of the running stack in this state folder, or None."""
        pid = find_supervisor(self.state)
        record = read_record(self.state)
        return record if record and record.pid == pid else None

    def join(self, record: Record) -> None:
        """Use a stack that another process started."""
        self.ui_port, self.s3_port, self.workers = record.ui_port, record.s3_port, record.workers

    def start(self) -> None:
        """Stop remaining processes of a killed stack and start a new one. It is not ready yet on return.

        Raises
        ------
        PortError: a port is taken; nothing was started.
        LocalError: a stack is running, starting or stopping in this state folder.
        """
        self.require_stopped()
        self.stop()
        require_free_port(self.ui_port, "UI_PORT")
        require_free_port(self.s3_port, "S3_PORT")
        cluster = plan_cluster(self.state, self.workers, self._worker_slots) if self.workers else None
        self.state.create()
        self.state.keep_logs()
        write_private(self.state.aws_config, make_aws_config(self.settings.store))
        self._supervisor = launch_supervisor(
            self.state,
            ports=Ports(ui=self.ui_port, s3=self.s3_port, tasks=find_free_ports(1)[0]),
            dags_dir=self._dags_dir,
            is_owned=self._is_owned,
            is_scheduled=self._is_scheduled,
            cluster=cluster,
            settings=self._airflow_settings,
        )

    def require_stopped(self) -> None:
        """Check that nothing runs in this state folder.

        Raises
        ------
        LocalError: a stack is running, starting or stopping here.
        """
        if pid := find_supervisor(self.state):
            if self.find_running():
                raise LocalError(f"A stack is already running in {self.state.root} (pid {pid}).")
            raise LocalError(
                f"A stack is starting or stopping in {self.state.root} (pid {pid}). Try again afterwards; "
                "`make down` stops it."
            )

    def stop(self) -> int:
        """Stop every process of this state folder. Returns how many there were."""
        self.stop_started()
        record = read_record(self.state)
        leaders = {find_supervisor(self.state), record.pid if record else None} - {None}
        stopped = sum(stop_session(self.state, pid) for pid in leaders if pid)
        self.state.record.unlink(missing_ok=True)
        return stopped

    def stop_started(self) -> None:
        """Stop only what this object started."""
        if self._supervisor:
            stop_session(self.state, self._supervisor.pid)
            self._supervisor.wait()

    def wait_for_store(self) -> None:
        """Wait until the store responds on its S3 port."""
        self._wait("The store", self._has_store)

    def prepare_airflow(self) -> None:
        """Wait until Airflow is healthy, and create connections, Variables, pools and buckets."""
        # Its imports take seconds, while Airflow starts.
        hook = self.hook
        # The task server is built on its first request, which would otherwise delay the first task.
        self._wait("The API server of the tasks", self._has_task_server)
        self._wait("Airflow", self.api.is_healthy)
        self.api.create_missing(self.settings)
        create_buckets(hook, self.layout)

    def _wait(self, what: str, is_ready: Callable[[], bool]) -> None:
        end = time.monotonic() + _START_SECONDS
        while not is_ready():
            self.require_running()
            if time.monotonic() > end:
                raise StackError(
                    f"{what} is not ready after {_START_SECONDS} seconds. The logs: {self.state.logs}"
                )
            time.sleep(_POLL_SECONDS)

    def require_running(self, patience_seconds: float = 0.0) -> None:
        """Check that the stack is running and keeps running for `patience_seconds`.

        Raises
        ------
        StackError: it has ended or is ending; includes the supervisor's reason if there is one.
        """
        end = time.monotonic() + patience_seconds
        while True:
            reason = find_reason(self.state)
            if reason or self._has_ended():
                raise StackError(reason or f"The stack was stopped. The logs: {self.state.logs}")
            if time.monotonic() >= end:
                return
            time.sleep(_POLL_SECONDS)

    def _has_ended(self) -> bool:
        return self._supervisor.poll() is not None if self._supervisor else not self.find_running()

    def _has_store(self) -> bool:
        return has_answer(self.endpoint_url)

    def _has_task_server(self) -> bool:
        record = read_record(self.state)
        return record is not None and has_answer(f"http://{LOOPBACK}:{record.task_port}/execution/health")
