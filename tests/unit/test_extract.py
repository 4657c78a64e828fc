"""What a run pins: the raw files of that moment, with the repairs that belong to them."""

import io

import pyarrow.parquet as pq
import pytest

from include import keys
from include.errors import RawFileChangedError, RawFileEmptyError
from include.s3.objects import RUN_ID, locate
from tests.memory_s3 import MemoryS3
from tests.raw_files import make_order, make_orders
from tests.unit.conftest import Runs

DAY = "2026-11-21"
REJECTED = make_orders(1, more=make_order("O7", quantity="x"))


def repair(runs: Runs, raw_etag: str) -> None:
    """Deliver a repair of the order on line 3 of the raw file."""
    order = make_order("O7", quantity="2").rstrip("\n")
    names = "order_id,customer_id,product_id,quantity,selling_price,order_date,delivery_date,status"
    text = f"line_number,raw_etag,{names}\n3,{raw_etag},{order}\n"
    runs.s3.put(keys.repair(runs.settings.layout, DAY, "orders"), text)


def test_zero_bytes_are_an_upload_in_progress(runs: Runs) -> None:
    runs.deliver(DAY, orders="")

    with pytest.raises(RawFileEmptyError, match="zero bytes"):
        runs.extract(DAY)


def test_file_replaced_while_it_is_copied_is_retried(runs: Runs, s3: MemoryS3) -> None:
    runs.deliver(DAY, orders=make_orders(1))
    raw = keys.raw(runs.settings.layout, DAY, "customers")
    s3.before_request = lambda operation: s3.put(raw, "other") if operation == "CopyObject" else None

    with pytest.raises(RawFileChangedError, match="was replaced while it was being copied"):
        runs.extract(DAY)


def test_snapshot_names_its_run(runs: Runs, s3: MemoryS3) -> None:
    runs.deliver(DAY, orders=make_orders(1))

    snapshot = runs.extract(DAY, "run 7")["inputs"]["orders"]["snapshot_key"]

    # The clean-up finds the run by it.
    assert s3.head_object(**locate(s3, snapshot))["Metadata"] == {RUN_ID: "run 7"}


def test_repaired_row_is_published(runs: Runs) -> None:
    runs.deliver(DAY, orders=REJECTED)
    first = runs.run(DAY)
    repair(runs, first["inputs"]["orders"]["etag"])

    second = runs.run(DAY, "run 2")

    assert runs.read_orders(DAY) == {"O0": "C1", "O7": "C1"}
    assert second["inputs"]["repairs_orders"]["rows"] == 1  # type: ignore[typeddict-item]  # partly used


def test_repair_of_another_version_is_ignored(runs: Runs) -> None:
    runs.deliver(DAY, orders=REJECTED)
    repair(runs, "another")

    assert runs.run(DAY)["rows"]["orders"]["quarantined"] == 1


def test_quarantine_of_a_run_names_its_raw_file(runs: Runs, s3: MemoryS3) -> None:
    runs.deliver(DAY, orders=REJECTED)

    body = s3.get(runs.run(DAY)["outputs"]["quarantine/orders"]["key"])

    assert pq.read_table(io.BytesIO(body))["source_key"].to_pylist() == [
        keys.raw(runs.settings.layout, DAY, "orders")
    ]
