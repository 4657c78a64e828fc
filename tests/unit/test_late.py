"""Customers and products that arrive later than the orders that name them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.inputs.late_arrivals import MissingKey, MissingKeySets, choose_arrivals, find_places
from include.transform import transform_files
from tests.unit.conftest import CUSTOMERS, ORDERS_HEADER, PRODUCTS, write_raw_files

C8, C9, P9 = ("customers", "C8"), ("customers", "C9"), ("products", "P9")
DAY = "2026-11-21"


@pytest.mark.parametrize(
    ("lacking", "places", "chosen"),
    {
        "nothing is lacking": (set(), {C9: ["2026-11-22"]}, {}),
        "it has not arrived": ({frozenset([C9])}, {C8: ["2026-11-22"]}, {}),
        "it has arrived": ({frozenset([C9])}, {C9: ["2026-11-22"]}, {C9: "2026-11-22"}),
        "the first later day counts": (
            {frozenset([C9])},
            {C9: ["2026-11-20", "2026-11-21", "2026-11-24", "2026-11-23"]},
            {C9: "2026-11-23"},
        ),
        "an earlier day does not count": ({frozenset([C9])}, {C9: ["2026-11-20"]}, {}),
        "half of what an order lacks heals nothing": ({frozenset([C9, P9])}, {C9: ["2026-11-22"]}, {}),
        "all that an order lacks heals it": (
            {frozenset([C9, P9]), frozenset([C8])},
            {C9: ["2026-11-22"], P9: ["2026-11-23"]},
            {C9: "2026-11-22", P9: "2026-11-23"},
        ),
    }.values(),
)
def test_orders_are_healed_that_get_all_they_lack(
    lacking: MissingKeySets, places: dict[MissingKey, list[str]], chosen: dict[MissingKey, str]
) -> None:
    assert choose_arrivals(DAY, lacking, places) == chosen


def test_late_customer_is_found_but_never_replaces_the_days_own(tmp_path: Path) -> None:
    orders = ORDERS_HEADER + "".join(f"O{n},C{n},P1,1,1.00,2026-11-21,,open\n" for n in (1, 8, 9))
    sources = write_raw_files(
        tmp_path / "raw", {"customers": CUSTOMERS, "products": PRODUCTS, "orders": orders}
    )
    late = tmp_path / "late.parquet"
    rows = {"customer_id": ["C1", "C9"], "country": ["XX", "NO"]}
    pq.write_table(pa.table(rows), late)

    counts = transform_files(sources, tmp_path / "out", 1 << 20, {"customers": late})

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
