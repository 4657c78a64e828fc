"""One stack for all tests of a session: the real store and the real Airflow, on ports of their own."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from include import keys
from include.config import VARIABLE_PREFIX
from include.keys import Layout
from include.local.dag_run import (
    DAG_ID,
    find_failed,
    order_tasks,
    read_fault,
    read_progress,
    trigger_day,
    wait_for_dag,
)
from include.local.ports import find_free_ports
from include.local.stack import Stack
from include.local.storage import create_buckets
from tests.operator_api import OperatorApi
from tests.raw_files import complete_day
from tests.waiting import wait_until

LAYOUT = Layout()
_RUN_SECONDS = 420


@dataclass(frozen=True)
class Pipeline:
    """What a producer and an operator do with the pipeline."""

    stack: Stack

    @cached_property
    def api(self) -> OperatorApi:
        return OperatorApi.of(self.stack)

    def deliver(self, day: str, orders: str, **others: str) -> None:
        for dataset, text in complete_day({"orders": orders, **others}).items():
            self.put(keys.raw(LAYOUT, day, dataset), str(text).encode())

    def run(self, day: str) -> tuple[str, str]:
        """Run the DAG for the day. Returns how it ended, and the message of the task that failed."""
        run_id = trigger_day(self.api, day)
        return self.wait(run_id), self.read_fault(run_id)

    def wait(self, run_id: str, dag_id: str = DAG_ID) -> str:
        """How the run ended."""
        return wait_until(
            lambda: str(self.api.read_run(dag_id, run_id)["state"]), {"success", "failed"}, _RUN_SECONDS
        )

    def read_fault(self, run_id: str) -> str:
        order = order_tasks(self.api.read_tasks(DAG_ID))
        instances = self.api.read_task_instances(DAG_ID, run_id)
        failed = find_failed(read_progress(instances, order, dt.datetime.now(dt.UTC)))
        return read_fault(self.stack, run_id, failed) if failed else ""

    def task_state(self, run_id: str, task_id: str) -> str | None:
        state: str | None = self.read_task(run_id, task_id).get("state")
        return state

    def read_task(self, run_id: str, task_id: str) -> dict[str, Any]:
        """The task's instance; empty before there is one."""
        instances = self.api.read_task_instances(DAG_ID, run_id)
        return next((task for task in instances if task["task_id"] == task_id), {})

    @contextmanager
    def variables(self, **texts: str) -> Iterator[None]:
        """Airflow Variables of the pipeline, named without their prefix, that are others for a while."""
        before = self.api.read_variables()
        wanted = {VARIABLE_PREFIX + name: text for name, text in texts.items()}
        try:
            for name, text in wanted.items():
                self.api.set_variable(name, text)
            yield
        finally:
            for name in wanted:
                self.api.set_variable(name, before[name])

    def put(self, url: str, body: bytes) -> None:
        bucket, key = self.stack.hook.parse_s3_url(url)
        self.stack.hook.get_conn().put_object(Bucket=bucket, Key=key, Body=body)

    def get(self, url: str) -> bytes:
        bucket, key = self.stack.hook.parse_s3_url(url)
        body: bytes = self.stack.hook.get_conn().get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def read_json(self, url: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.get(url))
        return document

    def read_manifest(self, day: str) -> dict[str, Any]:
        return self.read_json(keys.manifest(LAYOUT, day))

    def delete(self, url: str) -> None:
        bucket, key = self.stack.hook.parse_s3_url(url)
        self.stack.hook.delete_objects(bucket, key)

    def exists(self, url: str) -> bool:
        bucket, key = self.stack.hook.parse_s3_url(url)
        return bool(self.stack.hook.check_for_key(key, bucket))


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
