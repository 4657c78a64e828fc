"""Hostile and odd raw files: what becomes of each row, or the one clear message that refuses the file."""

import gzip
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from include.engine import raw_file
from include.errors import RawFileError
from include.local.__main__ import main
from tests.project_files import PROJECT
from tests.raw_files import CUSTOMERS, ORDERS_HEADER, PRODUCTS, write_raw_files
from tests.unit.conftest import Transform

HEADER = ORDERS_HEADER
BOM = "\ufeff"


def order(number: int = 1, **fields: str) -> str:
    """An order line of the tests' own day; fields replace its values as they are, unquoted."""
    values = {
        "order_id": f"O{number}",
        "customer_id": "C1",
        "product_id": "P1",
        "quantity": "1",
        "selling_price": "1.00",
        "order_date": "2026-11-21",
        "delivery_date": "",
        "status": "",
    }
    return ",".join((values | fields).values()) + "\n"


def orders(*changes: dict[str, str]) -> str:
    return HEADER + "".join(order(number, **change) for number, change in enumerate(changes, 1))


def orders_with(column: str, values: list[str]) -> str:
    return orders(*({column: value} for value in values))


def widen(text: str, name: str, value: str) -> str:
    """The file with one more column at the end."""
    header, *lines = text.splitlines()
    return "".join(f"{line}\n" for line in [f"{header},{name}", *(f"{line},{value}" for line in lines)])


@dataclass(frozen=True)
class Read:
    """What becomes of the orders: the ids published, and line and reasons of each row refused."""

    content: str | bytes
    published: list[str] = field(default_factory=lambda: ["O1"])
    refused: list[tuple[int, list[str]]] = field(default_factory=list)
    duplicates: int = 0
    total: str | None = None


def all_refused(content: str, reason: str) -> Read:
    return Read(content, [], [(line, [reason]) for line in range(2, content.count("\n") + 1)])


MALFORMED = ["malformed_row"]
QUARTER = 'O2,C1,P1,1,1.00,2026-11-21,,"say ""hi"", then go\nhome"\n'
#: A second header in the middle of the file is a row like any other, and a wrong one.
HEADER_AS_ROW = [
    "order_date_invalid",
    "delivery_date_invalid",
    "quantity_invalid",
    "selling_price_invalid",
    "unknown_customer",
    "unknown_product",
]

