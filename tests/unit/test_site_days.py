"""One day, one truth: what is said of a day is the same on every surface."""

import io
import re
from html import unescape
from typing import Any

import pytest
from rich.console import Console

from include.local.outputs import print_day
from include.manifest import Approval, Correction, RowCounts
from include.operators.approval import describe_closed_gate
from include.reporting.alerts import describe_day
from include.site.days import Day, Verdict, explain_day, find_cause, judge_days, judge_run
from include.site.pages import render_day, render_front, render_index, render_report
from tests.records import CLOSED, GREEN, MANIFEST, OPEN

DAY, TODAY = "2026-11-23", "2026-11-24"
ROWS: dict[str, RowCounts] = {
    "orders": {"read": 300, "published": 170, "quarantined": 127, "duplicates": 3},
    "customers": {"read": 100, "published": 56, "quarantined": 44, "duplicates": 0},
}
REASONS = {"orders": {"quantity_invalid": 7, "unknown_customer": 120}, "customers": {"malformed_row": 44}}
FAULT = "orders: 127 of 300 rows were rejected (42.3%, allowed 5.0%): unknown_customer 120."
APPROVAL: Approval = {
    "approved": True,
    "by": "ann",
    "at": f"{DAY}T04:00:00Z",
    "reason": "known test customers",
    "faults": [FAULT],
}
CORRECTION: Correction = {
    "run_id": "run 0",
    "manifest_version": "v",
    "published_at": f"{DAY}T01:00:00Z",
    "inputs": {"orders": "replaced"},
    "orders": {"added": 0, "removed": 100, "altered": 2},
    "total_price": {"before": "20.00", "after": "12.30"},
}
REJECTED = (Verdict.REJECTED, "rejected", [FAULT])


def make_summary(at: str, **changes: Any) -> Any:
    faults = changes.get("faults", [])
    summary: Any = {
        "day": DAY,
        "run_id": f"run at {at}",
        "validated_at": f"{DAY}T{at}Z",
        "folder": f"runs/{DAY}/run/{at}",
        "success": not faults,
        "expectations": 37,
        "failed": faults,
        "skipped": ["a", "b", "c", "d"],
        "faults": faults,
        "rows": ROWS,
        "reasons": REASONS,
        "total_price": "12.30",
        "gate": {**CLOSED, "can_be_approved": False} if faults else OPEN,
    }
    summary |= changes
    return summary


def make_manifest(at: str, **changes: Any) -> Any:
    quality = {**GREEN, "docs_key": f"s3://q/docs/runs/{DAY}/run/{at}/validation.html"}
    published: Any = {"day": DAY, "published_at": f"{DAY}T{at}Z", "rows": ROWS, "reasons": REASONS}
    manifest: Any = {**MANIFEST, **published, "total_price": "12.30", "quality": quality, **changes}
    return manifest


def make_failure(at: str, kind: str, cause: str) -> Any:
    log_url = "http://localhost/log"
    names: Any = {"day": DAY, "run_id": "run 2", "task_id": "transform", "log_url": log_url}
    return {**names, "failed_at": f"{DAY}T{at}Z", "kind": kind, "causes": [cause]}


UNREADABLE = "s3://ecommerce-raw/orders.csv: the header has one column. Is the delimiter a semicolon?"
CLOSED_RUN = make_summary("09:00:00.000", faults=[FAULT])
WAITING_RUN = make_summary("09:00:00.000", faults=[FAULT], can_be_approved=True)
COVERED_RUN = make_summary("09:00:00.000", faults=[FAULT], gate={**CLOSED, "approval": APPROVAL})
GOOD_RUN = make_summary("03:00:00.000")
GOOD = make_manifest("03:00:01")
PUBLISHED = f"Published {DAY} 03:00 UTC by run run 1: 170 orders worth 12.30;"

