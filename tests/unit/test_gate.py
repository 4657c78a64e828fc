"""When the gate opens, why it stays closed, and which later faults an approval covers."""

import copy
from typing import Any

import pytest

from include.config import Settings
from include.errors import GateClosedError
from include.manifest import Approval, Candidate, Counts, Fault, Manifest, Quality
from include.publishing.gate import covers_faults, decide_gate, describe_decision, require_open_gate
from tests.records import APPROVED, CLOSED, COUNTS, FAULT, GREEN, MANIFEST, OPEN

RED: Quality = {**GREEN, "success": False, "failed": ["a(x): 1 of 9 rows", "b(y): 2 of 9 rows"]}
REJECTED: Approval = {**APPROVED, "approved": False}


def count_orders(rejected: int, read: int = 100, **reasons: int) -> Counts:
    rows = {"read": read, "published": read - rejected, "quarantined": rejected, "duplicates": 0}
    counts: Any = {**copy.deepcopy(COUNTS), "reasons": {**COUNTS["reasons"], "orders": reasons}}
    counts["rows"]["orders"] = rows
    return counts  # type: ignore[no-any-return]  # spread


def decide(
    counts: Counts, quality: Quality = GREEN, published: Manifest | None = None, **settings: Any
) -> Any:
    return decide_gate(counts, quality, Settings(**settings), published)


@pytest.mark.parametrize(
    ("counts", "settings"),
    [
        pytest.param(count_orders(10, read=200), {}, id="the ratio is at the limit"),
        pytest.param(count_orders(9), {}, id="too few rejected rows to count"),
        pytest.param(count_orders(10), {"max_reject_ratio": 0.1}, id="the limit is higher"),
        pytest.param(count_orders(10), {"min_rejected_rows": 11}, id="more rejected rows are needed"),
        pytest.param(count_orders(0, read=0), {"min_rejected_rows": 1}, id="an empty file"),
    ],
)
def test_an_open_gate_has_no_faults(counts: Counts, settings: dict[str, Any]) -> None:
    assert decide(counts, gate_approval=True, **settings) == OPEN


def test_a_high_reject_ratio_names_the_five_largest_reasons() -> None:
    reasons = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 1000, "g": 0}

    (fault,) = decide(count_orders(1015, read=2000, **reasons))["faults"]

    assert fault["text"] == (
        "orders: 1,015 of 2,000 rows were rejected (50.7%, allowed 5.0%): f 1,000, e 5, d 4, c 3, b 2, "
        "and 1 more."
    )
    assert fault["reasons"] == {name: count for name, count in reasons.items() if count}


def test_every_file_must_keep_the_limit() -> None:
    counts = count_orders(0)
    counts["rows"]["products"] = {"read": 2, "published": 1, "quarantined": 1, "duplicates": 0}
    counts["reasons"]["products"] = {"product_id_missing": 1}

    (fault,) = decide(counts, min_rejected_rows=1)["faults"]

    assert fault["text"] == (
        "products: 1 of 2 rows were rejected (50.0%, allowed 5.0%): product_id_missing 1."
    )


def test_each_failed_expectation_is_a_fault() -> None:
    assert [fault["text"] for fault in decide(COUNTS, RED)["faults"]] == [
        "Failed expectation: a(x): 1 of 9 rows.",
        "Failed expectation: b(y): 2 of 9 rows.",
    ]


@pytest.mark.parametrize(
    ("approval", "gate_approval", "expected"),
    [
        pytest.param(None, True, (True, None), id="nobody was asked yet"),
        pytest.param(None, False, (False, None), id="nobody is asked"),
        pytest.param(APPROVED, True, (False, APPROVED), id="approved before"),
        pytest.param({**APPROVED, "faults": [], "details": []}, True, (True, None), id="approved others"),
    ],
)
def test_approval_of_the_published_day_still_holds(
    approval: Approval | None, gate_approval: bool, expected: tuple[bool, Approval | None]
) -> None:
    counts = count_orders(10, unknown_customer=10)

    gate = decide(counts, published={**MANIFEST, "approval": approval}, gate_approval=gate_approval)

    assert (gate["is_open"], gate["faults"]) == (False, [FAULT])
    assert (gate["can_be_approved"], gate["approval"]) == expected


