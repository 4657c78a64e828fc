"""Spark on one machine, for tests and benchmarks. On AWS, Glue provides it."""

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from include.local.errors import StackError
from include.local.ports import LOOPBACK
from include.local.settings_file import Connection
from include.local.state import PROJECT
from include.spark.job import SPARK_CONFIG

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: Spark's internal ports must not be reachable from elsewhere.
_LOCAL_CONFIG = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": LOOPBACK,
    "spark.driver.bindAddress": LOOPBACK,
    "spark.sql.shuffle.partitions": "4",
}


@contextmanager
def run_spark(cores: int, store: Connection) -> "Iterator[SparkSession]":
    """A Spark session that finds the store through environment variables, as on AWS.

    Raises
    ------
    StackError: Java or PySpark is missing.
    """
    if not shutil.which("java"):
        raise StackError("Spark needs Java 17. Install it: on Debian and Ubuntu openjdk-17-jre-headless.")
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise StackError("PySpark is not installed. Install requirements-spark.txt.") from error
    # It logs every call between Python and Java, even at interpreter exit.
    logging.getLogger("py4j").setLevel(logging.WARNING)
    os.environ |= make_environment(store)
    builder = SparkSession.builder.master(f"local[{cores}]").appName("ecommerce-etl")
    for name, value in (SPARK_CONFIG | _LOCAL_CONFIG).items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()


def make_environment(store: Connection) -> dict[str, str]:
    """Environment for Spark's worker processes: the code and the store."""
    return {
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(PROJECT),
        "AWS_ENDPOINT_URL_S3": store.extra["endpoint_url"],
        "AWS_DEFAULT_REGION": store.extra["region_name"],
        "AWS_ACCESS_KEY_ID": store.login,
        "AWS_SECRET_ACCESS_KEY": store.password,
    }
