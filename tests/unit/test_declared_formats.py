"""Raw files in a declared format, from their bytes to tables and quarantine."""

import dataclasses
import datetime as dt
import gzip
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from include.contract import Column, Dataset, Kind
from include.contract.model import FileFormat
from include.engine.process import FileReport, SplitBatch, process_file, split_batch
from include.engine.raw_file import RawSource
from include.errors import RawFileError, RowsLostError
from include.inputs.repairs import Repair, patch_file
from include.transform import transform_table

STOCK = Dataset(
    name="stock",
    key="sku",
    columns=(
        Column(name="sku", kind=Kind.TEXT, meaning="", required=True, nullable=False),
        Column(name="note", kind=Kind.TEXT, meaning=""),
        Column(name="price", kind=Kind.DECIMAL, meaning=""),
        Column(name="since", kind=Kind.TIMESTAMP, meaning=""),
    ),
)


@dataclasses.dataclass(frozen=True)
class Result:
    report: FileReport
    rows: list[tuple[Any, ...]]
    rejected: list[dict[str, Any]]


def process(
    folder: Path, content: bytes, dataset: Dataset, *, batch_bytes: int = 1 << 20, suffix: str = ".csv"
) -> Result:
    path = folder / f"stock{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.lower().endswith(".gz") else content)
    judge = partial(transform_table, dataset=dataset)
    report = process_file(
        RawSource(dataset, path, path.name), judge, folder / "out", batch_bytes, dt.date(2026, 11, 21)
    )
    rows = pq.read_table(folder / "out/stock.parquet", columns=[*dataset.column_names]).to_pylist()
    rejected = pq.read_table(folder / "out/quarantine/stock.parquet").to_pylist()
    return Result(report, [tuple(row.values()) for row in rows], rejected)


def declare(**file_format: Any) -> Dataset:
    return dataclasses.replace(STOCK, format=FileFormat(**file_format))


SINCE = dt.datetime(2026, 11, 5, 14, 30, tzinfo=dt.UTC)
SPREADSHEET = {
    "delimiter": ";",
    "encoding": "cp1252",
    "decimal_separator": ",",
    "timestamp_formats": ("%d.%m.%Y %H:%M",),
}
#: Content, format, and what the one row with the note says.
FORMATS: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "spreadsheet": (
        'sep=;\nsku;note;price;since\nA1;"größer; ""neu"", 5 €";7,50;05.11.2026 14:30\n'.encode("cp1252"),
        SPREADSHEET,
        'größer; "neu", 5 €',
    ),
    "tabs": (b"sku\tnote\tprice\tsince\nA1\ta, b\t7.50\t2026-11-05 14:30\n", {"delimiter": "\t"}, "a, b"),
    "pipes without quotes": (
        b'sku|note|price|since\nA1|27" screen, new|7.5|2026-11-05 14:30\n',
        {"delimiter": "|", "quote": ""},
        '27" screen, new',
    ),
    "single quotes": (
        b"sku,note,price,since\nA1,'it''s \"new\", or not',7.5,2026-11-05 14:30\n",
        {"quote": "'"},
        'it\'s "new", or not',
    ),
    "escapes": (
        b'sku,note,price,since\nA1,"say \\"hi\\", C:\\\\x",7.5,2026-11-05 14:30\n',
        {"escape": "\\", "null_words": (r"\N",)},
        'say "hi", C:\\x',
    ),
    "escaped delimiter": (
        b"sku;note;price;since\nA1;one\\; two, three;7.5;2026-11-05 14:30\n",
        {"delimiter": ";", "escape": "\\"},
        "one; two, three",
    ),
    "UTF-16": (
        "sku\tnote\tprice\tsince\nA1\tnaïve, 名\t7.5\t2026-11-05 14:30\n".encode("utf-16"),
        {"delimiter": "\t", "encoding": "utf-16"},
        "naïve, 名",
    ),
}


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".CSV.GZ"])
@pytest.mark.parametrize(("content", "declared", "note"), FORMATS.values(), ids=FORMATS)
def test_declared_format_is_read(
    tmp_path: Path, content: bytes, declared: dict[str, Any], note: str, suffix: str
) -> None:
    result = process(tmp_path, content, declare(**declared), suffix=suffix)

    assert result.rows == [("A1", note, Decimal("7.5000"), SINCE)]


@pytest.mark.parametrize("batch_bytes", [7, 64, 1 << 20])
def test_quarantine_has_text_as_delivered_and_its_line(tmp_path: Path, batch_bytes: int) -> None:
    content = (
        "sep=;\r\nsku;note;price;since\r\n"
        "A1;ä,b;1,50;05.11.2026 14:30\r\n"
        "A2;ä;1.50;05.11.2026 14:30\r\n"
        "A3;ä,b;1,50;too;many\r\n"
        'A4;"two\r\nlines";1,50;05.11.2026 14:30\r\n'
        "A1;ä,b;1,50;05.11.2026 14:30\r\n"
        "A1;other;1,50;05.11.2026 14:30\r\n"
    ).encode("cp1252")

    result = process(tmp_path, content, declare(**SPREADSHEET), batch_bytes=batch_bytes)

    assert [row[:2] for row in result.rows] == [("A1", "ä,b"), ("A4", "two\r\nlines")]
    found = [(row["line_number"], row["reasons"], row["price"], row["raw_line"]) for row in result.rejected]
    assert found == [
        (4, ["price_invalid"], "1.50", None),
        (5, ["malformed_row"], None, "A3;ä,b;1,50;too;many"),
        (9, ["duplicate_sku"], "1,50", None),
    ]
    assert result.report.rows["duplicates"] == 1


