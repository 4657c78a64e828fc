"""The gate with a person in it, short of Airflow's own part: when it asks, what it shows, what it records."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput

from include.errors import GateClosedError
from include.manifest import Approval, Counts
from include.operators.approval import GateApproval, describe_closed_gate, record_answer
from include.publish import publish
from include.publishing.gate import describe_decision, is_accepted
from tests.records import COUNTS, GREEN

RED_COUNTS: Counts = {
    **COUNTS,
    "rows": {**COUNTS["rows"], "orders": {"read": 100, "published": 90, "quarantined": 10, "duplicates": 0}},
}
FAULT = "orders: 10 of 100 rows were refused (10.0%, allowed 5.0%): unknown_customer 5."
APPROVED: Approval = {
    "approved": True,
    "by": "admin",
    "at": "2026-11-21T08:00:00Z",
    "reason": "Known.",
    "faults": [FAULT],
}
REJECTED: Approval = {**APPROVED, "approved": False}
ON = {"ecommerce_gate_approval": "true"}


class Form:
    """Stands for Airflow's server, which keeps the first form of a task and answers with it."""

    def __init__(self) -> None:
        self.kept: Any = None

    def send(self, msg: Any) -> Any:
        self.kept = self.kept or msg
        return self.kept


@pytest.fixture
def form(monkeypatch: pytest.MonkeyPatch) -> Form:
    kept = Form()
    monkeypatch.setattr("airflow.sdk.execution_time.task_runner.SUPERVISOR_COMMS", kept, raising=False)
    return kept


@pytest.fixture
def ask(variables: dict[str, str]) -> Callable[..., GateApproval]:
    """Run the task with the Variables given, up to where it waits."""

    def ask(counts: Counts, wanted: dict[str, str]) -> GateApproval:
        variables.update(wanted)
        task = GateApproval(
            task_id="approve", extracted={"day": "2026-11-21"}, transformed={"counts": counts}, quality=GREEN
        )
        instance = type("Instance", (), {"id": "01890a5d-ac96-774b-bcce-b302099a8057"})()
        context: Any = {"ti": instance, "task_instance": instance}
        # Past the guard that lets only Airflow's task runner execute an operator.
        GateApproval.execute.__wrapped__(task, context)  # type: ignore[attr-defined]
        return task

    return ask


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        pytest.param(COUNTS, {}, id="green"),
        pytest.param(COUNTS, ON, id="green, and somebody would be asked"),
        pytest.param(RED_COUNTS, {}, id="red, and nobody is asked"),
        pytest.param(RED_COUNTS, ON | {"ecommerce_max_reject_ratio": "0.1"}, id="allowed"),
    ],
)
def test_it_passes_at_once(
    ask: Callable[..., GateApproval], form: Form, counts: Counts, wanted: dict[str, str]
) -> None:
    ask(counts, wanted)

    assert form.kept is None


def test_a_red_gate_waits_for_the_hours_of_the_setting(ask: Callable[..., GateApproval], form: Form) -> None:
    with pytest.raises(TaskAwaitingInput) as waiting:
        ask(RED_COUNTS, ON | {"ecommerce_gate_approval_hours": "2"})

    assert (waiting.value.timeout, waiting.value.kwargs) == (dt.timedelta(hours=2), {"faults": [FAULT]})
    assert form.kept.subject == "The gate is closed for 2026-11-21. Publish it all the same?"
    assert (form.kept.options, form.kept.defaults) == (["Approve", "Reject"], ["Reject"])
    assert list(form.kept.params) == ["reason"]


def test_the_same_faults_can_be_asked_about_again(ask: Callable[..., GateApproval], form: Form) -> None:
    for _ in range(2):
        with pytest.raises(TaskAwaitingInput):
            ask(RED_COUNTS, ON)


def test_nobody_accepts_faults_that_the_form_does_not_show(
    ask: Callable[..., GateApproval], form: Form
) -> None:
    with pytest.raises(TaskAwaitingInput):
        ask(RED_COUNTS, ON)

    with pytest.raises(AirflowFailException, match="Start a new run of the DAG") as failed:
        ask(
            {**RED_COUNTS, "rows": {**COUNTS["rows"], "orders": RED_COUNTS["rows"]["orders"] | {"read": 99}}},
            ON,
        )
    assert "10 of 99 rows" in str(failed.value)


