"""What the watchdog finds, and which alerts it sends."""

import datetime as dt

import pytest

from include import keys
from include.config import Settings
from include.contract import DATASETS
from include.day import list_due_days
from include.errors import AlertNotSentError
from include.keys import Layout
from include.reporting.alert_log import FILES_MISSING, RUN_FAILED, record_alert
from include.reporting.alerts import Alert
from include.watchdog import watch
from tests.memory_s3 import MemoryS3

LAYOUT = Layout()
NOON = dt.datetime(2026, 11, 24, 12, 5, tzinfo=dt.UTC)
TODAY, YESTERDAY, EARLIER = "2026-11-24", "2026-11-23", "2026-11-22"
UI = "http://127.0.0.1:8080"
EARLY = dt.datetime(2026, 11, 24, 3, 0, tzinfo=dt.UTC)


class Watchdog:
    """The watchdog with a bucket and a channel of its own."""

    def __init__(self, s3: MemoryS3) -> None:
        self.s3 = s3
        self.sent: list[Alert] = []
        self.is_reachable = True

    def deliver(self, day: str, *datasets: str, at: dt.datetime = EARLY) -> None:
        for name in datasets or DATASETS:
            self.s3.put(keys.raw(LAYOUT, day, name), "raw", at)

    def publish(self, day: str, at: str = "2026-11-24T04:00:00Z") -> None:
        rows = {"orders": {"published": 1234}}
        self.s3.put_json(keys.manifest(LAYOUT, day), {"published_at": at, "rows": rows})

    def record(self, day: str, kind: str, at: dt.datetime) -> None:
        record_alert(self.s3.hook, LAYOUT, day, kind, at)

    def look(self, now: dt.datetime = NOON) -> dict[str, str]:
        return watch(self.s3.hook, Settings(), now, UI, self.send)

    def send(self, alert: Alert) -> bool:
        if self.is_reachable:
            self.sent.append(alert)
        return self.is_reachable

    def subjects(self) -> list[str]:
        return [alert.subject for alert in self.sent]


@pytest.fixture
def watchdog(s3: MemoryS3) -> Watchdog:
    return Watchdog(s3)


@pytest.mark.parametrize(
    ("now", "hour", "newest"),
    [
        pytest.param(NOON, 9, TODAY, id="after the deadline"),
        pytest.param(NOON.replace(hour=8, minute=59), 9, YESTERDAY, id="before the deadline"),
        pytest.param(NOON.replace(hour=9, minute=0), 9, TODAY, id="at the deadline"),
        pytest.param(NOON.replace(hour=0, minute=0), 0, TODAY, id="midnight"),
    ],
)
def test_day_is_due_from_its_deadline(now: dt.datetime, hour: int, newest: str) -> None:
    assert list_due_days(now, hour, 1) == [newest]


def test_fresh_installation_sends_nothing_and_says_so(
    watchdog: Watchdog, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="include.watchdog"):
        assert watchdog.look() == {}

    assert watchdog.sent == []
    assert "nothing to watch" in caplog.text


def test_days_before_the_first_published_one_are_ignored(watchdog: Watchdog) -> None:
    watchdog.publish(TODAY)

    assert list(watchdog.look()) == [TODAY]
    assert watchdog.sent == []


def test_watchdog_starts_with_the_first_delivery(watchdog: Watchdog) -> None:
    watchdog.deliver(YESTERDAY, "orders")

    watchdog.look()

    assert watchdog.subjects() == [f"ecommerce {YESTERDAY}, {TODAY}: raw files are missing"]


def test_missing_files_are_named(watchdog: Watchdog) -> None:
    watchdog.publish(EARLIER)
    watchdog.publish(YESTERDAY)
    watchdog.deliver(TODAY, "customers", "products")

    watchdog.look()

    assert watchdog.sent == [
        Alert(
            subject="ecommerce 2026-11-24: raw files are missing",
            text="""\
These raw files had not arrived by 09:00 UTC:
2026-11-24: s3://ecommerce-raw/2026-11-24/orders.csv

Each day's run waits for its files and continues when they arrive.
Runs: http://127.0.0.1:8080/dags/ecommerce_etl/runs

What to do: Ask the producers.
More: docs/runbook.md, "Raw files are missing\"""",
        )
    ]


