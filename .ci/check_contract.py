"""Compares the exported contract with the code, and with the contract of the last release.

A change that can break a producer or a reader (a column removed or newly required, another type or key) is
allowed only if the changelog names it below `## [Unreleased]` as ``Breaking: `table.column` ``.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from include.contract.odcs import export_contract  # noqa: E402

EXPORTED = PROJECT / "docs" / "contract.odcs.yaml"
RELEASED = PROJECT / "docs" / "contract-released.odcs.yaml"
CHANGELOG = PROJECT / "CHANGELOG.md"

Contract = dict[str, Any]


def list_breaking_changes(released: Contract, current: Contract) -> dict[str, str]:
    """The changes that can break a producer or a reader: `table` or `table.column`, and what changed."""
    tables = {table["name"]: table for table in current["schema"]}
    changes: dict[str, str] = {}
    for old in released["schema"]:
        name = old["name"]
        if name not in tables:
            changes[name] = "was removed"
            continue
        changes |= {f"{name}.{column}": change for column, change in compare_columns(old, tables[name])}
        if list_key(old) != list_key(tables[name]):
            changes[name] = f"has the key {list_key(tables[name])} instead of {list_key(old)}"
    return changes


def compare_columns(old: Contract, new: Contract) -> Iterator[tuple[str, str]]:
    """The columns of a table with a breaking change. A new one breaks those who have to deliver it."""
    before = {column["name"]: column for column in old["properties"]}
    after = {column["name"]: column for column in new["properties"]}
    for name, column in before.items():
        if change := describe_change(column, after.get(name)):
            yield name, change
    for name, column in after.items():
        if name not in before and is_in_every_header(column):
            yield name, "is required in the header"


def describe_change(old: Contract, new: Contract | None) -> str | None:
    """How the change of a column can break somebody; None if it cannot."""
    if new is None:
        return "was removed"
    if new["physicalType"] != old["physicalType"]:
        return f"is {new['physicalType']} instead of {old['physicalType']}"
    if old["required"] != new["required"]:
        return "is required" if new["required"] else "may be missing"
    if is_in_every_header(new) and not is_in_every_header(old):
        return "is required in the header"
    if new.get("logicalTypeOptions") != old.get("logicalTypeOptions"):
        return "has another range"
    return None


def is_in_every_header(column: Contract) -> bool:
    """Whether a producer has to deliver the column. False for columns of published tables."""
    return {"property": "headerRequired", "value": True} in column.get("customProperties", [])


def list_key(table: Contract) -> list[str]:
    keys = [column for column in table["properties"] if column.get("primaryKey")]
    return [column["name"] for column in sorted(keys, key=lambda column: column["primaryKeyPosition"])]


def find_unannounced(changes: dict[str, str], changelog: str) -> dict[str, str]:
    """The breaking changes that the unreleased part of the changelog does not name."""
    unreleased = changelog.partition("## [Unreleased]")[2].partition("\n## ")[0]
    return {name: change for name, change in changes.items() if f"Breaking: `{name}`" not in unreleased}


def write_yaml(contract: Contract) -> str:
    return yaml.safe_dump(contract, sort_keys=False, allow_unicode=True, width=110)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {EXPORTED.relative_to(PROJECT)}")
    current = export_contract()
    if parser.parse_args().write:
        EXPORTED.write_text(write_yaml(current))
    if EXPORTED.read_text() != write_yaml(current):
        print(f"{EXPORTED.relative_to(PROJECT)} is not what the contract says now. Run `make contract`.")
        return 1
    changes = list_breaking_changes(yaml.safe_load(RELEASED.read_text()), current)
    for name, change in changes.items():
        print(f"Breaking change since the last release: {name} {change}.")
    unannounced = find_unannounced(changes, CHANGELOG.read_text())
    for name in unannounced:
        print(f"Name it in CHANGELOG.md, below [Unreleased], as ``Breaking: `{name}` …``.")
    return 1 if unannounced else 0


if __name__ == "__main__":
    sys.exit(main())
