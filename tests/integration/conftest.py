"""One stack for all tests of a session: the real store and the real Airflow, on ports of their own."""

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from include import keys
from include.keys import Layout
from include.local.dag_run import DAG_ID, find_failed, read_fault, trigger_day, wait_for_dag
from include.local.ports import find_free_ports
from include.local.progress import order_tasks, read_progress
from include.local.stack import Stack
from include.local.state import read_record
from include.local.storage import create_buckets
from include.manifest import Quality

LAYOUT = Layout()
#: The verdict of a checkpoint that had nothing to say.
GREEN: Quality = {
    "success": True,
    "expectations": 1,
    "failed": [],
    "warnings": [],
    "skipped": [],
    "docs_key": "s3://docs/page.html",
}
_RUN_SECONDS = 420
_POLL_SECONDS = 0.2

CUSTOMERS = "customer_id,name,email,city,country,signup_date\nC1,Ann,ann@example.com,Paris,FR,2024-05-01\n"
PRODUCTS = "product_id,name,category,list_price\nP1,Lamp,Home,20.00\n"
ORDERS_HEADER = "order_id,customer_id,product_id,quantity,selling_price,order_date,delivery_date,status\n"


def make_orders(count: int, faulty: int = 0) -> str:
    good = [f"O{n},C1,P1,2,9.99,2026-11-21T10:00:00,2026-11-23T10:00:00,shipped\n" for n in range(count)]
    bad = [f"F{n},C9,P1,0,9.99,2026-11-21,,open\n" for n in range(faulty)]
    return ORDERS_HEADER + "".join(good + bad)


@dataclass(frozen=True)
class Pipeline:
    """What a producer and an operator do with the pipeline."""

    stack: Stack

    def deliver(self, day: str, orders: str, **others: str) -> None:
        contents = {"customers": CUSTOMERS, "products": PRODUCTS, "orders": orders, **others}
        for dataset, text in contents.items():
            self.put(keys.raw(LAYOUT, day, dataset), text.encode())

    def run(self, day: str) -> tuple[str, str]:
        """Run the DAG for the day. Returns how it ended, and the message of the task that failed."""
        run_id = trigger_day(self.stack.api, day)
        return self.wait(run_id), self.read_fault(run_id)

    def wait(self, run_id: str) -> str:
        return wait_until(
            lambda: self.stack.api.read_run(DAG_ID, run_id)["state"], {"success", "failed"}, _RUN_SECONDS
        )

    def read_fault(self, run_id: str) -> str:
        order = order_tasks(self.stack.api.read_tasks(DAG_ID))
        instances = self.stack.api.read_task_instances(DAG_ID, run_id)
        failed = find_failed(read_progress(instances, order, dt.datetime.now(dt.UTC)))
        return read_fault(self.stack, run_id, failed) if failed else ""

    def task_state(self, run_id: str, task_id: str) -> str | None:
        state: str | None = self.read_task(run_id, task_id).get("state")
        return state

    def read_task(self, run_id: str, task_id: str) -> dict[str, Any]:
        """The task's instance; empty before there is one."""
        instances = self.stack.api.read_task_instances(DAG_ID, run_id)
        return next((task for task in instances if task["task_id"] == task_id), {})

    @contextmanager
    def variable(self, name: str, value: str) -> Iterator[None]:
        """A setting that is another one for a while."""
        before = self.stack.api.read_variables()[name]
        self._set_variable(name, value)
        try:
            yield
        finally:
            self._set_variable(name, before)

    def _set_variable(self, name: str, value: str) -> None:
        body = {"key": name, "value": value}
        self.stack.api._request("PATCH", f"/variables/{name}", json=body)

    def put(self, url: str, body: bytes) -> None:
        bucket, key = self.stack.hook.parse_s3_url(url)
        self.stack.hook.get_conn().put_object(Bucket=bucket, Key=key, Body=body)

    def get(self, url: str) -> bytes:
        bucket, key = self.stack.hook.parse_s3_url(url)
        body: bytes = self.stack.hook.get_conn().get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def exists(self, url: str) -> bool:
        bucket, key = self.stack.hook.parse_s3_url(url)
        return bool(self.stack.hook.check_for_key(key, bucket))


def wait_until(read: Callable[[], Any], wanted: set[Any], seconds: float) -> Any:
    """The value, once it is one of those wanted."""
    end = time.monotonic() + seconds
    while (value := read()) not in wanted:
        assert time.monotonic() < end, f"still {value!r} after {seconds} seconds"
        time.sleep(_POLL_SECONDS)
    return value


def find_scheduler(stack: Stack) -> psutil.Process | None:
    """The process that the supervisor started with the scheduler's log as its output."""
    record = read_record(stack.state)
    log = str(stack.state.logs / "scheduler.log")
    for process in psutil.Process(record.pid).children() if record else []:
        with suppress(psutil.Error):
            if log in {file.path for file in process.open_files()}:
                return process
    return None


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    ui_port, s3_port = find_free_ports(2)
    with Stack(tmp_path_factory.mktemp("stack"), ui_port=ui_port, s3_port=s3_port) as stack:
        create_buckets(stack.hook, LAYOUT)
        wait_for_dag(stack)
        yield Pipeline(stack)


_days = count()


@pytest.fixture
def day() -> str:
    """A day that no other test uses."""
    return (dt.date(2026, 3, 1) + dt.timedelta(days=next(_days))).isoformat()


def read_outputs(folder: Path) -> Mapping[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}
