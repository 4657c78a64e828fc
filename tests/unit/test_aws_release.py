"""The packaged release and the settings that go with it."""

import dataclasses
import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from include.aws.release import build_release, release_key
from include.aws.settings import format_environment, make_environment
from include.aws.stacks import Deployment
from tests.project_files import PROJECT

DEPLOYMENT = Deployment(
    name="shop", account="123456789012", region="eu-west-1", overrides={"DeadlineHour": "7"}
)


def write_project(folder: Path) -> Path:
    for name in (
        "dags/a.py",
        "include/b.py",
        "include/local/c.py",
        "include/__pycache__/b.pyc",
        "plugins/d.py",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    for name in ("requirements.txt", "requirements.lock"):
        (folder / name).write_text("")
    return folder


def test_a_release_holds_what_runs_and_nothing_else(tmp_path: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(build_release(write_project(tmp_path))))

    assert archive.namelist() == [
        "dags/a.py",
        "include/b.py",
        "plugins/d.py",
        "requirements.lock",
        "requirements.txt",
    ]
    assert archive.testzip() is None


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first = build_release(write_project(tmp_path))
    os.utime(tmp_path / "dags/a.py", (0, 0))
    assert build_release(tmp_path) == first

    (tmp_path / "dags/a.py").write_text("changed")
    assert release_key(build_release(tmp_path)) != release_key(first)


def test_the_watchdog_runs_from_a_release_alone(tmp_path: Path) -> None:
    """Lambda has the release and boto3, and none of the pipeline's libraries."""
    zipfile.ZipFile(io.BytesIO(build_release(PROJECT))).extractall(tmp_path)
    code = (
        "import sys; sys.path.insert(0, '.'); import include.aws.watchdog as w; "
        "print(w.__file__); heavy = {'pandas', 'yaml', 'airflow', 'boto3'} & set(sys.modules); "
        "assert not heavy, heavy"
    )

    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)


def test_the_environment_is_what_the_pipeline_reads(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import CONNECTION_ID, Settings

    for name, value in make_environment(DEPLOYMENT).items():
        monkeypatch.setenv(name, value)

    settings = Settings.from_variables()
    assert dataclasses.astuple(settings.layout) == dataclasses.astuple(DEPLOYMENT.layout)
    assert settings.deadline_hour == 7
    assert settings.alert_topic_arn == f"arn:aws:sns:eu-west-1:{DEPLOYMENT.account}:{DEPLOYMENT.name}-alerts"
    assert S3Hook(aws_conn_id=CONNECTION_ID).region_name == "eu-west-1"


def test_the_environment_is_one_line_a_setting_without_quotes() -> None:
    environment = {"A": "one two", "B": '{"conn_type": "aws"}'}

    assert format_environment(environment) == 'A=one two\nB={"conn_type": "aws"}\n'
    assert not [value for value in make_environment(DEPLOYMENT).values() if "\n" in value]


def test_the_guide_names_every_setting_that_is_fixed_on_aws() -> None:
    guide = (PROJECT / "docs" / "deploy.md").read_text()
    (paragraph,) = re.findall(r"^\*\*Settings that are fixed\.\*\*.*?\n\n", guide, re.MULTILINE | re.DOTALL)
    fixed = {
        name.removeprefix("AIRFLOW_VAR_").lower()
        for name in make_environment(DEPLOYMENT)
        if name.startswith("AIRFLOW_VAR_")
    }

    assert set(re.findall(r"`(ecommerce_\w+)`", paragraph)) == fixed


def test_the_lock_goes_to_mwaa_without_airflow_itself() -> None:
    guide = (PROJECT / "docs" / "deploy-mwaa.md").read_text()
    (pattern,) = re.findall(r"grep -v '([^']+)' requirements\.lock", guide)
    lock = (PROJECT / "requirements.lock").read_text().splitlines()

    kept = subprocess.run(
        ["grep", "-v", pattern, PROJECT / "requirements.lock"], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert {pin.partition("==")[0] for pin in set(lock) - set(kept)} == {
        "apache-airflow",
        "apache-airflow-core",
        "apache-airflow-task-sdk",
    }
