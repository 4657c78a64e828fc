"""What S3 answers, and whether a snapshot is the one that a run pinned."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.errors import RetryableError, SnapshotGoneError
from include.inputs import snapshot
from include.inputs.snapshot import fetch_snapshot
from include.manifest import RawFile
from include.s3.objects import Client, find_object, read_json, read_object

URL = "s3://curated/snapshots/2026-11-21/run/orders.csv"
RAW: RawFile = {
    "key": "s3://raw/2026-11-21/orders.csv",
    "snapshot_key": URL,
    "snapshot_etag": "pinned",
    "etag": "raw",
    "version_id": None,
    "bytes": 4,
}


class FailingClient:
    """An S3 client that answers every request with one HTTP status."""

    def __init__(self, status: int) -> None:
        self._status = status

    def _fail(self, **_: str) -> None:
        response: Any = {"Error": {"Code": "x"}, "ResponseMetadata": {"HTTPStatusCode": self._status}}
        raise ClientError(response, "AnyRequest")

    head_object = get_object = _fail


@pytest.mark.parametrize("read", [find_object, read_object, read_json])
def test_only_a_404_means_missing(read: Any) -> None:
    assert read(Client(FailingClient(404)), URL) is None
    for status in (403, 400, 500, 503):
        with pytest.raises(ClientError):
            read(Client(FailingClient(status)), URL)


def store_snapshot(monkeypatch: pytest.MonkeyPatch, *, etag: str, arrived: bytes, size: int) -> None:
    monkeypatch.setattr(snapshot, "download_file", lambda _hook, _url, path: path.write_bytes(arrived))
    monkeypatch.setattr(snapshot, "head_object", lambda _hook, _url: {"etag": etag, "bytes": size})


def test_pinned_snapshot_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_snapshot(monkeypatch, etag="pinned", arrived=b"abcd", size=4)

    fetch_snapshot(Client(None), RAW, tmp_path / "orders.csv")

    assert (tmp_path / "orders.csv").read_bytes() == b"abcd"


def test_snapshot_of_another_try_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_snapshot(monkeypatch, etag="other", arrived=b"abcd", size=4)

    with pytest.raises(SnapshotGoneError, match="earlier try"):
        fetch_snapshot(Client(None), RAW, tmp_path / "orders.csv")


def test_short_download_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_snapshot(monkeypatch, etag="pinned", arrived=b"abc", size=4)

    with pytest.raises(RetryableError, match="4 bytes"):
        fetch_snapshot(Client(None), RAW, tmp_path / "orders.csv")


@pytest.mark.parametrize(("status", "error"), [(404, SnapshotGoneError), (403, ClientError)])
def test_only_a_404_means_that_a_snapshot_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, error: type[Exception]
) -> None:
    def download(_hook: object, _url: str, _path: Path) -> None:
        FailingClient(status).get_object()

    monkeypatch.setattr(snapshot, "download_file", download)

    with pytest.raises(error):
        fetch_snapshot(Client(None), RAW, tmp_path / "orders.csv")
