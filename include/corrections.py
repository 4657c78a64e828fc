"""Finds the days to rerun: published days with changed inputs, and days whose closed gate would open now.

Scans only the last `correction_days`, so the cost does not grow with the history.
"""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from include import keys
from include.contract import DELIVERED, ORDERS
from include.contract.model import LATE, REPAIRS
from include.day import days_until
from include.errors import RetryableError, UnreadableDaysError
from include.inputs.late_arrivals import MissingKey, count_resolved, find_arrivals
from include.library_errors import translate_error
from include.manifest import DayInputs, Manifest, compare_inputs
from include.publishing.closed_days import ClosedDay, read_closed_days
from include.publishing.gate import exceeds_reject_ratio
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
    """A day to rerun because its inputs have changed since its last run.

    Parameters
    ----------
    inputs: the changed inputs, each `added`, `removed` or `replaced`.
    run_id: identifies the change; the same change has the same id.
    reason: why an unpublished day is rerun; empty for a published day.
    """

    day: str
    inputs: dict[str, str]
    run_id: str
    reason: str = ""

    def __str__(self) -> str:
        changed = ", ".join(f"{name} was {what}" for name, what in self.inputs.items())
        return f"{self.day}: {changed}{self.reason}"


@dataclass(frozen=True)
class ScanResult:
    """The result of a scan.

    Parameters
    ----------
    unread: the unreadable days, each with the reason; a retry would not help.
    """

    changes: list[Change] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def set_aside(self, day: str) -> Iterator[None]:
        """Record an unreadable day and continue with the others; temporary errors are raised."""
        try:
            yield
        except Exception as error:
            known = translate_error(error)
            if isinstance(known, RetryableError):
                raise
            log.exception("%s could not be read", day)
            # Messages of other libraries may quote data.
            unknown = f"its manifest or a table cannot be read ({type(error).__name__}, see the log)."
            self.unread[day] = str(known) if known else unknown

    def read_days(
        self, days: Sequence[str], read: Callable[[Sequence[str]], dict[str, _Found]]
    ) -> dict[str, _Found]:
        """Read all days at once, or one by one if one of them is unreadable."""
        try:
            return read(days)
        except Exception:
            log.warning("One of the days cannot be read: reading them one by one", exc_info=True)
        found: dict[str, _Found] = {}
        for day in days:
            with self.set_aside(day):
                found |= read([day])
        return found


def scan_published_days(hook: "S3Hook", settings: "Settings", last_day: str) -> ScanResult:
    """Find the changes in the `correction_days` that end with `last_day`.

    A published day with a deleted raw file is skipped, because its run would wait for the file.

    Raises
    ------
    RetryableError: the store is busy or unreachable.
    """
    found = ScanResult()
    days = days_until(last_day, settings.correction_days)
    manifests = found.read_days(days, lambda some: read_manifests(hook, settings.layout, some))

    unpublished = [day for day in days if day not in manifests and day not in found.unread]
    closed = found.read_days(unpublished, lambda some: read_closed_days(hook, settings.layout, some))
    known: dict[str, DayInputs] = {**manifests, **closed}

    def read_arrivals(some: Sequence[str]) -> dict[str, dict[MissingKey, str]]:
        readable = {day: each for day, each in known.items() if day not in found.unread}
        return find_arrivals(hook, readable, some)

    # Newest first: earlier days look up ids in later ones, so unreadable later days are found first.
    arrivals = found.read_days(sorted(known, reverse=True), read_arrivals)
    for day in [day for day in manifests if day not in found.unread]:
        with found.set_aside(day):
            check_published_day(hook, settings.layout, manifests[day], arrivals.get(day, {}), found)
    for day in [day for day in closed if day in arrivals and day not in found.unread]:
        with found.set_aside(day):
            check_closed_day(hook, settings, closed[day], arrivals[day], found)
    log.info("Scanned %s published and %s closed days up to %s", len(manifests), len(closed), last_day)
    return found


