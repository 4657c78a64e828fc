"""The runbook shows each message as it really arrives, and has what the messages refer to."""

import datetime as dt
import os
import re
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock
from urllib.parse import quote

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout
from botocore.exceptions import ClientError, EndpointConnectionError

from include import keys
from include.config import Settings
from include.contract import DATASETS
from include.engine.raw_file import RawSource, read_header
from include.errors import (
    GateClosedError,
    PipelineError,
    RawFileError,
    RetryableError,
    SettingError,
)
from include.keys import Layout
from include.manifest import Candidate, Counts
from include.publishing.gate import decide_gate, describe_closed_gate
from include.reporting import glue_catalog, publication
from include.reporting.alerts import (
    Alert,
    Failure,
    describe_failure,
    describe_maintenance_failure,
    make_record,
)
from include.site.days import judge_failed_run
from include.watchdog import DayState, collect_alerts, describe_resolved
from tests.project_files import PROJECT
from tests.records import GREEN, MANIFEST

RUNBOOK = PROJECT / "docs" / "runbook.md"
#: A message in the runbook.
EXAMPLE = re.compile(r"^```\n(ecommerce .+?)\n```$", re.MULTILINE | re.DOTALL)
UI = "http://127.0.0.1:8080"
RUN = "scheduled__2026-11-21T00:00:00+00:00"
NOON = dt.datetime(2026, 11, 21, 12, 5, tzinfo=dt.UTC)
COUNTS: Counts = {
    "rows": {"orders": {"read": 5000, "published": 4258, "quarantined": 742, "duplicates": 0}},
    "reasons": {"orders": {"quantity_not_positive": 702, "unknown_customer": 40, "malformed_row": 0}},
    "total_price": "0.00",
    "drift": {},
}


def fail(task_id: str, error: Exception, try_number: int = 1) -> Alert:
    """The message for a run of the day that the error ended, raised as `task_context` raises it."""
    raised: Exception = error
    if isinstance(error, PipelineError) and not isinstance(error, RetryableError):
        raised = AirflowFailException(str(error))
        raised.__cause__ = error
    url = f"{UI}/dags/ecommerce_etl/runs/{quote(RUN)}/tasks/{task_id}?try_number={try_number}"
    failure = Failure(
        day="2026-11-21", run_id=RUN, task_id=task_id, try_number=try_number, log_url=url, error=raised
    )
    is_away = isinstance(error, EndpointConnectionError)
    return describe_failure(failure, None if is_away else judge_failed_run(make_record(failure, NOON)))


def close_gate() -> Alert:
    gate = decide_gate(COUNTS, GREEN, Settings(), None)
    candidate = Candidate(
        extracted={"day": "2026-11-21", "run_id": RUN, "inputs": {}},
        transformed={"counts": COUNTS, "staged": {}},
        validated={"quality": GREEN, "gate": gate},
        approval=None,
        started_at="2026-11-21T00:00:00Z",
    )
    return fail("publish", GateClosedError("closed", describe_closed_gate(candidate)))


def deliver_semicolons(folder: Path) -> Alert:
    path = folder / "orders.csv"
    path.write_text(";".join(DATASETS["orders"].required_names) + "\n")
    source = RawSource(DATASETS["orders"], path, keys.raw(Layout(), "2026-11-21", "orders"))
    with pytest.raises(RawFileError) as caught:
        read_header(source)
    return fail("transform", caught.value)


def misspell_setting(variables: dict[str, str]) -> Alert:
    variables["ecommerce_max_reject_ratio"] = "five percent"
    with pytest.raises(SettingError) as caught:
        Settings.from_variables()
    return fail("validate", caught.value)


