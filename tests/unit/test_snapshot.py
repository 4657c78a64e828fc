"""Whether a snapshot is the one that a run pinned."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from include.errors import RetryableError, SnapshotGoneError
from include.inputs.snapshot import fetch_snapshot
from include.manifest import RawFile
from include.s3.objects import head_object
from tests.memory_s3 import MemoryS3

URL = "s3://ecommerce-curated/snapshots/2026-11-21/run/orders.csv"
RAW: RawFile = {
    "key": "s3://ecommerce-raw/2026-11-21/orders.csv",
    "snapshot_key": URL,
    "etag": "raw",
    "version_id": None,
    "bytes": 4,
}


@pytest.fixture
def raw(s3: MemoryS3) -> RawFile:
    """A raw file, with the pinned snapshot of it in S3."""
    s3.put(URL, b"abcd")
    return {**RAW, "snapshot_etag": head_object(s3, URL)["etag"]}


def test_pinned_snapshot_is_fetched(s3: MemoryS3, raw: RawFile, tmp_path: Path) -> None:
    fetch_snapshot(s3, raw, tmp_path / "orders.csv")

    assert (tmp_path / "orders.csv").read_bytes() == b"abcd"


def test_snapshot_of_another_try_is_rejected(s3: MemoryS3, raw: RawFile, tmp_path: Path) -> None:
    s3.put(URL, b"dcba")

    with pytest.raises(SnapshotGoneError, match="earlier try"):
        fetch_snapshot(s3, raw, tmp_path / "orders.csv")


def test_short_download_is_retried(s3: MemoryS3, raw: RawFile, tmp_path: Path) -> None:
    s3.before_request = lambda operation: s3.put(URL, b"abcde") if operation == "HeadObject" else None

    with pytest.raises(RetryableError, match="has 5 bytes, of which 4 arrived"):
        fetch_snapshot(s3, RAW, tmp_path / "orders.csv")


@pytest.mark.parametrize(("status", "error"), [(404, SnapshotGoneError), (403, ClientError)])
def test_only_a_404_means_that_a_snapshot_is_gone(
    s3: MemoryS3, raw: RawFile, tmp_path: Path, status: int, error: type[Exception]
) -> None:
    s3.failures = {"GetObject": status}

    with pytest.raises(error):
        fetch_snapshot(s3, raw, tmp_path / "orders.csv")
