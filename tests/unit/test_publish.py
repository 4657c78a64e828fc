"""What a run may publish, and which run of a day may replace the published one."""

import copy
from typing import Any

import pytest

from include import keys
from include.errors import OlderDeliveryError, RowsLostError, StagedChangedError
from include.keys import Layout
from include.publishing.published_day import reject_stale_run
from tests.memory_s3 import MemoryS3
from tests.raw_files import make_orders
from tests.records import APPROVED, CLOSED, GREEN, MANIFEST, VALIDATED
from tests.unit.conftest import Runs

DAY = "2026-11-21"

OLDER, NEWER = "2026-11-21T08:00:00Z", "2026-11-21T09:00:00Z"


def check(published: dict[str, str], own: dict[str, str]) -> None:
    """Whether a run may publish, by when each of its files and each of those published was written."""
    inputs: Any = {name: {"written_at": instant} for name, instant in published.items()}
    extracted: Any = {"day": "2026-11-21", "inputs": {name: {"written_at": at} for name, at in own.items()}}
    reject_stale_run({**MANIFEST, "inputs": inputs}, extracted)


ALL = ("customers", "products", "orders")


def test_an_older_delivery_is_rejected() -> None:
    with pytest.raises(OlderDeliveryError, match="with products delivered at 2026-11-21T09:00:00Z"):
        check(dict.fromkeys(ALL, OLDER) | {"products": NEWER}, dict.fromkeys(ALL, OLDER))


def test_rejected_older_delivery_says_to_deliver_again() -> None:
    with pytest.raises(OlderDeliveryError) as rejected:
        check(dict.fromkeys(ALL, NEWER), dict.fromkeys(ALL, OLDER))

    assert "was withdrawn and an earlier version restored, deliver" in str(rejected.value)


@pytest.mark.parametrize(
    "published",
    [
        pytest.param(dict.fromkeys(ALL, OLDER), id="the same delivery"),
        pytest.param({"customers": OLDER, "products": OLDER}, id="from before a dataset was declared"),
    ],
)
def test_delivery_that_is_not_older_may_be_published(published: dict[str, str]) -> None:
    check(published, dict.fromkeys(ALL, OLDER))


def check_repairs(inputs: set[str], own: set[str], pinned_at: str | None) -> None:
    """Whether a run may publish, by the inputs of both; the other one was published at 09:00."""
    manifest: Any = {**MANIFEST, "inputs": {name: {} for name in inputs}, "published_at": NEWER}
    extracted: Any = {"day": "2026-11-21", "inputs": {name: {} for name in own}}
    reject_stale_run(manifest, extracted | ({"pinned_at": pinned_at} if pinned_at else {}))


@pytest.mark.parametrize("name", ["repairs_orders", "late_customers"])
def test_delayed_run_keeps_newer_repairs_and_late_rows(name: str) -> None:
    with pytest.raises(
        OlderDeliveryError, match=rf"run 1 at {NEWER} with {name}; .* clear this run from ext"
    ):
        check_repairs({*ALL, name}, {*ALL}, OLDER)


@pytest.mark.parametrize(
    ("inputs", "own", "pinned_at"),
    [
        pytest.param({"repairs_orders"}, set(), "2026-11-21T09:30:00Z", id="the repair was withdrawn"),
        pytest.param({"repairs_orders"}, set(), NEWER, id="extracted when the day was published"),
        pytest.param({"repairs_orders"}, {"repairs_orders"}, OLDER, id="both have it"),
        pytest.param(set(), {"late_customers"}, OLDER, id="the run brings it"),
        pytest.param({"repairs_orders"}, set(), None, id="extracted by an earlier release"),
    ],
)
def test_other_runs_may_publish(inputs: set[str], own: set[str], pinned_at: str | None) -> None:
    check_repairs({*ALL, *inputs}, {*ALL, *own}, pinned_at)


def test_tables_of_other_raw_files_are_rejected(runs: Runs, s3: MemoryS3) -> None:
    runs.deliver(DAY, orders=make_orders(3))
    staged = runs.transform(runs.extract(DAY))
    runs.deliver(DAY, orders=make_orders(4))
    extracted = runs.extract(DAY)

    with pytest.raises(StagedChangedError, match="Clear this run from transform on"):
        runs.publish(extracted, staged)

    assert s3.list_urls(keys.manifests(Layout())) == []


def test_lost_row_is_never_published(runs: Runs, s3: MemoryS3) -> None:
    runs.deliver(DAY, orders=make_orders(3))
    extracted = runs.extract(DAY)
    transformed = copy.deepcopy(runs.transform(extracted))
    transformed["counts"]["rows"]["orders"]["read"] += 1

    with pytest.raises(RowsLostError, match="orders: the rows do not add up"):
        runs.publish(extracted, transformed)

    assert s3.list_urls(keys.manifests(Layout())) == []


def test_retry_keeps_its_correction(runs: Runs) -> None:
    runs.deliver(DAY, orders=make_orders(3))
    runs.run(DAY)
    runs.deliver(DAY, orders=make_orders(4))

    first, retry = runs.run(DAY, "run 2"), runs.run(DAY, "run 2")

    assert first["correction"]
    assert first["correction"]["orders"] == {"added": 1, "removed": 0, "altered": 0}
    assert retry["correction"] == first["correction"]


def test_only_a_closed_gate_keeps_its_approval(runs: Runs) -> None:
    runs.deliver(DAY, orders=make_orders(3))
    extracted = runs.extract(DAY)
    transformed = runs.transform(extracted)

    closed = runs.publish(extracted, transformed, {"quality": GREEN, "gate": CLOSED}, APPROVED)
    opened = runs.publish(extracted, transformed, VALIDATED, APPROVED)

    assert (closed["approval"], opened["approval"]) == (APPROVED, None)
