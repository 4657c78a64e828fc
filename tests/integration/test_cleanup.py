"""What dead runs left goes, and nothing that anybody may still need."""

import dataclasses
import datetime as dt

import pytest

from include import keys
from include.cleanup import clean_up
from include.config import Settings
from include.errors import SnapshotGoneError
from include.extract import extract
from include.local.dag_run import trigger_day
from include.publish import publish
from include.s3.listing import list_versions
from include.transform import transform
from tests.integration.conftest import LAYOUT, Pipeline
from tests.raw_files import make_orders
from tests.records import VALIDATED
from tests.waiting import wait_until

SETTINGS = Settings()
NOW = dt.datetime.now(dt.UTC)
LATER = NOW + dt.timedelta(days=SETTINGS.keep_days + 1)


def list_left(pipeline: Pipeline, day: str) -> set[str]:
    """The folders of a day that still hold anything, be it an old version: `snapshots/run`, `staged/run`."""
    left = set()
    for prefix in keys.working(LAYOUT):
        for version in list_versions(pipeline.stack.hook, f"{prefix}{day}/"):
            left.add("/".join(version.url.removeprefix(f"s3://{LAYOUT.curated_bucket}/").split("/")[::2][:2]))
    return left


def test_dead_runs_are_removed_but_published_snapshots_stay(pipeline: Pipeline, day: str) -> None:
    hook = pipeline.stack.hook
    pipeline.deliver(day, make_orders(5))
    for run_id in ("dead", "live", "published"):
        extracted = extract(hook, SETTINGS, day, run_id)
        transformed = transform(hook, SETTINGS, extracted)
    publish(hook, SETTINGS, extracted, transformed, VALIDATED, NOW)
    nameless = keys.staged(LAYOUT, day, "nameless", "orders.parquet")
    beside = f"s3://{LAYOUT.curated_bucket}/snapshots/notes.txt"
    for url in (nameless, beside):
        pipeline.put(url, b"x")

    assert not [folder for folder in clean_up(hook, SETTINGS, lambda _: False, NOW) if day in folder]
    removed = clean_up(hook, SETTINGS, lambda run_id: run_id == "live", LATER)

    assert sorted(folder for folder in removed if day in folder) == [
        f"s3://{LAYOUT.curated_bucket}/snapshots/{day}/dead/",
        f"s3://{LAYOUT.curated_bucket}/staged/{day}/dead/",
        f"s3://{LAYOUT.curated_bucket}/staged/{day}/published/",
    ]
    assert list_left(pipeline, day) == {
        "snapshots/live",
        "staged/live",
        "snapshots/published",
        "staged/nameless",
    }
    assert pipeline.get(beside) == b"x"
    assert pipeline.exists(keys.published(LAYOUT, day, "orders"))
    assert pipeline.exists(keys.raw(LAYOUT, day, "orders"))


def test_run_without_its_snapshot_says_what_to_do(pipeline: Pipeline, day: str) -> None:
    hook = pipeline.stack.hook
    pipeline.deliver(day, make_orders(5))
    extracted = extract(hook, SETTINGS, day, "dead")
    clean_up(hook, SETTINGS, lambda _: False, LATER)

    with pytest.raises(SnapshotGoneError, match=r"removed it\. Clear the run from extract on"):
        transform(hook, SETTINGS, extracted)


def test_only_old_unfinished_uploads_below_the_two_prefixes_are_ended(pipeline: Pipeline, day: str) -> None:
    hook = pipeline.stack.hook
    s3, bucket = hook.get_conn(), LAYOUT.curated_bucket
    inside, outside = f"staged/{day}/x/orders.parquet", f"orders/dt={day}/orders.parquet"
    for key in (inside, outside):
        s3.create_multipart_upload(Bucket=bucket, Key=key)

    def find_begun() -> set[str]:
        return {upload["Key"] for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])}

    clean_up(hook, SETTINGS, lambda _: False, NOW)
    assert find_begun() >= {inside, outside}
    clean_up(hook, SETTINGS, lambda _: False, LATER)

    assert find_begun() & {inside, outside} == {outside}


def test_the_nightly_run_leaves_a_waiting_run_alone(pipeline: Pipeline, day: str) -> None:
    hook, api = pipeline.stack.hook, pipeline.api
    pipeline.deliver(day, make_orders(10, faulty=10))
    red = trigger_day(api, day)
    assert pipeline.wait(red) == "failed"
    pipeline.deliver(day, make_orders(10))
    extracted = extract(hook, SETTINGS, day, "forgotten")
    pipeline.delete(keys.raw(LAYOUT, day, "products"))
    waiting = trigger_day(api, day)
    wait_until(lambda: pipeline.task_state(waiting, "wait_for_raw_files"), {"deferred"}, 180)
    snapshot = keys.snapshot(LAYOUT, day, waiting, "orders")
    hook.get_conn().copy_object(
        Bucket=LAYOUT.curated_bucket,
        Key=snapshot.partition(f"{LAYOUT.curated_bucket}/")[2],
        CopySource=extracted["inputs"]["orders"]["snapshot_key"].removeprefix("s3://"),
        Metadata={"run-id": waiting},
        MetadataDirective="REPLACE",
    )

    with pipeline.variables(keep_days="0"):
        api.trigger("ecommerce_cleanup", f"now__{day}", {})
        assert pipeline.wait(f"now__{day}", "ecommerce_cleanup") == "success"

    assert list_left(pipeline, day) == {f"snapshots/{keys.safe(waiting)}"}
    pipeline.deliver(day, make_orders(20))
    assert pipeline.wait(waiting) == "success"


def test_settings_say_how_long_to_keep(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, make_orders(5))
    extract(pipeline.stack.hook, SETTINGS, day, "dead")
    patient = dataclasses.replace(SETTINGS, keep_days=30)

    clean_up(pipeline.stack.hook, patient, lambda _: False, LATER)

    assert list_left(pipeline, day) == {"snapshots/dead"}
