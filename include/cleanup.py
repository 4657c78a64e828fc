"""Clean-up: remove the snapshots, staged outputs and unfinished uploads that dead runs left.

A run is dead when Airflow says that it has ended, or knows it no longer, and nothing was written for it for
`keep_days`. Age alone is never enough: a run may wait for a person for weeks, and an old one may be cleared.
Nothing outside the two prefixes of `keys.working` is ever touched.
"""

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include import keys
from include.s3.objects import read_json
from include.s3.versions import (
    ObjectVersion,
    abort_uploads,
    delete_versions,
    list_versions,
    read_run_id,
)

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings
    from include.keys import Layout

log = logging.getLogger(__name__)


@dataclass
class RunFolders:
    """What one run left: every version of its objects, delete markers included."""

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
    """Remove what dead runs left. Returns the folders that were removed.

    `is_live` tells whether Airflow holds a run, by its id, for queued or running. The snapshot of the run
    that a day's manifest names stays: it is what was published, byte for byte.
    """
    before = now - dt.timedelta(days=settings.keep_days)
    removed = []
    for run in _list_runs(hook, settings.layout):
        if run.newest_at < before and _is_dead(hook, run, is_live):
            removed += _remove(hook, settings.layout, run)
    for prefix in keys.working(settings.layout):
        abort_uploads(hook, prefix, before)
    log.info("Removed %s", removed or "nothing")
    return removed


def _list_runs(hook: "S3Hook", layout: "Layout") -> list[RunFolders]:
    runs: dict[tuple[str, str], RunFolders] = {}
    snapshots, staged = keys.working(layout)
    for prefix in (snapshots, staged):
        for version in list_versions(hook, prefix):
            day, _, rest = version.url.removeprefix(prefix).partition("/")
            folder, slash, _ = rest.partition("/")
            if slash:
                run = runs.setdefault((day, folder), RunFolders(day, folder))
                (run.snapshots if prefix == snapshots else run.staged).append(version)
    return list(runs.values())


def _is_dead(hook: "S3Hook", run: RunFolders, is_live: Callable[[str], bool]) -> bool:
    run_id = next(_find_run_ids(hook, run), None)
    if run_id is None:
        log.warning("Left %s/%s alone: nothing in it says which run it belongs to", run.day, run.folder)
        return False
    return not is_live(run_id)


def _find_run_ids(hook: "S3Hook", run: RunFolders) -> Iterator[str]:
    """The run's id as its objects carry it; the name of a folder does not give it back."""
    for version in [*run.snapshots, *run.staged]:
        run_id = None if version.is_delete_marker else read_run_id(hook, version)
        if run_id:
            yield run_id


def _remove(hook: "S3Hook", layout: "Layout", run: RunFolders) -> list[str]:
    """Staged objects go first: the snapshots carry the run's id, should this be cut off."""
    manifest = read_json(hook, keys.manifest(layout, run.day))
    is_published = manifest is not None and keys.safe(manifest["run_id"]) == run.folder
    snapshots, staged = keys.working(layout)
    leftovers = [(staged, run.staged), (snapshots, [] if is_published else run.snapshots)]
    removed = []
    for prefix, versions in leftovers:
        if versions:
            delete_versions(hook, versions)
            removed.append(f"{prefix}{run.day}/{run.folder}/")
    return removed
