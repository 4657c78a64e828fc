"""The gate: decides once per run whether a day may be published, and which faults an approval covers."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from include import keys
from include.errors import GateClosedError
from include.manifest import (
    Approval,
    Candidate,
    ClosedGate,
    Counts,
    Fault,
    GateVerdict,
    Manifest,
    Quality,
    RowCounts,
    rank_reasons,
    suggest_inspection,
)
from include.s3.objects import write_json

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings

#: How many reject reasons a sentence lists.
_LISTED_REASONS = 5
#: The type of the expectation about the rejected rows of a file.
_REJECT_RATIO = "expect_reject_ratio_to_be_allowed"


def decide_gate(
    counts: Counts, quality: Quality, settings: "Settings", published: Manifest | None
) -> GateVerdict:
    """Decide whether the day may be published.

    `published` is the current manifest of the day. If a person approved that publication, the approval also
    covers a correction that only reduces the approved faults.
    """
    faults = find_faults(counts, quality, settings)
    approval = published["approval"] if published and faults else None
    earlier = approval if covers_faults(approval, faults) else None
    return {
        "is_open": not faults,
        "faults": faults,
        "approval": earlier,
        "can_be_approved": bool(faults) and earlier is None and settings.gate_approval,
    }


def find_faults(counts: Counts, quality: Quality, settings: "Settings") -> list[Fault]:
    """The reasons to keep the gate closed: too many rejected rows in a file, or a failed expectation."""
    return [*_find_rejected_files(counts, settings), *_find_failed_expectations(quality)]


def _find_rejected_files(counts: Counts, settings: "Settings") -> Iterator[Fault]:
    for dataset, rows in counts["rows"].items():
        if exceeds_reject_ratio(rows, settings):
            ratio, reasons = find_reject_ratio(rows), rank_reasons(counts["reasons"][dataset])
            text = (
                f"{dataset}: {rows['quarantined']:,} of {rows['read']:,} rows were rejected "
                f"({ratio:.1%}, allowed {settings.max_reject_ratio:.1%}): {list_largest(reasons)}."
            )
            yield {"subject": dataset, "text": text, "ratio": ratio, "reasons": reasons}


def exceeds_reject_ratio(rows: RowCounts, settings: "Settings") -> bool:
    """Whether a file has too many rejected rows. In a small file, a few rejected rows do not count."""
    is_counted = rows["quarantined"] >= settings.min_rejected_rows
    return is_counted and find_reject_ratio(rows) > settings.max_reject_ratio


def find_reject_ratio(rows: RowCounts) -> float:
    return rows["quarantined"] / rows["read"] if rows["read"] else 0.0


def list_largest(reasons: dict[str, int]) -> str:
    """The most frequent reject reasons as text; `reasons` must be sorted."""
    listed = [f"{reason} {count:,}" for reason, count in reasons.items()]
    if len(listed) > _LISTED_REASONS:
        listed[_LISTED_REASONS:] = [f"and {len(listed) - _LISTED_REASONS} more"]
    return ", ".join(listed)


def _find_failed_expectations(quality: Quality) -> Iterator[Fault]:
    for line in quality["failed"]:
        subject = line.partition(": ")[0]
        if subject.startswith(_REJECT_RATIO):
            # `_find_rejected_files` reports this fault, with the reasons.
            continue
        yield {"subject": subject, "text": f"Failed expectation: {line}.", "ratio": None, "reasons": {}}


def covers_faults(approval: Approval | None, faults: Sequence[Fault]) -> bool:
    """Whether a person approved all of these faults, or larger ones of the same kind."""
    if approval is None or not approval["approved"]:
        return False
    return all(
        fault["text"] in approval["faults"]
        or any(_is_reduced(fault, approved) for approved in approval.get("details", ()))
        for fault in faults
    )


def _is_reduced(fault: Fault, approved: Fault) -> bool:
    """Whether no more rows were rejected than approved, neither for any reason nor as a share."""
    if fault["subject"] != approved["subject"] or fault["ratio"] is None or approved["ratio"] is None:
        return False
    has_no_more = all(count <= approved["reasons"].get(name, 0) for name, count in fault["reasons"].items())
    return has_no_more and fault["ratio"] <= approved["ratio"]


def require_open_gate(hook: "S3Hook", layout: keys.Layout, candidate: Candidate) -> None:
    """Continue only with an open gate, or with an approval that covers its faults.

    Raises
    ------
    GateClosedError: nobody approved the faults. `gate.json` was written to S3.
    """
    faults = candidate.validated["gate"]["faults"]
    if faults and not covers_faults(candidate.approval, faults):
        closed = describe_closed_gate(candidate)
        gate_key = keys.staged(layout, candidate.day, candidate.run_id, "gate.json")
        write_json(hook, closed, gate_key)
        quarantine_key = keys.staged(layout, candidate.day, candidate.run_id, "quarantine/")
        raise GateClosedError(
            "\n".join(
                [
                    f"The gate is closed for {candidate.day}: nothing was published.",
                    *closed["faults"],
                    *describe_decision(candidate.approval),
                    *suggest_inspection(closed["reasons"]),
                    f"Data Docs: {closed['quality']['docs_key']}",
                    f"Rejected rows: {quarantine_key}",
                    f"All counts: {gate_key}",
                    "Have the raw files corrected, then clear this run from extract on.",
                ]
            ),
            closed,
        )


def describe_closed_gate(candidate: Candidate) -> ClosedGate:
    gate = candidate.validated["gate"]
    return {
        "day": candidate.day,
        "run_id": candidate.run_id,
        "success": False,
        "faults": [fault["text"] for fault in gate["faults"]],
        "gate": gate,
        "approval": candidate.approval,
        "inputs": candidate.extracted["inputs"],
        **candidate.counts,
        "quality": candidate.validated["quality"],
    }


def describe_decision(approval: Approval | None) -> list[str]:
    """The decision of a person to keep the gate closed; empty if nobody was asked."""
    if approval is None:
        return []
    if approval["approved"]:
        return [f"The approval at {approval['at']} was for other faults. Clear approve to be asked again."]
    if approval["by"] is None:
        return [f"Nobody answered by {approval['at']}. Clear approve to be asked again."]
    reason = f": {approval['reason']}" if approval["reason"] else "."
    return [f"It was rejected at {approval['at']}{reason}"]
