"""How an error ends a task, and what a failed run reports."""

import datetime as dt
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include import keys
from include.contract import DATASETS
from include.errors import GateClosedError, RawFileChangedError, RawFileError, SettingError
from include.keys import Layout
from include.operators.context import raw_keys, report_failure, report_maintenance_failure, task_context
from include.reporting.alerts import Alert
from include.site.summary import RunFailure
from tests.records import CLOSED_GATE, FAULT

RUN = SimpleNamespace(logical_date=dt.datetime(2026, 11, 21, tzinfo=dt.UTC), run_after=None)


@pytest.mark.parametrize(
    "error", [RawFileError("orders.csv", "line 1", "broken", "Mend it."), SettingError("x")]
)
def test_a_permanent_error_fails_the_task(variables: dict[str, str], error: Exception) -> None:
    with (
        pytest.raises(AirflowFailException, match=str(error).replace("(", r"\(").replace(")", r"\)")),
        task_context(),
    ):
        raise error


def test_a_replaced_file_is_retried(variables: dict[str, str]) -> None:
    with pytest.raises(RawFileChangedError), task_context():
        raise RawFileChangedError("replaced")


def test_a_run_waits_for_the_files_of_its_day(variables: dict[str, str]) -> None:
    wanted = raw_keys(RUN, {})

    assert wanted[:3] == [
        keys.raw(Layout(), "2026-11-21", name) for name in ("customers", "products", "orders")
    ]
    assert len(wanted) == len(DATASETS)


@dataclass
class Reported:
    """What a failed run sent, recorded and counted; the store may be away."""

    alerts: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    counted: list[tuple[str, Any]] = field(default_factory=list)
    failures: list[RunFailure] = field(default_factory=list)
    is_told: bool = True
    is_store_away: bool = False

    def send(self, alert: Alert) -> bool:
        self.alerts.append(alert.text)
        return self.is_told

    def keep(self, _hook: object, _layout: Layout, day: str, *_: object) -> None:
        if self.is_store_away:
            raise ConnectionError("The store is away")
        self.kept.append(day)

    def keep_failure(self, _hook: object, _layout: Layout, failure: RunFailure) -> None:
        if self.is_store_away:
            raise ConnectionError("The store is away")
        self.failures.append(failure)


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> Reported:
    reported = Reported()
    variables |= {"ecommerce_metrics_namespace": "Shop", "ecommerce_max_reject_ratio": "no number"}
    monkeypatch.setattr("include.reporting.alerts.send_alert", reported.send)
    monkeypatch.setattr("include.reporting.alert_log.record_alert", reported.keep)
    monkeypatch.setattr("include.site.publish.record_failure", reported.keep_failure)
    monkeypatch.setattr(
        "include.reporting.metrics.report_failed",
        lambda name, counts, _: reported.counted.append((name, counts)),
    )
    return reported


def fail(cause: Exception, task_id: str = "publish", **params: str) -> dict[str, Any]:
    """The context of a run that the cause has ended."""
    error = AirflowFailException(str(cause))
    error.__cause__ = cause
    task = SimpleNamespace(task_id=task_id, run_id="run", try_number=1, log_url="http://ui/dags/x")
    return {"dag_run": RUN, "params": params, "ti": task, "exception": error}


CLOSED = GateClosedError("The gate is closed for 2026-11-21.", CLOSED_GATE)


def test_a_closed_gate_is_reported_with_its_counts(reported: Reported) -> None:
    report_failure(fail(CLOSED))

    assert FAULT["text"] in reported.alerts[0]
    assert [(each["kind"], each["causes"]) for each in reported.failures] == [("gate", [FAULT["text"]])]
    assert (reported.kept, reported.counted) == (["2026-11-21"], [("Shop", CLOSED_GATE)])


def test_another_failure_is_reported_without_counts(reported: Reported) -> None:
    report_failure(fail(RawFileError("orders.csv", "", "broken", "Mend it.")))

    assert "orders.csv: broken. Mend it." in reported.alerts[0]
    (failure,) = reported.failures
    assert (failure["kind"], failure["causes"]) == ("unreadable", ["orders.csv: broken. Mend it."])
    assert (reported.kept, reported.counted) == (["2026-11-21"], [("Shop", None)])


def test_a_failure_is_reported_while_the_store_is_away(reported: Reported) -> None:
    reported.is_store_away = True

    report_failure(fail(CLOSED))

    assert FAULT["text"] in reported.alerts[0]
    assert (reported.kept, reported.counted) == ([], [("Shop", CLOSED_GATE)])


def test_an_alert_that_was_not_sent_is_left_to_the_watchdog(reported: Reported) -> None:
    reported.is_told = False

    report_failure(fail(CLOSED))

    assert (reported.kept, reported.counted) == ([], [("Shop", CLOSED_GATE)])


def test_an_invalid_day_is_reported_by_run_id(reported: Reported) -> None:
    report_failure(fail(SettingError("The param day is 'soon'."), "extract", day="soon"))

    assert "\nrun: failed. This run published nothing." in reported.alerts[0]
    assert reported.kept == []


def test_a_killed_task_is_reported(reported: Reported) -> None:
    context = fail(CLOSED, "transform")

    report_failure({"ti": context["ti"]})

    assert "was killed" in reported.alerts[0]


def fail_helper(before: SimpleNamespace | None) -> dict[str, Any]:
    """The context of a run of the watchdog that failed at 12:05 on the 21st, after another run."""
    context = fail(SettingError("Variable ecommerce_deadline_hour is 'nine'."), "look")
    context["dag_run"] = SimpleNamespace(run_after=dt.datetime(2026, 11, 21, 12, 5, tzinfo=dt.UTC))
    context["ti"].dag_id = "ecommerce_watchdog"
    context["ti"].get_previous_dagrun = lambda: before
    return context


def run_before(state: str, day: int = 21) -> SimpleNamespace:
    return SimpleNamespace(state=state, run_after=dt.datetime(2026, 11, day, 11, 5, tzinfo=dt.UTC))


@pytest.mark.parametrize(
    ("before", "is_told"),
    [
        pytest.param(None, True, id="the first run, or one by hand"),
        pytest.param(run_before("success"), True, id="it went well before"),
        pytest.param(run_before("failed"), False, id="it has failed before"),
        pytest.param(run_before("failed", day=20), True, id="once more on another day"),
        pytest.param(SimpleNamespace(), True, id="Airflow does not say"),
    ],
)
def test_a_maintenance_failure_is_reported_once_a_day(
    reported: Reported, before: SimpleNamespace | None, is_told: bool
) -> None:
    report_maintenance_failure(fail_helper(before))

    assert [text.partition("\n")[0] for text in reported.alerts] == [
        "Variable ecommerce_deadline_hour is 'nine'."
    ] * is_told
    assert (reported.kept, reported.counted) == ([], [])
