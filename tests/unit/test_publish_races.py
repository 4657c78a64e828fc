"""Several runs publish one day in any order, delayed or killed at any request: one of them is published.

`tests/faults` does the same on a real store.
"""

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from include import keys
from include.config import Settings
from include.contract import DATASETS
from include.errors import OlderDeliveryError, PublishConflictError
from include.manifest import Extracted, RawFile, RowCounts, Transformed
from include.publish import publish
from tests.memory_s3 import MemoryS3
from tests.records import NOW, VALIDATED

SETTINGS, DAY = Settings(), "2026-11-21"
MANIFEST = keys.manifest(SETTINGS.layout, DAY)
EARLY, LATE = "2026-11-21T08:00:00Z", "2026-11-21T09:00:00Z"
NAMES = [f"{folder}{dataset}" for dataset in DATASETS for folder in ("", "quarantine/")]
RAW: RawFile = {"key": "x", "snapshot_key": "x", "etag": "", "version_id": None, "bytes": 1}
#: More than a publication has requests.
MOST_REQUESTS = 60


class KilledError(BaseException):
    """The process is gone: nothing catches this, and no request follows."""


class Publisher:
    """A run that is about to publish, with a client and outputs of its own."""

    def __init__(self, s3: MemoryS3, run_id: str, written_at: str, added: tuple[str, ...] = ()) -> None:
        self.s3, self.run_id = s3.share(), run_id
        self.outcome = ""
        raw: RawFile = {**RAW, "etag": run_id, "written_at": written_at}
        rows: RowCounts = {"read": 9, "published": 9, "quarantined": 0, "duplicates": 0}
        staged = {f"{name}.parquet": keys.staged(SETTINGS.layout, DAY, run_id, name) for name in NAMES}
        for url in staged.values():
            s3.put(url, f"{run_id} {url}")
        self.extracted: Extracted = {
            "day": DAY,
            "run_id": run_id,
            "inputs": dict.fromkeys((*DATASETS, *added), raw),
            "pinned_at": EARLY,
        }
        counts: Any = {
            "rows": dict.fromkeys(DATASETS, rows),
            "reasons": {name: {} for name in DATASETS},
            "total_price": "1.00",
            "drift": {},
        }
        self.transformed: Transformed = {"counts": counts, "staged": staged}

    def at_request(self, number: int, act: Callable[[], object]) -> None:
        """Do something before one of its requests, and only there."""

        def count(_: str) -> None:
            if self.s3.requests.total() == number:
                act()

        self.s3.before_request = count

    def publish(self) -> None:
        publish(self.s3.hook, SETTINGS, self.extracted, self.transformed, VALIDATED, NOW)

    def work(self) -> str:
        """Publish as a task does: a conflict is retried. Returns the outcome."""
        for _ in range(20):
            try:
                self.publish()
            except PublishConflictError:
                continue
            except OlderDeliveryError:
                return "rejected"
            except KilledError:
                return "killed"
            return "published"
        return "never"


@pytest.fixture(autouse=True)
def reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """No comparison of tables and no report: these are of text, and their pages are no part of a race."""
    monkeypatch.setattr("include.publish.find_correction", lambda *_: None)
    monkeypatch.setattr("include.publish.report_day", lambda *_: None)


def read_day(s3: MemoryS3, *, by_version: bool) -> set[str]:
    """The runs whose tables a reader gets, by the versions of the manifest or by the keys alone."""
    runs = set()
    for name, output in s3.get_json(MANIFEST)["outputs"].items():
        bucket, key = s3.parse_s3_url(output["key"])
        version = {"VersionId": output["version_id"]} if by_version else {}
        answer = s3.get_object(Bucket=bucket, Key=key, **version)
        run_id, _, staged = answer["Body"].read().decode().rpartition(" ")
        assert (answer["ETag"].strip('"'), staged) == (
            output["etag"],
            keys.staged(SETTINGS.layout, DAY, run_id, name),
        )
        runs.add(run_id)
    return runs


def require_complete(s3: MemoryS3, run_id: str) -> None:
    """The day is that run's, by the manifest and by the keys alone."""
    assert s3.get_json(MANIFEST)["run_id"] == run_id
    assert read_day(s3, by_version=True) == read_day(s3, by_version=False) == {run_id}


