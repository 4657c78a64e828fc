"""The model of a day: what became of it. Pages, reports and messages are rendered from it. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from include.manifest import (
    Approval,
    Correction,
    Manifest,
    RowCounts,
    describe_expectations,
    rank_reasons,
    suggest_inspection,
)
from include.site.business import Business
from include.site.summary import FILES_MISSING, GATE, UNREADABLE, RunFailure, RunSummary


class Verdict(StrEnum):
    """The state of a day, or of its latest run, in the words of the pages."""

    PUBLISHED = "published"
    REJECTED = "rejected"
    APPROVAL = "waiting for approval"
    UNREADABLE = "unreadable"
    FAILED = "failed"
    RUNNING = "running"
    WAITING = "waiting for files"
    MISSING = "missing"
    BEFORE = "before the first day"


FAILURES = {
    GATE: Verdict.REJECTED,
    UNREADABLE: Verdict.UNREADABLE,
    FILES_MISSING: Verdict.MISSING,
}
#: What became of a newer delivery of a published day.
NEWER = {
    Verdict.REJECTED: "newer delivery rejected",
    Verdict.APPROVAL: "newer delivery waits for approval",
    Verdict.UNREADABLE: "newer delivery unreadable",
    Verdict.FAILED: "newer run failed",
    Verdict.MISSING: "newer run without files",
    Verdict.RUNNING: "newer run not finished",
}


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The latest run of a day, as far as it got.

    Parameters
    ----------
    causes: why it published nothing, one sentence each.
    at: when that was known.
    log_url: the log of the task that failed.
    summary: None if the run failed before its validation.
    """

    verdict: Verdict
    run_id: str
    at: str
    causes: Sequence[str] = ()
    log_url: str = ""
    summary: RunSummary | None = None


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Rows of one file rejected for one reason; `share` is that of the rows read."""

    dataset: str
    reason: str
    rows: int
    share: float


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day.

    Parameters
    ----------
    attempt: the latest run. For a published day only if it is newer than the publication.
    manifest: None unless the day is published.
    summary: the validation that the counts come from; None if there is none.
    missing_files: the raw files that have not arrived, where somebody looked.
    """

    day: str
    verdict: Verdict
    attempt: Attempt | None = None
    manifest: Manifest | None = None
    summary: RunSummary | None = None
    missing_files: Sequence[str] = ()

    @property
    def record(self) -> Manifest | RunSummary | None:
        """What has the counts of the day: its manifest, or its latest validation."""
        return self.manifest or self.summary

    @property
    def rows(self) -> Mapping[str, RowCounts]:
        return self.record["rows"] if self.record else {}

    @property
    def reasons(self) -> Mapping[str, Mapping[str, int]]:
        return self.record["reasons"] if self.record else {}

    @property
    def malformed(self) -> Mapping[str, Mapping[str, int]]:
        """For each file, the number of malformed rows by fault."""
        return self.record.get("malformed", {}) if self.record else {}

    @property
    def emptied(self) -> Mapping[str, Mapping[str, int]]:
        """For each file, the number of invalid values that were emptied, by column."""
        return self.record.get("emptied", {}) if self.record else {}

    @property
    def total_price(self) -> str:
        return self.record["total_price"] if self.record else ""

    @property
    def folder(self) -> str:
        """The folder with the pages of the validation that produced the counts."""
        if self.manifest:
            return find_folder(self.manifest)
        return self.summary["folder"] if self.summary else ""

    @property
    def run_id(self) -> str:
        if self.manifest:
            return self.manifest["run_id"]
        return self.attempt.run_id if self.attempt else ""

    @property
    def failed(self) -> Sequence[str]:
        """The expectations that failed, with what was found."""
        if self.manifest:
            return self.manifest["quality"]["failed"]
        return self.summary["failed"] if self.summary else ()

    @property
    def warnings(self) -> Sequence[str]:
        if self.manifest:
            return self.manifest["quality"].get("warnings", ())
        return self.summary.get("warnings", ()) if self.summary else ()

    @property
    def business(self) -> Business | None:
        """Sales of the published version; None if nothing was published or summarised."""
        return self.summary.get("business") if self.manifest and self.summary else None

    @property
    def approval(self) -> Approval | None:
        return self.manifest.get("approval") if self.manifest else None

    @property
    def correction(self) -> Correction | None:
        return self.manifest.get("correction") if self.manifest else None

    @property
    def published_orders(self) -> int:
        return self.rows["orders"]["published"] if self.rows else 0

    @property
    def rejected_orders(self) -> int:
        return self.rows["orders"]["quarantined"] if self.rows else 0

    @property
    def rejected_elsewhere(self) -> int:
        return sum(rows["quarantined"] for name, rows in self.rows.items() if name != "orders")

    @property
    def remarks(self) -> list[str]:
        """Caveats to show with a published day; usually none."""
        if self.manifest is None:
            return []
        return [
            *(["approved with faults"] if self.approval else []),
            *([count(len(self.warnings), "warning")] if self.warnings else []),
            *([NEWER[self.attempt.verdict]] if self.attempt else []),
        ]

    @property
    def state(self) -> str:
        """The verdict with its remarks: `published, 2 warnings`."""
        return ", ".join([self.verdict.value, *self.remarks])

    @property
    def look(self) -> str:
        """How urgent the day looks: success, warning, danger or secondary."""
        if self.verdict is Verdict.PUBLISHED:
            return "warning" if self.remarks else "success"
        if self.verdict is Verdict.APPROVAL:
            return "warning"
        is_bad = self.verdict in {Verdict.REJECTED, Verdict.UNREADABLE, Verdict.FAILED, Verdict.MISSING}
        return "danger" if is_bad else "secondary"

    @property
    def ranked_reasons(self) -> list[Reason]:
        """Why rows were rejected, in all files, the most frequent first."""
        found = [
            Reason(dataset=name, reason=reason, rows=rows, share=rows / max(self.rows[name]["read"], 1))
            for name, reasons in self.reasons.items()
            for reason, rows in rank_reasons(reasons).items()
        ]
        return sorted(found, key=lambda reason: -reason.rows)

    @property
    def reason_totals(self) -> dict[str, int]:
        """Rejected rows by reason, all files together, the most frequent first."""
        totals: dict[str, int] = {}
        for found in self.ranked_reasons:
            totals[found.reason] = totals.get(found.reason, 0) + found.rows
        return rank_reasons(totals)


