"""Checks the contract when it is imported, so that mistakes show before anything runs."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import takewhile

from include.contract.format_check import check_formats
from include.contract.line_total import check_total
from include.contract.model import (
    COMPUTED_KINDS,
    DAY,
    EARLIEST,
    LATE,
    LATEST,
    REPAIRS,
    Column,
    Dataset,
    Kind,
    PublishedColumn,
)
from include.errors import ContractError

#: What S3 keys, Parquet, SQL and Hive all take as it is.
_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: Quarantined rows and repairs have columns of these names of their own.
_TAKEN = ("reasons", "source_key", "line_number", "raw_line", "detail", "raw_etag")
#: The columns of orders that formulas and pages are made of; a file need not have them all.
_NEEDED = ("order_date", "delivery_date", "quantity")
#: The partition of the Glue table.
_PARTITION = "dt"
_NO_NAME = "is no name of small letters, digits and _"


def check_contract(
    datasets: Iterable[Dataset],
    orders: Dataset,
    published: Iterable[PublishedColumn],
    declared_in: str = "include/contract/datasets.py",
) -> None:
    """Find what the pipeline could not work with.

    Raises
    ------
    ContractError: names every mistake.
    """
    datasets, published = list(datasets), list(published)
    mistakes = [
        *([] if orders in datasets else [f"DATASETS lacks {orders.name}."]),
        *(mistake for dataset in datasets for mistake in _check_dataset(dataset)),
        *(mistake for dataset in datasets for mistake in check_formats(dataset)),
        *_check_delivery(datasets),
        *_check_taken(orders, datasets),
        *_check_orders(orders, {dataset.name: dataset for dataset in _list_before(datasets, orders)}),
        *(f"{dataset.name}: only orders refer to others." for dataset in _list_odd(datasets, orders)),
        *_check_published(published),
    ]
    if mistakes:
        raise ContractError(f"The contract cannot be kept. {' '.join(mistakes)} Correct {declared_in}.")


def _check_published(published: Iterable[PublishedColumn]) -> Iterator[str]:
    names = [column.name for column in published]
    yield from _find_repeated("the published orders", names)
    yield from (f"the published orders: {name} {_NO_NAME}." for name in names if not _NAME.fullmatch(name))
    if _PARTITION in names:
        yield f"the published orders: {_PARTITION} is the day of the Glue table."


def _check_delivery(datasets: list[Dataset]) -> Iterator[str]:
    """Datasets in the file of another one are read by one key, the way that file is written."""
    files = {dataset.name: dataset for dataset in datasets if not dataset.delivered_in}
    for dataset in datasets:
        if not dataset.delivered_in:
            continue
        if dataset.delivered_in not in files:
            yield f"{dataset.name} is delivered_in {dataset.delivered_in}, which has no file of its own."
        elif _describe_file(dataset) != _describe_file(files[dataset.delivered_in]):
            yield (
                f"{dataset.name} and {dataset.delivered_in} are in one file: declare the same delimiter, "
                "quote, escape and encoding."
            )
        if len(dataset.key_columns) > 1:
            yield f"{dataset.name} is delivered_in {dataset.delivered_in}: its key must be one column."


def _describe_file(dataset: Dataset) -> tuple[object, ...]:
    file = dataset.format
    return file.delimiter, file.quote, file.escape, file.encoding.lower()


def _list_before(datasets: list[Dataset], orders: Dataset) -> list[Dataset]:
    return list(takewhile(lambda dataset: dataset is not orders, datasets))


def _list_odd(datasets: list[Dataset], orders: Dataset) -> list[Dataset]:
    return [dataset for dataset in datasets if dataset.references and dataset is not orders]


def _check_dataset(dataset: Dataset) -> Iterator[str]:
    if not _NAME.fullmatch(dataset.name):
        yield f"{dataset.name} {_NO_NAME}."
    if dataset.name.startswith((LATE, REPAIRS)):
        yield f"{dataset.name} begins like an input of its own: not with {LATE} or {REPAIRS}."
    headers = (name for column in dataset.columns for name in (column.name, *column.also_named))
    yield from _find_repeated(dataset.name, headers)
    yield from _check_key(dataset)
    for column in dataset.columns:
        yield from (f"{dataset.name}.{column.name} {mistake}." for mistake in _check_column(column))


def _check_key(dataset: Dataset) -> Iterator[str]:
    """The first column of a key names every row; the others may be optional or empty."""
    columns = {column.name: column for column in dataset.columns}
    yield from _find_repeated(f"the key of {dataset.name}", dataset.key_columns)
    for name in dataset.key_columns:
        if name not in columns or columns[name].kind is not Kind.TEXT:
            yield f"{dataset.name}: its key {name} must be a text column."
    for name in (column.name for column in dataset.columns if column.from_line_number):
        if name not in dataset.key_columns[1:]:
            yield f"{dataset.name}: {name} has from_line_number: it must be the second column of the key."
    first = columns.get(dataset.id_column)
    if first and (first.nullable or not first.required):
        yield f"{dataset.name}: its key {first.name} must be required and not nullable."


def _check_column(column: Column) -> Iterator[str]:
    if not _NAME.fullmatch(column.name):
        yield f"{_NO_NAME}: its header goes into also_named"
    also_named: object = column.also_named
    if isinstance(also_named, str):
        yield "has one text as also_named: write a comma behind it, in brackets"
    if column.name in _TAKEN:
        yield "has a name that the quarantine needs"
    if column.name == DAY.name:
        yield "has the name of the column with the delivery day, which every published table gets"
    if column.kind in COMPUTED_KINDS:
        yield f"can be no {column.kind.name}, which is for computed columns"
    if column.minimum is not None and column.kind not in (Kind.WHOLE_NUMBER, Kind.DECIMAL):
        yield "has a minimum and is no number"
    for name in ("longest", "trim"):
        if getattr(column, name) and column.kind is not Kind.TEXT:
            yield f"has {name} and is no text"
    yield from _check_range(column)
    yield from _check_filled(column)
    if column.personal and column.in_orders:
        yield "is personal, so it cannot be in_orders"


def _check_range(column: Column) -> Iterator[str]:
    for name, day in (("earliest", column.earliest), ("latest", column.latest)):
        if day and column.kind is not Kind.TIMESTAMP:
            yield f"has {name} and is no timestamp"
        elif day and not _is_date(day):
            yield f"has {day!r} as {name}: write a day such as 2026-11-21"
    if (column.earliest or EARLIEST) > (column.latest or LATEST):
        yield "has a latest day before its earliest"


def _check_filled(column: Column) -> Iterator[str]:
    """Columns that the file does not have."""
    if column.from_line_number and (column.kind is not Kind.TEXT or column.required or column.also_named):
        yield "has from_line_number: it must be an optional text column without also_named"
    if column.from_line_number and column.if_absent is not None:
        yield "has from_line_number and if_absent"
    if column.if_absent is not None and column.required:
        yield "has if_absent and is required"


def _is_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _check_orders(orders: Dataset, earlier: dict[str, Dataset]) -> Iterator[str]:
    for dataset in earlier.values():
        for name in set(dataset.taken_over.values()) & {*orders.column_names}:
            yield f"{dataset.name}: orders have a column {name} of their own, give it another name in_orders."
    for name in _NEEDED:
        if name not in orders.column_names:
            yield f"{orders.name}: {name} is needed; files without it are accepted with required=False."
    yield from check_total(orders)
    yield from _check_references(orders, earlier)


def _check_references(orders: Dataset, earlier: dict[str, Dataset]) -> Iterator[str]:
    for column in orders.columns:
        if column.in_orders not in (None, column.name):
            yield f"{orders.name}.{column.name} keeps its name in_orders: its header goes into also_named."
        if not column.refers_to:
            continue
        if column.refers_to not in earlier:
            yield f"{orders.name}.{column.name} refers to {column.refers_to}, which must be declared before."
        elif len(key := earlier[column.refers_to].key_columns) > 1:
            yield f"{orders.name}.{column.name} refers to {column.refers_to}, whose key has several columns."
        elif column.name not in key:
            yield f"{orders.name}.{column.name} refers to {column.refers_to}: name it {key[0]}, like its key."


def _check_taken(orders: Dataset, datasets: list[Dataset]) -> Iterator[str]:
    """Columns that orders take from a dataset that they refer to."""
    sources = {dataset.name: dataset for dataset in datasets}
    for dataset in datasets:
        for column in dataset.columns:
            where, source = f"{dataset.name}.{column.name}", sources.get(column.taken_from or "")
            if not column.taken_from:
                continue
            if dataset is not orders or column.name in dataset.key_columns:
                yield f"{where} has taken_from: only orders can, and not for their key."
            elif source is None or column.taken_from not in orders.references:
                yield f"{where} is taken_from {column.taken_from}, to which no column of orders refers."
            elif column.name not in source.column_names or source.column(column.name).in_orders:
                yield f"{where} is taken_from {source.name}: declare it there, without in_orders."
            elif source.column(column.name).kind is not column.kind:
                yield f"{where} is taken_from {source.name}: declare the same kind there."
            if column.also_named or column.from_line_number or column.if_absent is not None:
                yield f"{where} is not in the file of its dataset: leave out what says how to read it there."


def _find_repeated(where: str, names: Iterable[str]) -> Iterator[str]:
    yield from (f"{where}: {name} is declared twice." for name, count in Counter(names).items() if count > 1)
