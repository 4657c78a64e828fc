"""The accepted customers or products of a day, to be looked up by id."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.contract import Dataset, list_looked_up, list_taken
from include.engine.blanks import trim
from include.engine.frames import Flags, to_array, to_column, to_flags
from include.engine.text_hash import has_exact_hash, hash_text

Rows = npt.NDArray[np.int64]


class Dimension:
    """Rows with unique text ids. Ids are found by hash and compared as text.

    Parameters
    ----------
    ids: the id of each row, unique, never null.
    columns: the columns that orders take over, under the names that they get there.
    rejected: the ids of rejected rows, as delivered.
    taken: the texts that orders take from it, because their own file does not have them.
    """

    def __init__(
        self,
        ids: pa.Array,
        columns: dict[str, pa.Array],
        rejected: pa.Array | None = None,
        taken: Mapping[str, pa.Array] | None = None,
    ) -> None:
        self._taken = taken or {}
        self._rejected = trim(pa.array([], pa.string()) if rejected is None else rejected)
        self._ids = ids
        self._hashes = pd.Index(hash_text(ids))
        self._has_exact_hashes = bool(pc.all(has_exact_hash(ids)).as_py())
        self._columns = {name: values.dictionary_encode() for name, values in columns.items()}

    @classmethod
    def read(cls, folder: Path, dataset: Dataset, late: Path | None = None) -> "Dimension":
        """The dimension that the transform wrote into a folder, and behind it rows that arrived late."""
        columns = list_looked_up(dataset)
        rows = pq.read_table(folder / f"{dataset.name}.parquet", columns=list(columns))
        return cls.of(rows, dataset, late, folder / "quarantine" / f"{dataset.name}.parquet")

    @classmethod
    def of(cls, rows: pa.Table, dataset: Dataset, late: Path | None, quarantine: Path) -> "Dimension":
        """Accepted rows, under the names of the dataset, and behind them rows that arrived late."""
        if late:
            rows = _add_unknown(rows, pq.read_table(late), dataset.id_column)
        rows = rows.combine_chunks()
        rejected = pq.read_table(quarantine, columns=[dataset.id_column])
        return cls(
            _only_chunk(rows[dataset.id_column]),
            {in_orders: _only_chunk(rows[name]) for name, in_orders in dataset.taken_over.items()},
            _only_chunk(rejected[dataset.id_column]),
            {name: _only_chunk(rows[name]) for name in list_taken(dataset)},
        )

    def find(self, ids: pd.Series) -> Rows:
        """The row of each id; -1 where there is none."""
        wanted = to_array(ids)
        if not self._hashes.is_unique:
            places: Rows = pc.fill_null(pc.index_in(wanted, self._ids), -1).to_numpy().astype(np.int64)
            return places
        rows: Rows = self._hashes.get_indexer(pd.Index(hash_text(wanted)))
        rows[~self._are_same(rows, wanted)] = -1
        return rows

    def find_rejected(self, ids: pd.Series, is_lost: Flags) -> Flags:
        """Which of the ids that are not among the accepted rows are those of rejected rows."""
        is_rejected = np.zeros(len(ids), bool)
        if is_lost.any():
            lost = to_array(ids).filter(pa.array(is_lost))
            is_rejected[is_lost] = to_flags(pc.is_in(lost, value_set=self._rejected.drop_null()))
        return is_rejected

    def _are_same(self, rows: Rows, wanted: pa.Array) -> Flags:
        """Whether the text is the same where the hash is; a null equals nothing."""
        if self._has_exact_hashes:
            return to_flags(has_exact_hash(wanted))
        found = self._ids.take(pa.array(rows, mask=rows < 0))
        return to_flags(pc.equal(found, wanted))

    def take(self, name: str, rows: Rows) -> pa.Array:
        """A text for each row that `find` gave; null where it gave -1."""
        return self._taken[name].take(pa.array(rows, mask=rows < 0))

    def look_up(self, rows: Rows) -> pd.DataFrame:
        """The columns for each row that `find` gave; null where it gave -1."""
        places = pa.array(rows, mask=rows < 0)
        return pd.DataFrame(
            {
                name: to_column(
                    pa.DictionaryArray.from_arrays(values.indices.take(places), values.dictionary)
                )
                for name, values in self._columns.items()
            }
        )


def _add_unknown(rows: pa.Table, late: pa.Table, key: str) -> pa.Table:
    """The rows, and of the late ones those with an id of their own."""
    is_known = pc.is_in(late[key], value_set=rows[key].combine_chunks())
    unknown = late.filter(pc.invert(is_known))
    return pa.concat_tables([rows, unknown], promote_options="default").select(rows.column_names)


def _only_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()
