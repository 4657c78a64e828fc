"""A worker without disk or memory, and a store that refuses: one clear message, and a run that can go on."""

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include import keys
from include.aws.policies import Policy, worker_data
from include.aws.validate_templates import example_place
from include.config import Settings
from include.errors import RetryableError, WorkerError
from include.local.settings_file import Connection
from tests.faults.checker import LAYOUT, Watched, expect_delivery
from tests.faults.conftest import Lane, Report, World, choose
from tests.faults.days import End, Run, make_raw, run_stages, run_up_to, watch_day
from tests.faults.proxy import Plan, Request
from tests.faults.stages_apart import start_apart
from tests.faults.turns import Turns

NOWHERE = "ecommerce-nowhere"
PLACE = example_place()


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    if os.getuid() or not mount:
        pytest.skip("only root may mount a small file system; the limit on files is tested beside this")
    subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


def test_full_disk_is_reported_and_the_retry_succeeds(
    world: World, draw: random.Random, full_disk: Path
) -> None:
    watched = watch_day(world.hook, world.folder, draw, orders=20_000)
    run = run_up_to(Run(world.hook, watched.day, "full"), "transform")

    answer = run_apart(world, run, "transform", full_disk)

    assert answer["error"] == WorkerError.__name__
    assert answer["message"].startswith("The worker's disk for temporary files is full")
    assert not list((full_disk / "tmp").glob("ecommerce-scratch-*"))
    assert run_stages(run, "transform") == End()
    watched.check_at_rest(watched.deliveries[-1])