def test_null_words_are_empty_also_in_keys(tmp_path: Path) -> None:
    content = b"sku,note,price,since\nNULL,a,1,\nNULL,b,1,\nA1,NULL,NULL,NULL\n"

    result = process(tmp_path, content, declare(null_words=("NULL",)))

    assert result.rows == [("A1", None, None, None)]
    assert [row["reasons"] for row in result.rejected] == [["sku_missing"]] * 2
    assert {row["sku"] for row in result.rejected} == {"NULL"}


def test_local_time_without_one_moment_has_a_reason(tmp_path: Path) -> None:
    content = b"sku,note,price,since\nA1,,,2026-10-25 02:30\nA2,,,2026-03-29 02:30\nA3,,,x\n"

    result = process(tmp_path, content, declare(time_zone="Europe/Berlin"))

    assert [row["reasons"] for row in result.rejected] == [
        ["since_ambiguous"],
        ["since_nonexistent"],
        ["since_invalid"],
    ]


def test_bad_value_of_an_optional_column_is_emptied(tmp_path: Path) -> None:
    columns = [dataclasses.replace(column, empty_if_invalid=not column.required) for column in STOCK.columns]
    dataset = dataclasses.replace(STOCK, columns=tuple(columns))
    content = b"sku,note,price,since\nA1,,abc,1900-01-01\nA2,,1,\nA3,,,0000-00-00\n"

    result = process(tmp_path, content, dataset)

    assert result.rows == [
        ("A1", None, None, None),
        ("A2", None, Decimal("1.0000"), None),
        ("A3", None, None, None),
    ]
    assert result.report.emptied == {"note": 0, "price": 1, "since": 2}


def test_file_without_rows_is_an_empty_day_if_declared(tmp_path: Path) -> None:
    with pytest.raises(RawFileError, match="declare may_be_empty=True"):
        process(tmp_path, b"sku,note,price,since\n", STOCK)

    result = process(tmp_path, b"sku,note,price,since\n", dataclasses.replace(STOCK, may_be_empty=True))

    assert (result.rows, result.rejected, result.report.rows["read"]) == ([], [], 0)


@pytest.mark.parametrize(
    ("name", "declared"),
    [("spreadsheet", SPREADSHEET), ("escapes", FORMATS["escapes"][1]), ("UTF-16", FORMATS["UTF-16"][1])],
)
def test_repaired_row_is_written_in_the_declared_format(
    tmp_path: Path, name: str, declared: dict[str, Any]
) -> None:
    content, dataset = FORMATS[name][0], declare(**declared)
    line = 3 if content.startswith(b"sep") else 2
    raw, patched = tmp_path / "raw.csv", tmp_path / "patched.csv"
    raw.write_bytes(content)
    repair = Repair("repair.csv", "etag", {line: {"sku": 'B;2, "x"', "price": "3"}})

    patch_file(RawSource(dataset, raw, "raw.csv"), repair, patched)

    assert process(tmp_path, patched.read_bytes(), dataset).rows == [
        ('B;2, "x"', None, Decimal("3.0000"), None)
    ]


def test_lost_row_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_a_row(*batch: Any) -> SplitBatch:
        split = split_batch(*batch)
        return dataclasses.replace(split, published=split.published.slice(1))

    monkeypatch.setattr("include.engine.process.split_batch", lose_a_row)

    with pytest.raises(RowsLostError, match="the rows do not add up"):
        process(tmp_path, b"sku,note,price,since\nA1,a,1,\nA2,b,1,\n", STOCK)


def test_long_quoted_record_is_rejected_as_one_row(tmp_path: Path) -> None:
    dataset = dataclasses.replace(STOCK, longest_record_bytes=1_000)
    lines = "A8,b,1,\n" * 200
    content = f'sku,note,price,since\nA1,"{lines}",1,\nA2,,1,\n'.encode()

    for batch_bytes in (100, 1 << 20):
        result = process(tmp_path, content, dataset, batch_bytes=batch_bytes)

        assert [row[0] for row in result.rows] == ["A2"]
        assert [(row["line_number"], row["reasons"]) for row in result.rejected] == [(2, ["malformed_row"])]


def test_quoted_text_never_becomes_a_row(tmp_path: Path) -> None:
    content = b'sku,note,price,since\nA1,x,1,,"more\nA9,y,5,\nend"\nA2,,1,\n'

    result = process(tmp_path, content, STOCK)

    assert [row[0] for row in result.rows] == ["A2"]
    assert result.report.rows["quarantined"] == 1
