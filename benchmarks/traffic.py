"""S3 requests and bytes of each stage, counted in the client."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Spread
from benchmarks.report import Finding, Report
from include.config import Settings
from include.extract import extract
from include.publish import publish
from include.transform import transform
from include.validate import validate

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.manifest import Manifest


@dataclass
class Traffic:
    """The traffic of one stage. Server-side copies are requests without bytes."""

    requests: Counter[str] = field(default_factory=Counter)
    bytes_up: int = 0
    bytes_down: int = 0


class Meter:
    """Counts the traffic of a hook's client. Transfers run in threads, so counting takes a lock."""

    def __init__(self, hook: "S3Hook") -> None:
        self.stages: dict[str, Traffic] = defaultdict(Traffic)
        self._stage = ""
        self._lock = Lock()
        events = hook.get_conn().meta.events
        events.register("before-send.s3", self._count_request)
        events.register("after-call.s3", self._count_answer)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._stage = name
        yield
        self._stage = ""

    def _count_request(self, request: Any, event_name: str, **_: Any) -> None:
        headers = request.headers
        # A body with a trailing checksum is longer than its content.
        length = headers.get("X-Amz-Decoded-Content-Length") or headers.get("Content-Length") or 0
        with self._lock:
            traffic = self.stages[self._stage]
            traffic.requests[event_name.rpartition(".")[2]] += 1
            traffic.bytes_up += int(length)

    def _count_answer(self, http_response: Any, model: Any, **_: Any) -> None:
        if model.name == "GetObject":
            with self._lock:
                self.stages[self._stage].bytes_down += int(http_response.headers.get("content-length", 0))


def measure_traffic(report: Report, console: Console, hook: "S3Hook", day: str) -> None:
    """Run the stages of a delivered day one after the other in this process."""
    meter = Meter(hook)
    manifest = run_stages(hook, meter, day)
    show_traffic(console, meter, manifest)
    report.details["traffic"] = {name: vars(traffic) for name, traffic in meter.stages.items()}
    raw_bytes = sum(raw["bytes"] for raw in manifest["inputs"].values())
    output_bytes = sum(output["bytes"] for output in manifest["outputs"].values())
    transformed = meter.stages["transform"]
    report.findings += [
        Finding("S3: raw bytes read, against delivered", Spread.of([transformed.bytes_down / raw_bytes]), 1),
        Finding(
            "S3: table bytes written, against published", Spread.of([transformed.bytes_up / output_bytes]), 1
        ),
    ]


def run_stages(hook: "S3Hook", meter: Meter, day: str) -> "Manifest":
    settings, started_at = Settings(), dt.datetime.now(dt.UTC)
    with meter.stage("extract"):
        extracted = extract(hook, settings, day, "traffic")
    with meter.stage("transform"):
        transformed = transform(hook, settings, extracted)
    with meter.stage("validate"):
        validated = validate(hook, settings, extracted, transformed)
    with meter.stage("publish"):
        return publish(hook, settings, extracted, transformed, validated, started_at)


def show_traffic(console: Console, meter: Meter, manifest: "Manifest") -> None:
    rows = manifest["rows"]["orders"]["read"]
    table = Table("stage", "requests", "MB up", "MB down", title=f"S3 traffic of a day of {rows:,} orders")
    for name, traffic in meter.stages.items():
        requests = ", ".join(f"{count} {operation}" for operation, count in traffic.requests.most_common())
        table.add_row(name, requests, f"{traffic.bytes_up / 1e6:.2f}", f"{traffic.bytes_down / 1e6:.2f}")
    console.print(table)
