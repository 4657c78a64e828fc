"""Days to break, and the stages of a run as Airflow would try them."""

import datetime as dt
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from include import keys
from include.config import Settings
from include.manifest import Validated
from include.operators.context import translate_errors
from tests.faults.checker import LAYOUT, Delivery, Watched, expect_delivery
from tests.records import VALIDATED

TRIES = 4
SETTINGS = Settings()
STARTED_AT = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
_FIRST_DAY = dt.date(2020, 1, 1)
_days = count()


def take_day() -> str:
    """A day that nothing else in this session uses."""
    return (_FIRST_DAY + dt.timedelta(days=next(_days))).isoformat()


def make_raw(draw: random.Random, orders: int, id_signs: int = 6) -> dict[str, bytes]:
    """A day's files with a few refused rows and duplicates. Long ids make files of many bytes."""
    customers = [f"C{n},Name {draw.random()},c{n}@example.com,Paris,FR,2024-05-01" for n in range(20)]
    products = [f"P{n},Lamp {draw.random()},Home,{n}.50" for n in range(20)]
    lines = [
        f"{n}-{draw.randbytes(id_signs).hex()},C{draw.randrange(20)},P{draw.randrange(20)},"
        f"{draw.randrange(1, 9)},{draw.randrange(1, 10_000) / 100:.2f},2026-11-21T10:00:00,,open"
        for n in range(orders)
    ]
    lines[3:3] = ["bad,C99,P1,1,1.00,2026-11-21,,open", lines[0]]
    return {
        "customers": _write("customer_id,name,email,city,country,signup_date", [*customers, customers[0]]),
        "products": _write("product_id,name,category,list_price", products),
        "orders": _write(
            "order_id,customer_id,product_id,quantity,selling_price,order_date,delivery_date,status", lines
        ),
    }


def _write(header: str, lines: list[str]) -> bytes:
    return ("\n".join([header, *lines]) + "\n").encode()


def watch_day(hook: Any, folder: Path, draw: random.Random, **size: int) -> Watched:
    """Deliver a new day."""
    watched = Watched(take_day(), [], hook, folder)
    deliver(watched, draw, **size)
    return watched


def deliver(watched: Watched, draw: random.Random, orders: int = 0, id_signs: int = 6) -> Delivery:
    """Deliver the day, or deliver it once more; no two deliveries are alike in any file."""
    raw = make_raw(draw, orders or draw.randrange(40, 80), id_signs)
    watched.deliveries.append(expect_delivery(watched.day, raw, watched.folder))
    for name, body in raw.items():
        bucket, key = watched.hook.parse_s3_url(keys.raw(LAYOUT, watched.day, name))
        watched.hook.get_conn().put_object(Bucket=bucket, Key=key, Body=body)
    return watched.deliveries[-1]


def approve(*_: Any) -> Validated:
    """In the place of the checkpoint, where it would only cost time: the gate of ratios is real."""
    return VALIDATED


Verdict = Callable[[Any, Settings, Any, Any], Validated]


@dataclass
class Run:
    """One run of a day; what a stage hands on goes through JSON, as it does in Airflow.

    Parameters
    ----------
    hook: S3 as the stages see it, faults included.
    """

    hook: Any
    day: str
    run_id: str
    verdict: Verdict = approve
    results: dict[str, Any] = field(default_factory=dict)
    settings: Settings = SETTINGS

    def perform(self, stage: str) -> None:
        """One try of one task."""
        with translate_errors():
            self.results[stage] = json.loads(json.dumps(self._call(stage)))

    def _call(self, stage: str) -> Any:
        from include.extract import extract
        from include.publish import publish
        from include.transform import transform

        if stage == "extract":
            return extract(self.hook, self.settings, self.day, self.run_id)
        extracted = self.results["extract"]
        if stage == "transform":
            return transform(self.hook, self.settings, extracted)
        transformed = self.results["transform"]
        if stage == "validate":
            return self.verdict(self.hook, self.settings, extracted, transformed)
        return publish(self.hook, self.settings, extracted, transformed, self.results["validate"], STARTED_AT)


STAGES = ("extract", "transform", "validate", "publish")


@dataclass(frozen=True)
class End:
    """How a run ended: the stage that failed for good and its error, or neither."""

    stage: str = ""
    error: Exception | None = None


def run_stages(run: Run, first: str = "extract") -> End:
    """The stages one after the other, each tried as often as Airflow would."""
    for stage in STAGES[STAGES.index(first) :]:
        error = _try_stage(run, stage)
        if error:
            return End(stage, error)
    return End()


def _try_stage(run: Run, stage: str) -> Exception | None:
    from airflow.sdk.exceptions import AirflowFailException

    error: Exception | None = None
    for _ in range(TRIES):
        try:
            run.perform(stage)
        except AirflowFailException as failure:
            return failure
        except Exception as failure:  # noqa: BLE001 - whatever it is, Airflow tries again
            error = failure
        else:
            return None
    return error


def run_up_to(run: Run, stage: str) -> Run:
    """The stages before one of them, undisturbed."""
    for earlier in STAGES[: STAGES.index(stage)]:
        run.perform(earlier)
    return run
