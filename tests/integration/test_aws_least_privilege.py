"""Each identity of include/aws/policies.py may do its work on a real store, and nothing beside it.

The policies are the ones that the access template carries: tests/project/test_aws_templates.py compares them.
"""

import datetime as dt
import fnmatch
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include import keys
from include.aws import policies
from include.aws.validate_templates import example_place
from include.cleanup import clean_up
from include.config import Settings
from include.contract import CUSTOMERS, DATASETS, ORDERS, unknown_reason
from include.corrections import scan_published_days
from include.extract import extract
from include.generate import generate
from include.keys import Layout
from include.local.repairs import export_quarantine
from include.local.settings_file import Connection
from include.local.storage import create_buckets, find_raw_files, upload_raw_files
from include.manifest import Manifest
from include.publish import publish
from include.reporting.alert_log import RUN_FAILED, record_alert
from include.site.store import Store
from include.transform import transform
from include.validate import validate
from include.watchdog import find_first_published_day, read_day_state
from tests.integration.own_store import OwnStore, run_own_store

LAYOUT = Layout()
PLACE = example_place()
DAY, NEXT_DAY = "2026-11-21", "2026-11-22"
FOREIGN = "payroll"
#: Which IAM action S3 asks for when a client calls an operation, and on whose name.
ACTIONS = {
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
}


@dataclass
class Worked:
    """A day that the pipeline's own identity processed, and every right that it used."""

    manifest: Manifest
    used: set[tuple[str, str]] = field(default_factory=set)


@pytest.fixture(scope="module")
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStore]:
    with run_own_store(tmp_path_factory.mktemp("own-store")) as store:
        create_buckets(store.hook(), LAYOUT)
        for bucket in (PLACE.artifact_bucket, FOREIGN):
            store.client("s3").create_bucket(Bucket=bucket)
        store.client("s3").put_object(Bucket=FOREIGN, Key="salaries.csv", Body=b"secret")
        store.client("s3").put_object(Bucket=LAYOUT.raw_bucket, Key="payments/cards.csv", Body=b"secret")
        yield store


@pytest.fixture(scope="module")
def identities(own_store: OwnStore) -> dict[str, Connection]:
    documents = {
        "worker": (policies.worker_data(LAYOUT, PLACE), policies.worker_services(PLACE)),
        "glue_job": (policies.glue_job(LAYOUT, PLACE),),
        "producer": (policies.producer(LAYOUT, PLACE),),
        "docs_reader": (policies.docs_reader(LAYOUT, PLACE),),
        "watchdog": (policies.watchdog(LAYOUT, PLACE),),
    }
    return {name: own_store.add_identity(name, *granted) for name, granted in documents.items()}


@pytest.fixture(scope="module")
def worked(own_store: OwnStore, identities: dict[str, Connection], tmp_path_factory: Any) -> Worked:
    """The producer delivers, the worker waits and processes: a whole day, each with its own rights."""
    hook = own_store.hook(identities["worker"])
    used: set[tuple[str, str]] = set()
    hook.get_conn().meta.events.register("provide-client-params.s3", _recorder(used))
    assert not any(hook.check_for_key(keys.raw(LAYOUT, DAY, dataset)) for dataset in DATASETS)
    _deliver(own_store.hook(identities["producer"]), tmp_path_factory.mktemp("raw"))
    assert all(hook.check_for_key(keys.raw(LAYOUT, DAY, dataset)) for dataset in DATASETS)
    first = _run_day(hook, DAY, "run 1")
    _repair_a_row_and_deliver_a_late_customer(own_store, first)
    _run_day(hook, NEXT_DAY, "run 1")
    assert [change.inputs for change in scan_published_days(hook, Settings(), NEXT_DAY).changes] == [
        {"late_customers": "added", "repairs_orders": "added"}
    ]
    now, settings = dt.datetime.now(dt.UTC), Settings()
    record_alert(hook, LAYOUT, DAY, RUN_FAILED, now)
    manifest = _run_day(hook, DAY, "run 2")
    clean_up(hook, settings, lambda _: False, now + dt.timedelta(days=settings.keep_days + 1))
    return Worked(manifest, used)


