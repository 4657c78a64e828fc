"""What holds for every day: the reference says the same, nothing is lost, batches do not matter."""

import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from include.transform import transform_files
from tests import reference
from tests.unit.conftest import Outcome, write_raw_files

ORDERS_COLUMNS = reference.RAW_COLUMNS["orders"]

ids = st.sampled_from(["C1", "C2", "C3", "c1", "", "NA", "00123", "C1 ", "ÄÖ", "x" * 20])
product_ids = st.sampled_from(["P1", "P2", "P3", "", "null", "1.0"])
numbers = st.sampled_from(["1", "2", "0", "-1", "1.5", "", "x", "007", "999999999999999999", "1e3", "NaN"])
prices = st.sampled_from(["1", "19.99", "0", "-0.01", "1.23456", "", "€5", "99999999999999.9999", "1,5"])
dates = st.sampled_from(
    [
        "2026-11-21",
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


def quote(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if any(sign in value for sign in ',"') else value


def lines(*columns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*columns).map(lambda values: ",".join(map(quote, values)))


customers = st.lists(lines(ids, texts, texts, texts, texts, dates), min_size=1, max_size=6)
products = st.lists(lines(product_ids, texts, texts, prices), min_size=1, max_size=6)
orders = st.lists(
    st.one_of(
        lines(
            st.sampled_from(["O1", "O2", "O3", "O4", ""]),
            ids,
            product_ids,
            dates,
            dates,
            numbers,
            prices,
            texts,
        ),
        lines(st.sampled_from(["O1", "O5"]), ids),
        st.just(""),
    ),
    min_size=1,
    max_size=30,
).filter(any)


def write_day(folder: Path, day: dict[str, list[str]]) -> dict[str, Any]:
    contents = {
        name: "\n".join([",".join(reference.RAW_COLUMNS[name]), *rows]) + "\n" for name, rows in day.items()
    }
    return write_raw_files(folder, contents)


@settings(max_examples=150, deadline=None)
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

        outcome = Outcome(transform_files(sources, out_dir, batch_bytes), out_dir)

        expected = reference.transform(raw_dir)
        for dataset, of_dataset in expected.items():
            rows = outcome.counts["rows"][dataset]
            refused = [(sorted(row["reasons"]), row["line_number"]) for row in outcome.quarantined(dataset)]
            assert outcome.published(dataset) == of_dataset["published"]
            assert refused == of_dataset["refused"]
            assert (rows["read"], rows["duplicates"]) == (of_dataset["read"], of_dataset["duplicates"])
            assert rows["read"] == rows["published"] + rows["quarantined"] + rows["duplicates"]


@settings(max_examples=30, deadline=None)
@given(orders=orders, shuffled=st.randoms(use_true_random=False))
def test_the_order_of_distinct_rows_does_not_change_the_totals(orders: list[str], shuffled: Any) -> None:
    distinct = list({line.split(",")[0]: line for line in orders if line}.values())
    with tempfile.TemporaryDirectory() as folder:
        counts = []
        for turn in ("as it is", "shuffled"):
            day = {"customers": ["C1,,,,,"], "products": ["P1,,,"], "orders": distinct}
            sources = write_day(Path(folder, turn), day)
            counts.append(transform_files(sources, Path(folder, turn, "out"), 1 << 20))
            shuffled.shuffle(distinct)

    assert counts[0] == counts[1]


def test_row_groups_hold_all_batches_in_file_order(tmp_path: Path) -> None:
    rows = [f"O{n},C1,P1,2026-11-21,,1,1.00," for n in range(5000)]
    sources = write_day(tmp_path / "raw", {"customers": ["C1,,,,,"], "products": ["P1,,,"], "orders": rows})

    transform_files(sources, tmp_path / "out", batch_bytes=4096)

    table = pq.read_table(tmp_path / "out" / "orders.parquet", columns=["order_id"])
    assert table["order_id"].to_pylist() == [f"O{n}" for n in range(5000)]
