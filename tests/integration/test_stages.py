"""The stages on the real object store, where a test must come between two of them."""

import dataclasses
import datetime as dt
import io
from typing import Any

import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from include import keys
from include.config import Settings
from include.errors import GateClosedError, RawFileChangedError, RetryableError
from include.extract import extract
from include.manifest import Quality
from include.publish import publish
from include.publishing.gate import decide_gate
from include.s3 import objects
from include.s3.objects import head_object
from include.s3.streams import RemoteFile
from include.transform import transform
from tests.integration.conftest import LAYOUT, Pipeline
from tests.raw_files import make_orders
from tests.records import GREEN, VALIDATED

SETTINGS = Settings()
NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def test_a_file_that_is_replaced_during_a_run_changes_nothing_in_it(pipeline: Pipeline, day: str) -> None:
    hook = pipeline.stack.hook
    pipeline.deliver(day, make_orders(10))
    extracted = extract(hook, SETTINGS, day, "run 1")
    pipeline.deliver(day, make_orders(20))

    transformed = transform(hook, SETTINGS, extracted)
    manifest = publish(hook, SETTINGS, extracted, transformed, VALIDATED, NOW)

    assert manifest["rows"]["orders"]["published"] == 10
    orders = pq.read_table(io.BytesIO(pipeline.get(keys.published(LAYOUT, day, "orders"))))
    assert orders.num_rows == 10
    assert manifest["inputs"]["orders"]["version_id"]


def test_file_replaced_while_pinned_is_not_mixed(
    pipeline: Pipeline, day: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = pipeline.stack.hook
    pipeline.deliver(day, make_orders(10))
    head_object = objects.head_object

    def replace_after_head(hook: Any, url: str) -> objects.ObjectState:
        state = head_object(hook, url)
        if url == keys.raw(LAYOUT, day, "orders"):
            pipeline.deliver(day, make_orders(20))
        return state

    monkeypatch.setattr("include.extract.head_object", replace_after_head)

    with pytest.raises(RawFileChangedError, match="was replaced while it was being copied"):
        extract(hook, SETTINGS, day, "run 1")


def test_empty_raw_file_is_left_to_a_retry(pipeline: Pipeline, day: str) -> None:
    hook = pipeline.stack.hook
    pipeline.deliver(day, "")

    with pytest.raises(RetryableError, match="zero bytes"):
        extract(hook, SETTINGS, day, "run 1")

    pipeline.deliver(day, make_orders(10))
    extracted = extract(hook, SETTINGS, day, "run 1")
    assert transform(hook, SETTINGS, extracted)["counts"]["rows"]["orders"]["published"] == 10


def test_a_failed_checkpoint_closes_the_gate(pipeline: Pipeline, day: str) -> None:
    hook = pipeline.stack.hook
    pipeline.deliver(day, make_orders(10))
    extracted = extract(hook, SETTINGS, day, "run 1")
    transformed = transform(hook, SETTINGS, extracted)
    quality: Quality = {**GREEN, "success": False, "failed": ["expect_x(quantity): 1 of 10 rows"]}
    gate = decide_gate(transformed["counts"], quality, SETTINGS, None)

    with pytest.raises(GateClosedError, match=r"Failed expectation: expect_x\(quantity\): 1 of 10 rows"):
        publish(hook, SETTINGS, extracted, transformed, {"quality": quality, "gate": gate}, NOW)

    assert not pipeline.exists(keys.published(LAYOUT, day, "orders"))


def test_compressed_deliveries_are_read(pipeline: Pipeline, day: str) -> None:
    import gzip

    layout = dataclasses.replace(LAYOUT, raw_key_template="zipped/{day}/{dataset}.csv.gz")
    settings = dataclasses.replace(SETTINGS, layout=layout)
    pipeline.deliver(day, make_orders(10))
    for dataset in ("customers", "products", "orders"):
        plain = pipeline.get(keys.raw(LAYOUT, day, dataset))
        pipeline.put(keys.raw(layout, day, dataset), gzip.compress(plain))

    extracted = extract(pipeline.stack.hook, settings, day, "run 1")
    transformed = transform(pipeline.stack.hook, settings, extracted)

    assert transformed["counts"]["rows"]["orders"]["published"] == 10


def test_a_missing_raw_file_is_an_error_of_the_store(pipeline: Pipeline, day: str) -> None:
    with pytest.raises(ClientError, match="404"):
        extract(pipeline.stack.hook, SETTINGS, day, "run 1")


def test_a_published_table_is_read_as_its_manifest_names_it(pipeline: Pipeline, day: str) -> None:
    """Another run may be in the middle of replacing it."""
    url = keys.published(LAYOUT, day, "customers")
    pipeline.put(url, b"as published")
    published = head_object(pipeline.stack.hook, url)
    pipeline.put(url, b"half of another run")

    assert RemoteFile(pipeline.stack.hook, published).read() == b"as published"
