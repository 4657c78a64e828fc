"""Which published days are to be run again, because something that went into them has changed since.

Only the days of the look-back are looked at, so a look costs the same however long the history is.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from include import keys
from include.contract import DATASETS
from include.contract.model import LATE, REPAIRS
from include.day import days_until
from include.errors import RetryableError, UnreadableDaysError
from include.inputs.late_arrivals import MissingKey, find_arrivals
from include.library_errors import translate_error
from include.manifest import Manifest, compare_inputs
from include.publishing.manifests import read_manifests
from include.s3.objects import ObjectState, find_object

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings

log = logging.getLogger(__name__)

_Found = TypeVar("_Found")

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


@dataclass(frozen=True)
class ScanResult:
    """What a look has found.

    Parameters
    ----------
    unread: the days that could not be looked at, each with the reason; no other try would help.
    """

    changes: list[Change] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def set_aside(self, day: str) -> Iterator[None]:
        """Keep what is wrong with one day from the others; what may pass is left to the next try."""
        try:
            yield
        except Exception as error:
            known = translate_error(error)
            if isinstance(known, RetryableError):
                raise
            log.exception("%s could not be looked at", day)
            # What other libraries say may quote data.
            unknown = f"its manifest or a table cannot be read ({type(error).__name__}, see the log)."
            self.unread[day] = str(known) if known else unknown

    def read_days(
        self, days: Sequence[str], read: Callable[[Sequence[str]], dict[str, _Found]]
    ) -> dict[str, _Found]:
        """What is there of the days: all at once, and one by one only where one of them cannot be read."""
        try:
            return read(days)
        except Exception:
            log.warning("The days are read one by one, since one of them cannot be read", exc_info=True)
        found: dict[str, _Found] = {}
        for day in days:
            with self.set_aside(day):
                found |= read([day])
        return found


def scan_published_days(hook: "S3Hook", settings: "Settings", last_day: str) -> ScanResult:
    """What has changed in the published days of the look-back that ends with `last_day`.

    A day that lacks a raw file is left out: its run would wait for the file.

    Raises
    ------
    RetryableError: the store is busy or away.
    """
    found = ScanResult()
    days = days_until(last_day, settings.correction_days)
    manifests = found.read_days(days, lambda some: read_manifests(hook, settings.layout, some))

    def read_arrivals(some: Sequence[str]) -> dict[str, dict[MissingKey, str]]:
        readable = {day: each for day, each in manifests.items() if day not in found.unread}
        return find_arrivals(hook, readable, some)

    # The newest first: a day that cannot be read is out of the way of the earlier ones, which take from it.
    arrivals = found.read_days([*reversed(manifests)], read_arrivals)
    for day in [day for day in manifests if day not in found.unread]:
        with found.set_aside(day):
            look_at_day(hook, settings.layout, manifests[day], arrivals.get(day, {}), found)
    log.info("Looked at %s published days up to %s", len(manifests), last_day)
    return found


def look_at_day(
    hook: "S3Hook",
    layout: keys.Layout,
    manifest: Manifest,
    arrived: Mapping[MissingKey, str],
    found: ScanResult,
) -> None:
    """Add what has changed in one published day."""
    inputs = find_inputs(hook, layout, manifest["day"])
    if missing := [name for name in DATASETS if name not in inputs]:
        report_missing(manifest, missing)
    elif change := find_change(manifest, inputs, arrived):
        found.changes.append(change)
        log.info("To be run again: %s", change)


def reject_unread_days(unread: Mapping[str, str]) -> None:
    """End a look that left days out, after what it found in the others.

    Raises
    ------
    UnreadableDaysError: names the days and why.
    """
    if unread:
        raise UnreadableDaysError(
            "These days could not be looked at, the others were: "
            + " ".join(f"{day}: {reason}" for day, reason in unread.items())
            + " Restore what cannot be read, or run the day again (DAG ecommerce_etl, param day). The next "
            "look sees it."
        )


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
    manifest: Manifest, inputs: Mapping[str, ObjectState], arrived: Mapping[MissingKey, str]
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
