"""A day through the project on the path; prints what became of it. For `test_adapt.py`."""

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from include.contract import DATASETS
from include.engine.raw_file import RawSource
from include.generate import generate
from include.quality.checkpoint import run_checkpoint
from include.reporting import glue_catalog
from include.transform import transform_files

DAY = dt.date(2026, 11, 21)


def run_day(raw: Path, out: Path) -> dict[str, Any]:
    generate(DAY, raw, orders=3_000, customers=2_000)
    sources = {
        name: RawSource(dataset, raw / f"{name}.csv", f"{name}.csv") for name, dataset in DATASETS.items()
    }
    counts = transform_files(sources, out, 1 << 20, DAY)
    orders = out / "orders.parquet"
    checked = run_checkpoint(orders, counts["rows"]["orders"]["published"], "adapted", [], "")
    return {
        "counts": counts,
        "columns": {name: describe(out / f"{name}.parquet") for name in DATASETS},
        "quarantined": {name: describe(out / "quarantine" / f"{name}.parquet") for name in DATASETS},
        "expectations": [str(each.expectation_config) for each in checked.result.results],
        "failed": checked.failed,
        "catalog": {column["Name"]: column["Type"] for column in glue_catalog.list_columns()},
    }


def describe(path: Path) -> dict[str, list[Any]]:
    """Of each column its type, and how many values it has that are not null."""
    table = pq.read_table(path)
    return {
        name: [str(column.type), len(column) - column.null_count]
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


if __name__ == "__main__":
    print(json.dumps(run_day(Path(sys.argv[1]), Path(sys.argv[2]))))
