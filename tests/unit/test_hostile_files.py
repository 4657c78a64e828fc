"""Odd raw files that can be used: what becomes of each row."""

import gzip
from dataclasses import dataclass, field

import pytest

from tests.raw_files import ORDERS_HEADER as HEADER
from tests.raw_files import make_order
from tests.unit.conftest import Transform

BOM = "\ufeff"


def order(number: int = 1, **fields: str) -> str:
    return make_order(**{"order_id": f"O{number}"} | fields)


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
    """What becomes of the orders: the ids published, and line and reasons of each row rejected."""

    content: str | bytes
    published: list[str] = field(default_factory=lambda: ["O1"])
    rejected: list[tuple[int, list[str]]] = field(default_factory=list)
    duplicates: int = 0
    total: str | None = None


def all_rejected(content: str, reason: str) -> Read:
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
    "a lone CR inside a row": Read(orders({"status": "a\rb"}), rejected=[(3, MALFORMED)]),
    "no line end at the end": Read(orders({}, {})[:-1], ["O1", "O2"]),
    "half a row at the end": Read(orders({}, {})[:-12], rejected=[(3, MALFORMED)]),
    "blank lines at the end": Read(orders({}) + "\n\r\n\n"),
    "blank lines everywhere": Read(HEADER + "\n\n" + order(1) + "\n" + order(2) + "\n\n", ["O1", "O2"]),
    "a line of spaces": Read(orders({}) + "   \n", rejected=[(3, MALFORMED)]),
    "a line of commas": Read(orders({}) + ",,,,,,,\n"),
    "a DOS end-of-file sign": Read(orders({}) + "\x1a", rejected=[(3, MALFORMED)]),
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
    "a comment line": Read(HEADER + "# exported at night\n" + order(1), rejected=[(2, MALFORMED)]),
    "a totals line": Read(
        orders({}) + "TOTAL,,,1,1.00,,,\n",
        rejected=[(3, ["customer_id_missing", "product_id_missing", "order_date_missing"])],
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
    "invalid whole numbers": all_rejected(
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
    "returns": all_rejected(
        orders_with("quantity", ["0", "-0", "-1", "-999999999999999999"]), "quantity_not_positive"
    ),
    "invalid prices": all_rejected(
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
    "a decimal comma in quotes": all_rejected(
        orders_with("selling_price", ['"1,50"', '"1.234,50"', '"1,234.50"']), "selling_price_invalid"
    ),
    "a decimal comma without quotes": Read(orders({"selling_price": "1,50"}, {}), ["O2"], [(2, MALFORMED)]),
    "a price of zero, written in many ways": Read(
        orders_with("selling_price", ["0", "0.0000", "-0", "-0.00", "00000"]),
        ["O1", "O2", "O3", "O4", "O5"],
        total="0.00",
    ),
    "a negative price": all_rejected(
        orders_with("selling_price", ["-0.0001", "-99999999999999.9999"]), "selling_price_negative"
    ),
    "sums beyond 38 digits": Read(
        orders(*[{"quantity": "9" * 18, "selling_price": f"{'9' * 14}.9999"}] * 500),
        [f"O{number}" for number in range(1, 501)],
        total="49999999999999999900000000000000000.05",
    ),
    "invalid dates": all_rejected(
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
    "impossible moments": all_rejected(
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
    "moments that an offset moves out of the calendar": all_rejected(
        orders_with("order_date", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999999-00:01"]),
        "order_date_invalid",
    ),
    "the first and the last moment": all_rejected(
        orders_with("order_date", ["0001-01-01", "9999-12-31T23:59:59.999999", "0001-01-01T00:01+00:01"]),
        "order_date_implausible",
    ),
    "delivered before it was ordered, by the offset alone": all_rejected(
        orders({"order_date": "2026-11-21T10:00:00Z", "delivery_date": "2026-11-21T10:30:00+01:00"}),
        "delivery_before_order",
    ),
    "empty ids in quotes": Read(orders({"order_id": '""'}), [], [(2, ["order_id_missing"])]),
    "ids of blanks are missing": all_rejected(
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
        orders({}) + order(1, selling_price="1.0"), rejected=[(3, ["duplicate_order_id"])]
    ),
}


@pytest.mark.parametrize("case", READ.values(), ids=READ)
@pytest.mark.parametrize("batch_bytes", [200, 6 << 20], ids=["tiny batches", "one batch"])
def test_every_row_of_an_odd_file_is_counted(transform_day: Transform, case: Read, batch_bytes: int) -> None:
    if len(case.content) > 200_000:
        batch_bytes = max(batch_bytes, 100_000)

    outcome = transform_day(case.content, batch_bytes=batch_bytes)

    assert [row["order_id"] for row in outcome.published()] == case.published
    assert [(row["line_number"], row["reasons"]) for row in outcome.quarantined()] == case.rejected
    counts = {
        "published": len(case.published),
        "quarantined": len(case.rejected),
        "duplicates": case.duplicates,
    }
    rows = {**outcome.counts["rows"]["orders"], "blank": 0}
    assert rows == {"read": sum(counts.values()), **counts, "blank": 0}
    assert case.total in (None, outcome.counts["total_price"])


GOOD = orders({}).encode()
ZIPPED = gzip.compress(GOOD)
ODD_GZIP = {
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
}


@pytest.mark.parametrize(("content", "published"), ODD_GZIP.values(), ids=ODD_GZIP)
def test_odd_but_valid_gzip_is_read(transform_day: Transform, content: bytes, published: list[str]) -> None:
    outcome = transform_day(content, suffix=".csv.gz")

    assert [row["order_id"] for row in outcome.published()] == published
