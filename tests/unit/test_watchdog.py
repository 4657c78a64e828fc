"""What the watchdog of the DAG finds, and what it tells of it."""

import datetime as dt
from typing import Any

import pytest

from include import keys, watchdog
from include.config import Settings
from include.contract import DATASETS
from include.day import format_instant, list_due_days
from include.errors import AlertNotSentError
from include.keys import Layout
from include.reporting.alert_log import record_alert
from include.reporting.alerts import Alert
from include.watchdog import watch

LAYOUT = Layout()
NOON = dt.datetime(2026, 11, 24, 12, 5, tzinfo=dt.UTC)
TODAY, YESTERDAY, EARLIER = "2026-11-24", "2026-11-23", "2026-11-22"
UI = "http://127.0.0.1:8080"
EARLY = dt.datetime(2026, 11, 24, 3, 0, tzinfo=dt.UTC)


class Bucket:
    """S3 as the watchdog sees it: documents, and raw files with the instant at which they came."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.raw: dict[str, dt.datetime] = {}
        self.requests = 0

    def deliver(self, day: str, *datasets: str, at: dt.datetime = EARLY) -> None:
        self.raw |= {keys.raw(LAYOUT, day, name): at for name in datasets or DATASETS}

    def publish(self, day: str, at: str = "2026-11-24T04:00:00Z") -> None:
        rows = {"orders": {"published": 1234}}
        self.documents[keys.manifest(LAYOUT, day)] = {"published_at": at, "rows": rows}

    def find_object(self, url: str) -> dict[str, Any] | None:
        self.requests += 1
        return {"written_at": format_instant(self.raw[url])} if url in self.raw else None

    def parse_s3_url(self, url: str) -> tuple[str, str]:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return bucket, key

    def get_conn(self) -> "Bucket":
        return self

    def list_objects_v2(self, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.requests += 1
        found = sorted(url for url in self.documents if url.startswith(f"s3://{Bucket}/{Prefix}"))
        return {"Contents": [{"Key": url.removeprefix(f"s3://{Bucket}/")} for url in found[:MaxKeys]]}


class Stage:
    """The watchdog with a bucket and a channel of its own."""

    def __init__(self) -> None:
        self.bucket = Bucket()
        self.sent: list[Alert] = []
        self.is_reachable = True

    def send(self, alert: Alert) -> bool:
        if self.is_reachable:
            self.sent.append(alert)
        return self.is_reachable

    def look(self, now: dt.datetime = NOON, **settings: Any) -> dict[str, str]:
        return watch(self.bucket, Settings(**settings), now, UI)  # type: ignore[arg-type]  # in place of S3Hook

    def subjects(self) -> list[str]:
        return [alert.subject for alert in self.sent]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    documents = stage.bucket.documents

    def read(_hook: Any, url: str) -> dict[str, Any] | None:
        stage.bucket.requests += 1
        return documents.get(url)

    monkeypatch.setattr(watchdog, "send_alert", stage.send)
    monkeypatch.setattr("include.reporting.alert_log.read_json", read)
    monkeypatch.setattr("include.watchdog.read_json", read)
    monkeypatch.setattr("include.watchdog.find_object", lambda _hook, url: stage.bucket.find_object(url))
    monkeypatch.setattr(
        "include.reporting.alert_log.write_json",
        lambda _hook, document, url: documents.update({url: document}),
    )
    return stage


@pytest.mark.parametrize(
    ("now", "hour", "newest"),
    [
        pytest.param(NOON, 9, TODAY, id="after the deadline"),
        pytest.param(NOON.replace(hour=8, minute=59), 9, YESTERDAY, id="before the deadline"),
        pytest.param(NOON.replace(hour=9, minute=0), 9, TODAY, id="at the deadline"),
        pytest.param(NOON.replace(hour=0, minute=0), 0, TODAY, id="midnight"),
    ],
)
def test_a_day_is_due_from_its_deadline_on(now: dt.datetime, hour: int, newest: str) -> None:
    assert list_due_days(now, hour, 1) == [newest]


def test_a_fresh_installation_is_quiet_and_says_so(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="include.watchdog"):
        assert stage.look() == {}

    assert stage.sent == []
    assert "nothing to watch" in caplog.text


def test_days_before_the_first_published_one_are_quiet(stage: Stage) -> None:
    stage.bucket.publish(TODAY)

    assert list(stage.look()) == [TODAY]
    assert stage.sent == []


def test_watchdog_starts_with_the_first_delivery(stage: Stage) -> None:
    stage.bucket.deliver(YESTERDAY, "orders")

    stage.look()

    assert stage.subjects() == [f"ecommerce {YESTERDAY}, {TODAY}: raw files are missing"]


def test_missing_files_are_named(stage: Stage) -> None:
    stage.bucket.publish(EARLIER)
    stage.bucket.publish(YESTERDAY)
    stage.bucket.deliver(TODAY, "customers", "products")

    stage.look()

    assert stage.sent == [
        Alert(
            subject="ecommerce 2026-11-24: raw files are missing",
            text="""\
