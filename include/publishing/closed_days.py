"""Reads the latest closed gate of days that are not published."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypedDict, cast

from include import keys
from include.contract import ORDERS
from include.manifest import ClosedGate, GateVerdict, Output, RawFile, RowCounts
from include.s3.listing import list_objects
from include.s3.objects import find_object, read_json

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

_GATE = "gate.json"


class ClosedDay(TypedDict):
    """The record of a closed gate, with the fields of a manifest. `outputs` has only the rejected orders."""

    day: str
    run_id: str
    inputs: dict[str, RawFile]
    rows: dict[str, RowCounts]
    reasons: dict[str, dict[str, int]]
    outputs: dict[str, Output]
    gate: GateVerdict


def read_closed_days(hook: "S3Hook", layout: keys.Layout, days: Iterable[str]) -> dict[str, ClosedDay]:
    """The closed gates of unpublished days, for the days that have one. Costs one listing per day."""
    found = {day: read_closed_day(hook, layout, day) for day in days}
    return {day: closed for day, closed in found.items() if closed}


def read_closed_day(hook: "S3Hook", layout: keys.Layout, day: str) -> ClosedDay | None:
    """The latest closed gate of a day; None if there is none, or if the cleanup removed its rejected rows."""
    gates = [
        each for each in list_objects(hook, keys.staged_day(layout, day)) if each.name.endswith(f"/{_GATE}")
    ]
    if not gates:
        return None
    latest = max(gates, key=lambda each: (each.written_at, each.url))
    gate = cast("ClosedGate | None", read_json(hook, latest.url))
    rejected = find_object(hook, latest.url.removesuffix(_GATE) + f"quarantine/{ORDERS.name}.parquet")
    # Earlier releases recorded no verdict.
    if gate is None or rejected is None or "gate" not in gate:
        return None
    return {
        "day": gate["day"],
        "run_id": gate["run_id"],
        "inputs": gate["inputs"],
        "rows": gate["rows"],
        "reasons": gate["reasons"],
        "outputs": {
            f"quarantine/{ORDERS.name}": {**rejected, "rows": gate["rows"][ORDERS.name]["quarantined"]}
        },
        "gate": gate["gate"],
    }