def check_closed_day(
    hook: "S3Hook",
    settings: "Settings",
    closed: ClosedDay,
    arrived: Mapping[MissingKey, str],
    found: ScanResult,
) -> None:
    """Add a day whose gate would open now: what its rejected orders refer to has arrived since."""
    if not would_open(closed, count_resolved(hook, closed, arrived), settings):
        return
    change = find_change(closed, find_inputs(hook, settings.layout, closed["day"]), arrived)
    # After a new delivery, the rows of the closed gate are outdated: the run of the day has to be cleared.
    if change and all(name.startswith(LATE) for name in change.inputs):
        reason = "; the gate was closed, and the rows that its orders refer to have arrived"
        found.changes.append(dataclasses.replace(change, reason=reason))
        log.info("To be rerun: %s", found.changes[-1])


def would_open(closed: ClosedDay, resolved: int, settings: "Settings") -> bool:
    """Whether only rejected orders closed the gate, and too few of them are left."""
    is_about_orders = all(
        fault["subject"] == ORDERS.name and fault["ratio"] is not None for fault in closed["gate"]["faults"]
    )
    rows = closed["rows"][ORDERS.name]
    left = rows["quarantined"] - resolved
    return is_about_orders and not exceeds_reject_ratio({**rows, "quarantined": left}, settings)


def check_published_day(
    hook: "S3Hook",
    layout: keys.Layout,
    manifest: Manifest,
    arrived: Mapping[MissingKey, str],
    found: ScanResult,
) -> None:
    """Add what has changed in one published day."""
    inputs = find_inputs(hook, layout, manifest["day"])
    if missing := [name for name in DELIVERED if name not in inputs]:
        report_missing(manifest, missing)
    elif change := find_change(manifest, inputs, arrived):
        found.changes.append(change)
        log.info("To be rerun: %s", change)


def reject_unread_days(unread: Mapping[str, str]) -> None:
    """Fail after a scan that could not read some of the days.

    Raises
    ------
    UnreadableDaysError: names the days and why.
    """
    if unread:
        raise UnreadableDaysError(
            "These days could not be read: "
            + " ".join(f"{day}: {reason}" for day, reason in unread.items())
            + " Restore the unreadable object, or rerun the day (DAG ecommerce_etl, param day). The next "
            "scan checks it again."
        )


def report_missing(manifest: Manifest, missing: list[str]) -> None:
    """Warn about deleted raw files; a dataset that was declared later never had one."""
    if gone := [name for name in missing if name in manifest["inputs"]]:
        log.warning("%s was published from raw files that are gone: %s", manifest["day"], ", ".join(gone))
    else:
        log.info("%s has no file of %s: it is not run again", manifest["day"], ", ".join(missing))


def find_inputs(hook: "S3Hook", layout: keys.Layout, day: str) -> dict[str, ObjectState]:
    """The current inputs of a day, by their names in manifests."""
    urls = {dataset: keys.raw(layout, day, dataset) for dataset in DELIVERED}
    urls |= {REPAIRS + dataset: keys.repair(layout, day, dataset) for dataset in DELIVERED}
    found = {name: find_object(hook, url) for name, url in urls.items()}
    return {name: state for name, state in found.items() if state}


def find_change(
    manifest: DayInputs, inputs: Mapping[str, ObjectState], arrived: Mapping[MissingKey, str]
) -> Change | None:
    """How the inputs differ from those that the manifest names; None when they do not.

    `arrived` are the late rows that resolve rejected orders of the day, with the day they are from.
    """
    before = manifest["inputs"]
    # Late rows are compared below. A dataset that the contract has dropped changes nothing any more.
    delivered = {name: file for name, file in before.items() if name.removeprefix(REPAIRS) in DELIVERED}
    changed = compare_inputs(delivered, inputs)
    for name in sorted({LATE + dataset for dataset, _ in arrived}):
        changed[name] = "replaced" if name in before else "added"
    if not changed:
        return None
    etags = {name: state["etag"] for name, state in inputs.items()}
    return Change(manifest["day"], changed, name_run(manifest, etags, sorted(arrived.items())))


def name_run(manifest: DayInputs, *inputs: object) -> str:
    """The id of the run for a change: the same change of the same publication has the same id."""
    digest = hashlib.sha256(json.dumps([manifest, *inputs], sort_keys=True).encode()).hexdigest()
    return f"{RUN_PREFIX}{manifest['day']}__{digest[:16]}"
