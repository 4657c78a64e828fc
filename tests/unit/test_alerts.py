"""What people read when a run failed, and through which channels."""

import dataclasses
import logging
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout
from botocore.exceptions import EndpointConnectionError

from include.errors import (
    GateClosedError,
    PipelineError,
    RawFileChangedError,
    RawFileError,
    RepairError,
    SettingError,
)
from include.reporting import alerts
from include.reporting.alerts import Alert, Failure, describe_failure, make_html, make_subject, send_alert
from tests.records import CLOSED_GATE

ALERT = Alert(subject="ecommerce 2026-11-21: é", text="Why & <where>\nhttp://127.0.0.1:8080/a?b=1&c=2")


def fail_on_purpose(cause: PipelineError) -> AirflowFailException:
    """What `task_context` makes of an error that a retry cannot solve."""
    error = AirflowFailException(str(cause))
    error.__cause__ = cause
    return error


def make_failure(error: BaseException | None, task_id: str = "transform") -> Failure:
    run_id = "scheduled__2026-11-21"
    url = f"http://127.0.0.1:8080/dags/ecommerce_etl/runs/{run_id}/tasks/{task_id}?try_number=1"
    return Failure(
        day="2026-11-21",
        run_id=run_id,
        task_id=task_id,
        try_number=1,
        log_url=url,
        error=error,
    )


def test_a_closed_gate_is_alerted_with_its_faults_first() -> None:
    closed = make_failure(fail_on_purpose(GateClosedError("The gate is closed.", CLOSED_GATE)), "publish")

    assert describe_failure(closed) == Alert(
        subject="ecommerce 2026-11-21: not published, the gate is closed",
        text="""\
orders: 10 of 100 rows were rejected (10.0%, allowed 5.0%): unknown_customer 10.

2026-11-21: rejected. This run published nothing.
An earlier publication of the day, if there is one, is unchanged.

What to do: Have the raw files corrected, then clear the run from extract on.
More: docs/runbook.md, "The gate is closed"

Data Docs: http://127.0.0.1:8080/quality/days/2026-11-21
Log: http://127.0.0.1:8080/dags/ecommerce_etl/runs/scheduled__2026-11-21/tasks/publish?try_number=1
Task: publish, try 1, of run scheduled__2026-11-21""",
    )


RAW_FILE = RawFileError("s3://raw/orders.csv", "line 7", "NUL bytes", "Deliver it again.")
CASES: dict[str, tuple[BaseException | None, str, str, str]] = {
    "raw file": (
        fail_on_purpose(RAW_FILE),
        "transform",
        "a raw file cannot be used",
        "s3://raw/orders.csv (line 7): NUL bytes. Deliver it again.",
    ),
    "repair": (
        fail_on_purpose(RepairError("s3://curated/repairs/x.csv", "line 2", "twice", "Keep one.")),
        "extract",
        "a file of repaired rows cannot be used",
        "s3://curated/repairs/x.csv (line 2): twice. Keep one.",
    ),
    "setting": (fail_on_purpose(SettingError("Variable x")), "extract", "a setting is wrong", "Variable x"),
    "no files": (
        AirflowSensorTimeout("Trigger timed out"),
        "wait_for_raw_files",
        "its raw files did not arrive",
        "Not all raw files arrived while wait_for_raw_files waited for them.",
    ),
    "replaced four times": (
        RawFileChangedError("s3://raw/orders.csv was replaced"),
        "extract",
        "extract failed",
        "s3://raw/orders.csv was replaced",
    ),
    "store away": (
        EndpointConnectionError(endpoint_url="http://127.0.0.1:8333"),
        "validate",
        "validate failed",
        'EndpointConnectionError: Could not connect to the endpoint URL: "http://127.0.0.1:8333"',
    ),
    "disk full": (
        OSError(28, "No space left on device"),
        "transform",
        "transform failed",
        "OSError: [Errno 28] No space left on device",
    ),
    "a message that quotes a row": (
        ValueError("could not parse 'ada@example.com'"),
        "transform",
        "transform failed",
        "ValueError. The message is only in the log, because it may quote data.",
    ),
    "killed": (
        None,
        "transform",
        "transform failed",
        "The process of the task was killed.",
    ),
}


@pytest.mark.parametrize(("error", "task_id", "what", "reason"), CASES.values(), ids=CASES.keys())
def test_each_failure_is_alerted_with_its_cause(
    error: BaseException | None, task_id: str, what: str, reason: str
) -> None:
    alert = describe_failure(make_failure(error, task_id))

    assert alert.subject == f"ecommerce 2026-11-21: not published, {what}"
    assert alert.text.split("\n\n")[0] == reason
    assert "ada@example.com" not in alert.text


def test_long_cause_is_cut() -> None:
    alert = describe_failure(make_failure(fail_on_purpose(SettingError("x" * 3_000))))

    assert alert.text.split("\n\n")[0] == "x" * 2_000


def test_subject_is_one_short_line() -> None:
    assert make_subject("2026-11-21", "a\nb") == "ecommerce 2026-11-21: a b"
    assert len(make_subject("manual__" + "x" * 300, "failed")) == 100


def test_mail_shows_the_text_as_it_is_with_links() -> None:
    assert make_html(ALERT.text) == (
        '<pre style="font: inherit; white-space: pre-wrap">Why &amp; &lt;where&gt;\n'
        '<a href="http://127.0.0.1:8080/a?b=1&amp;c=2">http://127.0.0.1:8080/a?b=1&amp;c=2</a></pre>'
    )


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was sent through channels that work; a channel with "broken" in its address does not."""
    sent: list[tuple[str, str]] = []

    def send(address: str, alert: Alert) -> None:
        if "broken" in address:
            raise ConnectionError("refused")
        sent.append((address, alert.subject))

    monkeypatch.setattr(alerts, "publish_to_topic", send)
    monkeypatch.setattr(alerts, "send_mail", send)
    return sent


@pytest.mark.parametrize(
    ("topic", "mail", "reached", "is_told", "is_logged"),
    [
        pytest.param("", "", [], True, True, id="no channel: the log"),
        pytest.param("arn", "a@b", ["arn", "a@b"], True, False, id="both"),
        pytest.param("broken", "a@b", ["a@b"], True, False, id="one of two"),
        pytest.param("broken", "broken", [], False, True, id="none works: the log, and it is said"),
    ],
)
def test_alert_is_sent_through_every_channel(
    variables: dict[str, str],
    sent: list[tuple[str, str]],
    caplog: pytest.LogCaptureFixture,
    topic: str,
    mail: str,
    reached: list[str],
    is_told: bool,
    is_logged: bool,
) -> None:
    variables |= {"ecommerce_alert_topic_arn": topic, "ecommerce_alert_email": mail}

    with caplog.at_level(logging.ERROR, logger="include.reporting.alerts"):
        assert send_alert(ALERT) is is_told

    assert sent == [(address, ALERT.subject) for address in reached]
    assert (f"{ALERT.subject}\n{ALERT.text}" in caplog.messages) is is_logged
    assert sum("was not sent through" in message for message in caplog.messages) == [topic, mail].count(
        "broken"
    )


def test_sns_subject_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    class Hook:
        def __init__(self, **_: Any) -> None: ...

        def publish_to_target(self, *call: Any, **more: Any) -> None:
            calls.append((*call, more))

    monkeypatch.setattr("airflow.providers.amazon.aws.hooks.sns.SnsHook", Hook)
    alerts.publish_to_topic("arn", dataclasses.replace(ALERT, text="t"))

    assert calls == [("arn", "t", {"subject": "ecommerce 2026-11-21: ?"})]
