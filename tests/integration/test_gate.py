"""The gate on the real scheduler: warnings, comparisons with earlier days, and a person who decides."""

import datetime as dt
import re
from typing import Any

import pytest

from include import keys
from include.local.dag_run import DAG_ID, trigger_day
from include.local.state import ADMIN
from tests.integration.conftest import LAYOUT, Pipeline
from tests.raw_files import make_orders
from tests.waiting import wait_until

RED_ORDERS = make_orders(90, faulty=10)
REASONS = "quantity_not_positive 10, unknown_customer 10"
FAULT = f"orders: 10 of 100 rows were rejected (10.0%, allowed 5.0%): {REASONS}."


def wait_for_question(pipeline: Pipeline, run_id: str) -> dict[str, Any]:
    """What a person is asked, once the run waits for it and the scheduler knows that its process ended.

    Airflow takes an answer that comes earlier for the end of a task that somebody killed, and asks again
    after the retry delay. No person is that fast.
    """
    wait_until(lambda: pipeline.task_state(run_id, "approve"), {"awaiting_input"}, 120)
    wait_until(lambda: is_process_ended(pipeline, run_id), {True}, 120)
    return pipeline.api.read_question(DAG_ID, run_id, "approve")


def is_process_ended(pipeline: Pipeline, run_id: str) -> bool:
    attempt = pipeline.read_task(run_id, "approve")["try_number"]
    ended = rf"Finished: dag_id={DAG_ID}, task_id=approve, run_id={run_id},.* try_number={attempt},"
    return re.search(ended, (pipeline.stack.state.logs / "scheduler.log").read_text()) is not None


def answer(pipeline: Pipeline, run_id: str, option: str, reason: str) -> None:
    pipeline.api.answer(DAG_ID, run_id, "approve", option, reason=reason)


def read_gate(pipeline: Pipeline, day: str, run_id: str) -> dict[str, Any]:
    return pipeline.read_json(keys.staged(LAYOUT, day, run_id, "gate.json"))


def week_after(day: str, weeks: int = 1) -> str:
    return (dt.date.fromisoformat(day) + dt.timedelta(weeks=weeks)).isoformat()


def test_manifest_names_who_approved_a_closed_gate(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, RED_ORDERS)
    with pipeline.variables(gate_approval="True"):
        run_id = trigger_day(pipeline.api, day)
        question = wait_for_question(pipeline, run_id)
        answer(pipeline, run_id, "Approve", " The shop tested its checkout. ")
        assert pipeline.wait(run_id) == "success"

    assert question["subject"] == f"The gate is closed for {day}. Publish it anyway?"
    assert f"- {FAULT}" in question["body"]
    assert "| orders | quantity_not_positive | 10 |" in question["body"]
    assert f"(plugin/data-quality/quality/days/{day})" in question["body"]
    manifest = pipeline.read_manifest(day)
    approval = manifest["approval"]
    assert manifest["rows"]["orders"]["published"] == 90
    assert approval == {
        "approved": True,
        "by": ADMIN,
        "at": approval["at"],
        "reason": "The shop tested its checkout.",
        "faults": [FAULT],
        "details": approval["details"],
    }
    assert [fault["text"] for fault in approval["details"]] == [FAULT]
    assert manifest["started_at"] <= approval["at"] <= manifest["published_at"]


def test_cleared_run_asks_again_after_a_rejection(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, RED_ORDERS)
    with pipeline.variables(gate_approval="True"):
        run_id = trigger_day(pipeline.api, day)
        wait_for_question(pipeline, run_id)
        answer(pipeline, run_id, "Reject", "Half of the day is missing.")
        assert pipeline.wait(run_id) == "failed"

        message, gate = pipeline.read_fault(run_id), read_gate(pipeline, day, run_id)
        assert pipeline.task_state(run_id, "publish") == "failed"
        assert f"The gate is closed for {day}: nothing was published.\n{FAULT}\nIt was rejected at" in message
        assert ": Half of the day is missing." in message
        assert (gate["success"], gate["approval"]["approved"], gate["approval"]["by"]) == (
            False,
            False,
            ADMIN,
        )
        assert not pipeline.exists(keys.manifest(LAYOUT, day))
        assert not pipeline.exists(keys.published(LAYOUT, day, "orders"))

        pipeline.api.clear(DAG_ID, run_id, "approve")
        wait_for_question(pipeline, run_id)
        answer(pipeline, run_id, "Approve", "It was not.")
        assert pipeline.wait(run_id) == "success"

    assert pipeline.read_manifest(day)["approval"]["reason"] == "It was not."


def test_approval_timeout_keeps_the_gate_closed(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, RED_ORDERS)
    with pipeline.variables(gate_approval="True", gate_approval_hours="0.001"):
        state, message = pipeline.run(day)

    assert state == "failed"
    assert f"{FAULT}\nNobody answered by" in message
    assert not pipeline.exists(keys.manifest(LAYOUT, day))


def test_open_gate_asks_nobody(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, make_orders(10))
    with pipeline.variables(gate_approval="True"):
        assert pipeline.run(day) == ("success", "")

    assert pipeline.read_manifest(day)["approval"] is None


@pytest.fixture
def usual_week(pipeline: Pipeline) -> str:
    """A day of its own year, published: the only earlier day of the weeks after it."""
    day = "2027-01-04"
    if not pipeline.exists(keys.manifest(LAYOUT, day)):
        pipeline.deliver(day, make_orders(400))
        assert pipeline.run(day)[0] == "success"
    return day


def test_an_unusual_day_is_published_with_its_warnings(pipeline: Pipeline, usual_week: str) -> None:
    day = week_after(usual_week)
    pipeline.deliver(day, make_orders(100))
    # One week back: further Mondays may be days of other tests.
    with pipeline.variables(history_min_days="1", history_weeks="1"):
        assert pipeline.run(day) == ("success", "")

    quality = pipeline.read_manifest(day)["quality"]
    assert (quality["success"], quality["failed"], quality["skipped"]) == (True, [], [])
    assert quality["warnings"] == [
        f"expect_measure_to_be_usual({what}"
        for what in (
            "orders_read): found 100, usual is 200 to 600 (median of 1 earlier Monday: 400)",
            "revenue): found 1,998.00, usual is 3,996.00 to 11,988.00 (median of 1 earlier Monday: 7,992.00)",
        )
    ]


def test_unusual_day_closes_the_gate_if_configured(pipeline: Pipeline, usual_week: str) -> None:
    day = week_after(usual_week, weeks=2)
    pipeline.deliver(day, make_orders(100))
    settings = {
        "history_min_days": "1",
        "history_weeks": "2",
        "warn_only": "expect_measure_to_be_usual(revenue)",
    }
    with pipeline.variables(**settings):
        # The week between was published by the test above or not: its 100 orders would be the median's half.
        state, message = pipeline.run(day)

    assert state == "failed"
    assert "Failed expectation: expect_measure_to_be_usual(orders_read): found 100" in message
    assert not pipeline.exists(keys.manifest(LAYOUT, day))


def test_unknown_expectation_in_warn_only_is_named(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, make_orders(10))
    with pipeline.variables(warn_only="expect_sunshine"):
        state, message = pipeline.run(day)

    assert state == "failed"
    assert message.startswith(
        "Variable ecommerce_warn_only names expect_sunshine, but there is no such expectation"
    )
