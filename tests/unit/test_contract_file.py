"""Choosing a contract file, and adapting a dataset to files that differ from the project's own."""

import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from include.aws.errors import ReleaseError
from include.aws.release import build_release
from include.contract import ORDERS, Column, Kind
from include.contract_file import CONTRACT_VARIABLE, DEFAULT_FILE
from include.errors import ContractError
from include.local.errors import LocalError
from include.local.stack_contract import use_contract_of_stack
from include.local.state import Record, State, write_record
from include.manifest import code_version
from tests.project_files import PROJECT

ADAPTED = """
from include.contract.datasets import ORDERS

BASE = ORDERS
ORDERS = ORDERS.adapt(headers={"order_id": "Name"}, file="orders_export*.csv")
"""
SHOW = "from include.contract import DATASETS; print([*DATASETS], DATASETS['orders'].name_of('Name'))"
STATUS = "from include.local.__main__ import main; raise SystemExit(main(['transform', '/raw', '/out']))"


def run_with_contract(path: str, code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, CONTRACT_VARIABLE: path}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True
    )


def test_contract_file_replaces_what_it_declares(tmp_path: Path) -> None:
    path = tmp_path / "contract.py"
    path.write_text(ADAPTED)

    for name in (str(path), os.path.relpath(path, PROJECT)):
        assert run_with_contract(name, SHOW).stdout == "['customers', 'products', 'orders'] order_id\n"


def test_contract_file_of_the_guide_can_be_used(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", (PROJECT / "docs/adapt.md").read_text(), re.M | re.S)
    path = tmp_path / "contract.py"
    path.write_text(example)

    show = "from include.contract import ORDERS; print(ORDERS.file_pattern, ORDERS.name_of('Units'))"
    assert run_with_contract(str(path), show).stdout == "sales*.csv quantity\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(None, "there is no such file", id="no file"),
        pytest.param("ORDERS =", "cannot be used as the contract: SyntaxError", id="no Python"),
        pytest.param(ADAPTED.replace("order_id", "order_no"), "there is no column order_no", id="column"),
        pytest.param(ADAPTED.replace("\nORDERS", "\nORDRES"), "declares ORDRES, which DATASETS", id="unused"),
        pytest.param(
            ADAPTED.replace('"Name"', '"status"'),
            "orders: status is declared twice. Correct {path}.",
            id="contradiction",
        ),
    ],
)
def test_unusable_contract_file_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "contract.py"
    if text is not None:
        path.write_text(text)

    result = run_with_contract(str(path), STATUS)

    assert result.returncode == 1
    assert message.format(path=path) in result.stderr
    assert "Traceback" not in result.stderr


def test_adapting_keeps_what_it_does_not_name() -> None:
    note = Column(name="note", kind=Kind.TEXT, meaning="What the customer wrote.")

    adapted = ORDERS.adapt(
        headers={"order_id": ("Name", "No."), "quantity": "Qty"},
        columns={"quantity": {"minimum": None}},
        added=(note,),
        dropped=("status",),
        key="order_id",
    )

    assert adapted.column("order_id").also_named == ("Name", "No.")
    quantity = adapted.column("quantity")
    assert (quantity.also_named, quantity.minimum, quantity.nullable) == (("Qty",), None, False)
    assert adapted.column("selling_price") == ORDERS.column("selling_price")
    assert adapted.column_names == (*(name for name in ORDERS.column_names if name != "status"), "note")
    assert (adapted.key, adapted.file_pattern) == ("order_id", "orders.csv")


def test_unknown_property_names_those_that_exist() -> None:
    with pytest.raises(
        ContractError, match=r"orders\.quantity: .* no property smallest\. There are .*minimum"
    ):
        ORDERS.adapt(columns={"quantity": {"smallest": 1}})


def test_code_version_covers_the_contract_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "contract.py"
    versions = set()
    for text in (None, ADAPTED, ADAPTED + "\n"):
        if text:
            path.write_text(text)
            monkeypatch.setenv(CONTRACT_VARIABLE, str(path))
        code_version.cache_clear()
        versions.add(code_version())
    code_version.cache_clear()

    assert len(versions) == 3


def test_released_shop_file_needs_no_variable(tmp_path: Path) -> None:
    for name in ("dags", "include", "plugins"):
        shutil.copytree(PROJECT / name, tmp_path / "project" / name)
    for path in PROJECT.glob("requirements*"):
        shutil.copy(path, tmp_path / "project")
    (tmp_path / "project/include/contract/shop.py").write_text(ADAPTED)
    zipfile.ZipFile(io.BytesIO(build_release(tmp_path / "project"))).extractall(tmp_path / "release")

    result = subprocess.run(
        [sys.executable, "-P", "-c", SHOW],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "release")},
        capture_output=True,
        text=True,
    )

    assert result.stdout == "['customers', 'products', 'orders'] order_id\n"


def test_release_does_not_use_the_contract_of_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONTRACT_VARIABLE, "examples/shopify/contract.py")

    with pytest.raises(ReleaseError, match=r"Copy .* to include/contract/shop\.py"):
        build_release()


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """A stack that runs with the contract file /shop/contract.py."""
    state = State(tmp_path)
    fields = {"ui_port": 1, "s3_port": 2, "task_port": 3, "store_ports": {}, "owner_pid": None}
    write_record(state, Record(pid=7, started_at=0, contract="/shop/contract.py", **fields))  # type: ignore[arg-type]
    monkeypatch.setattr("include.local.processes.find_supervisor", lambda _: 7)
    monkeypatch.delenv(CONTRACT_VARIABLE, raising=False)
    return state


def test_commands_use_the_contract_of_the_running_stack(running: State) -> None:
    use_contract_of_stack("verify", running)

    assert os.environ.pop(CONTRACT_VARIABLE) == "/shop/contract.py"


def test_command_with_another_contract_than_the_stack_is_refused(
    running: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONTRACT_VARIABLE, str(DEFAULT_FILE))

    with pytest.raises(LocalError, match=r"running stack uses /shop/contract\.py, and this command include"):
        use_contract_of_stack("query", running)
    use_contract_of_stack("inspect", running)
    use_contract_of_stack("down", running)

    assert CONTRACT_VARIABLE not in os.environ


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param([], ["examples/shopify/raw", "examples/shopify/contract.py"], id="example"),
        pytest.param(["RAW=mine"], ["mine", "examples/shopify/contract.py"], id="own files"),
        pytest.param(
            [f"{CONTRACT_VARIABLE}=mine.py"], ["examples/shopify/raw", "mine.py"], id="own contract"
        ),
    ],
)
def test_make_takes_files_and_contract_of_an_example(variables: list[str], expected: list[str]) -> None:
    shown = f"PYTHON=printenv RAW {CONTRACT_VARIABLE}; true"
    # `make test` exports its own variables.
    made = (CONTRACT_VARIABLE, "RAW", "EXAMPLE", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    environment = {name: text for name, text in os.environ.items() if name not in made}

    result = subprocess.run(
        ["make", "--old-file=.venv/.installed", "run", "EXAMPLE=shopify", shown, *variables],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert result.stdout.splitlines() == expected
