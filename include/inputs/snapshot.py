"""Download a run's inputs to local disk: the snapshot of its raw files, and the late rows that it uses."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from include.contract import LOOKED_UP
from include.contract.model import LATE
from include.errors import RetryableError, SnapshotGoneError
from include.s3.objects import download_file, head_object, is_missing

if TYPE_CHECKING:
    from include.manifest import RawFile
    from include.s3.objects import Hook


def fetch_snapshot(hook: "Hook", raw: "RawFile", path: Path) -> None:
    """Download exactly the bytes that the run pinned."""
    from botocore.exceptions import ClientError

    url = raw["snapshot_key"]
    try:
        download_file(hook, url, path)
        # Checked after the download: the object may have been replaced while it was read.
        state = head_object(hook, url)
    except ClientError as error:
        if is_missing(error):
            raise SnapshotGoneError(url) from error
        raise
    check_pinned(raw, state["etag"])
    if path.stat().st_size != state["bytes"]:
        raise RetryableError(
            f"{url} has {state['bytes']:,} bytes, of which {path.stat().st_size:,} arrived. "
            "This may be temporary; Airflow will retry."
        )


def check_pinned(raw: "RawFile", etag: str) -> None:
    """Check that the snapshot with this ETag is the one that the run pinned.

    Raises
    ------
    SnapshotGoneError: a later try has replaced it.
    """
    if etag != raw.get("snapshot_etag", etag):
        raise SnapshotGoneError(
            raw["snapshot_key"],
            "this run was cleared and extracted again; this task belongs to the earlier try. Nothing to do.",
        )


def download_late_rows(hook: "Hook", inputs: "Mapping[str, RawFile]", folder: Path) -> dict[str, Path]:
    """Download the customers and products of later days that the run uses; most runs use none."""
    late = {}
    for dataset in LOOKED_UP:
        if pinned := inputs.get(LATE + dataset):
            late[dataset] = folder / f"{dataset}.parquet"
            download_file(hook, pinned["snapshot_key"], late[dataset])
    return late
