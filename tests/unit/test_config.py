"""Settings come from Airflow Variables; what is not set keeps its default."""

import pytest

from include.config import Settings
from include.errors import SettingError
from include.keys import Layout


def set_variables(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    monkeypatch.setattr(
        "airflow.sdk.Variable.get", lambda name, default=None: variables.get(name, default), raising=True
    )


def test_nothing_set_gives_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, {})

    assert Settings.from_variables() == Settings()


def test_variables_take_the_place_of_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(
        monkeypatch,
        {
            "ecommerce_raw_bucket": "drop",
            "ecommerce_max_reject_ratio": "0.2",
            "ecommerce_batch_bytes": "1024",
            "unrelated": "x",
        },
    )

    assert Settings.from_variables() == Settings(
        layout=Layout(raw_bucket="drop"), max_reject_ratio=0.2, batch_bytes=1024
    )


def test_a_variable_of_the_wrong_type_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, {"ecommerce_max_reject_ratio": "five percent"})

    with pytest.raises(SettingError, match="ecommerce_max_reject_ratio is 'five percent', which is no float"):
        Settings.from_variables()
