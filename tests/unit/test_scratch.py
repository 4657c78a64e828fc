"""Folders on the worker's disk outlive no process for long, and no living one loses its own."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from include.scratch import scratch_folder
from tests.project_files import PROJECT

HOLD = (
    "from include.scratch import scratch_folder\n"
    "with scratch_folder('test') as folder:\n"
    "    (folder / 'orders.parquet').write_bytes(b'x')\n"
    "    print(folder, flush=True)\n"
    "    input()\n"
)


@pytest.fixture
def other_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds a folder, on a disk of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def read_folder(process: "subprocess.Popen[str]") -> Path:
    assert process.stdout
    return Path(process.stdout.readline().strip())


def test_the_folder_of_a_killed_process_is_removed(other_process: "subprocess.Popen[str]") -> None:
    abandoned = read_folder(other_process)
    other_process.send_signal(signal.SIGKILL)
    other_process.wait()
    assert (abandoned / "orders.parquet").exists()

    with scratch_folder("test") as own:
        assert own.is_dir()
        assert not abandoned.exists()
    assert not own.exists()


def test_the_folder_of_a_living_process_stays(other_process: "subprocess.Popen[str]") -> None:
    living = read_folder(other_process)

    with scratch_folder("test"):
        assert (living / "orders.parquet").exists()


def test_folders_created_at_the_same_moment_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def work(number: int) -> bytes:
        with scratch_folder("test") as folder:
            (folder / "x").write_bytes(b"%d" % number)
            return (folder / "x").read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(200))) == [b"%d" % number for number in range(200)]
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
