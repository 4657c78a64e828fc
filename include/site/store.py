"""What the site reads from S3. The cost of a page depends on the days that it shows, not on all history."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError
from cachetools import LRUCache, cached

from include import keys
from include.contract import DELIVERED
from include.manifest import Manifest
from include.s3.listing import Listed, find_first_name, list_objects
from include.s3.streams import Opened, open_object, open_unless_known
from include.site.summary import FAILURES, SUMMARIES, RunFailure, RunSummary

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

READERS = 8
DAY_CHARACTERS = len("2026-11-21")


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

    def read_failures(self, first: str, last: str) -> list[RunFailure]:
        """The failed runs of the days from `first` to `last`, in the order of day and time."""
        found = self._list(keys.docs(self._layout, f"{FAILURES}/"), f"{first}/", last)
        return cast("list[RunFailure]", self._read_all(found))

    def read_manifests(self, first: str, last: str) -> dict[str, Manifest]:
        """The manifest of each published day from `first` to `last`."""
        found = self._list(keys.manifests(self._layout), first, last)
        manifests = cast("list[Manifest]", self._read_all(found))
        return {manifest["day"]: manifest for manifest in manifests}

    def find_first_day(self) -> str | None:
        """The first day that any run was for."""
        names = (
            find_first_name(self._hook, keys.docs(self._layout, f"{kind}/")) for kind in (SUMMARIES, FAILURES)
        )
        return min((name[:DAY_CHARACTERS] for name in names if name), default=None)

    def find_missing_files(self, day: str) -> list[str] | None:
        """The raw files of a day that have not arrived; None if this login may not look."""
        try:
            return [url for url in self._list_raw(day) if not self._exists(url)]
        except ClientError:
            return None

    def _list_raw(self, day: str) -> list[str]:
        return [keys.raw(self._layout, day, dataset) for dataset in DELIVERED]

    def _exists(self, url: str) -> bool:
        """Looked up in a listing, which shows no content."""
        return find_first_name(self._hook, url) == ""

    def open_page(self, page: str, known_etag: str | None = None) -> Opened | None:
        """A page of the site, or None where there is none."""
        return open_unless_known(self._hook, keys.docs(self._layout, page), known_etag)

    def open_manifest(self, day: str, known_etag: str | None = None) -> Opened | None:
        return open_unless_known(self._hook, keys.manifest(self._layout, day), known_etag)

    def _list(self, prefix: str, after: str, last: str) -> Iterator[Listed]:
        """The objects whose names begin with a day, up to `last`; those before `after` are not listed."""
        found = list_objects(self._hook, prefix, after=after)
        return takewhile(lambda listed: listed.name[:DAY_CHARACTERS] <= last, found)

    def _read_all(self, found: Iterator[Listed]) -> list[Mapping[str, Any]]:
        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(lambda listed: read_document(listed, self._fetch), found))

    def _fetch(self, listed: Listed) -> bytes:
        return cast("bytes", open_object(self._hook, listed.url).read())


@cached(LRUCache(maxsize=4096), key=lambda listed, _: listed, lock=threading.Lock())
def read_document(listed: Listed, fetch: Callable[[Listed], bytes]) -> Mapping[str, Any]:
    """A JSON document, read from S3 once; a new content has a new ETag."""
    document: Mapping[str, Any] = json.loads(fetch(listed))
    return document
