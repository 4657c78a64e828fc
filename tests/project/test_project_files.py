"""Requirements, settings, version and contract page are consistent."""

import json
import re

import pytest
import yaml

import include
from include.config import CONNECTION_ID
from include.contract import DATASETS, published_orders, reasons
from include.local.stack import DEFAULT_S3_PORT, DEFAULT_UI_PORT
from tests.project_files import PROJECT, list_settings, read_pins

CONTRACT_PAGE = (PROJECT / "docs" / "contract.md").read_text()


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-local.txt", "requirements-celery.txt", "requirements-dev.txt"]
)
def test_lock_contains_every_pinned_requirement(name: str) -> None:
    lock = read_pins("requirements.lock")

    assert {package: lock.get(package) for package in read_pins(name)} == read_pins(name)


def test_lock_contains_no_index_address() -> None:
    assert "://" not in (PROJECT / "requirements.lock").read_text()


def test_local_stack_declares_every_setting_with_its_default() -> None:
    declared = yaml.safe_load((PROJECT / "airflow_settings.yaml").read_text())["airflow"]
    variables = {entry["variable_name"]: str(entry["variable_value"]) for entry in declared["variables"]}

    assert variables == list_settings()
    assert [connection["conn_id"] for connection in declared["connections"]] == [CONNECTION_ID]


def test_local_stack_declares_every_used_pool() -> None:
    declared = yaml.safe_load((PROJECT / "airflow_settings.yaml").read_text())["airflow"]
    used = set(
        re.findall(r'pool="(\w+)"', "".join(path.read_text() for path in (PROJECT / "dags").glob("*.py")))
    )

    assert {pool["pool_name"] for pool in declared["pools"]} == used


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_contract_page_shows_every_column_and_reason(dataset: include.contract.Dataset) -> None:
    lines = [
        f"| `{column.name}` | {column.kind} | {'required' if column.required else 'optional'} "
        f"| {column.meaning} |"
        for column in dataset.columns
    ]
    rejected = f"A row is rejected for: {', '.join(f'`{reason}`' for reason in reasons(dataset))}."

    assert_section_holds(f"### `{dataset.name}.csv`", [*lines, rejected])


def test_contract_page_shows_the_published_orders() -> None:
    lines = [f"| `{column.name}` | {column.kind} | {column.meaning} |" for column in published_orders()]

    assert_section_holds("## Published orders", lines)


def assert_section_holds(heading: str, lines: list[str]) -> None:
    """Check that the table and reason lines of a section are exactly these."""
    section = re.split(r"^#+ ", CONTRACT_PAGE.partition(f"\n{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[
        0
    ]
    found = [line for line in section.splitlines() if line.startswith(("| `", "A row is rejected"))]
    wanted = "\n".join(lines)
    assert found == lines, f"In docs/contract.md, the lines below {heading!r} must be these:\n\n{wanted}\n"


def test_version_is_in_pyproject_and_changelog() -> None:
    assert f'version = "{include.__version__}"' in (PROJECT / "pyproject.toml").read_text()
    assert f"## [{include.__version__}]" in (PROJECT / "CHANGELOG.md").read_text()


def test_devcontainer_uses_documented_ports_and_commands() -> None:
    container = json.loads((PROJECT / ".devcontainer" / "devcontainer.json").read_text())
    makefile = (PROJECT / "Makefile").read_text()
    _, target = container["postCreateCommand"].split()

    assert container["forwardPorts"] == [DEFAULT_UI_PORT, DEFAULT_S3_PORT]
    assert f"\n{target}: " in makefile
    assert container["image"].rpartition(":")[2] in {"3.11", "3.12", "3.13"}
