"""Validate: check the staged orders against the expectation suite, decide the gate, and write the pages."""

import datetime as dt
import logging
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from include import keys
from include.contract import ORDERS
from include.day import move_day
from include.publishing.gate import decide_gate, exceeds_reject_ratio
from include.publishing.manifests import read_manifests
from include.quality.baseline import MEASURES, Comparison, compare_day, find_earlier_days, measure_day
from include.s3.objects import download_file
from include.scratch import scratch_folder
from include.site.business import Business, summarise_orders
from include.site.publish import publish_docs
from include.site.summary import run_folder

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings
    from include.manifest import Counts, Extracted, GateVerdict, Manifest, Quality, Transformed, Validated
    from include.quality.checkpoint import Checked
    from include.quality.expectations import RejectRatio

log = logging.getLogger(__name__)

#: The days before, whose raw files may have been delivered again.
_RECENT_DAYS = 3


def validate(
    hook: "S3Hook", settings: "Settings", extracted: "Extracted", transformed: "Transformed"
) -> "Validated":
    """Run the checkpoint on the staged orders, decide the gate, and write the pages of both.

    A closed gate is not an error here: `publish` fails the run unless `approve` got an approval.

    Raises
    ------
    SettingError: the setting `warn_only` names an expectation that does not exist.
    """
    day, counts = extracted["day"], transformed["counts"]
    published = read_published_days(hook, settings, day)
    comparisons = compare_with_history(settings, day, counts, published)
    same_as = find_same_delivery(extracted, counts, published)
    checked, business = check_orders(hook, settings, extracted, transformed, comparisons, same_as)
    report_findings(checked)
    validated_at = dt.datetime.now(dt.UTC)
    folder = run_folder(day, extracted["run_id"], validated_at)
    quality = describe_quality(checked, keys.docs(settings.layout, f"{folder}/validation.html"))
    gate = decide_gate(counts, quality, settings, published.get(day))
    report_gate(gate)
    validated: Validated = {"quality": quality, "gate": gate}
    publish_docs(hook, settings, extracted, transformed, validated, checked, validated_at, business)
    return validated


def read_published_days(hook: "S3Hook", settings: "Settings", day: str) -> "dict[str, Manifest]":
    """The manifests of the day itself, of the days before it, and of earlier weeks' same weekday."""
    recent_days = [move_day(day, -days) for days in range(1, _RECENT_DAYS + 1)]
    earlier_days = find_earlier_days(day, settings.history_weeks)
    return read_manifests(hook, settings.layout, dict.fromkeys([day, *recent_days, *earlier_days]))


def find_same_delivery(
    extracted: "Extracted", counts: "Counts", published: "Mapping[str, Manifest]"
) -> str | None:
    """The recent day whose raw file of orders has the same bytes: it was probably delivered twice.

    Customers and products are complete lists, which may well be the same every day.
    """
    if not counts["rows"][ORDERS.name]["read"]:
        return None
    raw = extracted["inputs"][ORDERS.name]
    for day, manifest in published.items():
        other = manifest["inputs"][ORDERS.name]
        if day != extracted["day"] and (other["etag"], other["bytes"]) == (raw["etag"], raw["bytes"]):
            return day
    return None


def compare_with_history(
    settings: "Settings", day: str, counts: "Counts", published: "Mapping[str, Manifest]"
) -> list[Comparison]:
    """Compare each measure of the day with the same weekday of earlier weeks."""
    days = find_earlier_days(day, settings.history_weeks)
    earlier = [measure_day(published[other]) for other in days if other in published]
    tolerances = {name: getattr(settings, measure.tolerance) for name, measure in MEASURES.items()}
    return compare_day(day, measure_day(counts), earlier, tolerances, settings.history_min_days)


def check_orders(
    hook: "S3Hook",
    settings: "Settings",
    extracted: "Extracted",
    transformed: "Transformed",
    comparisons: list[Comparison],
    same_as: str | None,
) -> "tuple[Checked, Business | None]":
    """Run the checkpoint and summarise the sales; no summary if the table does not fit the contract."""
    prepare_libraries()
    from include.quality.checkpoint import run_checkpoint

    rows = transformed["counts"]["rows"]["orders"]["published"]
    ratios = list_reject_ratios(transformed["counts"], settings)
    with scratch_folder("validate") as folder:
        orders = folder / "orders.parquet"
        download_file(hook, transformed["staged"]["orders.parquet"], orders)
        started = time.monotonic()
        day, run_id = extracted["day"], extracted["run_id"]
        checked = run_checkpoint(
            orders, rows, f"{day} {run_id}", comparisons, settings.warn_only, ratios, day, same_as
        )
        business = summarise_sales(orders, folder)
    seconds = time.monotonic() - started
    log.info(
        "Checked %s rows against %s expectations, %.1f s", f"{rows:,}", len(checked.result.results), seconds
    )
    return checked, business


def summarise_sales(orders: "Path", scratch: "Path") -> "Business | None":
    """Summarise the sales; None if the columns do not fit the contract, which the checkpoint reports."""
    import duckdb

    try:
        return summarise_orders(orders, scratch)
    except (duckdb.BinderException, duckdb.ConversionException):
        return None


def list_reject_ratios(counts: "Counts", settings: "Settings") -> "list[RejectRatio]":
    from include.quality.expectations import RejectRatio

    return [
        RejectRatio(
            dataset=dataset,
            read=rows["read"],
            rejected=rows["quarantined"],
            allowed=settings.max_reject_ratio,
            is_allowed=not exceeds_reject_ratio(rows, settings),
        )
        for dataset, rows in counts["rows"].items()
    ]


def describe_quality(checked: "Checked", docs_key: str) -> "Quality":
    return {
        "success": checked.success,
        "expectations": len(checked.result.results),
        "failed": checked.failed,
        "warnings": checked.warnings,
        "skipped": checked.skipped,
        "docs_key": docs_key,
    }


def report_gate(gate: "GateVerdict") -> None:
    """Log the verdict."""
    log.info("The gate is %s", "open" if gate["is_open"] else "closed")
    for fault in gate["faults"]:
        log.warning("%s", fault["text"])
    if gate["approval"]:
        log.info("The approval of %s covers these faults", gate["approval"]["at"])


def report_findings(checked: "Checked") -> None:
    for failure in checked.failed:
        log.warning("Failed: %s", failure)
    for warning in checked.warnings:
        log.warning("Warning: %s", warning)
    for skipped in checked.skipped:
        log.info("Skipped: %s", skipped)


def prepare_libraries() -> None:
    """Turn off the telemetry and the verbose logs of Great Expectations. Call it before its import."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
