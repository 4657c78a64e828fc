"""Keys and references of raw rows: how they are trimmed, hashed and checked."""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.contract import Dataset, too_long_reason, untrimmed_reason
from include.engine.blanks import has_outer_blank, trim
from include.engine.text_hash import Hashes, combine_hashes, hash_text
from include.engine.value_formats import empty_null_words

Flags = npt.NDArray[np.bool_]


def trim_declared(rows: pa.RecordBatch, dataset: Dataset) -> pa.RecordBatch:
    """The rows as they are compared with each other: trimmed if declared, and keys without null words."""
    rows = trim_columns(rows, _find_outer_blanks(rows, dataset.trimmed_columns))
    for name in dataset.key_columns:
        value_format = dataset.format_of(dataset.column(name))
        if value_format.null_words and name in rows.schema.names:
            key = empty_null_words(rows[name], value_format)
            rows = rows.set_column(rows.schema.get_field_index(name), name, key)
    return rows


def find_outer_blanks(rows: pa.RecordBatch, dataset: Dataset) -> dict[str, Flags]:
    """Which ids and trimmed texts begin or end with a blank, for each column that has any such value."""
    return _find_outer_blanks(rows, (*dataset.identifiers, *dataset.trimmed_columns))


def _find_outer_blanks(rows: pa.RecordBatch, names: Iterable[str]) -> dict[str, Flags]:
    found = {name: has_outer_blank(rows[name]) for name in dict.fromkeys(names) if name in rows.schema.names}
    return {name: flags for name, flags in found.items() if flags.any()}


def trim_columns(rows: pa.RecordBatch, outer_blanks: Iterable[str]) -> pa.RecordBatch:
    """The rows as they are judged: `find_identifier_faults` rejects those that must not be trimmed."""
    for name in outer_blanks:
        rows = rows.set_column(rows.schema.get_field_index(name), name, trim(rows[name]))
    return rows


def hash_keys(rows: pa.RecordBatch, dataset: Dataset, key: tuple[str, ...]) -> Hashes:
    """One hash a row of those of its key columns that the file names: equal keys have equal hashes."""
    rows = trim_declared(rows.select(list(key)), dataset)
    hashes = hash_text(rows.column(0))
    for column in rows.columns[1:]:
        hashes = combine_hashes(hashes, hash_text(column))
    return hashes


def find_identifier_faults(
    rows: pa.RecordBatch, dataset: Dataset, outer_blanks: Mapping[str, Flags]
) -> dict[str, Flags]:
    """The rows, as delivered, whose texts have blanks around them or are too long, by reason."""
    faults: dict[str, Flags] = {}
    for column in dataset.columns:
        # A word for a missing value may have blanks around it, as an empty field may.
        text = empty_null_words(rows[column.name], dataset.format_of(column))
        if column.name in dataset.identifiers and not column.trim:
            faults[untrimmed_reason(column)] = _has_trimmable_ends(text, outer_blanks.get(column.name))
        if (longest := dataset.longest_of(column)) is not None:
            faults[too_long_reason(column)] = _is_longer(text, longest)
    return faults


def _has_trimmable_ends(text: pa.Array, has_outer_blank: Flags | None) -> Flags:
    """A text of nothing but blanks is missing, not untrimmed."""
    if has_outer_blank is None:
        return np.zeros(len(text), bool)
    flags, suspects = has_outer_blank.copy(), np.flatnonzero(has_outer_blank)
    flags[suspects] = trim(text.take(pa.array(suspects))).is_valid().to_numpy(zero_copy_only=False)
    return flags


def _is_longer(text: pa.Array, longest: int) -> Flags:
    lengths = pc.fill_null(pc.binary_length(text), 0).to_numpy()
    flags: Flags = lengths > longest
    return flags
