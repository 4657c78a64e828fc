"""Arguments shared by all DAGs, and the option that selects the engine of the transform."""

import datetime as dt
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param
from airflow.sdk.configuration import conf

from include.errors import SettingError
from include.operators.context import report_maintenance_failure

#: Engines of the transform: pandas on the worker, or Spark on AWS Glue.
PANDAS, GLUE = "pandas", "glue"
#: For every DAG.
DAG_DEFAULTS: dict[str, Any] = {
    "start_date": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    "catchup": False,
    "tags": ["ecommerce"],
}
#: For every task; each DAG adds its execution timeout, and the pipeline its own failure callback. The retry
#: delay is Airflow's option [core] default_task_retry_delay: five minutes.
TASK_DEFAULTS: dict[str, Any] = {
    "owner": "data-engineering",
    "retries": 3,
    # The stages log a summary; XCom holds the full value.
    "show_return_value_in_logs": False,
    "on_failure_callback": report_maintenance_failure,
}


def read_engine() -> str:
    """The Airflow option `[ecommerce] engine`, which determines the transform task of the DAG.

    An option and not a Variable, because DAG files are parsed constantly and a Variable costs a request.

    Raises
    ------
    SettingError: the option is neither `pandas` nor `glue`; Airflow shows it as an import error.
    """
    engine = conf.get("ecommerce", "engine", fallback=PANDAS)
    if engine not in (PANDAS, GLUE):
        raise SettingError(
            f"The Airflow option [ecommerce] engine is {engine!r}; set it to {PANDAS} or {GLUE} "
            "(environment variable AIRFLOW__ECOMMERCE__ENGINE)."
        )
    return str(engine)


ENGINE = read_engine()


def cron_utc(cron: str) -> CronTriggerTimetable:
    """A cron schedule in UTC. The logical date of a run is its scheduled start."""
    return CronTriggerTimetable(cron, timezone="UTC")


def day_param(title: str, default: str) -> Param:
    """The param `day`; `default` describes a run without it."""
    return Param(
        None,
        type=["null", "string"],
        format="date",
        title=title,
        description=f"YYYY-MM-DD, UTC. {default}",
    )
