"""What holds for every day: the reference says the same, nothing is lost, batches do not matter."""

import gzip
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from include.transform import transform_files
from tests import reference
from tests.raw_files import write_raw_files
from tests.unit.conftest import DAY, Outcome

#: Each is a whole day, so there are fewer than of a single value.
EXAMPLES = settings().max_examples // 4

ids = st.sampled_from(["C1", "C2", "C3", "c1", "", "NA", "00123", "C1 ", "ÄÖ", "x" * 20])
product_ids = st.sampled_from(["P1", "P2", "P3", "", "null", "1.0"])
numbers = st.sampled_from(["1", "2", "0", "-1", "1.5", "", "x", "007", "999999999999999999", "1e3", "NaN"])
prices = st.sampled_from(["1", "19.99", "0", "-0.01", "1.23456", "", "€5", "99999999999999.9999", "1,5"])
dates = st.sampled_from(
    [
        "2026-11-21",
        "2126-01-01",
        "1970-01-01T00:00:00Z",
        "2026-11-21T10:00:00",
        "2026-11-21 10:00:00.123456789",
        "2026-11-22T09:59:59Z",
        "2026-11-22T10:00:00+02:00",
        "2026-02-29",
        "2024-02-29",
        "21/11/2026",
        "",
    ]
)
texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=6
)


#: Text that only quotes can hold: line ends, quotes and commas among the letters.
odd_texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from(',"\r\n'), max_size=6
)
odd_numbers = st.sampled_from(
    ["+1", "１", " 1", "-0", "0001", "1" * 19, "\u00b2", "1\n", "=", " ", "2.0", "2.", ".0"]
)
odd_prices = st.sampled_from(
    [
        "-0.00",
        "00.1000",
        ".5",
        "5.",
        "$1",
        "1e2",
        "inf",
        "12345678",
        "1234567.8",
        "1\r2",
        "+1.5000000",
        "\u00a02\u200b",
        "\t",
    ]
)
odd_dates = st.sampled_from(
    [
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59.999999-0001",
        "2026-11-21T23:59:60Z",
        "2026-11-21 10:15Z",
        "2026-11-21T10:15:30.1+05:30",
        "2026-11-21T10:15:30Z ",
        "2026-11-21 10:15:30 -0500",
        "2026-11-21 10:15:30.1234567 +00",
        "2026-11-21 10:15 UTC",
        "2026-11-21T10:15:30z",
        " ",
        "２０２６-11-21",
    ]
)


