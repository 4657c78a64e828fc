"""What all DAGs have in common, and the option that decides where days are transformed."""

import datetime as dt
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param
from airflow.sdk.configuration import conf

from include.errors import SettingError
from include.operators.context import report_maintenance_failure

#: Where days are transformed.
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
    # The stages log what matters of it; XCom has the whole.
    "show_return_value_in_logs": False,
    "on_failure_callback": report_maintenance_failure,
}


def read_engine() -> str:
    """The Airflow option `[ecommerce] engine`, which decides what the DAG looks like.

    An option, not a Variable: DAG files are parsed all the time, and a Variable costs a request.

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
    """A cron schedule in UTC. The logical date of a run is the instant at which it starts."""
    return CronTriggerTimetable(cron, timezone="UTC")


def day_param(title: str, without: str) -> Param:
    """The param `day`; `without` says what a run without it does."""
    return Param(
        None,
        type=["null", "string"],
        format="date",
        title=title,
        description=f"YYYY-MM-DD, UTC. {without}",
    )
