"""What the runbook says to click is there, on a day that the gate stopped."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from include.local.dag_run import DAG_ID
from include.local.stack import Stack
from tests.browser.conftest import MAIL, REFUSED, take_picture


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A small window, for small pictures."""
    page = new_page()
    page.set_viewport_size({"width": 1100, "height": 680})
    return page


@pytest.fixture(scope="module")
def run_url(stack: Stack) -> str:
    """The page of the run that failed."""
    runs = stack.api.list_runs(DAG_ID, "failed")
    (run_id,) = [run["dag_run_id"] for run in runs if REFUSED in run["dag_run_id"]]
    return f"{stack.url}/dags/{DAG_ID}/runs/{run_id}"


def test_the_page_of_a_failed_run_shows_which_task_failed(page: Page, run_url: str) -> None:
    page.goto(run_url)

    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="publish", exact=True))
    expect(row).to_contain_text("Failed")
    take_picture(page, "runbook-run")


def test_the_log_of_the_task_holds_the_message(page: Page, run_url: str) -> None:
    page.goto(f"{run_url}/tasks/publish?try_number=1")

    page.get_by_role("combobox").filter(has_text="All Sources").click()
    page.get_by_role("option", name="include.reporting.alerts").click()
    page.keyboard.press("Escape")
    expect(page.get_by_text(f"ecommerce {REFUSED}: not published, the gate is closed")).to_be_visible()
    expect(page.get_by_text("docs/runbook.md")).to_be_visible()
    expect(page.get_by_text(MAIL)).to_have_count(0)
    take_picture(page, "runbook-log")


def test_clearing_extract_clears_downstream_tasks(page: Page, run_url: str) -> None:
    page.goto(f"{run_url}/tasks/extract")

    page.get_by_label("Press shift+c to clear").click()
    dialog = page.get_by_role("dialog")

    expect(dialog.get_by_text("Affected Tasks: 5")).to_be_visible()
    expect(dialog.get_by_role("button", name="Confirm")).to_be_enabled()
    take_picture(page, "runbook-clear")


def test_backfill_creates_the_missing_runs(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.url}/dags/{DAG_ID}")

    page.get_by_label("Trigger Dag").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Backfill", exact=True).click()

    expect(dialog.get_by_text("Missing Runs")).to_be_visible()
    expect(dialog.get_by_text("Missing and Errored Runs")).to_be_visible()
    expect(dialog.get_by_role("button", name="Run Backfill")).to_be_attached()
    take_picture(page, "runbook-backfill")
