"""Publish: the gate, then the copy to the published keys, then the manifest that vouches for them."""

import datetime as dt
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from include import keys
from include.contract import DATASETS
from include.day import format_instant
from include.difference import find_correction
from include.errors import PublishConflictError, RowsLostError
from include.gate import close_gate, find_gate_faults, is_accepted
from include.manifest import (
    Approval,
    Extracted,
    Manifest,
    Output,
    Quality,
    RowCounts,
    Transformed,
    code_version,
    digest_inputs,
)
from include.objects import ObjectChangedError, replace_json, replace_object
from include.publication import Published, read_published, refuse_older_delivery, settle

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

    Each table is replaced in one step. The manifest comes last: what it names is there. However this ends,
    the published keys hold what the manifest names.

    Raises
    ------
    GateClosedError: too many rows were refused, or the checkpoint failed, and nobody approved that;
        `gate.json` says so in S3.
    OlderDeliveryError: a later delivery of the day is published already.
    StagedChangedError: an earlier try of this run, from other raw files, wrote a staged table.
    PublishConflictError: another run published the day at the same moment; trying again helps.
    RowsLostError: the counts of the transform do not add up.
    """
    check_nothing_lost(transformed["counts"]["rows"])
    faults = find_gate_faults(transformed["counts"], quality, settings.max_reject_ratio)
    if faults and not is_accepted(faults, approval):
        close_gate(hook, settings, extracted, transformed, quality, faults, approval)
    try:
        published = read_published(hook, settings.layout, extracted["day"])
        refuse_older_delivery(published, extracted)
        manifest = _replace_day(
            hook,
            settings.layout,
            published,
            extracted,
            transformed,
            quality,
            approval if faults else None,
            started_at,
        )
    except ObjectChangedError as error:
        raise PublishConflictError(
            f"Another run published {extracted['day']} at the same moment ({error}). The next try sees it."
        ) from error
    finally:
        settle(hook, settings.layout, extracted["day"])
    orders = f"{manifest['outputs']['orders']['rows']:,}"
    log.info("Published %s: %s orders, total price %s", manifest["day"], orders, manifest["total_price"])
    return manifest


def check_nothing_lost(rows: dict[str, RowCounts]) -> None:
    """Every row read was published, quarantined or a duplicate."""
    for dataset, count in rows.items():
        if count["read"] != count["published"] + count["quarantined"] + count["duplicates"]:
            raise RowsLostError(f"{dataset}: the rows do not add up: {count}. Nothing was published.")


def _replace_day(
    hook: "S3Hook",
    layout: keys.Layout,
    published: Published,
    extracted: Extracted,
    transformed: Transformed,
    quality: Quality,
    approval: Approval | None,
    started_at: dt.datetime,
) -> Manifest:
    """What differs from the published day is found before anything of it is replaced."""
    correction = find_correction(hook, published, extracted, transformed, format_instant(started_at))
    outputs = _publish_tables(hook, layout, extracted, transformed, published.etags)
    manifest: Manifest = {
        "day": extracted["day"],
        "run_id": extracted["run_id"],
        "code_version": code_version(),
        "started_at": format_instant(started_at),
        "published_at": format_instant(dt.datetime.now(dt.UTC)),
        "inputs": extracted["inputs"],
        **transformed["counts"],
        "quality": quality,
        "approval": approval,
        "outputs": outputs,
        "correction": correction,
    }
    replace_json(hook, manifest, keys.manifest(layout, extracted["day"]), published.manifest_etag)
    return manifest


def _publish_tables(
    hook: "S3Hook",
    layout: keys.Layout,
    extracted: Extracted,
    transformed: Transformed,
    etags: Mapping[str, str | None],
) -> dict[str, Output]:
    """Copy the staged tables and quarantines over the published ones, which have these ETags."""
    staged, rows = transformed["staged"], transformed["counts"]["rows"]
    day, made_from = extracted["day"], digest_inputs(extracted["inputs"])

    def replace(name: str, url: str, row_count: int) -> Output:
        state = replace_object(hook, staged[name], url, etags[url], made_from=made_from)
        return {**state, "rows": row_count}

    outputs: dict[str, Output] = {}
    for dataset in DATASETS:
        outputs[dataset] = replace(
            f"{dataset}.parquet", keys.published(layout, day, dataset), rows[dataset]["published"]
        )
        refused = f"quarantine/{dataset}"
        outputs[refused] = replace(
            f"{refused}.parquet", keys.quarantine(layout, day, dataset), rows[dataset]["quarantined"]
        )
    return outputs
