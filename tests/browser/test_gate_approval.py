"""A closed gate as a person sees it in Airflow: what the form shows, and what the answer does."""

import datetime as dt
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from include.local.dag_run import DAG_ID
from include.local.stack import Stack
from tests.browser.conftest import TODAY, run_day, take_picture
from tests.integration.conftest import Pipeline
from tests.waiting import wait_until

BACK = 9
DAY = (TODAY - dt.timedelta(days=BACK)).isoformat()
ASK_SECONDS = 120


@pytest.fixture
def waiting_run(stack: Stack) -> str:
    """A run whose gate is closed and waits for an answer."""
    pipeline = Pipeline(stack)
    with pipeline.variables(gate_approval="True"):
        run_id = run_day(stack, BACK, refused=40)
        wait_until(lambda: pipeline.task_state(run_id, "approve"), {"awaiting_input"}, ASK_SECONDS)
    return run_id


def test_a_person_reads_why_the_gate_is_closed_and_opens_it(
    new_page: Callable[..., Page], stack: Stack, waiting_run: str
) -> None:
    page = new_page()
    page.goto(f"{stack.url}/dags/{DAG_ID}/runs/{waiting_run}/tasks/approve/required_actions")
    expect(page.get_by_text(f"The gate is closed for {DAY}. Publish it anyway?")).to_be_visible()
    expect(page.get_by_text("40 of 70 rows were rejected")).to_be_visible()
    expect(page.get_by_role("cell", name="selling_price_invalid")).to_be_visible()
    take_picture(page, "gate-approval")

    link = page.get_by_role("link", name="All details of this day")
    target = link.evaluate("link => link.href")
    assert target == f"{stack.url}/plugin/data-quality/quality/days/{DAY}"
    other = new_page()
    other.goto(target)
    shown = other.frame_locator("iframe[title='Data quality']").locator("h1")
    expect(shown).to_have_text(f"{DAY}: waiting for approval")

    page.get_by_role("textbox").fill("The shop tested its checkout.")
    page.get_by_role("button", name="Approve").click()
    pipeline = Pipeline(stack)
    assert pipeline.wait(waiting_run) == "success"

    approval = pipeline.read_manifest(DAY)["approval"]
    assert (approval["by"], approval["reason"]) == ("admin", "The shop tested its checkout.")
    other.reload()
    expect(shown).to_have_text(f"{DAY}: published, approved with faults")
    take_picture(other, "quality-approved")