#: What happened to a day; then its verdict, its state, and what its sentences contain.
CASES: dict[str, tuple[dict[str, Any], Verdict, str, list[str]]] = {
    "published": ({"runs": [GOOD_RUN], "manifest": GOOD}, Verdict.PUBLISHED, "published", [PUBLISHED]),
    "published after a failed run": (
        {"manifest": GOOD, "failures": [make_failure("02:00:00", "other", "no disk")]},
        Verdict.PUBLISHED,
        "published",
        [PUBLISHED],
    ),
    "published after a rejected run": (
        {"runs": [make_summary("02:00:00.000", faults=[FAULT])], "manifest": GOOD},
        Verdict.PUBLISHED,
        "published",
        [PUBLISHED],
    ),
    "newer delivery rejected": (
        {"runs": [GOOD_RUN, CLOSED_RUN], "manifest": GOOD},
        Verdict.PUBLISHED,
        "published, newer delivery rejected",
        ["Newer delivery rejected", "readers still see the published data", FAULT, PUBLISHED],
    ),
    "newer delivery waits": (
        {"runs": [WAITING_RUN], "manifest": GOOD},
        Verdict.PUBLISHED,
        "published, newer delivery waits for approval",
        ["Newer delivery waits for approval", FAULT],
    ),
    "newer delivery unreadable": (
        {"manifest": GOOD, "failures": [make_failure("09:00:00", "unreadable", UNREADABLE)]},
        Verdict.PUBLISHED,
        "published, newer delivery unreadable",
        ["Newer delivery unreadable", UNREADABLE, PUBLISHED],
    ),
    "approved": (
        {"manifest": make_manifest("05:00:00", approval=APPROVAL)},
        Verdict.PUBLISHED,
        "published, approved with faults",
        ["a person approved it 2026-11-23 04:00 UTC", "“known test customers”", f"Approved: {FAULT}"],
    ),
    "corrected": (
        {"manifest": make_manifest("05:00:00", correction=CORRECTION)},
        Verdict.PUBLISHED,
        "published",
        ["replaced run run 0", "100 removed", "20.00 → 12.30", "Cause: orders replaced"],
    ),
    "gate closed": ({"runs": [CLOSED_RUN]}, Verdict.REJECTED, "rejected", [FAULT]),
    "rejected by a person": (
        {"runs": [WAITING_RUN], "failures": [make_failure("10:00:00", "gate", FAULT)]},
        Verdict.REJECTED,
        "rejected",
        [FAULT],
    ),
    "waiting for approval": ({"runs": [WAITING_RUN]}, Verdict.APPROVAL, "waiting for approval", [FAULT]),
    "covered by an approval": ({"runs": [COVERED_RUN]}, Verdict.RUNNING, "running", []),
    "unreadable": (
        {"failures": [make_failure("09:00:00", "unreadable", UNREADABLE)]},
        Verdict.UNREADABLE,
        "unreadable",
        [UNREADABLE],
    ),
    "failed in the second of its validation": (
        {"runs": [GOOD_RUN], "failures": [make_failure("03:00:00", "other", "no disk")]},
        Verdict.FAILED,
        "failed",
        ["no disk"],
    ),
    "unreadable, then delivered again": (
        {"runs": [CLOSED_RUN], "failures": [make_failure("08:00:00", "unreadable", UNREADABLE)]},
        Verdict.REJECTED,
        "rejected",
        [FAULT],
    ),
    "validated, not published yet": ({"runs": [GOOD_RUN]}, Verdict.RUNNING, "running", ["has not published"]),
    "a file missing": (
        {"missing": ["s3://ecommerce-raw/orders.csv"]},
        Verdict.MISSING,
        "missing",
        ["Not arrived: s3://ecommerce-raw/orders.csv"],
    ),
    "a file missing today": (
        {"missing": ["s3://ecommerce-raw/orders.csv"], "today": DAY},
        Verdict.WAITING,
        "waiting for files",
        ["Not arrived: s3://ecommerce-raw/orders.csv"],
    ),
    "delivered, no run yet": ({"missing": []}, Verdict.RUNNING, "running", ["All files have arrived"]),
    "missing": ({}, Verdict.MISSING, "missing", ["No run has validated this day."]),
    "today": ({"today": DAY}, Verdict.WAITING, "waiting for files", []),
    "before the first day": ({"first_day": TODAY}, Verdict.BEFORE, "before the first day", []),
    "before any run": ({"first_day": None}, Verdict.BEFORE, "before the first day", []),
}


def judge(**given: Any) -> Day:
    (judged,) = judge_days(
        [DAY],
        given.get("runs", []),
        given.get("failures", []),
        {DAY: given["manifest"]} if "manifest" in given else {},
        today=given.get("today", TODAY),
        first_day=given.get("first_day", "2026-11-10"),
        missing_files={DAY: given["missing"]} if "missing" in given else None,
    )
    return judged


