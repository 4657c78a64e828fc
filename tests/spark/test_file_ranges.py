"""A file cut into ranges holds the records that it holds in one piece, wherever it is cut."""

import gzip
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.contract import DATASETS
from include.engine.batches import parse_block
from include.engine.csv_blocks import read_blocks
from include.engine.csv_records import Block
from include.errors import RawFileError
from include.spark.file_ranges import FileRange, RemoteSource, open_remote_file, read_range, split_file
from tests.integration.own_store import OwnStore
from tests.unit.test_csv_blocks import CASES
from tests.unit.test_raw_files import UNUSABLE

PRODUCTS = DATASETS["products"]
HEADER = b"product_id,name\n"


class InThisProcess:
    """Spark's context, as far as the cutting uses it, without its seconds for a thousand small jobs."""

    def parallelize(self, items: list[Any], _: int) -> "InThisProcess":
        self._items = items
        return self

    def map(self, work: Callable[[Any], Any]) -> "InThisProcess":
        self._items = [work(item) for item in self._items]
        return self

    def collect(self) -> list[Any]:
        return self._items


def put(store: OwnStore, key: str, body: bytes) -> str:
    store.client("s3").put_object(Bucket="ecommerce-curated", Key=key, Body=body)
    return f"s3://ecommerce-curated/{key}"


def split(file: RemoteSource, range_bytes: int) -> list[FileRange]:
    return split_file(InThisProcess(), file, range_bytes)  # type: ignore[arg-type]  # stands in for Spark's


def read(blocks: list[Block], file: RemoteSource) -> tuple[list[Any], list[Any]]:
    """Rows with their lines, and malformed lines."""
    batches = [parse_block(block, file.header, ("product_id", "name")) for block in blocks]
    rows = [
        (int(line), *values.values())
        for batch in batches
        for line, values in zip(batch.line_numbers, batch.rows.to_pylist(), strict=True)
    ]
    return rows, [line for batch in batches for line in batch.malformed]


EVERYTHING = "".join(text if text[-1] in "\r\n" else text + "\n" for text, _, _ in CASES.values())


@pytest.mark.parametrize("range_bytes", [1, 2, 5, 13, 64, 1 << 20])
@pytest.mark.parametrize(
    "text",
    [*(text for text, _, _ in CASES.values()), EVERYTHING],
    ids=[*CASES, "all of these behind each other"],
)
def test_ranges_hold_what_the_file_holds(store: OwnStore, text: str, range_bytes: int) -> None:
    body = HEADER + text.encode()
    file = open_remote_file(PRODUCTS, put(store, "ranges.csv", body), "s3://raw/products.csv", 7)

    parts = split(file, range_bytes)

    found = read([block for part in parts for block in read_range(file, part)], file)
    whole = list(read_blocks(io.BytesIO(text.encode()), "x", 1 << 20))
    assert found == read(whole, file)
    assert parts[0].start == len(HEADER)
    assert len(parts) >= min(len(text) // range_bytes, 2)


@pytest.mark.parametrize("rows", [1, 5_000])
def test_a_compressed_file_is_one_range_however_small(store: OwnStore, rows: int) -> None:
    text = "P1,a name\n" * rows
    url = put(store, "ranges.csv.gz", gzip.compress(HEADER + text.encode()))
    file = open_remote_file(PRODUCTS, url, "s3://raw/products.csv.gz", 100)

    parts = split(file, 10)

    assert len(parts) == 1
    assert len(read(list(read_range(file, parts[0])), file)[0]) == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(content, message, id=name)
        for name, (suffix, content, message) in UNUSABLE.items()
        if suffix == ".csv" and "no rows" not in message
    ],
)
def test_an_unusable_file_is_named_with_the_line(store: OwnStore, content: bytes, message: str) -> None:
    url = put(store, "unusable.csv", content)

    with pytest.raises(RawFileError, match=re.escape(message)):
        split(open_remote_file(DATASETS["orders"], url, "s3://raw/orders.csv", 100), 10)


def test_the_first_fault_is_the_one_that_is_named(store: OwnStore) -> None:
    good, bad = b'1,"two\nlines"\n' * 50, b"2,caf\xe9\n"
    url = put(store, "faults.csv", HEADER + good + bad + good + bad)

    with pytest.raises(RawFileError, match=r"products\.csv \(line 102\): not UTF-8 text \(byte 0xe9\)"):
        split(open_remote_file(PRODUCTS, url, "s3://raw/products.csv", 100), 70)


def test_file_replaced_while_read_stops_the_read(store: OwnStore) -> None:
    url = put(store, "replaced.csv", HEADER + b"1,a\n2,b\n")
    file = open_remote_file(PRODUCTS, url, "s3://raw/products.csv", 100)
    parts = split(file, 1 << 20)
    put(store, "replaced.csv", HEADER + b"3,c\n4,d\n")

    with pytest.raises(ClientError, match="PreconditionFailed"):
        list(read_range(file, parts[0]))
