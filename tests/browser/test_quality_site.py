"""The data-quality site as people see it: logged in to Airflow, with no network but this machine."""

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import FrameLocator, Page, expect

from include.config import Settings
from include.local.outputs import copy_published
from include.local.stack import Stack
from include.site.store import Store
from include.site.summary import RunSummary
from tests.browser.conftest import BROKEN, MAIL, MISSING, REFUSED, YESTERDAY, Seen, take_picture

LAYOUT = Settings().layout


def find_run(stack: Stack, day: str) -> RunSummary:
    (run,) = Store(stack.hook, LAYOUT).read_summaries(day, day)
    return run


def find_frame(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[title='Data quality']")


def check_quiet(seen: Seen, stack: Stack) -> None:
    """The browser complained about nothing and asked nobody but this Airflow."""
    found = [re.match(r"blob:|data:|https?://[^/]+", address) for address in seen.addresses]
    asked = {match and match[0] for match in found}
    assert asked <= {stack.url, "blob:", "data:"}
    assert seen.errors == []


def test_navigation_opens_the_front_page_of_yesterday(page: Page, seen: Seen, stack: Stack) -> None:
    page.goto(stack.url)
    page.get_by_role("link", name="Data quality").click()
    frame = find_frame(page)
    expect(frame.locator(".verdict")).to_contain_text("Can I trust yesterday? Yes.")
    expect(frame.locator(".verdict")).to_contain_text("110 orders worth 2,197.80")
    expect(frame.locator(f".strip a[href='days/{YESTERDAY}']")).to_have_class(re.compile("day-published"))
    expect(frame.locator(f".strip a[href='days/{REFUSED}']")).to_have_class(re.compile("day-rejected"))
    expect(frame.locator(f".strip a[href='days/{BROKEN}']")).to_have_class(re.compile("day-rejected"))
    expect(frame.locator(f".strip a[href='days/{MISSING}']")).to_have_class(re.compile("day-missing"))
    expect(frame.locator("svg.chart")).to_have_count(2)
    bar = frame.locator(f"svg a[href='days/{REFUSED}'] rect.quarantined").first.bounding_box()
    assert bar is not None
    assert bar["height"] > 10
    take_picture(page, "quality-in-airflow")
    check_quiet(seen, stack)


def test_way_from_the_front_page_to_a_good_validation_and_back(page: Page, seen: Seen, stack: Stack) -> None:
    page.goto(f"{stack.url}/plugin/data-quality")
    frame = find_frame(page)
    frame.locator(f".day-row a[href='days/{YESTERDAY}']").click()
    expect(frame.locator("h1")).to_have_text(f"{YESTERDAY}: published")
    frame.get_by_role("link", name="Validation", exact=True).click()
    expect(frame.get_by_text("Succeeded")).to_be_visible()
    expect(frame.locator(".fa-check-circle").first).to_be_visible()
    expect(frame.locator(".fa-times")).to_have_count(0)
    take_picture(page, "quality-validation")
    frame.get_by_role("link", name="published_orders").click()
    expect(frame.get_by_text("A collection of Expectations")).to_be_visible()
    frame.get_by_role("link", name="Home").click()
    expect(frame.locator("h1")).to_have_text(f"{YESTERDAY}: published")
    check_quiet(seen, stack)


def test_failed_validation_can_be_filtered(page: Page, seen: Seen, stack: Stack) -> None:
    page.goto(f"{stack.url}/quality/docs/{find_run(stack, BROKEN)['folder']}/validation.html")
    expect(page.locator(".ge-section").first).to_contain_text("Failed")
    good, bad = page.locator("tr:has(.fa-check-circle)"), page.locator("tr:has(.fa-times)")
    shown = {"good": good.count(), "bad": bad.count()}
    assert shown["good"] > 10
    assert shown["bad"] > 5
    page.get_by_label("Failed only").check()
    for row in good.all():
        expect(row).to_be_hidden()
    for row in bad.all():
        expect(row).to_be_visible()
    take_picture(page, "quality-validation-failed")
    page.get_by_label("Show all").check()
    expect(good.last).to_be_visible()
    check_quiet(seen, stack)


def test_folded_part_of_a_validation_opens(page: Page, seen: Seen, stack: Stack) -> None:
    page.goto(f"{stack.url}/quality/docs/{find_run(stack, YESTERDAY)['folder']}/validation.html")
    inside = page.get_by_text("Great Expectations Version")
    expect(inside).to_be_hidden()
    page.get_by_text("Show more info").click()
    expect(inside).to_be_visible()
    check_quiet(seen, stack)


def test_index_lists_every_run(page: Page, seen: Seen, stack: Stack) -> None:
    day = find_run(stack, YESTERDAY)
    page.goto(f"{stack.url}/quality/validations/{YESTERDAY[:7]}")
    runs = Store(stack.hook, LAYOUT).read_summaries(f"{YESTERDAY[:7]}-01", f"{YESTERDAY[:7]}-31")
    expect(page.locator("tr.run")).to_have_count(len(runs))
    expect(page.get_by_text(day["run_id"])).to_be_visible()
    take_picture(page, "quality-index")
    check_quiet(seen, stack)


def test_tab_of_the_dag_shows_the_site(page: Page, seen: Seen, stack: Stack) -> None:
    page.goto(f"{stack.url}/dags/ecommerce_etl")
    page.get_by_role("link", name="Data quality").last.click()
    frame = find_frame(page)
    expect(frame.locator(".verdict")).to_contain_text("Can I trust yesterday?")
    frame.locator(f".day-row a[href='days/{REFUSED}']").click()
    expect(frame.locator("h1")).to_have_text(f"{REFUSED}: rejected")
    check_quiet(seen, stack)


def test_deep_link_opens_inside_airflow_and_survives_a_reload(page: Page, seen: Seen, stack: Stack) -> None:
    page.goto(f"{stack.url}/plugin/data-quality/quality/days/{REFUSED}")
    expect(find_frame(page).locator("h1")).to_have_text(f"{REFUSED}: rejected")
    page.reload()
    expect(find_frame(page).locator("h1")).to_have_text(f"{REFUSED}: rejected")
    check_quiet(seen, stack)


def test_dark_mode_follows_the_system(new_page: Callable[..., Page], stack: Stack) -> None:
    folder = find_run(stack, YESTERDAY)["folder"]
    brightness = {}
    for scheme in ("light", "dark"):
        page = new_page(color_scheme=scheme)
        for address in ("", f"docs/{folder}/validation.html", f"docs/reports/{YESTERDAY}.html", "nothing"):
            page.goto(f"{stack.url}/quality/{address}")
            colours = page.evaluate(
                "() => ['backgroundColor', 'color'].map(name => getComputedStyle(document.body)[name])"
            )
            brightness[scheme, address] = [
                sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours
            ]
        page.goto(f"{stack.url}/quality/")
        take_picture(page, f"quality-front-{scheme}")
    for (scheme, address), (back, text) in brightness.items():
        assert (back < text) == (scheme == "dark"), (scheme, address)


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_every_page_fits_and_leads_back(new_page: Callable[..., Page], stack: Stack, width: int) -> None:
    page = new_page()
    page.set_viewport_size({"width": width, "height": 800})
    for address in (
        "",
        f"days/{YESTERDAY}",
        f"days/{REFUSED}",
        f"business/{YESTERDAY}",
        f"trends/{YESTERDAY}",
        f"compare/{REFUSED}/{YESTERDAY}",
        f"validations/{YESTERDAY[:7]}",
        f"manifests/{YESTERDAY}",
    ):
        page.goto(f"{stack.url}/quality/{address}")
        expect(page.get_by_role("link", name="Data quality")).to_be_visible()
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) <= 0, (address, width)


