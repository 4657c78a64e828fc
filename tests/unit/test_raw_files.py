"""Files that cannot be used at all: one clear message, and nothing is written."""

import gzip
import re

import pytest

from include.errors import RawFileError, RawFilesError
from tests.raw_files import ORDERS_HEADER
from tests.unit.conftest import Transform

ROW = "O1,C1,P1,1,1,2026-11-21,,\n"
ORDERS = (ORDERS_HEADER + ROW).encode()

CASES: dict[str, tuple[bytes, str]] = {
    "zero bytes": (b"", "the file is empty (zero bytes)"),
    "header only": (ORDERS_HEADER.encode(), "there are no rows below the header"),
    "header and blank lines": (ORDERS_HEADER.encode() + b"\n\n", "there are no rows below the header"),
    "missing columns": (
        b"order_id,quantity\n1,2\n",
        "(line 1): required columns missing: customer_id, product_id",
    ),
    "missing column": (
        ORDERS.replace(b"quantity", b"Quantity"),
        "required column missing: quantity. The header names: order_id",
    ),
    "no header at all": (
        ROW.encode() * 2,
        "selling_price. Line 1 names none of them: is it the header?",
    ),
    "duplicate column": (
        ORDERS.replace(b"status", b"quantity"),
        "(line 1): duplicate column: quantity, from the headers",
    ),
    "semicolons": (
        ORDERS.replace(b",", b";"),
        "(line 1): the columns are separated by semicolons. Declare FileFormat(delimiter=';')",
    ),
    "tabs": (ORDERS.replace(b",", b"\t"), "separated by tabs"),
    "pipes": (ORDERS.replace(b",", b"|"), "separated by pipes"),
    "latin-1 text": (ORDERS + b"O2,C1,P1,1,1,2026-11-21,,caf\xe9\n", "(line 3): not UTF-8 text (byte 0xe9)"),
    "latin-1 header": (ORDERS.replace(b"status", b"caf\xe9"), "(line 1): not UTF-8 text"),
    "UTF-16": (ORDERS.decode().encode("utf-16"), "this is UTF-16 text"),
    "UTF-16 without a mark": (
        ORDERS.decode().encode("utf-16-le"),
        'FileFormat(encoding="utf-16-le")',
    ),
    "NUL bytes": (ORDERS + ROW.encode() + b"O3,C1,\0\n", "(line 4): NUL bytes"),
    "gzip by content": (gzip.compress(ORDERS), "this is gzip data. Deliver it as plain CSV text"),
    "an Excel workbook": (b"PK\x03\x04rest", "this is a zip archive or an Excel workbook"),
    "a Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "this is a Git LFS pointer",
    ),
}


@pytest.mark.parametrize(("content", "message"), CASES.values(), ids=CASES)
def test_an_unusable_file_is_named_and_nothing_is_written(
    transform_day: Transform, tmp_path: object, content: bytes, message: str
) -> None:
    with pytest.raises(RawFileError, match=re.escape(message)) as error:
        transform_day(content)

    assert str(error.value).startswith("s3://raw/orders.csv")
    assert not list((tmp_path / "out").rglob("*"))  # type: ignore[operator]  # pytest gives a Path


def test_faults_of_all_files_are_reported_at_once(transform_day: Transform) -> None:
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
        transform_day(header + ROW)

    assert "make inspect" in str(error.value)


def test_a_gzip_file_is_read(transform_day: Transform) -> None:
    compressed = [
        gzip.compress(text.encode()) for text in (ORDERS.decode(), "customer_id\nC1\n", "product_id\nP1\n")
    ]

    assert [row["order_id"] for row in transform_day(*compressed, suffix=".csv.gz").published()] == ["O1"]


@pytest.mark.parametrize(
    ("content", "message"),
    {
        "the name lies": (ORDERS, "the name says gzip, the content does not"),
        "cut off": (gzip.compress(ORDERS * 100)[:-20], "the gzip data is broken"),
        "a flipped byte": (
            gzip.compress(ORDERS)[:20] + b"\xff" + gzip.compress(ORDERS)[21:],
            "the gzip data is broken",
        ),
    }.values(),
)
def test_a_broken_gzip_file_is_refused(transform_day: Transform, content: bytes, message: str) -> None:
    customers, products = gzip.compress(b"customer_id\nC1\n"), gzip.compress(b"product_id\nP1\n")

    with pytest.raises(RawFileError, match=message):
        transform_day(content, customers, products, suffix=".csv.gz")


def test_a_byte_order_mark_is_fine(transform_day: Transform) -> None:
    assert len(transform_day(b"\xef\xbb\xbf" + ORDERS).published()) == 1


def test_blank_unknown_columns_may_repeat(transform_day: Transform) -> None:
    header, row = ORDERS_HEADER.replace("status", "status,,"), ROW.replace(",,\n", ",,,,\n")

    assert len(transform_day(header + row).published()) == 1
