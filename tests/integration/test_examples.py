"""The shops in `examples/` and shapes of delivery through the real DAG, each with its own contract."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.contract_file import CONTRACT_VARIABLE
from include.day import move_day
from include.local.dag_run import wait_for_dag
from include.local.ports import find_free_ports
from include.local.stack import Stack
from include.local.storage import create_buckets
from tests.example_shops import SHOPS, Shop
from tests.integration.conftest import LAYOUT, Pipeline
from tests.project_files import PROJECT
from tests.shapes import SHAPES, write_shape

#: Commands in a process of their own, which imports the shop's contract, on the test's stack.
COMMAND = """
import sys
from pathlib import Path
from include.keys import Layout
from include.local import __main__, deliver, repairs, stack_contract, verify
from include.local.stack import Stack
stack = Stack(Path(sys.argv[1]))
deliver.make_stack = repairs.make_stack = verify.make_stack = lambda **_: stack
__main__.use_contract_of_stack = lambda command: None
raise SystemExit(__main__.main(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the stack's contract is read from; every task reads it anew."""
    path = tmp_path_factory.mktemp("contract") / "contract.py"
    shutil.copy(SHOPS[0].contract, path)
    return path


@pytest.fixture(scope="module")
def shop_pipeline(contract: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    ui_port, s3_port = find_free_ports(2)
    folder = tmp_path_factory.mktemp("stack")
    settings = {CONTRACT_VARIABLE: str(contract)}
    with Stack(folder, ui_port=ui_port, s3_port=s3_port, airflow_settings=settings) as stack:
        create_buckets(stack.hook, LAYOUT)
        wait_for_dag(stack)
        yield Pipeline(stack)


def run_command(pipeline: Pipeline, contract: Path, *words: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", COMMAND, str(pipeline.stack.state.root), *words],
        cwd=PROJECT,
        env={**os.environ, CONTRACT_VARIABLE: str(contract)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.name)
def test_day_of_a_shop_is_published(shop_pipeline: Pipeline, contract: Path, day: str, shop: Shop) -> None:
    shutil.copy(shop.contract, contract)
    run_command(shop_pipeline, contract, "deliver", "--day", day, "--raw", str(shop.raw))

    assert shop_pipeline.run(day) == ("success", "")

    manifest = shop_pipeline.read_manifest(day)
    assert manifest["rows"] == shop.rows
    assert manifest["total_price"] == shop.total_price
    assert manifest["quality"]["success"]


def test_rejected_row_of_a_shop_is_repaired(
    shop_pipeline: Pipeline, contract: Path, day: str, tmp_path: Path
) -> None:
    shop = next(shop for shop in SHOPS if shop.name == "spreadsheet")
    shutil.copy(shop.contract, contract)
    shutil.copytree(shop.raw, tmp_path / "raw")
    orders = tmp_path / "raw" / "Bestellungen.csv"
    orders.write_bytes(orders.read_bytes().replace(b";1.049,00;1.049,00;", b";1,049.00;1.049,00;", 1))
    rejected = tmp_path / "rejected.csv"
    run_command(shop_pipeline, contract, "deliver", "--day", day, "--raw", str(tmp_path / "raw"))
    assert shop_pipeline.run(day) == ("success", "")
    first = shop_pipeline.read_manifest(day)

    run_command(shop_pipeline, contract, "quarantine", day, str(rejected))
    rejected.write_text(rejected.read_text().replace('"1,049.00"', '"1.049,00"', 1))
    run_command(shop_pipeline, contract, "repair", day, str(rejected))
    assert shop_pipeline.run(day) == ("success", "")

    assert first["reasons"]["orders"]["selling_price_invalid"] == 1
    assert first["rows"]["orders"]["published"] == shop.order_lines - 1
    repaired = shop_pipeline.read_manifest(day)
    assert repaired["rows"]["orders"] == shop.rows["orders"]
    assert repaired["total_price"] == shop.total_price


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("wide_file", {"orders"}),
        ("headers_and_lines", {"customers", "products", "order_headers", "orders"}),
    ],
)
def test_day_of_another_shape_is_published(
    shop_pipeline: Pipeline, contract: Path, day: str, tmp_path: Path, name: str, inputs: set[str]
) -> None:
    write_shape(name, tmp_path)
    shutil.copy(tmp_path / "contract.py", contract)
    run_command(shop_pipeline, contract, "deliver", "--day", day, "--raw", str(tmp_path))

    assert shop_pipeline.run(day) == ("success", "")

    manifest, shape = shop_pipeline.read_manifest(day), SHAPES[name]
    assert {each: tuple(manifest["rows"][each].values()) for each in shape.rows} == shape.rows
    assert (manifest["total_price"], manifest["inputs"].keys()) == (shape.total_price, inputs)
    assert "is verified" in run_command(shop_pipeline, contract, "verify", "--day", day)


def test_header_that_arrives_late_is_found(
    shop_pipeline: Pipeline, contract: Path, day: str, tmp_path: Path
) -> None:
    write_shape("headers_and_lines", tmp_path)
    shutil.copy(tmp_path / "contract.py", contract)
    (tmp_path / "orders.csv").write_text(
        "order_id,product_id,quantity,selling_price\nA1,S1,1,2.50\nA8,S1,1,4.00\n"
    )
    run_command(shop_pipeline, contract, "deliver", "--day", day, "--raw", str(tmp_path))
    assert shop_pipeline.run(day) == ("success", "")
    assert shop_pipeline.read_manifest(day)["reasons"]["orders"]["unknown_order"] == 1

    later = move_day(day, 1)
    (tmp_path / "orders.csv").write_text("order_id,product_id,quantity,selling_price\nA8,S1,2,4.00\n")
    (tmp_path / "order_headers.csv").write_text(
        "order_id,order_date,delivery_date,customer_id\nA8,2026-03-02T09:00:00,2026-03-02,K1\n"
    )
    run_command(shop_pipeline, contract, "deliver", "--day", later, "--raw", str(tmp_path))
    assert shop_pipeline.run(later) == ("success", "")
    assert shop_pipeline.run(day) == ("success", "")

    assert shop_pipeline.read_manifest(day)["total_price"] == "6.50"
