"""Published days whose inputs change afterwards, on the real scheduler and the real store."""

import csv
import datetime as dt
import hashlib
import io
import json
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from include import corrections, keys
from include.config import Settings
from include.contract import DATASETS, ORDERS
from include.corrections import RUN_PREFIX
from include.local.__main__ import main
from include.local.dag_run import CORRECTIONS_DAG_ID, trigger_day
from include.local.errors import LocalError
from include.local.repairs import export_quarantine
from tests.integration.conftest import LAYOUT, Pipeline
from tests.raw_files import CUSTOMERS, ORDERS_HEADER, PRODUCTS, make_orders

SETTINGS = Settings()
_windows, _looks = count(), count()


@pytest.fixture
def days() -> list[str]:
    """Two days that follow each other, in a look-back that no other test uses."""
    first = dt.date(2025, 1, 1) + dt.timedelta(days=30 * next(_windows))
    return [first.isoformat(), (first + dt.timedelta(days=1)).isoformat()]


def look(pipeline: Pipeline, last_day: str) -> dict[str, str]:
    """Run the corrections DAG. Returns the run of each change, and whether it was started or there before."""
    api, look_id = pipeline.api, f"look__{next(_looks)}"
    api.unpause(CORRECTIONS_DAG_ID)
    api.trigger(CORRECTIONS_DAG_ID, look_id, {"day": last_day})
    pipeline.wait(look_id, CORRECTIONS_DAG_ID)
    instances = api.read_task_instances(CORRECTIONS_DAG_ID, look_id)
    assert {task["state"] for task in instances if task["task_id"] == "find_changes"} == {"success"}
    runs = [task for task in instances if task["task_id"] == "run_again" and task["map_index"] >= 0]
    return {task["rendered_map_index"]: task["state"] for task in runs}


def look_and_wait(pipeline: Pipeline, last_day: str) -> list[tuple[str, str]]:
    """Run the corrections DAG and what it starts. Returns the day of each run and how it ended."""
    runs = look(pipeline, last_day)
    assert set(runs.values()) <= {"success"}
    return [(run_id.split("__")[1], pipeline.wait(run_id)) for run_id in runs]


def read_orders(body: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(body)).to_pylist()
    return rows


def read_version(pipeline: Pipeline, output: dict[str, Any]) -> bytes:
    bucket, key = pipeline.stack.hook.parse_s3_url(output["key"])
    answer = pipeline.stack.hook.get_conn().get_object(Bucket=bucket, Key=key, VersionId=output["version_id"])
    body: bytes = answer["Body"].read()
    return body


def test_a_corrected_file_changes_exactly_its_day_once(pipeline: Pipeline, days: list[str]) -> None:
    corrected, untouched = days
    for day in days:
        pipeline.deliver(day, make_orders(30))
        assert pipeline.run(day) == ("success", "")
    before = {day: pipeline.read_manifest(day) for day in days}
    old_orders = pipeline.get(before[corrected]["outputs"]["orders"]["key"])
    assert look(pipeline, untouched) == {}

    lines = make_orders(31).splitlines(keepends=True)
    lines[1] = lines[1].replace(",2,9.99,", ",3,9.99,")
    pipeline.deliver(corrected, "".join([*lines[:2], *lines[3:]]))

    assert look_and_wait(pipeline, untouched) == [(corrected, "success")]
    manifest = pipeline.read_manifest(corrected)
    assert manifest["run_id"].startswith(RUN_PREFIX)
    correction = manifest["correction"]
    assert correction.pop("manifest_version")
    assert correction == {
        "run_id": before[corrected]["run_id"],
        "published_at": before[corrected]["published_at"],
        "inputs": {"orders": "replaced"},
        "orders": {"added": 1, "removed": 1, "altered": 1},
        "total_price": {"before": "599.40", "after": "609.39"},
    }
    assert before[corrected]["correction"] is None
    assert pipeline.read_manifest(untouched) == before[untouched]
    assert look(pipeline, untouched) == {}
    assert read_version(pipeline, before[corrected]["outputs"]["orders"]) == old_orders
    old_manifest = read_version(
        pipeline,
        {
            "key": keys.manifest(LAYOUT, corrected),
            "version_id": pipeline.read_manifest(corrected)["correction"]["manifest_version"],
        },
    )
    assert json.loads(old_manifest) == before[corrected]


