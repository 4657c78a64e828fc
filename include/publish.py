"""Publish: the gate, then the copy to the published keys, then the manifest that vouches for them."""

import datetime as dt
import logging
from typing import TYPE_CHECKING

from include import keys
from include.contract import DATASETS
from include.difference import find_correction
from include.errors import GateClosedError, RowsLostError
from include.manifest import (
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
) -> Manifest:
    """Publish a day that passes the gate; a day published before is replaced.

    Each table is replaced in one step. The manifest comes last: what it names is there.

    Raises
    ------
    GateClosedError: too many rows were refused, or the checkpoint failed; `gate.json` says so in S3.
    RowsLostError: the counts of the transform do not add up.
    """
    counts = transformed["counts"]
    check_nothing_lost(counts["rows"])
    faults = find_gate_faults(counts, quality, settings.max_reject_ratio)
    if faults:
        _close_gate(hook, settings, extracted, transformed, quality, faults)
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


def format_instant(instant: dt.datetime) -> str:
    """UTC, ISO 8601, with a Z."""
    return instant.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _close_gate(
    hook: "S3Hook",
    settings: "Settings",
    extracted: Extracted,
    transformed: Transformed,
    quality: Quality,
    faults: list[str],
) -> None:
    day, run_id, counts = extracted["day"], extracted["run_id"], transformed["counts"]
    gate_key = keys.staged(settings.layout, day, run_id, "gate.json")
    record = {"day": day, "run_id": run_id, "success": False, "faults": faults, **counts, "quality": quality}
    record |= {"inputs": extracted["inputs"]}
    write_json(hook, record, gate_key)
    raise GateClosedError(
        "\n".join(
            [
                f"The gate is closed for {day}: nothing was published.",
                *faults,
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
