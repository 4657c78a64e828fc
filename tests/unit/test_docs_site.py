"""The site over a real object store: what a validation leaves there, and what a caller gets of it."""

import asyncio
import datetime as dt
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI, HTTPException

from include import keys
from include.config import Settings
from include.contract import DATASETS, ORDERS
from include.docs.pages import style_sheet
from include.docs.publish import publish_docs, write_pages
from include.docs.site import create_site
from include.docs.store import Store
from include.docs.summary import RunSummary, summary_page
from include.engine.raw_file import RawSource
from include.errors import SettingError
from include.local.ports import find_free_ports
from include.local.settings_file import read_settings
from include.local.state import State
from include.local.storage import create_buckets, open_hook
from include.local.store import choose_ports, remove_sockets, start_store
from include.manifest import Extracted, Transformed
from include.objects import upload_file, write_json
from include.tables import published_schema
from include.transform import transform_files
from include.validate import prepare_libraries, validate

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.quality.checkpoint import Checked

prepare_libraries()

SETTINGS = Settings()
LAYOUT = SETTINGS.layout
MAIL = "ada.lovelace@example.com"
RAW = {
    "customers": f"customer_id,name,email\nC1,Ada,{MAIL}\n{MAIL},Ada,{MAIL}\n,{MAIL},{MAIL}\n",
    "products": f"product_id,name,{MAIL}\nP1,Mug,{MAIL}\n",
    "orders": (
        "order_id,customer_id,product_id,quantity,selling_price,order_date,delivery_date\n"
        "O1,C1,P1,2,9.99,2026-11-20,2026-11-22\n"
        f"{MAIL},C1,P1,1,1.00,2026-11-20,\n"
        f"O2,{MAIL},P1,{MAIL},1.00,2026-11-20,\n"
        f"O3,C1,P1,1,1.00,{MAIL},\n"
        f"O4,C1,{MAIL},1,1.00,2026-11-20,{MAIL},{MAIL}\n"
    ),
}


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory) -> Iterator["S3Hook"]:
    """S3 through the hook, on a store that ends with these tests."""
    state = State(tmp_path_factory.mktemp("state"))
    state.create()
    (s3_port,) = find_free_ports(1)
    login, ports = read_settings(s3_port=s3_port).store, choose_ports(state)
    process = start_store(state, login, s3_port, ports)
    try:
        wait_for(f"http://127.0.0.1:{s3_port}")
        opened = open_hook(login, state)
        create_buckets(opened, LAYOUT)
        yield opened
    finally:
        process.terminate()
        process.wait()
        remove_sockets(ports, s3_port)


def wait_for(url: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            httpx.get(url, trust_env=False, timeout=2)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"Nothing answers at {url}.")


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> "Checked":
    """What the checkpoint says of an empty table."""
    from include.quality.checkpoint import run_checkpoint

    path = tmp_path_factory.mktemp("orders") / "orders.parquet"
    pq.write_table(published_schema(ORDERS).empty_table(), path)
    return run_checkpoint(path, 0, "day run")


def make_run(day: str, run_id: str) -> tuple[Extracted, Transformed]:
    rows: Any = {
        name: {"read": 10, "published": 9, "quarantined": 1, "duplicates": 0}
        for name in ("orders", "products")
    }
    counts: Any = {
        "rows": rows,
        "reasons": {"orders": {"unknown_customer": 1}, "products": {}},
        "total_price": "12.30",
        "drift": {},
    }
    return {"day": day, "run_id": run_id, "inputs": {}}, {"counts": counts, "staged": {}}


def publish(hook: "S3Hook", day: str, run_id: str, checked: "Checked") -> str:
    """A validation whose gate stays closed: one row in ten was refused. Returns its folder."""
    quality = publish_docs(hook, SETTINGS, *make_run(day, run_id), checked)
    return quality["docs_key"].removeprefix(keys.docs(LAYOUT, "")).rpartition("/")[0]


def list_docs(hook: "S3Hook", prefix: str = "") -> list[str]:
    bucket, start = hook.parse_s3_url(keys.docs(LAYOUT, prefix))
    return [key.removeprefix(f"{LAYOUT.docs_prefix}/") for key in hook.list_keys(bucket, prefix=start)]


def let_pass() -> None:
    """The guard of a caller who may see everything."""


def turn_away() -> None:
    raise HTTPException(401)


