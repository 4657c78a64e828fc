"""An example of a consumer: runs once for each day that `ecommerce_etl` publishes or corrects.

Copy it into your DAG folder and change the task. It needs nothing of the pipeline but the name of the asset:
each of its events has the delivery day as its partition.
"""

import datetime as dt
import logging
from typing import Any

from airflow.sdk import Asset, PartitionedAssetTimetable, dag, task

log = logging.getLogger(__name__)


@dag(
    dag_id="ecommerce_daily_report",
    schedule=PartitionedAssetTimetable(assets=Asset("ecommerce_orders_by_day")),
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    tags=["ecommerce", "example"],
)
def ecommerce_daily_report() -> None:
    """Logs the orders and the revenue of a published day."""
    report_day()


@task
def report_day(**context: Any) -> dict[str, Any]:
    """The run's partition is the day; the event says what was published."""
    day = context["dag_run"].partition_key
    (events,) = context["triggering_asset_events"].values()
    published = events[-1].extra
    log.info("%s: %s orders, revenue %s", day, published["rows"], published["total_price"])
    return {"day": day, **published}


DAG = ecommerce_daily_report()
