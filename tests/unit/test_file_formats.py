"""Files in a declared format: the reader gives back what was written, whatever the format."""

import csv
import gzip
import io
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contract import CUSTOMERS
from include.contract.format_check import check_formats
from include.contract.model import FileFormat
from include.engine import decoding
from include.engine.batches import parse_block, read_file_blocks
from include.engine.csv_records import Line
from include.engine.raw_file import RawSource, read_header
from include.errors import RawFileError

COLUMNS = ("customer_id", "name", "city")
Rows = list[tuple[int, str | None, str | None, str | None]]


def read(content: bytes, file_format: FileFormat, *, name: str = "c.csv", block_bytes: int = 1 << 20) -> Rows:
    rows, malformed = read_all(content, file_format, name, block_bytes)
    assert malformed == []
    return rows


def read_all(
    content: bytes, file_format: FileFormat, name: str = "c.csv", block_bytes: int = 1 << 20
) -> tuple[Rows, list[Line]]:
    """Rows with the line they start on, and the lines that are no row."""
    rows: Rows = []
    malformed: list[Line] = []
    with NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        source = RawSource(replace(CUSTOMERS, format=file_format), Path(file.name), name)
        header = read_header(source)
        for block in read_file_blocks(source, header, block_bytes):
            batch = parse_block(block, header, COLUMNS)
            columns = (column.to_pylist() for column in batch.rows)
            rows += zip(batch.line_numbers.tolist(), *columns, strict=True)
            malformed += batch.malformed
    return rows, malformed


CASES: dict[str, tuple[FileFormat, bytes, Rows]] = {
    "a spreadsheet in Europe": (
        FileFormat(delimiter=";", encoding="cp1252"),
        'sep=;\r\ncustomer_id;name;city\r\nK7;"Öztürk; Ay";Köln, €\r\n'.encode("cp1252"),
        [(3, "K7", "Öztürk; Ay", "Köln, €")],
    ),
    "sep= in quotes behind a byte order mark": (
        FileFormat(delimiter=";"),
        '\ufeff"sep=;"\ncustomer_id;name;city\nK7;a;b\n'.encode(),
        [(3, "K7", "a", "b")],
    ),
    "sep= that names the comma": (
        FileFormat(),
        b"sep=,\ncustomer_id,name,city\nK7,a,b\n",
        [(3, "K7", "a", "b")],
    ),
    "tabs without quotes": (
        FileFormat(delimiter="\t", quote=""),
        b'customer_id\tname\tcity\nK7\t19" rack, "new\t"\n',
        [(2, "K7", '19" rack, "new', '"')],
    ),
    "single quotes": (
        FileFormat(quote="'"),
        b"customer_id,name,city\nK7,'O''Hara, \"Al\"','two\nlines'\nK8,,\n",
        [(2, "K7", 'O\'Hara, "Al"', "two\nlines"), (4, "K8", None, None)],
    ),
    "escapes instead of doubled quotes": (
        FileFormat(escape="\\"),
        rb"""customer_id,name,city
K7,"say \"hi\", then \\",a\,b
K8,\N,C:\dir
""",
        [(2, "K7", 'say "hi", then \\', "a,b"), (3, "K8", "\\N", "C:\\dir")],
    ),
    "an escape that is no backslash": (
        FileFormat(escape="^"),
        b'customer_id,name,city\nK7,"a^"b",^^\n',
        [(2, "K7", 'a"b', "^")],
    ),
    "UTF-16 with a byte order mark": (
        FileFormat(encoding="utf-16"),
        "customer_id,name,city\nK7,Łódź,東京\n".encode("utf-16"),
        [(2, "K7", "Łódź", "東京")],
    ),
    "UTF-16 without one": (
        FileFormat(delimiter="|", encoding="utf-16-be"),
        "customer_id|name|city\nK7|a,b|ਊ\n".encode("utf-16-be"),
        [(2, "K7", "a,b", "ਊ")],
    ),
}


