"""Compare the outputs of two engines. Usage: `python -m benchmarks.compare OUR_DIR THEIR_DIR [--every-row]`.

Compares all values, but not the order of rows or details of types. Prints one line per difference.
"""

# ruff: noqa: S608  # all names in the queries are the contract's own

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from include.contract import DATASETS, Dataset, Kind, published_columns
from include.contract.model import DAY

SQL_TYPES = {
    Kind.TEXT: "VARCHAR",
    Kind.WHOLE_NUMBER: "BIGINT",
    Kind.DECIMAL: "DECIMAL(18, 4)",
    Kind.WIDE_DECIMAL: "DECIMAL(38, 4)",
    Kind.TIMESTAMP: "TIMESTAMPTZ",
}


def find_differences(ours: Path, theirs: Path, *, every_row: bool) -> Iterator[str]:
    """Compare row by row, or by the number of rows and a sum of row hashes."""
    compare = compare_rows if every_row else compare_checksums
    for dataset in DATASETS.values():
        yield from compare(f"{dataset.name}.parquet", published_values(dataset), ours, theirs)
        yield from compare(f"quarantine/{dataset.name}.parquet", quarantined_values(dataset), ours, theirs)


def published_values(dataset: Dataset) -> str:
    # The day is not in the files: each engine would repeat what it was given.
    columns = [column for column in published_columns(dataset) if column is not DAY]
    return ", ".join(f"{column.name}::{SQL_TYPES[column.kind]} AS {column.name}" for column in columns)


def quarantined_values(dataset: Dataset) -> str:
    names = ", ".join(f"{name}::VARCHAR AS {name}" for name in dataset.column_names)
    return f"{names}, list_sort(reasons) AS reasons, source_key, line_number::BIGINT AS line_number, raw_line"


def compare_rows(file: str, values: str, ours: Path, theirs: Path) -> Iterator[str]:
    for one, other, whose in (ours, theirs, "only ours"), (theirs, ours, "only theirs"):
        rows = f"SELECT {values} FROM {{}} EXCEPT ALL SELECT {values} FROM {{}}"
        query = f"SELECT rows::VARCHAR FROM ({rows}) AS rows LIMIT 10"
        yield from (f"{file}: {whose}: {row}" for (row,) in ask(query, one / file, other / file))


def compare_checksums(file: str, values: str, ours: Path, theirs: Path) -> Iterator[str]:
    query = f"SELECT count(*), sum(hash(rows)::HUGEINT) FROM (SELECT {values} FROM {{}}) AS rows"
    one, other = ask(query, ours / file), ask(query, theirs / file)
    if one != other:
        yield f"{file}: our rows and checksum are {one[0]}, theirs {other[0]}"


def ask(query: str, *paths: Path) -> list[tuple[Any, ...]]:
    quoted = ("'" + str(path).replace("'", "''") + "'" for path in paths)
    return duckdb.execute(query.format(*quoted)).fetchall()


def main(arguments: list[str]) -> None:
    duckdb.execute("SET TimeZone = 'UTC'")
    ours, theirs, *options = arguments
    for difference in find_differences(Path(ours), Path(theirs), every_row="--every-row" in options):
        print(difference)


if __name__ == "__main__":
    main(sys.argv[1:])
