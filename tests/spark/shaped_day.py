"""A day of another contract on Spark and on one machine; for `test_shapes.py`."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

from include import keys
from include.config import Settings
from include.contract import DELIVERED
from include.extract import extract
from include.local.settings_file import Connection
from include.local.spark import run_spark
from include.local.state import State
from include.local.storage import open_hook, upload_raw_files
from include.s3.objects import download_file
from include.spark.transform_day import Sizes, transform_day
from include.transform import transform

DAY = "2026-03-02"


def main(folder: Path, connection: Connection) -> None:
    """Compare both for small ranges, with lookups in memory and joined."""
    settings = Settings()
    hook = open_hook(connection, State(folder))
    upload_raw_files(hook, settings.layout, DAY, {name: folder / f"{name}.csv" for name in DELIVERED})
    extracted = extract(hook, settings, DAY, folder.name)
    expected = transform(hook, settings, extracted)
    staged = keys.staged(settings.layout, DAY, f"spark {folder.name}", "")
    with run_spark(2, connection) as session, TemporaryDirectory() as scratch:
        for lookup_bytes in (0, 1 << 20):
            sizes = Sizes(batch_bytes=1 << 20, range_bytes=60, lookup_bytes=lookup_bytes)
            found = transform_day(session, extracted, staged, sizes)
            assert found["counts"] == expected["counts"], found["counts"]
            for name, url in found["staged"].items():
                tables = []
                for each in (url, expected["staged"][name]):
                    download_file(hook, each, Path(scratch, "table"))
                    tables.append(pq.read_table(Path(scratch, "table")))
                assert tables[0].schema == tables[1].schema, name
                assert tables[0].equals(tables[1]), name


if __name__ == "__main__":
    main(Path(sys.argv[1]), Connection(**json.loads(sys.argv[2])))
