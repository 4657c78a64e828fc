"""Reads, replaces and restores a published day, so that concurrent runs cannot mix their outputs.

S3 replaces single objects atomically, but a day has several. The manifest names the version of every object,
and it is replaced only if it has not changed since this run read it. Every publication, successful or not,
ends by restoring the versions in the manifest. So a concurrent or delayed run of the day has no lasting
effect. See docs/promises.md.
"""

import datetime as dt
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include import keys
from include.contract import DATASETS, DELIVERED
from include.contract.model import LATE, REPAIRS
from include.day import format_instant
from include.errors import OlderDeliveryError, PublishConflictError
from include.manifest import (
    Candidate,
    Correction,
    Extracted,
    Manifest,
    Output,
    code_version,
    digest_inputs,
)
from include.s3.conditional import ObjectChangedError, replace_json, replace_object
from include.s3.objects import find_object, read_object

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.keys import Layout

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ManifestVersion:
    """A manifest and its version in S3; all None if the day was never published."""

    manifest: Manifest | None
    etag: str | None
    version_id: str | None


@dataclass(frozen=True)
class PublishedDay:
    """The state of a day before its publication by this run.

    Parameters
    ----------
    etags: the ETag of each published object by its key; None if the object does not exist.
    previous: the manifest that this run replaces.
    """

    hook: "S3Hook"
    layout: "Layout"
    day: str
    etags: dict[str, str | None]
    previous: ManifestVersion

    def replace(self, candidate: Candidate, correction: Correction | None) -> Manifest:
        """Replace the tables and then the manifest, which publishes the day. Returns the manifest.

        Raises
        ------
        ObjectChangedError: another run replaced a table or published the day.
        StagedChangedError: an earlier try of this run, from other raw files, wrote a staged table.
        """
        outputs = self.replace_tables(candidate)
        manifest = make_manifest(candidate, outputs, correction)
        self.replace_manifest(manifest)
        return manifest

    def replace_tables(self, candidate: Candidate) -> dict[str, Output]:
        """Copy each staged table and quarantine over the published one, unless that has changed since."""
        outputs: dict[str, Output] = {}
        for dataset in DATASETS:
            rows = candidate.counts["rows"][dataset]
            quarantine = f"quarantine/{dataset}"
            published_key = keys.published(self.layout, self.day, dataset)
            quarantine_key = keys.quarantine(self.layout, self.day, dataset)
            outputs[dataset] = self._replace(candidate, dataset, published_key, rows["published"])
            outputs[quarantine] = self._replace(candidate, quarantine, quarantine_key, rows["quarantined"])
        return outputs

    def _replace(self, candidate: Candidate, name: str, url: str, rows: int) -> Output:
        staged = candidate.transformed["staged"][f"{name}.parquet"]
        made_from = digest_inputs(candidate.extracted["inputs"])
        state = replace_object(self.hook, staged, url, self.etags[url], made_from=made_from)
        return {**state, "rows": rows}

    def replace_manifest(self, manifest: Manifest) -> None:
        """Write the new manifest, which makes the new versions the published ones."""
        replace_json(self.hook, manifest, keys.manifest(self.layout, self.day), self.previous.etag)


def make_manifest(
    candidate: Candidate, outputs: dict[str, Output], correction: Correction | None
) -> Manifest:
    validated = candidate.validated
    return {
        "day": candidate.day,
        "run_id": candidate.run_id,
        "code_version": code_version(),
        "started_at": candidate.started_at,
        "published_at": format_instant(dt.datetime.now(dt.UTC)),
        "inputs": candidate.extracted["inputs"],
        **candidate.counts,
        "quality": validated["quality"],
        "approval": None if validated["gate"]["is_open"] else candidate.approval,
        "outputs": outputs,
        "correction": correction,
    }


