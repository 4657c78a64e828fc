"""Who is told what: real failures on the real scheduler, a real mail server, and moto's SNS."""

import contextlib
import datetime as dt
import json
import queue
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from typing import Any

import boto3
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from moto.server import ThreadedMotoServer

from include import keys
from include.config import CONNECTION_ID
from include.local.dag_run import DAG_ID, trigger_day
from include.local.ports import LOOPBACK, find_free_ports
from include.reporting.alerts import SMTP_CONNECTION_ID
from tests.integration.conftest import LAYOUT, Pipeline
from tests.raw_files import make_orders
from tests.waiting import wait_until

_SECONDS = 60
WATCHDOG = "ecommerce_watchdog"


class Mailbox(Sink):
    """A mail server that keeps what it is sent."""

    def __init__(self) -> None:
        self.received: queue.Queue[EmailMessage] = queue.Queue()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library calls it so
        self.received.put(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def next(self) -> tuple[str, str]:
        """Subject and text of the next mail, once it is there."""
        mail = self.received.get(timeout=_SECONDS)
        part = mail.get_body(("html",))
        assert part is not None
        assert mail["To"] == "data@example.com"
        return mail["Subject"], unescape(re.sub(r"<[^>]+>", "", part.get_content())).strip()

    def is_empty(self) -> bool:
        return self.received.empty()


@pytest.fixture
def mailbox(pipeline: Pipeline) -> Iterator[Mailbox]:
    """The mail server, and a pipeline that sends to it."""
    mailbox, (port,) = Mailbox(), find_free_ports(1)
    controller = Controller(mailbox, hostname=LOOPBACK, port=port)
    controller.start()
    extra = {"from_email": "etl@example.com", "disable_tls": True, "disable_ssl": True, "retry_limit": 0}
    pipeline.api.create_connection(
        connection_id=SMTP_CONNECTION_ID, conn_type="smtp", host=LOOPBACK, port=port, extra=json.dumps(extra)
    )
    try:
        with pipeline.variables(alert_email="data@example.com"):
            yield mailbox
    finally:
        pipeline.api.delete(f"/connections/{SMTP_CONNECTION_ID}")
        controller.stop()


@pytest.fixture
def moto_url() -> Iterator[str]:
    (port,) = find_free_ports(1)
    server = ThreadedMotoServer(LOOPBACK, port, verbose=False)
    server.start()
    try:
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.stop()


@contextlib.contextmanager
def topic_with_queue(pipeline: Pipeline, moto_url: str) -> Iterator[tuple[str, Any, str]]:
    """A topic that the pipeline's connection reaches, and a queue that subscribes to it."""
    options = {
        "endpoint_url": moto_url,
        "region_name": "us-east-1",
        "aws_access_key_id": "x",
        "aws_secret_access_key": "x",
    }
    sns, sqs = boto3.client("sns", **options), boto3.client("sqs", **options)
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    queue_url = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn["QueueArn"])
    moved = {"service_config": {"sns": {"endpoint_url": moto_url}}}
    kept = pipeline.api.change_extra(CONNECTION_ID, lambda extra: extra | moved)
    try:
        yield topic, sqs, queue_url
    finally:
        pipeline.api.change_extra(CONNECTION_ID, lambda _: kept)


def run_id_of(text: str) -> str:
    found = re.search(r"of run (\S+)", text)
    assert found
    return found[1]


def test_closed_gate_sends_one_mail_with_reasons_and_remedy(
    pipeline: Pipeline, day: str, mailbox: Mailbox
) -> None:
    pipeline.deliver(day, make_orders(90, faulty=10))

    assert pipeline.run(day)[0] == "failed"
    subject, text = mailbox.next()

    assert subject == f"ecommerce {day}: not published, the gate is closed"
    assert "orders: 10 of 100 rows were rejected (10.0%, allowed 5.0%): " in text
    assert "unknown_customer 10" in text
    url = pipeline.stack.url
    assert f"Log: {url}/dags/{DAG_ID}/runs/{run_id_of(text)}/tasks/publish?try_number=1" in text
    assert f"Data Docs: {url}/quality/days/{day}" in text
    assert '"The gate is closed"' in text
    assert mailbox.is_empty()
    assert pipeline.read_json(keys.alerts(LAYOUT, day))["told"].keys() == {"run_failed"}


