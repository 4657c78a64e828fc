"""Which days are to be run again."""

from typing import Any

import pytest

from include import corrections
from include.config import Settings
from include.contract import DATASETS
from include.corrections import find_change, reject_unread_days, scan_published_days
from include.day import days_after, days_until
from include.errors import RetryableError, StoreRefusedError, UnreadableDaysError
from include.manifest import Manifest
from include.s3.objects import ObjectState
from tests.records import MANIFEST

FILE: ObjectState = {"key": "s3://raw/x", "etag": "e", "version_id": "v1", "bytes": 700}
SAME = dict.fromkeys(DATASETS, FILE)


def replaced(etag: str) -> dict[str, ObjectState]:
    return SAME | {"orders": {**FILE, "etag": etag}}


def test_the_same_files_are_no_change() -> None:
    assert find_change(MANIFEST, SAME, {}) is None


def test_the_same_bytes_delivered_again_are_no_change() -> None:
    assert find_change(MANIFEST, SAME | {"orders": {**FILE, "version_id": "v2"}}, {}) is None


def test_a_replaced_file_is_named() -> None:
    change = find_change(MANIFEST, replaced("f"), {})

    assert change
    assert (change.day, change.inputs) == ("2026-11-21", {"orders": "replaced"})
    assert str(change) == "2026-11-21: orders was replaced"


def test_dropped_dataset_is_ignored_and_added_one_counts_once_delivered() -> None:
    file = MANIFEST["inputs"]["orders"]
    before: Manifest = {**MANIFEST, "inputs": MANIFEST["inputs"] | {"dropped": file, "repairs_dropped": file}}
    change = find_change(MANIFEST, SAME | {"gained": FILE}, {})

    assert find_change(before, SAME, {}) is None
    assert change
    assert change.inputs == {"gained": "added"}


def test_the_same_change_has_the_same_run() -> None:
    first, again, other = (find_change(MANIFEST, replaced(etag), {}) for etag in ("f", "f", "g"))

    assert first
    assert again
    assert other
    assert first.run_id == again.run_id != other.run_id
    assert first.run_id.startswith("correction__2026-11-21__")


def test_the_same_file_after_another_publication_is_a_new_change() -> None:
    later: Manifest = {**MANIFEST, "published_at": "2026-11-22T00:00:00Z"}
    first, again = find_change(MANIFEST, replaced("f"), {}), find_change(later, replaced("f"), {})

    assert first
    assert again
    assert first.run_id != again.run_id


def test_scan_window_ends_with_the_day() -> None:
    assert days_until("2026-03-01", 3) == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert days_after("2026-02-27", 3) == ["2026-02-28", "2026-03-01", "2026-03-02"]
    assert (days_until("2026-03-01", 0), days_after("2026-03-01", 0)) == ([], [])


def test_late_rows_are_compared_with_what_arrived() -> None:
    healed: Manifest = {
        **MANIFEST,
        "inputs": MANIFEST["inputs"] | {"late_customers": MANIFEST["inputs"]["orders"]},
    }
    arrived = {("customers", "C9"): "2026-11-22", ("products", "P9"): "2026-11-23"}

    assert find_change(healed, SAME, {}) is None
    change, other = (
        find_change(healed, SAME, arrived),
        find_change(healed, SAME, {("customers", "C9"): "2026-11-22"}),
    )

    assert change
    assert other
    assert change.inputs == {"late_customers": "replaced", "late_products": "added"}
    assert change.run_id != other.run_id


