"""Adds faults to clean tables: every reject reason of the contract, in a small and realistic share of rows.

Turns the text columns of a raw file into its lines. A row gets at most one fault.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include import contract
from include.contract import Column, Dataset, Kind
from include.contract.line_total import TOTAL, list_total_rules
from include.contract.model import list_column_reasons
from include.sample_data.columns import Columns, Numbers

#: Random whole numbers: their use, their count, their exclusive maximum.
DrawIntegers = Callable[[str, int, int | Numbers], Numbers]
#: The row numbers of each fault, ascending.
DirtyRows = dict[str, Numbers]

EXACT_DUPLICATE = "exact_duplicate"
INVALID_TEXTS = {
    Kind.WHOLE_NUMBER: ("2.5", "two", "1e3", "1 000"),
    Kind.DECIMAL: ("12,50", "free", "NaN", "9.99 EUR", "0.12345"),
    Kind.TIMESTAMP: ("2026-02-30", "31/12/2026", "2026-11-21T25:00:00Z", "yesterday", "0"),
}
#: Appended to an id, they make a different id that looks the same.
BLANKS = (" ", "\u00a0", "\u200b")
#: Ids that orders refer to and that do not exist.
UNKNOWN_IDS = {"customers": ("GUEST", "c-000001"), "products": ("GIFTCARD", "p-00001")}
BREAKS: tuple[Callable[[str], str], ...] = (
    lambda line: line.rpartition(",")[0],
    lambda line: f"{line},0",
    lambda line: ',"'.join(line.rsplit(",", 1)),
)


def choose_dirty_rows(
    dataset: Dataset, size: int, integers: DrawIntegers, leave_out: Collection[str]
) -> DirtyRows:
    """Choose 1 % of the rows, spread over the file; in small files up to 2 %. The first row stays clean."""
    faults = [fault for fault in (*contract.reasons(dataset), EXACT_DUPLICATE) if fault not in leave_out]
    count = max(size // 100, min(size // 50, len(faults)))
    if not count or not faults:
        return {}
    stride = (size - 1) // count
    rows = 1 + np.arange(count) * stride + integers("dirty rows", count, stride)
    shuffled = rows[np.argsort(integers("faults", count, 2**62), kind="stable")]
    return {fault: np.sort(shuffled[place :: len(faults)]) for place, fault in enumerate(faults)}


def all_rows(dirty: DirtyRows) -> Numbers:
    return np.concatenate([np.empty(0, dtype=np.int64), *dirty.values()])


def list_written(dataset: Dataset) -> tuple[Column, ...]:
    """The columns of the file: like most real files, without the optional columns of a key."""
    optional = set(dataset.key_columns[1:])
    return tuple(column for column in dataset.columns if column.name not in optional)


def find_intact(dataset: Dataset, dirty: DirtyRows) -> Numbers:
    """The dirty rows whose fault is not in an identifier, so that their ids are in the file."""
    columns = [column for column in list_written(dataset) if column.name not in dataset.identifiers]
    faults = [reason for column in columns for reason in list_column_reasons(dataset, column)]
    return all_rows({fault: rows for fault, rows in dirty.items() if fault in faults})


def spoil_table(
    dataset: Dataset,
    columns: Columns,
    dirty: DirtyRows,
    day: dt.date,
    integers: DrawIntegers,
    rejected_ids: Mapping[str, tuple[str, ...]],
) -> Any:
    """The lines of the file, without line ends. `rejected_ids` are those of the datasets written earlier."""
    columns = repeat_rows(dataset, columns, dirty, integers)
    for fault, (column, texts) in list_field_faults(dataset, day, rejected_ids).items():
        columns[column] = overwrite(columns[column], dirty.get(fault), texts)
    for fault, (column, endings) in list_endings(dataset).items():
        columns[column] = append(columns[column], dirty.get(fault), endings)
    lines = join_fields([columns[column.name] for column in list_written(dataset)])
    return break_lines(lines, dirty.get(contract.MALFORMED_ROW))


def repeat_rows(dataset: Dataset, columns: Columns, dirty: DirtyRows, integers: DrawIntegers) -> Columns:
    """Add duplicates: overwrite rows, or only their ids, with those of earlier clean rows."""
    size = len(columns[dataset.id_column])
    clean = np.delete(np.arange(size), all_rows(dirty))

    def take_earlier(names: Collection[str], fault: str) -> Columns:
        rows, source = dirty.get(fault, np.empty(0, dtype=np.int64)), np.arange(size)
        source[rows] = clean[integers(fault, len(rows), np.searchsorted(clean, rows))]
        return {name: columns[name].take(pa.array(source)) for name in names}

    columns = columns | take_earlier([dataset.id_column], contract.duplicate_reason(dataset))
    return columns | take_earlier([column.name for column in list_written(dataset)], EXACT_DUPLICATE)


def list_field_faults(
    dataset: Dataset, day: dt.date, rejected_ids: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """For each reason that concerns a single field: the column, and texts that cause it."""
    faults: dict[str, tuple[str, tuple[str, ...]]] = {}
    for column in list_written(dataset):
        found = list_column_faults(column)
        if ids := rejected_ids.get(column.refers_to or ""):
            found[contract.rejected_reason(column.name)] = ids
        faults |= {reason: (column.name, texts) for reason, texts in found.items()}
    if dataset is contract.ORDERS:
        earlier = (f"{day - dt.timedelta(days=1)}T18:30:00Z", f"{day - dt.timedelta(days=30)}")
        faults[contract.DELIVERY_BEFORE_ORDER] = ("delivery_date", earlier)
        delivery = dataset.column("delivery_date")
        faults[contract.implausible_reason(delivery)] = (delivery.name, ("9999-12-31T00:00:00Z",))
        faults |= dict.fromkeys(list_total_rules(dataset), (TOTAL, ("0.0001", "999999.99")))
    return faults


def list_endings(dataset: Dataset) -> dict[str, tuple[str, tuple[str, ...]]]:
    """For each reason that concerns the end of an id: the column, and the endings to append."""
    faults: dict[str, tuple[str, tuple[str, ...]]] = {}
    for column in list_written(dataset):
        if column.name in dataset.identifiers and not column.trim:
            faults[contract.untrimmed_reason(column)] = (column.name, BLANKS)
        if longest := dataset.longest_of(column):
            faults[contract.too_long_reason(column)] = (column.name, ("x" * longest,))
    return faults


def list_impossible(dataset: Dataset, rejected_ids: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The reasons that cannot occur: those of missing columns, and `rejected_…` without rejected ids."""
    absent = {*dataset.columns} - {*list_written(dataset)}
    of_absent = {reason for column in absent for reason in list_column_reasons(dataset, column)}
    return of_absent | {
        contract.rejected_reason(column)
        for name, column in dataset.references.items()
        if not rejected_ids.get(name)
    }


