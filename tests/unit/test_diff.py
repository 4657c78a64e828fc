"""What a correction did to the published orders."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include import keys
from include.contract import ORDERS
from include.contract.arrow import published_schema
from include.errors import WorkerError
from include.manifest import Candidate, Counts, compare_inputs
from include.operators.context import translate_errors
from include.publishing.diff import compare_orders, describe_correction, find_correction
from include.publishing.published_day import read_manifest
from tests.memory_s3 import MemoryS3
from tests.raw_files import make_orders
from tests.records import MANIFEST, VALIDATED
from tests.unit.conftest import Runs

#: The columns of the published orders; those that a test leaves out are null.
SCHEMA = pa.schema([field.with_nullable(True) for field in published_schema(ORDERS)])


def write_orders(path: Path, orders: dict[str, int]) -> Path:
    """Orders that differ in their quantity only."""
    rows = [{"order_id": order, "quantity": quantity} for order, quantity in orders.items()]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
    return path


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ({}, {}, (0, 0, 0)),
        ({"A": 1}, {"A": 1}, (0, 0, 0)),
        ({"A": 1, "B": 1}, {"B": 1, "A": 1}, (0, 0, 0)),
        ({"A": 1}, {"A": 2}, (0, 0, 1)),
        ({"A": 1, "B": 1, "C": 1}, {"B": 2, "C": 1, "D": 1, "E": 1}, (2, 1, 1)),
        ({"A": 1}, {"a": 1}, (1, 1, 0)),
    ],
)
def test_rows_are_compared_by_their_id(
    tmp_path: Path, before: dict[str, int], after: dict[str, int], changed: tuple[int, int, int]
) -> None:
    found = compare_orders(
        write_orders(tmp_path / "before", before), write_orders(tmp_path / "after", after), tmp_path
    )

    assert (found["added"], found["removed"], found["altered"]) == changed


@settings(max_examples=settings().max_examples // 3)
@given(
    before=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 3)),
    after=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 3)),
)
def test_counts_explain_the_difference_of_two_days(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, int], after: dict[str, int]
) -> None:
    folder = tmp_path_factory.mktemp("orders")
    found = compare_orders(
        write_orders(folder / "before", before), write_orders(folder / "after", after), folder
    )

    assert len(before) + found["added"] - found["removed"] == len(after)
    assert found["altered"] == sum(before[order] != after[order] for order in before.keys() & after.keys())


def test_comparison_without_memory_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = write_orders(tmp_path / "orders", {f"{number:040}": 1 for number in range(50_000)})
    monkeypatch.setattr("include.publishing.diff._MEMORY_LIMIT", "2MB")

    with pytest.raises(WorkerError, match="enough memory"), translate_errors():
        compare_orders(orders, orders, tmp_path)


@pytest.mark.parametrize("column", [name for name in SCHEMA.names if name not in ORDERS.key_columns])
def test_every_column_counts(tmp_path: Path, column: str) -> None:
    values: dict[pa.DataType, Any] = {pa.string(): "x", pa.int64(): 1}
    value = values.get(SCHEMA.field(column).type, Decimal(1) if "price" in column else 1)
    for name, row in {"before": {}, "after": {column: value}}.items():
        pq.write_table(pa.Table.from_pylist([{"order_id": "A", **row}], schema=SCHEMA), tmp_path / name)

    assert compare_orders(tmp_path / "before", tmp_path / "after", tmp_path)["altered"] == 1


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        pytest.param(["1", "2"], ["2", "3"], (1, 1), id="another line"),
        pytest.param([None], [None], (0, 0), id="no lines"),
        pytest.param([None], ["1"], (1, 1), id="a line that got a number"),
    ],
)
def test_lines_of_an_order_are_rows_of_their_own(
    tmp_path: Path, before: list[str | None], after: list[str | None], changed: tuple[int, int]
) -> None:
    for name, lines in {"before": before, "after": after}.items():
        rows = [{"order_id": "A", "order_line": line} for line in lines]
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / name)

    found = compare_orders(tmp_path / "before", tmp_path / "after", tmp_path)

    assert (found["added"], found["removed"], found["altered"]) == (*changed, 0)


def test_a_column_that_only_one_release_publishes_alters_no_row(tmp_path: Path) -> None:
    after = write_orders(tmp_path / "after", {"A": 1})
    pq.write_table(pq.read_table(after).drop_columns(["product_category"]), tmp_path / "before")

    assert compare_orders(tmp_path / "before", after, tmp_path)["altered"] == 0


def test_inputs_are_compared_by_their_content() -> None:
    before = {"orders": {"etag": "1"}, "customers": {"etag": "2"}, "repairs_orders": {"etag": "3"}}
    after = {"orders": {"etag": "9"}, "customers": {"etag": "2"}, "late_products": {"etag": "4"}}

    assert compare_inputs(before, after) == {
        "late_products": "added",
        "orders": "replaced",
        "repairs_orders": "removed",
    }


def test_second_try_is_compared_with_the_published_version(runs: Runs, s3: MemoryS3) -> None:
    day, layout = "2026-11-21", runs.settings.layout
    runs.deliver(day, orders=make_orders(3))
    runs.run(day)
    runs.deliver(day, orders=make_orders(5))
    extracted = runs.extract(day, "run 2")
    transformed = runs.transform(extracted)
    candidate = Candidate(
        extracted=extracted, transformed=transformed, validated=VALIDATED, approval=None, started_at="later"
    )
    # The first try was killed when it had replaced the table.
    s3.put(keys.published(layout, day, "orders"), s3.get(transformed["staged"]["orders.parquet"]))

    correction = find_correction(s3.hook, read_manifest(s3.hook, layout, day), candidate)

    assert correction
    assert correction["orders"] == {"added": 2, "removed": 0, "altered": 0}


def test_correction_describes_the_replaced_publication() -> None:
    counts: Counts = {"rows": {}, "reasons": {}, "total_price": "2000.00", "drift": {}}
    inputs = MANIFEST["inputs"] | {"orders": {**MANIFEST["inputs"]["orders"], "etag": "new"}}
    candidate = Candidate(
        extracted={"day": "2026-11-21", "run_id": "run 2", "inputs": inputs},
        transformed={"counts": counts, "staged": {}},
        validated=VALIDATED,
        approval=None,
        started_at="2026-11-21T00:00:00Z",
    )

    correction = describe_correction(MANIFEST, "v7", candidate, {"added": 1, "removed": 0, "altered": 2})

    assert correction == {
        "run_id": "run 1",
        "manifest_version": "v7",
        "published_at": "2026-11-21T01:30:00Z",
        "inputs": {"orders": "replaced"},
        "orders": {"added": 1, "removed": 0, "altered": 2},
        "total_price": {"before": "1234.5600", "after": "2000.00"},
    }