@pytest.mark.parametrize("number", range(1, MOST_REQUESTS))
def test_run_delayed_at_any_request_does_no_harm(s3: MemoryS3, number: int) -> None:
    Publisher(s3, "base", EARLY).publish()
    zombie, successor = Publisher(s3, "zombie", EARLY), Publisher(s3, "successor", LATE)
    outcomes: list[str] = []
    zombie.at_request(number, lambda: outcomes.append(successor.work()))

    outcome = zombie.work()

    if outcomes:
        assert (outcomes, outcome in {"published", "rejected"}) == (["published"], True)
        require_complete(s3, "successor")
    else:
        assert number > zombie.s3.requests.total() > 20


@pytest.mark.parametrize("number", range(1, MOST_REQUESTS))
def test_run_killed_at_any_request_leaves_a_complete_day(s3: MemoryS3, number: int) -> None:
    Publisher(s3, "base", EARLY).publish()
    victim = Publisher(s3, "victim", EARLY)

    def kill(_: str) -> None:
        if victim.s3.requests.total() >= number:
            raise KilledError

    victim.s3.before_request = kill
    victim.work()

    assert read_day(s3, by_version=True) in ({"base"}, {"victim"})
    assert Publisher(s3, "next", EARLY).work() == "published"
    require_complete(s3, "next")


def test_error_halfway_restores_the_earlier_version(s3: MemoryS3) -> None:
    Publisher(s3, "base", EARLY).publish()
    unlucky = Publisher(s3, "unlucky", EARLY)

    def fail() -> None:
        raise RuntimeError("the network is down")

    unlucky.at_request(16, fail)
    with pytest.raises(RuntimeError, match="the network is down"):
        unlucky.publish()

    assert any(b"unlucky" in s3.get(url) for url in s3.list_urls("s3://ecommerce-curated/staged/"))
    require_complete(s3, "base")


@pytest.mark.parametrize("seed", range(40))
def test_runs_at_the_same_moment_end_as_one(s3: MemoryS3, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # not for secrecy
    moments = {"a": EARLY, "b": LATE, "c": chance.choice([EARLY, LATE])}
    publishers = [Publisher(s3, run_id, moment) for run_id, moment in moments.items()]

    interleave(publishers, chance)

    assert {publisher.outcome for publisher in publishers} <= {"published", "rejected"}
    winner = s3.get_json(MANIFEST)["run_id"]
    assert moments[winner] == LATE
    require_complete(s3, winner)


@pytest.mark.parametrize("added", ["repairs_orders", "late_customers"])
def test_delayed_run_does_not_undo_added_rows(s3: MemoryS3, added: str) -> None:
    delayed, newer = Publisher(s3, "delayed", EARLY), Publisher(s3, "newer", EARLY, (added,))

    assert (newer.work(), delayed.work()) == ("published", "rejected")
    require_complete(s3, "newer")


def test_earlier_delivery_does_not_replace_a_later_one(s3: MemoryS3) -> None:
    Publisher(s3, "new", LATE).publish()
    before = s3.get(MANIFEST)

    with pytest.raises(OlderDeliveryError, match=rf"published by run new .* at {LATE}; .* of {EARLY}"):
        Publisher(s3, "old", EARLY).publish()

    assert s3.get(MANIFEST) == before
    require_complete(s3, "new")


def interleave(publishers: list[Publisher], chance: random.Random) -> None:
    """Let the runs continue one request at a time, in an order that chance picks, until all have ended."""
    changed = threading.Condition()
    waiting: dict[str, threading.Event] = {}

    def wait_for_turn(run_id: str) -> None:
        turn = threading.Event()
        with changed:
            waiting[run_id] = turn
            changed.notify()
        turn.wait()

    def run(publisher: Publisher) -> None:
        outcome = publisher.work()
        with changed:
            publisher.outcome = outcome
            changed.notify()

    for publisher in publishers:
        publisher.s3.before_request = lambda _, run_id=publisher.run_id: wait_for_turn(run_id)  # type: ignore[misc]
        threading.Thread(target=run, args=(publisher,), daemon=True).start()
    while not all(publisher.outcome for publisher in publishers):
        with changed:
            assert changed.wait_for(
                lambda: len(waiting) + sum(bool(each.outcome) for each in publishers) == len(publishers), 60
            )
            if waiting:
                waiting.pop(chance.choice(sorted(waiting))).set()
