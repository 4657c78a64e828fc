"""A licence that nobody accepted fails the security check."""

import pytest

from tests.project_files import load_check

check = load_check("check_licences")

ACCEPTED = {name: ["MPL-2.0"] for name in check.ACCEPTED}


@pytest.mark.parametrize(
    ("licences", "faults"),
    [
        ({"a": ["MIT"], "b": ["Apache-2.0 OR BSD-3-Clause"]}, []),
        ({"a": ["AGPL-3.0-only"]}, ["a: AGPL-3.0-only"]),
        ({"a": ["MIT AND GPL-3.0-only"]}, ["a: MIT AND GPL-3.0-only"]),
        ({"a": []}, ["a: no licence"]),
        ({"tqdm": ["MIT"]}, ["tqdm: accepted, but not needed"]),
    ],
    ids=["allowed", "copyleft", "one part copyleft", "none", "needless acceptance"],
)
def test_licence_that_nobody_accepted_is_a_fault(licences: dict[str, list[str]], faults: list[str]) -> None:
    assert check.find_faults(ACCEPTED | licences) == faults


def test_production_needs_no_test_tools() -> None:
    shipped = check.list_shipped()

    assert {"pandas", "boto3", "apache-airflow-core", "celery", "numpy"} <= shipped
    assert shipped.isdisjoint({"pytest", "moto", "mypy", "pyspark", "cyclonedx-bom"})
