"""Raw orders as real shops write them."""

from typing import Any

import pytest

from tests import cases
from tests.unit.conftest import Outcome, Transform


@pytest.fixture(params=[1, 1 << 20], ids=["a row a batch", "one batch"])
def outcome(request: pytest.FixtureRequest, transform_day: Transform) -> Outcome:
    """All cases as one day."""
    return transform_day(cases.write_all(), cases.CUSTOMERS, cases.PRODUCTS, batch_bytes=request.param)


def test_every_case_has_its_outcome(outcome: Outcome) -> None:
    published = {row["order_id"]: row for row in outcome.published()}
    reasons = {row["line_number"]: row["reasons"] for row in outcome.quarantined()}
    line = 2
    for number, ((column, _), value) in enumerate(cases.VALUES.items()):
        found: Any = published.get(f"v{number}", {}).get(column)
        assert (found, reasons.get(line)) == (value, None if value is not None else [f"{column}_invalid"])
        line += 1
    for number, days in enumerate(cases.SHIPPING.values()):
        assert published[f"s{number}"]["shipping_time_days"] == days
        line += 1
    for name, rows in cases.ROWS.items():
        for _, expected in rows:
            assert reasons.get(line, []) == (expected if isinstance(expected, list) else []), name
            line += 1


def test_every_row_of_the_cases_is_counted(outcome: Outcome) -> None:
    rows = outcome.counts["rows"]["orders"]
    ends = [end for case in cases.ROWS.values() for _, end in case]
    assert (rows["duplicates"], rows["blank"]) == (ends.count(cases.DUPLICATE), ends.count(cases.BLANK))
    assert rows["read"] == rows["published"] + rows["quarantined"] + rows["duplicates"]
    assert (
        rows["published"]
        == len(outcome.published())
        == (sum(value is not None for value in cases.VALUES.values()) + len(cases.SHIPPING) + ends.count([]))
    )


def test_malformed_rows_say_how_many_fields_they_have(outcome: Outcome) -> None:
    assert outcome.counts["malformed"]["orders"] == cases.MALFORMED
