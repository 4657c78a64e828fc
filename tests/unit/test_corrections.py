"""Which days are to be run again."""

from include.corrections import find_change
from include.day import days_after, days_until
from include.manifest import Manifest
from include.objects import ObjectState
from tests.records import MANIFEST

FILE: ObjectState = {"key": "s3://raw/x", "etag": "e", "version_id": "v1", "bytes": 700}
SAME = {"orders": FILE, "customers": FILE, "products": FILE}


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


def test_a_dataset_that_the_contract_dropped_is_no_change_and_one_that_it_gained_is_when_it_comes() -> None:
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


def test_the_look_back_ends_with_the_day_itself() -> None:
    assert days_until("2026-03-01", 3) == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert days_after("2026-02-27", 3) == ["2026-02-28", "2026-03-01", "2026-03-02"]
    assert (days_until("2026-03-01", 0), days_after("2026-03-01", 0)) == ([], [])


def test_late_rows_of_the_manifest_are_compared_with_what_arrived_and_not_with_files() -> None:
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
