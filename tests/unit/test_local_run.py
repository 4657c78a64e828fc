"""The parts of `make run` that need no stack."""

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from include import keys
from include.contract import DATASETS
from include.errors import ContractError
from include.keys import Layout
from include.local import outputs
from include.local.__main__ import main
from include.local.dag_run import TaskProgress, find_failed, find_fault
from include.local.errors import LocalError
from include.local.outputs import copy_rejected, replace_folder
from include.local.run import parse_day
from include.local.stack import Stack
from include.local.storage import find_raw_files, upload_raw_files
from tests.memory_s3 import MemoryS3
from tests.records import CLOSED_GATE

PLAIN = Layout()
COMPRESSED = Layout(raw_key_template="{day}/{dataset}.csv.gz")


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_text(f"content of {name}")
    return folder


@pytest.fixture(autouse=True)
def three_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of these tests are a whole day."""
    names = ("customers", "products", "orders")
    monkeypatch.setattr("include.local.storage.DELIVERED", {name: DATASETS[name] for name in names})


@pytest.mark.parametrize(
    "text", ["2026-02-30", "20261121", "2026-W47-6", "21.11.2026", "2026-11-21T00:00", "today", "../x"]
)
def test_invalid_day_is_rejected(text: str) -> None:
    with pytest.raises(LocalError, match="Use YYYY-MM-DD"):
        parse_day(text)


def test_a_day_is_read_and_defaults_to_today_in_utc() -> None:
    assert parse_day("2026-11-21") == dt.date(2026, 11, 21)
    before = dt.datetime.now(dt.UTC).date()
    assert parse_day("") in {before, before + dt.timedelta(days=1)}


def test_raw_files_are_found_by_the_names_that_the_template_gives(tmp_path: Path) -> None:
    fill(tmp_path, "customers.csv", "products.csv", "orders.csv", "notes.txt")

    assert find_raw_files(tmp_path, PLAIN) == {
        name: tmp_path / f"{name}.csv" for name in ("customers", "products", "orders")
    }


def test_compressed_layout_accepts_plain_files(tmp_path: Path) -> None:
    fill(tmp_path, "customers.csv", "customers.csv.gz", "products.csv", "orders.csv.gz")

    assert [path.name for path in find_raw_files(tmp_path, COMPRESSED).values()] == [
        "customers.csv.gz",
        "products.csv",
        "orders.csv.gz",
    ]


@pytest.mark.parametrize(
    ("present", "missing"),
    [
        pytest.param((), "has no customers.csv, products.csv, orders.csv", id="empty folder"),
        pytest.param(("customers.csv", "products.csv"), r"has no orders\.csv\.", id="one missing"),
    ],
)
def test_missing_raw_files_are_named(tmp_path: Path, present: tuple[str, ...], missing: str) -> None:
    with pytest.raises(LocalError, match=missing):
        find_raw_files(fill(tmp_path, *present), PLAIN)


def test_contract_names_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("customers", "products", "orders")
    adapted = {name: DATASETS[name].adapt(file=f"{name}_export*.csv") for name in names}
    monkeypatch.setattr("include.local.storage.DELIVERED", adapted)
    fill(tmp_path, "customers_export.csv", "products_export_1.csv.gz", "orders_export_1.csv", "orders.csv")

    assert [path.name for path in find_raw_files(tmp_path, PLAIN).values()] == [
        "customers_export.csv",
        "products_export_1.csv.gz",
        "orders_export_1.csv",
    ]
    fill(tmp_path, "orders_export_2.csv")
    with pytest.raises(LocalError, match=r"orders: orders_export_1\.csv, orders_export_2\.csv\. Leave one"):
        find_raw_files(tmp_path, PLAIN)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="nowhere is not a folder"):
        find_raw_files(tmp_path / "nowhere", PLAIN)


def test_a_plain_file_is_compressed_where_its_key_says_so(s3: MemoryS3, tmp_path: Path) -> None:
    fill(tmp_path, "customers.csv.gz", "products.csv", "orders.csv")

    upload_raw_files(s3.hook, COMPRESSED, "2026-11-21", find_raw_files(tmp_path, COMPRESSED))

    assert s3.get("s3://ecommerce-raw/2026-11-21/customers.csv.gz") == b"content of customers.csv.gz"
    delivered = s3.get("s3://ecommerce-raw/2026-11-21/orders.csv.gz")
    assert gzip.decompress(delivered) == b"content of orders.csv"


def test_compressed_file_is_decompressed_for_a_plain_key(s3: MemoryS3, tmp_path: Path) -> None:
    fill(tmp_path, "customers.csv", "products.csv")
    (tmp_path / "orders.csv.gz").write_bytes(gzip.compress(b"content"))

    upload_raw_files(s3.hook, PLAIN, "2026-11-21", find_raw_files(tmp_path, PLAIN))

    assert s3.get("s3://ecommerce-raw/2026-11-21/orders.csv") == b"content"


def test_a_folder_of_outputs_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "output" / "2026-11-21"
    with replace_folder(target) as folder:
        fill(folder, "orders.parquet", "stale.parquet")
    with replace_folder(target) as folder:
        fill(folder, "orders.parquet", "manifest.json")

    assert sorted(path.name for path in target.iterdir()) == ["manifest.json", "orders.parquet"]
    assert [path.name for path in target.parent.iterdir()] == ["2026-11-21"]


def test_a_copy_that_fails_leaves_the_earlier_outputs(tmp_path: Path) -> None:
    target = tmp_path / "2026-11-21"
    with replace_folder(target) as folder:
        fill(folder, "orders.parquet")
    with pytest.raises(FileNotFoundError), replace_folder(target) as folder:
        fill(folder, "manifest.json", "no folder/orders.parquet")

    assert [path.name for path in target.iterdir()] == ["orders.parquet"]
    assert [path.name for path in tmp_path.iterdir()] == ["2026-11-21"]


class GateStore:
    """S3 with a few objects of one run."""

    def __init__(self, objects: dict[str, str]) -> None:
        self.objects = objects

    def check_for_key(self, url: str) -> bool:
        return url in self.objects

    def list_keys(self, **_: Any) -> list[str]:
        return []

    def parse_s3_url(self, url: str) -> tuple[str, str]:
        return "bucket", url


@pytest.mark.parametrize("has_gate", [True, False], ids=["gate closed", "failed before the gate"])
def test_failed_run_keeps_the_outputs_of_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_gate: bool
) -> None:
    target, day = tmp_path / "2026-11-21", "2026-11-21"
    with replace_folder(target) as folder:
        fill(folder, "manifest.json")
    (target / "rejected").mkdir()
    fill(target / "rejected", "stale.json")
    gate_key = keys.staged(PLAIN, day, "run", "gate.json")
    store: Any = GateStore({gate_key: json.dumps(CLOSED_GATE)} if has_gate else {})

    def download(hook: Any, url: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(store.objects.get(url, ""))

    monkeypatch.setattr(outputs, "download_file", download)
    rejected = copy_rejected(store, PLAIN, day, "run", target)

    assert (target / "manifest.json").exists()
    assert not (target / "rejected" / "stale.json").exists()
    assert rejected == (target / "rejected" if has_gate else None)
    assert (target / "rejected" / "gate.json").exists() is has_gate


def raised(kind: str, text: str) -> dict[str, Any]:
    cause = {"exc_type": "RawFileError", "exc_value": "the cause"}
    return {
        "event": "Task failed with exception",
        "level": "error",
        "error_detail": [{"exc_type": kind, "exc_value": text}, cause],
    }


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        pytest.param(raised("AirflowFailException", "orders.csv: empty."), "orders.csv: empty.", id="meant"),
        pytest.param(raised("KeyError", "'day'"), "KeyError: 'day'", id="not meant"),
        pytest.param({"event": "Killed", "level": "error"}, "Killed", id="without an exception"),
        pytest.param(
            raised("ConnectionError", "refused") | {"logger": "include.reporting.alerts"},
            "",
            id="an alert not sent",
        ),
        pytest.param({"event": "Wrote s3://…", "level": "info"}, "", id="no error"),
        pytest.param({"event": "::group::"}, "", id="no level"),
    ],
)
def test_the_fault_of_a_task_is_found_in_its_log(event: dict[str, Any], fault: str) -> None:
    assert find_fault(event) == fault


def test_first_failed_task_is_blamed() -> None:
    states = {"extract": "success", "transform": "failed", "validate": "upstream_failed", "publish": "failed"}
    tasks = [
        TaskProgress(task_id=task_id, state=state, seconds=1.0, try_number=1)
        for task_id, state in states.items()
    ]

    assert find_failed(tasks) == tasks[1]
    assert find_failed(tasks[:1]) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["run", "--day", "2026-13-01"], "DAY=2026-13-01 is not a day", id="no day"),
        pytest.param(["run", "--raw", "/nowhere/at/all"], "/nowhere/at/all is not a folder", id="no folder"),
        pytest.param(
            ["transform", "/nowhere", "/nowhere"], "/nowhere is not a folder", id="nothing to transform"
        ),
    ],
)
def test_command_prints_a_mistake_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1

    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert said.count("\n") == 1


def test_contract_error_is_printed_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise ContractError("The contract cannot be kept.")

    monkeypatch.setattr("include.local.__main__.make_parser", refuse)

    assert main(["status"]) == 1
    assert capsys.readouterr().err == "error: The contract cannot be kept.\n"


@pytest.mark.parametrize("command", ["quarantine", "repair"])
def test_rejected_rows_need_a_store(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("include.local.repairs.make_stack", lambda **_: Stack(tmp_path))
    path = tmp_path / "rows.csv"
    path.write_text("line_number,raw_etag,order_id\n2,etag,O1\n")

    assert main([command, "2026-11-21", str(path)]) == 1

    assert "Nothing is stored here yet" in capsys.readouterr().err
