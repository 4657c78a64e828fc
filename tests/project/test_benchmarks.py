"""Benchmark peers give the same result as the pipeline, and the comparison detects differences."""

import datetime as dt
import importlib
import json
import os
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import compare, measure, report, transform
from benchmarks.measure import BenchmarkError, Measurement, Spread, Summary
from benchmarks.peers import find_different_columns
from include.contract import ORDERS
from include.local import transform_files
from tests.raw_files import write_raw_files

#: Values that the peers and the contract read alike. The peers do not know the contract's rules for blanks,
#: a plus sign, surplus zeros, `UTC` and implausible times; the files of the benchmarks hold none of these.
TIMES = [
    "2026-11-21", "2026-11-21T10:11", "2026-11-21 10:11:12", "2026-11-21T10:11:12Z", "2024-02-29T00:00Z",
    "2026-11-21T10:11:12.1", "2026-11-21T10:11:12.123456789Z", "2026-11-21T10:11:12.999999999",
    "2026-11-21T10:11:12+02", "2026-11-21T10:11:12+0530", "2026-11-21 10:11-03:30",
    "2026-11-21T10:11:12.5-00:00", "1980-01-01", "2099-12-31T23:59:59.999999Z",
    "2026-02-29", "2026-13-01", "2026-00-10", "0000-01-01", "2026-1-01T10:11:12Z", "2026- 1- 1T10:11:12Z",
    "2026-11-21T24:00:00Z", "2026-11-21T10:60:00Z", "2026-11-21T10:11:60Z", "2026-11-21T10", "2026-11-21T",
    "2026-11-21Z", "2026-11-21+02:00", "2026-11-21t10:11:12z", "2026-11-21T10:11:12+24:00",
    "2026-11-21T10:11.5", "2026-11-21T10:11:12.1234567891", "20261121", "today", "epoch", "infinity",
    "２０２６-11-21", "12345-01-01", "-2026-11-21",
]  # fmt: skip
QUANTITIES = [
    "1", "0", "-0", "-1", "007", "999999999999999999", "1000000000000000000", "2.5", "1e3", "1_000",
    "0x1", "NaN", "true", "١",
]  # fmt: skip
PRICES = [
    "0", "-0", "-0.0001", "1.2", "1.23", "0.1234", "99999999999999.9999", "100000000000000",
    "0.12345", "1e2", "12,50", "$1", "1 000", "NaN", "inf", "",
]  # fmt: skip
FIRST_TIME, FIRST_QUANTITY, FIRST_PRICE = "2026-11-21T10:11:12Z", "1", "9.99"
PEERS = ["duckdb_transform", "polars_transform", "pandas_transform"]


def order(number: int, **values: str) -> str:
    row = {
        "order_id": f"O-{number}",
        "order_line": "",
        "customer_id": "C-1",
        "product_id": "P-1",
        "order_date": FIRST_TIME,
        "delivery_date": "",
        "quantity": FIRST_QUANTITY,
        "selling_price": FIRST_PRICE,
        "status": "",
    } | values
    return ",".join(f'"{value}"' if "," in value else value for value in row.values())


def list_odd_orders() -> Iterator[str]:
    cases = [
        ("order_date", TIMES),
        # The contract counts calendar days to a bare date, the peers whole days.
        ("delivery_date", TIMES[1:]),
        ("quantity", QUANTITIES),
        ("selling_price", PRICES),
    ]
    values = ((column, value) for column, texts in cases for value in texts)
    for number, (column, value) in enumerate(values):
        yield order(number, **{column: value})
    yield from (order(1000), order(1000), order(1000, quantity="2"), order(1000, quantity="2"))
    yield from (
        order(1000, order_line="1"),
        order(1000, order_line="2"),
        order(1000, order_line="2", quantity="3"),
    )
    yield from (order(1001, quantity="0"), order(1001), order(1001, quantity="0"))
    yield from (order(0, order_id=""), order(0, order_id=""), order(0, order_id="", quantity="3"))
    yield from (order(0, order_id='""'), order(1002, customer_id='""', product_id=""))
    yield from (order(1003, customer_id="c-1"), order(1005, customer_id="C-3"))
    yield from (order(1007, product_id="P-3"), order(1008, product_id="NA"))
    yield from (order(1009, status="NULL"), order(1010, status='"say ""hi"", ok"'.replace(",", ";")))
    yield order(
        1011, delivery_date="2026-11-22T10:11:11Z", selling_price="-1", quantity="two", customer_id="?"
    )
    yield from (
        order(1012, delivery_date="2026-11-22T10:11:11Z"),
        order(1013, delivery_date="2026-11-21T10:11:12"),
    )


CUSTOMERS = """customer_id,name,email,country,city,signup_date
C-1,"Müller, Hans",h@example.com,DE,Köln,2026-01-01
C-2,,,,,2026-02-30
C-3,NA,null,,,
C-1,"Müller, Hans",h@example.com,DE,Köln,2026-01-01
C-1,Other,,FR,Paris,
,Nobody,,,,
"""
PRODUCTS = """product_id,name,category,list_price
P-1,"27"" monitor",Electronics,199.99
P-2,,,"12,50"
P-3,,,
NA,None,nan,0
P-3,,,1
"""


@pytest.fixture(scope="module")
def raw_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    header = f"{','.join(ORDERS.column_names)}\n"
    orders = header + "\n".join(list_odd_orders()) + "\n"
    write_raw_files(folder, {"customers": CUSTOMERS, "products": PRODUCTS, "orders": orders})
    return folder


