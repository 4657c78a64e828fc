"""CloudWatch metrics of a run, sent in one call at its end if the setting `metrics_namespace` is set.

Metrics are binary floating point; the manifest has the exact figures.
"""

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from include.config import CONNECTION_ID, SHORT_TIMEOUTS
from include.manifest import Counts, Manifest, RowCounts, rank_reasons
from include.publishing.gate import find_reject_ratio

log = logging.getLogger(__name__)

Datum = dict[str, Any]

#: The tasks whose durations are reported; waiting for the files does not count.
STAGES = ("extract", "transform", "validate", "publish")


@dataclass(frozen=True)
class Metric:
    """A metric. One with dimensions cannot be used by an alarm."""

    unit: str
    meaning: str
    dimensions: tuple[str, ...] = ()


METRICS = {
    "DayPublished": Metric("Count", "1 for a published day, 0 for a run that failed"),
    "RunFailed": Metric("Count", "1 for a run that failed after its last retry"),
    "GateClosed": Metric("Count", "1 for a run that the quality gate stopped"),
    "HighestRejectRatio": Metric("None", "the highest RejectRatio of the files"),
    "RunDuration": Metric("Seconds", "all stages together, without the wait for files"),
    "StageDuration": Metric("Seconds", "one stage, its last try", ("Stage",)),
    "RowsRead": Metric("Count", "rows in the delivered file", ("Dataset",)),
    "RowsPublished": Metric("Count", "rows that were accepted", ("Dataset",)),
    "RowsQuarantined": Metric("Count", "rows that were rejected", ("Dataset",)),
    "RowsDuplicate": Metric("Count", "rows that repeat another one", ("Dataset",)),
    "RowsRefused": Metric(
        "Count", "rows rejected for one reason; sent for reasons that occurred", ("Dataset", "Reason")
    ),
    "RejectRatio": Metric("None", "RowsQuarantined ÷ RowsRead", ("Dataset",)),
    "Revenue": Metric("None", "the sum of total_price of the published orders"),
    "InputBytes": Metric("Bytes", "size of the delivered file", ("Dataset",)),
    "OutputBytes": Metric("Bytes", "size of the published table", ("Dataset",)),
    "DataAgeHours": Metric("None", "hours from the start of the day to its publishing"),
}


class RunningTask(Protocol):
    """The part of Airflow's task instance that is used here."""

    dag_id: str
    run_id: str
    task_id: str
    start_date: dt.datetime

    def get_task_breadcrumbs(self, dag_id: str, run_id: str) -> Iterable[Mapping[str, Any]]: ...


def send_published(namespace: str, manifest: Manifest, task: RunningTask) -> None:
    """Send the metrics of a published day; `task` is the one that published it."""
    send(namespace, chain(measure_published(manifest), measure_stages(task)))


def report_failed(namespace: str, counts: Counts | None, task: RunningTask) -> None:
    """Send the metrics of a failed run, or log why not; `counts` are those of a closed gate."""
    try:
        send(namespace, chain(measure_failed(counts), measure_stages(task)))
    except Exception:
        log.warning("The metrics of this run were not sent to CloudWatch", exc_info=True)


def measure_published(manifest: Manifest) -> Iterator[Datum]:
    yield make_datum("DayPublished", 1)
    yield make_datum("RunFailed", 0)
    yield make_datum("GateClosed", 0)
    yield make_datum("Revenue", float(manifest["total_price"]))
    yield make_datum("DataAgeHours", find_age_hours(manifest["day"], manifest["published_at"]))
    for dataset in manifest["rows"]:
        yield make_datum("RowsPublished", manifest["rows"][dataset]["published"], Dataset=dataset)
        if dataset in manifest["inputs"]:
            yield make_datum("InputBytes", manifest["inputs"][dataset]["bytes"], Dataset=dataset)
        yield make_datum("OutputBytes", manifest["outputs"][dataset]["bytes"], Dataset=dataset)
    yield from measure_rows(manifest["rows"], manifest["reasons"])


def measure_failed(counts: Counts | None) -> Iterator[Datum]:
    yield make_datum("DayPublished", 0)
    yield make_datum("RunFailed", 1)
    yield make_datum("GateClosed", int(counts is not None))
    if counts is not None:
        yield from measure_rows(counts["rows"], counts["reasons"])


def measure_rows(rows: Mapping[str, RowCounts], reasons: Mapping[str, Mapping[str, int]]) -> Iterator[Datum]:
    ratios = {dataset: find_reject_ratio(count) for dataset, count in rows.items()}
    yield make_datum("HighestRejectRatio", max(ratios.values()))
    for dataset, count in rows.items():
        yield make_datum("RowsRead", count["read"], Dataset=dataset)
        yield make_datum("RowsQuarantined", count["quarantined"], Dataset=dataset)
        yield make_datum("RowsDuplicate", count["duplicates"], Dataset=dataset)
        yield make_datum("RejectRatio", ratios[dataset], Dataset=dataset)
        for reason, rejected in rank_reasons(reasons[dataset]).items():
            yield make_datum("RowsRefused", rejected, Dataset=dataset, Reason=reason)


def measure_stages(task: RunningTask) -> Iterator[Datum]:
    known = read_stage_seconds(task)
    yield make_datum("RunDuration", sum(known.values()))
    for stage, seconds in known.items():
        yield make_datum("StageDuration", seconds, Stage=stage)


def read_stage_seconds(task: RunningTask) -> dict[str, float]:
    """The duration of each finished stage of the run, and of the running one so far."""
    ended = {
        crumb["task_id"]: crumb["duration"] for crumb in task.get_task_breadcrumbs(task.dag_id, task.run_id)
    }
    running = dt.datetime.now(dt.UTC) - task.start_date
    seconds = ended | {task.task_id: running.total_seconds()}
    return {stage: seconds[stage] for stage in STAGES if seconds.get(stage) is not None}


def make_datum(name: str, value: float, **dimensions: str) -> Datum:
    metric = METRICS[name]
    return {
        "MetricName": name,
        "Unit": metric.unit,
        "Value": value,
        "Dimensions": [{"Name": key, "Value": dimensions[key]} for key in metric.dimensions],
    }


def find_age_hours(day: str, published_at: str) -> float:
    """Hours from the start of the day, in UTC, to an instant."""
    start = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
    return (dt.datetime.fromisoformat(published_at) - start).total_seconds() / 3600


def send(namespace: str, data: Iterable[Datum]) -> None:
    """Send all values in one call: a run has fewer than a hundred, and CloudWatch takes a thousand."""
    if not namespace:
        return
    metrics = list(data)
    _open_cloudwatch().put_metric_data(Namespace=namespace, MetricData=metrics)
    log.info("Sent %s metrics to CloudWatch, namespace %s", len(metrics), namespace)


def _open_cloudwatch() -> Any:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
    from botocore.config import Config

    hook = AwsBaseHook(aws_conn_id=CONNECTION_ID, client_type="cloudwatch", config=Config(**SHORT_TIMEOUTS))
    return hook.get_conn()