def deny_partition(monkeypatch: pytest.MonkeyPatch) -> Alert:
    """Glue denies access for a day that is published."""
    denied = {"Code": "AccessDeniedException", "Message": "not authorized"}
    error = ClientError({"Error": denied}, "CreatePartition")
    sent: list[Alert] = []
    monkeypatch.setattr(glue_catalog, "_open_glue", Mock(side_effect=error))
    monkeypatch.setattr(publication, "send_alert", sent.append)
    url = f"{UI}/dags/ecommerce_etl/runs/{quote(RUN)}/tasks/publish?try_number=1"
    task = SimpleNamespace(run_id=RUN, task_id="publish", try_number=1, log_url=url)
    publication.report_publication(Settings(catalog_database="shop"), MANIFEST, task)
    return sent[0]


def misspell_maintenance_setting(variables: dict[str, str]) -> Alert:
    variables.clear()
    variables["ecommerce_correction_days"] = "two weeks"
    with pytest.raises(SettingError) as caught:
        Settings.from_variables()
    raised = AirflowFailException(str(caught.value))
    raised.__cause__ = caught.value
    dag_id, task_id = "ecommerce_corrections", "find_changes"
    url = f"{UI}/dags/{dag_id}/runs/{quote(RUN)}/tasks/{task_id}?try_number=1"
    failure = Failure(day=RUN, run_id=RUN, task_id=task_id, try_number=1, log_url=url, error=raised)
    return describe_maintenance_failure(dag_id, failure)


def describe_watchdog_alerts() -> list[Alert]:
    def missing(day: str, *datasets: str) -> DayState:
        return DayState(
            day=day, alerted={}, missing=tuple(keys.raw(Layout(), day, dataset) for dataset in datasets)
        )

    late = [missing("2026-11-20", "orders"), missing("2026-11-21", "customers", "orders")]
    unpublished = DayState(
        day="2026-11-21", alerted={}, complete_at=dt.datetime(2026, 11, 21, 3, 12, 40, tzinfo=dt.UTC)
    )
    resolved = [
        DayState(
            day=day, alerted={}, published_at=NOON.replace(hour=11, minute=minute), published_orders=rows
        )
        for day, minute, rows in (("2026-11-20", 40, 9_874), ("2026-11-21", 52, 10_021))
    ]
    alerts = [
        *collect_alerts(late, Settings(), NOON, UI),
        *collect_alerts([unpublished], Settings(), NOON, UI),
    ]
    return [*(each.alert for each in alerts), describe_resolved(resolved)]


def test_the_runbook_shows_every_message(
    tmp_path: Path, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With UPDATE_RUNBOOK=1 in the environment, it writes the messages into the runbook."""
    away = EndpointConnectionError(endpoint_url="http://127.0.0.1:8333/ecommerce-curated")
    sent = [
        close_gate(),
        deliver_semicolons(tmp_path),
        fail("wait_for_raw_files", AirflowSensorTimeout("Trigger timeout")),
        misspell_setting(variables),
        deny_partition(monkeypatch),
        fail("validate", away, try_number=4),
        misspell_maintenance_setting(variables),
        *describe_watchdog_alerts(),
    ]

    texts = iter([f"{alert.subject}\n\n{alert.text}" for alert in sent])
    current = EXAMPLE.sub(lambda _: f"```\n{next(texts)}\n```", RUNBOOK.read_text())
    if os.environ.get("UPDATE_RUNBOOK"):
        RUNBOOK.write_text(current)

    assert current == RUNBOOK.read_text()
    assert list(texts) == []


def test_each_message_is_below_the_heading_it_names() -> None:
    sections = re.split(r"^### ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
    referring = {
        section.splitlines()[0]: re.findall(r'^More: docs/runbook\.md, "(.+)"$', section, re.MULTILINE)
        for section in sections
    }

    found = {heading: names for heading, names in referring.items() if names}
    assert found == {heading: [heading] for heading in found}
    assert len(found) == 9


def test_every_picture_is_there_and_small() -> None:
    pictures = [PROJECT / "docs" / path for path in re.findall(r"\]\((images/[^)]+)\)", RUNBOOK.read_text())]

    assert pictures
    assert [path.name for path in pictures if not 0 < path.stat().st_size < 120_000] == []


def test_every_link_of_the_runbook_leads_to_a_heading() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", RUNBOOK.read_text(), re.MULTILINE)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK.read_text())) <= headings