def _run_day(hook: Any, day: str, run_id: str) -> Manifest:
    settings = Settings()
    extracted = extract(hook, settings, day, run_id)
    transformed = transform(hook, settings, extracted)
    validated = validate(hook, settings, extracted, transformed)
    return publish(hook, settings, extracted, transformed, validated, dt.datetime.now(dt.UTC))


def _repair_a_row_and_deliver_a_late_customer(own_store: OwnStore, manifest: Manifest) -> None:
    """By other hands than the pipeline's."""
    s3, hook = own_store.client("s3"), own_store.hook()
    refused = export_quarantine(hook, LAYOUT, DAY, ORDERS)
    repaired = {name: refused[0][name] for name in ("line_number", "raw_etag")} | {"order_id": "repaired"}
    repair = ",".join(repaired) + "\n" + ",".join(map(str, repaired.values())) + "\n"
    s3.put_object(Bucket=CURATED, Key=f"repairs/dt={DAY}/orders.csv", Body=repair.encode())
    unknown = next(row["customer_id"] for row in refused if row["reasons"] == unknown_reason("customer_id"))
    for dataset in DATASETS:
        body = s3.get_object(Bucket=RAW, Key=f"{DAY}/{dataset}.csv")["Body"].read()
        if dataset == CUSTOMERS.name:
            columns = body.partition(b"\n")[0].decode().strip().split(",")
            row = [unknown if name == CUSTOMERS.id_column else "" for name in columns]
            body += ",".join(row).encode() + b"\n"
        s3.put_object(Bucket=RAW, Key=f"{NEXT_DAY}/{dataset}.csv", Body=body)


def _deliver(hook: Any, folder: Path) -> None:
    generate(dt.date.fromisoformat(DAY), folder, orders=1_000, customers=500, products=100)
    upload_raw_files(hook, LAYOUT, DAY, find_raw_files(folder, LAYOUT))


def _recorder(used: set[tuple[str, str]]) -> Callable[..., None]:
    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name == "CopyObject":
            source = params["CopySource"]
            used.add(("s3:GetObject", f"{source['Bucket']}/{source['Key']}"))
            used.add(("s3:PutObject", f"{params['Bucket']}/{params['Key']}"))
        elif model.name == "DeleteObjects":
            names = [f"{params['Bucket']}/{each['Key']}" for each in params["Delete"]["Objects"]]
            used.update(("s3:DeleteObjectVersion", name) for name in names)
        else:
            name = "/".join(filter(None, (params["Bucket"], params.get("Key"))))
            action = "s3:GetObjectVersion" if params.get("VersionId") else ACTIONS[model.name]
            used.add((action, name))
            # Whether an object is missing may be told only to those who may list.
            used.add(("s3:ListBucket", params["Bucket"])) if model.name == "HeadObject" else None

    return record


def test_the_pipeline_publishes_a_whole_day_with_its_own_rights(worked: Worked) -> None:
    assert worked.manifest["rows"]["orders"]["published"] > 900
    assert worked.manifest["quality"]["success"]


def test_the_pipeline_uses_every_statement_of_its_data_policy(worked: Worked) -> None:
    unused = [
        statement["Sid"]
        for statement in policies.worker_data(LAYOUT, PLACE)["Statement"]
        if not any(_allows(statement, action, name) for action, name in worked.used)
    ]

    assert unused == []


def _allows(statement: dict[str, Any], action: str, name: str) -> bool:
    resources = [resource.removeprefix("arn:aws:s3:::") for resource in statement["Resource"]]
    return action in statement["Action"] and any(fnmatch.fnmatchcase(name, each) for each in resources)


def test_the_reader_shows_the_site_and_the_watchdog_sees_the_manifest(
    own_store: OwnStore, identities: dict[str, Connection], worked: Worked
) -> None:
    from include.aws.watchdog import has_manifest

    site = Store(own_store.hook(identities["docs_reader"]), LAYOUT)
    watchdog = own_store.client("s3", identities["watchdog"])

    assert site.read_manifests(DAY, DAY)[DAY]["total_price"] == worked.manifest["total_price"]
    assert site.find_first_day() == DAY
    assert has_manifest(watchdog, LAYOUT, DAY)
    assert not has_manifest(watchdog, LAYOUT, "2026-11-23")


