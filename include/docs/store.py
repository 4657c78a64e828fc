"""What the site reads from S3. The cost of a page depends on the days that it shows, not on all history."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from cachetools import LRUCache, cached

from include import keys
from include.docs.summary import SUMMARIES, RunSummary
from include.manifest import Manifest

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from botocore.response import StreamingBody

READERS = 8
CHUNK_BYTES = 64 * 1024
NOT_MODIFIED, NOT_FOUND = 304, 404


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it; the same key and ETag mean the same content."""

    bucket: str
    key: str
    etag: str


class Opened:
    """An object that is being read, or only the news that the reader has it already."""

    def __init__(self, etag: str, body: "StreamingBody | None", size: int = 0) -> None:
        self.etag = etag
        self.size = size
        self._body = body

    @property
    def is_unchanged(self) -> bool:
        return self._body is None

    def read(self) -> Iterator[bytes]:
        """The content, piece by piece."""
        if self._body:
            yield from self._body.iter_chunks(CHUNK_BYTES)

    def close(self) -> None:
        """Read no more."""
        if self._body:
            self._body.close()


class Store:
    """The summaries, manifests and pages of one layout."""

    def __init__(self, hook: "S3Hook", layout: keys.Layout) -> None:
        self._hook = hook
        self._layout = layout

    def read_summaries(self, first: str, last: str) -> list[RunSummary]:
        """The validations of the days from `first` to `last`, in the order of day and time."""
        # With the slash: SeaweedFS takes the name of a folder for one that is listed already.
        found = self._list(keys.docs(self._layout, f"{SUMMARIES}/"), f"{first}/", last)
        return cast("list[RunSummary]", self._read_all(found))

    def read_manifests(self, first: str, last: str) -> dict[str, Manifest]:
        """The manifest of each published day from `first` to `last`."""
        prefix = keys.manifest(self._layout, "")[: -len(".json")]
        manifests = cast("list[Manifest]", self._read_all(self._list(prefix, first, last)))
        return {manifest["day"]: manifest for manifest in manifests}

    def find_first_day(self) -> str | None:
        """The first day that any validation was for."""
        prefix = keys.docs(self._layout, f"{SUMMARIES}/")
        bucket, start = self._hook.parse_s3_url(prefix)
        found = self._hook.get_conn().list_objects_v2(Bucket=bucket, Prefix=start, MaxKeys=1)
        return next((item["Key"][len(start) :][:10] for item in found.get("Contents", [])), None)

    def open_page(self, page: str, known_etag: str | None = None) -> Opened | None:
        """A page of the site, or None where there is none."""
        return self._open(keys.docs(self._layout, page), known_etag)

    def open_manifest(self, day: str, known_etag: str | None = None) -> Opened | None:
        return self._open(keys.manifest(self._layout, day), known_etag)

    def _open(self, url: str, known_etag: str | None) -> Opened | None:
        from botocore.exceptions import ClientError

        bucket, key = self._hook.parse_s3_url(url)
        condition = {"IfNoneMatch": known_etag} if known_etag else {}
        try:
            found = self._hook.get_conn().get_object(Bucket=bucket, Key=key, **condition)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == NOT_MODIFIED:
                return Opened(known_etag or "", None)
            if status == NOT_FOUND:
                return None
            raise
        return Opened(found["ETag"], found["Body"], found["ContentLength"])

    def _list(self, prefix: str, start_after: str, last: str) -> Iterator[Listed]:
        """The objects whose keys go on with a day, until the day `last`; earlier days are not even listed."""
        bucket, start = self._hook.parse_s3_url(prefix)
        pages = self._hook.get_conn().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=start, StartAfter=f"{start}{start_after}"):
            for item in page.get("Contents", []):
                if item["Key"][len(start) :][:10] > last:
                    return
                yield Listed(bucket, item["Key"], item["ETag"])

    def _read_all(self, found: Iterator[Listed]) -> list[Mapping[str, Any]]:
        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(lambda listed: read_document(listed, self._fetch), found))

    def _fetch(self, listed: Listed) -> bytes:
        found = self._hook.get_conn().get_object(Bucket=listed.bucket, Key=listed.key)
        return cast("bytes", found["Body"].read())


@cached(LRUCache(maxsize=4096), key=lambda listed, _: listed, lock=threading.Lock())
def read_document(listed: Listed, fetch: Callable[[Listed], bytes]) -> Mapping[str, Any]:
    """A JSON document, read from S3 once; a new content has a new ETag."""
    document: Mapping[str, Any] = json.loads(fetch(listed))
    return document
