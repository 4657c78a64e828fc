"""A closed gate as a person sees it in Airflow: what the form shows, and what the answer does."""

import datetime as dt
import json
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from include import keys
from include.config import Settings
from include.local.dag_run import DAG_ID
from include.local.stack import Stack
from tests.browser.conftest import TODAY, run_day, take_picture, wait_for_runs

BACK = 9
DAY = (TODAY - dt.timedelta(days=BACK)).isoformat()
APPROVAL = "/variables/ecommerce_gate_approval"
ASK_SECONDS = 120


@pytest.fixture
def waiting_run(stack: Stack) -> str:
    """A run whose gate is closed and waits for an answer."""
    switch_approval(stack, "True")
    run_id = run_day(stack, BACK, refused=40)
    end = time.monotonic() + ASK_SECONDS
    while "awaiting_input" not in read_states(stack, run_id):
        assert time.monotonic() < end, read_states(stack, run_id)
        time.sleep(0.5)
    switch_approval(stack, "False")
    return run_id


def switch_approval(stack: Stack, text: str) -> None:
    body = {"key": APPROVAL.rpartition("/")[2], "value": text}
    stack.api._request("PATCH", APPROVAL, json=body)


def read_states(stack: Stack, run_id: str) -> list[str]:
    return [task["state"] for task in stack.api.read_task_instances(DAG_ID, run_id)]


def test_a_person_reads_why_the_gate_is_closed_and_opens_it(
    new_page: Callable[..., Page], stack: Stack, waiting_run: str
) -> None:
    page = new_page()
    page.goto(f"{stack.url}/dags/{DAG_ID}/runs/{waiting_run}/tasks/approve/required_actions")
    expect(page.get_by_text(f"The gate is closed for {DAY}. Publish it all the same?")).to_be_visible()
    expect(page.get_by_text("40 of 70 rows were refused")).to_be_visible()
    expect(page.get_by_role("cell", name="selling_price_invalid")).to_be_visible()
    take_picture(page, "gate-approval")

    link = page.get_by_role("link", name="All about this day")
    target = link.evaluate("link => link.href")
    assert target == f"{stack.url}/plugin/data-quality/quality/days/{DAY}"
    other = new_page()
    other.goto(target)
    shown = other.frame_locator("iframe[title='Data quality']").locator("h4").first
    expect(shown).to_have_text(f"{DAY}: refused")

    page.get_by_role("textbox").fill("The shop tested its checkout.")
    page.get_by_role("button", name="Approve").click()
    wait_for_runs(stack, [waiting_run])

    bucket, key = stack.hook.parse_s3_url(keys.manifest(Settings().layout, DAY))
    approval = json.loads(stack.hook.read_key(key, bucket))["approval"]
    assert (approval["by"], approval["reason"]) == ("admin", "The shop tested its checkout.")
    other.reload()
    expect(shown).to_have_text(f"{DAY}: published")
    take_picture(other, "quality-approved")
