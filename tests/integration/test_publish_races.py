"""Several runs publish one day, in every order, held up or killed anywhere: one of them is what is published.

The store is real; each run has a client of its own, which waits or dies before any of its requests.
"""

import datetime as dt
import io
import json
import random
import threading
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include import keys
from include.config import Settings
from include.contract import DATASETS
from include.errors import OlderDeliveryError, PublishConflictError
from include.keys import Layout
from include.local.storage import create_buckets
from include.manifest import Extracted, Manifest, RawFile, RowCounts, Transformed
from include.publish import publish
from include.s3.objects import head_object
from tests.integration.own_store import OwnStore, run_own_store
from tests.records import VALIDATED

LAYOUT, SETTINGS = Layout(), Settings()
NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
EARLY, LATE = "2026-11-21T08:00:00Z", "2026-11-21T09:00:00Z"
NAMES = [f"{folder}{dataset}" for dataset in DATASETS for folder in ("", "quarantine/")]
#: More than a publication has requests; where a run is held up beyond its end, nothing comes between.
MOST_REQUESTS = 40
_days = count()


class KilledError(BaseException):
    """The process is gone: nothing catches this, and no request follows."""


_hooks: dict[tuple[str, str], Any] = {}


def open_hook(store: OwnStore, run_id: str) -> Any:
    """A client for each name, since to make one takes longer than to publish."""
    name = (store.owner.extra["endpoint_url"], run_id)
    if name not in _hooks:
        _hooks[name] = store.hook()
    return _hooks[name]


def make_table(run_id: str, name: str) -> bytes:
    """A table that says whose it is."""
    file = io.BytesIO()
    pq.write_table(pa.table({"order_id": [run_id, name]}), file)
    return file.getvalue()


class Publisher:
    """A run that is about to publish, with outputs that nobody else has."""

    def __init__(self, store: OwnStore, day: str, run_id: str, written_at: str) -> None:
        self.hook, self.day, self.run_id, self.written_at = open_hook(store, run_id), day, run_id, written_at
        self.requests = 0
        #: Names of repaired or late rows among its inputs.
        self.added: tuple[str, ...] = ()
        self.before_request: Callable[[int], None] | None = None
        events = self.hook.get_conn().meta.events
        events.unregister("before-send.s3", unique_id="publisher")
        for name in NAMES:
            bucket, key = self.hook.parse_s3_url(self.staged(name))
            self.hook.get_conn().put_object(Bucket=bucket, Key=key, Body=make_table(run_id, name))
        events.register("before-send.s3", self._count, unique_id="publisher")

    def staged(self, name: str) -> str:
        return keys.staged(LAYOUT, self.day, self.run_id, f"{name}.parquet")

    def _count(self, **_: Any) -> None:
        self.requests += 1
        if self.before_request:
            self.before_request(self.requests)

    def publish(self) -> Manifest:
        raw: RawFile = {
            "key": "x",
            "snapshot_key": "x",
            "etag": self.run_id,
            "version_id": None,
            "bytes": 1,
            "written_at": self.written_at,
        }
        rows: RowCounts = {"read": 9, "published": 9, "quarantined": 0, "duplicates": 0}
        extracted: Extracted = {
            "day": self.day,
            "run_id": self.run_id,
            "inputs": dict.fromkeys((*DATASETS, *self.added), raw),
            "pinned_at": EARLY,
        }
        transformed: Transformed = {
            "counts": {
                "rows": dict.fromkeys(DATASETS, rows),
                "reasons": {dataset: {} for dataset in DATASETS},
                "total_price": "1.00",
                "drift": {},
            },
            "staged": {f"{name}.parquet": self.staged(name) for name in NAMES},
        }
        return publish(self.hook, SETTINGS, extracted, transformed, VALIDATED, NOW)

    def work(self) -> str:
        """Publish as a task does: a conflict is tried again. Returns how it ended."""
        for _ in range(20):
            try:
                self.publish()
            except PublishConflictError:
                continue
            except OlderDeliveryError:
                return "refused"
            except KilledError:
                return "killed"
            return "published"
        return "never"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStore]:
    with run_own_store(tmp_path_factory.mktemp("own-store")) as store:
        create_buckets(store.hook(), LAYOUT)
        yield store


def new_day() -> str:
    """A day for each schedule of a test."""
    return (dt.date(2020, 1, 1) + dt.timedelta(days=next(_days))).isoformat()


def read_manifest(store: OwnStore, day: str) -> Manifest:
    s3 = store.client("s3")
    body = s3.get_object(Bucket=LAYOUT.curated_bucket, Key=f"manifests/dt={day}.json")["Body"].read()
    manifest: Manifest = json.loads(body)
    return manifest


def read_day(store: OwnStore, day: str, *, by_version: bool) -> set[str]:
    """The runs whose bytes a reader gets, who goes by the manifest's versions or by the keys alone."""
    s3, runs = store.client("s3"), set()
    for name, output in read_manifest(store, day)["outputs"].items():
        version = {"VersionId": output["version_id"]} if by_version else {}
        bucket, _, key = output["key"].removeprefix("s3://").partition("/")
        answer = s3.get_object(Bucket=bucket, Key=key, **version)
        assert answer["ETag"].strip('"') == output["etag"]
        run_id, held = pq.read_table(io.BytesIO(answer["Body"].read()))["order_id"].to_pylist()
        assert held == name
        runs.add(run_id)
    return runs


