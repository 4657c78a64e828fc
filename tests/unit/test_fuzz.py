"""The fuzzer of the reader, for a short while. `python -m tests.fuzz_reader` goes on for longer."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.project_files import PROJECT


def test_the_fuzzer_finds_nothing_in_a_short_run(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="it has wheels for Linux only")
    options = ["-runs=1500", "-seed=1", "-max_len=200", f"-artifact_prefix={tmp_path}/"]

    result = subprocess.run(
        [sys.executable, "-m", "tests.fuzz_reader", *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr[-2000:]
    assert "Done 1500 runs" in result.stderr
