"""The example of a consumer, on the real scheduler: one run for each publication of a day."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.local.dag_run import wait_for_dag
from include.local.ports import find_free_ports
from include.local.stack import Stack
from include.local.storage import create_buckets
from tests.integration.conftest import LAYOUT, Pipeline
from tests.project_files import PROJECT
from tests.raw_files import make_orders
from tests.waiting import wait_until

CONSUMER = "ecommerce_daily_report"
DAY = "2026-02-01"


@pytest.fixture(scope="module")
def scheduled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A stack with the schedule on: Airflow starts no DAG for an asset without it."""
    dags: Path = tmp_path_factory.mktemp("dags")
    (dags / "pipeline").symlink_to(PROJECT / "dags")
    (dags / "examples").symlink_to(PROJECT / "examples" / "dags")
    ui_port, s3_port = find_free_ports(2)
    folder = tmp_path_factory.mktemp("stack")
    with Stack(folder, ui_port=ui_port, s3_port=s3_port, dags_dir=dags, is_scheduled=True) as stack:
        create_buckets(stack.hook, LAYOUT)
        wait_for_dag(stack)
        yield Pipeline(stack)


def test_a_consumer_runs_once_for_each_publication(scheduled: Pipeline) -> None:
    api = scheduled.api
    wait_until(lambda: api.find_dag(CONSUMER) is not None, {True}, 120)
    api.unpause(CONSUMER)

    for orders in (10, 20):
        scheduled.deliver(DAY, make_orders(orders))
        assert scheduled.run(DAY) == ("success", "")
        count = orders // 10
        wait_until(lambda count=count: len(api.list_runs(CONSUMER, "success")) == count, {True}, 180)  # type: ignore[misc]

    runs = api.list_runs(CONSUMER, "success")
    assert {run["partition_key"] for run in runs} == {DAY}
    path = f"/dags/{CONSUMER}/dagRuns/{{}}/taskInstances/report_day/xcomEntries/return_value"
    reports = [api.read(path.format(run["dag_run_id"]))["value"] for run in runs]
    assert sorted((report["rows"], report["is_correction"]) for report in reports) == [
        (10, False),
        (20, True),
    ]
    assert {(report["day"], report["verdict"], report["warnings"]) for report in reports} == {
        (DAY, "passed", 0)
    }