def read_text(html: str) -> str:
    """What a reader sees."""
    return " ".join(unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)).split())


def render_surfaces(day: Day, given: dict[str, Any]) -> dict[str, str]:
    """Everything that says something about the day, as text."""
    other = Day(day=TODAY, verdict=Verdict.WAITING)
    surfaces = {
        "front": render_front([other, day, other], TODAY),
        "index": render_index("2026-11", [day], [], first_month="2026-11", last_month="2026-11"),
        "day": render_day(day, [], [], week_before=other),
        "report": render_report(day),
        "summary": print_summary(day),
    }
    if day.verdict is Verdict.BEFORE:
        # Months begin with the first day of a run.
        del surfaces["index"]
    if given.get("failures") and day.attempt and day.attempt.log_url:
        surfaces["alert"] = "\n".join([*day.attempt.causes, describe_day(day, is_known=True)])
    return {name: read_text(text) for name, text in surfaces.items()}


def print_summary(day: Day) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_day(console, day, None)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(("given", "verdict", "state", "words"), CASES.values(), ids=CASES)
def test_every_surface_says_the_same(
    given: dict[str, Any], verdict: Verdict, state: str, words: list[str]
) -> None:
    day = judge(**given)
    assert (day.verdict, day.state) == (verdict, state)
    sentences = explain_day(day)
    for word in words:
        assert any(word in sentence for sentence in sentences)
    for name, text in render_surfaces(day, given).items():
        assert state in text, name
        for sentence in [find_cause(day)] if name == "index" else sentences:
            assert " ".join(sentence.split()) in text, name
        assert "ann" not in text.split(), name


def test_approval_form_says_what_the_pages_say() -> None:
    day = judge(runs=[WAITING_RUN])
    form = describe_closed_gate(judge_run(WAITING_RUN))
    assert f"{DAY}: {day.state}" in form
    for sentence in explain_day(day):
        assert f"- {sentence}" in form


def test_rejected_rows_are_named_by_file() -> None:
    (published,) = explain_day(judge(manifest=GOOD))
    assert published.endswith("127 of 300 orders rejected, and 44 rows of other files.")


def test_malformed_rows_and_emptied_values_are_explained() -> None:
    details = {"8 fields, the header has 7": 43, "6 fields, the header has 7": 1}
    counts: Any = {"malformed": {"orders": details}, "emptied": {"customers": {"signup_date": 2, "x": 0}}}

    _, *sentences = explain_day(judge(manifest={**GOOD, **counts}))

    assert sentences == [
        "Malformed rows of orders: 8 fields, the header has 7 (43 rows); 6 fields, the header has 7 (1 row).",
        "Invalid values of customers that were emptied: signup_date (2 values).",
    ]


@pytest.mark.parametrize(
    ("reasons", "is_suggested"),
    [
        ({"orders": {"order_date_invalid": 9, "unknown_customer": 8}}, True),
        ({"orders": {"rejected_product": 90}, "products": {"malformed_row": 5}}, True),
        ({"orders": {"unknown_customer": 90}, "customers": {"signup_date_invalid": 1}}, False),
    ],
)
def test_closed_gate_suggests_inspection(reasons: Any, is_suggested: bool) -> None:
    sentences = explain_day(judge(runs=[{**WAITING_RUN, "reasons": reasons}]))

    assert any("make inspect RAW=folder" in sentence for sentence in sentences) is is_suggested


def test_reasons_come_by_count_with_their_share() -> None:
    found = judge(manifest=GOOD).ranked_reasons
    assert [(each.dataset, each.reason, each.rows, round(each.share, 2)) for each in found] == [
        ("orders", "unknown_customer", 120, 0.4),
        ("customers", "malformed_row", 44, 0.44),
        ("orders", "quantity_invalid", 7, 0.02),
    ]


def test_pages_of_the_published_run_are_shown() -> None:
    run = make_summary("03:00:01")
    day = judge(runs=[run, CLOSED_RUN], manifest=GOOD)
    assert (day.folder, day.summary) == (run["folder"], run)


def test_warnings_make_a_published_day_remarkable() -> None:
    quality = {**GOOD["quality"], "warnings": ["odd", "even"]}
    day = judge(manifest={**GOOD, "quality": quality})
    assert (day.state, day.look) == ("published, 2 warnings", "warning")
    assert "Warning: odd" in explain_day(day)
