"""The gate: why a day may not be published, who may open it all the same, and what a closed one leaves."""

from typing import TYPE_CHECKING, NoReturn

from include import keys
from include.errors import GateClosedError
from include.manifest import Approval, Candidate, Counts, Quality
from include.s3.objects import write_json

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings


def find_gate_faults(counts: Counts, quality: Quality, max_reject_ratio: float) -> list[str]:
    """Why the gate stays closed, a sentence each; none means that it opens."""
    faults = []
    for dataset, rows in counts["rows"].items():
        ratio = rows["quarantined"] / rows["read"]
        if ratio > max_reject_ratio:
            reasons = {reason: count for reason, count in counts["reasons"][dataset].items() if count}
            listed = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
            faults.append(
                f"{dataset}: {rows['quarantined']:,} of {rows['read']:,} rows were refused "
                f"({ratio:.1%}, allowed {max_reject_ratio:.1%}): {listed}."
            )
    if not quality["success"]:
        faults.append(f"Failed expectations: {'; '.join(quality['failed'])}.")
    return faults


def is_accepted(faults: list[str], approval: Approval | None) -> bool:
    """Whether somebody approved, and knew of every fault when they did."""
    return approval is not None and approval["approved"] and set(faults) <= set(approval["faults"])


def describe_decision(approval: Approval | None) -> list[str]:
    """What was decided about a gate that stays closed: a line, or none where nobody was asked."""
    if approval is None:
        return []
    if approval["approved"]:
        return [f"Other faults were approved at {approval['at']}. Clear approve to be asked about these."]
    if approval["by"] is None:
        return [f"Nobody had answered by {approval['at']}. Clear approve to be asked again."]
    why = f": {approval['reason']}" if approval["reason"] else "."
    return [f"It was rejected at {approval['at']}{why}"]


def pass_gate(hook: "S3Hook", settings: "Settings", candidate: Candidate) -> Approval | None:
    """Let a good day pass, or one whose faults were approved. Returns the approval that it took, if any.

    Raises
    ------
    GateClosedError: too many rows were refused, or the checkpoint failed, and nobody approved that.
    """
    faults = find_gate_faults(candidate.counts, candidate.quality, settings.max_reject_ratio)
    if not faults:
        return None
    if not is_accepted(faults, candidate.approval):
        _close_gate(hook, settings.layout, candidate, faults)
    return candidate.approval


def _close_gate(hook: "S3Hook", layout: keys.Layout, candidate: Candidate, faults: list[str]) -> NoReturn:
    """Leave `gate.json` in S3 and end the run with the reasons."""
    day, run_id = candidate.day, candidate.run_id
    gate_key = keys.staged(layout, day, run_id, "gate.json")
    record = {"day": day, "run_id": run_id, "success": False, "faults": faults}
    record |= {"approval": candidate.approval, "inputs": candidate.extracted["inputs"]}
    write_json(hook, {**record, **candidate.counts, "quality": candidate.quality}, gate_key)
    raise GateClosedError(
        "\n".join(
            [
                f"The gate is closed for {day}: nothing was published.",
                *faults,
                *describe_decision(candidate.approval),
                f"Data Docs: {candidate.quality['docs_key']}",
                f"Refused rows: {keys.staged(layout, day, run_id, 'quarantine/')}",
                f"All counts: {gate_key}",
                "Have the raw files corrected, then clear this run from extract on.",
            ]
        )
    )
