"""Validations on S3 in memory, and a client for the site."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Iterator
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
from include.manifest import Extracted, Transformed, Validated
from include.publishing.gate import decide_gate
from include.site.app import create_site
from include.site.publish import publish_docs
from include.site.store import Store
from include.site.summary import run_folder, summary_page
from include.validate import describe_quality, prepare_libraries
from tests.memory_s3 import MemoryS3

if TYPE_CHECKING:
    from include.quality.checkpoint import Checked

prepare_libraries()

SETTINGS = Settings()
LAYOUT = SETTINGS.layout


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory) -> "Checked":
    """The result of the checkpoint for an empty table."""
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
    inputs: Any = {"orders": {"etag": f"etag of {day}", "bytes": 100}}
    return {"day": day, "run_id": run_id, "inputs": inputs}, {"counts": counts, "staged": {}}


def publish(s3: MemoryS3, day: str, run_id: str, checked: "Checked") -> str:
    """A validation whose gate stays closed: one row in ten was rejected. Returns its folder."""
    extracted, transformed = make_run(day, run_id)
    validated_at = dt.datetime.now(dt.UTC)
    folder = run_folder(day, run_id, validated_at)
    quality = describe_quality(checked, keys.docs(LAYOUT, f"{folder}/validation.html"))
    gate = decide_gate(transformed["counts"], quality, SETTINGS, None)
    validated: Validated = {"quality": quality, "gate": gate}
    publish_docs(s3.hook, SETTINGS, extracted, transformed, validated, checked, validated_at)
    return folder


def list_docs(s3: MemoryS3, prefix: str = "") -> list[str]:
    return [url.removeprefix(keys.docs(LAYOUT, "")) for url in s3.list_urls(keys.docs(LAYOUT, prefix))]


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
def browser(s3: MemoryS3) -> Client:
    return Client(create_site(let_pass, lambda: Store(s3.hook, LAYOUT)))


@contextmanager
def counting(s3: MemoryS3) -> Iterator[Counter[str]]:
    """Counts the requests to S3 by operation, and the bytes that are sent; complete at the end."""
    seen: Counter[str] = Counter()
    before, sent_before = s3.requests.copy(), s3.sent_bytes
    yield seen
    seen.update(s3.requests - before)
    seen["bytes"] = s3.sent_bytes - sent_before


def fill(s3: MemoryS3, first: dt.date, count: int) -> None:
    """Summaries of the past, as that many runs leave them."""
    at = dt.datetime(2020, 1, 1, 3, tzinfo=dt.UTC)
    for place in range(count):
        day = (first + dt.timedelta(days=place)).isoformat()
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
        s3.put_json(keys.docs(LAYOUT, summary_page(day, "run", at)), summary)
