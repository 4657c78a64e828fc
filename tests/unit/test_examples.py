"""The shops in `examples/`: rows, money and reasons with the contract of each."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.example_shops import EXAMPLES, SHOPS, Shop
from tests.project_files import PROJECT

each_shop = pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.name)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("examples")
    ran = subprocess.run(
        [sys.executable, str(PROJECT / "tests/unit/example_days.py"), str(folder)],
        env={**os.environ, "PYTHONPATH": str(PROJECT), "GX_ANALYTICS_ENABLED": "false"},
        capture_output=True,
        text=True,
    )
    found = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/result.json")}
    assert len(found) == len(SHOPS), ran.stderr
    return found


@each_shop
def test_every_row_of_a_shop_is_accounted_for(results: dict[str, dict[str, Any]], shop: Shop) -> None:
    counts = results[shop.name]["counts"]

    assert counts["rows"] == shop.rows
    assert counts["total_price"] == shop.total_price
    assert counts["undelivered"] == shop.undelivered
    assert {
        reason for found in counts["reasons"].values() for reason, count in found.items() if count
    } == set()


@each_shop
def test_checkpoint_passes_for_a_shop(results: dict[str, dict[str, Any]], shop: Shop) -> None:
    assert results[shop.name]["failed"] == []


def test_local_times_and_guests_are_read_as_declared(results: dict[str, dict[str, Any]]) -> None:
    dates = {name: result["orders"]["order_date"] for name, result in results.items()}

    assert dates == {
        "shopify": "2026-11-21 03:34:07+00:00",
        "woocommerce": "2026-11-21 07:24:09+00:00",
        "spreadsheet": "2026-11-21 07:12:00+00:00",
        "warehouse": "2026-11-21 00:15:50.787816+00:00",
    }
    guests = {shop.name: shop.guests for shop in SHOPS if shop.name != "shopify"}
    assert {name: results[name]["guests"] for name in guests} == guests
    assert "customer_id" not in results["shopify"]["orders"]


def test_every_example_is_a_shop_with_a_guide() -> None:
    folders = {path.parent.name for path in EXAMPLES.glob("*/contract.py")}

    assert folders == {shop.name for shop in SHOPS}
    assert all((EXAMPLES / name / "README.md").is_file() for name in folders)
