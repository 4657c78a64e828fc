"""Shapes of delivery: the contract files of the guide, each with rows of that shape."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.project_files import PROJECT
from tests.shapes import CONTRACTS, GUIDE_CONTRACTS, SHAPES, write_shape


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of the day of each shape, by its name."""
    folders = {name: tmp_path_factory.mktemp(name) for name in SHAPES}
    for name, folder in folders.items():
        write_shape(name, folder)
    result = subprocess.run(
        [sys.executable, "-P", "-m", "tests.unit.shaped_days", *map(str, folders.values())],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "GX_ANALYTICS_ENABLED": "false"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return {name: json.loads((folder / "result.json").read_text()) for name, folder in folders.items()}


@pytest.mark.parametrize("name", SHAPES)
def test_shape_is_published_and_accounted_for(outcomes: dict[str, Any], name: str) -> None:
    shape, outcome = SHAPES[name], outcomes[name]
    counts = outcome["counts"]
    orders = [
        " ".join(str(row[each]) for each in shape.columns.split()) for row in outcome["published"]["orders"]
    ]
    rejected = {
        dataset: {row["line_number"]: sorted(row["reasons"]) for row in rows}
        for dataset, rows in outcome["rejected"].items()
        if rows
    }

    assert (orders, rejected) == (shape.orders, shape.rejected)
    assert counts["total_price"] == shape.total_price
    assert {name: tuple(counts["rows"][name].values()) for name in shape.rows} == shape.rows
    for rows in counts["rows"].values():
        assert rows["read"] == rows["published"] + rows["quarantined"] + rows["duplicates"]
    assert outcome["failed"] == []


def test_guide_has_a_contract_for_each_shape() -> None:
    assert set(SHAPES) == set(CONTRACTS)
    assert max(len(text.strip().splitlines()) for text in GUIDE_CONTRACTS.values()) <= 15


def test_type_of_the_total_follows_from_quantity(outcomes: dict[str, Any]) -> None:
    types = {name: outcomes[name]["types"] for name in ("decimal_quantities", "line_totals")}
    found = {
        name: (each["parquet"]["total_price"], each["catalog"]["total_price"]) for name, each in types.items()
    }
    assert found == {
        "decimal_quantities": ("decimal128(38, 8)", "decimal(38,8)"),
        "line_totals": ("decimal128(38, 4)", "decimal(38,4)"),
    }
    assert "selling_price" not in types["line_totals"]["parquet"]


def test_columns_of_one_file_are_unknown_to_none_of_its_datasets(outcomes: dict[str, Any]) -> None:
    drift = outcomes["wide_file"]["counts"]["drift"]
    assert {name: each["unknown_columns"] for name, each in drift.items()} == {
        "customers": [],
        "products": [],
        "orders": ["Till"],
    }


def test_quarantine_shows_what_lines_took_from_headers(outcomes: dict[str, Any]) -> None:
    rows = {row["line_number"]: row for row in outcomes["headers_and_lines"]["rejected"]["orders"]}
    taken = [rows[line][name] for line in (4, 7) for name in ("customer_id", "order_date")]
    assert taken == ["K9", "2026-03-02T10:00:00", None, None]