def judge_days(
    days: Iterable[str],
    summaries: Iterable[RunSummary],
    failures: Iterable[RunFailure],
    manifests: Mapping[str, Manifest],
    *,
    today: str,
    first_day: str | None,
    missing_files: Mapping[str, Sequence[str]] | None = None,
) -> list[Day]:
    """One judgement for each of the days.

    `first_day` is the first that any run was for; `missing_files` holds the raw files that have not arrived,
    for days where somebody looked.
    """
    runs: dict[str, list[RunSummary]] = {}
    for summary in sorted(summaries, key=lambda summary: summary["validated_at"]):
        runs.setdefault(summary["day"], []).append(summary)
    failed: dict[str, RunFailure] = {}
    for failure in sorted(failures, key=lambda failure: failure["failed_at"]):
        failed[failure["day"]] = failure
    missing = missing_files or {}

    def judge(day: str) -> Day:
        own, manifest = runs.get(day, []), manifests.get(day)
        attempt = judge_attempt(own[-1] if own else None, failed.get(day))
        if manifest:
            return judge_published(day, own, attempt, manifest)
        if attempt:
            return Day(day=day, verdict=attempt.verdict, attempt=attempt, summary=attempt.summary)
        verdict = judge_absent(day, today, first_day, missing.get(day))
        return Day(day=day, verdict=verdict, missing_files=missing.get(day, ()))

    return [judge(day) for day in days]


