"""Files that cannot be used at all: one clear message, and nothing is written."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

from include.engine import raw_file
from include.errors import RawFileError, RawFilesError
from include.local.__main__ import main
from tests.project_files import PROJECT
from tests.raw_files import ORDERS_HEADER, make_order, make_orders, write_raw_files
from tests.unit.conftest import Transform

HEADER = ORDERS_HEADER.encode()
GOOD = HEADER + make_order("O1").encode()
ZIPPED = gzip.compress(GOOD)

#: The end of the file name, the content, and a part of the message.
UNUSABLE: dict[str, tuple[str, bytes, str]] = {
    "zero bytes": (".csv", b"", "the file is empty (zero bytes). Deliver it again."),
    "a byte order mark alone": (".csv", "\ufeff".encode(), "(line 1): required columns missing: order_id"),
    "only blank lines": (".csv", b"\n\n\n", "(line 1): required columns missing: order_id"),
    "a blank line before the header": (".csv", b"\n" + GOOD, "is it the header?"),
    "lines before the header": (".csv", b"Orders of the shop\n" + GOOD, "is it the header?"),
    "a separator line of Excel": (
        ".csv",
        b"sep=;\n" + GOOD,
        "file says that its delimiter is ';'. Declare",
    ),
    "no header": (".csv", GOOD.partition(b"\n")[2], "is it the header?"),
    "a header in capitals": (
        ".csv",
        GOOD.replace(HEADER, HEADER.upper()),
        "The header names: ORDER_ID, CUSTOMER_ID",
    ),
    "a header with spaces": (".csv", GOOD.replace(b",", b", "), "Blanks and case count."),
    "a header over two lines": (
        ".csv",
        GOOD.replace(b"status", b'status,"my\nnote"'),
        "(line 1): the header cannot be read (unexpected end of data). Write all column names on one line",
    ),
    "a header with an open quote": (
        ".csv",
        GOOD.replace(b"status", b'"status'),
        "the header cannot be read (unexpected end of data)",
    ),
    "a header with text behind a quote": (
        ".csv",
        GOOD.replace(b"status", b'"sta"tus'),
        "(line 1): the header cannot be read",
    ),
    "a column name of 200,000 letters": (
        ".csv",
        GOOD.replace(b"status", b"x" * 200_000),
        "the header cannot be read (field larger than field limit (131072))",
    ),
    "a header of 2 MB": (
        ".csv",
        GOOD.replace(b"status", b",".join(b"c%d" % n for n in range(300_000))),
        "(line 1): the header does not end. Is this CSV?",
    ),
    "a header that ends where reading it does": (
        ".csv",
        GOOD.replace(b"status\n", b"status,".ljust(2**20 - HEADER.index(b"status") - 1, b",") + b"\r\n"),
        "(line 1): the header does not end",
    ),
    "a megabyte without any line": (".csv", b"\xc3\xa9" * 1_000_000, "(line 1): the header does not end"),
    "a column twice": (".csv", GOOD.replace(b"status", b"quantity"), "duplicate column: quantity"),
    "semicolons and decimal commas": (
        ".csv",
        GOOD.replace(b",", b";").replace(b".", b","),
        "the columns are separated by semicolons. Declare FileFormat(delimiter=';')",
    ),
    "tabs and quotes": (".csv", b'"' + GOOD.replace(b",", b'"\t"'), "the columns are separated by tabs"),
    "latin-1": (
        ".csv",
        GOOD + make_order("O2", status="café").encode("latin-1"),
        "(line 3): not UTF-8 text (byte 0xe9)",
    ),
    "Windows quotes": (
        ".csv",
        GOOD + make_order("O2", status="“x”").encode("cp1252"),
        "(line 3): not UTF-8 text",
    ),
    "UTF-16 with a mark": (
        ".csv",
        GOOD.decode().encode("utf-16"),
        'this is UTF-16 text. Deliver it in UTF-8, or declare FileFormat(encoding="utf-16")',
    ),
    "UTF-16 without a mark": (
        ".csv",
        GOOD.decode().encode("utf-16-be"),
        'declare FileFormat(encoding="utf-16-be")',
    ),
    "UTF-32": (".csv", GOOD.decode().encode("utf-32"), "this is UTF-16 text"),
    "an overlong slash": (".csv", GOOD + b"O2\xc0\xaf", "(line 3): not UTF-8 text (byte 0xc0)"),
    "half a surrogate pair": (".csv", GOOD + b"O2\xed\xa0\x80", "(line 3): not UTF-8 text (byte 0xed)"),
    "beyond Unicode": (".csv", GOOD + b"O2\xf4\x90\x80\x80", "(line 3): not UTF-8 text (byte 0xf4)"),
    "a letter cut in half at the end": (".csv", GOOD + b"O2\xc3", "(line 3): not UTF-8 text (byte 0xc3)"),
    "NUL bytes at the end": (".csv", GOOD + b"\0" * 512, "(line 3): NUL bytes, this is no UTF-8 text"),
    "a web page": (".csv", b"<!DOCTYPE html>\n<html></html>", "is it the header?"),
    "JSON": (".csv", b'[{"order_id": 1}]', "required columns missing"),
    "gzip under a plain name": (".csv", ZIPPED, "this is gzip data. Deliver it as plain CSV text"),
    "plain under a gzip name": (".csv.gz", GOOD, "the name says gzip, the content does not"),
    "an empty file under a gzip name": (".csv.gz", b"", "the file is empty (zero bytes)"),
    "nothing, zipped": (".csv.gz", gzip.compress(b""), "the file is empty (zero bytes)"),
    "zipped twice": (".csv.gz", gzip.compress(ZIPPED), "this is gzip data"),
    "UTF-16, zipped": (".csv.gz", gzip.compress(GOOD.decode().encode("utf-16")), "this is UTF-16 text"),
    "a zip archive, zipped": (".csv.gz", gzip.compress(b"PK\x03\x04rest"), "this is a zip archive"),
    "only the first bytes of gzip": (".csv.gz", ZIPPED[:5], "the gzip data is broken"),
    "gzip of an unknown method": (".csv.gz", ZIPPED[:2] + b"\7" + ZIPPED[3:], "the gzip data is broken"),
    "gzip without its last byte": (".csv.gz", ZIPPED[:-1], "the gzip data is broken"),
    "gzip without its checksum": (".csv.gz", ZIPPED[:-8], "the gzip data is broken"),
    "gzip with a wrong checksum": (
        ".csv.gz",
        ZIPPED[:-8] + b"\1\2\3\4" + ZIPPED[-4:],
        "the gzip data is broken",
    ),
    "gzip with something behind it": (".csv.gz", ZIPPED + b"something", "the gzip data is broken"),
    "gzip with half a member behind it": (".csv.gz", ZIPPED + ZIPPED[:-9], "the gzip data is broken"),
    "header only": (".csv", HEADER, "there are no rows below the header"),
    "a header and blank lines": (".csv", HEADER + b"\n\n", "there are no rows below the header"),
    "missing columns": (
        ".csv",
        b"order_id,quantity\n1,2\n",
        "(line 1): required columns missing: customer_id, product_id",
    ),
    "pipes": (".csv", GOOD.replace(b",", b"|"), "separated by pipes"),
    "blanks": (
        ".csv",
        GOOD.replace(b",", b" "),
        "separated by blanks. Declare FileFormat(delimiter=' ')",
    ),
    "a latin-1 header": (".csv", GOOD.replace(b"status", b"caf\xe9"), "(line 1): not UTF-8 text"),
    "an Excel workbook": (".csv", b"PK\x03\x04rest", "this is a zip archive or an Excel workbook"),
    "a Git LFS pointer": (
        ".csv",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "this is a Git LFS pointer",
    ),
    "gzip with a flipped byte": (".csv.gz", ZIPPED[:20] + b"\xff" + ZIPPED[21:], "the gzip data is broken"),
}


@pytest.mark.parametrize(("suffix", "content", "message"), UNUSABLE.values(), ids=UNUSABLE)
def test_unusable_file_is_named_in_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str, content: bytes, message: str
) -> None:
    write_raw_files(tmp_path / "raw", {"orders": content}, suffix)

    code = main(["transform", str(tmp_path / "raw"), str(tmp_path / "out")])

    complaint = capsys.readouterr().err
    assert (code, complaint.count("\n")) == (1, 1)
    assert complaint.startswith(f"error: orders{suffix}")
    assert message in complaint
    assert not list(tmp_path.glob("out/**/*"))


def test_command_prints_the_message_without_a_traceback(tmp_path: Path) -> None:
    write_raw_files(tmp_path / "raw", {"orders": GOOD + b"\xff\n"})

    result = subprocess.run(
        [sys.executable, "-m", "include.local", "transform", str(tmp_path / "raw"), str(tmp_path / "out")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    assert result.stderr.startswith("error: orders.csv (line 3): not UTF-8 text (byte 0xff). Export the file")


def test_errors_of_all_files_are_reported_at_once(transform_day: Transform) -> None:
    with pytest.raises(RawFilesError) as error:
        transform_day("order_id,quantity\n1,2\n", customers="", products=b"product_id;name\nP1;x\n")

    lines = str(error.value).splitlines()
    assert [line.partition(" ")[0].rstrip(":") for line in lines] == [
        "s3://raw/customers.csv",
        "s3://raw/products.csv",
        "s3://raw/orders.csv",
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    {
        "hidden character": (
            ORDERS_HEADER.replace("quantity", "quan\u200btity"),
            "'quan\\u200btity' looks like",
        ),
        "trailing blank": (ORDERS_HEADER.replace("quantity", "quantity "), "'quantity ' looks like quantity"),
        "misspelt": (ORDERS_HEADER.replace("quantity", "quantitiy"), "also_named=('quantitiy',)"),
        "another shop": ("Bestellnummer,Kunde,Artikel,Menge\n", "The header names: Bestellnummer, Kunde"),
        "blanks": (ORDERS_HEADER.replace(",", " "), "separated by blanks. Declare FileFormat(delimiter=' ')"),
    }.values(),
)
def test_header_error_says_what_to_declare(transform_day: Transform, header: str, message: str) -> None:
    with pytest.raises(RawFileError, match=re.escape(message)) as error:
        transform_day(header + make_order("O1"))

    assert "make inspect" in str(error.value)


def test_gzip_bomb_is_rejected_before_it_is_inflated(
    transform_day: Transform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_file, "_HARMLESS_BYTES", 1 << 20)
    bomb = gzip.compress(GOOD + make_order("O2").encode() * 200_000)

    with pytest.raises(RawFileError, match=r"orders\.csv\.gz: it inflates to more than 100 times its size"):
        transform_day(bomb, suffix=".csv.gz")


def test_small_file_that_compresses_well_is_read(transform_day: Transform) -> None:
    content = gzip.compress(GOOD + make_order("O2").encode() * 50_000)

    rows = transform_day(content, suffix=".csv.gz").counts["rows"]["orders"]

    assert rows == {"read": 50_001, "published": 2, "quarantined": 0, "duplicates": 49_999, "blank": 0}


def test_missing_header_shows_no_personal_data(transform_day: Transform) -> None:
    with pytest.raises(RawFileError) as error:
        transform_day(make_orders(1), customers="C1,Ann,ann@example.com,Paris,FR,2024-05-01\n")

    assert "required column missing: customer_id" in str(error.value)
    assert not re.search("Ann|ann@|Paris", str(error.value))
