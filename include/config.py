"""The settings: one frozen object, read from Airflow Variables that share one prefix."""

import dataclasses
import datetime as dt
import os
import re
from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Annotated, Any, get_type_hints

from pydantic import AfterValidator, AllowInfNan, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from include.errors import SettingError
from include.keys import Layout

#: The DAG that publishes days.
ETL_DAG_ID = "ecommerce_etl"
#: The connection for all S3 traffic.
CONNECTION_ID = "ecommerce_s3"
#: Silences a logger that would report the source of the credentials in every task.
LOG_LEVELS = "airflow.providers.amazon.aws.utils.connection_wrapper=WARNING"
#: For calls to other AWS services, so that an unreachable one does not delay a task for long.
SHORT_TIMEOUTS: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 10, "retries": {"max_attempts": 2}}
#: For calls that are worth a longer wait, about half a minute while the service is busy.
PATIENT_TIMEOUTS: dict[str, Any] = SHORT_TIMEOUTS | {"retries": {"mode": "standard", "max_attempts": 6}}
#: The setting `name` is the Airflow Variable `ecommerce_<name>`.
VARIABLE_PREFIX = "ecommerce_"


#: Four years contain every day of the year, including a leap day, and every combination of week and weekday.
_TRIED_DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=count) for count in range(4 * 365 + 1)]


def require_key_template(text: str) -> str:
    """Require a different key for every day and dataset, without wildcards."""
    fields = [field for field in Formatter().parse(text) if field[1] is not None]
    if {name for _, name, _, _ in fields} != {"day", "dataset"}:
        raise ValueError
    if any(conversion or (form and name != "day") for _, name, form, conversion in fields):
        raise ValueError
    keys = [text.format(day=day, dataset=dataset) for day in _TRIED_DAYS for dataset in ("a", "b")]
    if len(set(keys)) < len(keys) or not _is_raw_key(keys[0]):
        raise ValueError
    return text


def _is_raw_key(key: str) -> bool:
    """Whether the sensor and IAM take the key literally: `s3://`, `*` and `?` have other meanings there."""
    has_special = re.search(r"://|[?*%\x00-\x1f]", key)
    return not has_special and key == key.strip() and not key.startswith("/") and not key.endswith("/")