def judge_run(summary: RunSummary) -> Day:
    """The day as one validation left it, apart from its other runs and its publication."""
    attempt = judge_attempt(summary, None)
    return Day(day=summary["day"], verdict=judge_validation(summary), attempt=attempt, summary=summary)


def judge_failed_run(failure: RunFailure) -> Day:
    """The day as one failed run left it, where nothing else is known about the day."""
    attempt = judge_failure(None, failure)
    return Day(day=failure["day"], verdict=attempt.verdict, attempt=attempt)


def judge_published(day: str, runs: Sequence[RunSummary], attempt: Attempt | None, manifest: Manifest) -> Day:
    """A day with a manifest is published, whatever happened to a newer run."""
    folder = find_folder(manifest)
    return Day(
        day=day,
        verdict=Verdict.PUBLISHED,
        manifest=manifest,
        attempt=attempt if attempt and attempt.at > manifest["published_at"] else None,
        summary=next((run for run in runs if run["folder"] == folder), None),
    )


def judge_attempt(summary: RunSummary | None, failure: RunFailure | None) -> Attempt | None:
    """The latest run: what its validation found, unless it failed after that or another failed since."""
    if failure and (summary is None or failure["failed_at"] >= summary["validated_at"][:19]):
        return judge_failure(summary, failure)
    if summary is None:
        return None
    return Attempt(
        verdict=judge_validation(summary),
        run_id=summary["run_id"],
        at=summary["validated_at"],
        causes=summary["faults"] or ["Validated; the run has not published it yet."],
        summary=summary,
    )


def judge_failure(summary: RunSummary | None, failure: RunFailure) -> Attempt:
    own = summary if summary and summary["run_id"] == failure["run_id"] else None
    return Attempt(
        verdict=FAILURES.get(failure["kind"], Verdict.FAILED),
        run_id=failure["run_id"],
        at=failure["failed_at"],
        causes=failure["causes"],
        log_url=failure["log_url"],
        summary=own,
    )


def judge_validation(summary: RunSummary) -> Verdict:
    gate = summary.get("gate")
    if not summary["faults"] or (gate and gate["approval"]):
        return Verdict.RUNNING
    return Verdict.APPROVAL if summary.get("can_be_approved") else Verdict.REJECTED


def judge_absent(day: str, today: str, first_day: str | None, missing: Sequence[str] | None) -> Verdict:
    """A day that no run has reached. `missing` is None if nobody looked for its files."""
    if first_day is None or day < first_day:
        return Verdict.BEFORE
    if missing is not None and not missing:
        return Verdict.RUNNING
    return Verdict.WAITING if day >= today else Verdict.MISSING


def explain_day(day: Day) -> list[str]:
    """The verdict and its cause in sentences, the most important first. Every surface shows these."""
    warnings = [f"Warning: {warning}" for warning in day.warnings]
    if day.manifest is None:
        is_closed = day.verdict in (Verdict.REJECTED, Verdict.APPROVAL)
        remedies = suggest_inspection(day.reasons) if is_closed else []
        return [*explain_absence(day), *warnings, *remedies, *explain_values(day)]
    orders = f"{count(day.published_orders, 'order')} worth {format_amount(day.total_price)}"
    published = f"Published {format_minute(day.manifest['published_at'])} by run {day.run_id}"
    return [
        *explain_newer(day.attempt),
        f"{published}: {orders}; {explain_rejects(day)}.",
        *explain_approval(day.approval),
        *explain_correction(day.correction),
        *warnings,
        *explain_values(day),
    ]


def explain_values(day: Day) -> list[str]:
    """What is wrong with malformed rows, and how many values were emptied, file by file."""
    malformed = [
        f"Malformed rows of {dataset}: {_list_counts(details, 'row')}."
        for dataset, details in day.malformed.items()
        if any(details.values())
    ]
    emptied = [
        f"Invalid values of {dataset} that were emptied: {_list_counts(columns, 'value')}."
        for dataset, columns in day.emptied.items()
        if any(columns.values())
    ]
    return malformed + emptied


