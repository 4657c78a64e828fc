"""Publish: the gate, then the copy to the published keys, then the manifest that vouches for them."""

import datetime as dt
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from include import keys
from include.contract import DATASETS
from include.errors import GateClosedError, PublishConflictError, RowsLostError
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
from include.objects import ObjectChangedError, replace_json, replace_object, write_json
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
) -> Manifest:
    """Publish a day that passes the gate; a day published before is replaced.

    Each table is replaced in one step. The manifest comes last: what it names is there. However this ends,
    the published keys hold what the manifest names.

    Raises
    ------
    OlderDeliveryError: a later delivery of the day is published already.
    PublishConflictError: another run published the day at the same moment; trying again helps.
    GateClosedError: too many rows were refused, or the checkpoint failed; `gate.json` says so in S3.
    RowsLostError: the counts of the transform do not add up.
    """
    counts = transformed["counts"]
    check_nothing_lost(counts["rows"])
    faults = find_gate_faults(counts, quality, settings.max_reject_ratio)
    if faults:
        _close_gate(hook, settings, extracted, transformed, quality, faults)
    try:
        published = read_published(hook, settings.layout, extracted["day"])
        refuse_older_delivery(published, extracted)
        return _replace_day(hook, settings.layout, published, extracted, transformed, quality, started_at)
    except ObjectChangedError as error:
        raise PublishConflictError(
            f"Another run published {extracted['day']} at the same moment ({error}). The next try sees it."
        ) from error
    finally:
        settle(hook, settings.layout, extracted["day"])


def _replace_day(
    hook: "S3Hook",
    layout: keys.Layout,
    published: Published,
    extracted: Extracted,
    transformed: Transformed,
    quality: Quality,
    started_at: dt.datetime,
) -> Manifest:
    outputs = _publish_tables(hook, layout, extracted["day"], transformed, published.etags)
    manifest: Manifest = {
        "day": extracted["day"],
        "run_id": extracted["run_id"],
        "code_version": code_version(),
        "started_at": format_instant(started_at),
        "published_at": format_instant(dt.datetime.now(dt.UTC)),
        "inputs": extracted["inputs"],
        **transformed["counts"],
        "quality": quality,
        "outputs": outputs,
    }
    replace_json(hook, manifest, keys.manifest(layout, extracted["day"]), published.manifest_etag)
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
    hook: "S3Hook",
    layout: keys.Layout,
    day: str,
    transformed: Transformed,
    etags: Mapping[str, str | None],
) -> dict[str, Output]:
    """Copy the staged tables and quarantines over the published ones, which have these ETags."""
    staged, rows = transformed["staged"], transformed["counts"]["rows"]

    def replace(name: str, url: str, row_count: int) -> Output:
        return {**replace_object(hook, staged[name], url, etags[url]), "rows": row_count}

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
