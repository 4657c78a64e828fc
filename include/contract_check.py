"""Whether the contract can be kept: asked when it is imported, so that mistakes show before anything runs."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from include.dataset import Column, Dataset, Kind, PublishedColumn
from include.errors import ContractError

#: What S3 keys, Parquet, SQL and Hive all take as it is.
_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: Quarantined rows and repairs have columns of these names of their own.
_TAKEN = ("reasons", "source_key", "line_number", "raw_line", "raw_etag")


def check_contract(
    datasets: Iterable[Dataset], orders: Dataset, published: Iterable[PublishedColumn]
) -> None:
    """Look for what the pipeline could not work with.

    Raises
    ------
    ContractError: names every mistake.
    """
    datasets = list(datasets)
    mistakes = [
        *(mistake for dataset in datasets for mistake in _check_dataset(dataset)),
        *_check_orders(orders, {dataset.name: dataset for dataset in _list_before(datasets, orders)}),
        *(f"{dataset.name}: only orders refer to others." for dataset in _list_odd(datasets, orders)),
        *_find_repeated("the published orders", (column.name for column in published)),
    ]
    if mistakes:
        raise ContractError(f"The contract cannot be kept. {' '.join(mistakes)} Correct include/contract.py.")


def _list_before(datasets: list[Dataset], orders: Dataset) -> list[Dataset]:
    return datasets[: datasets.index(orders)]


def _list_odd(datasets: list[Dataset], orders: Dataset) -> list[Dataset]:
    return [dataset for dataset in datasets if dataset.references and dataset is not orders]


def _check_dataset(dataset: Dataset) -> Iterator[str]:
    headers = (name for column in dataset.columns for name in (column.name, *column.also_named))
    yield from _find_repeated(dataset.name, headers)
    keys = [column for column in dataset.columns if column.name == dataset.key]
    if not keys or keys[0].kind is not Kind.TEXT or keys[0].nullable or not keys[0].required:
        yield f"{dataset.name}: its key {dataset.key} must be a text column, required and not nullable."
    for column in dataset.columns:
        yield from (f"{dataset.name}.{column.name} {mistake}." for mistake in _check_column(column))


def _check_column(column: Column) -> Iterator[str]:
    if not _NAME.fullmatch(column.name):
        yield "is no name of small letters, digits and _: its header goes into also_named"
    if column.name in _TAKEN:
        yield "has a name that the quarantine needs"
    if column.kind is Kind.WIDE_DECIMAL:
        yield f"can be no {Kind.WIDE_DECIMAL.name}, which is for computed columns"
    if column.minimum is not None and column.kind not in (Kind.WHOLE_NUMBER, Kind.DECIMAL):
        yield "has a minimum and is no number"
    if column.personal and column.in_orders:
        yield "is personal, so it cannot be in_orders"


def _check_orders(orders: Dataset, earlier: dict[str, Dataset]) -> Iterator[str]:
    for column in orders.columns:
        if column.in_orders not in (None, column.name):
            yield f"{orders.name}.{column.name} keeps its name in_orders: its header goes into also_named."
        if not column.refers_to:
            continue
        if column.refers_to not in earlier:
            yield f"{orders.name}.{column.name} refers to {column.refers_to}, which must be declared before."
        elif column.name != (key := earlier[column.refers_to].key):
            yield f"{orders.name}.{column.name} refers to {column.refers_to}: name it {key}, as its key is."


def _find_repeated(where: str, names: Iterable[str]) -> Iterator[str]:
    yield from (f"{where}: {name} stands there twice." for name, count in Counter(names).items() if count > 1)