READ: dict[str, Read] = {
    "byte order mark": Read(BOM + orders({})),
    "two byte order marks": Read(BOM + BOM + orders({})),
    "a byte order mark in a quoted header": Read(BOM + '"order_id"' + orders({})[len("order_id") :]),
    "UTF-7 is plain ASCII": Read(orders({"status": "+AOk-"})),
    "CRLF": Read(orders({}, {}).replace("\n", "\r\n"), ["O1", "O2"]),
    "CR": Read(orders({}, {}).replace("\n", "\r"), ["O1", "O2"]),
    "mixed line ends": Read(HEADER[:-1] + "\r\n" + order(1)[:-1] + "\r" + order(2), ["O1", "O2"]),
    "LF CR is a line end and a blank line": Read(orders({}, {}).replace("\n", "\n\r"), ["O1", "O2"]),
    "a lone CR inside a row": Read(orders({"status": "a\rb"}), refused=[(3, MALFORMED)]),
    "no line end at the end": Read(orders({}, {})[:-1], ["O1", "O2"]),
    "half a row at the end": Read(orders({}, {})[:-12], refused=[(3, MALFORMED)]),
    "blank lines at the end": Read(orders({}) + "\n\r\n\n"),
    "blank lines everywhere": Read(HEADER + "\n\n" + order(1) + "\n" + order(2) + "\n\n", ["O1", "O2"]),
    "a line of spaces": Read(orders({}) + "   \n", refused=[(3, MALFORMED)]),
    "a line of commas": Read(orders({}) + ",,,,,,,\n"),
    "a DOS end-of-file sign": Read(orders({}) + "\x1a", refused=[(3, MALFORMED)]),
    "quotes, commas and line breaks in a field": Read(HEADER + QUARTER + order(3), ["O2", "O3"]),
    "CRLF in a field of an LF file": Read(orders({"status": '"a\r\nb"'}, {}), ["O1", "O2"]),
    "a quote in the middle of a field": Read(orders({"status": '27" screen'}, {}), ["O1", "O2"]),
    "a quote that never closes": Read(orders({"status": '"open'}, {}), ["O2"], [(2, MALFORMED)]),
    "a quote that never closes, at the end": Read(
        HEADER + order(1) + order(2, status='"open'), ["O1"], [(3, MALFORMED)]
    ),
    "a lone quote as last sign": Read(HEADER + order(1) + '"', ["O1"], [(3, MALFORMED)]),
    "text behind a closing quote": Read(orders({"status": '"a"b'}, {}), ["O2"], [(2, MALFORMED)]),
    "a space before an opening quote": Read(orders({"status": ' "a"'})),
    "a backslash escapes nothing": Read(orders({"status": '"a\\"b"'}, {}), ["O2"], [(2, MALFORMED)]),
    "single quotes quote nothing": Read(orders({"status": "'a,b'"}, {}), ["O2"], [(2, MALFORMED)]),
    "ragged rows": Read(
        HEADER + "O1\n" + order(2) + "O3,C1\n" + order(4)[:-1] + ",x,y\n" + order(5),
        ["O2", "O5"],
        [(2, MALFORMED), (4, MALFORMED), (5, MALFORMED)],
    ),
    "a comment line": Read(HEADER + "# exported at night\n" + order(1), refused=[(2, MALFORMED)]),
    "a totals line": Read(
        orders({}) + "TOTAL,,,1,1.00,,,\n",
        refused=[(3, ["customer_id_missing", "product_id_missing", "order_date_missing"])],
    ),
    "two files behind each other": Read(
        orders({}) + BOM + HEADER + order(2), ["O1", "O2"], [(3, ["order_id_untrimmed", *HEADER_AS_ROW])]
    ),
    "the same file twice": Read(orders({}) * 2, ["O1"], [(3, HEADER_AS_ROW)], duplicates=1),
    "a field of 10 MB": Read(orders({"status": "x" * 10_000_000}, {}), ["O1", "O2"]),
    "a quoted field of 10 MB": Read(orders({"status": f'"{"x," * 5_000_000}"'}, {}), ["O1", "O2"]),
    "a million blank lines": Read(HEADER + "\n" * 1_000_000 + order(1)),
    "10,000 columns": Read(widen(orders({}), ",".join(f"c{n}" for n in range(9_992)), "," * 9_991)),
    "nameless columns": Read(widen(orders({}), ",", ",")),
    "a quoted header": Read('"' + HEADER.strip().replace(",", '","') + '"\n' + order(1)),
    "an unknown column with a quote and a comma in its name": Read(widen(orders({}), '"a ""b"", c"', "x")),
    "invalid whole numbers": all_refused(
        orders_with(
            "quantity",
            [
                "1e3",
                "1 000",
                "1_000",
                "0x10",
                "NaN",
                "inf",
                "１",
                "٣",
                "²",
                "½",
                "1" * 19,
                "--1",
            ],
        ),
        "quantity_invalid",
    ),
    "whole numbers in other spellings": Read(
        orders_with("quantity", ["+1", "1.", "1.0", " 1", "1 "]), ["O1", "O2", "O3", "O4", "O5"]
    ),
    "prices in other spellings": Read(
        orders_with("selling_price", ["+1", ".5", "5.", "1.00000", " 1", "1 "]),
        ["O1", "O2", "O3", "O4", "O5", "O6"],
    ),
    "leading zeros": Read(orders({"quantity": "007"}), total="7.00"),
    "returns": all_refused(
        orders_with("quantity", ["0", "-0", "-1", "-999999999999999999"]), "quantity_not_positive"
    ),
    "invalid prices": all_refused(
        orders_with(
            "selling_price",
            [
                "1e3",
                "$5",
                "5€",
                "5 EUR",
                "1'000.00",
                "1" * 15,
                "NaN",
                "-inf",
                "１.00",
                "1·5",
                "(5.00)",
                "5%",
                "1..0",
                "1.0.0",
            ],
        ),
        "selling_price_invalid",
    ),
    "a decimal comma in quotes": all_refused(
        orders_with("selling_price", ['"1,50"', '"1.234,50"', '"1,234.50"']), "selling_price_invalid"
    ),
    "a decimal comma without quotes": Read(orders({"selling_price": "1,50"}, {}), ["O2"], [(2, MALFORMED)]),
    "a price of zero, written in many ways": Read(
        orders_with("selling_price", ["0", "0.0000", "-0", "-0.00", "00000"]),
        ["O1", "O2", "O3", "O4", "O5"],
        total="0.00",
    ),
    "a negative price": all_refused(
        orders_with("selling_price", ["-0.0001", "-99999999999999.9999"]), "selling_price_negative"
    ),
    "sums beyond 38 digits": Read(
        orders(*[{"quantity": "9" * 18, "selling_price": f"{'9' * 14}.9999"}] * 500),
        [f"O{number}" for number in range(1, 501)],
        total="49999999999999999900000000000000000.05",
    ),
    "invalid dates": all_refused(
        orders_with(
            "order_date",
            [
                "11/21/2026",
                "21/11/2026",
                "21.11.2026",
                "2026/11/21",
                "20261121",
                "2026-11",
                "2026-W47-6",
                "2026-325",
                "1732147200",
                "46347",
                "Nov 21 2026",
                "today",
                "２０２６-11-21",
                "2026-1-1",
            ],
        ),
        "order_date_invalid",
    ),
    "impossible moments": all_refused(
        orders_with(
            "order_date",
            [
                "2026-02-29",
                "2100-02-29",
                "2026-04-31",
                "2026-00-01",
                "2026-13-01",
                "0000-01-01",
                "10000-01-01",
                "-2026-01-01",
                "2026-11-21T24:00:00",
                "2026-11-21T23:59:60",
                "2026-06-30T23:59:60Z",
                "2026-11-21T10:60",
                "2026-11-21T10:00:00+24:00",
                "2026-11-21T10:00:00 Europe/Paris",
                "2026-11-21t10:00:00z",
                "2026-11-21T10",
            ],
        ),
        "order_date_invalid",
    ),
    "moments that an offset moves out of the calendar": all_refused(
        orders_with("order_date", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999999-00:01"]),
        "order_date_invalid",
    ),
    "the first and the last moment": all_refused(
        orders_with("order_date", ["0001-01-01", "9999-12-31T23:59:59.999999", "0001-01-01T00:01+00:01"]),
        "order_date_implausible",
    ),
    "delivered before it was ordered, by the offset alone": all_refused(
        orders({"order_date": "2026-11-21T10:00:00Z", "delivery_date": "2026-11-21T10:30:00+01:00"}),
        "delivery_before_order",
    ),
    "empty ids in quotes": Read(orders({"order_id": '""'}), [], [(2, ["order_id_missing"])]),
    "ids of blanks are missing": all_refused(
        orders({"order_id": "   "}, {"order_id": "\u00a0"}, {"order_id": "\x07"}), "order_id_missing"
    ),
    "ids of different normal forms are different": Read(
        orders({"order_id": "caf\u00e9"}, {"order_id": "cafe\u0301"}), ["caf\u00e9", "cafe\u0301"]
    ),
    "ids that look alike to a spreadsheet": Read(
        orders(
            *({"order_id": id_} for id_ in ["1", "01", "1.0", "1e0", "TRUE", "true", "NA", "null", "None"])
        ),
        ["1", "01", "1.0", "1e0", "TRUE", "true", "NA", "null", "None"],
    ),
    "formulas, markup and control signs stay text": Read(
        orders(*({"order_id": id_} for id_ in ["=1+1", "@SUM(A1)", "-2+3", "<b>", "a\tb", "a\x1b[31m"])),
        ["=1+1", "@SUM(A1)", "-2+3", "<b>", "a\tb", "a\x1b[31m"],
    ),
    "right-to-left and invisible signs stay text": Read(
        orders(
            *(
                {"order_id": id_}
                for id_ in ["a\u202ebc", "שלום", "a\u200bb", "a\ufeffb", "👩\u200d👩", "\U0010ffff"]
            )
        ),
        ["a\u202ebc", "שלום", "a\u200bb", "a\ufeffb", "👩\u200d👩", "\U0010ffff"],
    ),
    "only LF and CR end a line": Read(
        orders({"order_id": "a\x0bb"}, {"order_id": "a\x0cb"}, {"order_id": "a\u0085b\u2028c"}),
        ["a\x0bb", "a\x0cb", "a\u0085b\u2028c"],
    ),
    "an id of one customer in another case or with a space": Read(
        orders({"customer_id": "c1"}, {"customer_id": "C1 "}, {}),
        ["O3"],
        [(2, ["unknown_customer"]), (3, ["customer_id_untrimmed"])],
    ),
    "a quoted row and the same row without quotes": Read(
        orders({}) + '"O1","C1","P1","1","1.00","2026-11-21","",""\n', duplicates=1
    ),
    "the same order with the price written in another way": Read(
        orders({}) + order(1, selling_price="1.0"), refused=[(3, ["duplicate_order_id"])]
    ),
}


@pytest.mark.parametrize("case", READ.values(), ids=READ)
@pytest.mark.parametrize("batch_bytes", [200, 6 << 20], ids=["tiny batches", "one batch"])
def test_every_row_of_an_odd_file_is_accounted_for(
    transform_day: Transform, case: Read, batch_bytes: int
) -> None:
    if len(case.content) > 200_000:
        batch_bytes = max(batch_bytes, 100_000)

    outcome = transform_day(case.content, batch_bytes=batch_bytes)

    assert [row["order_id"] for row in outcome.published()] == case.published
    assert [(row["line_number"], row["reasons"]) for row in outcome.quarantined()] == case.refused
    counts = {
        "published": len(case.published),
        "quarantined": len(case.refused),
        "duplicates": case.duplicates,
    }
    rows = {**outcome.counts["rows"]["orders"], "blank": 0}
    assert rows == {"read": sum(counts.values()), **counts, "blank": 0}
    assert case.total in (None, outcome.counts["total_price"])


GOOD = orders({}).encode()
ZIPPED = gzip.compress(GOOD)

#: The file name, its bytes, and the message that refuses it.
REFUSED: dict[str, tuple[str, bytes, str]] = {
    "zero bytes": (".csv", b"", "the file is empty (zero bytes). Deliver it again."),
    "a byte order mark alone": (".csv", BOM.encode(), "(line 1): required columns missing: order_id"),
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
        GOOD.replace(HEADER.encode(), HEADER.upper().encode()),
        "The header names: ORDER_ID, CUSTOMER_ID",
    ),
    "a header with spaces": (".csv", GOOD.replace(b",", b", "), "Blanks and case count."),
    "a header over two lines": (
        ".csv",
        widen(GOOD.decode(), '"my\nnote"', "x").encode(),
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
        GOOD.replace(b"status\n", b"status,".ljust(2**20 - HEADER.index("status") - 1, b",") + b"\r\n"),
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
        GOOD + order(2, status="café").encode("latin-1"),
        "(line 3): not UTF-8 text (byte 0xe9)",
    ),
    "Windows quotes": (".csv", GOOD + order(2, status="“x”").encode("cp1252"), "(line 3): not UTF-8 text"),
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
}


