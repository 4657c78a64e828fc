"""The local copy of a run's outputs: `.local/output/{day}/`."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include import keys
from include.contract import DATASETS
from include.keys import Layout
from include.s3.objects import download_file

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook


def copy_published(hook: "S3Hook", layout: Layout, day: str, target: Path) -> dict[str, Any]:
    """Copy the objects that the manifest names. Returns the manifest."""
    with replace_folder(target) as folder:
        manifest = _copy_document(hook, keys.manifest(layout, day), folder / "manifest.json")
        for name, output in manifest["outputs"].items():
            download_file(hook, output["key"], folder / f"{name}.parquet")
        _copy_docs(hook, manifest["quality"], folder / "docs")
    return manifest


def copy_rejected(hook: "S3Hook", layout: Layout, day: str, run_id: str, target: Path) -> Path | None:
    """Copy the outputs of a run with a closed gate to `rejected`, beside those of an earlier publication.

    Returns that folder; None if the gate did not stop the run. What an earlier run left there is removed.
    """
    rejected = target / "rejected"
    gate_key = keys.staged(layout, day, run_id, "gate.json")
    if not hook.check_for_key(gate_key):
        shutil.rmtree(rejected, ignore_errors=True)
        return None
    with replace_folder(rejected) as folder:
        gate = _copy_document(hook, gate_key, folder / "gate.json")
        for dataset in DATASETS:
            name = f"quarantine/{dataset}.parquet"
            download_file(hook, keys.staged(layout, day, run_id, name), folder / name)
        _copy_docs(hook, gate["quality"], folder / "docs")
    return rejected


@contextmanager
def replace_folder(target: Path) -> Iterator[Path]:
    """A new folder that replaces `target` at the end; after an error the old one stays."""
    new, old = (target.with_name(f".{target.name}.{which}.{os.getpid()}") for which in ("new", "old"))
    new.mkdir(parents=True)
    try:
        yield new
        if target.exists():
            target.rename(old)
        new.rename(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _copy_document(hook: "S3Hook", url: str, path: Path) -> dict[str, Any]:
    download_file(hook, url, path)
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _copy_docs(hook: "S3Hook", quality: Mapping[str, Any], folder: Path) -> None:
    """Copy the run's folder of the data-quality site."""
    bucket, key = hook.parse_s3_url(quality["docs_key"])
    prefix = key.rpartition("/")[0] + "/"
    for found in hook.list_keys(bucket_name=bucket, prefix=prefix):
        download_file(hook, f"s3://{bucket}/{found}", folder / found.removeprefix(prefix))