def test_the_worker_watches_over_days_that_are_there_and_days_that_are_not(
    own_store: OwnStore, identities: dict[str, Connection], worked: Worked
) -> None:
    hook = own_store.hook(identities["worker"])

    published, missing = (read_day_state(hook, LAYOUT, day) for day in (DAY, "2026-11-23"))

    assert (set(published.alerted), published.is_resolved) == ({RUN_FAILED}, True)
    assert missing.missing == tuple(keys.raw(LAYOUT, "2026-11-23", dataset) for dataset in DATASETS)
    assert find_first_published_day(hook, LAYOUT) == DAY


def test_the_glue_job_reads_a_snapshot_and_stages(
    own_store: OwnStore, identities: dict[str, Connection], worked: Worked
) -> None:
    s3 = own_store.client("s3", identities["glue_job"])
    inputs = worked.manifest["inputs"]

    for name in ("orders", "late_customers"):
        assert s3.get_object(**_place(inputs[name]["snapshot_key"]))["ContentLength"] > 0
    s3.put_object(Bucket=CURATED, Key=f"staged/{DAY}/run-1/part.parquet", Body=b"x")
    s3.delete_object(Bucket=CURATED, Key=f"staged/{DAY}/run-1/part.parquet")
    own_store.client("s3").put_object(Bucket=PLACE.artifact_bucket, Key="glue/job.py", Body=b"x")
    s3.get_object(Bucket=PLACE.artifact_bucket, Key="glue/job.py")


def _place(url: str) -> dict[str, str]:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


