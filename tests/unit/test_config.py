"""Settings come from Airflow Variables; what is not set keeps its default."""

from dataclasses import asdict

import pytest

from include.config import Settings
from include.errors import SettingError
from include.keys import Layout


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


def test_only_what_is_asked_for_is_read_and_that_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get(name: str, default: object = None) -> object:
        asked.append(name)
        return default

    monkeypatch.setattr("airflow.sdk.Variable.get", get)

    settings = Settings.from_variables()
    for _ in range(2):
        assert settings.layout.raw_bucket == "ecommerce-raw"
        assert settings.batch_bytes == 6 * 1024 * 1024

    assert asked == ["ecommerce_raw_bucket", "ecommerce_batch_bytes"]


def test_a_variable_of_the_wrong_type_is_named(variables: dict[str, str]) -> None:
    variables["ecommerce_max_reject_ratio"] = "five percent"

    with pytest.raises(SettingError, match="ecommerce_max_reject_ratio is 'five percent', which is no float"):
        _ = Settings.from_variables().max_reject_ratio


@pytest.mark.parametrize(("text", "is_on"), {"True": True, " 1": True, "f": False, "FALSE": False}.items())
def test_a_flag_is_read_as_airflow_reads_its_own(variables: dict[str, str], text: str, is_on: bool) -> None:
    variables["ecommerce_gate_approval"] = text

    assert Settings.from_variables().gate_approval is is_on


def test_a_flag_that_is_neither_on_nor_off_is_named(variables: dict[str, str]) -> None:
    variables["ecommerce_gate_approval"] = "maybe"

    with pytest.raises(SettingError, match="ecommerce_gate_approval is 'maybe', which is no bool"):
        _ = Settings.from_variables().gate_approval
