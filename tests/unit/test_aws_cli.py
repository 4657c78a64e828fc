"""The command line: what a person does wrong gets a message that says what to do."""

import io
from pathlib import Path

import pytest
from moto import mock_aws

from include.aws import __main__ as cli
from include.aws.__main__ import main


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A person without credentials, region and settings of their own."""
    for name in (
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


MISTAKES = {
    "no region": (["settings"], "No region is set. Give one with --region"),
    "no credentials": (["settings", "--region", "us-east-1"], "Unable to locate credentials"),
    "unknown profile": (["settings", "--profile", "nobody"], "profile (nobody) could not be found"),
    "bad name": (["validate", "--name", "My Shop"], "give 2 to 20 lower-case letters and digits"),
    "no day in the key of raw files": (
        ["validate", "--raw-key-template", "{date}/{dataset}.csv"],
        "--raw-key-template '{date}/{dataset}.csv' cannot be used: give a key (no bucket, no wildcard",
    ),
    "a prefix with a slash": (["validate", "--docs-prefix", "docs/"], "--docs-prefix 'docs/' cannot be used"),
    "bad parameter": (
        ["validate", "--set", "DeadlineHour"],
        "--set DeadlineHour is invalid: give PARAMETER=VALUE",
    ),
    "unknown parameter": (
        ["validate", "--set", "AlertMail=data@example.com", "--set", "DeadlineHour=7"],
        "No template has a parameter AlertMail. Known are AlertEmail, ",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_aws_command_prints_a_mistake_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(arguments) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert message in said.err
    assert len(said.err.splitlines()) == 1


def test_missing_script_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["deploy", "--glue-script", "missing.py"])

    assert "there is no file missing.py" in capsys.readouterr().err


def test_missing_linter_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(__import__("sys").modules, "parliament", None)

    assert main(["validate"]) == 1
    assert "parliament is not installed. Install requirements-dev.txt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "answer"), [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_only_yes_confirms(monkeypatch: pytest.MonkeyPatch, typed: str, answer: bool) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))

    assert cli.ask("Apply these changes?") is answer


def test_the_settings_are_printed_for_the_account(capsys: pytest.CaptureFixture[str]) -> None:
    with mock_aws():
        assert main(["settings", "--region", "eu-west-1", "--name", "shop"]) == 0

    assert "AIRFLOW_VAR_ECOMMERCE_RAW_BUCKET=shop-raw-123456789012-eu-west-1\n" in capsys.readouterr().out
