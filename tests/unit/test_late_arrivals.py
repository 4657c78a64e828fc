"""Customers and products that arrive later than the orders that name them."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import GateClosedError
from include.inputs.late_arrivals import (
    MissingKey,
    MissingKeySets,
    choose_arrivals,
    find_places,
    has_resolvable_rejects,
)
from include.publishing.closed_days import read_closed_day
from include.transform import transform_files
from tests.memory_s3 import MemoryS3
from tests.raw_files import CUSTOMERS, make_order, make_orders, write_raw_files
from tests.records import CLOSED, GREEN
from tests.unit.conftest import Runs

C8, C9, P9 = ("customers", "C8"), ("customers", "C9"), ("products", "P9")
DAY, SECOND, THIRD = "2026-11-21", "2026-11-22", "2026-11-23"


ARRIVALS: dict[str, tuple[Any, dict[MissingKey, list[str]], dict[MissingKey, str]]] = {
    "nothing is lacking": (set(), {C9: ["2026-11-22"]}, {}),
    "it has not arrived": ({frozenset([C9])}, {C8: ["2026-11-22"]}, {}),
    "it has arrived": ({frozenset([C9])}, {C9: ["2026-11-22"]}, {C9: "2026-11-22"}),
    "the first later day counts": (
        {frozenset([C9])},
        {C9: ["2026-11-20", "2026-11-21", "2026-11-24", "2026-11-23"]},
        {C9: "2026-11-23"},
    ),
    "an earlier day does not count": ({frozenset([C9])}, {C9: ["2026-11-20"]}, {}),
    "half of what an order lacks": ({frozenset([C9, P9])}, {C9: ["2026-11-22"]}, {}),
    "all that an order lacks": (
        {frozenset([C9, P9]), frozenset([C8])},
        {C9: ["2026-11-22"], P9: ["2026-11-23"]},
        {C9: "2026-11-22", P9: "2026-11-23"},
    ),
}


@pytest.mark.parametrize(("lacking", "places", "chosen"), ARRIVALS.values(), ids=ARRIVALS)
def test_order_is_resolved_once_all_its_ids_have_arrived(
    lacking: MissingKeySets, places: dict[MissingKey, list[str]], chosen: dict[MissingKey, str]
) -> None:
    assert choose_arrivals(DAY, lacking, places) == chosen


def test_late_customer_is_found_but_never_replaces_the_days_own(tmp_path: Path) -> None:
    lines = "".join(make_order(f"O{n}", customer_id=f"C{n}") for n in (1, 8, 9))
    sources = write_raw_files(tmp_path / "raw", {"orders": make_orders(0, more=lines)})
    late = tmp_path / "late.parquet"
    rows = {"customer_id": ["C1", "C9"], "country": ["XX", "NO"]}
    pq.write_table(pa.table(rows), late)

    counts = transform_files(sources, tmp_path / "out", 1 << 20, dt.date(2026, 11, 21), {"customers": late})

    published = pq.read_table(tmp_path / "out" / "orders.parquet").to_pylist()
    found = {row["customer_id"]: (row["customer_country"], row["customer_city"]) for row in published}
    assert found == {"C1": ("FR", "Paris"), "C9": ("NO", None)}
    assert counts["rows"]["orders"] == {
        "read": 3,
        "published": 2,
        "quarantined": 1,
        "duplicates": 0,
        "blank": 0,
    }
    assert pq.read_table(tmp_path / "out" / "customers.parquet")["customer_id"].to_pylist() == ["C1", "C2"]


def test_later_day_without_the_dataset_provides_no_late_rows() -> None:
    published: Any = {"day": "2026-11-22", "outputs": {}}
    unasked: Any = None

    assert find_places(unasked, [published], {C9, P9}) == {}


def test_second_late_arrival_keeps_the_first(runs: Runs) -> None:
    lines = "".join(make_order(f"O{n}", customer_id=f"C{n}") for n in (1, 8, 9))
    runs.deliver(DAY, orders=make_orders(0, more=lines))
    runs.run(DAY)
    runs.deliver(SECOND, orders=make_orders(1), customers=f"{CUSTOMERS}C8,,,,,\n")
    runs.run(SECOND)
    first = runs.run(DAY, "run 2")
    runs.deliver(THIRD, orders=make_orders(1), customers=f"{CUSTOMERS}C9,,,,,\n")
    runs.run(THIRD)

    second = runs.run(DAY, "run 3")

    assert (first["rows"]["orders"]["published"], second["rows"]["orders"]["published"]) == (2, 3)
    assert runs.read_orders(DAY) == {"O1": "C1", "O8": "C8", "O9": "C9"}
    # A later run without news works with the same rows.
    assert runs.run(DAY, "run 4")["rows"] == second["rows"]


def test_rejected_customer_is_replaced_by_its_corrected_row(runs: Runs) -> None:
    lines = "".join(make_order(f"O{n}", customer_id=f"C{n}") for n in (1, 8))
    runs.deliver(DAY, orders=make_orders(0, more=lines), customers=f"{CUSTOMERS}C8,,,,,someday\n")
    before = runs.run(DAY)
    runs.deliver(SECOND, orders=make_orders(1), customers=f"{CUSTOMERS}C8,,,,,2024-02-29\n")
    runs.run(SECOND)

    after = runs.run(DAY, "run 2")

    assert before["reasons"]["orders"]["rejected_customer"] == 1
    assert (has_resolvable_rejects(before), has_resolvable_rejects(after)) == (True, False)
    assert runs.read_orders(DAY) == {"O1": "C1", "O8": "C8"}


def test_closed_day_uses_what_has_arrived_since(runs: Runs, s3: MemoryS3) -> None:
    lines = "".join(make_order(f"O{n}", customer_id=f"C{n}") for n in (1, 8))
    runs.deliver(DAY, orders=make_orders(0, more=lines))
    for run_id in ("run 1", "run 2"):
        extracted = runs.extract(DAY, run_id)
        with pytest.raises(GateClosedError):
            runs.publish(extracted, runs.transform(extracted), {"quality": GREEN, "gate": CLOSED})
    runs.deliver(SECOND, orders=make_orders(1), customers=f"{CUSTOMERS}C8,,,,,\n")
    runs.run(SECOND)

    closed = read_closed_day(s3.hook, runs.settings.layout, DAY)
    assert closed
    assert closed["run_id"] == "run 2"
    assert runs.run(DAY, "run 3")["rows"]["orders"]["published"] == 2


def test_closed_day_without_its_rejected_rows_is_ignored(runs: Runs, s3: MemoryS3) -> None:
    runs.deliver(DAY, orders=make_orders(1))
    extracted = runs.extract(DAY)
    transformed = runs.transform(extracted)
    with pytest.raises(GateClosedError):
        runs.publish(extracted, transformed, {"quality": GREEN, "gate": CLOSED})
    s3.delete(transformed["staged"]["quarantine/orders.parquet"])

    assert read_closed_day(s3.hook, runs.settings.layout, DAY) is None


def test_expired_quarantine_resolves_nothing(runs: Runs, s3: MemoryS3) -> None:
    runs.deliver(DAY, orders=make_orders(1, more=make_order("O8", customer_id="C8")))
    s3.delete(runs.run(DAY)["outputs"]["quarantine/orders"]["key"])
    runs.deliver(SECOND, orders=make_orders(1), customers=f"{CUSTOMERS}C8,,,,,\n")
    runs.run(SECOND)

    assert runs.run(DAY, "run 2")["rows"]["orders"]["quarantined"] == 1
