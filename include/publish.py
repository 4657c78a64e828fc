"""Publish: the tables of a day whose gate is open or approved, then the manifest that names them."""

import datetime as dt
import logging
from typing import TYPE_CHECKING

from include.day import format_instant
from include.errors import RowsLostError
from include.manifest import (
    Approval,
    Candidate,
    Correction,
    Extracted,
    Manifest,
    Output,
    RowCounts,
    Transformed,
    Validated,
    code_version,
)
from include.publishing.diff import find_correction
from include.publishing.gate import require_open_gate
from include.publishing.published_day import open_day, reject_stale_run
from include.site.publish import write_report

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings

log = logging.getLogger(__name__)


def publish(
    hook: "S3Hook",
    settings: "Settings",
    extracted: Extracted,
    transformed: Transformed,
    validated: Validated,
    started_at: dt.datetime,
    approval: Approval | None = None,
) -> Manifest:
    """Publish a day whose gate is open, or whose faults were approved. Replaces the published day.

    Raises
    ------
    RowsLostError: the counts of the transform do not add up.
    GateClosedError: the gate is closed and no approval covers its faults. Leaves `gate.json` in S3.
    OlderDeliveryError: a later delivery of the day, or one with rows repaired since, is published already.
    StagedChangedError: an earlier try of this run, from other raw files, wrote a staged table.
    PublishConflictError: another run published the day at the same moment; a retry may succeed.
    """
    candidate = Candidate(
        extracted=extracted,
        transformed=transformed,
        validated=validated,
        approval=approval,
        started_at=format_instant(started_at),
    )
    check_nothing_lost(candidate.counts["rows"])
    require_open_gate(hook, settings.layout, candidate)
    with open_day(hook, settings.layout, candidate.day) as published:
        reject_stale_run(published.previous.manifest, extracted)
        correction = find_correction(hook, published.previous, candidate)
        outputs = published.replace_tables(candidate)
        manifest = make_manifest(candidate, outputs, correction)
        published.replace_manifest(manifest)
    report_day(hook, settings, candidate.day)
    orders = f"{outputs['orders']['rows']:,}"
    log.info("Published %s: %s orders, total price %s", candidate.day, orders, manifest["total_price"])
    return manifest


def report_day(hook: "S3Hook", settings: "Settings", day: str) -> None:
    """Bring the report of the day up to date. The day is published, whatever becomes of its report."""
    try:
        write_report(hook, settings.layout, day)
    except Exception:
        log.exception("%s is published, but its report still shows the earlier state", day)


def check_nothing_lost(rows: dict[str, RowCounts]) -> None:
    """Every row read was published, quarantined or a duplicate."""
    for dataset, count in rows.items():
        if count["read"] != count["published"] + count["quarantined"] + count["duplicates"]:
            raise RowsLostError(f"{dataset}: the rows do not add up: {count}. Nothing was published.")


def make_manifest(
    candidate: Candidate, outputs: dict[str, Output], correction: Correction | None
) -> Manifest:
    validated = candidate.validated
    return {
        "day": candidate.day,
        "run_id": candidate.run_id,
        "code_version": code_version(),
        "started_at": candidate.started_at,
        "published_at": format_instant(dt.datetime.now(dt.UTC)),
        "inputs": candidate.extracted["inputs"],
        **candidate.counts,
        "quality": validated["quality"],
        "approval": None if validated["gate"]["is_open"] else candidate.approval,
        "outputs": outputs,
        "correction": correction,
    }