def test_sales_add_up_to_the_day(page: Page, seen: Seen, stack: Stack) -> None:
    page.goto(f"{stack.url}/quality/")
    page.get_by_role("link", name="All sales, and the last weeks").click()
    expect(page.locator("h1")).to_contain_text(f"Sales of {dt.date.fromisoformat(YESTERDAY):%a} {YESTERDAY}")
    expect(page.locator(".tiles")).to_contain_text("2,197.80")
    expect(page.locator(".breakdowns table").first).to_contain_text("FR")
    take_picture(page, "quality-sales")
    check_quiet(seen, stack)


def test_index_is_searched(page: Page, seen: Seen, stack: Stack) -> None:
    page.goto(f"{stack.url}/quality/validations/{REFUSED[:7]}")
    page.get_by_role("searchbox").fill(REFUSED)
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tr.day-row")).to_have_count(1)
    expect(page.locator("tr.day-row")).to_contain_text("rejected")
    check_quiet(seen, stack)


def test_page_that_is_not_there_says_so_and_leads_back(page: Page, stack: Stack) -> None:
    answer = page.goto(f"{stack.url}/quality/docs/runs/{YESTERDAY}/run/x/validation.html")
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("h1")).to_have_text("There is no such page")
    page.get_by_role("link", name="To the front page").click()
    expect(page.locator(".verdict")).to_contain_text("Can I trust yesterday?")


