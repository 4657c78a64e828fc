"""Where records begin and end, and on which line each stands."""

import dataclasses
import io
from itertools import pairwise

import numpy as np
import pytest

from include.engine.batches import parse_block
from include.engine.csv_blocks import Cut, read_again, read_blocks
from include.engine.csv_records import Line
from include.engine.raw_file import Header
from include.errors import RawFileError

COLUMNS = ("a", "b")
Rows = list[tuple[int, str | None, str | None]]


def read(text: str, block_bytes: int = 1 << 20) -> tuple[Rows, list[Line]]:
    """Rows with the line they start on, and the lines that are no row."""
    rows: Rows = []
    malformed: list[Line] = []
    for block in read_blocks(io.BytesIO(text.encode()), "s3://raw/x.csv", block_bytes):
        batch = parse_block(block, Header(COLUMNS, 0), COLUMNS)
        rows += zip(batch.line_numbers.tolist(), *(column.to_pylist() for column in batch.rows), strict=True)
        malformed += batch.malformed
    return rows, malformed


CASES: dict[str, tuple[str, Rows, list[Line]]] = {
    "plain": ("1,2\n3,4\n", [(2, "1", "2"), (3, "3", "4")], []),
    "no line end at the end": ("1,2\n3,4", [(2, "1", "2"), (3, "3", "4")], []),
    "CRLF": ("1,2\r\n3,4\r\n", [(2, "1", "2"), (3, "3", "4")], []),
    "CR": ("1,2\r3,4\r", [(2, "1", "2"), (3, "3", "4")], []),
    "mixed line ends": (
        "1,2\r3,4\r\n5,6\n7,8",
        [(2, "1", "2"), (3, "3", "4"), (4, "5", "6"), (5, "7", "8")],
        [],
    ),
    "blank lines": ("\n1,2\n\n\n3,4\n\n", [(3, "1", "2"), (6, "3", "4")], []),
    "blank CRLF lines": ("1,2\r\n\r\n3,4\r\n", [(2, "1", "2"), (4, "3", "4")], []),
    "empty fields": (',\n"",x\n', [(3, None, "x")], []),
    "too few and too many fields": ("1\n1,2\n1,2,3\n", [(3, "1", "2")], [Line(2, "1"), Line(4, "1,2,3")]),
    "quoted comma and quote": ('"1,5","say ""hi"""\n', [(2, "1,5", 'say "hi"')], []),
    "line break in a field": ('1,"two\nlines"\n3,4\n', [(2, "1", "two\nlines"), (4, "3", "4")], []),
    "CRLF in a field": ('1,"two\r\nlines"\r\n3,4\r\n', [(2, "1", "two\r\nlines"), (4, "3", "4")], []),
    "blank line in a field": ('1,"two\n\nlines"\n3,4\n', [(2, "1", "two\n\nlines"), (5, "3", "4")], []),
    "quote never closed": ('1,2\n3,"4\n5,6\n', [(2, "1", "2"), (4, "5", "6")], [Line(3, '3,"4')]),
    "two quotes never closed": (
        '1,"2\n3,4\n5,"6\n7,8\n',
        [(3, "3", "4"), (5, "7", "8")],
        [Line(2, '1,"2'), Line(4, '5,"6')],
    ),
    "a quote inside an unquoted field": ('1,27" screen\n3,4\n', [(2, "1", '27" screen'), (3, "3", "4")], []),
    "an inch sign and an open quote": ('5" x,"6\n7,8\n', [(3, "7", "8")], [Line(2, '5" x,"6')]),
    "text behind a closing quote": ('"1"x,2\n3,4\n', [(3, "3", "4")], [Line(2, '"1"x,2')]),
    "a quote opened too early": ('"1,"x, y",2\n3,4\n', [(3, "3", "4")], [Line(2, '"1,"x, y",2')]),
    "not ASCII": ("é,名\n", [(2, "é", "名")], []),
}


@pytest.mark.parametrize(("text", "rows", "malformed"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("block_bytes", [1, 3, 7, 1 << 20])
def test_records_are_found_wherever_the_blocks_are_cut(
    text: str, rows: Rows, malformed: list[Line], block_bytes: int
) -> None:
    assert read(text, block_bytes) == (rows, malformed)


@pytest.mark.parametrize("text", [text for text, *_ in CASES.values()], ids=CASES)
@pytest.mark.parametrize("block_bytes", [1, 7, 1 << 20])
def test_reading_again_gives_the_same_blocks(text: str, block_bytes: int) -> None:
    blocks = list(read_blocks(io.BytesIO(text.encode()), "s3://raw/x.csv", block_bytes))

    again = read_again(io.BytesIO(text.encode()), [Cut.of(block) for block in blocks])

    compared = 0
    for block, same in zip(blocks, again, strict=True):
        np.testing.assert_equal(dataclasses.asdict(same), dataclasses.asdict(block))
        compared += 1
    assert compared == len(blocks)


def test_a_record_over_many_lines_is_one_row() -> None:
    field = "line\n" * 1000

    assert read(f'1,"{field}"\n3,4\n', block_bytes=64) == ([(2, "1", field), (1003, "3", "4")], [])


@pytest.mark.parametrize("block_bytes", [100_000, 1 << 24])
def test_open_quote_ends_with_its_line(block_bytes: int) -> None:
    count = 2 * 1024 * 1024 // len("3,4\n")

    rows, malformed = read('1,"2\n' + "3,4\n" * count, block_bytes)

    assert malformed == [Line(2, '1,"2')]
    assert len(rows) == count
    assert all(after[0] == before[0] + 1 for before, after in pairwise(rows))


def test_endless_line_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.engine.csv_blocks.LONGEST_LINE_BYTES", 1000)

    with pytest.raises(RawFileError, match=r"\(line 3\): the line does not end"):
        read("1,2\n" + "x" * 5000, block_bytes=500)
