"""An object store, a checkpoint that was run, and a client for the site."""

import asyncio
import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI, HTTPException

from include import keys
from include.config import Settings
from include.contract import ORDERS
from include.contract.arrow import published_schema
from include.local.storage import create_buckets
from include.manifest import Extracted, Transformed, Validated
from include.publishing.gate import decide_gate
from include.site.app import create_site
from include.site.publish import publish_docs, write_pages
from include.site.store import Store
from include.site.summary import run_folder, summary_page
from include.validate import describe_quality, prepare_libraries
from tests.integration.own_store import run_own_store

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.quality.checkpoint import Checked

prepare_libraries()

SETTINGS = Settings()
LAYOUT = SETTINGS.layout


@pytest.fixture(scope="session")
def hook(tmp_path_factory: pytest.TempPathFactory) -> Iterator["S3Hook"]:
    """S3 through the hook, on a store that ends with these tests."""
    with run_own_store(tmp_path_factory.mktemp("own-store")) as store:
        hook = store.hook()
        create_buckets(hook, LAYOUT)
        yield hook


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory) -> "Checked":
    """What the checkpoint says of an empty table."""
    from include.quality.checkpoint import run_checkpoint

    path = tmp_path_factory.mktemp("orders") / "orders.parquet"
    pq.write_table(published_schema(ORDERS).empty_table(), path)
    return run_checkpoint(path, 0, "day run")


def make_run(day: str, run_id: str) -> tuple[Extracted, Transformed]:
    rows: Any = {
        name: {"read": 100, "published": 90, "quarantined": 10, "duplicates": 0}
        for name in ("orders", "products")
    }
    counts: Any = {
        "rows": rows,
        "reasons": {"orders": {"unknown_customer": 10}, "products": {}},
        "total_price": "12.30",
        "drift": {},
    }
    return {"day": day, "run_id": run_id, "inputs": {}}, {"counts": counts, "staged": {}}


def publish(hook: "S3Hook", day: str, run_id: str, checked: "Checked") -> str:
    """A validation whose gate stays closed: one row in ten was rejected. Returns its folder."""
    extracted, transformed = make_run(day, run_id)
    validated_at = dt.datetime.now(dt.UTC)
    folder = run_folder(day, run_id, validated_at)
    quality = describe_quality(checked, keys.docs(LAYOUT, f"{folder}/validation.html"))
    gate = decide_gate(transformed["counts"], quality, SETTINGS, None)
    validated: Validated = {"quality": quality, "gate": gate}
    publish_docs(hook, SETTINGS, extracted, transformed, validated, checked, validated_at)
    return folder


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
