"""Publish: the tables of a day whose gate is open or approved, then the manifest that names them."""

import datetime as dt
import logging
from typing import TYPE_CHECKING

from include.day import format_instant
from include.errors import RowsLostError
from include.manifest import (
    Approval,
    Candidate,
    Extracted,
    Manifest,
    RowCounts,
    Transformed,
    Validated,
)
from include.publishing.diff import find_correction
from include.publishing.gate import require_open_gate
from include.publishing.published_day import open_day
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
    GateClosedError: the gate is closed and no approval covers its faults. `gate.json` was written to S3.
    OlderDeliveryError: a later delivery of the day, or one with repaired or late rows, is published already.
    StagedChangedError: an earlier try of this run, from other raw files, wrote a staged table.
    PublishConflictError: another run published the day at the same time; a retry may succeed.
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
    with open_day(hook, settings.layout, extracted) as published:
        correction = find_correction(hook, published.previous, candidate)
        manifest = published.replace(candidate, correction)
    report_day(hook, settings, candidate.day)
    orders = f"{manifest['rows']['orders']['published']:,}"
    log.info("Published %s: %s orders, total price %s", candidate.day, orders, manifest["total_price"])
    return manifest


def report_day(hook: "S3Hook", settings: "Settings", day: str) -> None:
    """Update the report of the day. A failure is only logged, because the day is published."""
    try:
        write_report(hook, settings.layout, day)
    except Exception:
        log.exception("%s is published, but its report was not updated", day)


def check_nothing_lost(rows: dict[str, RowCounts]) -> None:
    """Check that every row read is published, quarantined or a duplicate."""
    for dataset, count in rows.items():
        if count["read"] != count["published"] + count["quarantined"] + count["duplicates"]:
            raise RowsLostError(f"{dataset}: the rows do not add up: {count}. Nothing was published.")