@dataclass(frozen=True)
class Client:
    """Asks an application for pages."""

    site: FastAPI

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.request("GET", path, headers)

    def request(self, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.site, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def browser(hook: "S3Hook") -> Client:
    return Client(create_site(let_pass, lambda: Store(hook, LAYOUT)))


# What a validation leaves in S3


def validate_raw_files(hook: "S3Hook", folder: Path, day: str) -> Any:
    sources = {}
    for name, text in RAW.items():
        (folder / f"{name}.csv").write_text(text)
        sources[name] = RawSource(DATASETS[name], folder / f"{name}.csv", f"s3://raw/{name}.csv")
    counts = transform_files(sources, folder / "out", 1 << 20)
    staged = keys.staged(LAYOUT, day, "run", "orders.parquet")
    upload_file(hook, folder / "out" / "orders.parquet", staged)
    extracted: Extracted = {"day": day, "run_id": "run", "inputs": {}}
    return validate(hook, SETTINGS, extracted, {"counts": counts, "staged": {"orders.parquet": staged}})


def test_validation_leaves_its_pages_and_no_personal_data(
    hook: "S3Hook", browser: Client, tmp_path: Path
) -> None:
    quality = validate_raw_files(hook, tmp_path, "2026-10-01")
    bucket, key = hook.parse_s3_url(quality["docs_key"])
    folder = key.removeprefix(f"{LAYOUT.docs_prefix}/").rpartition("/")[0]
    assert (quality["success"], quality["expectations"], quality["failed"]) == (True, 30, [])
    assert sorted(list_docs(hook, "runs/2026-10-01/")) == [
        f"{folder}/{name}" for name in ("index.html", "site.css", "suite.html", "validation.html")
    ]
    pages = [*list_docs(hook, "runs/2026-10-01/"), *list_docs(hook, "summaries/2026-10-01/")]
    texts = [hook.read_key(f"{LAYOUT.docs_prefix}/{page}", bucket) for page in pages]
    texts += [browser.get(url).text for url in ("/", "/days/2026-10-01", "/validations/2026-10")]
    texts.append(browser.get("/docs/reports/2026-10-01.html").text)
    for word in ("lovelace", "Lovelace", MAIL):
        assert not [text for text in texts if word in text]
    assert "quantity_invalid" in texts[-1]


def test_failed_validation_says_what_failed(hook: "S3Hook", browser: Client, tmp_path: Path) -> None:
    table = pa.Table.from_pylist(
        [dict.fromkeys(published_schema(ORDERS).names)],
        schema=pa.schema([field.with_nullable(True) for field in published_schema(ORDERS)]),
    )
    pq.write_table(table, tmp_path / "orders.parquet")
    staged = keys.staged(LAYOUT, "2026-10-02", "run", "orders.parquet")
    upload_file(hook, tmp_path / "orders.parquet", staged)
    extracted, transformed = make_run("2026-10-02", "run")
    quality = validate(hook, SETTINGS, extracted, {**transformed, "staged": {"orders.parquet": staged}})
    assert not quality["success"]
    assert "expect_column_values_to_not_be_null(order_id): 1 of 1 rows" in quality["failed"]
    day = browser.get("/days/2026-10-02").text
    assert "2026-10-02: refused" in day
    assert "expect_column_values_to_not_be_null(order_id): 1 of 1 rows" in day


def test_cleared_run_keeps_the_pages_of_its_first_try(hook: "S3Hook", checked: "Checked") -> None:
    folders = {publish(hook, "2026-10-03", "same", checked) for _ in range(2)}
    assert len(folders) == 2
    assert {page.rpartition("/")[0] for page in list_docs(hook, "runs/2026-10-03/")} == folders


def test_validations_at_the_same_moment_are_all_in_the_index(
    hook: "S3Hook", browser: Client, checked: "Checked"
) -> None:
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda n: publish(hook, "2026-09-05", f"run-{n}", checked), range(10)))
    index = browser.get("/validations/2026-09").text
    assert sorted(re.findall(r'class="run-id">(run-\d)<', index)) == [f"run-{n}" for n in range(10)]


@contextmanager
def counting(hook: "S3Hook") -> Iterator[Counter[str]]:
    """Counts the requests to S3 by method, and the bytes that are sent."""
    seen: Counter[str] = Counter()

    def count(request: Any, **_: Any) -> None:
        seen[request.method] += 1
        seen["bytes"] += int(request.headers.get("Content-Length", 0))

    events = hook.get_conn().meta.events
    events.register("before-send.s3", count)
    try:
        yield seen
    finally:
        events.unregister("before-send.s3", count)


def fill(hook: "S3Hook", first: dt.date, count: int) -> None:
    """Summaries of the past, as that many runs leave them."""

    def write(place: int) -> None:
        day = (first + dt.timedelta(days=place)).isoformat()
        at = dt.datetime(2020, 1, 1, 3, tzinfo=dt.UTC)
        _, transformed = make_run(day, "run")
        summary: Any = {
            **{name: transformed["counts"][name] for name in ("rows", "reasons", "total_price")},
            "day": day,
            "run_id": f"run-{place}",
            "validated_at": f"{day}T03:00:00.000Z",
            "folder": f"runs/{day}/run/x",
            "success": True,
            "expectations": 30,
            "failed": [],
            "faults": [],
        }
        write_pages(hook, LAYOUT, {summary_page(day, "run", at): json.dumps(summary)})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(count)))