def _list_counts(counts: Mapping[str, int], noun: str) -> str:
    return "; ".join(f"{what} ({count(number, noun)})" for what, number in rank_reasons(counts).items())


def find_cause(day: Day) -> str:
    """One line on why a day is not a clean publication; empty if it is."""
    if day.look == "success":
        return ""
    causes = day.attempt.causes if day.attempt else explain_day(day)[1 if day.manifest else 0 :]
    return causes[0] if causes else ""


def explain_absence(day: Day) -> list[str]:
    if day.attempt:
        return [*day.attempt.causes]
    if day.missing_files:
        return [f"Not arrived: {', '.join(day.missing_files)}"]
    return {
        Verdict.RUNNING: ["All files have arrived; no run has validated them yet."],
        Verdict.MISSING: ["No run has validated this day."],
        Verdict.WAITING: ["No run has validated this day yet."],
    }.get(day.verdict, [])


def explain_newer(attempt: Attempt | None) -> list[str]:
    """Why readers still see the earlier version of a published day."""
    if attempt is None:
        return []
    what = NEWER[attempt.verdict].capitalize()
    return [
        f"{what} ({format_minute(attempt.at)}); readers still see the published data.",
        *attempt.causes,
    ]


def explain_rejects(day: Day) -> str:
    """Rejected orders and rejected rows of the other files, each by its name."""
    read = day.rows["orders"]["read"]
    text = f"{day.rejected_orders:,} of {count(read, 'order')} rejected"
    elsewhere = day.rejected_elsewhere
    return f"{text}, and {count(elsewhere, 'row')} of other files" if elsewhere else text


def explain_approval(approval: Approval | None) -> list[str]:
    """Omits the approver, who is only in the manifest: reports can be read without a login."""
    if approval is None:
        return []
    when = format_minute(approval["at"])
    why = f"; the reason given: “{approval['reason']}”" if approval["reason"] else ""
    return [
        f"The gate was closed, and a person approved it {when}{why}. The manifest says who.",
        *(f"Approved: {fault}" for fault in approval["faults"]),
    ]


def explain_correction(correction: Correction | None) -> list[str]:
    """What a publication changed, before and after, and why."""
    if correction is None:
        return []
    orders, price = correction["orders"], correction["total_price"]
    changed = (
        f"{orders['added']:,} orders added, {orders['removed']:,} removed, {orders['altered']:,} altered"
        if orders
        else "The orders published before are gone, so the changes were not counted"
    )
    inputs = ", ".join(f"{name} {what}" for name, what in correction["inputs"].items())
    replaced = f"run {correction['run_id']}, published {format_minute(correction['published_at'])}"
    prices = f"{format_amount(price['before'])} → {format_amount(price['after'])}"
    cause = inputs or "the same files, processed again"
    return [f"Corrected: it replaced {replaced}. {changed}; total price {prices}. Cause: {cause}."]


def explain_quality(record: Mapping[str, object]) -> str:
    """How many expectations were met, from a manifest or a summary."""
    quality = record.get("quality", record)
    return describe_expectations(quality)  # type: ignore[arg-type]  # both hold the lists of a Quality


def find_folder(manifest: Manifest) -> str:
    """The folder of the validation that a publication rests on, relative to the root of the site."""
    return "/".join(manifest["quality"]["docs_key"].split("/")[-5:-1])


def format_minute(instant: str) -> str:
    """`2026-11-24 03:00 UTC`, for people."""
    return dt.datetime.fromisoformat(instant).astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def format_amount(digits: str) -> str:
    """Exact digits with thousands separators."""
    whole, point, places = digits.removeprefix("-").partition(".")
    return f"{'-' if digits.startswith('-') else ''}{int(whole):,}{point}{places}"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
