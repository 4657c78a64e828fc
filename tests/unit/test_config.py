"""Settings come from Airflow Variables; what is not set keeps its default."""

from dataclasses import asdict

import pytest

from include.config import TYPES, Settings, describe_allowed, parse_setting
from include.errors import SettingError
from include.keys import Layout

NUMBERS = [
    name
    for name, default in asdict(Settings()).items()
    if isinstance(default, int | float) and not isinstance(default, bool)
]


def test_nothing_set_gives_the_defaults(variables: dict[str, str]) -> None:
    assert asdict(Settings.from_variables()) == asdict(Settings())


def test_variables_take_the_place_of_defaults(variables: dict[str, str]) -> None:
    variables |= {
        "ecommerce_raw_bucket": "drop",
        "ecommerce_max_reject_ratio": "0.2",
        "ecommerce_batch_bytes": "1024",
        "unrelated": "x",
    }

    assert asdict(Settings.from_variables()) == asdict(
        Settings(layout=Layout(raw_bucket="drop"), max_reject_ratio=0.2, batch_bytes=1024)
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Variables that were asked for; Airflow lists two, and the environment has a third."""
    asked: list[str] = []

    def get(name: str, default: object = None) -> object:
        asked.append(name)
        return default

    listed = ["ecommerce_raw_bucket", "ecommerce_keep_days", "ecommerce_other"]
    monkeypatch.setattr("airflow.sdk.Variable.get", get)
    monkeypatch.setattr("airflow.sdk.Variable.keys", lambda **_: listed)
    monkeypatch.setenv("AIRFLOW_VAR_ECOMMERCE_BATCH_BYTES", "1")
    return asked


def test_only_set_variables_are_requested(asked: list[str]) -> None:
    Settings.from_variables()

    assert sorted(asked) == ["ecommerce_batch_bytes", "ecommerce_keep_days", "ecommerce_raw_bucket"]


def test_only_the_settings_that_are_named_are_read(asked: list[str]) -> None:
    Settings.from_variables(["keep_days", "deadline_hour"])

    assert asked == ["ecommerce_keep_days"]


def test_a_secrets_backend_is_asked_for_every_setting(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "some.Backend")

    Settings.from_variables()

    assert len(asked) == len(TYPES)


def test_all_invalid_variables_are_named_at_once(variables: dict[str, str]) -> None:
    variables |= {"ecommerce_deadline_hour": "noon", "ecommerce_keep_days": "x", "ecommerce_raw_bucket": "b"}

    with pytest.raises(SettingError) as raised:
        Settings.from_variables()

    assert [word for word in str(raised.value).split() if word.startswith("ecommerce_")] == [
        "ecommerce_keep_days",
        "ecommerce_deadline_hour",
    ]
    assert Settings.from_valid_variables() == Settings(layout=Layout(raw_bucket="b"))


#: What none of the numbers may be, and then, for some settings, what looks right and is not.
NO_NUMBERS = {name: ["", "five", "-1", "nan", "inf", "1e400"] for name in NUMBERS}
MISTAKES = NO_NUMBERS | {
    "raw_bucket": ["", "s3://drop", "drop/in"],
    "raw_key_template": [
        "latest/{dataset}.csv",
        "{day}/all.csv",
        "{date}/{dataset}.csv",
        "{day}/{dataset}/{}.csv",
        "{day}/{dataset.csv",
        "{day:.7}/{dataset}.csv",
        "{day}/{dataset!r}.csv",
        "{day[0]}/{dataset}.csv",
        "{day:%Y-%m}/{dataset}.csv",
        "{day:%Y%-m%-d}/{dataset}.csv",
        "{day:%d-%b}/{dataset}.csv",
        "{day:{dataset}}/{dataset}.csv",
        "{day:%Y%m%d%Q}/{dataset}.csv",
        "{day}/{dataset:.1}.csv",
        "s3://other/{day}/{dataset}.csv",
        "a?b/{day}/{dataset}.csv",
        "in/*/{day}/{dataset}.csv",
        " {day}/{dataset}.csv",
        "{day}/{dataset}.csv ",
        "/{day}/{dataset}.csv",
        "{day}/{dataset}/",
        "{day}/{dataset}\n.csv",
        "",
    ],
    "docs_prefix": ["", "/docs", "docs/", "../..", "a/../b", "<script>"],
    "gate_approval": ["maybe", ""],
    "max_reject_ratio": [*NO_NUMBERS["max_reject_ratio"], "5", "1.01"],
    "history_reject_tolerance": [*NO_NUMBERS["history_reject_tolerance"], "2"],
    "batch_bytes": [*NO_NUMBERS["batch_bytes"], "0", "6 MB"],
    "keep_days": [*NO_NUMBERS["keep_days"], "-1", "1000000"],
    "watchdog_days": [*NO_NUMBERS["watchdog_days"], "0", "1000000"],
    "processing_hours": [*NO_NUMBERS["processing_hours"], "-1"],
    "deadline_hour": [*NO_NUMBERS["deadline_hour"], "24", "9.5"],
    "history_min_days": [*NO_NUMBERS["history_min_days"], "0"],
    "gate_approval_hours": [*NO_NUMBERS["gate_approval_hours"], "0", "1e9"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in MISTAKES for text in MISTAKES[name]])
def test_invalid_setting_says_what_is_allowed(variables: dict[str, str], name: str, text: str) -> None:
    variables[f"ecommerce_{name}"] = text

    with pytest.raises(SettingError) as raised:
        Settings.from_variables()

    said = (
        f"Variable ecommerce_{name} is {text!r}; give {describe_allowed(name)}. Correct it in the Airflow UI"
    )
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("raw_key_template", "in/{dataset}/{day}/{dataset}_{day}.csv.gz"),
        ("raw_key_template", "{day:%Y/%m/%d}/{dataset}.csv"),
        ("raw_key_template", "{dataset}_{day:%d%b%y}.CSV.GZ"),
        ("raw_key_template", "{day:%G-W%V-%u}/{dataset}.csv"),
        ("max_reject_ratio", "0"),
        ("max_reject_ratio", "1"),
        ("correction_days", "0"),
        ("keep_days", "0"),
        ("processing_hours", "0"),
        ("history_weeks", "0"),
        ("history_revenue_tolerance", "2.5"),
        ("deadline_hour", "0"),
        ("deadline_hour", "23"),
        ("gate_approval_hours", "0.5"),
        ("glue_min_bytes", "0"),
    ],
)
def test_limits_of_settings_are_allowed(variables: dict[str, str], name: str, text: str) -> None:
    variables[f"ecommerce_{name}"] = text
    settings = Settings.from_variables()

    assert str(getattr(settings.layout if name in asdict(Layout()) else settings, name)) in {
        text,
        f"{text}.0",
    }


def test_every_default_is_valid() -> None:
    defaults = {**asdict(Settings()), **asdict(Layout())}

    assert {name: parse_setting(name, str(defaults[name])) for name in TYPES} == {
        name: defaults[name] for name in TYPES
    }


@pytest.mark.parametrize(("text", "is_on"), {"True": True, " 1": True, "f": False, "FALSE": False}.items())
def test_a_flag_is_read_as_airflow_reads_its_own(variables: dict[str, str], text: str, is_on: bool) -> None:
    variables["ecommerce_gate_approval"] = text

    assert Settings.from_variables().gate_approval is is_on
