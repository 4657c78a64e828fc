"""`make verify` on the real store: a day proves itself, and no change of one byte or field goes unnoticed."""

import copy
import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from include import keys
from include.config import Settings
from include.contract import DATASETS
from include.errors import DayNotPublishedError, VerificationError
from include.extract import extract
from include.keys import Layout
from include.local.storage import connect, create_buckets
from include.manifest import Manifest
from include.publish import publish
from include.s3.objects import Client
from include.transform import transform
from include.verify import prove_day, verify
from tests.integration.own_store import run_own_store
from tests.raw_files import complete_day, make_orders
from tests.records import VALIDATED

SETTINGS, LAYOUT = Settings(), Layout()
DAY, RUN = "2026-11-21", "run 1"
MANIFEST = keys.manifest(LAYOUT, DAY)
TABLES = [name for dataset in DATASETS for name in (dataset, f"quarantine/{dataset}")]


@dataclass(frozen=True)
class PublishedDay:
    """A day that was published by the real stages, and how a test changes it for a while."""

    client: Client
    manifest: Manifest

    def read(self, url: str) -> bytes:
        bucket, key = self.client.parse_s3_url(url)
        body: bytes = self.client.get_conn().get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def write(self, url: str, body: bytes) -> None:
        bucket, key = self.client.parse_s3_url(url)
        self.client.get_conn().put_object(Bucket=bucket, Key=key, Body=body)

    def delete(self, url: str) -> None:
        bucket, key = self.client.parse_s3_url(url)
        self.client.get_conn().delete_object(Bucket=bucket, Key=key)

    def write_manifest(self, manifest: Any) -> None:
        self.write(MANIFEST, json.dumps(manifest).encode())


@pytest.fixture
def published(tmp_path_factory: pytest.TempPathFactory, store: Client) -> PublishedDay:
    for dataset, text in complete_day({"orders": make_orders(20, faulty=1)}).items():
        bucket, key = store.parse_s3_url(keys.raw(LAYOUT, DAY, dataset))
        store.get_conn().put_object(Bucket=bucket, Key=key, Body=str(text).encode())
    extracted = extract(store, SETTINGS, DAY, RUN)  # type: ignore[arg-type]  # stands in for the hook
    transformed = transform(store, SETTINGS, extracted)  # type: ignore[arg-type]
    now = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    return PublishedDay(store, publish(store, SETTINGS, extracted, transformed, VALIDATED, now))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with run_own_store(tmp_path_factory.mktemp("store")) as own:
        create_buckets(own.hook(), LAYOUT)
        yield connect(own.owner)


def find_wrong(published: PublishedDay) -> list[str]:
    return [difference.where for difference in verify(published.client, SETTINGS, DAY).differences]


def test_published_day_proves_itself(published: PublishedDay) -> None:
    verdict = prove_day(published.client, SETTINGS, DAY)

    assert "2026-11-21 is verified" in verdict
    assert "20 orders, total price 399.60" in verdict


def test_other_code_version_is_named(published: PublishedDay) -> None:
    published.write_manifest({**published.manifest, "code_version": "0.0.1+other"})

    assert "Published by code 0.0.1+other" in prove_day(published.client, SETTINGS, DAY)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("has_forged_manifest", [False, True], ids=["object", "object and manifest"])
def test_changed_table_is_noticed(published: PublishedDay, table: str, has_forged_manifest: bool) -> None:
    url = published.manifest["outputs"][table]["key"]
    published.write(url, flip_byte(published.read(url)))
    if has_forged_manifest:
        manifest = copy.deepcopy(published.manifest)
        bucket, key = published.client.parse_s3_url(url)
        head = published.client.get_conn().head_object(Bucket=bucket, Key=key)
        manifest["outputs"][table]["etag"] = head["ETag"].strip('"')
        manifest["outputs"][table]["version_id"] = head["VersionId"]
        published.write_manifest(manifest)

    assert {where.split(".")[1] for where in find_wrong(published)} == {table}


@pytest.mark.parametrize("dataset", DATASETS)
def test_changed_snapshot_is_noticed(published: PublishedDay, dataset: str) -> None:
    url = published.manifest["inputs"][dataset]["snapshot_key"]
    published.write(url, flip_byte(published.read(url)))

    assert f"inputs.{dataset}.snapshot_etag" in find_wrong(published)


@pytest.mark.parametrize("dataset", DATASETS)
def test_forged_snapshot_does_not_give_the_published_bytes(published: PublishedDay, dataset: str) -> None:
    url = published.manifest["inputs"][dataset]["snapshot_key"]
    published.write(url, published.read(url).replace(b"1", b"4"))
    bucket, key = published.client.parse_s3_url(url)
    manifest = copy.deepcopy(published.manifest)
    etag = published.client.get_conn().head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
    manifest["inputs"][dataset] |= {"etag": etag, "snapshot_etag": etag}
    published.write_manifest(manifest)

    assert find_wrong(published)


@pytest.mark.parametrize("what", ["table", "snapshot"])
def test_missing_object_is_noticed(published: PublishedDay, what: str) -> None:
    inputs, outputs = published.manifest["inputs"], published.manifest["outputs"]
    published.delete(outputs["orders"]["key"] if what == "table" else inputs["orders"]["snapshot_key"])

    assert find_wrong(published) == ["outputs.orders" if what == "table" else "inputs.orders"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(path, value, id=path)
        for path, value in {
            "day": "2026-11-22",
            "run_id": "run 2",
            "rows.customers.read": 3,
            "rows.products.published": 3,
            "rows.orders.read": 20,
            "rows.orders.published": 21,
            "rows.orders.quarantined": 0,
            "rows.orders.duplicates": 1,
            "reasons.orders.unknown_customer": 2,
            "reasons.customers.malformed_row": 1,
            "total_price": "399.61",
            "undelivered": 3,
            "drift.orders.unknown_columns": ["note"],
            "quality.success": False,
            "quality.failed": ["expect_x(quantity)"],
            "inputs.orders.snapshot_key": "s3://ecommerce-curated/snapshots/other/orders.csv",
            "inputs.orders.snapshot_etag": "0" * 32,
            "inputs.customers.bytes": 1,
            "inputs.products.etag": "0" * 32,
            "outputs.orders.key": "s3://ecommerce-curated/orders/dt=2026-11-22/orders.parquet",
            "outputs.orders.etag": "0" * 32,
            "outputs.orders.version_id": "0" * 32,
            "outputs.orders.bytes": 1,
            "outputs.orders.rows": 1,
            "outputs.quarantine/orders.rows": 0,
        }.items()
    ],
)
def test_changed_field_of_the_manifest_is_noticed(published: PublishedDay, path: str, value: object) -> None:
    manifest: Any = copy.deepcopy(published.manifest)
    *parents, field = path.split(".")
    document = manifest
    for parent in parents:
        document = document[parent]
    assert document[field] != value
    document[field] = value
    published.write_manifest(manifest)

    with pytest.raises(VerificationError, match="is not what its manifest says"):
        prove_day(published.client, SETTINGS, DAY)


def test_unpublished_day_is_an_error(store: Client) -> None:
    with pytest.raises(DayNotPublishedError, match="2026-01-01 is not published"):
        verify(store, SETTINGS, "2026-01-01")


def flip_byte(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
