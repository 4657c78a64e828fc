"""Small days of raw files, and what the stages make of them."""

import datetime as dt
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from include import keys
from include.config import Settings
from include.contract import DATASETS
from include.extract import extract
from include.manifest import Approval, Counts, Extracted, Manifest, Transformed, Validated
from include.publish import publish
from include.transform import transform, transform_files
from tests import reference
from tests.memory_s3 import MemoryS3
from tests.raw_files import CUSTOMERS, PRODUCTS, complete_day, write_raw_files
from tests.records import NOW, VALIDATED

DAY = dt.date(2026, 11, 21)


@pytest.fixture(autouse=True)
def gained_columns_are_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns that a contract gains reject nothing in these tests, whose files do not have them."""
    for name, known in reference.RAW_COLUMNS.items():
        for column in DATASETS[name].columns:
            if column.name not in known:
                # Frozen for everybody else.
                monkeypatch.setitem(column.__dict__, "required", False)
                monkeypatch.setitem(column.__dict__, "nullable", True)


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Airflow's Variables, for a test to fill: none is set."""
    variables: dict[str, str] = {}
    monkeypatch.setattr("airflow.sdk.Variable.keys", lambda **_: list(variables))
    monkeypatch.setattr("airflow.sdk.Variable.get", lambda name, default=None: variables.get(name, default))
    return variables


@dataclass(frozen=True)
class Outcome:
    """What one transform wrote and counted.

    Rows have the columns that the tests know: `test_adapt.py` looks at those that a contract may gain.
    """

    counts: Counts
    folder: Path

    def published(self, dataset: str = "orders") -> list[dict[str, Any]]:
        path = self.folder / f"{dataset}.parquet"
        return read_rows(path, reference.PUBLISHED[dataset])

    def quarantined(self, dataset: str = "orders") -> list[dict[str, Any]]:
        path = self.folder / "quarantine" / f"{dataset}.parquet"
        names = [*reference.RAW_COLUMNS[dataset], "reasons", "source_key", "line_number", "raw_line"]
        return read_rows(path, names)


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path, columns=list(columns)).to_pylist()
    return rows


Transform = Callable[..., Outcome]


@pytest.fixture
def transform_day(tmp_path: Path) -> Transform:
    """Transforms a day given as the contents of its files, customers and products by default."""

    def transform_day(
        orders: str | bytes,
        customers: str | bytes = CUSTOMERS,
        products: str | bytes = PRODUCTS,
        batch_bytes: int = 1 << 20,
        suffix: str = ".csv",
    ) -> Outcome:
        contents = {"customers": customers, "products": products, "orders": orders}
        sources = write_raw_files(tmp_path / "raw", contents, suffix)
        return Outcome(transform_files(sources, tmp_path / "out", batch_bytes, DAY), tmp_path / "out")

    return transform_day


@pytest.fixture
def s3() -> MemoryS3:
    return MemoryS3()


@dataclass
class Runs:
    """Runs of the stages on S3 in memory, with a checkpoint that finds nothing."""

    s3: MemoryS3
    settings: Settings = field(default_factory=Settings)

    def deliver(self, day: str, **contents: str) -> None:
        for dataset, content in complete_day(contents).items():
            self.s3.put(keys.raw(self.settings.layout, day, dataset), content)

    def extract(self, day: str, run_id: str = "run 1") -> Extracted:
        return extract(self.s3.hook, self.settings, day, run_id)

    def transform(self, extracted: Extracted) -> Transformed:
        return transform(self.s3.hook, self.settings, extracted)

    def publish(
        self,
        extracted: Extracted,
        transformed: Transformed,
        validated: Validated = VALIDATED,
        approval: Approval | None = None,
    ) -> Manifest:
        return publish(self.s3.hook, self.settings, extracted, transformed, validated, NOW, approval)

    def run(self, day: str, run_id: str = "run 1") -> Manifest:
        extracted = self.extract(day, run_id)
        return self.publish(extracted, self.transform(extracted))

    def read_orders(self, day: str) -> dict[str, str]:
        """The published orders of a day, each with the customer."""
        body = self.s3.get(keys.published(self.settings.layout, day, "orders"))
        table = pq.read_table(io.BytesIO(body), columns=["order_id", "customer_id"])
        return dict(zip(*(column.to_pylist() for column in table.columns), strict=True))


@pytest.fixture
def runs(s3: MemoryS3) -> Runs:
    return Runs(s3)
