"""Publish: the gate, then the copy to the published keys, then the manifest that vouches for them."""

import datetime as dt
import logging
from typing import TYPE_CHECKING

from include import keys
from include.contract import DATASETS
from include.difference import find_correction
from include.errors import GateClosedError, RowsLostError
from include.manifest import (
    Approval,
    Counts,
    Extracted,
    Manifest,
    Output,
    Quality,
    RowCounts,
    Transformed,
    code_version,
)
from include.objects import copy_object, write_json

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings

log = logging.getLogger(__name__)


def publish(
    hook: "S3Hook",
    settings: "Settings",
    extracted: Extracted,
    transformed: Transformed,
    quality: Quality,
    started_at: dt.datetime,
    approval: Approval | None = None,
) -> Manifest:
    """Publish a day that passes the gate, by itself or by approval; a day published before is replaced.

    Each table is replaced in one step. The manifest comes last: what it names is there.

    Raises
    ------
    GateClosedError: too many rows were refused, or the checkpoint failed, and nobody approved that;
        `gate.json` says so in S3.
    RowsLostError: the counts of the transform do not add up.
    """
    counts = transformed["counts"]
    check_nothing_lost(counts["rows"])
    faults = find_gate_faults(counts, quality, settings.max_reject_ratio)
    if faults and not is_accepted(faults, approval):
        _close_gate(hook, settings, extracted, transformed, quality, faults, approval)
    correction = find_correction(
        hook, settings.layout, extracted, transformed, started_at=format_instant(started_at)
    )
    outputs = _publish_tables(hook, settings.layout, extracted["day"], transformed)
    manifest: Manifest = {
        "day": extracted["day"],
        "run_id": extracted["run_id"],
        "code_version": code_version(),
        "started_at": format_instant(started_at),
        "published_at": format_instant(dt.datetime.now(dt.UTC)),
        "inputs": extracted["inputs"],
        **counts,
        "quality": quality,
        "approval": approval if faults else None,
        "outputs": outputs,
        "correction": correction,
    }
    write_json(hook, manifest, keys.manifest(settings.layout, extracted["day"]))
    orders = f"{outputs['orders']['rows']:,}"
    log.info("Published %s: %s orders, total price %s", manifest["day"], orders, manifest["total_price"])
    return manifest


def check_nothing_lost(rows: dict[str, RowCounts]) -> None:
    """Every row read was published, quarantined or a duplicate."""
    for dataset, count in rows.items():
        if count["read"] != count["published"] + count["quarantined"] + count["duplicates"]:
            raise RowsLostError(f"{dataset}: the rows do not add up: {count}. Nothing was published.")


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


def format_instant(instant: dt.datetime) -> str:
    """UTC, ISO 8601, with a Z."""
    return instant.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


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


def _close_gate(
    hook: "S3Hook",
    settings: "Settings",
    extracted: Extracted,
    transformed: Transformed,
    quality: Quality,
    faults: list[str],
    approval: Approval | None,
) -> None:
    day, run_id, counts = extracted["day"], extracted["run_id"], transformed["counts"]
    gate_key = keys.staged(settings.layout, day, run_id, "gate.json")
    record = {"day": day, "run_id": run_id, "success": False, "faults": faults, "approval": approval}
    record |= {"inputs": extracted["inputs"], **counts, "quality": quality}
    write_json(hook, record, gate_key)
    raise GateClosedError(
        "\n".join(
            [
                f"The gate is closed for {day}: nothing was published.",
                *faults,
                *describe_decision(approval),
                f"Data Docs: {quality['docs_key']}",
                f"Refused rows: {keys.staged(settings.layout, day, run_id, 'quarantine/')}",
                f"All counts: {gate_key}",
                "Have the raw files corrected, then clear this run from extract on.",
            ]
        )
    )


def _publish_tables(
    hook: "S3Hook", layout: keys.Layout, day: str, transformed: Transformed
) -> dict[str, Output]:
    """Copy the staged tables and quarantines to their published keys."""
    staged, rows = transformed["staged"], transformed["counts"]["rows"]
    outputs: dict[str, Output] = {}
    for dataset in DATASETS:
        table = copy_object(hook, staged[f"{dataset}.parquet"], keys.published(layout, day, dataset))
        outputs[dataset] = {**table, "rows": rows[dataset]["published"]}
        refused = copy_object(
            hook, staged[f"quarantine/{dataset}.parquet"], keys.quarantine(layout, day, dataset)
        )
        outputs[f"quarantine/{dataset}"] = {**refused, "rows": rows[dataset]["quarantined"]}
    return outputs