def test_thousandth_run_costs_what_the_tenth_does(
    hook: "S3Hook", browser: Client, checked: "Checked"
) -> None:
    def measure(day: str) -> tuple[Counter[str], Counter[str], float]:
        with counting(hook) as adding:
            started = time.perf_counter()
            publish(hook, day, "run", checked)
            seconds = time.perf_counter() - started
        with counting(hook) as reading:
            assert 'class="run-id">run<' in browser.get(f"/validations/{day[:7]}").text
        return adding, reading, seconds

    fill(hook, dt.date(2010, 1, 1), 9)
    adding_10th, reading_10th, seconds_10th = measure("2010-01-10")
    fill(hook, dt.date(2010, 1, 11), 990)
    adding_1000th, reading_1000th, seconds_1000th = measure("2012-09-27")
    assert set(adding_10th) == set(adding_1000th) == {"PUT", "bytes"}
    assert adding_1000th["PUT"] == adding_10th["PUT"]
    assert adding_1000th["bytes"] <= 1.1 * adding_10th["bytes"]
    assert reading_1000th["GET"] <= 1.5 * 31
    assert reading_10th["GET"] >= 10
    assert seconds_1000th < 1.5 * seconds_10th + 0.5


# What a caller gets

PAGES = [
    "/",
    "/site.css",
    f"/days/{'2026-10-01'}",
    "/validations/2026-10",
    "/manifests/2026-10-01.json",
    "/docs/reports/2026-10-01.html",
    "/docs/runs/2026-10-01/run/x/validation.html",
    "/nothing/here",
    "/docs/../../etc/passwd",
    "/openapi.json",
]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_caller_without_a_login_gets_nothing(path: str, method: str) -> None:
    def open_store() -> Store:
        pytest.fail("The store was opened for a stranger.")

    client = Client(create_site(turn_away, open_store))
    answer = client.request(method, path)
    assert answer.status_code == 401
    assert "Please log in" in answer.text or method == "HEAD"


LEAVING = [
    "/docs/../manifests/dt=2026-10-01.json",
    "/docs/runs/../../../x.html",
    "/docs/runs/2026-10-01/../x/validation.html",
    "/docs/runs/2026-10-01/%2e%2e/%2e%2e/validation.html",
    "/docs/runs/2026-10-01/..%2f..%2f../validation.html",
    "/docs/runs/2026-10-01/run/.hidden/validation.html",
    "/docs//runs/2026-10-01/run/x/validation.html",
    "/docs/summaries/2026-10-01/x.json",
    "/docs/runs/2026-10-01/run/x/summary.json",
    "/docs/reports/2026-10-01.html/../x",
    "/docs/reports/..%2fx.html",
    "/manifests/..%2f..%2fx.json",
    "/days/2026-13-01",
    "/days/..",
    "/validations/2026-00",
    "/docs/runs/2026-10-01/run/x/validation.html%00",
    "/docs/runs/2026-10-01/run\\..\\x/validation.html",
]


@pytest.mark.parametrize("path", LEAVING)
def test_no_address_leads_out_of_the_site(path: str) -> None:
    class Untouchable(Store):
        def __getattribute__(self, name: str) -> Any:
            pytest.fail(f"The store was asked for {name}.")

    status, text = ask_unchanged(create_site(let_pass, lambda: Untouchable.__new__(Untouchable)), path)
    assert status == 404
    assert "There is no such page" in text


