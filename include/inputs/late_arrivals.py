"""Customers, products and other rows that orders refer to, which arrive on a later day than the orders.

An order that was rejected only because the rows it refers to were missing or rejected is published by a later
run of its day, which looks the ids up in the tables of later days. The rows found are pinned, and every later
run of the day uses them, too. The published customers and products of the day do not change.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from include import keys
from include.contract import DATASETS, ORDERS, Dataset, list_looked_up, rejected_reason, unknown_reason
from include.contract.model import LATE
from include.day import days_after
from include.manifest import DayInputs, Output, PartlyUsed, RawFile
from include.publishing.closed_days import read_closed_days
from include.publishing.manifests import read_manifests
from include.s3.objects import download_file, find_object, head_object, upload_file
from include.s3.streams import RemoteFile
from include.scratch import scratch_folder

if TYPE_CHECKING:
    import pyarrow as pa
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings

log = logging.getLogger(__name__)

#: The reject reasons of orders that a later day's file can resolve, each with the dataset that lacks a row.
REASONS = {
    reason(column): dataset
    for dataset, column in ORDERS.references.items()
    for reason in (unknown_reason, rejected_reason)
}

#: A dataset, and an id that no accepted row of the day's own file has.
MissingKey = tuple[str, str]
#: What rejected orders lack, and how many of them lack the same.
MissingKeySets = Counter[frozenset[MissingKey]]


def pin_late_rows(hook: "S3Hook", settings: "Settings", day: str, run_id: str) -> dict[str, RawFile]:
    """The late customers and products that a run of the day works with, as inputs; none on a first run."""
    manifests: dict[str, DayInputs] = {**read_manifests(hook, settings.layout, [day])}
    # Of a day whose gate stayed closed, what its latest run rejected.
    manifests = manifests or {**read_closed_days(hook, settings.layout, [day])}
    if not manifests:
        return {}
    pinned = {name: file for name, file in manifests[day]["inputs"].items() if name.startswith(LATE)}
    if has_resolvable_rejects(manifests[day]):
        manifests |= {**read_manifests(hook, settings.layout, days_after(day, settings.correction_days))}
        arrived = find_arrivals(hook, manifests, [day]).get(day, {})
        for dataset in {dataset for dataset, _ in arrived}:
            rows = list(_read_arrived(hook, manifests, dataset, arrived))
            target = keys.late(settings.layout, day, run_id, dataset)
            pinned[LATE + dataset] = _write(hook, pinned.get(LATE + dataset), rows, DATASETS[dataset], target)
    return pinned


def has_resolvable_rejects(manifest: DayInputs) -> bool:
    """Whether any order of the day was rejected because a row that it refers to was missing or rejected."""
    return any(manifest["reasons"][ORDERS.name].get(reason) for reason in REASONS)


def find_arrivals(
    hook: "S3Hook", manifests: Mapping[str, DayInputs], days: Iterable[str]
) -> dict[str, dict[MissingKey, str]]:
    """For each day with resolvable orders: the ids that they lack, with the later day that has them.

    `manifests` are those of the days themselves and of all days to look the ids up in. Each table is read
    once, and only its ids.
    """
    lacking = {
        day: _read_missing_key_sets(hook, manifests[day])
        for day in days
        if has_resolvable_rejects(manifests[day])
    }
    wanted = {missing for orders in lacking.values() for order in orders for missing in order}
    if not wanted:
        return {}
    first = min(day for day, orders in lacking.items() if orders)
    later = [manifest for day, manifest in manifests.items() if day > first]
    places = find_places(hook, later, wanted)
    resolvable = {day: choose_arrivals(day, orders, places) for day, orders in lacking.items()}
    return {day: arrived for day, arrived in resolvable.items() if arrived}


def choose_arrivals(
    day: str, lacking: MissingKeySets, places: Mapping[MissingKey, list[str]]
) -> dict[MissingKey, str]:
    """The ids of the orders that have everything now, each with the first later day that has it."""
    chosen: dict[MissingKey, str] = {}
    for order in lacking:
        found = {
            missing: place
            for missing in order
            if (place := min((place for place in places.get(missing, ()) if place > day), default=None))
        }
        if len(found) == len(order):
            chosen |= found
    return chosen


def count_resolved(hook: "S3Hook", day: DayInputs, arrived: Mapping[MissingKey, str]) -> int:
    """How many rejected orders of a day have everything now that they lacked."""
    missing = _read_missing_key_sets(hook, day)
    return sum(rows for keys_of_order, rows in missing.items() if keys_of_order <= arrived.keys())


def _read_missing_key_sets(hook: "S3Hook", manifest: DayInputs) -> MissingKeySets:
    """What the orders lack that were rejected for nothing else; empty once the quarantine has expired."""
    import pyarrow.parquet as pq

    quarantine = manifest["outputs"][f"quarantine/{ORDERS.name}"]
    if find_object(hook, quarantine["key"]) is None:
        return Counter()
    columns = list(ORDERS.references.values())
    # Read as a file, not as a dataset: a day from before a column was declared does not have it.
    rows = pq.ParquetFile(RemoteFile(hook, quarantine)).read([*columns, "reasons"]).to_pylist()
    return Counter(
        frozenset((dataset, _read_id(row, dataset)) for dataset in map(REASONS.__getitem__, row["reasons"]))
        for row in rows
        if REASONS.keys() >= set(row["reasons"])
    )


def _read_id(row: Mapping[str, str], dataset: str) -> str:
    """The id of the dataset that a rejected order names; the quarantine keeps it as delivered."""
    from include.engine.blanks import BLANKS

    column = ORDERS.column(ORDERS.references[dataset])
    return row[column.name].strip(BLANKS) if column.trim else row[column.name]


def find_places(
    hook: "S3Hook", manifests: Iterable[DayInputs], wanted: set[MissingKey]
) -> dict[MissingKey, list[str]]:
    """The days whose published tables have the wanted ids."""
    places: dict[MissingKey, list[str]] = {}
    for manifest in manifests:
        for dataset in ORDERS.references:
            ids = {id_ for name, id_ in wanted if name == dataset}
            key = DATASETS[dataset].id_column
            # A day from before the dataset was declared has none.
            published = manifest["outputs"].get(dataset)
            for rows in _read_rows(hook, published, [key], ids) if published else ():
                for id_ in rows[key].to_pylist():
                    places.setdefault((dataset, id_), []).append(manifest["day"])
    return places


def _read_arrived(
    hook: "S3Hook", manifests: Mapping[str, DayInputs], dataset: str, arrived: Mapping[MissingKey, str]
) -> "Iterator[pa.Table]":
    """The rows of one dataset that arrived, with the columns that orders look up."""
    columns = list(list_looked_up(DATASETS[dataset]))
    for day in sorted(set(arrived.values())):
        ids = {id_ for (name, id_), place in arrived.items() if (name, place) == (dataset, day)}
        yield from _read_rows(hook, manifests[day]["outputs"][dataset], columns, ids)


def _read_rows(hook: "S3Hook", published: Output, columns: list[str], ids: set[str]) -> "Iterator[pa.Table]":
    """The rows of a published table that have one of the ids; the first of the columns holds them."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if not ids:
        return
    file, wanted = pq.ParquetFile(RemoteFile(hook, published)), pa.array(sorted(ids))
    if columns[0] not in file.schema_arrow.names:
        return  # published before the key got its name
    for group in range(file.num_row_groups):
        is_wanted = pc.is_in(file.read_row_group(group, columns[:1])[columns[0]], value_set=wanted)
        if pc.any(is_wanted).as_py():
            yield file.read_row_group(group, columns).filter(is_wanted)


def _write(
    hook: "S3Hook", known: Mapping[str, Any] | None, rows: "list[pa.Table]", dataset: Dataset, target: str
) -> PartlyUsed:
    """Store the rows together with those that earlier runs of the day used."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with scratch_folder("late") as folder:
        path = folder / "late.parquet"
        if known:
            download_file(hook, known["key"], path, version_id=known["version_id"])
            rows = [pq.read_table(path), *rows]
        table = pa.concat_tables(rows, promote_options="default").sort_by(dataset.id_column)
        pq.write_table(table, path)
        upload_file(hook, path, target)
    log.info("%s %s arrived late; this run uses them", len(table), dataset.name)
    state = head_object(hook, target)
    return {**state, "snapshot_key": target, "snapshot_etag": state["etag"], "rows": len(table)}
