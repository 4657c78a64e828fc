"""Generates realistic raw files: seeded, seasonal, with a few dirty rows. No Airflow.

The same seed, day and sizes give the same bytes everywhere. The shop is in `sample_data/`; columns and
datasets of the contract that it does not have are filled with plausible values.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from include.contract import CUSTOMERS, DATASETS, ORDERS, PRODUCTS, Column, Dataset, Kind
from include.contract.model import FileFormat
from include.errors import SampleDataError
from include.sample_data.columns import Columns, Numbers, as_bytes, join_texts, look_up, pad_numbers
from include.sample_data.customers import build_customers, count_accounts
from include.sample_data.dirty_rows import (
    all_rows,
    choose_dirty_rows,
    find_intact,
    list_impossible,
    list_written,
    spoil_table,
)
from include.sample_data.orders import build_orders, count_orders, open_market
from include.sample_data.products import build_products
from include.sample_data.rng import SeededRandom

#: Values for columns that the shop does not have.
FILLERS = {
    Kind.TEXT: ("plain", "größer, neu", 'the "other"'),
    Kind.WHOLE_NUMBER: ("1", "20", "300"),
    Kind.DECIMAL: ("1", "20.5", "300.25"),
    Kind.TIMESTAMP: ("2026-01-31", "2026-02-28T12:00:00Z"),
}
#: The size of a dataset that the shop does not have: enough rows for every reject reason.
OTHER_ROWS = 1_000


@dataclass(frozen=True)
class Delivery:
    """The generation of one day: its folder, excluded reject reasons, and the ids written so far.

    Parameters
    ----------
    leave_out: reject reasons that must not occur.
    ids: the ids of accepted rows, by dataset.
    rejected_ids: the ids of rows that are rejected because of another column, by dataset.
    """

    day: dt.date
    out_dir: Path
    rng: SeededRandom
    leave_out: Collection[str]
    ids: dict[str, Any] = field(default_factory=dict)
    rejected_ids: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def write(self, dataset: Dataset, parts: Iterable[Columns]) -> Numbers:
        """Write one file. Returns the numbers of its dirty rows."""
        spoiled, rows_before = [np.empty(0, dtype=np.int64)], 0
        with (self.out_dir / f"{dataset.name}.csv").open("wb") as file:
            file.write(",".join(column.name for column in list_written(dataset)).encode() + b"\n")
            for part in parts:
                lines, dirty = self._spoil(dataset, part, rows_before)
                file.write(as_bytes(lines))
                spoiled.append(dirty + rows_before)
                rows_before += len(part[dataset.id_column])
        return np.concatenate(spoiled)

    def _spoil(self, dataset: Dataset, part: Columns, rows_before: int) -> tuple[Any, Numbers]:
        """The lines of a part, and the numbers of its dirty rows."""
        rng, size = self.rng.at(dataset.name).at(rows_before), len(part[dataset.id_column])
        leave_out = {*self.leave_out, *list_impossible(dataset, self.rejected_ids)}
        dirty = choose_dirty_rows(dataset, size, rng.integers, leave_out)
        columns = fill_columns(dataset, part, rng, self.ids)
        is_clean = np.ones(size, bool)
        is_clean[all_rows(dirty)] = False
        ids = columns[dataset.id_column]
        self.ids[dataset.name] = ids.filter(pa.array(is_clean))
        self.rejected_ids[dataset.name] = tuple(ids.take(pa.array(find_intact(dataset, dirty))).to_pylist())
        lines = spoil_table(dataset, columns, dirty, self.day, rng.integers, self.rejected_ids)
        return lines, all_rows(dirty)


def generate(
    day: dt.date,
    out_dir: Path,
    *,
    orders: int | None = None,
    customers: int = 5_000,
    products: int = 500,
    seed: int = 20_261_121,
    leave_out: Collection[str] = (),
) -> None:
    """Write the raw files of one day, `{dataset}.csv` for each dataset; about 1 % of the rows are dirty.

    The days of one seed share their customers and products. A file of 1,500 rows holds every reject reason
    and exact duplicates; a smaller one has fewer. No file comes near the gate's 5 %.

    `orders` is the number of rows of orders.csv, by default about 10,000, depending on weekday and month.
    `customers` is the number of accounts at the end of 2026; earlier days have fewer, later days more.
    `leave_out` names reject reasons that must not occur, or `exact_duplicate`.

    Raises
    ------
    SampleDataError: the contract declares files that the shop does not write.
    """
    check_shapes()
    out_dir.mkdir(parents=True, exist_ok=True)
    delivery = Delivery(day, out_dir, SeededRandom(seed).at(day), leave_out)
    accounts = build_customers(SeededRandom(seed).at("customers"), count_accounts(day, customers), customers)
    articles = build_products(SeededRandom(seed).at("products"), products)
    rejected = delivery.write(CUSTOMERS, [accounts]), delivery.write(PRODUCTS, [articles])
    for dataset in DATASETS.values():
        if dataset.name not in (CUSTOMERS.name, PRODUCTS.name, ORDERS.name):
            delivery.write(dataset, [number_rows(dataset, OTHER_ROWS)])
    market = open_market(SeededRandom(seed), day, accounts, articles, *rejected)
    size = count_orders(day) if orders is None else orders
    delivery.write(ORDERS, build_orders(delivery.rng, day, size, market))


def check_shapes() -> None:
    """The shop writes one plain CSV file for each dataset, with everything that an order line needs.

    Raises
    ------
    SampleDataError: names what else the contract declares.
    """
    if other := list(_list_other_shapes()):
        raise SampleDataError(
            f"There is no sample data for this contract: {'; '.join(other)}. Use your own files: "
            "make run RAW=folder, or make up and make deliver RAW=folder."
        )


def _list_other_shapes() -> Iterator[str]:
    for dataset in DATASETS.values():
        if dataset.delivered_in:
            yield f"{dataset.name} come in the file of {dataset.delivered_in}"
        elif _describe_file(dataset.format) != _describe_file(FileFormat()):
            yield f"{dataset.name} have a file format of their own"
        for column in dataset.columns:
            if column.taken_from:
                yield f"{dataset.name} take {column.name} from {column.taken_from}"
            elif dataset.format_of(column).decimal_separator != ".":
                yield f"{dataset.name}.{column.name} has a decimal comma"


def _describe_file(file_format: FileFormat) -> tuple[str, ...]:
    return file_format.delimiter, file_format.quote, file_format.escape, file_format.encoding.lower()


def number_rows(dataset: Dataset, size: int) -> Columns:
    """The key column of a dataset that the shop does not have, such as `R-000001`."""
    return {
        dataset.id_column: join_texts(f"{dataset.name[0].upper()}-", pad_numbers(np.arange(1, size + 1), 6))
    }


def fill_columns(dataset: Dataset, columns: Columns, rng: SeededRandom, ids: Columns) -> Columns:
    """Add plausible values for the columns of the contract that the shop does not have."""
    size = len(columns[dataset.id_column])
    unknown = [column for column in list_written(dataset) if column.name not in columns]
    return columns | {column.name: draw_fillers(column, size, rng, ids) for column in unknown}


def draw_fillers(column: Column, size: int, rng: SeededRandom, ids: Columns) -> Any:
    texts = ids[column.refers_to].to_pylist() if column.refers_to else list_fillers(column)
    return look_up(texts, rng.integers(column.name, size, len(texts)))


def list_fillers(column: Column) -> Sequence[str]:
    """Texts that are valid in the column."""
    texts = FILLERS[column.kind]
    if column.minimum is None:
        return texts
    return [text for text in texts if Decimal(text) >= column.minimum] or [str(column.minimum)]
