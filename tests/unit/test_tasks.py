"""How an error ends a task, and what a failed run reports."""

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include import keys
from include.config import Settings
from include.errors import RawFileChangedError, RawFileError, SettingError
from include.keys import Layout
from include.tasks import connected, raw_keys, report_failure

RUN = SimpleNamespace(logical_date=dt.datetime(2026, 11, 21, tzinfo=dt.UTC), run_after=None)
GATE = {"success": False, "rows": {}}


class FakeHook:
    """A store that holds one object."""

    def __init__(self, url: str, text: str) -> None:
        self.url, self.text = url, text

    def parse_s3_url(self, url: str) -> tuple[str, str]:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return bucket, key

    def check_for_key(self, key: str, bucket: str) -> bool:
        return f"s3://{bucket}/{key}" == self.url

    def read_key(self, key: str, bucket: str) -> str:
        assert self.check_for_key(key, bucket)
        return self.text


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow.sdk.Variable.get", lambda _, default=None: default)


@pytest.mark.parametrize(
    "error", [RawFileError("orders.csv", "line 1", "broken", "Mend it."), SettingError("x")]
)
def test_what_trying_again_cannot_heal_ends_the_task(no_variables: None, error: Exception) -> None:
    with (
        pytest.raises(AirflowFailException, match=str(error).replace("(", r"\(").replace(")", r"\)")),
        connected(),
    ):
        raise error


def test_a_file_that_was_replaced_is_tried_again(no_variables: None) -> None:
    with pytest.raises(RawFileChangedError), connected():
        raise RawFileChangedError("replaced")


def test_a_run_waits_for_the_three_files_of_its_day(no_variables: None) -> None:
    assert raw_keys(RUN, {}) == [
        keys.raw(Layout(), "2026-11-21", name) for name in ("customers", "products", "orders")
    ]


@pytest.mark.parametrize(
    ("namespace", "task_id", "reported"),
    [
        pytest.param("", "publish", [], id="no namespace, nothing is sent"),
        pytest.param("Shop", "publish", [("Shop", GATE)], id="the gate's counts"),
        pytest.param("Shop", "transform", [("Shop", None)], id="another task has no counts"),
    ],
)
def test_a_failed_run_is_reported(
    monkeypatch: pytest.MonkeyPatch, namespace: str, task_id: str, reported: list[Any]
) -> None:
    settings, seen = Settings(metrics_namespace=namespace), []
    hook = FakeHook(keys.staged(Layout(), "2026-11-21", "run", "gate.json"), json.dumps(GATE))

    @contextlib.contextmanager
    def connect() -> Iterator[tuple[FakeHook, Settings]]:
        yield hook, settings

    monkeypatch.setattr("include.tasks.connected", connect)
    monkeypatch.setattr("include.metrics.report_failed", lambda name, counts, _: seen.append((name, counts)))
    report_failure({"dag_run": RUN, "params": {}, "run_id": "run", "ti": SimpleNamespace(task_id=task_id)})

    assert seen == reported