OTHER: Fault = {
    "subject": "a(x)",
    "text": "Failed expectation: a(x): 1 of 9 rows.",
    "ratio": None,
    "reasons": {},
}


@pytest.mark.parametrize(
    ("approval", "faults", "is_covered"),
    [
        pytest.param(None, [FAULT], False, id="nobody was asked"),
        pytest.param(REJECTED, [FAULT], False, id="rejected"),
        pytest.param(APPROVED, [FAULT], True, id="the same fault"),
        pytest.param(APPROVED, [FAULT, OTHER], False, id="one fault more"),
        pytest.param({**APPROVED, "faults": [FAULT["text"], OTHER["text"]]}, [FAULT], True, id="one less"),
        pytest.param(
            APPROVED,
            [{**FAULT, "text": "6 of 100", "ratio": 0.06, "reasons": {"unknown_customer": 6}}],
            True,
            id="fewer rejected rows",
        ),
        pytest.param(
            APPROVED,
            [{**FAULT, "text": "6 of 50", "ratio": 0.12, "reasons": {"unknown_customer": 6}}],
            False,
            id="fewer rejected rows of even fewer rows",
        ),
        pytest.param(
            APPROVED,
            [{**FAULT, "text": "7 of 100", "ratio": 0.07, "reasons": {"quantity_invalid": 7}}],
            False,
            id="another reason",
        ),
        pytest.param({**APPROVED, "faults": [OTHER["text"]]}, [OTHER], True, id="the same expectation"),
        pytest.param(
            {**APPROVED, "details": [OTHER]}, [{**OTHER, "text": "2 of 9"}], False, id="it fails differently"
        ),
    ],
)
def test_an_approval_covers_no_more_than_was_approved(
    approval: Approval | None, faults: list[Fault], is_covered: bool
) -> None:
    assert covers_faults(approval, faults) is is_covered


@pytest.mark.parametrize(
    ("approval", "lines"),
    [
        (None, []),
        (REJECTED, ["It was rejected at 2026-11-21T08:00:00Z: Known."]),
        ({**REJECTED, "reason": ""}, ["It was rejected at 2026-11-21T08:00:00Z."]),
        (
            {**REJECTED, "by": None},
            ["Nobody answered by 2026-11-21T08:00:00Z. Clear approve to be asked again."],
        ),
        (
            APPROVED,
            ["The approval at 2026-11-21T08:00:00Z was for other faults. Clear approve to be asked again."],
        ),
    ],
    ids=["not asked", "rejected", "without a reason", "no answer", "approved other faults"],
)
def test_a_closed_gate_says_what_was_decided(approval: Approval | None, lines: list[str]) -> None:
    assert describe_decision(approval) == lines


def make_candidate(approval: Approval | None) -> Candidate:
    return Candidate(
        extracted={"day": "2026-11-21", "run_id": "run", "inputs": {}},
        transformed={"counts": COUNTS, "staged": {}},
        validated={"quality": GREEN, "gate": CLOSED},
        approval=approval,
        started_at="2026-11-21T00:00:00Z",
    )


def test_a_rejection_is_recorded_without_a_name_in_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    monkeypatch.setattr("include.publishing.gate.write_json", lambda *call: written.append(call[1]))

    with pytest.raises(GateClosedError, match="It was rejected at") as closed:
        require_open_gate(None, Settings().layout, make_candidate(REJECTED))  # type: ignore[arg-type]  # no IO

    assert FAULT["text"] in str(closed.value)
    assert "admin" not in str(closed.value)
    assert written == [closed.value.closed]
    assert (written[0]["success"], written[0]["approval"]) == (False, REJECTED)


def test_approved_gate_is_open() -> None:
    require_open_gate(None, Settings().layout, make_candidate(APPROVED))  # type: ignore[arg-type]  # no IO