def test_day_with_all_files_gets_time_to_be_processed(watchdog: Watchdog) -> None:
    watchdog.publish(YESTERDAY)
    watchdog.deliver(TODAY, at=NOON - dt.timedelta(hours=1))
    watchdog.look()
    assert watchdog.sent == []

    watchdog.look(NOON + dt.timedelta(hours=1))

    assert watchdog.subjects() == ["ecommerce 2026-11-24: not published, although all raw files have arrived"]


def test_day_is_not_watched_before_its_deadline(watchdog: Watchdog) -> None:
    watchdog.publish(YESTERDAY)
    watchdog.publish(EARLIER)

    assert TODAY not in watchdog.look(NOON.replace(hour=8))
    assert watchdog.sent == []


def test_each_problem_of_a_day_and_its_end_is_alerted_once(watchdog: Watchdog) -> None:
    watchdog.publish(YESTERDAY)
    for hour in range(3):
        watchdog.look(NOON + dt.timedelta(hours=hour))
    watchdog.deliver(TODAY, at=NOON + dt.timedelta(hours=3))
    for hour in range(4, 8):
        watchdog.look(NOON + dt.timedelta(hours=hour))
    watchdog.publish(TODAY, at="2026-11-24T20:00:00Z")
    for hour in range(8, 11):
        watchdog.look(NOON + dt.timedelta(hours=hour))

    assert watchdog.subjects() == [
        "ecommerce 2026-11-24: raw files are missing",
        "ecommerce 2026-11-24: not published, although all raw files have arrived",
        "ecommerce 2026-11-24: all clear",
    ]
    assert watchdog.sent[-1].text == "2026-11-24: published at 2026-11-24 20:00 UTC, 1,234 orders."


def test_day_of_a_failed_run_is_not_alerted_again(watchdog: Watchdog) -> None:
    watchdog.publish(YESTERDAY)
    watchdog.deliver(TODAY)
    watchdog.record(TODAY, RUN_FAILED, EARLY)

    watchdog.look()

    assert watchdog.sent == []


def test_earlier_publication_does_not_end_a_problem(watchdog: Watchdog) -> None:
    watchdog.publish(TODAY, at="2026-11-24T04:00:00Z")
    later = EARLY + dt.timedelta(hours=2)
    watchdog.record(TODAY, RUN_FAILED, later)

    watchdog.look()
    assert watchdog.sent == []
    watchdog.publish(TODAY, at="2026-11-24T06:00:00Z")
    watchdog.look()

    assert watchdog.subjects() == ["ecommerce 2026-11-24: all clear"]


def test_unsent_alert_is_sent_by_the_next_run(watchdog: Watchdog) -> None:
    watchdog.publish(YESTERDAY)
    watchdog.is_reachable = False
    with pytest.raises(AlertNotSentError):
        watchdog.look()
    watchdog.is_reachable = True

    watchdog.look()

    assert watchdog.subjects() == ["ecommerce 2026-11-24: raw files are missing"]


def test_number_of_requests_does_not_grow_with_history(watchdog: Watchdog) -> None:
    for back in range(400):
        watchdog.publish((NOON.date() - dt.timedelta(days=back)).isoformat())

    watchdog.look()

    assert watchdog.s3.requests.total() == 2 * 3 + 1


def test_time_to_process_counts_from_the_last_file(watchdog: Watchdog) -> None:
    watchdog.publish(YESTERDAY)
    watchdog.deliver(TODAY, "orders", at=NOON - dt.timedelta(minutes=119))
    watchdog.deliver(TODAY, "customers", at=NOON - dt.timedelta(hours=8))
    watchdog.deliver(TODAY, "products", at=NOON - dt.timedelta(hours=4))

    watchdog.look()
    assert watchdog.sent == []
    watchdog.look(NOON + dt.timedelta(minutes=1))

    assert watchdog.subjects() == ["ecommerce 2026-11-24: not published, although all raw files have arrived"]


def test_publication_between_two_alerts_does_not_end_the_problem(watchdog: Watchdog) -> None:
    watchdog.record(TODAY, FILES_MISSING, EARLY)
    watchdog.record(TODAY, RUN_FAILED, EARLY + dt.timedelta(hours=2))
    watchdog.publish(TODAY, at="2026-11-24T04:00:00Z")

    watchdog.look()

    assert watchdog.sent == []
    assert watchdog.s3.get_json(keys.alerts(LAYOUT, TODAY))["told"] == {
        "files_missing": "2026-11-24T03:00:00+00:00",
        "run_failed": "2026-11-24T05:00:00+00:00",
    }