def test_value_that_looks_like_a_script_stays_text(page: Page, seen: Seen, stack: Stack) -> None:
    page.on("dialog", lambda dialog: pytest.fail(f"A page opened a dialog: {dialog.message}"))
    folder = find_run(stack, YESTERDAY)["folder"]
    for address in (
        "",
        f"days/{YESTERDAY}",
        f"docs/{folder}/validation.html",
        f"docs/reports/{YESTERDAY}.html",
    ):
        page.goto(f"{stack.url}/quality/{address}")
        assert page.locator("script").count() == 0
    check_quiet(seen, stack)


@pytest.mark.parametrize(
    "address", ["", "site.css", f"days/{YESTERDAY}", f"manifests/{YESTERDAY}.json", "no"]
)
def test_caller_without_a_login_gets_nothing(address: str, stack: Stack) -> None:
    answer = httpx.get(f"{stack.url}/quality/{address}", trust_env=False)
    assert answer.status_code == 401
    assert "published" not in answer.text


def test_stored_page_needs_a_login(stack: Stack) -> None:
    address = f"{stack.url}/quality/docs/{find_run(stack, YESTERDAY)['folder']}/validation.html"
    for headers in ({}, {"Authorization": "Bearer made-up"}, {"Cookie": "_token=made-up"}):
        answer = httpx.get(address, headers=headers, trust_env=False)
        assert answer.status_code in {401, 403}
        assert "published_orders" not in answer.text


def test_copy_can_be_browsed_without_any_server(page: Page, seen: Seen, stack: Stack, tmp_path: Path) -> None:
    copy_published(stack.hook, LAYOUT, YESTERDAY, tmp_path / "output")
    page.goto((tmp_path / "output" / "docs" / "index.html").as_uri())
    expect(page.locator(".verdict")).to_contain_text(f"{YESTERDAY}: the gate of this run is open")
    page.get_by_role("link", name="Validation").click()
    expect(page.locator(".breadcrumb")).to_have_css("display", "flex")
    page.get_by_role("link", name="published_orders").click()
    expect(page.get_by_text("A collection of Expectations")).to_be_visible()
    page.get_by_role("link", name="Home").click()
    expect(page.locator(".verdict")).to_be_visible()
    assert seen.errors == []
    assert all(address.startswith(("file://", "data:")) for address in seen.addresses)


def test_report_is_one_file(page: Page, seen: Seen, stack: Stack, tmp_path: Path) -> None:
    report = tmp_path / "attachment.html"
    key = f"{LAYOUT.docs_prefix}/reports/{REFUSED}.html"
    report.write_text(stack.hook.read_key(key, LAYOUT.quality_bucket))
    page.goto(report.as_uri())
    expect(page.locator(".verdict")).to_contain_text(f"{REFUSED}: rejected")
    expect(page.locator(".breadcrumb")).to_have_css("display", "flex")
    take_picture(page, "quality-report")
    assert set(seen.addresses) <= {report.as_uri()} | {
        address for address in seen.addresses if address.startswith("data:")
    }


def test_no_personal_data_anywhere_under_the_docs(stack: Stack) -> None:
    bucket = LAYOUT.quality_bucket
    pages = stack.hook.list_keys(bucket, prefix=f"{LAYOUT.docs_prefix}/")
    assert len(pages) >= 6 * 6
    for word in (MAIL, "lovelace", "Ada"):
        assert [page for page in pages if word in page or word in stack.hook.read_key(page, bucket)] == []
