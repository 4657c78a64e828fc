"""The exported contract is valid ODCS, and a breaking change cannot go unnoticed."""

import copy
import json
from importlib import resources
from typing import Any

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from include.contract import DATASETS, published_columns
from include.contract.odcs import export_contract
from tests.project_files import PROJECT, load_check

SCHEMA = resources.files("open_data_contract_standard").joinpath("schema.json").read_text()
check = load_check("check_contract")


def find_column(contract: dict[str, Any], table: str, column: str) -> dict[str, Any]:
    (found,) = [entry for entry in contract["schema"] if entry["name"] == table]
    return next(entry for entry in found["properties"] if entry["name"] == column)


@pytest.mark.parametrize("name", ["contract.odcs.yaml", "contract-released.odcs.yaml"])
def test_document_satisfies_the_standard(name: str) -> None:
    document = yaml.safe_load((PROJECT / "docs" / name).read_text())

    jsonschema.validate(document, json.loads(SCHEMA))
    OpenDataContractStandard(**document)


def test_committed_document_equals_the_contract() -> None:
    assert yaml.safe_load(check.EXPORTED.read_text()) == export_contract()


def test_document_lists_every_published_column() -> None:
    tables = {table["name"]: table["properties"] for table in export_contract()["schema"]}

    for name, dataset in DATASETS.items():
        assert [entry["name"] for entry in tables[name]] == [
            column.name for column in published_columns(dataset)
        ]
    assert find_column(export_contract(), "customers", "email")["classification"] == "personal"


@pytest.mark.parametrize(
    ("table", "column", "change", "expected"),
    [
        ("orders", "status", None, None),
        ("orders", "total_price", {"physicalType": "double"}, "is double instead of decimal(38,4)"),
        ("orders", "order_date", {"required": False}, "may be missing"),
        ("customers.csv", "email", {"required": True}, "is required"),
        ("orders", "quantity", {"logicalTypeOptions": {"minimum": -5}}, "has another range"),
        ("products", "category", {"description": "Reworded."}, None),
    ],
    ids=["unpublished", "type", "nullable", "newly required", "range", "meaning"],
)
def test_breaking_change_of_a_column(
    table: str, column: str, change: dict[str, Any] | None, expected: str | None
) -> None:
    released = export_contract()
    current = copy.deepcopy(released)
    if change:
        find_column(current, table, column).update(change)

    assert check.list_breaking_changes(released, current).get(f"{table}.{column}") == expected


def test_removed_columns_tables_and_keys_are_breaking() -> None:
    released = export_contract()
    current = copy.deepcopy(released)
    current["schema"] = [table for table in current["schema"] if table["name"] != "products.csv"]
    (orders,) = [table for table in current["schema"] if table["name"] == "orders"]
    orders["properties"] = [entry for entry in orders["properties"] if entry["name"] != "order_line"]

    assert check.list_breaking_changes(released, current) == {
        "products.csv": "was removed",
        "orders.order_line": "was removed",
        "orders": "has the key ['order_id'] instead of ['order_id', 'order_line']",
    }


def test_new_required_column_breaks_producers_only() -> None:
    current = export_contract()
    released = copy.deepcopy(current)
    for table in released["schema"]:
        table["properties"] = [
            entry for entry in table["properties"] if entry["name"] not in {"selling_price", "email"}
        ]

    assert check.list_breaking_changes(released, current) == {
        "orders.csv.selling_price": "is required in the header"
    }


def test_unannounced_changes_are_those_the_changelog_lacks() -> None:
    changelog = (
        "## [Unreleased]\n- Breaking: `orders` has another key.\n\n## [1.0.0]\n- Breaking: `orders.a`\n"
    )

    assert check.find_unannounced({"orders": "…", "orders.a": "was removed"}, changelog) == {
        "orders.a": "was removed"
    }
