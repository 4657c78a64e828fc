"""`make deliver`, up to the store."""

from pathlib import Path

import pytest

from include.contract import DATASETS
from include.keys import Layout
from include.local import deliver
from include.local.__main__ import main


class RunningStack:
    """A stack as the command sees it."""

    layout = Layout()
    url = "http://127.0.0.1:8080"
    settings = type("Settings", (), {"store": None})

    def __init__(self, *, is_running: bool) -> None:
        self._record = object() if is_running else None

    def find_running(self) -> object | None:
        return self._record

    def join(self, record: object) -> None:
        assert record is self._record


@pytest.fixture
def uploads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(deliver, "make_stack", lambda **_: RunningStack(is_running=True))
    monkeypatch.setattr(deliver, "connect", lambda _connection: None)
    monkeypatch.setattr(
        deliver, "upload_raw_files", lambda _hook, _layout, day, files: found.append((day, sorted(files)))
    )
    return found


def fill_folder(folder: Path, *datasets: str) -> Path:
    for dataset in datasets:
        (folder / f"{dataset}.csv").write_text("id\n1\n")
    return folder


def test_deliver_uploads_each_file_and_names_its_key(
    tmp_path: Path, uploads: list[tuple[str, list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fill_folder(tmp_path, *DATASETS)

    assert main(["deliver", "--day", "2026-11-21", "--raw", str(folder)]) == 0

    assert uploads == [("2026-11-21", sorted(DATASETS))]
    printed = capsys.readouterr().out
    assert f"Delivered {folder}/orders.csv (5 bytes) as s3://ecommerce-raw/2026-11-21/orders.csv\n" in printed


@pytest.mark.parametrize(
    ("delivered", "options", "message"),
    [
        (["orders"], ["--day", "2026-11-21"], "has no customers.csv, products.csv"),
        (list(DATASETS), ["--day", "21.11.2026"], "21.11.2026"),
    ],
    ids=["missing files", "not a day"],
)
def test_deliver_uploads_nothing_after_a_mistake(
    tmp_path: Path,
    uploads: list[tuple[str, list[str]]],
    capsys: pytest.CaptureFixture[str],
    delivered: list[str],
    options: list[str],
    message: str,
) -> None:
    fill_folder(tmp_path, *delivered)

    assert main(["deliver", *options, "--raw", str(tmp_path)]) == 1

    assert message in capsys.readouterr().err
    assert uploads == []


def test_deliver_needs_a_folder_and_a_running_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deliver, "make_stack", lambda **_: RunningStack(is_running=False))

    assert main(["deliver", "--raw", ""]) == 1
    assert "RAW=" in capsys.readouterr().err
    assert main(["deliver", "--raw", str(tmp_path)]) == 1
    assert "Nothing is running. `make up` starts the stack." in capsys.readouterr().err
