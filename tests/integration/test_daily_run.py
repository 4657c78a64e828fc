"""A day through the real DAG, on the real scheduler and the real object store."""

import hashlib
import io
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from include import keys
from include.contract import DATASETS
from include.local.dag_run import trigger_day
from tests.integration.conftest import LAYOUT, Pipeline
from tests.raw_files import ORDERS_HEADER, make_orders
from tests.waiting import wait_until

VERIFY = "ecommerce_verify"


def test_good_day_is_published_with_its_manifest(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, make_orders(100, faulty=3) + "O0,C1,P1\n")

    assert pipeline.run(day) == ("success", "")

    manifest = pipeline.read_manifest(day)
    assert manifest["rows"]["orders"] == {
        "read": 104,
        "published": 100,
        "quarantined": 4,
        "duplicates": 0,
        "blank": 0,
    }
    reasons = {reason: count for reason, count in manifest["reasons"]["orders"].items() if count}
    assert reasons == {"quantity_not_positive": 3, "unknown_customer": 3, "malformed_row": 1}
    assert manifest["total_price"] == "1998.00"
    assert manifest["quality"]["success"]
    assert pipeline.exists(manifest["quality"]["docs_key"])
    for output in manifest["outputs"].values():
        body = pipeline.get(output["key"])
        assert len(body) == output["bytes"]
        assert pq.read_metadata(io.BytesIO(body)).num_rows == output["rows"]
    for dataset, raw in manifest["inputs"].items():
        assert raw["etag"] == hashlib.md5(pipeline.get(keys.raw(LAYOUT, day, dataset))).hexdigest()  # noqa: S324  # S3's own
    orders = pq.read_table(io.BytesIO(pipeline.get(keys.published(LAYOUT, day, "orders"))))
    assert sum(orders["total_price"].to_pylist()) == Decimal("1998.0000")
    refused = pq.read_table(io.BytesIO(pipeline.get(keys.quarantine(LAYOUT, day, "orders"))))
    assert set(refused["source_key"].to_pylist()) == {keys.raw(LAYOUT, day, "orders")}
    assert refused["line_number"].to_pylist() == [102, 103, 104, 105]


def test_verify_dag_proves_a_day_and_names_tampering(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, make_orders(10))
    assert pipeline.run(day) == ("success", "")

    pipeline.api.trigger(VERIFY, "intact", {"day": day})
    assert pipeline.wait("intact", VERIFY) == "success"

    pipeline.put(keys.published(LAYOUT, day, "orders"), b"tampered")
    pipeline.api.trigger(VERIFY, "tampered", {"day": day})
    assert pipeline.wait("tampered", VERIFY) == "failed"
    log = str(pipeline.api.read_task_log(VERIFY, "tampered", "verify", 1))
    assert "outputs.orders.etag: the manifest says" in log


def test_a_second_run_of_a_day_publishes_the_same_bytes(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, make_orders(50, faulty=1))
    urls = [of(LAYOUT, day, dataset) for of in (keys.published, keys.quarantine) for dataset in DATASETS]

    assert pipeline.run(day)[0] == "success"
    first = [pipeline.get(url) for url in urls]
    assert pipeline.run(day)[0] == "success"

    assert [pipeline.get(url) for url in urls] == first


def test_a_late_file_is_waited_for_without_a_worker(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, make_orders(10))
    pipeline.delete(keys.raw(LAYOUT, day, "orders"))
    run_id = trigger_day(pipeline.api, day)

    wait_until(lambda: pipeline.task_state(run_id, "wait_for_raw_files"), {"deferred"}, 180)
    pipeline.deliver(day, make_orders(20))

    assert pipeline.wait(run_id) == "success"
    assert pipeline.read_manifest(day)["rows"]["orders"]["read"] == 20


def test_a_closed_gate_publishes_nothing_and_says_why(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, make_orders(90, faulty=10))

    state, message = pipeline.run(day)

    assert state == "failed"
    assert "orders: 10 of 100 rows were rejected (10.0%, allowed 5.0%)" in message
    assert "quantity_not_positive 10, unknown_customer 10" in message
    gate = pipeline.read_json(next(word for word in message.split() if word.endswith("gate.json")))
    assert (gate["success"], gate["rows"]["orders"]["quarantined"]) == (False, 10)
    assert pipeline.exists(gate["quality"]["docs_key"])
    assert not pipeline.exists(keys.manifest(LAYOUT, day))
    assert not pipeline.exists(keys.published(LAYOUT, day, "orders"))


def test_a_closed_gate_leaves_the_earlier_version_of_the_day(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, make_orders(30))
    assert pipeline.run(day)[0] == "success"
    before = pipeline.get(keys.manifest(LAYOUT, day))

    pipeline.deliver(day, make_orders(30, faulty=30))
    assert pipeline.run(day)[0] == "failed"

    assert pipeline.get(keys.manifest(LAYOUT, day)) == before
    assert len(pq.read_table(io.BytesIO(pipeline.get(keys.published(LAYOUT, day, "orders"))))) == 30


@pytest.mark.parametrize(
    ("orders", "message"),
    {
        "header only": (ORDERS_HEADER, "there are no rows below the header"),
        "semicolons": (make_orders(3).replace(",", ";"), "separated by semicolons"),
    }.values(),
    ids=["header only", "semicolons"],
)
def test_an_unusable_file_fails_at_once_with_one_clear_message(
    pipeline: Pipeline, day: str, orders: str, message: str
) -> None:
    pipeline.deliver(day, orders)

    state, fault = pipeline.run(day)

    assert state == "failed"
    assert fault.startswith(keys.raw(LAYOUT, day, "orders"))
    assert message in fault
    assert not pipeline.exists(keys.published(LAYOUT, day, "customers"))
