"""What each run leaves for the site: a summary of its validation, or of its failure. Never changed."""

import datetime as dt
from typing import NotRequired, TypedDict

from include import keys
from include.manifest import Extracted, GateVerdict, RowCounts, Transformed, Validated
from include.site.business import Business

SUMMARIES = "summaries"
FAILURES = "failures"
#: Kinds of failures.
GATE, UNREADABLE, FILES_MISSING, OTHER = "gate", "unreadable", "files_missing", "other"
#: What S3 and the site say of the objects, by the ends of their names.
CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "json": "application/json",
}


class RunSummary(TypedDict):
    """One validation. `faults` says why the gate stays closed; none means that it opens.

    `folder` is where its pages are, relative to the root of the site. Summaries of earlier releases lack
    the fields that are not required.
    """

    day: str
    run_id: str
    validated_at: str
    folder: str
    success: bool
    expectations: int
    failed: list[str]
    warnings: NotRequired[list[str]]
    skipped: NotRequired[list[str]]
    faults: list[str]
    can_be_approved: NotRequired[bool]
    gate: NotRequired[GateVerdict]
    rows: dict[str, RowCounts]
    reasons: dict[str, dict[str, int]]
    malformed: NotRequired[dict[str, dict[str, int]]]
    emptied: NotRequired[dict[str, dict[str, int]]]
    total_price: str
    business: NotRequired[Business]


class RunFailure(TypedDict):
    """A run that failed after its last retry. `causes` hold no value of any row."""

    day: str
    run_id: str
    task_id: str
    failed_at: str
    kind: str
    causes: list[str]
    log_url: str


def summarise_run(
    extracted: Extracted, transformed: Transformed, validated: Validated, validated_at: dt.datetime
) -> RunSummary:
    day, run_id, counts = extracted["day"], extracted["run_id"], transformed["counts"]
    quality, gate = validated["quality"], validated["gate"]
    return {
        "day": day,
        "run_id": run_id,
        "validated_at": validated_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "folder": run_folder(day, run_id, validated_at),
        "success": quality["success"],
        "expectations": quality["expectations"],
        "failed": quality["failed"],
        "warnings": quality["warnings"],
        "skipped": quality["skipped"],
        "faults": [fault["text"] for fault in gate["faults"]],
        "can_be_approved": gate["can_be_approved"],
        "gate": gate,
        "rows": counts["rows"],
        "reasons": counts["reasons"],
        "malformed": counts.get("malformed", {}),
        "emptied": counts.get("emptied", {}),
        "total_price": counts["total_price"],
    }


def run_folder(day: str, run_id: str, validated_at: dt.datetime) -> str:
    """A folder for each validation: a cleared run validates again under the same run id."""
    return f"runs/{day}/{keys.safe(run_id)}/{stamp(validated_at)}"


def summary_page(day: str, run_id: str, validated_at: dt.datetime) -> str:
    """Sorts by day, then by time, so that a listing of some days or of a month is one request."""
    return f"{SUMMARIES}/{day}/{stamp(validated_at)}--{keys.safe(run_id)}.json"


def failure_page(day: str, run_id: str, failed_at: dt.datetime) -> str:
    return f"{FAILURES}/{day}/{stamp(failed_at)}--{keys.safe(run_id)}.json"


def report_page(day: str) -> str:
    """The report of a day, for people without Airflow; a later validation of the day replaces it."""
    return f"reports/{day}.html"


def stamp(instant: dt.datetime) -> str:
    """UTC with milliseconds, `20261124T063849037Z`: no sign in it that a URL escapes."""
    text = instant.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%S")
    return f"{text}{instant.microsecond // 1000:03}Z"
