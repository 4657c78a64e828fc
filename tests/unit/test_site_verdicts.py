"""What the front page says of a day."""

import pytest

from include.manifest import Approval, Manifest, RowCounts
from include.site.summary import RunSummary
from include.site.verdicts import Day, Verdict, judge_days
from tests.records import GREEN, MANIFEST

TODAY = "2026-11-24"
ROWS: dict[str, RowCounts] = {
    "orders": {"read": 12, "published": 9, "quarantined": 2, "duplicates": 1},
    "customers": {"read": 3, "published": 2, "quarantined": 1, "duplicates": 0},
}
APPROVAL: Approval = {"approved": True, "by": "ann", "at": "04:00", "reason": "", "faults": ["red"]}
REASONS = {"orders": {"unknown_customer": 1, "malformed_row": 2}, "customers": {"malformed_row": 1}}


def make_summary(day: str, at: str, faults: list[str] | None = None) -> RunSummary:
    return {
        "day": day,
        "run_id": f"run at {at}",
        "validated_at": f"{day}T{at}Z",
        "folder": f"runs/{day}/run/{at}",
        "success": not faults,
        "expectations": 30,
        "failed": faults or [],
        "faults": faults or [],
        "rows": ROWS,
        "reasons": REASONS,
        "total_price": "12.30",
    }


def make_manifest(day: str, at: str) -> Manifest:
    docs_key = f"s3://ecommerce-quality/docs/runs/{day}/run/{at}/validation.html"
    return {
        **MANIFEST,
        "day": day,
        "published_at": f"{day}T{at}Z",
        "rows": ROWS,
        "reasons": REASONS,
        "total_price": "12.30",
        "quality": {**GREEN, "docs_key": docs_key},
    }


def judge(day: str, runs: list[RunSummary], manifest: Manifest | None = None) -> Day:
    manifests = {day: manifest} if manifest else {}
    (judged,) = judge_days([day], runs, manifests, today=TODAY, first_day="2026-11-10")
    return judged


@pytest.mark.parametrize(
    ("day", "verdict"),
    [
        ("2026-11-09", Verdict.BEFORE),
        ("2026-11-10", Verdict.MISSING),
        ("2026-11-23", Verdict.MISSING),
        ("2026-11-24", Verdict.PENDING),
        ("2026-11-25", Verdict.PENDING),
    ],
)
def test_day_without_a_trace(day: str, verdict: Verdict) -> None:
    assert judge(day, []).verdict is verdict


def test_no_day_is_missing_before_the_first_run_ever() -> None:
    (judged,) = judge_days(["2026-11-23"], [], {}, today=TODAY, first_day=None)
    assert judged.verdict is Verdict.BEFORE


def test_manifest_makes_a_day_good() -> None:
    judged = judge(
        "2026-11-20", [make_summary("2026-11-20", "03:00:00.123")], make_manifest("2026-11-20", "03:00:00")
    )
    assert judged == Day(
        day="2026-11-20",
        verdict=Verdict.PUBLISHED,
        rows=ROWS,
        reasons=REASONS,
        total_price="12.30",
        folder="runs/2026-11-20/run/03:00:00",
        published_at="2026-11-20T03:00:00Z",
        warnings=[],
    )


def test_refused_rerun_leaves_the_published_day_good_and_is_told() -> None:
    runs = [make_summary("2026-11-20", "03:00:00.123"), make_summary("2026-11-20", "09:00:00.000", ["late"])]
    judged = judge("2026-11-20", runs, make_manifest("2026-11-20", "03:00:01"))
    assert (judged.verdict, judged.is_newer_refused, judged.faults) == (Verdict.PUBLISHED, True, ["late"])
    assert judged.folder == "runs/2026-11-20/run/03:00:01"


def test_run_refused_before_the_day_was_published_is_history() -> None:
    runs = [make_summary("2026-11-20", "03:00:00.123", ["bad"]), make_summary("2026-11-20", "09:00:00.000")]
    judged = judge("2026-11-20", runs, make_manifest("2026-11-20", "09:00:01"))
    assert (judged.verdict, judged.is_newer_refused, list(judged.faults)) == (Verdict.PUBLISHED, False, [])


def test_latest_validation_tells_about_a_day_without_manifest() -> None:
    red = make_summary("2026-11-20", "09:00:00.000", ["bad"])
    green = make_summary("2026-11-20", "03:00:00.000")
    judged = judge("2026-11-20", [red, green])
    assert (judged.verdict, judged.folder, judged.faults) == (Verdict.REFUSED, red["folder"], ["bad"])


def test_good_validation_alone_publishes_nothing() -> None:
    assert judge("2026-11-20", [make_summary("2026-11-20", "03:00:00.000")]).verdict is Verdict.WAITING


def test_counts_of_all_files_are_added() -> None:
    judged = judge("2026-11-20", [make_summary("2026-11-20", "03:00:00.000")])
    assert (judged.accepted_orders, judged.quarantined) == (9, 3)
    assert list(judged.reason_totals.items()) == [("malformed_row", 3), ("unknown_customer", 1)]


@pytest.mark.parametrize(
    ("warnings", "approval", "state"),
    [
        ([], None, "published"),
        (["odd"], None, "published, 1 warning"),
        (["odd", "even"], APPROVAL, "published, approved with faults, 2 warnings"),
    ],
)
def test_published_day_tells_what_was_odd_about_it(
    warnings: list[str], approval: Approval | None, state: str
) -> None:
    manifest = make_manifest("2026-11-20", "03:00:00")
    manifest["quality"]["warnings"] = warnings
    judged = judge("2026-11-20", [], {**manifest, "approval": approval})
    assert (judged.state, list(judged.warnings), judged.approval) == (state, warnings, approval)


def test_refused_day_has_no_remark() -> None:
    judged = judge("2026-11-20", [{**make_summary("2026-11-20", "03:00:00", ["red"]), "warnings": ["odd"]}])
    assert (judged.state, judged.remark, judged.warnings) == ("refused", "", ["odd"])