class Days:
    """A look-back of which every day was published, and had its orders replaced since."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broken: dict[str, dict[str, Exception]] = {"manifest": {}, "tables": {}, "inputs": {}}
        monkeypatch.setattr(corrections, "read_manifests", self.read)
        monkeypatch.setattr(corrections, "find_arrivals", self.find_arrivals)
        monkeypatch.setattr(corrections, "find_inputs", self.find_inputs)

    def read(self, _hook: object, _layout: object, days: list[str]) -> dict[str, Any]:
        self.fail("manifest", days)
        return {day: {**MANIFEST, "day": day} for day in days}

    def find_arrivals(self, _hook: object, manifests: dict[str, Any], days: object) -> dict[str, Any]:
        self.fail("tables", [day for day in manifests if day >= min(days)])  # type: ignore[call-overload]
        return {}

    def find_inputs(self, _hook: object, _layout: object, day: str) -> dict[str, ObjectState]:
        self.fail("inputs", [day])
        return replaced("f")

    def fail(self, what: str, days: list[str]) -> None:
        for day in days:
            if error := self.broken[what].get(day):
                raise error


@pytest.mark.parametrize(
    ("what", "error", "reason"),
    [
        ("manifest", ValueError("ada@example.com"), "its manifest or a table cannot be read (ValueError"),
        ("tables", KeyError("outputs"), "its manifest or a table cannot be read (KeyError"),
        ("inputs", StoreRefusedError("S3 rejected it."), "S3 rejected it."),
    ],
)
def test_unreadable_day_does_not_block_the_others(
    monkeypatch: pytest.MonkeyPatch, what: str, error: Exception, reason: str
) -> None:
    days = Days(monkeypatch)
    days.broken[what]["2026-11-20"] = error

    found = scan_published_days(None, Settings(correction_days=3), "2026-11-21")  # type: ignore[arg-type]  # no store

    assert [change.day for change in found.changes] == ["2026-11-19", "2026-11-21"]
    with pytest.raises(UnreadableDaysError, match=r"2026-11-20: .+ rerun the day") as caught:
        reject_unread_days(found.unread)
    assert reason in str(caught.value)
    assert "ada@example.com" not in str(caught.value)


def test_temporary_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    Days(monkeypatch).broken["inputs"]["2026-11-20"] = RetryableError("The store is busy.")

    with pytest.raises(RetryableError, match="busy"):
        scan_published_days(None, Settings(correction_days=3), "2026-11-21")  # type: ignore[arg-type]


UNKNOWN_ORDERS: Any = {"subject": "orders", "ratio": 0.09, "text": "", "reasons": {}}
FAILED_CHECK: Any = {"subject": "expect_x", "ratio": None, "text": "", "reasons": {}}


@pytest.mark.parametrize(
    ("faults", "resolved", "inputs", "is_rerun"),
    [
        pytest.param([UNKNOWN_ORDERS], 9, SAME, True, id="everything has arrived"),
        pytest.param([UNKNOWN_ORDERS], 4, SAME, True, id="enough has arrived"),
        pytest.param([UNKNOWN_ORDERS], 3, SAME, False, id="too little has arrived"),
        pytest.param([UNKNOWN_ORDERS, FAILED_CHECK], 9, SAME, False, id="another fault"),
        pytest.param([UNKNOWN_ORDERS], 9, replaced("f"), False, id="a new delivery"),
    ],
)
def test_closed_day_is_rerun_once_its_gate_would_open(
    monkeypatch: pytest.MonkeyPatch,
    faults: list[Any],
    resolved: int,
    inputs: dict[str, ObjectState],
    is_rerun: bool,
) -> None:
    day = "2026-11-20"
    rows = {"orders": {"read": 100, "published": 91, "quarantined": 9, "duplicates": 0}}
    closed = {"day": day, "inputs": MANIFEST["inputs"], "rows": rows, "gate": {"faults": faults}}
    monkeypatch.setattr(corrections, "read_manifests", lambda *_: {})
    monkeypatch.setattr(corrections, "read_closed_days", lambda *_: {day: closed})
    monkeypatch.setattr(corrections, "find_arrivals", lambda *_: {day: {("customers", "C9"): "2026-11-21"}})
    monkeypatch.setattr(corrections, "find_inputs", lambda *_: inputs)
    monkeypatch.setattr(corrections, "count_resolved", lambda *_: resolved)
    settings = Settings(correction_days=3, min_rejected_rows=1)

    found = scan_published_days(None, settings, "2026-11-21")  # type: ignore[arg-type]  # no store

    notes = [str(change) for change in found.changes]
    arrived = "the gate was closed, and the rows that its orders refer to have arrived"
    assert notes == ([f"{day}: late_customers was added; {arrived}"] if is_rerun else [])