def write_day(folder: Path, suffix: str, content: bytes) -> Path:
    others = {"customers": CUSTOMERS.encode(), "products": PRODUCTS.encode()}
    if suffix.endswith(".gz"):
        others = {name: gzip.compress(text) for name, text in others.items()}
    write_raw_files(folder / "raw", {**others, "orders": content}, suffix)
    return folder / "raw"


@pytest.mark.parametrize(("suffix", "content", "message"), REFUSED.values(), ids=REFUSED)
def test_a_hostile_file_is_refused_in_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str, content: bytes, message: str
) -> None:
    raw_dir = write_day(tmp_path, suffix, content)

    code = main(["transform", str(raw_dir), str(tmp_path / "out")])

    complaint = capsys.readouterr().err
    assert code == 1
    assert complaint.startswith(f"error: orders{suffix}")
    assert message in complaint
    assert complaint.count("\n") == 1
    assert not list(tmp_path.glob("out/**/*"))


@pytest.mark.parametrize(
    ("content", "published"),
    {
        "several members": (ZIPPED + gzip.compress(order(2).encode()), ["O1", "O2"]),
        "a member that ends inside a row": (
            gzip.compress(GOOD[:-9]) + gzip.compress(GOOD[-9:] + order(2).encode()),
            ["O1", "O2"],
        ),
        "an empty member in between": (
            ZIPPED + gzip.compress(b"") + gzip.compress(order(2).encode()),
            ["O1", "O2"],
        ),
        "zeros behind it, as tape drives leave them": (ZIPPED + b"\0" * 1000, ["O1"]),
    }.values(),
)
def test_odd_but_valid_gzip_is_read(transform_day: Transform, content: bytes, published: list[str]) -> None:
    others = [gzip.compress(text.encode()) for text in (CUSTOMERS, PRODUCTS)]

    outcome = transform_day(content, *others, suffix=".csv.gz")

    assert [row["order_id"] for row in outcome.published()] == published


