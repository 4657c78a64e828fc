"""The shops in `examples/`, each transformed and checked with its own contract; for `test_examples.py`.

A contract applies to a whole process: each shop gets a fork of this one, which has imported the libraries.
"""

import datetime as dt
import json
import os
import sys
from pathlib import Path
from typing import Any

import great_expectations as gx  # noqa: F401 - imported once, before the forks
import pandas as pd  # noqa: F401
import pyarrow.parquet as pq

from tests.example_shops import SHOPS, Shop


def run_shop(shop: Shop, out: Path) -> dict[str, Any]:
    from include.contract import DATASETS
    from include.engine.raw_file import RawSource
    from include.keys import Layout
    from include.local.storage import find_raw_files
    from include.quality.checkpoint import run_checkpoint
    from include.transform import transform_files

    files = find_raw_files(shop.raw, Layout())
    sources = {name: RawSource(DATASETS[name], path, path.name) for name, path in files.items()}
    counts = transform_files(sources, out, 1 << 20, dt.date(2026, 11, 21))
    orders = out / "orders.parquet"
    checked = run_checkpoint(orders, counts["rows"]["orders"]["published"], shop.name, [], "")
    table = pq.read_table(orders)
    return {
        "counts": counts,
        "failed": checked.failed,
        "orders": json.loads(json.dumps(table.slice(0, 1).to_pylist()[0], default=str)),
        "guests": table["customer_id"].null_count if "customer_id" in table.column_names else None,
    }


def run_in_fork(shop: Shop, out: Path) -> None:
    if child := os.fork():
        os.waitpid(child, 0)
        return
    try:
        os.environ["ECOMMERCE_CONTRACT"] = str(shop.contract)
        out.mkdir()
        (out / "result.json").write_text(json.dumps(run_shop(shop, out)))
    finally:
        os._exit(0)


if __name__ == "__main__":
    for each in SHOPS:
        run_in_fork(each, Path(sys.argv[1], each.name))
