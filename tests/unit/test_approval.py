"""The approval of a closed gate, without Airflow's server: when it asks, what it shows, what it records."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput

from include.manifest import GateVerdict
from include.operators.approval import GateApproval, describe_closed_gate, record_answer
from include.site.days import judge_run
from include.site.summary import summarise_run
from tests.records import CLOSED, COUNTS, FAULT, GREEN, OPEN


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
def ask(variables: dict[str, str]) -> Callable[..., Any]:
    """Run the task with the verdict and the Variables given, up to where it waits."""

    def ask(gate: GateVerdict, wanted: dict[str, str] | None = None) -> Any:
        variables.update(wanted or {})
        task = GateApproval(
            task_id="approve",
            extracted={"day": "2026-11-21", "run_id": "run"},
            transformed={"counts": COUNTS},
            validated={"quality": GREEN, "gate": gate},
        )
        instance = type("Instance", (), {"id": "01890a5d-ac96-774b-bcce-b302099a8057"})()
        context: Any = {"ti": instance, "task_instance": instance}
        # Past the guard that lets only Airflow's task runner execute an operator.
        return GateApproval.execute.__wrapped__(task, context)  # type: ignore[attr-defined]

    return ask


@pytest.mark.parametrize(
    ("gate", "approval"),
    [
        pytest.param(OPEN, None, id="open"),
        pytest.param({**CLOSED, "can_be_approved": False}, None, id="closed, and nobody is asked"),
        pytest.param(
            {**CLOSED, "can_be_approved": False, "approval": {"approved": True}},
            {"approved": True},
            id="approved before",
        ),
    ],
)
def test_approval_is_skipped_when_not_needed(
    ask: Callable[..., Any], form: Form, gate: GateVerdict, approval: Any
) -> None:
    assert ask(gate) == approval
    assert form.kept is None


def test_a_closed_gate_waits_for_the_hours_of_the_setting(ask: Callable[..., Any], form: Form) -> None:
    with pytest.raises(TaskAwaitingInput) as waiting:
        ask(CLOSED, {"ecommerce_gate_approval_hours": "2"})

    assert (waiting.value.timeout, waiting.value.kwargs) == (dt.timedelta(hours=2), {"faults": [FAULT]})
    assert form.kept.subject == "The gate is closed for 2026-11-21. Publish it anyway?"
    assert (form.kept.options, form.kept.defaults) == (["Approve", "Reject"], ["Reject"])
    assert list(form.kept.params) == ["reason"]


def test_the_same_faults_can_be_asked_about_again(ask: Callable[..., Any], form: Form) -> None:
    for _ in range(2):
        with pytest.raises(TaskAwaitingInput):
            ask(CLOSED)


def test_approval_covers_only_the_shown_faults(ask: Callable[..., Any], form: Form) -> None:
    with pytest.raises(TaskAwaitingInput):
        ask(CLOSED)

    with pytest.raises(AirflowFailException, match="Start a new run of the DAG") as failed:
        ask({**CLOSED, "faults": [{**FAULT, "text": "10 of 99 rows"}]})
    assert "10 of 99 rows" in str(failed.value)


def test_zero_hours_to_answer_is_an_error(ask: Callable[..., Any], form: Form) -> None:
    with pytest.raises(AirflowFailException, match="ecommerce_gate_approval_hours is '0'; give"):
        ask(CLOSED, {"ecommerce_gate_approval_hours": "0"})


def test_the_form_shows_faults_warnings_and_the_largest_reasons_first() -> None:
    reasons: Any = {"customers": {"customer_id_missing": 2}, "orders": {"a": 1, "b": 4, "c": 0}}
    quality: Any = {**GREEN, "warnings": ["expect_measure_to_be_usual(revenue): found 1"]}
    run = summarise_run(
        {"day": "2026-11-21", "run_id": "run", "inputs": {}},
        {"counts": {**COUNTS, "reasons": reasons}, "staged": {}},
        {"quality": quality, "gate": CLOSED},
        dt.datetime(2026, 11, 21, 3, tzinfo=dt.UTC),
    )

    assert describe_closed_gate(judge_run(run)).splitlines() == [
        "#### 2026-11-21: waiting for approval",
        f"- {FAULT['text']}",
        "- Warning: expect_measure_to_be_usual(revenue): found 1",
        "",
        "#### Rejected rows",
        "| file | reason | rows | share of the file |",
        "|---|---|---:|---:|",
        "| orders | b | 4 | 4.00% |",
        "| customers | customer_id_missing | 2 | 20.00% |",
        "| orders | a | 1 | 1.00% |",
        "",
        "[All details of this day](plugin/data-quality/quality/days/2026-11-21), including its validation.",
        "",
        "**Approve** publishes the accepted rows; the rejected ones go to quarantine.",
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
        pytest.param(
            {"chosen_options": ["Approve"], "responded_by_user": None},
            {"approved": False, "by": None, "reason": "why"},
            id="approved by nobody",
        ),
    ],
)
def test_an_answer_is_recorded(answer: dict[str, Any], recorded: dict[str, Any]) -> None:
    at = dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)

    assert record_answer({"params_input": {"reason": " why "}, "responded_at": at, **answer}, [FAULT]) == {
        **recorded,
        "at": "2026-11-21T08:00:00Z",
        "faults": [FAULT["text"]],
        "details": [FAULT],
    }
