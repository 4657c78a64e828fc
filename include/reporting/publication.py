"""Reports a published day to other systems. Failures are logged and alerted, but do not fail the task."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from include.config import Settings
from include.manifest import Manifest
from include.reporting.alerts import Failure, describe_reporting_failure, send_alert
from include.reporting.glue_catalog import register_day
from include.reporting.lineage import send_lineage
from include.reporting.metrics import send_published

log = logging.getLogger(__name__)


def report_publication(settings: Settings, manifest: Manifest, task: Any) -> None:
    """Register the day in the Glue Data Catalog and send its lineage and metrics, if they are configured."""
    reporters: dict[str, Callable[[], None]] = {
        "the Glue table does not show it": partial(register_day, settings, manifest["day"]),
        "its lineage was not sent": partial(send_lineage, settings.layout, manifest),
        "its metrics were not sent": partial(send_published, settings.metrics_namespace, manifest, task),
    }
    for consequence, report in reporters.items():
        try:
            report()
        except Exception as error:
            log.exception("%s is published, but %s", manifest["day"], consequence)
            alert_failure(manifest["day"], consequence, error, task)


def alert_failure(day: str, consequence: str, error: Exception, task: Any) -> None:
    failure = Failure(
        day=day,
        run_id=task.run_id,
        task_id=task.task_id,
        try_number=task.try_number,
        log_url=task.log_url,
        error=error,
    )
    try:
        send_alert(describe_reporting_failure(failure, consequence))
    except Exception:
        log.exception("The alert was not sent")
