"""What is derived from the records of a run: names, digests, and lines for the log."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

import include
from include.manifest import Counts, code_version, describe_counts, digest_inputs, format_money
from tests.records import COUNTS, MANIFEST


def test_log_lists_the_most_frequent_reasons_of_each_file_first() -> None:
    counts: Counts = {
        **COUNTS,
        "rows": {
            "orders": {"read": 5_000_000, "published": 4_990_000, "quarantined": 8_766, "duplicates": 1_234},
            "customers": COUNTS["rows"]["customers"],
        },
        "reasons": {
            "orders": {"order_id_missing": 2, "quantity_invalid": 0, "unknown_customer": 8_764},
            "customers": {"customer_id_missing": 0},
        },
    }

    orders = "orders: 5,000,000 read, 4,990,000 published, 8,766 rejected, 1,234 duplicates"
    assert describe_counts(counts) == [
        f"{orders} (unknown_customer 8,764, order_id_missing 2)",
        "customers: 10 read, 10 published, 0 rejected, 0 duplicates",
    ]


def test_input_digest_depends_on_content_not_order() -> None:
    inputs = MANIFEST["inputs"]
    replaced = inputs | {"orders": {**inputs["orders"], "etag": "another"}}

    assert digest_inputs(dict(reversed(inputs.items()))) == digest_inputs(inputs)
    assert digest_inputs(replaced) != digest_inputs(inputs)
    # It is a part of keys in S3.
    assert re.fullmatch("[0-9a-f]{16}", digest_inputs(inputs))


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of two modules in the place of the pipeline's."""
    (tmp_path / "engine").mkdir()
    (tmp_path / "publish.py").write_text("published = True")
    (tmp_path / "engine" / "batches.py").write_text("batches = 1")
    monkeypatch.setattr(include, "__file__", str(tmp_path / "__init__.py"))
    return tmp_path


def read_digest() -> str:
    release, _, digest = code_version.__wrapped__().partition("+")
    assert release == include.__version__
    return digest


CHANGES: dict[str, Callable[[Path], object]] = {
    "a line": lambda folder: (folder / "engine" / "batches.py").write_text("batches = 2"),
    "a module more": lambda folder: (folder / "new.py").touch(),
    "a place": lambda folder: (folder / "publish.py").rename(folder / "engine" / "publish.py"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_the_code_changes_its_version(source: Path, change: Callable[[Path], object]) -> None:
    before = read_digest()
    change(source)

    assert read_digest() != before
    assert re.fullmatch("[0-9a-f]{12}", before)


def test_the_same_code_has_the_same_version_wherever_it_lies(source: Path) -> None:
    before = read_digest()
    (source / "notes.txt").write_text("no code")

    assert read_digest() == before


@pytest.mark.parametrize(
    ("amount", "text"),
    {
        "0": "0.00",
        "12.3": "12.30",
        "4110341.1500": "4110341.15",
        "0.0001": "0.0001",
        "1E+3": "1000.00",
    }.items(),
)
def test_money_is_written_with_its_exact_digits(amount: str, text: str) -> None:
    assert format_money(Decimal(amount)) == text