def quote(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if any(sign in value for sign in ',"\r\n') else value


def lines(*columns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*columns).map(lambda values: ",".join(map(quote, values)))


customers = st.lists(lines(ids, texts, texts, texts, texts, dates), min_size=1, max_size=6)
products = st.lists(lines(product_ids, texts, texts, prices), min_size=1, max_size=6)
orders = st.lists(
    st.one_of(
        lines(
            st.sampled_from(["O1", "O2", "O3", "O4", "", " ", "O1 ", "\u200bO2", "O" * 257]),
            st.sampled_from(["", "1", "2"]),
            ids,
            product_ids,
            dates,
            dates,
            numbers,
            prices,
            texts,
        ),
        lines(st.sampled_from(["O1", "O5"]), ids),
        st.sampled_from(["", "," * 8]),
    ),
    min_size=1,
    max_size=30,
).filter(lambda rows: any(row.strip(",") for row in rows))

#: Signs that chance makes records of, or nothing that is one.
rubbish = st.text(',"\r\nO1C ', max_size=12)
odd_orders = st.lists(
    st.one_of(
        lines(
            st.sampled_from(["O1", "O2", "O3", "o\n4", 'O"5', "", "\ufeffO1", "\t"]),
            st.sampled_from(["", "1", "2", "1\u00a0"]),
            ids,
            product_ids,
            st.one_of(dates, odd_dates),
            st.one_of(dates, odd_dates),
            st.one_of(numbers, odd_numbers),
            st.one_of(prices, odd_prices),
            odd_texts,
        ),
        rubbish,
    ),
    min_size=1,
    max_size=20,
)


def write_day(
    folder: Path, day: dict[str, list[str]], line_end: str = "\n", *, is_zipped: bool = False
) -> dict[str, Any]:
    contents: dict[str, str | bytes] = {
        name: line_end.join([",".join(reference.RAW_COLUMNS[name]), *rows, ""]) for name, rows in day.items()
    }
    if not is_zipped:
        return write_raw_files(folder, contents)
    zipped = {name: gzip.compress(str(text).encode()) for name, text in contents.items()}
    return write_raw_files(folder, zipped, ".csv.gz")


@settings(max_examples=EXAMPLES)
@given(
    customers=customers.filter(any),
    products=products.filter(any),
    orders=orders,
    batch_bytes=st.sampled_from([1, 50, 1 << 20]),
)
def test_the_reference_says_the_same(
    customers: list[str], products: list[str], orders: list[str], batch_bytes: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        raw_dir, out_dir = Path(folder, "raw"), Path(folder, "out")
        sources = write_day(raw_dir, {"customers": customers, "products": products, "orders": orders})

        assert_reference_agrees(
            raw_dir, Outcome(transform_files(sources, out_dir, batch_bytes, DAY), out_dir)
        )


@settings(max_examples=EXAMPLES)
@given(
    orders=odd_orders,
    customers=st.lists(
        lines(ids, odd_texts, odd_texts, texts, texts, st.one_of(dates, odd_dates)), max_size=4
    ),
    batch_bytes=st.sampled_from([1, 7, 50, 1 << 20]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    is_zipped=st.booleans(),
)
def test_the_reference_says_the_same_of_odd_files(
    orders: list[str], customers: list[str], batch_bytes: int, line_end: str, *, is_zipped: bool
) -> None:
    day = {"customers": ["C1,,,,,", *customers], "products": ["P1,,,"], "orders": ["O1,,,,,,,,", *orders]}
    with tempfile.TemporaryDirectory() as folder:
        raw_dir, out_dir = Path(folder, "raw"), Path(folder, "out")
        sources = write_day(raw_dir, day, line_end, is_zipped=is_zipped)

        assert_reference_agrees(
            raw_dir, Outcome(transform_files(sources, out_dir, batch_bytes, DAY), out_dir)
        )


def assert_reference_agrees(raw_dir: Path, outcome: Outcome) -> None:
    for dataset, expected in reference.transform(raw_dir).items():
        rows = outcome.counts["rows"][dataset]
        refused = [(sorted(row["reasons"]), row["line_number"]) for row in outcome.quarantined(dataset)]
        assert outcome.published(dataset) == expected["published"]
        assert refused == expected["refused"]
        found = (rows["read"], rows["duplicates"], rows["blank"])
        assert found == (expected["read"], expected["duplicates"], expected["blank"])
        assert rows["read"] == rows["published"] + rows["quarantined"] + rows["duplicates"]


@settings(max_examples=EXAMPLES // 2)
@given(orders=orders, shuffled=st.randoms(use_true_random=False))
def test_the_order_of_distinct_rows_does_not_change_the_totals(orders: list[str], shuffled: Any) -> None:
    distinct = list(
        {line.split(",")[0].strip("\u200b "): line for line in orders if line.strip(",")}.values()
    )
    with tempfile.TemporaryDirectory() as folder:
        counts = []
        for turn in ("as it is", "shuffled"):
            day = {"customers": ["C1,,,,,"], "products": ["P1,,,"], "orders": distinct}
            sources = write_day(Path(folder, turn), day)
            counts.append(transform_files(sources, Path(folder, turn, "out"), 1 << 20, DAY))
            shuffled.shuffle(distinct)

    assert counts[0] == counts[1]


def test_row_groups_hold_all_batches_in_file_order(tmp_path: Path) -> None:
    rows = [f"O{n},,C1,P1,2026-11-21,,1,1.00," for n in range(5000)]
    sources = write_day(tmp_path / "raw", {"customers": ["C1,,,,,"], "products": ["P1,,,"], "orders": rows})

    transform_files(sources, tmp_path / "out", 4096, DAY)

    table = pq.read_table(tmp_path / "out" / "orders.parquet", columns=["order_id"])
    assert table["order_id"].to_pylist() == [f"O{n}" for n in range(5000)]
