"""How pages are sent, and what a caller sees when something is wrong."""

import datetime as dt
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from include import keys
from include.errors import SettingError
from include.s3.objects import write_json
from include.site.app import create_site
from include.site.pages import style_sheet
from include.site.store import Store
from tests.memory_s3 import MemoryS3
from tests.unit.test_site.conftest import LAYOUT, Client, counting, fill, let_pass, make_run, publish

if TYPE_CHECKING:
    from include.quality.checkpoint import Checked


def test_page_that_was_never_written_is_not_found(browser: Client) -> None:
    for path in (
        "/docs/runs/2026-10-01/run/x/validation.html",
        "/manifests/2001-01-01.json",
        "/manifests/2001-01-01",
    ):
        assert browser.get(path).status_code == 404
    assert browser.get("/docs/reports/2001-01-01.html").status_code == 404


def test_stored_page_is_streamed_typed_and_revalidated(
    s3: MemoryS3, browser: Client, checked: "Checked"
) -> None:
    path = f"/docs/{publish(s3, '2026-10-04', 'run', checked)}"
    first = browser.get(f"{path}/validation.html")
    assert first.status_code == 200
    assert first.headers["Content-Type"] == "text/html; charset=utf-8"
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert "published_orders" in first.text
    again = browser.get(f"{path}/validation.html", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = browser.get(f"{path}/validation.html", headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.text) == (200, first.text)
    style = browser.get(f"{path}/site.css")
    assert (style.headers["Content-Type"], style.text) == ("text/css; charset=utf-8", style_sheet())
    head = browser.request("HEAD", f"{path}/validation.html")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(first.content))


def test_home_of_a_stored_page_is_its_day(s3: MemoryS3, browser: Client, checked: "Checked") -> None:
    folder = publish(s3, "2026-10-05", "run", checked)
    address = f"/docs/{folder}/index.html"
    answer = browser.get(address)
    assert answer.status_code == 307
    assert urljoin(address, answer.headers["Location"]) == "/days/2026-10-05"


def test_live_page_is_revalidated(browser: Client) -> None:
    first = browser.get("/days/2026-10-01")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = browser.get("/days/2026-10-01", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_manifest_is_shown_as_it_is(s3: MemoryS3, browser: Client) -> None:
    written = {"day": "2026-07-01", "rows": {}}
    write_json(s3.hook, written, keys.manifest(LAYOUT, "2026-07-01"))
    answer = browser.get("/manifests/2026-07-01.json")
    assert (answer.json(), answer.headers["Content-Type"]) == (written, "application/json")
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_replaced_manifest_shows_at_once(s3: MemoryS3, browser: Client) -> None:
    extracted, transformed = make_run("2026-08-02", "run")
    for at, total in (("03", "1.00"), ("04", "2.00")):
        manifest = {
            **transformed["counts"],
            "day": "2026-08-02",
            "run_id": extracted["run_id"],
            "total_price": total,
            "published_at": f"2026-08-02T{at}:00:00Z",
            "quality": {"docs_key": keys.docs(LAYOUT, "runs/2026-08-02/run/x/validation.html")},
        }
        write_json(s3.hook, manifest, keys.manifest(LAYOUT, "2026-08-02"))
        page = browser.get("/days/2026-08-02").text
        assert "2026-08-02: published" in page
        assert f"worth {total}" in page
        assert total in browser.get("/manifests/2026-08-02").text


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/nothing", 404, "There is no such page"),
        ("POST", "/", 405, "This site is read-only"),
        ("DELETE", "/manifests/2026-07-01.json", 405, "This site is read-only"),
    ],
)
def test_site_is_read_only(browser: Client, method: str, path: str, status: int, title: str) -> None:
    answer = browser.request(method, path)

    assert (answer.status_code, title in answer.text) == (status, True)


def test_missing_bucket_is_explained(s3: MemoryS3) -> None:
    layout = keys.Layout(quality_bucket="no-such-bucket")
    client = Client(create_site(let_pass, lambda: Store(s3.hook, layout)))
    answer = client.get("/")
    assert answer.status_code == 503
    assert "ecommerce_s3" in answer.text
    assert "Traceback" not in answer.text


def test_wrong_setting_is_explained() -> None:
    def open_store() -> Store:
        raise SettingError("Variable ecommerce_batch_bytes is 'x'; give a number of bytes, 1 or more.")

    answer = Client(create_site(let_pass, open_store)).get("/")
    assert answer.status_code == 503
    assert "Variable ecommerce_batch_bytes" in answer.text


def test_bug_is_not_shown_to_callers() -> None:
    def open_store() -> Store:
        raise RuntimeError("inner secret")

    client = Client(create_site(let_pass, open_store))
    answer = client.get("/")
    assert answer.status_code == 500
    assert "inner secret" not in answer.text
    assert "log of the API server" in answer.text


def test_front_page_reads_only_the_days_that_it_shows(s3: MemoryS3, browser: Client) -> None:
    fill(s3, dt.date(2015, 1, 1), 50)
    browser.get("/")
    with counting(s3) as seen:
        assert browser.get("/").status_code == 200
    # Three listings, the first name of two more, and the files of the two newest days at most.
    assert seen.total() <= 5 + 2 * 3
