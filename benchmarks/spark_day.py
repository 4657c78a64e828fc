"""`python -m benchmarks.spark_day CORES ENDPOINT_URL RAW_DIR`: one day on Spark, from and to a store."""

import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.data import DAY
from include import keys
from include.config import Settings
from include.extract import extract
from include.local.settings_file import read_settings
from include.local.spark import run_spark
from include.local.state import State
from include.local.storage import create_buckets, find_raw_files, open_hook, upload_raw_files
from include.spark.transform_day import Sizes, transform_day


def main(cores: int, endpoint_url: str, raw_dir: Path) -> None:
    settings, day = Settings(), DAY.isoformat()
    connection = read_settings(s3_port=int(endpoint_url.rpartition(":")[2])).store
    with tempfile.TemporaryDirectory(prefix="spark-day-") as folder:
        state = State(Path(folder))
        state.create()
        hook = open_hook(connection, state)
    create_buckets(hook, settings.layout)
    upload_raw_files(hook, settings.layout, day, find_raw_files(raw_dir, settings.layout))
    extracted = extract(hook, settings, day, f"spark {cores}")
    with run_spark(cores, connection) as session:
        started = time.perf_counter()
        staged = keys.staged(settings.layout, day, f"spark {cores}", "")
        # Ranges that keep both cores busy at sizes that fit on one machine.
        sizes = Sizes(batch_bytes=settings.batch_bytes, range_bytes=16 * 1024 * 1024)
        transformed = transform_day(session, extracted, staged, sizes)
        seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "counts": transformed["counts"]}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
