"""Small days of raw files, and what the transform makes of them."""

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from include.contract import DATASETS, Column, Dataset, Kind
from include.engine.raw_file import RawSource
from include.manifest import Counts
from include.transform import transform_files
from tests import reference

CUSTOMERS = (
    "customer_id,name,email,city,country,signup_date\nC1,Ann,ann@example.com,Paris,FR,2024-05-01\nC2,,,,,\n"
)
PRODUCTS = "product_id,name,category,list_price\nP1,Lamp,Home,20.00\nP2,,,\n"
ORDERS_HEADER = "order_id,customer_id,product_id,quantity,selling_price,order_date,delivery_date,status\n"


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
        return Outcome(transform_files(sources, tmp_path / "out", batch_bytes), tmp_path / "out")

    return transform_day


def write_raw_files(
    folder: Path, contents: Mapping[str, str | bytes], suffix: str = ".csv"
) -> dict[str, RawSource]:
    """A day's files; of a dataset that a contract may gain, one with a row."""
    folder.mkdir(exist_ok=True)
    sources = {}
    for name, content in (write_others(suffix) | dict(contents)).items():
        path = folder / f"{name}{suffix}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        sources[name] = RawSource(DATASETS[name], path, f"s3://raw/{path.name}")
    return sources


def write_others(suffix: str = ".csv") -> dict[str, str | bytes]:
    """The files of datasets that a contract may gain."""
    gained = {name: write_row(dataset) for name, dataset in DATASETS.items() if name not in reference.KEYS}
    is_zipped = suffix.endswith(".gz")
    return {name: gzip.compress(text.encode()) if is_zipped else text for name, text in gained.items()}


def write_row(dataset: Dataset) -> str:
    """A file with one row that the contract accepts."""
    return ",".join(dataset.column_names) + "\n" + ",".join(map(write_field, dataset.columns)) + "\n"


def write_field(column: Column) -> str:
    if column.kind in (Kind.WHOLE_NUMBER, Kind.DECIMAL):
        return str(column.minimum or 1)
    return "2026-11-21" if column.kind is Kind.TIMESTAMP else "x"
