"""A real browser before a real Airflow: a stack of its own, a few days run by the DAG, and a login."""

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

from include import keys
from include.config import Settings
from include.contract import ORDERS
from include.contract.arrow import published_schema
from include.local.dag_run import trigger_day
from include.local.ports import find_free_ports
from include.local.stack import Stack
from include.local.storage import create_buckets
from include.manifest import RowCounts
from include.s3.objects import upload_file
from include.validate import prepare_libraries, validate
from tests.integration.conftest import Pipeline

#: Shows that a browser is wanted: without one the tests then fail in place of being skipped.
REQUIRED = "BROWSER_REQUIRED"
#: A folder that takes the pictures for the README, when it is given.
PICTURES = "BROWSER_PICTURES"
#: Nothing but this machine's own addresses can be reached.
FLAGS = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
MAIL = "ada.lovelace@example.com"
CUSTOMERS = "".join(
    ["customer_id,name,email,city,country\n", f",Ada,{MAIL},,\n"]
    + [f"C{n},Ada,{MAIL},Paris,FR\n" for n in range(1, 31)]
)
PRODUCTS = "product_id,name,category,list_price\nP1,<script>alert(1)</script>,Home,20.00\n"
HEADER = "order_id,customer_id,product_id,quantity,selling_price,order_date,delivery_date\n"
TODAY = dt.datetime.now(dt.UTC).date()
YESTERDAY = (TODAY - dt.timedelta(days=1)).isoformat()
#: Days back, and how many of some 120 orders are to be refused: the gate closes above one in twenty.
REFUSED_ORDERS = {1: 2, 2: 5, 3: 40, 4: 0, 6: 3}
REFUSED = (TODAY - dt.timedelta(days=3)).isoformat()
MISSING = (TODAY - dt.timedelta(days=5)).isoformat()
BROKEN = (TODAY - dt.timedelta(days=7)).isoformat()
#: A busy machine needs a while for the first page, for which the API server imports the site.
expect.set_options(timeout=30_000)


@dataclass
class Seen:
    """What a page said and asked for since the login."""

    errors: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def note_request(self, request: Request) -> None:
        self.addresses.append(request.url)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    ui_port, s3_port = find_free_ports(2)
    with Stack(tmp_path_factory.mktemp("stack"), ui_port=ui_port, s3_port=s3_port) as started:
        create_buckets(started.hook, Settings().layout)
        runs = [run_day(started, back, refused) for back, refused in REFUSED_ORDERS.items()]
        for run_id in runs:
            Pipeline(started).wait(run_id)
        leave_broken_validation(started, tmp_path_factory.mktemp("broken"))
        yield started


def run_day(stack: Stack, back: int, refused: int) -> str:
    day = (TODAY - dt.timedelta(days=back)).isoformat()
    good = [f"O{n},C1,P1,2,9.99,{day}T10:00:00,\n" for n in range(120 - 10 * back)]
    bad = [f"{MAIL}-{n},C{n % 2},P1,{n % 3},{MAIL},{day},{MAIL}\n" for n in range(refused)]
    raw = {"customers": CUSTOMERS, "products": PRODUCTS, "orders": HEADER + "".join(good + bad)}
    Pipeline(stack).deliver(day, **raw)
    return trigger_day(stack.api, day)


def leave_broken_validation(stack: Stack, folder: Path) -> None:
    """A day whose transform went wrong: only the checkpoint can see it."""
    prepare_libraries()
    schema = pa.schema([field.with_nullable(True) for field in published_schema(ORDERS)])
    rows = [dict.fromkeys(schema.names) | {"order_id": MAIL, "quantity": -1} for _ in range(3)]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "orders.parquet")
    staged = keys.staged(Settings().layout, BROKEN, "run", "orders.parquet")
    upload_file(stack.hook, folder / "orders.parquet", staged)
    inputs: Any = {"orders": {"etag": "broken", "bytes": 100}}
    counts: RowCounts = {"read": 3, "published": 3, "quarantined": 0, "duplicates": 0}
    validate(
        stack.hook,
        Settings(),
        {"day": BROKEN, "run_id": "manual__broken", "inputs": inputs},
        {
            "counts": {
                "rows": {"orders": counts},
                "reasons": {"orders": {}},
                "total_price": "0.00",
                "drift": {},
            },
            "staged": {"orders.parquet": staged},
        },
    )


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None and not os.environ.get(REQUIRED):
        pytest.skip("No Chromium on this machine; Debian has it as the package `chromium`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def login_state(chromium: Browser, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cookies of a user who logged in through Airflow's own page."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(stack.url)
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill(stack.password)
    page.keyboard.press("Enter")
    page.get_by_text("Data quality").first.wait_for()
    path = tmp_path_factory.mktemp("login") / "state.json"
    context.storage_state(path=path)
    context.close()
    return path


@pytest.fixture
def new_page(chromium: Browser, login_state: Path) -> Iterator[Callable[..., Page]]:
    """Opens a page of a logged-in user; its keyword arguments are those of a browser context."""
    opened: list[BrowserContext] = []

    def open_page(**options: Any) -> Page:
        size: ViewportSize = {"width": 1280, "height": 800}
        opened.append(chromium.new_context(storage_state=login_state, viewport=size, **options))
        return opened[-1].new_page()

    yield open_page
    for context in opened:
        context.close()


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    return new_page()


@pytest.fixture
def seen(page: Page) -> Seen:
    noted = Seen()
    page.on("console", noted.note_message)
    page.on("request", noted.note_request)
    return noted


def take_picture(page: Page, name: str) -> None:
    """Keep what the page looks like for the README, when that is asked for."""
    if folder := os.environ.get(PICTURES):
        page.wait_for_timeout(500)
        page.screenshot(path=Path(folder) / f"{name}.png")
