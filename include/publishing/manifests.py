"""Reads the manifests of many days, in parallel."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

from include import keys
from include.manifest import Manifest
from include.s3.objects import read_json

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

_READERS = 8


def read_manifests(hook: "S3Hook", layout: keys.Layout, days: Iterable[str]) -> dict[str, Manifest]:
    """The manifests of those days that are published, in the given order. Costs one request per day."""

    def read(day: str) -> tuple[str, Manifest | None]:
        return day, cast("Manifest | None", read_json(hook, keys.manifest(layout, day)))

    # Create the client before the threads: each would create one.
    hook.get_conn()
    with ThreadPoolExecutor(_READERS) as pool:
        return {day: manifest for day, manifest in pool.map(read, days) if manifest}
