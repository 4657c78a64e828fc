"""What is published of a day right now, and how it is replaced by exactly one run at a time.

S3 replaces one object in one step, but a day is several. Two things make them one: the manifest names the
version of every object, and is itself replaced only as it was when the run began to publish; and whoever
publishes, wins or loses, leaves the published keys as the manifest names them. So a run that was thought dead
and goes on, or a second run of the same day, changes nothing for good. docs/promises.md says the rest.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include import keys
from include.contract import DATASETS
from include.contract.model import LATE, REPAIRS
from include.errors import DayUnregisteredError, OlderDeliveryError, RetryableError
from include.manifest import Extracted, Manifest
from include.s3.conditional import ObjectChangedError, replace_object
from include.s3.objects import find_object, read_object

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.keys import Layout

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """What a run found: the ETag of each published object by its key, None where there is none."""

    etags: dict[str, str | None]
    manifest: Manifest | None
    manifest_etag: str | None
    manifest_version: str | None


def read_published(hook: "S3Hook", layout: "Layout", day: str) -> Published:
    """The state of a day before it is replaced.

    The objects come before the manifest: were a run to end in between, they would be out of date and could
    not be replaced; the other way round they would be replaced for a manifest that cannot be.
    """
    etags = {}
    for url in _list_keys(layout, day):
        state = find_object(hook, url)
        etags[url] = state["etag"] if state else None
    return Published(etags, *_read_manifest(hook, layout, day))


def _list_keys(layout: "Layout", day: str) -> list[str]:
    return [of(layout, day, dataset) for dataset in DATASETS for of in (keys.published, keys.quarantine)]


def _read_manifest(
    hook: "S3Hook", layout: "Layout", day: str
) -> tuple[Manifest | None, str | None, str | None]:
    """The manifest, its ETag and its version."""
    found = read_object(hook, keys.manifest(layout, day))
    if found is None:
        return None, None, None
    state, body = found
    return json.loads(body), state["etag"], state["version_id"]


def reject_older_delivery(published: Published, extracted: Extracted) -> None:
    """A run that was held up may not put an earlier delivery in the place of a later one.

    Raises
    ------
    OlderDeliveryError: a file of this run was delivered before the one that was published.
    """
    if published.manifest is None:
        return
    # A day from before a dataset was declared has no file of it.
    for dataset in (name for name in DATASETS if name in published.manifest["inputs"]):
        own = extracted["inputs"][dataset].get("written_at")
        newest = published.manifest["inputs"][dataset].get("written_at")
        if own and newest and own < newest:
            raise OlderDeliveryError(
                f"{extracted['day']} was published by run {published.manifest['run_id']} with the "
                f"{dataset} delivered at {newest}; this run works on those of {own}. Nothing was published. "
                "While the later delivery lies in raw, nothing has to be done; to publish what lies there "
                "now, clear this run from extract on. If the later delivery was withdrawn and an earlier "
                "version lies there again, deliver that version once more first."
            )


def reject_stale_run(published: Published, extracted: Extracted) -> None:
    """A run that was held up may not drop what people repaired, or what came late, and is published.

    A run that was extracted after that publication knew of it: where it has no repairs, they were taken back.

    Raises
    ------
    OlderDeliveryError: repaired or late rows were published after this run was extracted, which lacks them.
    """
    manifest, pinned_at = published.manifest, extracted.get("pinned_at")
    if manifest is None or pinned_at is None or pinned_at >= manifest["published_at"]:
        return
    added = [name for name in manifest["inputs"] if name.startswith((REPAIRS, LATE))]
    if lacking := [name for name in added if name not in extracted["inputs"]]:
        raise OlderDeliveryError(
            f"{extracted['day']} was published by run {manifest['run_id']} at {manifest['published_at']} "
            f"with {', '.join(lacking)}; this run was extracted at {pinned_at}, before that, and does not "
            "have them. Nothing was published. To publish the day from what is there now, clear this run "
            "from extract on; otherwise nothing has to be done."
        )


@contextmanager
def published_before(hook: "S3Hook", layout: "Layout", extracted: Extracted) -> Iterator[None]:
    """For what comes before publishing: say so if an earlier try of the run has published already.

    Raises
    ------
    DayUnregisteredError: in place of a RetryableError, where the manifest is this run's, from the same files.
    """
    try:
        yield
    except RetryableError as error:
        manifest = _read_manifest(hook, layout, extracted["day"])[0]
        is_own = manifest is not None and manifest["run_id"] == extracted["run_id"]
        if manifest is None or not is_own or manifest["inputs"] != extracted["inputs"]:
            raise
        raise DayUnregisteredError(str(error)) from error.__cause__


def restore_manifest_versions(hook: "S3Hook", layout: "Layout", day: str) -> None:
    """Have the published keys hold what the manifest names, whatever another run did meanwhile.

    Every run does so at its end and goes on until the manifest stays the same, so the last one to end leaves
    all in order. Without versions in the bucket there is nothing to put back.
    """
    etag = ""
    while True:
        manifest, current, _ = _read_manifest(hook, layout, day)
        if manifest is None or current == etag:
            return
        etag = current or ""
        for output in manifest["outputs"].values():
            _put_back(hook, output["key"], output["etag"], output["version_id"])


def _put_back(hook: "S3Hook", url: str, etag: str, version_id: str | None) -> None:
    state = find_object(hook, url)
    if version_id is None or (state and state["etag"] == etag):
        return
    log.warning("%s is not what the manifest names; version %s is put back", url, version_id)
    try:
        replace_object(hook, url, url, state["etag"] if state else None, version_id=version_id)
    except ObjectChangedError:
        log.warning("%s is being replaced by another run, which looks after it", url)
