"""When the gate opens, and what it says when it does not."""

import copy

import pytest

from include.errors import RowsLostError
from include.manifest import Quality
from include.publish import check_nothing_lost
from include.publishing.gate import find_gate_faults
from tests.records import COUNTS, GREEN


def test_a_ratio_at_the_limit_opens_the_gate() -> None:
    assert find_gate_faults(COUNTS, GREEN, 0.05) == []


def test_a_ratio_above_the_limit_closes_it_and_names_the_reasons() -> None:
    assert find_gate_faults(COUNTS, GREEN, 0.04) == [
        "orders: 5 of 100 rows were refused (5.0%, allowed 4.0%): unknown_customer 5."
    ]


def test_every_file_has_to_keep_the_limit() -> None:
    counts = copy.deepcopy(COUNTS)
    counts["rows"]["products"] = {"read": 2, "published": 1, "quarantined": 1, "duplicates": 0}
    counts["reasons"]["products"] = {"product_id_missing": 1}

    assert find_gate_faults(counts, GREEN, 0.05) == [
        "products: 1 of 2 rows were refused (50.0%, allowed 5.0%): product_id_missing 1."
    ]


def test_a_failed_checkpoint_closes_it() -> None:
    red: Quality = {**GREEN, "success": False, "failed": ["a(x): 1 of 9 rows", "b(y): 2 of 9 rows"]}

    assert find_gate_faults(COUNTS, red, 0.05) == [
        "Failed expectations: a(x): 1 of 9 rows; b(y): 2 of 9 rows."
    ]


def test_a_lost_row_is_found() -> None:
    rows = copy.deepcopy(COUNTS["rows"])
    rows["orders"]["published"] -= 1

    with pytest.raises(RowsLostError, match="orders: the rows do not add up"):
        check_nothing_lost(rows)
