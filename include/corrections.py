"""Which published days are to be run again, because something that went into them has changed since.

Only the days of the look-back are looked at, so a look costs the same however long the history is.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include import keys
from include.contract import DATASETS
from include.dataset import LATE, REPAIRS
from include.day import days_until
from include.late import Missing, find_arrivals
from include.lookback import read_manifests
from include.manifest import Manifest, compare_inputs
from include.objects import ObjectState, find_object

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings

log = logging.getLogger(__name__)

RUN_PREFIX = "correction__"


@dataclass(frozen=True)
class Change:
    """A published day whose inputs are no longer those of its manifest.

    Parameters
    ----------
    inputs: what became of each input that changed: `added`, `removed` or `replaced`.
    run_id: names the change: the same change of the same publication has the same one.
    """

    day: str
    inputs: dict[str, str]
    run_id: str

    def __str__(self) -> str:
        return f"{self.day}: " + ", ".join(f"{name} was {what}" for name, what in self.inputs.items())


def look(hook: "S3Hook", settings: "Settings", last_day: str) -> list[Change]:
    """What has changed in the published days of the look-back that ends with `last_day`.

    A day that lacks a raw file is left out: its run would wait for the file.
    """
    manifests = read_manifests(hook, settings.layout, days_until(last_day, settings.correction_days))
    arrivals = find_arrivals(hook, manifests, manifests)
    changes = []
    for day, manifest in manifests.items():
        inputs = find_inputs(hook, settings.layout, day)
        if missing := [name for name in DATASETS if name not in inputs]:
            report_missing(manifest, missing)
        elif change := find_change(manifest, inputs, arrivals.get(day, {})):
            changes.append(change)
            log.info("To be run again: %s", change)
    log.info("Looked at %s published days up to %s", len(manifests), last_day)
    return changes


def report_missing(manifest: Manifest, missing: list[str]) -> None:
    """Warn of raw files that are gone; a dataset that was declared later was never there."""
    if gone := [name for name in missing if name in manifest["inputs"]]:
        log.warning("%s was published from raw files that are gone: %s", manifest["day"], ", ".join(gone))
    else:
        log.info("%s has no file of %s: it is not run again", manifest["day"], ", ".join(missing))


def find_inputs(hook: "S3Hook", layout: keys.Layout, day: str) -> dict[str, ObjectState]:
    """What a run of the day would find now, by the names that manifests use."""
    urls = {dataset: keys.raw(layout, day, dataset) for dataset in DATASETS}
    urls |= {REPAIRS + dataset: keys.repair(layout, day, dataset) for dataset in DATASETS}
    found = {name: find_object(hook, url) for name, url in urls.items()}
    return {name: state for name, state in found.items() if state}


def find_change(
    manifest: Manifest, inputs: Mapping[str, ObjectState], arrived: Mapping[Missing, str]
) -> Change | None:
    """How the inputs differ from those that the manifest names; None when they do not.

    `arrived` are the looked-up rows that heal refused orders of the day, with the day they are from.
    """
    before = manifest["inputs"]
    # Late rows are compared below. A dataset that the contract has dropped changes nothing any more.
    delivered = {name: file for name, file in before.items() if name.removeprefix(REPAIRS) in DATASETS}
    changed = compare_inputs(delivered, inputs)
    for name in sorted({LATE + dataset for dataset, _ in arrived}):
        changed[name] = "replaced" if name in before else "added"
    if not changed:
        return None
    etags = {name: state["etag"] for name, state in inputs.items()}
    return Change(manifest["day"], changed, name_run(manifest, etags, sorted(arrived.items())))


def name_run(manifest: Manifest, *inputs: object) -> str:
    """The id of the run that makes a new publication of this one, from other inputs.

    The publication is part of it: a file that changes to and fro is a new change each time.
    """
    digest = hashlib.sha256(json.dumps([manifest, *inputs], sort_keys=True).encode()).hexdigest()
    return f"{RUN_PREFIX}{manifest['day']}__{digest[:16]}"
