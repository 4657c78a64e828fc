"""What a run tells CloudWatch."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from include.reporting import metrics
from include.reporting.metrics import METRICS, STAGES, find_age_hours, report_failed, send_published
from tests.doubles import Task
from tests.records import COUNTS, MANIFEST


class CloudWatch:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def put_metric_data(self, **call: Any) -> None:
        self.calls.append(call)

    def values(self) -> dict[tuple[str, ...], float]:
        (call,) = self.calls
        return {
            (datum["MetricName"], *(each["Value"] for each in datum["Dimensions"])): datum["Value"]
            for datum in call["MetricData"]
        }


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> CloudWatch:
    client = CloudWatch()
    monkeypatch.setattr(metrics, "_open_cloudwatch", lambda: client)
    return client


def test_a_published_day_is_reported_in_one_call(cloudwatch: CloudWatch) -> None:
    send_published("shop/pipeline", MANIFEST, Task())

    values = cloudwatch.values()
    assert cloudwatch.calls[0]["Namespace"] == "shop/pipeline"
    assert {name: value for name, value in values.items() if len(name) == 1 and name != ("RunDuration",)} == {
        ("DayPublished",): 1,
        ("RunFailed",): 0,
        ("GateClosed",): 0,
        ("Revenue",): 1234.56,
        ("DataAgeHours",): 1.5,
        ("HighestRejectRatio",): 0.05,
    }
    assert {name: value for name, value in values.items() if name[1:] == ("orders",)} == {
        ("RowsRead", "orders"): 100,
        ("RowsPublished", "orders"): 93,
        ("RowsQuarantined", "orders"): 5,
        ("RowsDuplicate", "orders"): 2,
        ("RejectRatio", "orders"): 0.05,
        ("InputBytes", "orders"): 700,
        ("OutputBytes", "orders"): 700,
    }
    assert {name: value for name, value in values.items() if len(name) == 3} == {
        ("RowsRefused", "orders", "unknown_customer"): 5
    }


@pytest.mark.parametrize(
    ("published_at", "hours"),
    [("2026-11-21T00:00:00Z", 0), ("2026-11-23T06:00:00Z", 54), ("2026-11-22T01:30:00+02:00", 23.5)],
)
def test_age_counts_from_the_start_of_the_day(published_at: str, hours: float) -> None:
    assert find_age_hours("2026-11-21", published_at) == hours


def test_durations_leave_out_the_wait_and_count_the_running_stage(cloudwatch: CloudWatch) -> None:
    send_published("shop/pipeline", MANIFEST, Task())

    values = cloudwatch.values()
    assert {name[1] for name in values if name[0] == "StageDuration"} == {"extract", "transform", "publish"}
    assert values["RunDuration",] == pytest.approx(2.5 + 30 + 10, abs=1)
    assert values["StageDuration", "publish"] == pytest.approx(10, abs=1)


def test_closed_gate_reports_rejected_rows(cloudwatch: CloudWatch) -> None:
    report_failed("shop/pipeline", COUNTS, Task())

    values = cloudwatch.values()
    assert (values["DayPublished",], values["RunFailed",], values["GateClosed",]) == (0, 1, 1)
    assert values["HighestRejectRatio",] == 0.05
    assert values["RowsRefused", "orders", "unknown_customer"] == 5
    assert ("Revenue",) not in values


def test_a_run_that_failed_early_is_reported_without_counts(cloudwatch: CloudWatch) -> None:
    report_failed("shop/pipeline", None, Task(task_id="extract"))

    values = cloudwatch.values()
    assert (values["RunFailed",], values["GateClosed",]) == (1, 0)
    assert not [name for name in values if name[0].startswith("Rows")]


def test_no_metrics_without_a_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(metrics, "_open_cloudwatch", lambda: opened.append("CloudWatch"))

    send_published("", MANIFEST, Task())

    assert opened == []


class Broken(CloudWatch):
    def put_metric_data(self, **call: Any) -> None:
        raise ConnectionError(f"CloudWatch is out of reach for {call['Namespace']}")


class Unreadable(Task):
    def get_task_breadcrumbs(self, dag_id: str, run_id: str) -> Iterable[Mapping[str, Any]]:
        raise RuntimeError(f"Airflow does not answer about {dag_id}, {run_id}")


@pytest.mark.parametrize(
    ("client", "task", "message"),
    [(Broken(), Task(), "out of reach"), (CloudWatch(), Unreadable(), "does not answer")],
    ids=["CloudWatch fails", "the durations cannot be read"],
)
def test_a_failed_run_only_logs_that_its_metrics_were_not_sent(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    client: CloudWatch,
    task: Task,
    message: str,
) -> None:
    monkeypatch.setattr(metrics, "_open_cloudwatch", lambda: client)
    caplog.set_level(logging.WARNING, "include.reporting.metrics")

    report_failed("shop/pipeline", None, task)

    assert client.calls == []
    assert message in caplog.text


def test_every_declared_metric_is_sent(cloudwatch: CloudWatch) -> None:
    send_published("shop/pipeline", MANIFEST, Task())
    report_failed("shop/pipeline", COUNTS, Task())

    green, red = ({datum["MetricName"] for datum in call["MetricData"]} for call in cloudwatch.calls)
    assert green == set(METRICS)
    assert green - red == {"RowsPublished", "Revenue", "InputBytes", "OutputBytes", "DataAgeHours"}


def test_the_stages_are_tasks_of_the_dag() -> None:
    from dags.ecommerce_etl import DAG

    assert set(STAGES) < {task.task_id for task in DAG.tasks}