def test_a_broken_correction_is_run_once_and_changes_nothing(pipeline: Pipeline, days: list[str]) -> None:
    day = days[0]
    pipeline.deliver(day, make_orders(30))
    assert pipeline.run(day)[0] == "success"
    before = pipeline.read_manifest(day)
    pipeline.deliver(day, ORDERS_HEADER)

    assert look_and_wait(pipeline, day) == [(day, "failed")]
    assert set(look(pipeline, day).values()) == {"skipped"}

    assert pipeline.read_manifest(day) == before


def test_a_file_that_is_gone_is_reported_and_not_waited_for(
    pipeline: Pipeline, days: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    # Airflow's own logging keeps lines from caplog.
    monkeypatch.setattr(corrections.log, "warning", lambda text, *values: told.append(text % values))
    day = days[0]
    pipeline.deliver(day, make_orders(5))
    assert pipeline.run(day)[0] == "success"
    pipeline.delete(keys.raw(LAYOUT, day, "products"))

    assert corrections.scan_published_days(pipeline.stack.hook, SETTINGS, day) == corrections.ScanResult()
    assert told == [f"{day} was published from raw files that are gone: products"]


def test_a_rerun_by_hand_says_that_nothing_changed(pipeline: Pipeline, days: list[str]) -> None:
    day = days[0]
    pipeline.deliver(day, make_orders(5))
    for _ in range(2):
        assert pipeline.run(day)[0] == "success"

    correction = pipeline.read_manifest(day)["correction"]

    assert correction["orders"] == {"added": 0, "removed": 0, "altered": 0}
    assert correction["inputs"] == {}
    assert correction["total_price"] == {"before": "99.90", "after": "99.90"}


def test_scan_cost_does_not_depend_on_history(pipeline: Pipeline, days: list[str]) -> None:
    first = dt.date.fromisoformat(days[0])
    published = read_manifest_of_a_small_day(pipeline, days[0])

    def publish(ages: range) -> None:
        for age in ages:
            day = (first - dt.timedelta(days=age)).isoformat()
            manifest = json.dumps({**published, "day": day}).encode()
            pipeline.put(keys.manifest(LAYOUT, day), manifest)
            for dataset in DATASETS:
                pipeline.put(keys.raw(LAYOUT, day, dataset), pipeline.get(keys.raw(LAYOUT, days[0], dataset)))

    publish(range(1, SETTINGS.correction_days))
    within = count_requests(pipeline, days[0])
    publish(range(SETTINGS.correction_days, 3 * SETTINGS.correction_days))

    assert count_requests(pipeline, days[0]) == within
    assert sum(within.values()) <= 7 * SETTINGS.correction_days


def read_manifest_of_a_small_day(pipeline: Pipeline, day: str) -> dict[str, Any]:
    pipeline.deliver(day, make_orders(5))
    assert pipeline.run(day)[0] == "success"
    return pipeline.read_manifest(day)


def count_requests(pipeline: Pipeline, last_day: str) -> Counter[str]:
    """What one look asks of S3; it finds nothing to do."""
    requests: Counter[str] = Counter()
    events = pipeline.stack.hook.get_conn().meta.events

    def record(event_name: str, **_: Any) -> None:
        requests[event_name.rpartition(".")[2]] += 1

    events.register("before-send.s3", record)
    try:
        assert (
            corrections.scan_published_days(pipeline.stack.hook, SETTINGS, last_day)
            == corrections.ScanResult()
        )
    finally:
        events.unregister("before-send.s3", record)
    return requests


LATE_CUSTOMER = "C9,Nils,nils@example.com,Oslo,NO,2026-11-22\n"
LATE_PRODUCT = "P9,Chair,Home,50.00\n"


def test_late_customers_and_products_are_taken_over(pipeline: Pipeline, days: list[str]) -> None:
    day, next_day = days
    unknown = (
        "L1,C9,P1,1,5.00,2026-11-21,,open\nL2,C9,P9,1,7.00,2026-11-21,,open\nL3,C9,P1,0,7.00,2026-11-21,,x\n"
    )
    pipeline.deliver(day, make_orders(100) + unknown)
    assert pipeline.run(day) == ("success", "")
    assert look(pipeline, next_day) == {}

    pipeline.deliver(next_day, make_orders(5), customers=CUSTOMERS + LATE_CUSTOMER)
    assert pipeline.run(next_day) == ("success", "")
    assert look_and_wait(pipeline, next_day) == [(day, "success")]
    first = pipeline.read_manifest(day)
    pipeline.deliver(
        next_day, make_orders(5), customers=CUSTOMERS + LATE_CUSTOMER, products=PRODUCTS + LATE_PRODUCT
    )
    assert pipeline.run(next_day) == ("success", "")
    assert look_and_wait(pipeline, next_day) == [(day, "success")]
    second = pipeline.read_manifest(day)

    assert (first["inputs"]["late_customers"]["rows"], "late_products" in first["inputs"]) == (1, False)
    assert first["correction"]["orders"] == {"added": 1, "removed": 0, "altered": 0}
    assert second["inputs"]["late_customers"] == first["inputs"]["late_customers"]
    assert second["inputs"]["late_products"]["rows"] == 1
    assert second["correction"]["inputs"] == {"late_products": "added"}
    assert second["rows"]["orders"] == {
        "read": 103,
        "published": 102,
        "quarantined": 1,
        "duplicates": 0,
        "blank": 0,
    }
    assert second["rows"]["customers"]["published"] == 2
    healed = [
        row
        for row in read_orders(pipeline.get(second["outputs"]["orders"]["key"]))
        if row["order_id"][0] == "L"
    ]
    assert [(row["customer_city"], row["product_name"]) for row in healed] == [
        ("Oslo", "Lamp"),
        ("Oslo", "Chair"),
    ]
    personal = pipeline.get(second["inputs"]["late_customers"]["key"])
    assert pq.read_schema(io.BytesIO(personal)).names == ["customer_id", "country", "city"]

    assert look(pipeline, next_day) == {}
    assert pipeline.run(day) == ("success", "")
    third = pipeline.read_manifest(day)
    assert third["outputs"]["orders"]["etag"] == second["outputs"]["orders"]["etag"]
    assert third["correction"]["orders"] == {"added": 0, "removed": 0, "altered": 0}


@pytest.mark.parametrize(
    ("delivered", "reason"),
    [
        pytest.param(CUSTOMERS, "unknown_customer", id="unknown"),
        pytest.param(CUSTOMERS + LATE_CUSTOMER.replace("-11-", "-11/"), "rejected_customer", id="rejected"),
    ],
)
def test_closed_gate_opens_once_the_customers_arrive(
    pipeline: Pipeline, days: list[str], delivered: str, reason: str
) -> None:
    day, next_day = days
    unresolved = "".join(f"L{n},C9,P1,1,5.00,2026-11-21,,open\n" for n in range(12))
    pipeline.deliver(day, make_orders(100) + unresolved, customers=delivered)
    state, message = pipeline.run(day)
    assert state == "failed"
    assert f"{reason} 12" in message
    assert look(pipeline, next_day) == {}

    pipeline.deliver(next_day, make_orders(5), customers=CUSTOMERS + LATE_CUSTOMER)
    assert pipeline.run(next_day) == ("success", "")
    assert look_and_wait(pipeline, next_day) == [(day, "success")]

    manifest = pipeline.read_manifest(day)
    assert manifest["rows"]["orders"] == {
        "read": 112,
        "published": 112,
        "quarantined": 0,
        "duplicates": 0,
        "blank": 0,
    }
    assert manifest["inputs"]["late_customers"]["rows"] == 1
    assert look(pipeline, next_day) == {}


def export(pipeline: Pipeline, day: str, run_id: str | None = None) -> list[dict[str, Any]]:
    return export_quarantine(pipeline.stack.hook, LAYOUT, day, ORDERS, run_id)


def put_repair(pipeline: Pipeline, day: str, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    pipeline.put(keys.repair(LAYOUT, day, "orders"), text.getvalue().encode())


def test_repaired_rows_are_published_and_the_raw_file_stays(
    pipeline: Pipeline, days: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.local.repairs.make_stack", lambda **_: pipeline.stack)
    file = tmp_path / "orders.csv"
    day = days[0]
    delivered = (
        make_orders(100) + "F1,C1,P1,x,3.00,2026-11-21,,open\nF2,C1\nF3,C9,P1,0,4.00,2026-11-21,,open\n"
    )
    pipeline.deliver(day, delivered)
    assert pipeline.run(day) == ("success", "")

    assert main(["quarantine", day, str(file)]) == 0
    rows = list(csv.DictReader(file.open(newline="")))
    assert [(row["line_number"], row["reasons"], row["raw_line"]) for row in rows] == [
        ("102", "quantity_invalid", ""),
        ("103", "malformed_row", "F2,C1"),
        ("104", "quantity_not_positive unknown_customer", ""),
    ]
    corrected = file.read_text().replace(",x,3.00", ",2,3.00").replace(",0,4.00", ",1,4.00")
    file.write_text(corrected)
    assert main(["repair", day, str(file)]) == 0
    assert look_and_wait(pipeline, day) == [(day, "success")]
    first = pipeline.read_manifest(day)
    again = export(pipeline, day)
    again[1] |= {**again[0], "line_number": 103, "order_id": "F2"}
    put_repair(pipeline, day, again)
    assert look_and_wait(pipeline, day) == [(day, "success")]
    second = pipeline.read_manifest(day)

    assert first["correction"]["inputs"] == {"repairs_orders": "added"}
    assert first["correction"]["orders"] == {"added": 1, "removed": 0, "altered": 0}
    assert first["inputs"]["repairs_orders"]["rows"] == 2
    assert second["correction"]["total_price"] == {"before": "2004.00", "after": "2010.00"}
    assert second["rows"]["orders"] == {
        "read": 103,
        "published": 102,
        "quarantined": 1,
        "duplicates": 0,
        "blank": 0,
    }
    refused = read_orders(pipeline.get(second["outputs"]["quarantine/orders"]["key"]))
    assert [(row["line_number"], row["quantity"], row["reasons"]) for row in refused] == [
        (104, "1", ["unknown_customer"])
    ]
    assert pipeline.get(keys.raw(LAYOUT, day, "orders")) == delivered.encode()
    assert look(pipeline, day) == {}

    pipeline.deliver(day, make_orders(10))
    assert look_and_wait(pipeline, day) == [(day, "success")]
    replaced = pipeline.read_manifest(day)
    assert replaced["inputs"]["repairs_orders"]["rows"] == 0
    assert replaced["rows"]["orders"]["published"] == 10
    assert look(pipeline, day) == {}
    assert main(["repair", day, str(file)]) == 1


def test_a_repair_opens_a_closed_gate(pipeline: Pipeline, days: list[str]) -> None:
    day = days[0]
    pipeline.deliver(day, make_orders(90, faulty=10))
    run_id = trigger_day(pipeline.api, day)
    assert pipeline.wait(run_id) == "failed"

    rows = export(pipeline, day, run_id)
    put_repair(pipeline, day, [row | {"quantity": "1", "customer_id": "C1"} for row in rows])

    assert pipeline.run(day) == ("success", "")
    assert pipeline.read_manifest(day)["rows"]["orders"]["published"] == 100


def test_a_repair_that_cannot_be_used_fails_with_a_clear_message(pipeline: Pipeline, days: list[str]) -> None:
    day = days[0]
    pipeline.deliver(day, make_orders(5))
    etag = hashlib.md5(make_orders(5).encode()).hexdigest()  # noqa: S324  # S3's own
    put_repair(pipeline, day, [{"line_number": 99, "raw_etag": etag, "order_id": "X"}])

    state, message = pipeline.run(day)

    assert state == "failed"
    problem = "no row starts on line 99 of the raw file. Export the quarantine again."
    assert message == f"{keys.repair(LAYOUT, day, 'orders')}: {problem}"


def test_an_unpublished_day_has_no_quarantine_to_export(pipeline: Pipeline, days: list[str]) -> None:
    with pytest.raises(LocalError, match=f"{days[0]} is not published: there is no s3://"):
        export(pipeline, days[0])
    with pytest.raises(LocalError, match="The gate did not stop a run nobody of"):
        export(pipeline, days[0], "nobody")
