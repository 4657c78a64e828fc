"""The settings: one frozen object, read from Airflow Variables that share one prefix."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from include.errors import SettingError
from include.keys import Layout

#: The one connection that all S3 traffic goes through.
CONNECTION_ID = "ecommerce_s3"
#: The setting `name` is the Airflow Variable `ecommerce_<name>`.
VARIABLE_PREFIX = "ecommerce_"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator may change without touching code. The README says what each setting does."""

    layout: Layout = field(default_factory=Layout)
    max_reject_ratio: float = 0.05
    batch_bytes: int = 6 * 1024 * 1024
    metrics_namespace: str = ""
    engine: str = "pandas"
    glue_job: str = "ecommerce-transform"
    glue_min_bytes: int = 20_000_000_000
    catalog_database: str = ""

    @classmethod
    def from_variables(cls) -> "Settings":
        """Read every setting from its Variable; one that is not set keeps its default.

        Raises
        ------
        SettingError: a Variable cannot be read as the type of its setting.
        """
        layout = Layout(**_read_all(Layout()))
        return cls(layout=layout, **_read_all(cls(), leave_out="layout"))


def _read_all(defaults: "Settings | Layout", leave_out: str = "") -> dict[str, Any]:
    names = [setting.name for setting in dataclasses.fields(defaults) if setting.name != leave_out]
    return {name: _read(name, getattr(defaults, name)) for name in names}


def _read(name: str, default: str | float) -> str | float:
    """The Variable of one setting, converted to the type of its default."""
    from airflow.sdk import Variable

    variable = VARIABLE_PREFIX + name
    text = Variable.get(variable, default=None)
    if text is None:
        return default
    try:
        return type(default)(text)
    except ValueError as error:
        raise SettingError(
            f"Variable {variable} is {text!r}, which is no {type(default).__name__}. "
            "Correct it in the Airflow UI under Admin, Variables."
        ) from error