@pytest.fixture(scope="module")
def our_dir(raw_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ours")
    transform_files.main(raw_dir, folder, dt.date(2026, 11, 21))
    return folder


@pytest.mark.skipif(
    bool(find_different_columns()),
    reason=f"the peers do not work by this contract: {find_different_columns()}",
)
@pytest.mark.parametrize("peer", PEERS)
def test_peer_agrees_on_every_row(raw_dir: Path, our_dir: Path, tmp_path: Path, peer: str) -> None:
    importlib.import_module(f"benchmarks.peers.{peer}").transform(raw_dir, tmp_path)
    assert list(compare.find_differences(our_dir, tmp_path, every_row=True)) == []


def change_one_value(folder: Path, column: str, value: object, file: str = "orders.parquet") -> None:
    rows = pq.read_table(folder / file)
    place = rows.schema.get_field_index(column)
    field = rows.schema.field(place)
    values = pa.array([value, *rows[column].to_pylist()[1:]], field.type)
    pq.write_table(rows.set_column(place, field, values), folder / file)


CHANGES = [
    ("orders.parquet", "quantity", 3),
    ("orders.parquet", "total_price", Decimal("0.0001")),
    ("orders.parquet", "delivery_date", dt.datetime(2026, 11, 22, tzinfo=dt.UTC)),
    ("customers.parquet", "name", "Else"),
    ("quarantine/orders.parquet", "reasons", ["quantity_missing"]),
    ("quarantine/products.parquet", "line_number", 99),
]


@pytest.mark.parametrize(
    ("file", "column", "value"), CHANGES, ids=[f"{file}-{column}" for file, column, _ in CHANGES]
)
@pytest.mark.parametrize("every_row", [True, False])
def test_comparison_finds_one_changed_value(
    our_dir: Path, tmp_path: Path, every_row: bool, file: str, column: str, value: object
) -> None:
    shutil.copytree(our_dir, tmp_path, dirs_exist_ok=True)
    assert list(compare.find_differences(our_dir, tmp_path, every_row=every_row)) == []
    change_one_value(tmp_path, column, value, file)
    differences = list(compare.find_differences(our_dir, tmp_path, every_row=every_row))
    assert [difference.partition(":")[0] for difference in differences] == [file] * (1 + every_row)


def test_contestants_with_different_counts_are_rejected(tmp_path: Path) -> None:
    counts = {
        "rows": {"orders": {"read": 2, "blank": 0}},
        "reasons": {"orders": {"unknown_product": 1, "quantity_missing": 0}},
        "total_price": "1.5",
    }
    same = {
        "rows": {"orders": {"read": 2}},
        "reasons": {"orders": {"unknown_product": 1}},
        "total_price": "1.5000",
    }
    assert transform.plain_counts(counts) == transform.plain_counts(same)
    with pytest.raises(BenchmarkError, match="DuckDB counts"):
        transform.check_agreement(
            "DuckDB", {"ours": counts, "DuckDB": {**same, "total_price": "1.6"}}, tmp_path, every_row=True
        )


def test_memory_and_time_are_measured_per_program(tmp_path: Path) -> None:
    (tmp_path / "modest.py").write_text("print('done')\n")
    (tmp_path / "hungry.py").write_text("x = b'1' * 900_000_000\n")
    modest, output = measure.run_module("modest", environment={"PYTHONPATH": str(tmp_path)})
    hungry, _ = measure.run_module("hungry", environment={"PYTHONPATH": str(tmp_path)})
    assert output == "done\n"
    assert modest.peak_bytes < 900e6 < hungry.peak_bytes
    assert 0 < modest.processor_seconds < hungry.processor_seconds


def test_failed_program_is_reported_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit('no such luck')\n")
    with pytest.raises(BenchmarkError, match=r"broken ended with 1:\nno such luck"):
        measure.run_module("broken", environment={"PYTHONPATH": str(tmp_path)})


def test_findings_are_medians_of_ratios_per_round() -> None:
    def summarize(*walls: float, peak: int) -> Summary:
        return Summary([Measurement(wall, wall, peak) for wall in walls])

    summaries = {
        "ours": summarize(1, 2, 30, peak=20),
        "DuckDB": summarize(4, 4, 300, peak=100),
        "Polars": summarize(10, 1, 100, peak=1),
        "pandas, tutorial": summarize(10, 10, 10, peak=1),
    }
    findings = list(transform.judge_contest(summaries))
    assert [(finding.value, finding.is_reached) for finding in findings] == [
        (Spread(0.25, 0.1, 0.5), True),
        (Spread(0.2, 0.2, 0.2), True),
        (Spread(0.3, 0.1, 2), True),
        (Spread(0.2, 0.1, 3), True),
    ]
    assert not report.Finding("slow", Spread.of([0.2, 0.6, 0.7]), 0.5).is_reached


def test_report_contains_figures_and_machine(tmp_path: Path) -> None:
    found = report.Report(
        "small", [report.Finding("time", Spread(0.4, 0.3, 0.6), 0.5)], {"transform": {"ours": []}}
    )
    report.write_json(found, tmp_path / "new" / "report.json")
    content = json.loads((tmp_path / "new" / "report.json").read_text())
    assert content["findings"] == [
        {
            "what": "time",
            "value": {"median": 0.4, "low": 0.3, "high": 0.6},
            "at_most": 0.5,
            "unit": "×",
            "is_reached": True,
        }
    ]
    assert content["details"] == {"transform": {"ours": []}}
    assert content["machine"]["cores"] == os.cpu_count()
