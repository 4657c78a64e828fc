"""Small days of raw files, and what the transform makes of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from include.contract import DATASETS
from include.engine.raw_file import RawSource
from include.manifest import Counts
from include.transform import transform_files

CUSTOMERS = (
    "customer_id,name,email,city,country,signup_date\nC1,Ann,ann@example.com,Paris,FR,2024-05-01\nC2,,,,,\n"
)
PRODUCTS = "product_id,name,category,list_price\nP1,Lamp,Home,20.00\nP2,,,\n"
ORDERS_HEADER = "order_id,customer_id,product_id,quantity,selling_price,order_date,delivery_date,status\n"


@dataclass(frozen=True)
class Outcome:
    """What one transform wrote and counted."""

    counts: Counts
    folder: Path

    def published(self, dataset: str = "orders") -> list[dict[str, Any]]:
        return pq.read_table(self.folder / f"{dataset}.parquet").to_pylist()

    def quarantined(self, dataset: str = "orders") -> list[dict[str, Any]]:
        return pq.read_table(self.folder / "quarantine" / f"{dataset}.parquet").to_pylist()


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
    folder.mkdir(exist_ok=True)
    sources = {}
    for name, content in contents.items():
        path = folder / f"{name}{suffix}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        sources[name] = RawSource(DATASETS[name], path, f"s3://raw/{path.name}")
    return sources
