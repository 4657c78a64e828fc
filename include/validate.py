"""Validate: hold the staged orders to the expectation suite, and leave the pages that show how they did."""

import logging
import os
import time
from typing import TYPE_CHECKING

from include.publishing.manifests import read_manifests
from include.quality.baseline import MEASURES, Comparison, compare_day, find_earlier_days, measure_day
from include.s3.objects import download_file
from include.scratch import scratch_folder
from include.site.publish import publish_docs

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings
    from include.manifest import Counts, Extracted, Quality, Transformed
    from include.quality.checkpoint import Checked

log = logging.getLogger(__name__)


def validate(
    hook: "S3Hook", settings: "Settings", extracted: "Extracted", transformed: "Transformed"
) -> "Quality":
    """Run the checkpoint on the staged orders and write its pages, whatever it finds.

    A failed expectation raises nothing here: the gate decides.

    Raises
    ------
    SettingError: the setting of what only warns names something that no expectation is called.
    """
    checked = check_orders(hook, settings, extracted, transformed)
    report_findings(checked)
    return publish_docs(hook, settings, extracted, transformed, checked)


def check_orders(
    hook: "S3Hook", settings: "Settings", extracted: "Extracted", transformed: "Transformed"
) -> "Checked":
    prepare_libraries()
    from include.quality.checkpoint import run_checkpoint

    counts = transformed["counts"]
    rows = counts["rows"]["orders"]["published"]
    comparisons = compare_with_history(hook, settings, extracted["day"], counts)
    with scratch_folder("validate") as folder:
        orders = folder / "orders.parquet"
        download_file(hook, transformed["staged"]["orders.parquet"], orders)
        started = time.monotonic()
        run_name = f"{extracted['day']} {extracted['run_id']}"
        checked = run_checkpoint(orders, rows, run_name, comparisons, settings.warn_only)
    seconds = time.monotonic() - started
    log.info(
        "Checked %s rows against %s expectations, %.1f s", f"{rows:,}", len(checked.result.results), seconds
    )
    return checked


def compare_with_history(
    hook: "S3Hook", settings: "Settings", day: str, counts: "Counts"
) -> list[Comparison]:
    """Each measure of a day, beside the published ones of the same weekday before it."""
    published = read_manifests(hook, settings.layout, find_earlier_days(day, settings.history_weeks))
    earlier = [measure_day(manifest) for manifest in published.values()]
    tolerances = {name: getattr(settings, measure.tolerance) for name, measure in MEASURES.items()}
    return compare_day(day, measure_day(counts), earlier, tolerances, settings.history_min_days)


def report_findings(checked: "Checked") -> None:
    for failure in checked.failed:
        log.warning("Failed: %s", failure)
    for warning in checked.warnings:
        log.warning("Warning: %s", warning)
    for skipped in checked.skipped:
        log.info("Skipped: %s", skipped)


def prepare_libraries() -> None:
    """Before the first import: Great Expectations reports its use to its makers, and logs each step."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
