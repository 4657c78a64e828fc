"""Days of several contracts, each in a process of its own; prints what became of them. For `test_shapes.py`.

What is slow to import is imported once, before the processes are forked. The contract is read after that.
"""

import datetime as dt
import json
import os
import sys
from pathlib import Path
from typing import Any

import duckdb  # noqa: F401 - imported for the forked processes
import great_expectations.expectations  # noqa: F401
import pyarrow.parquet as pq


def run_day(folder: Path) -> dict[str, Any]:
    from include.contract import DATASETS
    from include.engine.raw_file import RawSource
    from include.quality.checkpoint import run_checkpoint
    from include.reporting import glue_catalog
    from include.transform import transform_files

    sources = {
        name: RawSource(dataset, folder / f"{dataset.raw_dataset}.csv", f"{dataset.raw_dataset}.csv")
        for name, dataset in DATASETS.items()
    }
    # Batches of a few lines: what is found must not depend on where they end.
    counts = transform_files(sources, folder / "out", 150, dt.date(2026, 11, 21))
    orders = folder / "out" / "orders.parquet"
    checked = run_checkpoint(orders, counts["rows"]["orders"]["published"], "shape", [], "")
    return {
        "counts": counts,
        "published": {name: read(folder / "out" / f"{name}.parquet") for name in DATASETS},
        "rejected": {name: read(folder / "out" / "quarantine" / f"{name}.parquet") for name in DATASETS},
        "failed": checked.failed,
        "types": {
            "parquet": {field.name: str(field.type) for field in pq.read_schema(orders)},
            "catalog": {column["Name"]: column["Type"] for column in glue_catalog.list_columns()},
        },
    }


def read(path: Path) -> list[dict[str, Any]]:
    # The day is the same in every row.
    names = [name for name in pq.read_schema(path).names if name != "day"]
    rows: list[dict[str, Any]] = pq.read_table(path, columns=names).to_pylist()
    return rows


def main(folders: list[str]) -> int:
    for folder in folders:
        process = os.fork()
        if not process:
            os.environ["ECOMMERCE_CONTRACT"] = str(Path(folder, "contract.py"))
            result = run_day(Path(folder))
            Path(folder, "result.json").write_text(json.dumps(result, default=str))
            os._exit(0)
        if status := os.waitpid(process, 0)[1]:
            return os.waitstatus_to_exitcode(status)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
