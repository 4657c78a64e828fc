"""Validate: hold the staged orders to the expectation suite, and leave the pages that show how they did."""

import logging
import os
import time
from typing import TYPE_CHECKING

from include.objects import download_file
from include.scratch import scratch_folder

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings
    from include.manifest import Extracted, Quality, Transformed
    from include.quality.checkpoint import Checked

log = logging.getLogger(__name__)


def validate(
    hook: "S3Hook", settings: "Settings", extracted: "Extracted", transformed: "Transformed"
) -> "Quality":
    """Run the checkpoint on the staged orders and write its pages, whatever it finds.

    A failed expectation raises nothing here: the gate decides.
    """
    checked = check_orders(hook, extracted, transformed)
    for failure in checked.failed:
        log.warning("Failed: %s", failure)
    from include.docs.publish import publish_docs

    return publish_docs(hook, settings, extracted, transformed, checked)


def check_orders(hook: "S3Hook", extracted: "Extracted", transformed: "Transformed") -> "Checked":
    prepare_libraries()
    from include.quality.checkpoint import run_checkpoint

    rows = transformed["counts"]["rows"]["orders"]["published"]
    with scratch_folder("validate") as folder:
        orders = folder / "orders.parquet"
        download_file(hook, transformed["staged"]["orders.parquet"], orders)
        started = time.monotonic()
        checked = run_checkpoint(orders, rows, f"{extracted['day']} {extracted['run_id']}")
    log.info(
        "Checked %s rows: %s of %s expectations met, %.1f s",
        f"{rows:,}",
        len(checked.result.results) - len(checked.failed),
        len(checked.result.results),
        time.monotonic() - started,
    )
    return checked


def prepare_libraries() -> None:
    """Before the first import: Great Expectations reports its use to its makers, and logs each step."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
