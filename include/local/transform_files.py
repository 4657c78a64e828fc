"""`python -m include.local transform`: the transform stage on local files, without Airflow and S3."""

import json
from pathlib import Path

from include.config import Settings
from include.contract import DATASETS
from include.engine.raw_file import RawSource
from include.errors import RawFileError
from include.transform import transform_files


def main(raw_dir: Path, out_dir: Path) -> None:
    """Transform the raw files of a folder and print their counts as one line of JSON."""
    sources = {name: RawSource(dataset, *_find(raw_dir, name)) for name, dataset in DATASETS.items()}
    counts = transform_files(sources, out_dir, Settings().batch_bytes)
    print(json.dumps({name: counts[name] for name in ("rows", "reasons", "total_price")}))


def _find(raw_dir: Path, dataset: str) -> tuple[Path, str]:
    """The file of a dataset, compressed or not, and its name."""
    for name in (f"{dataset}.csv", f"{dataset}.csv.gz"):
        if (raw_dir / name).is_file():
            return raw_dir / name, name
    wanted = str(raw_dir / f"{dataset}.csv")
    raise RawFileError(wanted, "", "there is no such file", f"A day has {', '.join(DATASETS)}.")
