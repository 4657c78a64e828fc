"""A real Spark on two cores and a real store; without Java it says so."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from include.keys import Layout
from include.local.spark import make_environment, run_spark
from include.local.storage import create_buckets
from tests.integration.own_store import OwnStore, run_own_store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStore]:
    """The store, to which the environment of this process leads, as that of a job does."""
    with run_own_store(tmp_path_factory.mktemp("store")) as own, pytest.MonkeyPatch.context() as patch:
        create_buckets(own.hook(), Layout())
        for name, value in make_environment(own.owner).items():
            patch.setenv(name, value)
        yield own


@pytest.fixture(scope="session")
def session(store: OwnStore) -> "Iterator[SparkSession]":
    with run_spark(2, store.owner) as session:
        yield session
