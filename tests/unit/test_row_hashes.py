"""The hash of an id is the same however it was found, and belongs to its row."""

import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contract import Column, Dataset, Kind
from include.engine.batches import align_with_rows, hash_block_keys, parse_block
from include.engine.csv_blocks import read_blocks
from include.engine.raw_file import Header
from include.engine.text_hash import has_exact_hash, hash_text
from include.engine.text_words import TextWords

DATASET = Dataset(
    name="things",
    key="id",
    columns=tuple(Column(name=name, kind=Kind.TEXT, meaning="") for name in ("id", "b")),
)
ids = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters='\0\r\n,"'), max_size=20), st.just("x" * 70)
)


@pytest.mark.parametrize("columns", [("id", "b"), ("b", "id")], ids=["id first", "id second"])
@given(
    rows=st.lists(
        st.one_of(ids, st.sampled_from(["", '"quoted"', '"two\nlines"', "too,many", 'open"quote']))
    ),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_rows_have_the_hashes_of_their_ids(columns: tuple[str, ...], rows: list[str], line_end: str) -> None:
    lines = [f"{row},b" if columns[0] == "id" else f"b,{row}" for row in rows]
    data = "".join(line + line_end for line in lines).encode()
    header = Header(columns, 0)

    for block in read_blocks(io.BytesIO(data), "s3://raw/x.csv", 1 << 20):
        batch = parse_block(block, header, columns)
        hashes = align_with_rows(batch, block, hash_block_keys(block, header, DATASET))

        if hashes is not None:
            assert hashes.tolist() == hash_text(batch.rows["id"]).tolist()


def test_plain_blocks_need_no_second_hashing() -> None:
    header = Header(("id", "b"), 0)
    (block,) = read_blocks(io.BytesIO(b"A,1\nB,2\n\nmalformed\nC,3\n"), "s3://raw/x.csv", 1 << 20)
    batch = parse_block(block, header, header.columns)

    hashes = align_with_rows(batch, block, hash_block_keys(block, header, DATASET))

    assert hashes is not None
    assert hashes.tolist() == hash_text(pa.array(["A", "B", "C"])).tolist()


def test_ids_that_stand_first_are_hashed_without_parsing() -> None:
    words = TextWords.of_first_fields(b"O-1,a\nO-20000000000001,b\n,c\n")

    assert words
    assert words.lengths.tolist() == [3, 16, 0]


def test_a_long_first_field_is_left_to_the_parser() -> None:
    assert TextWords.of_first_fields(b"x" * 100 + b",a\n") is None


def test_long_ids_are_told_apart_behind_their_first_word() -> None:
    ids = ["customer", "customer1", "customer2", "customer-2026-1", "customer-2026-2", "x" * 256, "x" * 257]

    assert len({*hash_text(pa.array(ids)).tolist()}) == len(ids)
    assert [hash_text(pa.array([text]))[0] for text in ids] == hash_text(pa.array(ids)).tolist()


def test_hash_is_exact_for_texts_of_one_word() -> None:
    texts = pa.array(["x" * 8, "x" * 9, "é" * 4, "é" * 5, "", None])

    assert has_exact_hash(texts).to_pylist() == [True, False, True, False, False, None]


@given(texts=st.lists(st.text(st.characters(codec="ascii", exclude_characters="\0")), unique=True))
def test_exact_hashes_belong_to_one_text(texts: list[str]) -> None:
    array = pa.array(texts, pa.string())
    exact = hash_text(array)[has_exact_hash(array).to_numpy(zero_copy_only=False)]

    assert len(np.unique(exact)) == len(exact)