def list_column_faults(column: Column) -> dict[str, tuple[str, ...]]:
    """For each reason that follows from the declaration of the column: texts that cause it."""
    faults: dict[str, tuple[str, ...]] = {}
    if not column.nullable:
        faults[contract.missing_reason(column)] = ("",)
    if column.kind in INVALID_TEXTS:
        faults[contract.invalid_reason(column)] = INVALID_TEXTS[column.kind]
    if column.kind is Kind.TIMESTAMP:
        faults[contract.implausible_reason(column)] = ("0001-01-01", "1900-01-01T00:00:00Z")
    if column.minimum is not None:
        faults[contract.minimum_reason(column)] = (str(column.minimum - 1), str(column.minimum - 25))
    if column.refers_to:
        faults[contract.unknown_reason(column.name)] = UNKNOWN_IDS.get(column.refers_to, ("UNKNOWN",))
    return faults


def append(texts: Any, rows: Numbers | None, endings: tuple[str, ...]) -> Any:
    """Append the endings to the texts of the rows, in turn."""
    if rows is None:
        return texts
    ended = (text + endings[place % len(endings)] for place, text in enumerate(texts.take(rows).to_pylist()))
    return overwrite(texts, rows, tuple(ended))


def overwrite(texts: Any, rows: Numbers | None, replacements: tuple[str, ...]) -> Any:
    """Write the replacements to the rows, in turn."""
    if rows is None:
        return texts
    is_replaced = np.zeros(len(texts), dtype=bool)
    is_replaced[rows] = True
    values = [replacements[place % len(replacements)] for place in range(len(rows))]
    return pc.replace_with_mask(texts, pa.array(is_replaced), pa.array(values, pa.string()))


def join_fields(columns: list[Any]) -> Any:
    fields = [quote_fields(column) for column in columns]
    return pc.binary_join_element_wise(*fields, ",", null_handling="replace", null_replacement="")


def quote_fields(texts: Any) -> Any:
    """Quote the fields that contain a comma or a quote."""
    is_special = pc.or_(pc.match_substring(texts, ","), pc.match_substring(texts, '"'))
    if not pc.any(is_special).as_py():
        return texts
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(texts, '"', '""'), '"', "")
    return pc.if_else(is_special, quoted, texts)


def break_lines(lines: Any, rows: Numbers | None) -> Any:
    """Break lines, in turn: a missing field, an extra field, an unclosed quote."""
    if rows is None or not len(rows):
        return lines
    broken = (BREAKS[place % len(BREAKS)](line) for place, line in enumerate(lines.take(rows).to_pylist()))
    return overwrite(lines, rows, tuple(broken))