These raw files had not come by 09:00 UTC:
2026-11-24: s3://ecommerce-raw/2026-11-24/orders.csv

The run of a day waits for its files and goes on by itself when they come.
Runs: http://127.0.0.1:8080/dags/ecommerce_etl/runs

What to do: Ask the producers.
More: docs/runbook.md, "Raw files are missing\"""",
        )
    ]


def test_a_day_whose_files_are_there_gets_time_to_be_processed(stage: Stage) -> None:
    stage.bucket.publish(YESTERDAY)
    stage.bucket.deliver(TODAY, at=NOON - dt.timedelta(hours=1))
    stage.look()
    assert stage.sent == []

    stage.look(NOON + dt.timedelta(hours=1))

    assert stage.subjects() == ["ecommerce 2026-11-24: not published, though all files are there"]


def test_before_its_deadline_a_day_is_not_looked_at(stage: Stage) -> None:
    stage.bucket.publish(YESTERDAY)
    stage.bucket.publish(EARLIER)

    assert TODAY not in stage.look(NOON.replace(hour=8))
    assert stage.sent == []


def test_each_trouble_of_a_day_is_told_once_and_its_end_as_well(stage: Stage) -> None:
    stage.bucket.publish(YESTERDAY)
    for hour in range(3):
        stage.look(NOON + dt.timedelta(hours=hour))
    stage.bucket.deliver(TODAY, at=NOON + dt.timedelta(hours=3))
    for hour in range(4, 8):
        stage.look(NOON + dt.timedelta(hours=hour))
    stage.bucket.publish(TODAY, at="2026-11-24T20:00:00Z")
    for hour in range(8, 11):
        stage.look(NOON + dt.timedelta(hours=hour))

    assert stage.subjects() == [
        "ecommerce 2026-11-24: raw files are missing",
        "ecommerce 2026-11-24: not published, though all files are there",
        "ecommerce 2026-11-24: all clear",
    ]
    assert stage.sent[-1].text == "2026-11-24: published at 2026-11-24 20:00 UTC, 1,234 orders."


def test_a_run_that_failed_told_of_its_day_itself(stage: Stage) -> None:
    stage.bucket.publish(YESTERDAY)
    stage.bucket.deliver(TODAY)
    record_alert(stage.bucket, LAYOUT, TODAY, "run_failed", EARLY)  # type: ignore[arg-type]  # in place of S3Hook

    stage.look()

    assert stage.sent == []


def test_an_earlier_version_of_a_day_is_no_all_clear(stage: Stage) -> None:
    stage.bucket.publish(TODAY, at="2026-11-24T04:00:00Z")
    later = EARLY + dt.timedelta(hours=2)
    record_alert(stage.bucket, LAYOUT, TODAY, "run_failed", later)  # type: ignore[arg-type]  # in place of S3Hook

    stage.look()
    assert stage.sent == []
    stage.bucket.publish(TODAY, at="2026-11-24T06:00:00Z")
    stage.look()

    assert stage.subjects() == ["ecommerce 2026-11-24: all clear"]


def test_what_could_not_be_told_is_told_by_the_next_look(stage: Stage) -> None:
    stage.bucket.publish(YESTERDAY)
    stage.is_reachable = False
    with pytest.raises(AlertNotSentError):
        stage.look()
    stage.is_reachable = True

    stage.look()

    assert stage.subjects() == ["ecommerce 2026-11-24: raw files are missing"]


def test_the_cost_does_not_grow_with_history(stage: Stage) -> None:
    for back in range(400):
        stage.bucket.publish((NOON.date() - dt.timedelta(days=back)).isoformat())

    stage.look()

    assert stage.bucket.requests == 2 * 3 + 1
