"""The guide to other columns, rules and files: a copy with every change that it shows runs a day."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from include.contract import DATASETS, reasons
from tests import reference
from tests.project_files import PROJECT

GUIDE = (PROJECT / "docs" / "adapt.md").read_text()
pytestmark = pytest.mark.skipif(
    {name: list(dataset.column_names) for name, dataset in DATASETS.items()} != reference.RAW_COLUMNS,
    reason="the guide starts from another contract than the one that is here now",
)
CHANGES = re.findall(r"^```diff (\S+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def apply(change: str, text: str) -> str:
    """The text with a change of the guide: lines that begin with `+` join those around them."""
    lines = change.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] != "+")
    assert text.count(before) == 1, f"docs/adapt.md changes what is not there:\n{before}"
    return text.replace(before, "".join(line[1:] for line in lines))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the pipeline with every change of the guide."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(PROJECT / "include", folder / "include", ignore=shutil.ignore_patterns("__pycache__"))
    for name, change in CHANGES:
        path = folder / name
        path.write_text(apply(change, path.read_text()))
    return folder


@pytest.fixture(scope="module")
def outcome(project: Path) -> dict[str, Any]:
    """What became of a generated day in the copy."""
    script = PROJECT / "tests" / "project" / "adapted_day.py"
    result = subprocess.run(
        [sys.executable, "-P", str(script), str(project / "raw"), str(project / "out")],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project), "GX_ANALYTICS_ENABLED": "false"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_column_is_published_after_one_edit(outcome: dict[str, Any]) -> None:
    columns, rows = outcome["columns"]["orders"], outcome["counts"]["rows"]["orders"]
    assert columns["coupon_code"] == ["string", rows["published"]]
    assert columns["discount"] == ["decimal128(18, 4)", rows["published"]]
    assert {"coupon_code", "discount"} <= outcome["quarantined"]["orders"].keys()
    assert outcome["counts"]["reasons"]["orders"]["discount_invalid"] > 0
    assert outcome["counts"]["reasons"]["orders"]["discount_negative"] > 0
    assert (outcome["catalog"]["coupon_code"], outcome["catalog"]["discount"]) == ("string", "decimal(18,4)")


def test_the_checkpoint_follows_and_takes_more_expectations(outcome: dict[str, Any]) -> None:
    of_discount = [each for each in outcome["expectations"] if '"discount"' in each]
    assert outcome["failed"] == []
    assert sum("expect_column_values_to_be_between" in each for each in of_discount) == 2
    assert any("expect_column_sql_type_to_be" in each for each in of_discount)


def test_added_dataset_is_checked_and_published(outcome: dict[str, Any]) -> None:
    rows, found = outcome["counts"]["rows"]["returns"], outcome["counts"]["reasons"]["returns"]
    assert list(outcome["counts"]["rows"]) == ["customers", "products", "stores", "orders", "returns"]
    assert rows["read"] == rows["published"] + rows["quarantined"] + rows["duplicates"]
    assert outcome["columns"]["returns"] == {
        "return_id": ["string", rows["published"]],
        "order_id": ["string", rows["published"]],
        "returned_at": ["timestamp[us, tz=UTC]", rows["published"]],
        "reason": ["string", rows["published"]],
        "day": ["date32[day]", rows["published"]],
    }
    assert found.keys() >= {"returned_at_missing", "returned_at_invalid", "duplicate_return_id"}
    assert min(found.values()) > 0


def test_orders_take_over_the_columns_of_a_dataset_they_refer_to(outcome: dict[str, Any]) -> None:
    columns, rows = outcome["columns"]["orders"], outcome["counts"]["rows"]["orders"]
    assert columns["store_region"] == ["string", rows["published"]]
    assert outcome["counts"]["reasons"]["orders"]["unknown_store"] > 0
    assert list(columns)[-3:] == ["product_category", "store_region", "day"]


def test_every_reason_of_a_changed_contract_occurs(outcome: dict[str, Any]) -> None:
    for dataset, found in outcome["counts"]["reasons"].items():
        # Generated orders have no order_line, and files that the shop does not know have no rejected rows.
        missing = {reason for reason, count in found.items() if not count} - {"rejected_store"}
        assert {reason for reason in missing if not reason.startswith("order_line_")} == set(), dataset


def test_the_guide_changes_more_than_one_place() -> None:
    """What it shows must not slip past the pattern that finds it."""
    assert len(CHANGES) == GUIDE.count("```diff") == 7
    added = "".join(change for _, change in CHANGES)
    assert {"RETURNS", "STORES", "discount"} <= set(re.findall(r"\w+", added))
    assert not {"returns", "stores"} & DATASETS.keys()
    assert "discount_negative" not in reasons(DATASETS["orders"])