def require_whole(store: OwnStore, day: str, run_id: str) -> None:
    """The day is that run's, by the manifest and by the keys alone."""
    assert read_manifest(store, day)["run_id"] == run_id
    assert read_day(store, day, by_version=True) == {run_id}
    assert read_day(store, day, by_version=False) == {run_id}


def test_a_run_that_is_held_up_anywhere_does_no_harm_when_it_goes_on(store: OwnStore) -> None:
    for place in range(1, MOST_REQUESTS):
        day = new_day()
        Publisher(store, day, "base", EARLY).publish()
        zombie, successor = Publisher(store, day, "zombie", EARLY), Publisher(store, day, "successor", LATE)
        outcomes = []

        def succeed(number: int, place: int = place, successor: Publisher = successor) -> None:
            if number == place:
                outcomes.append(successor.work())  # noqa: B023  # called within this turn

        zombie.before_request = succeed
        zombie_outcome = zombie.work()
        if not outcomes:
            return
        assert outcomes == ["published"], place
        assert zombie_outcome in {"published", "refused"}, place
        require_whole(store, day, "successor")
    pytest.fail("a publication has more requests than this test expects")


def test_run_killed_anywhere_leaves_a_whole_day(store: OwnStore) -> None:
    for place in range(1, MOST_REQUESTS):
        day = new_day()
        Publisher(store, day, "base", EARLY).publish()
        victim = Publisher(store, day, "victim", EARLY)

        def kill(number: int, place: int = place) -> None:
            if number >= place:
                raise KilledError

        victim.before_request = kill
        outcome = victim.work()
        assert read_day(store, day, by_version=True) in ({"base"}, {"victim"}), place

        assert Publisher(store, day, "next", EARLY).work() == "published"
        require_whole(store, day, "next")
        if outcome == "published":
            return
    pytest.fail("a publication has more requests than this test expects")


def test_an_error_halfway_puts_the_earlier_version_back(store: OwnStore) -> None:
    day = new_day()
    Publisher(store, day, "base", EARLY).publish()
    unlucky = Publisher(store, day, "unlucky", EARLY)

    def fail_once(number: int) -> None:
        if number == 14:
            raise RuntimeError("the network is down")

    unlucky.before_request = fail_once
    with pytest.raises(RuntimeError, match="the network is down"):
        unlucky.publish()

    require_whole(store, day, "base")


@pytest.mark.parametrize("seed", range(40))
def test_runs_that_publish_at_the_same_moment_end_as_one(store: OwnStore, seed: int) -> None:
    day = new_day()
    chance = random.Random(seed)  # noqa: S311  # not for secrecy
    moments = {"a": EARLY, "b": LATE, "c": chance.choice([EARLY, LATE])}
    publishers = [Publisher(store, day, run_id, moment) for run_id, moment in moments.items()]

    outcomes = interleave(publishers, chance)

    assert set(outcomes.values()) <= {"published", "refused"}
    winner = read_manifest(store, day)["run_id"]
    assert moments[winner] == LATE
    require_whole(store, day, winner)


def test_a_run_that_was_held_up_does_not_undo_a_repair(store: OwnStore) -> None:
    day = new_day()
    held_up, repaired = Publisher(store, day, "held up", EARLY), Publisher(store, day, "repaired", EARLY)
    repaired.added = ("repairs_orders",)

    assert (repaired.work(), held_up.work()) == ("published", "refused")
    require_whole(store, day, "repaired")


def test_an_earlier_delivery_does_not_replace_a_later_one(store: OwnStore) -> None:
    day = new_day()
    Publisher(store, day, "new", LATE).publish()
    before = head_object(store.hook(), keys.manifest(LAYOUT, day))

    with pytest.raises(OlderDeliveryError, match=rf"published by run new .* at {LATE}; .* of {EARLY}"):
        Publisher(store, day, "old", EARLY).publish()

    assert head_object(store.hook(), keys.manifest(LAYOUT, day)) == before
    require_whole(store, day, "new")


def interleave(publishers: list[Publisher], chance: random.Random) -> dict[str, str]:
    """Let the runs go on one request at a time, in an order that chance picks. Returns how each ended."""
    outcomes: dict[str, str] = {}
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
            outcomes[publisher.run_id] = outcome
            changed.notify()

    threads = []
    for publisher in publishers:
        publisher.before_request = lambda _, run_id=publisher.run_id: wait_for_turn(run_id)
        threads.append(threading.Thread(target=run, args=(publisher,), daemon=True))
        threads[-1].start()
    while len(outcomes) < len(publishers):
        with changed:
            assert changed.wait_for(lambda: len(waiting) + len(outcomes) == len(publishers), timeout=60)
            if waiting:
                waiting.pop(chance.choice(sorted(waiting))).set()
    return outcomes