@pytest.mark.parametrize(("file_format", "content", "expected"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("chunk_bytes", [1, 3, 1 << 20])
def test_declared_format_is_read(
    file_format: FileFormat,
    content: bytes,
    expected: Rows,
    chunk_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoding, "_CHUNK_BYTES", chunk_bytes)

    assert read(content, file_format) == expected
    assert read(content, file_format, block_bytes=7) == expected
    assert read(gzip.compress(content), file_format, name="C.CSV.GZ") == expected


DIALECTS = [
    FileFormat(delimiter=";"),
    FileFormat(delimiter="\t", quote="'"),
    FileFormat(delimiter="|", escape="\\", encoding="utf-16"),
    FileFormat(delimiter=",", quote="'", escape="^", encoding="utf-8"),
]
TEXT = st.text("ab é,;|\t'\"\\^\n", max_size=6)


@given(st.sampled_from(DIALECTS), st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_output_of_the_csv_module_is_read_back(file_format: FileFormat, texts: list[tuple[str, str]]) -> None:
    file = io.StringIO()
    writer = csv.writer(
        file,
        delimiter=file_format.delimiter,
        quotechar=file_format.quote,
        escapechar=file_format.escape or None,
        doublequote=not file_format.escape,
        lineterminator="\n",
        quoting=csv.QUOTE_ALL,
    )
    writer.writerows([COLUMNS, *(("K", *row) for row in texts)])

    rows = read(file.getvalue().encode(file_format.encoding), file_format)

    assert [row[1:] for row in rows] == [("K", one or None, other or None) for one, other in texts]


def test_malformed_line_is_shown_as_delivered() -> None:
    content = "customer_id;name;city\nK7;a,b;ü;d\n".encode("cp1252")

    rows, malformed = read_all(content, FileFormat(delimiter=";", encoding="cp1252"))

    assert rows == []
    assert [(line.number, line.text) for line in malformed] == [(2, "K7;a,b;ü;d")]


UNREADABLE: dict[str, tuple[FileFormat, bytes, str]] = {
    "UTF-16 without a mark, declared with one": (
        FileFormat(encoding="utf-16"),
        "customer_id,name,city\n".encode("utf-16-le"),
        "c.csv: not utf-16 text",
    ),
    "a byte that cp1252 does not have": (
        FileFormat(encoding="cp1252"),
        b"customer_id,name,city\nK7,\x81,a\n",
        "line 2 or later",
    ),
    "another delimiter than declared": (
        FileFormat(delimiter=";"),
        b"customer_id,name,city\n",
        "the columns are separated by commas",
    ),
    "another delimiter than sep= says": (
        FileFormat(delimiter="\t"),
        b"sep=;\ncustomer_id;name;city\n",
        "the file says that its delimiter is ';'",
    ),
}


@pytest.mark.parametrize(("file_format", "content", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_wrong_declaration_is_named(file_format: FileFormat, content: bytes, message: str) -> None:
    with pytest.raises(RawFileError) as error:
        read(content, file_format)

    assert message in str(error.value)
    assert "FileFormat(" in str(error.value)


CONTRADICTORY: dict[str, tuple[FileFormat, str]] = {
    "two signs as delimiter": (FileFormat(delimiter="||"), "its format has '||' as delimiter"),
    "no delimiter": (FileFormat(delimiter=""), "its format has no delimiter"),
    "one sign twice": (FileFormat(delimiter=";", quote=";"), "has one character as two of delimiter"),
    "an unknown encoding": (FileFormat(encoding="windows-99"), "has the encoding 'windows-99'"),
    "an encoding of bytes": (FileFormat(encoding="base64"), "has the encoding 'base64'"),
    "one text of null words": (
        FileFormat(null_words="NULL"),  # type: ignore[arg-type]
        "customers.customer_id has one text as null_words: write a comma behind it",
    ),
    "one sign for decimals and thousands": (
        FileFormat(decimal_separator=",", thousands_separator=","),
        "has ',' as decimal_separator and as thousands_separator",
    ),
    "a time zone nobody has": (FileFormat(time_zone="Europe/Atlantis"), "the time zone 'Europe/Atlantis'"),
    "a time zone that is a path": (FileFormat(time_zone="../UTC"), "the time zone '../UTC'"),
    "a timestamp without a year": (
        FileFormat(timestamp_formats=("%d.%m.",)),
        "the timestamp format '%d.%m.'",
    ),
}


@pytest.mark.parametrize(("file_format", "message"), CONTRADICTORY.values(), ids=CONTRADICTORY)
def test_contradictory_format_is_an_error(file_format: FileFormat, message: str) -> None:
    mistakes = list(check_formats(replace(CUSTOMERS, format=file_format)))

    assert len(mistakes) == 1
    assert message in mistakes[0]


@pytest.mark.parametrize("file_format", [FileFormat(), *DIALECTS, *(case[0] for case in CASES.values())])
def test_usable_format_is_no_mistake(file_format: FileFormat) -> None:
    assert list(check_formats(replace(CUSTOMERS, format=file_format))) == []


def test_value_formats_of_spreadsheets_and_dumps_are_no_mistake() -> None:
    spreadsheet = FileFormat(
        decimal_separator=",",
        thousands_separator=".",
        null_words=("NULL", "0000-00-00"),
        time_zone="America/New_York",
        timestamp_formats=("%d.%m.%Y %H:%M", "%m/%d/%y", "%Y%m%d", "epoch_milliseconds"),
    )

    assert list(check_formats(replace(CUSTOMERS, format=spreadsheet))) == []


@pytest.mark.parametrize("name", ["customer_id", "name"])
def test_only_nullable_typed_columns_can_be_emptied(name: str) -> None:
    columns = tuple(replace(column, empty_if_invalid=column.name == name) for column in CUSTOMERS.columns)

    assert list(check_formats(replace(CUSTOMERS, columns=columns))) == [
        f"customers.{name} has empty_if_invalid: only nullable typed columns can have it."
    ]
