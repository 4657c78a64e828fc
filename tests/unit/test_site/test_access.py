"""Who gets in, and that nothing leads out."""

import asyncio
import datetime as dt
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin

import pytest
from fastapi import FastAPI

from include.site.app import create_site
from include.site.store import Store
from tests.memory_s3 import MemoryS3
from tests.unit.test_site.conftest import LAYOUT, Client, let_pass, publish, turn_away

if TYPE_CHECKING:
    from include.quality.checkpoint import Checked

PAGES = [
    "/",
    "/site.css",
    "/days/2026-10-01",
    "/validations/2026-10",
    "/manifests/2026-10-01.json",
    "/manifests/2026-10-01",
    "/business/2026-10-01",
    "/trends/2026-10-01",
    "/compare/2026-09-30/2026-10-01",
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
    "/days/2026-02-30",
    "/days/0001-01-01",
    "/days/9999-12-31",
    "/days/1",
    "/days/٢٠٢٦-١١-٢٣",
    "/business/2026-02-30",
    "/trends/0000-01-01",
    "/compare/2026-10-01/..",
    "/validations/2026-00",
    "/validations/0000-01",
    "/validations/9999-12",
    "/validations/٢٠٢٦-١١",
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


def test_every_answer_forbids_scripts_and_other_hosts(browser: Client) -> None:
    for path in PAGES:
        policy = browser.get(path).headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src '")
        assert "unsafe" not in policy
        assert "script" not in policy
        assert "//" not in policy.replace("sha256-", "").split("style-src")[0]
        assert policy.endswith("frame-ancestors 'self'")


def test_every_link_stays_under_the_path_where_the_site_is_mounted(s3: MemoryS3, checked: "Checked") -> None:
    yesterday = (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)).isoformat()
    publish(s3, yesterday, "run", checked)
    outer = FastAPI()
    outer.mount("/air/flow/quality", create_site(let_pass, lambda: Store(s3.hook, LAYOUT)))
    client, seen, ahead = Client(outer), set(), ["/air/flow/quality/"]
    while ahead:
        address = ahead.pop()
        if address in seen or (
            re.search("/(days|docs|business|trends|compare)/", address) and yesterday not in address
        ):
            continue
        seen.add(address)
        answer = client.get(address)
        assert answer.status_code in {200, 307}, address
        found = [answer.headers["Location"]] if answer.status_code == 307 else []
        if "html" in answer.headers.get("Content-Type", ""):
            found = [
                link
                for link in re.findall(r'href="([^"#]+)', answer.text)
                if not link.startswith("data:") and "../dags/" not in link
            ]
        ahead += [urljoin(address, link) for link in found]
    assert all(address.startswith("/air/flow/quality/") for address in seen)
    assert {"validation.html", "suite.html", "site.css"} <= {address.rpartition("/")[2] for address in seen}
