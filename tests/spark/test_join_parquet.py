"""Parquet files joined inside the store are one file with all their rows."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.s3.multipart import SMALLEST_PART_BYTES
from include.s3.objects import download_file
from include.spark.join_parquet import Piece, join_pieces, read_footer
from tests.integration.own_store import OwnStore

LARGE, SMALL, EMPTY = 900_000, 1_000, 0
SCHEMA = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("list", pa.list_(pa.string()), nullable=False),
    ]
)


def make_table(rows: int, seed: int) -> pa.Table:
    numbers = np.random.default_rng(seed).integers(0, 2**62, rows)
    texts = pa.array([None if number % 7 == 0 else f"é{number}" for number in numbers[:SMALL]], pa.string())
    places = pa.array(np.arange(rows) % SMALL)
    lists = pa.array([["a"] * (number % 3) for number in range(SMALL)], pa.list_(pa.string()))
    return pa.table([pa.array(numbers), texts.take(places), lists.take(places)], schema=SCHEMA)


def put_piece(store: OwnStore, folder: Path, number: int, table: pa.Table) -> Piece:
    path, key = folder / f"{number}.parquet", f"pieces/{number}.parquet"
    pq.write_table(table, path, row_group_size=300_000, compression="zstd", store_schema=False)
    store.client("s3").upload_file(str(path), "ecommerce-curated", key)
    return Piece(f"s3://ecommerce-curated/{key}", read_footer(path), path.stat().st_size)


@pytest.mark.parametrize(
    "sizes",
    [
        [SMALL],
        [EMPTY],
        [EMPTY, EMPTY],
        [SMALL, EMPTY, SMALL],
        [LARGE, LARGE],
        [LARGE, EMPTY, SMALL, LARGE, SMALL, SMALL, LARGE, SMALL],
        [SMALL, LARGE, EMPTY],
    ],
    ids=str,
)
def test_joined_pieces_are_one_file(store: OwnStore, tmp_path: Path, sizes: list[int]) -> None:
    tables = [make_table(rows, seed) for seed, rows in enumerate(sizes)]
    pieces = [put_piece(store, tmp_path, number, table) for number, table in enumerate(tables)]
    assert all(piece.size_bytes > SMALLEST_PART_BYTES for piece in pieces if piece.size_bytes > 1_000_000)

    with ThreadPoolExecutor(4) as pool:
        join_pieces(store.hook(), pieces, "s3://ecommerce-curated/joined.parquet", pool, made_from="x")

    joined, expected = tmp_path / "joined.parquet", pa.concat_tables(tables)
    download_file(store.hook(), "s3://ecommerce-curated/joined.parquet", joined)
    assert pq.read_table(joined).equals(expected)
    assert pq.ParquetFile(joined).metadata.num_row_groups == sum(-(-rows // 300_000) or 1 for rows in sizes)
    numbers = duckdb.execute("SELECT number FROM read_parquet(?)", [str(joined)]).fetchnumpy()["number"]
    assert np.array_equal(numbers, expected["number"].to_numpy())