@contextmanager
def open_day(hook: "S3Hook", layout: "Layout", extracted: Extracted) -> Iterator[PublishedDay]:
    """Read a day to replace it. In any case, the published keys hold the versions in the manifest at the end.

    Raises
    ------
    OlderDeliveryError: the published day has a later delivery, or repaired or late rows that the run lacks.
    PublishConflictError: another run published the day at the same time; a retry starts from its publication.
    """
    day = extracted["day"]
    try:
        # Objects first: if another run publishes in between, their ETags are outdated and no copy works.
        # In the other order, objects would be replaced before the write of the manifest fails.
        etags = {url: _find_etag(hook, url) for url in list_keys(layout, day)}
        previous = read_manifest(hook, layout, day)
        reject_stale_run(previous.manifest, extracted)
        yield PublishedDay(hook, layout, day, etags, previous)
    except ObjectChangedError as error:
        raise PublishConflictError(
            f"Another run published {day} at the same time ({error}). Airflow will retry."
        ) from error
    finally:
        restore_day(hook, layout, day)


def list_keys(layout: "Layout", day: str) -> list[str]:
    return [
        find_key(layout, day, name) for name in DATASETS for find_key in (keys.published, keys.quarantine)
    ]


def _find_etag(hook: "S3Hook", url: str) -> str | None:
    state = find_object(hook, url)
    return state["etag"] if state else None


def read_manifest(hook: "S3Hook", layout: "Layout", day: str) -> ManifestVersion:
    found = read_object(hook, keys.manifest(layout, day))
    if found is None:
        return ManifestVersion(None, None, None)
    state, body = found
    return ManifestVersion(json.loads(body), state["etag"], state["version_id"])


def restore_day(hook: "S3Hook", layout: "Layout", day: str) -> None:
    """Make the published keys hold the versions in the manifest, whatever another run did in the meantime.

    Every run ends with this and repeats it until the manifest no longer changes, so the day is consistent
    after the last run. In a bucket without versioning nothing can be restored.
    """
    etag = None
    while True:
        current = read_manifest(hook, layout, day)
        if current.manifest is None or current.etag == etag:
            return
        etag = current.etag
        for output in current.manifest["outputs"].values():
            _restore_object(hook, output)


def _restore_object(hook: "S3Hook", output: Output) -> None:
    url, version_id = output["key"], output["version_id"]
    etag = _find_etag(hook, url)
    if version_id is None or etag == output["etag"]:
        return
    log.warning("%s is not what the manifest names; restoring version %s", url, version_id)
    try:
        replace_object(hook, url, url, etag, version_id=version_id)
    except ObjectChangedError:
        log.warning("%s is being replaced by another run, which will restore it", url)


def reject_stale_run(published: Manifest | None, extracted: Extracted) -> None:
    """Reject a delayed run that would replace later deliveries, repairs or late rows.

    Raises
    ------
    OlderDeliveryError: the published day has a later delivery, or repaired or late rows that this run lacks.
    """
    if published is not None:
        _reject_older_delivery(published, extracted)
        _reject_missing_rows(published, extracted)


def _reject_older_delivery(published: Manifest, extracted: Extracted) -> None:
    # A day that was published before a dataset was declared has no file of it.
    for dataset in (name for name in DELIVERED if name in published["inputs"]):
        own = extracted["inputs"][dataset].get("written_at")
        newest = published["inputs"][dataset].get("written_at")
        if own and newest and own < newest:
            raise OlderDeliveryError(
                f"{extracted['day']} was published by run {published['run_id']} with {dataset} delivered at "
                f"{newest}; this run has those of {own}. Nothing was published. If the later delivery is "
                "still in raw, there is nothing to do; to publish the present raw files, clear this run from "
                "extract on. If the later delivery was withdrawn and an earlier version restored, deliver "
                "that version again first."
            )


def _reject_missing_rows(published: Manifest, extracted: Extracted) -> None:
    """A run that was extracted after the publication is fine: if it lacks the rows, they were withdrawn."""
    pinned_at = extracted.get("pinned_at")
    if pinned_at is None or pinned_at >= published["published_at"]:
        return
    added = [name for name in published["inputs"] if name.startswith((REPAIRS, LATE))]
    if missing := [name for name in added if name not in extracted["inputs"]]:
        raise OlderDeliveryError(
            f"{extracted['day']} was published by run {published['run_id']} at {published['published_at']} "
            f"with {', '.join(missing)}; this run was extracted earlier, at {pinned_at}, without them. "
            "Nothing was published. To publish the present files, clear this run from extract on; otherwise "
            "there is nothing to do."
        )
