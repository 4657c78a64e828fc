"""A whole stack, whose tasks reach the store through a proxy, and whose parts can be killed."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from include.config import CONNECTION_ID
from include.local.api import Json
from include.local.dag_run import DAG_ID, wait_for_dag
from include.local.ports import LOOPBACK, find_free_ports
from include.local.processes import find_session
from include.local.stack import Stack
from include.local.state import read_record
from tests.faults.proxy import FaultProxy
from tests.stack_processes import find_members, find_scheduler, read_running
from tests.waiting import wait_until

#: Nobody waits for minutes here. The way is the same.
IMPATIENT = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "2",
}
_SECONDS = 900


@dataclass
class AirflowWorld:
    """The stack, the proxy between its tasks and its store, and where its tasks put temporary files."""

    stack: Stack
    proxy: FaultProxy
    temporary: Path

    def start(self) -> None:
        """Start the stack, or start it again after a part of it died; tasks use the proxy."""
        self.stack.__enter__()
        wait_for_dag(self.stack)
        self.stack.api.change_extra(CONNECTION_ID, self._lead_through_proxy)

    def _lead_through_proxy(self, extra: Json) -> Json:
        config = extra["config_kwargs"] | {"connect_timeout": 3, "read_timeout": 3}
        return extra | {"endpoint_url": f"http://{LOOPBACK}:{self.proxy.port}", "config_kwargs": config}

    def find(self, title: str) -> list[psutil.Process]:
        """The processes of the stack whose title begins so."""
        record = read_record(self.stack.state)
        members = find_session(self.stack.state, record.pid) if record else []
        return [process for process in members if read_title(process).startswith(title)]

    def find_tasks(self) -> list[psutil.Process]:
        return [each for each in self.find("airflow worker -- ") if "LocalExecutor" not in read_title(each)]

    def find_executors(self) -> list[psutil.Process]:
        """The executor's processes that have a task, which is another process."""
        workers = self.find("airflow worker -- LocalExecutor: ")
        return [each for each in workers if "<idle>" not in read_title(each)]

    def kill_scheduler(self) -> None:
        """The supervisor starts another one; the tasks of the first go on under nobody."""
        scheduler = find_scheduler(self.stack)
        assert scheduler
        scheduler.kill()
        wait_until(lambda: find_scheduler(self.stack) not in {None, scheduler}, {True}, 60)

    def kill_everything_and_restart(self) -> None:
        """The power goes: the store, Airflow and its tasks are gone at once, and started again."""
        for process in find_members(self.stack):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.stack.stop()
        self.start()

    def read_states(self, run_ids: list[str]) -> dict[str, str]:
        return {run_id: self._read_state(run_id) for run_id in run_ids}

    def _read_state(self, run_id: str) -> str:
        state: str = self.stack.api.read_run(DAG_ID, run_id)["state"]
        return state

    def wait_for_all(self, run_ids: list[str]) -> dict[str, str]:
        """How all the runs ended; asked for one after the other, so as not to be the load itself."""
        return {
            run_id: wait_until(partial(self._read_state, run_id), {"success", "failed"}, _SECONDS)
            for run_id in run_ids
        }

    def clear_failed(self, run_id: str) -> None:
        """What a person does in Airflow: clear the tasks that failed, and those after them."""
        body = {"dry_run": False, "dag_run_id": run_id, "only_failed": True, "reset_dag_runs": True}
        self.stack.api._request("POST", f"/dags/{DAG_ID}/clearTaskInstances", json=body)

    def measure_memory(self) -> dict[str, int]:
        """Bytes that belong to each long-lived process alone, by the number of its place in the stack."""
        found = {}
        for process in psutil.Process(read_running(self.stack).pid).children():
            with suppress(psutil.Error):
                found[str(process.pid)] = process.memory_full_info().uss
        return found


def read_title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@contextmanager
def run_airflow_world(folder: Path) -> Iterator[AirflowWorld]:
    ui_port, s3_port = find_free_ports(2)
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    stack = Stack(
        folder / "stack",
        ui_port=ui_port,
        s3_port=s3_port,
        airflow_settings=IMPATIENT | {"TMPDIR": str(temporary)},
    )
    with FaultProxy(s3_port).running() as proxy:
        world = AirflowWorld(stack, proxy, temporary)
        try:
            world.start()
            yield world
        finally:
            stack.stop()
