"""`python -m include.local transform`: the transform stage on local files, without Airflow and S3."""

import datetime as dt
import json
from pathlib import Path

from include.config import Settings
from include.contract import DATASETS
from include.engine.raw_file import RawSource
from include.keys import Layout
from include.local.storage import find_raw_files
from include.transform import transform_files


def main(raw_dir: Path, out_dir: Path, day: dt.date) -> None:
    """Transform the raw files of a folder and print their counts as one line of JSON."""
    files = find_raw_files(raw_dir, Layout())
    sources = {
        name: RawSource(dataset, files[dataset.raw_dataset], files[dataset.raw_dataset].name)
        for name, dataset in DATASETS.items()
    }
    counts = transform_files(sources, out_dir, Settings().batch_bytes, day)
    print(json.dumps({name: counts[name] for name in ("rows", "reasons", "total_price")}))