def test_no_time_to_answer_is_a_mistake(ask: Callable[..., GateApproval], form: Form) -> None:
    with pytest.raises(AirflowFailException, match="ecommerce_gate_approval_hours is '0'; give"):
        ask(RED_COUNTS, ON | {"ecommerce_gate_approval_hours": "0"})


def test_the_form_shows_faults_warnings_reasons_and_the_way_to_the_pages() -> None:
    quality = {**GREEN, "warnings": ["expect_measure_to_be_usual(revenue): found 1"]}

    assert describe_closed_gate("2026-11-21", RED_COUNTS, quality, [FAULT]).splitlines() == [  # type: ignore[arg-type]  # a Quality
        "#### Why the gate is closed",
        f"- {FAULT}",
        "",
        "#### Warnings",
        "- expect_measure_to_be_usual(revenue): found 1",
        "",
        "#### Refused rows",
        "| file | reason | rows |",
        "|---|---|---:|",
        "| orders | unknown_customer | 5 |",
        "",
        "[All about this day](plugin/data-quality/quality/days/2026-11-21), its validation among it.",
        "",
        "**Approve** publishes the good rows; the refused ones stay in quarantine.",
        "**Reject** publishes nothing.",
    ]


@pytest.mark.parametrize(
    ("answer", "recorded"),
    [
        pytest.param(
            {"chosen_options": ["Approve"], "responded_by_user": {"id": "7", "name": "ann"}},
            {"approved": True, "by": "ann", "reason": "why"},
            id="approved",
        ),
        pytest.param(
            {"chosen_options": ["Reject"], "responded_by_user": {"id": "7", "name": ""}},
            {"approved": False, "by": "7", "reason": "why"},
            id="rejected by a user without a name",
        ),
        pytest.param(
            {"chosen_options": ["Reject"], "responded_by_user": None, "params_input": {}},
            {"approved": False, "by": None, "reason": ""},
            id="nobody answered",
        ),
    ],
)
def test_an_answer_is_recorded(answer: dict[str, Any], recorded: dict[str, Any]) -> None:
    at = dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)

    assert record_answer({"params_input": {"reason": " why "}, "responded_at": at, **answer}, [FAULT]) == {
        **recorded,
        "at": "2026-11-21T08:00:00Z",
        "faults": [FAULT],
    }


@pytest.mark.parametrize(
    ("approval", "is_open"),
    [
        pytest.param(None, False, id="nobody was asked"),
        pytest.param(APPROVED, True, id="approved"),
        pytest.param(REJECTED, False, id="rejected"),
        pytest.param({**APPROVED, "faults": ["another"]}, False, id="another fault was approved"),
        pytest.param({**APPROVED, "faults": [FAULT, "healed"]}, True, id="more was approved"),
    ],
)
def test_only_what_was_approved_opens_the_gate(approval: Approval | None, is_open: bool) -> None:
    assert is_accepted([FAULT], approval) is is_open


@pytest.mark.parametrize(
    ("approval", "lines"),
    [
        (None, []),
        (REJECTED, ["It was rejected at 2026-11-21T08:00:00Z: Known."]),
        ({**REJECTED, "reason": ""}, ["It was rejected at 2026-11-21T08:00:00Z."]),
        (
            {**REJECTED, "by": None},
            ["Nobody had answered by 2026-11-21T08:00:00Z. Clear approve to be asked again."],
        ),
        (
            APPROVED,
            ["Other faults were approved at 2026-11-21T08:00:00Z. Clear approve to be asked about these."],
        ),
    ],
    ids=["not asked", "rejected", "without a reason", "no answer", "approved other faults"],
)
def test_a_closed_gate_says_what_was_decided(approval: Approval | None, lines: list[str]) -> None:
    assert describe_decision(approval) == lines


def test_a_rejection_is_told_and_kept_without_naming_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    from include.config import Settings

    written: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "include.publishing.gate.write_json", lambda _, document, __: written.append(document)
    )
    extracted: Any = {"day": "2026-11-21", "run_id": "run", "inputs": {}}
    transformed: Any = {"counts": RED_COUNTS, "staged": {}}
    now = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)

    with pytest.raises(GateClosedError, match="It was rejected at") as closed:
        publish(None, Settings(), extracted, transformed, GREEN, now, REJECTED)  # type: ignore[arg-type]  # no IO

    assert "admin" not in str(closed.value)
    assert [(gate["success"], gate["approval"]) for gate in written] == [(False, REJECTED)]