def test_a_gzip_bomb_is_refused_before_it_is_inflated(
    transform_day: Transform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_file, "_HARMLESS_BYTES", 1 << 20)
    bomb = gzip.compress(GOOD + order(2).encode() * 200_000)
    others = [gzip.compress(text.encode()) for text in (CUSTOMERS, PRODUCTS)]

    with pytest.raises(RawFileError, match=r"orders\.csv\.gz: it inflates to more than 100 times its size"):
        transform_day(bomb, *others, suffix=".csv.gz")


def test_a_file_that_compresses_well_but_is_small_is_read(transform_day: Transform) -> None:
    content = gzip.compress(GOOD + order(2).encode() * 50_000)
    others = [gzip.compress(text.encode()) for text in (CUSTOMERS, PRODUCTS)]

    rows = transform_day(content, *others, suffix=".csv.gz").counts["rows"]["orders"]

    assert rows == {"read": 50_001, "published": 2, "quarantined": 0, "duplicates": 49_999, "blank": 0}


def test_a_missing_header_shows_no_personal_data(transform_day: Transform) -> None:
    with pytest.raises(RawFileError) as error:
        transform_day(orders({}), customers="C1,Ann,ann@example.com,Paris,FR,2024-05-01\n")

    assert "required column missing: customer_id" in str(error.value)
    assert not re.search("Ann|ann@|Paris", str(error.value))


def test_the_command_says_the_same_from_outside(tmp_path: Path) -> None:
    raw_dir = write_day(tmp_path, ".csv", GOOD + b"\xff\n")

    result = subprocess.run(
        [sys.executable, "-m", "include.local", "transform", str(raw_dir), str(tmp_path / "out")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    assert result.stderr.startswith("error: orders.csv (line 3): not UTF-8 text (byte 0xff). Export the file")
