"""Where a day is transformed, and what comes back from Glue."""

import sys
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest

from include.config import Settings
from include.contract import DATASETS
from include.errors import PipelineError, RawFileError, RetryableError, SettingError
from include.manifest import Extracted
from include.operators import glue
from include.operators.defaults import read_engine
from include.operators.glue import is_small, make_arguments, read_result
from include.spark import job


def make_extracted(size_bytes: int, etag: str = "1") -> Extracted:
    raw = {"key": "s3://r/x", "snapshot_key": "s3://c/x", "etag": etag, "version_id": None}
    sizes = dict.fromkeys(DATASETS, 0) | {"customers": 10, "products": 10, "orders": size_bytes - 20}
    return {
        "day": "2026-11-21",
        "run_id": "run 1",
        "inputs": {name: {**raw, "bytes": size} for name, size in sizes.items()},  # type: ignore[typeddict-item]  # spread
    }


@pytest.mark.parametrize(("size_bytes", "expected"), [(999, True), (1000, False)])
def test_a_small_day_stays_on_the_worker(size_bytes: int, expected: bool) -> None:
    assert is_small(Settings(glue_min_bytes=1000), make_extracted(size_bytes)) is expected


@pytest.mark.parametrize("engine", ["pandas", "glue"])
def test_the_airflow_option_chooses_the_engine(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    monkeypatch.setenv("AIRFLOW__ECOMMERCE__ENGINE", engine)

    assert read_engine() == engine


def test_the_worker_is_the_default_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__ECOMMERCE__ENGINE", raising=False)

    assert read_engine() == "pandas"


def test_an_unknown_engine_is_an_error_that_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__ECOMMERCE__ENGINE", "spark")

    with pytest.raises(SettingError, match=r"\[ecommerce\] engine is 'spark'; set it to pandas or glue"):
        read_engine()


def test_a_job_is_joined_again_only_for_the_same_snapshot() -> None:
    first, again, later = (
        make_arguments(Settings(), make_extracted(100, etag))["--airflow_task_uuid"] for etag in "112"
    )

    assert first == again != later


@pytest.mark.parametrize(
    "error",
    [
        RawFileError("s3://r/orders.csv", "line 1", "no columns", "Deliver it again."),
        RetryableError("The store is busy."),
        PipelineError("Something else."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_glue_error_keeps_its_type_in_airflow(monkeypatch: pytest.MonkeyPatch, error: PipelineError) -> None:
    left: dict[str, Any] = {}
    spark = ModuleType("pyspark.sql")
    spark.SparkSession = MagicMock()  # type: ignore[attr-defined]  # a double of the module
    monkeypatch.setitem(sys.modules, "pyspark.sql", spark)
    monkeypatch.setattr(job, "transform_day", MagicMock(side_effect=error))
    monkeypatch.setattr(job, "write_json", lambda _store, result, url: left.update({url: result}))
    monkeypatch.setattr(glue, "read_json", lambda _hook, url: left[url])
    arguments = make_arguments(Settings(), make_extracted(100))
    job.main([part for pair in arguments.items() for part in pair])

    with pytest.raises(PipelineError) as raised:
        read_result(MagicMock(), Settings(), make_extracted(100))

    assert (type(raised.value), str(raised.value)) == (type(error), str(error))
