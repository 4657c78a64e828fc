"""Cleanup: delete the snapshots, staged objects and unfinished uploads of runs that ended long ago.

A run is over if Airflow says so or no longer knows it, and if nothing was written for it in `keep_days`. Age
alone is not enough: a run may wait weeks for an approval, and an old run may be cleared. Nothing outside the
prefixes of `keys.working` is touched.
"""

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include import keys
from include.s3.listing import ObjectVersion, abort_uploads, delete_versions, list_versions, read_run_id
from include.s3.objects import read_json

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings
    from include.keys import Layout

log = logging.getLogger(__name__)


@dataclass
class RunObjects:
    """Every version of a run's objects, including delete markers. `folder` is the run's part of the keys."""

    day: str
    folder: str
    snapshots: list[ObjectVersion] = field(default_factory=list)
    staged: list[ObjectVersion] = field(default_factory=list)

    @property
    def newest_at(self) -> dt.datetime:
        return max(version.written_at for version in [*self.snapshots, *self.staged])


def clean_up(
    hook: "S3Hook", settings: "Settings", is_live: Callable[[str], bool], now: dt.datetime
) -> list[str]:
    """Delete the objects of old runs that are over. Returns the deleted folders.

    `is_live` says whether Airflow has a run id as queued or running. The snapshot of a published run is
    kept, because `make verify` recomputes the day from it.
    """
    before = now - dt.timedelta(days=settings.keep_days)
    removed = []
    for run in _list_runs(hook, settings.layout):
        if run.newest_at < before and _is_over(hook, run, is_live):
            removed += _remove(hook, settings.layout, run)
    for prefix in keys.working(settings.layout):
        abort_uploads(hook, prefix, before)
    log.info("Removed %s", removed or "nothing")
    return removed


def _list_runs(hook: "S3Hook", layout: "Layout") -> list[RunObjects]:
    runs: dict[tuple[str, str], RunObjects] = {}
    snapshots, staged = keys.working(layout)
    for prefix in (snapshots, staged):
        for version in list_versions(hook, prefix):
            day, _, rest = version.url.removeprefix(prefix).partition("/")
            folder, slash, _ = rest.partition("/")
            if slash:
                run = runs.setdefault((day, folder), RunObjects(day, folder))
                (run.snapshots if prefix == snapshots else run.staged).append(version)
    return list(runs.values())


def _is_over(hook: "S3Hook", run: RunObjects, is_live: Callable[[str], bool]) -> bool:
    # The folder cannot be converted back to a run id, so the id is in the metadata of the objects.
    objects = (version for version in [*run.snapshots, *run.staged] if not version.is_delete_marker)
    run_id = next(filter(None, (read_run_id(hook, version) for version in objects)), None)
    if run_id is None:
        log.warning("Kept %s/%s: none of its objects names the run", run.day, run.folder)
    return run_id is not None and not is_live(run_id)


def _remove(hook: "S3Hook", layout: "Layout", run: RunObjects) -> list[str]:
    """Delete staged objects first: if this is interrupted, the snapshots still name the run."""
    manifest = read_json(hook, keys.manifest(layout, run.day))
    is_published = manifest is not None and keys.safe(manifest["run_id"]) == run.folder
    snapshots, staged = keys.working(layout)
    removable = [(staged, run.staged), (snapshots, [] if is_published else run.snapshots)]
    removed = []
    for prefix, versions in removable:
        if versions:
            delete_versions(hook, versions)
            removed.append(f"{prefix}{run.day}/{run.folder}/")
    return removed