def test_a_file_that_cannot_be_used_is_published_to_the_topic(
    pipeline: Pipeline, day: str, moto_url: str
) -> None:
    pipeline.deliver(day, "order_id\nO1\n")
    with (
        topic_with_queue(pipeline, moto_url) as (topic, sqs, queue_url),
        pipeline.variables(alert_topic_arn=topic),
    ):
        assert pipeline.run(day)[0] == "failed"
        answer = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=20, MaxNumberOfMessages=10)
        (received,) = answer["Messages"]

    message = json.loads(received["Body"])
    assert message["Subject"] == f"ecommerce {day}: not published, a raw file cannot be used"
    assert f"{keys.raw(LAYOUT, day, 'orders')} (line 1): required columns missing" in message["Message"]
    assert "/tasks/transform?try_number=1" in message["Message"]


def read_whole_log(pipeline: Pipeline, run_id: str, task_id: str) -> list[dict[str, Any]]:
    """The log of a first try that failed, once its callbacks have ended: a group is closed after them."""
    events: list[dict[str, Any]] = []

    def has_ended() -> bool:
        events[:] = pipeline.api.read_task_log(DAG_ID, run_id, task_id, 1)
        told = [event["event"] for event in events]
        return "::group::Post Execute" in told and told[-1] == "::endgroup::"

    wait_until(has_ended, {True}, _SECONDS)
    return events


def test_retry_sends_no_alert(pipeline: Pipeline, day: str, mailbox: Mailbox) -> None:
    pipeline.deliver(day, make_orders(10))
    with pipeline.variables(curated_bucket="no-such-bucket"):
        run_id = trigger_day(pipeline.api, day)
        wait_until(lambda: pipeline.task_state(run_id, "extract"), {"up_for_retry"}, _SECONDS)
        read_whole_log(pipeline, run_id, "extract")
    pipeline.api.fail_run(DAG_ID, run_id)

    assert mailbox.is_empty()


def test_failed_channel_does_not_hide_the_error(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, "order_id\nO1\n")
    with pipeline.variables(alert_email="data@example.com"):
        run_id = trigger_day(pipeline.api, day)
        state, fault = pipeline.wait(run_id), pipeline.read_fault(run_id)
        events = read_whole_log(pipeline, run_id, "transform")

    assert state == "failed"
    assert fault.startswith(f"{keys.raw(LAYOUT, day, 'orders')} (line 1): required columns missing")
    errors = [event["event"] for event in events if event.get("level") == "error"]
    assert any("was not sent through mail, connection ecommerce_smtp" in error for error in errors)
    assert any(error.startswith(f"ecommerce {day}: not published") for error in errors)


def watch(pipeline: Pipeline) -> str:
    """Run the watchdog once. Returns the state of the run."""
    run_id = f"test__{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S%f}"
    pipeline.api.trigger(WATCHDOG, run_id, {})
    return pipeline.wait(run_id, WATCHDOG)


def test_watchdog_alerts_each_problem_and_its_end_once(pipeline: Pipeline, mailbox: Mailbox) -> None:
    today = dt.datetime.now(dt.UTC).date()
    late, stuck = today.isoformat(), (today - dt.timedelta(days=1)).isoformat()
    pipeline.deliver(stuck, make_orders(20))
    pipeline.deliver(late, make_orders(30))
    missing = keys.raw(LAYOUT, late, "products")
    pipeline.delete(missing)
    with pipeline.variables(deadline_hour="0", processing_hours="0", watchdog_days="2"):
        assert watch(pipeline) == "success"
        told = dict([mailbox.next(), mailbox.next()])
        assert watch(pipeline) == "success"
        assert mailbox.is_empty()

        pipeline.deliver(late, make_orders(30))
        assert [pipeline.wait(trigger_day(pipeline.api, day)) for day in (stuck, late)] == [
            "success",
            "success",
        ]
        assert watch(pipeline) == "success"
        subject, text = mailbox.next()
        assert watch(pipeline) == "success"
        assert mailbox.is_empty()

    assert f"{late}: {missing}" in told[f"ecommerce {late}: raw files are missing"]
    assert (
        f"{stuck}: not published yet"
        in told[f"ecommerce {stuck}: not published, although all raw files have arrived"]
    )
    assert subject == f"ecommerce {stuck}, {late}: all clear"
    assert [line.rpartition(", ")[2] for line in text.splitlines()] == ["20 orders.", "30 orders."]
