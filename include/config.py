"""The settings: one frozen object, read from Airflow Variables that share one prefix."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from include.errors import SettingError
from include.keys import Layout
from include.setting_rules import read_value

#: The DAG that publishes days.
ETL_DAG_ID = "ecommerce_etl"
#: The one connection that all S3 traffic goes through.
CONNECTION_ID = "ecommerce_s3"
#: Loggers of libraries that would tell in every task where the credentials are from.
LOG_LEVELS = "airflow.providers.amazon.aws.utils.connection_wrapper=WARNING"
#: For calls to AWS services around the pipeline, so that one out of reach delays no task for long.
SHORT_TIMEOUTS: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 10, "retries": {"max_attempts": 2}}
#: The same for calls that are worth a longer wait: about half a minute while the service is busy.
PATIENT_TIMEOUTS: dict[str, Any] = SHORT_TIMEOUTS | {"retries": {"mode": "standard", "max_attempts": 6}}
#: The setting `name` is the Airflow Variable `ecommerce_<name>`.
VARIABLE_PREFIX = "ecommerce_"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator may change without touching code. The README says what each does."""

    layout: Layout = field(default_factory=Layout)
    max_reject_ratio: float = 0.05
    min_rejected_rows: int = 10
    batch_bytes: int = 6 * 1024 * 1024
    metrics_namespace: str = ""
    keep_days: int = 14
    alert_topic_arn: str = ""
    alert_email: str = ""
    deadline_hour: int = 9
    processing_hours: int = 2
    watchdog_days: int = 3
    correction_days: int = 14
    warn_only: str = "expect_measure_to_be_usual"
    history_weeks: int = 8
    history_min_days: int = 3
    history_orders_tolerance: float = 0.5
    history_revenue_tolerance: float = 0.5
    history_reject_tolerance: float = 0.02
    history_undelivered_tolerance: float = 0.2
    gate_approval: bool = False
    gate_approval_hours: float = 24.0
    glue_job: str = "ecommerce-transform"
    glue_min_bytes: int = 20_000_000_000
    catalog_database: str = ""

    @classmethod
    def from_variables(cls) -> "Settings":
        """Each setting as its Variable says, its default where that is not set.

        A Variable is read when its setting is first asked for: a task needs few of them, and each costs a
        request. So a wrong one fails only what needs it.

        Raises
        ------
        SettingError: on asking, when the Variable is nothing that its setting may be.
        """
        return _SettingsOfVariables(layout=_LayoutOfVariables())


#: The settings that are Variables.
_NAMES = {setting.name for kind in (Settings, Layout) for setting in dataclasses.fields(kind)} - {"layout"}


class _ReadFromVariables:
    """Answers for the settings of a dataclass with what their Variables say, each read once."""

    def __getattribute__(self, name: str) -> Any:
        default = super().__getattribute__(name)
        if name not in _NAMES:
            return default
        known: dict[str, Any] = self.__dict__.setdefault("_known", {})
        if name not in known:
            known[name] = _read(name, default)
        return known[name]


class _LayoutOfVariables(_ReadFromVariables, Layout):
    pass


class _SettingsOfVariables(_ReadFromVariables, Settings):
    pass


def _read(name: str, default: str | float) -> str | float:
    """The Variable of one setting, of the type of its default, and held to its rule."""
    from airflow.sdk import Variable

    variable = VARIABLE_PREFIX + name
    text = Variable.get(variable, default=None)
    if text is None:
        return default
    try:
        return read_value(name, text, type(default))
    except ValueError as error:
        raise SettingError(
            f"Variable {variable} is {text!r}; give {error}. "
            "Correct it in the Airflow UI under Admin, Variables."
        ) from error
