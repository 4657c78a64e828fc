"""The installer of the EC2 instance: its steps one by one, with what they call replaced."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.project_files import PROJECT

INSTANCE = PROJECT / "include" / "aws" / "instance"
#: Stands for the command of Airflow, told which pools there are.
AIRFLOW = """
run_airflow() {
    if [ "$1 $2" = "pools get" ]; then [[ " $pools " == *" $3 "* ]]; else echo "$@"; fi
}
"""


def run_step(text: str) -> str:
    """Run functions of the installer. Returns what they printed."""
    functions = (INSTANCE / "install.sh").read_text().split("\ninstall_packages\n")[0]
    done = subprocess.run(
        ["bash", "-s", "bucket"], input=f"{functions}\n{text}\n", capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("existing", ["", "ecommerce_transform", "ecommerce_publish ecommerce_transform"])
def test_update_creates_only_missing_pools(existing: str) -> None:
    declared = yaml.safe_load((PROJECT / "airflow_settings.yaml").read_text())["airflow"]["pools"]

    said = run_step(f"{AIRFLOW}\npools='{existing}'\nprepare_airflow")

    assert said.splitlines() == ["db migrate"] + [
        f"pools set {pool['pool_name']} {pool['pool_slot']} {pool['pool_description']}"
        for pool in declared
        if pool["pool_name"] not in existing.split()
    ]


def test_temporary_files_are_on_the_disk(tmp_path: Path) -> None:
    run_step(f"etc='{tmp_path}'\nwrite_settings")

    settings = dict(line.split("=", 1) for line in (tmp_path / "machine.env").read_text().splitlines())
    unit = (INSTANCE / "ecommerce-etl@.service").read_text()
    # Gives a service a /var/tmp of its own, which it may write to and which goes with it; /tmp is memory.
    assert re.search(r"^PrivateTmp=yes$", unit, re.MULTILINE)
    assert settings["TMPDIR"] == "/var/tmp"  # noqa: S108 - nothing is written there
