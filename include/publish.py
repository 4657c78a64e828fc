"""Publish: the gate, then the copy to the published keys, then the manifest that vouches for them."""

import datetime as dt
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from include import keys
from include.contract import DATASETS
from include.day import format_instant
from include.errors import PublishConflictError, RowsLostError
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
    digest_inputs,
)
from include.publishing.diff import find_correction
from include.publishing.gate import require_open_gate
from include.publishing.published_day import (
    read_published,
    reject_older_delivery,
    reject_stale_run,
    restore_manifest_versions,
)
from include.s3.conditional import ObjectChangedError, replace_json, replace_object

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
    PublishConflictError: another run published the day at the same moment; trying again helps.
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
    manifest = _replace_day(hook, settings.layout, candidate)
    orders = f"{manifest['outputs']['orders']['rows']:,}"
    log.info("Published %s: %s orders, total price %s", manifest["day"], orders, manifest["total_price"])
    return manifest


def check_nothing_lost(rows: dict[str, RowCounts]) -> None:
    """Every row read was published, quarantined or a duplicate."""
    for dataset, count in rows.items():
        if count["read"] != count["published"] + count["quarantined"] + count["duplicates"]:
            raise RowsLostError(f"{dataset}: the rows do not add up: {count}. Nothing was published.")


def _replace_day(hook: "S3Hook", layout: keys.Layout, candidate: Candidate) -> Manifest:
    """Replace each table in one step, then the manifest: what it names is there.

    However this ends, the published keys hold what the manifest names.
    """
    try:
        published = read_published(hook, layout, candidate.day)
        reject_older_delivery(published, candidate.extracted)
        reject_stale_run(published, candidate.extracted)
        # What differs from the published day is found before anything of it is replaced.
        correction = find_correction(hook, published, candidate)
        outputs = _replace_tables(hook, layout, candidate, published.etags)
        manifest = _make_manifest(candidate, outputs, correction)
        replace_json(hook, manifest, keys.manifest(layout, candidate.day), published.manifest_etag)
    except ObjectChangedError as error:
        raise PublishConflictError(
            f"Another run published {candidate.day} at the same moment ({error}). The next try sees it."
        ) from error
    finally:
        restore_manifest_versions(hook, layout, candidate.day)
    return manifest


def _make_manifest(
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


def _replace_tables(
    hook: "S3Hook", layout: keys.Layout, candidate: Candidate, etags: Mapping[str, str | None]
) -> dict[str, Output]:
    """Copy the staged tables and quarantines over the published ones, which have these ETags."""
    staged, rows = candidate.transformed["staged"], candidate.counts["rows"]
    day, made_from = candidate.day, digest_inputs(candidate.extracted["inputs"])

    def replace(name: str, url: str, row_count: int) -> Output:
        state = replace_object(hook, staged[f"{name}.parquet"], url, etags[url], made_from=made_from)
        return {**state, "rows": row_count}

    outputs: dict[str, Output] = {}
    for dataset in DATASETS:
        table, refused = dataset, f"quarantine/{dataset}"
        outputs[table] = replace(table, keys.published(layout, day, dataset), rows[dataset]["published"])
        outputs[refused] = replace(
            refused, keys.quarantine(layout, day, dataset), rows[dataset]["quarantined"]
        )
    return outputs
