"""Other shapes of delivery: Spark and the engine on one machine make the same of them."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.contract_file import CONTRACT_VARIABLE
from tests.integration.own_store import OwnStore
from tests.project_files import PROJECT
from tests.shapes import write_shape


@pytest.mark.parametrize("name", ["wide_file", "headers_and_lines", "decimal_quantities"])
def test_shape_is_the_same_on_spark(store: OwnStore, tmp_path: Path, name: str) -> None:
    write_shape(name, tmp_path)
    connection = json.dumps(dataclasses.asdict(store.owner))
    result = subprocess.run(
        [sys.executable, "-P", "-m", "tests.spark.shaped_day", str(tmp_path), connection],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT), CONTRACT_VARIABLE: str(tmp_path / "contract.py")},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