def ask_unchanged(site: FastAPI, path: str) -> tuple[int, str]:
    """Ask as a server does that got this path; a client would tidy it up before."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 50_000),
    }
    asyncio.run(site(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


def test_page_that_was_never_written_is_not_found(browser: Client) -> None:
    for path in ("/docs/runs/2026-10-01/run/x/validation.html", "/manifests/2001-01-01.json"):
        assert browser.get(path).status_code == 404
    assert browser.get("/docs/reports/2001-01-01.html").status_code == 404


def test_stored_page_is_streamed_typed_and_kept_by_browsers(
    hook: "S3Hook", browser: Client, checked: "Checked"
) -> None:
    path = f"/docs/{publish(hook, '2026-10-04', 'run', checked)}"
    first = browser.get(f"{path}/validation.html")
    assert first.status_code == 200
    assert first.headers["Content-Type"] == "text/html; charset=utf-8"
    assert first.headers["Cache-Control"] == "private, max-age=31536000, immutable"
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


def test_home_of_a_stored_page_is_its_day(hook: "S3Hook", browser: Client, checked: "Checked") -> None:
    folder = publish(hook, "2026-10-05", "run", checked)
    address = f"/docs/{folder}/index.html"
    answer = browser.get(address)
    assert answer.status_code == 307
    assert urljoin(address, answer.headers["Location"]) == "/days/2026-10-05"


def test_live_page_is_asked_for_again_but_sent_only_when_it_changed(browser: Client) -> None:
    first = browser.get("/days/2026-10-01")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = browser.get("/days/2026-10-01", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_every_answer_forbids_scripts_and_other_hosts(browser: Client) -> None:
    for path in PAGES:
        policy = browser.get(path).headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src '")
        assert "unsafe" not in policy
        assert "script" not in policy
        assert "//" not in policy.replace("sha256-", "").split("style-src")[0]
        assert policy.endswith("frame-ancestors 'self'")


def test_manifest_is_shown_as_it_is(hook: "S3Hook", browser: Client) -> None:
    written = {"day": "2026-08-01", "rows": {}}
    write_json(hook, written, keys.manifest(LAYOUT, "2026-08-01"))
    answer = browser.get("/manifests/2026-08-01.json")
    assert (answer.json(), answer.headers["Content-Type"]) == (written, "application/json")


def test_replaced_manifest_shows_at_once(hook: "S3Hook", browser: Client) -> None:
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
        write_json(hook, manifest, keys.manifest(LAYOUT, "2026-08-02"))
        page = browser.get("/days/2026-08-02").text
        assert "2026-08-02: published" in page
        assert f"worth {total}" in page


def test_every_link_stays_under_the_path_where_the_site_is_mounted(
    hook: "S3Hook", checked: "Checked"
) -> None:
    yesterday = (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)).isoformat()
    publish(hook, yesterday, "run", checked)
    outer = FastAPI()
    outer.mount("/air/flow/quality", create_site(let_pass, lambda: Store(hook, LAYOUT)))
    client, seen, ahead = Client(outer), set(), ["/air/flow/quality/"]
    while ahead:
        address = ahead.pop()
        if address in seen or (re.search("/(days|docs)/", address) and yesterday not in address):
            continue
        seen.add(address)
        answer = client.get(address)
        assert answer.status_code in {200, 307}, address
        found = [answer.headers["Location"]] if answer.status_code == 307 else []
        if "html" in answer.headers.get("Content-Type", ""):
            found = [link for link in re.findall(r'href="([^"#]+)', answer.text) if link != "data:,"]
        ahead += [urljoin(address, link) for link in found]
    assert all(address.startswith("/air/flow/quality/") for address in seen)
    assert {"validation.html", "suite.html", "site.css"} <= {address.rpartition("/")[2] for address in seen}


def test_missing_bucket_is_explained(hook: "S3Hook") -> None:
    layout = keys.Layout(quality_bucket="no-such-bucket")
    client = Client(create_site(let_pass, lambda: Store(hook, layout)))
    answer = client.get("/")
    assert answer.status_code == 503
    assert "ecommerce_s3" in answer.text
    assert "Traceback" not in answer.text


def test_wrong_setting_is_explained() -> None:
    def open_store() -> Store:
        raise SettingError("Variable ecommerce_batch_bytes is 'x', which is no int.")

    answer = Client(create_site(let_pass, open_store)).get("/")
    assert answer.status_code == 503
    assert "Variable ecommerce_batch_bytes" in answer.text


def test_fault_of_ours_shows_nothing_of_it() -> None:
    def open_store() -> Store:
        raise RuntimeError("inner secret")

    client = Client(create_site(let_pass, open_store))
    answer = client.get("/")
    assert answer.status_code == 500
    assert "inner secret" not in answer.text
    assert "log of the API server" in answer.text


def test_front_page_reads_only_the_days_that_it_shows(hook: "S3Hook", browser: Client) -> None:
    fill(hook, dt.date(2015, 1, 1), 50)
    browser.get("/")
    with counting(hook) as seen:
        assert browser.get("/").status_code == 200
    assert seen["GET"] == 3


def test_summary_is_json_with_the_agreed_names(hook: "S3Hook", checked: "Checked") -> None:
    publish(hook, "2026-10-06", "scheduled__2026-10-06T00:00:00+00:00", checked)
    (page,) = list_docs(hook, "summaries/2026-10-06/")
    summary = json.loads(hook.read_key(f"{LAYOUT.docs_prefix}/{page}", LAYOUT.quality_bucket))
    assert set(summary) == set(RunSummary.__annotations__)
    assert (summary["day"], summary["run_id"]) == ("2026-10-06", "scheduled__2026-10-06T00:00:00+00:00")
    assert summary["faults"][0].startswith("orders: 1 of 10 rows were refused (10.0%, allowed 5.0%)")