# What each setting may be; the description completes "give …". A century of days and a year of hours are
# plenty, and more would overflow calendars.
Bucket = Annotated[str, Field(pattern=r"^[\w.-]+$", description="the name of a bucket alone")]
KeyTemplate = Annotated[
    str,
    AfterValidator(require_key_template),
    Field(
        description="a key (no bucket, no wildcard, no slash or blank at either end) that differs for every "
        "{day} and {dataset}, such as {day}/{dataset}.csv or {day:%Y/%m/%d}/{dataset}.csv"
    ),
]
Prefix = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_=-][A-Za-z0-9_.=-]*(/[A-Za-z0-9_=-][A-Za-z0-9_.=-]*)*$",
        description="names of letters, digits and _=.- without a leading dot, with slashes between",
    ),
]
Share = Annotated[float, Field(ge=0, le=1, description="a share from 0 to 1")]
Tolerance = Annotated[float, AllowInfNan(False), Field(ge=0, description="a share, 0 or more")]
Rows = Annotated[int, Field(ge=1, description="a number of rows, 1 or more")]
Bytes = Annotated[int, Field(ge=0, description="a number of bytes, 0 or more")]
BatchBytes = Annotated[int, Field(ge=1, description="a number of bytes, 1 or more")]
Days = Annotated[int, Field(ge=0, le=36_500, description="a number of days from 0 to 36500")]
SomeDays = Annotated[int, Field(ge=1, le=36_500, description="a number of days from 1 to 36500")]
Weeks = Annotated[int, Field(ge=0, le=5_214, description="a number of weeks from 0 to 5214")]
HourOfDay = Annotated[int, Field(ge=0, le=23, description="an hour of the day from 0 to 23")]
Hours = Annotated[int, Field(ge=0, le=8_760, description="a number of hours from 0 to 8760")]
SomeHours = Annotated[
    float, Field(gt=0, le=8_760, description="a number of hours, more than 0 and up to 8760")
]
Flag = Annotated[bool, Field(description="True or False")]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of the pipeline. docs/settings.md describes each."""

    layout: Layout = dataclasses.field(default_factory=Layout)
    max_reject_ratio: Share = 0.05
    min_rejected_rows: Rows = 10
    batch_bytes: BatchBytes = 6 * 1024 * 1024
    metrics_namespace: str = ""
    keep_days: Days = 14
    alert_topic_arn: str = ""
    alert_email: str = ""
    deadline_hour: HourOfDay = 9
    processing_hours: Hours = 2
    watchdog_days: SomeDays = 3
    correction_days: Days = 14
    warn_only: str = "expect_measure_to_be_usual"
    history_weeks: Weeks = 8
    history_min_days: SomeDays = 3
    history_orders_tolerance: Tolerance = 0.5
    history_revenue_tolerance: Tolerance = 0.5
    history_reject_tolerance: Share = 0.02
    history_undelivered_tolerance: Share = 0.2
    gate_approval: Flag = False
    gate_approval_hours: SomeHours = 24.0
    glue_job: str = "ecommerce-transform"
    glue_min_bytes: Bytes = 20_000_000_000
    catalog_database: str = ""

    @classmethod
    def from_variables(cls, names: Iterable[str] | None = None) -> "Settings":
        """Read all settings, or only those named. Settings without a Variable have their defaults.

        Raises
        ------
        SettingError: names each Variable with an invalid value, and the allowed values.
        """
        return parse_settings(read_variables(names or TYPES))

    @classmethod
    def from_valid_variables(cls) -> "Settings":
        """Like `from_variables`, but ignores invalid values, since an alert may be about one of them."""
        texts = read_variables(TYPES)
        return parse_settings({name: text for name, text in texts.items() if not _find_mistake(name, text)})


#: The type of each setting by its name, those of the layout included.
TYPES: dict[str, Any] = {
    "raw_bucket": Bucket,
    "raw_key_template": KeyTemplate,
    "curated_bucket": Bucket,
    "quality_bucket": Bucket,
    "docs_prefix": Prefix,
} | {name: kind for name, kind in get_type_hints(Settings, include_extras=True).items() if name != "layout"}


#: The settings of the layout.
LAYOUT_NAMES = tuple(field.name for field in dataclasses.fields(Layout))


def read_variables(names: Iterable[str]) -> dict[str, str]:
    """The texts of the Variables that exist, by the names of their settings.

    Airflow has no request for several values: one request lists the Variables, and each existing one costs
    another request. Those in the environment cost none.
    """
    from airflow.sdk import Variable

    listed = _list_variables()
    variables = {name: VARIABLE_PREFIX + name for name in names}
    wanted = {name: key for name, key in variables.items() if listed is None or key in listed}
    texts = {name: Variable.get(key, default=None) for name, key in wanted.items()}
    return {name: text for name, text in texts.items() if text is not None}


def _list_variables() -> set[str] | None:
    """The Variables that may be set; None where Airflow cannot say: with another secrets backend, and outside
    of tasks.
    """
    from airflow.sdk import Variable
    from airflow.sdk.configuration import conf

    if conf.get("secrets", "backend", fallback="") or conf.get("workers", "secrets_backend", fallback=""):
        return None
    in_environment = {
        name.removeprefix("AIRFLOW_VAR_").lower() for name in os.environ if name.startswith("AIRFLOW_VAR_")
    }
    try:
        return in_environment | set(Variable.keys(prefix=VARIABLE_PREFIX))
    except ImportError:
        return None


def parse_settings(texts: Mapping[str, str]) -> Settings:
    """Settings from the texts of Variables, by the names of the settings.

    Raises
    ------
    SettingError: names each Variable with an invalid value, and the allowed values.
    """
    if mistakes := [mistake for name, text in texts.items() if (mistake := _find_mistake(name, text))]:
        raise SettingError(f"{' '.join(mistakes)} Correct it in the Airflow UI under Admin, Variables.")
    values = {name: parse_setting(name, text) for name, text in texts.items()}
    layout = {name: values.pop(name) for name in LAYOUT_NAMES if name in values}
    return Settings(layout=Layout(**layout), **values)


def parse_setting(name: str, text: str) -> Any:
    """The value of one setting.

    Raises
    ------
    ValueError: the value is invalid; the message says what is allowed.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(TYPES[name])
    try:
        return adapter.validate_python(text.strip() if TYPES[name] is Flag else text)
    except ValidationError as error:
        raise ValueError(describe_allowed(name)) from error


def describe_allowed(name: str) -> str:
    """The allowed values of a setting, to complete "give …"."""
    descriptions = [part.description for part in TYPES[name].__metadata__ if hasattr(part, "description")]
    return str(descriptions[0])


def _find_mistake(name: str, text: str) -> str:
    try:
        parse_setting(name, text)
    except ValueError as error:
        return f"Variable {VARIABLE_PREFIX}{name} is {text!r}; give {error}."
    return ""