@pytest.mark.parametrize("size", [200_000, 1_000_000], ids=["while it reads", "while it writes"])
def test_file_size_limit_is_reported_as_a_full_disk(
    world: World, draw: random.Random, tmp_path: Path, size: int
) -> None:
    watched = watch_day(world.hook, world.folder, draw, orders=4_000, id_signs=size // 10_000)
    run = run_up_to(Run(world.hook, watched.day, "full"), "transform")

    answer = run_apart(world, run, "transform", tmp_path, RLIMIT_FSIZE=100_000)

    assert answer["error"] == WorkerError.__name__
    assert run_stages(run, "transform") == End()
    watched.check_at_rest(watched.deliveries[-1])


@pytest.mark.parametrize("more", [8_000_000, 60_000_000])
def test_worker_without_memory_is_reported_and_retried(
    world: World, draw: random.Random, tmp_path: Path, more: int
) -> None:
    watched = watch_day(world.hook, world.folder, draw, orders=60_000, id_signs=60)
    run = run_up_to(Run(world.hook, watched.day, "small"), "transform")

    answer = run_apart(world, run, "transform", tmp_path, RLIMIT_AS=more)

    assert answer["error"] == WorkerError.__name__, answer
    assert "does not have enough memory" in answer["message"]
    assert run_stages(run, "transform") == End()
    watched.check_at_rest(watched.deliveries[-1])


def run_apart(world: World, run: Run, stage: str, folder: Path, **limits: int) -> dict[str, Any]:
    with world.lane() as lane:
        connection = world.make_connection(lane.proxy)
        answer = start_apart(run, stage, connection, world.store.state, folder, **limits).wait()
    assert answer
    return answer


class At(Plan):
    """Does something at one request of a run."""

    def __init__(self, number: int, action: Callable[[], object]) -> None:
        self._number = number
        self._action = action

    def before(self, request: Request) -> None:
        if request.number == self._number:
            self._action()


@pytest.mark.parametrize("number", range(choose(4, 30)))
def test_run_continues_with_new_credentials(
    world: World, draw: random.Random, report: Report, number: int
) -> None:
    watched = watch_day(world.hook, world.folder, draw)
    worker = world.store.add_identity(f"expires-{number}-{watched.day}", *policies())
    iam = world.store.client("iam")
    with world.lane() as lane:
        run = Run(open_as(world, worker, lane), watched.day, "expired")
        action = lambda: iam.delete_access_key(  # noqa: E731 - bound to this identity
            UserName=f"expires-{number}-{watched.day}", AccessKeyId=worker.login
        )
        with lane.proxy.following(At(draw.randrange(1, 50), action)):
            end = run_stages(run)
    watched.check_now()
    report("credentials that ended in the middle of a run", 1)
    if end.stage:
        require_refusal(end)
        run.hook = world.hook
        assert run_stages(run, end.stage) == End()
    watched.check_at_rest(watched.deliveries[-1])


@pytest.mark.parametrize(
    ("lacking", "stage"),
    [("ReadRaw", "extract"), ("PinRaw", "extract"), ("Stage", "transform"), ("Publish", "publish")],
)
def test_run_continues_once_a_missing_permission_is_granted(
    world: World, draw: random.Random, lacking: str, stage: str
) -> None:
    watched = watch_day(world.hook, world.folder, draw)
    worker = world.store.add_identity(f"lacks-{lacking.lower()}-{watched.day}", *policies(lacking))
    with world.lane() as lane:
        run = Run(open_as(world, worker, lane), watched.day, "refused")
        end = run_stages(run)
    assert end.stage == stage
    require_refusal(end)
    watched.check_unpublished()
    run.hook = world.hook
    assert run_stages(run, end.stage) == End()
    watched.check_at_rest(watched.deliveries[-1])


def policies(without: str = "") -> tuple[Policy, ...]:
    """The worker's own rights, but in one statement only to read; for raw files not even that."""
    document = worker_data(LAYOUT, PLACE)
    kept = {**document, "Statement": [each for each in document["Statement"] if each["Sid"] != without]}
    for statement in document["Statement"]:
        if statement["Sid"] == without != "ReadRaw":
            kept["Statement"].append({**statement, "Action": ["s3:GetObject"]})
    return (kept,)


def open_as(world: World, identity: Connection, lane: Lane) -> Any:
    extra = world.make_connection(lane.proxy).extra
    return world.store.hook(replace(identity, extra=extra))


def require_refusal(end: End) -> None:
    """At once, without another try, in words that say what was asked of what, and what to do."""
    assert isinstance(end.error, AirflowFailException), repr(end.error)
    message = str(end.error)
    assert message.startswith("S3 rejected ")
    assert "s3://" in message
    assert "correct them or their permissions" in message


def test_missing_raw_bucket_is_named(world: World, draw: random.Random) -> None:
    watched = watch_day(world.hook, world.folder, draw)
    run = Run(world.hook, watched.day, "gone", settings=Settings(layout=replace(LAYOUT, raw_bucket=NOWHERE)))

    end = run_stages(run)

    assert end.stage == "extract"
    assert isinstance(end.error, AirflowFailException), repr(end.error)
    assert keys.raw(run.settings.layout, watched.day, "customers") in str(end.error)
    assert "It does not exist" in str(end.error)


def test_a_raw_file_that_vanished_is_named(world: World, draw: random.Random) -> None:
    """The sensor saw all three; then a producer took one back."""
    watched = watch_day(world.hook, world.folder, draw)
    url = keys.raw(LAYOUT, watched.day, "products")
    bucket, key = world.hook.parse_s3_url(url)
    world.hook.get_conn().delete_object(Bucket=bucket, Key=key)

    end = run_stages(Run(world.hook, watched.day, "early"))

    assert isinstance(end.error, AirflowFailException)
    assert url in str(end.error)
    assert "It does not exist. Deliver or restore it" in str(end.error)


def test_wrong_clock_is_reported(world: World, draw: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime as dt

    watched = watch_day(world.hook, world.folder, draw)
    run = run_up_to(Run(world.hook, watched.day, "late"), "publish")
    with monkeypatch.context() as patch:
        wrong = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        patch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: wrong)
        end = run_stages(run, "publish")
    assert isinstance(end.error, AirflowFailException | RetryableError), repr(end.error)
    assert "clock of this worker" in str(end.error)
    assert run_stages(run, "publish") == End()
    watched.check_at_rest(watched.deliveries[-1])


def test_unreachable_store_is_reported(world: World, draw: random.Random) -> None:
    watched = watch_day(world.hook, world.folder, draw)
    with world.lane() as lane:
        run = run_up_to(Run(world.hook, watched.day, "away"), "transform")
        run.hook = lane.hook
        world.store.kill()
        try:
            end = run_stages(run, "transform")
        finally:
            world.store.start()
    assert isinstance(end.error, RetryableError)
    remedy = "check that the store is running and that the endpoint of the connection ecommerce_s3 is correct"
    assert remedy in str(end.error)
    assert run_stages(run, "transform") == End()
    watched.check_at_rest(watched.deliveries[-1])


@pytest.mark.parametrize("number", range(choose(4, 20)))
def test_two_producers_and_a_run_at_the_same_moment(
    world: World, draw: random.Random, report: Report, number: int
) -> None:
    """Files arrive one by one, in any order, some twice; the run works on what it pinned and says so."""
    watched = watch_day(world.hook, world.folder, draw)
    lanes = world.lanes[:3]
    for _ in range(2):
        raw = make_raw(draw, draw.randrange(40, 80))
        watched.deliveries.append(expect_delivery(watched.day, raw, world.folder))
    works: list[Callable[[], object]] = [
        lambda lane=lane, raw=each.raw: put_one_by_one(lane, watched, raw, draw)  # type: ignore[misc]
        for lane, each in zip(lanes[:2], watched.deliveries[1:], strict=True)
    ]
    run = Run(lanes[2].hook, watched.day, "meanwhile")
    errors = Turns(draw.choice).play(lanes, [*works, lambda: require_end(run)])

    assert errors == [None, None, None]
    watched.check_vouched()
    require_end(Run(world.hook, watched.day, "afterwards"))
    assert watched.check_vouched().etags == read_current_etags(watched)
    report("runs beside two producers", 1)


def put_one_by_one(lane: Lane, watched: Watched, raw: Any, draw: random.Random) -> None:
    for name in draw.sample(sorted(raw), 3):
        bucket, key = watched.hook.parse_s3_url(keys.raw(LAYOUT, watched.day, name))
        lane.hook.get_conn().put_object(Bucket=bucket, Key=key, Body=raw[name])


def require_end(run: Run) -> None:
    assert run_stages(run) == End()


def read_current_etags(watched: Watched) -> dict[str, str]:
    found = {}
    for name in watched.deliveries[0].raw:
        bucket, key = watched.hook.parse_s3_url(keys.raw(LAYOUT, watched.day, name))
        found[name] = watched.hook.get_conn().head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
    return found
