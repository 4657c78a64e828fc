"""A real Spark on two cores and a real store; without Java or PySpark a plain word about what is missing."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from include.keys import Layout
from include.local.storage import create_buckets
from tests.integration.own_store import OwnStore, run_own_store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStore]:
    """The store, to which the environment of this process and of Spark's workers leads."""
    with run_own_store(tmp_path_factory.mktemp("store")) as own, pytest.MonkeyPatch.context() as patch:
        create_buckets(own.hook(), Layout())
        patch.setenv("AWS_ENDPOINT_URL_S3", own.owner.extra["endpoint_url"])
        patch.setenv("AWS_DEFAULT_REGION", own.owner.extra["region_name"])
        patch.setenv("AWS_ACCESS_KEY_ID", own.owner.login)
        patch.setenv("AWS_SECRET_ACCESS_KEY", own.owner.password)
        yield own


@pytest.fixture(scope="session")
def session(store: OwnStore) -> "Iterator[SparkSession]":
    if not shutil.which("java"):
        pytest.fail("Spark needs Java: install it, on Debian and Ubuntu openjdk-17-jre-headless.")
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = str(PROJECT)
    from include.spark.job import SPARK_CONFIG

    builder = SparkSession.builder.master("local[2]").appName("tests")
    for name, value in SPARK_CONFIG.items():
        builder = builder.config(name, value)
    local = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "4",
    }
    for name, value in local.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()