RAW, CURATED, QUALITY, ARTIFACTS = (
    LAYOUT.raw_bucket,
    LAYOUT.curated_bucket,
    LAYOUT.quality_bucket,
    PLACE.artifact_bucket,
)
DELIVERED = f"{DAY}/orders.csv"
PUBLISHED = f"orders/dt={DAY}/orders.parquet"
REFUSED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "worker writes to raw": ("worker", lambda s3: s3.put_object(Bucket=RAW, Key=DELIVERED, Body=b"x")),
    "worker deletes raw": ("worker", lambda s3: s3.delete_object(Bucket=RAW, Key=DELIVERED)),
    "worker reads what is no raw file": (
        "worker",
        lambda s3: s3.get_object(Bucket=RAW, Key="payments/cards.csv"),
    ),
    "worker reads a day that is none": (
        "worker",
        lambda s3: s3.get_object(Bucket=RAW, Key="2026-11/orders.csv"),
    ),
    "worker pins what is no raw file": (
        "worker",
        lambda s3: s3.copy_object(
            Bucket=CURATED, Key="snapshots/x", CopySource={"Bucket": RAW, "Key": "payments/cards.csv"}
        ),
    ),
    "worker deletes published data": ("worker", lambda s3: s3.delete_object(Bucket=CURATED, Key=PUBLISHED)),
    "worker deletes a batch of published data": (
        "worker",
        lambda s3: _require_errors(
            s3.delete_objects(Bucket=CURATED, Delete={"Objects": [{"Key": PUBLISHED}]})
        ),
    ),
    "worker deletes a version": (
        "worker",
        lambda s3: s3.delete_object(Bucket=CURATED, Key=PUBLISHED, VersionId="null"),
    ),
    "worker writes beside the published keys": (
        "worker",
        lambda s3: s3.put_object(Bucket=CURATED, Key="orders/latest.parquet", Body=b"x"),
    ),
    "worker writes beside the docs": ("worker", lambda s3: s3.put_object(Bucket=QUALITY, Key="x", Body=b"x")),
    "worker writes a release": (
        "worker",
        lambda s3: s3.put_object(Bucket=ARTIFACTS, Key="releases/current.zip", Body=b"x"),
    ),
    "worker lists a foreign bucket": ("worker", lambda s3: s3.list_objects_v2(Bucket=FOREIGN)),
    "worker reads a foreign bucket": ("worker", lambda s3: s3.get_object(Bucket=FOREIGN, Key="salaries.csv")),
    "worker switches versioning off": (
        "worker",
        lambda s3: s3.put_bucket_versioning(Bucket=CURATED, VersioningConfiguration={"Status": "Suspended"}),
    ),
    "worker opens a bucket to others": (
        "worker",
        lambda s3: s3.put_bucket_policy(Bucket=CURATED, Policy='{"Version": "2012-10-17", "Statement": []}'),
    ),
    "worker changes the life cycle": ("worker", lambda s3: s3.delete_bucket_lifecycle(Bucket=CURATED)),
    "worker deletes a bucket": ("worker", lambda s3: s3.delete_bucket(Bucket=QUALITY)),
    "worker repairs rows by itself": (
        "worker",
        lambda s3: s3.put_object(Bucket=CURATED, Key=f"repairs/dt={DAY}/orders.csv", Body=b"x"),
    ),
    "producer reads a delivery": ("producer", lambda s3: s3.get_object(Bucket=RAW, Key=DELIVERED)),
    "producer deletes a delivery": ("producer", lambda s3: s3.delete_object(Bucket=RAW, Key=DELIVERED)),
    "producer lists deliveries": ("producer", lambda s3: s3.list_objects_v2(Bucket=RAW)),
    "producer delivers something else": (
        "producer",
        lambda s3: s3.put_object(Bucket=RAW, Key=f"{DAY}/virus.exe", Body=b"x"),
    ),
    "producer publishes": ("producer", lambda s3: s3.put_object(Bucket=CURATED, Key=PUBLISHED, Body=b"x")),
    "glue job reads raw": ("glue_job", lambda s3: s3.get_object(Bucket=RAW, Key=DELIVERED)),
    "glue job publishes": ("glue_job", lambda s3: s3.put_object(Bucket=CURATED, Key=PUBLISHED, Body=b"x")),
    "glue job deletes published data": (
        "glue_job",
        lambda s3: s3.delete_object(Bucket=CURATED, Key=PUBLISHED),
    ),
    "reader reads quarantine": (
        "docs_reader",
        lambda s3: s3.get_object(Bucket=CURATED, Key=f"quarantine/orders/dt={DAY}/orders.parquet"),
    ),
    "reader reads published data": ("docs_reader", lambda s3: s3.get_object(Bucket=CURATED, Key=PUBLISHED)),
    "reader writes docs": ("docs_reader", lambda s3: s3.put_object(Bucket=QUALITY, Key="docs/x", Body=b"x")),
    "watchdog reads published data": ("watchdog", lambda s3: s3.get_object(Bucket=CURATED, Key=PUBLISHED)),
    "watchdog vouches for a day": (
        "watchdog",
        lambda s3: s3.put_object(Bucket=CURATED, Key=f"manifests/dt={DAY}.json", Body=b"x"),
    ),
}


def _require_errors(answer: dict[str, Any]) -> None:
    """A request for many objects succeeds as a whole; what was refused stands in its answer."""
    if answer.get("Errors"):
        raise ClientError({"Error": {"Code": answer["Errors"][0]["Code"]}}, "DeleteObjects")


@pytest.mark.parametrize(("identity", "attempt"), REFUSED.values(), ids=REFUSED.keys())
def test_ungranted_action_is_denied(
    own_store: OwnStore,
    identities: dict[str, Connection],
    worked: Worked,
    identity: str,
    attempt: Callable[[Any], Any],
) -> None:
    with pytest.raises(ClientError) as refused:
        attempt(own_store.client("s3", identities[identity]))

    assert refused.value.response["Error"]["Code"] in {"AccessDenied", "403"}


def test_denied_attempts_change_nothing(own_store: OwnStore, worked: Worked) -> None:
    owner = own_store.client("s3")
    output = worked.manifest["outputs"]["orders"]

    assert owner.head_object(Bucket=CURATED, Key=PUBLISHED)["ETag"].strip('"') == output["etag"]
    assert owner.get_bucket_versioning(Bucket=CURATED)["Status"] == "Enabled"
