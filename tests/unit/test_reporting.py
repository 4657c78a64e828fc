"""A published day is reported to other systems, and none of them can fail its publication."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from include.config import Settings
from include.errors import CatalogError
from include.reporting import publication
from include.reporting.alerts import Alert
from include.reporting.publication import report_publication
from tests.records import MANIFEST

TASK = SimpleNamespace(
    run_id="run 1", task_id="publish", try_number=1, log_url="http://ui/dags/ecommerce_etl/runs/x"
)
REPORTERS = ("register_day", "send_lineage", "send_published")


@pytest.fixture
def reporters(monkeypatch: pytest.MonkeyPatch) -> dict[str, Mock]:
    mocks = {name: Mock() for name in REPORTERS}
    for name, mock in mocks.items():
        monkeypatch.setattr(publication, name, mock)
    return mocks


@pytest.fixture
def alerts(monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    sent: list[Alert] = []
    monkeypatch.setattr(publication, "send_alert", sent.append)
    return sent


def test_every_reporter_is_called(reporters: dict[str, Mock], alerts: list[Alert]) -> None:
    settings: Any = Settings(metrics_namespace="Shop")

    report_publication(settings, MANIFEST, TASK)

    reporters["register_day"].assert_called_once_with(settings, "2026-11-21")
    reporters["send_lineage"].assert_called_once_with(settings.layout, MANIFEST)
    reporters["send_published"].assert_called_once_with("Shop", MANIFEST, TASK)
    assert alerts == []


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("register_day", "published, but the Glue table does not show it"),
        ("send_lineage", "published, but its lineage was not sent"),
        ("send_published", "published, but its metrics were not sent"),
    ],
)
def test_a_failed_reporter_is_alerted_and_the_others_are_called(
    reporters: dict[str, Mock], alerts: list[Alert], name: str, subject: str
) -> None:
    reporters[name].side_effect = CatalogError("quantity is string there.")

    report_publication(Settings(), MANIFEST, TASK)

    assert [alert.subject for alert in alerts] == [f"ecommerce 2026-11-21: {subject}"]
    assert alerts[0].text.startswith("quantity is string there.\n\n2026-11-21 was published, but")
    assert {mock.call_count for mock in reporters.values()} == {1}


def test_an_alert_that_cannot_be_sent_fails_nothing(
    reporters: dict[str, Mock], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reporters["register_day"].side_effect = ConnectionError("Glue is down")
    monkeypatch.setattr(publication, "send_alert", Mock(side_effect=ConnectionError("SNS is down")))

    report_publication(Settings(), MANIFEST, TASK)

    assert "Glue is down" in caplog.text
    assert "SNS is down" in caplog.text
