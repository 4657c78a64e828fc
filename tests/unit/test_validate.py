"""The checkpoint: what it holds the published orders to, and what it says when they break a rule."""

import datetime as dt
import resource
from collections.abc import Callable
from decimal import Context, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.contract import ORDERS, published_orders
from include.contract.arrow import published_schema
from include.errors import SettingError, WorkerError
from include.operators.context import translate_errors
from include.quality.baseline import Comparison
from include.quality.findings import NOT_CHECKED
from include.validate import prepare_libraries

if TYPE_CHECKING:
    from include.quality.checkpoint import Checked

prepare_libraries()

Row = dict[str, Any]
PLACED = dt.datetime(2026, 11, 21, 23, 30, tzinfo=dt.UTC)


def make_rows(count: int = 4) -> list[Row]:
    """Orders that meet every expectation; the last is not delivered yet."""
    rows = [
        {
            "order_id": f"00{number}",
            "customer_id": "17850.0",
            "product_id": "NA",
            "order_date": PLACED,
            "delivery_date": PLACED + dt.timedelta(days=number, microseconds=number - 1),
            "quantity": number + 1,
            "selling_price": Decimal("0.1001"),
            "total_price": (number + 1) * Decimal("0.1001"),
            "shipping_time_days": number - 1 if number == 0 else number,
            "customer_country": None,
            "customer_city": "O'Fallon",
            "product_name": "<b>Mug</b>",
            "product_category": None,
            "day": PLACED.date(),
        }
        for number in range(1, count + 1)
    ]
    rows[-1] |= {"delivery_date": None, "shipping_time_days": None}
    return rows


def make_table(rows: list[Row]) -> pa.Table:
    """Every column nullable, so that a broken table can be written at all."""
    schema = pa.schema([field.with_nullable(True) for field in published_schema(ORDERS)])
    return pa.Table.from_pylist(rows, schema=schema)


def check(table: pa.Table, folder: Path, expected_rows: int | None = None, **options: Any) -> "Checked":
    from include.quality.checkpoint import run_checkpoint

    path = folder / "it's orders.parquet"
    pq.write_table(table, path)
    rows = table.num_rows if expected_rows is None else expected_rows
    return run_checkpoint(path, rows, "day run", **options)


def change(table: pa.Table, column: str, values: list[Any], kind: pa.DataType | None = None) -> pa.Table:
    place = table.column_names.index(column)
    return table.set_column(place, column, pa.array(values, kind or table.schema.field(column).type))


def test_good_table_meets_every_expectation(tmp_path: Path) -> None:
    checked = check(make_table(make_rows()), tmp_path)
    assert (checked.success, checked.failed) == (True, [])


def test_row_of_another_day_fails(tmp_path: Path) -> None:
    rows = make_rows()
    rows[1]["day"] = PLACED.date() + dt.timedelta(days=1)
    checked = check(make_table(rows), tmp_path, day=PLACED.date().isoformat())
    assert checked.failed == ["expect_column_values_to_equal_formula(day): 1 of 4 rows"]


def test_empty_table_meets_every_expectation(tmp_path: Path) -> None:
    checked = check(make_table([]), tmp_path)
    assert (checked.success, checked.failed) == (True, [])


def make_many_rows() -> pa.Table:
    """More than a checkpoint holds in the little memory of a test."""
    table = make_table(make_rows(2) * 50_000)
    return change(table, "order_id", [f"{number:040}" for number in range(len(table))])


def test_check_without_memory_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.quality.checkpoint.MEMORY_LIMIT", "4MB")

    with pytest.raises(WorkerError, match="not have enough memory"), translate_errors():
        check(make_many_rows(), tmp_path)


def test_check_with_a_full_disk_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.quality.checkpoint.MEMORY_LIMIT", "12MB")
    table = make_many_rows()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_disk(*place: Any) -> None:
        create_view(*place)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))

    from include.quality.checkpoint import create_view

    monkeypatch.setattr("include.quality.checkpoint.create_view", fill_disk)
    try:
        with pytest.raises(WorkerError, match="disk for temporary files is full"), translate_errors():
            check(table, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


VALUES: dict[str, tuple[str, list[Any], list[str]]] = {
    "key missing": (
        "order_id",
        ["001", None, "003", "004"],
        ["expect_column_values_to_not_be_null(order_id): 1 of 4 rows"],
    ),
    "key repeated": (
        "order_id",
        ["001", "002", "001", "004"],
        ["expect_key_values_to_be_unique(order_id, order_line): 2 of 4 rows"],
    ),
    "customer missing": (
        "customer_id",
        [None, "1", None, "1"],
        ["expect_column_values_to_not_be_null(customer_id): 2 of 4 rows"],
    ),
    "delivered before ordered": (
        "delivery_date",
        [PLACED - dt.timedelta(microseconds=1), *(row["delivery_date"] for row in make_rows()[1:])],
        [
            "expect_column_values_to_equal_formula(shipping_time_days): 1 of 4 rows",
            "expect_dates_to_be_in_order(delivery_date, order_date): 1 of 4 rows",
        ],
    ),
    "total off by the last digit": (
        "total_price",
        [Decimal("0.2001"), *(row["total_price"] for row in make_rows()[1:])],
        ["expect_column_values_to_equal_formula(total_price): 1 of 4 rows"],
    ),
    "quantity of nothing": (
        "quantity",
        [0, 3, 4, 5],
        [
            "expect_column_values_to_be_between(quantity): 1 of 4 rows",
            "expect_column_values_to_equal_formula(total_price): 1 of 4 rows",
        ],
    ),
    "days rounded up": (
        "shipping_time_days",
        [1, 2, 4, None],
        ["expect_column_values_to_equal_formula(shipping_time_days): 1 of 4 rows"],
    ),
    "days of an order that is under way": (
        "shipping_time_days",
        [1, 2, 3, 0],
        ["expect_column_values_to_equal_formula(shipping_time_days): 1 of 4 rows"],
    ),
    "days lost for all": (
        "shipping_time_days",
        [None] * 4,
        ["expect_column_values_to_equal_formula(shipping_time_days): 3 of 4 rows"],
    ),
}


@pytest.mark.parametrize(("column", "values", "failed"), VALUES.values(), ids=VALUES)
def test_broken_value_fails_its_expectations_only(
    column: str, values: list[Any], failed: list[str], tmp_path: Path
) -> None:
    checked = check(change(make_table(make_rows()), column, values), tmp_path)
    assert (checked.success, checked.failed) == (False, failed)


def negate(table: pa.Table) -> pa.Table:
    prices = [-price for price in table["selling_price"].to_pylist()]
    totals = [-price for price in table["total_price"].to_pylist()]
    return change(change(table, "selling_price", prices), "total_price", totals)


SHAPES: dict[str, tuple[Callable[[pa.Table], pa.Table], list[str]]] = {
    "column unknown": (
        lambda table: table.append_column("email", table["order_id"]),
        ["expect_table_columns_to_match_ordered_list: unknown email"],
    ),
    "column missing": (
        lambda table: table.drop_columns("customer_city"),
        [
            "expect_column_sql_type_to_be(customer_city): found no such column, expected VARCHAR",
            "expect_table_columns_to_match_ordered_list: missing customer_city",
        ],
    ),
    "columns swapped": (
        lambda table: table.select([*table.column_names[1:], "order_id"]),
        [
            "expect_table_columns_to_match_ordered_list: found in another order: "
            + ", ".join([*(column.name for column in published_orders()[1:]), "order_id"])
        ],
    ),
    "money as floating point": (
        lambda table: change(table, "total_price", [0.2002, 0.3003, 0.4004, 0.5005], pa.float64()),
        ["expect_column_sql_type_to_be(total_price): found DOUBLE, expected DECIMAL(38,4)"],
    ),
    "text in place of numbers": (
        lambda table: change(table, "quantity", ["2", "three", "4", "5"], pa.string()),
        [
            "expect_column_sql_type_to_be(quantity): found VARCHAR, expected BIGINT",
            f"expect_column_values_to_be_between(quantity): {NOT_CHECKED}",
            f"expect_column_values_to_equal_formula(total_price): {NOT_CHECKED}",
        ],
    ),
    "times without zone": (
        lambda table: change(
            table, "order_date", [value.replace(tzinfo=None) for value in [PLACED] * 4], pa.timestamp("us")
        ),
        ["expect_column_sql_type_to_be(order_date): found TIMESTAMP, expected TIMESTAMP WITH TIME ZONE"],
    ),
    "negative money": (
        negate,
        [
            "expect_column_values_to_be_between(selling_price): 4 of 4 rows",
            "expect_column_values_to_be_between(total_price): 4 of 4 rows",
        ],
    ),
}


@pytest.mark.parametrize(("reshape", "failed"), SHAPES.values(), ids=SHAPES)
def test_broken_shape_fails_its_expectations_only(
    reshape: Callable[[pa.Table], pa.Table], failed: list[str], tmp_path: Path
) -> None:
    checked = check(reshape(make_table(make_rows())), tmp_path)
    assert (checked.success, checked.failed) == (False, failed)


def test_lost_rows_are_noticed(tmp_path: Path) -> None:
    checked = check(make_table(make_rows()), tmp_path, expected_rows=1_005)
    assert checked.failed == ["expect_table_row_count_to_equal: found 4, expected 1,005"]


def test_one_bad_row_in_many_is_not_rounded_away(tmp_path: Path) -> None:
    table = make_table(make_rows(count=100_001))
    prices = table["selling_price"].to_pylist()
    checked = check(change(table, "selling_price", [Decimal("0.1002"), *prices[1:]]), tmp_path)
    assert checked.failed == ["expect_column_values_to_equal_formula(total_price): 1 of 100,001 rows"]


def test_largest_numbers_are_computed_exactly(tmp_path: Path) -> None:
    price, quantity = Decimal("99999999999999.9999"), 10**18 - 1
    total = Context(prec=38).multiply(price, quantity)
    row = make_rows()[0] | {"selling_price": price, "quantity": quantity, "total_price": total}
    assert check(make_table([row]), tmp_path).failed == []


def test_results_hold_no_value_of_any_row(tmp_path: Path) -> None:
    rows = [row | {"order_id": "ada@example.com", "quantity": -77_001} for row in make_rows()]
    checked = check(make_table(rows), tmp_path)
    text = str(checked.result.to_json_dict())  # type: ignore[no-untyped-call]  # the library's
    assert not checked.success
    assert "ada@" not in text
    assert "77001" not in text


def test_error_of_the_database_is_not_quoted(tmp_path: Path) -> None:
    table = make_table(make_rows())
    checked = check(change(table, "quantity", ["ada@example.com"] * 4, pa.string()), tmp_path)
    text = str(checked.result.to_json_dict())  # type: ignore[no-untyped-call]  # the library's
    assert "ada@" not in text
    assert "Binder" not in text


def test_suite_follows_the_contract() -> None:
    from include.quality.expectations import build_suite

    configs = [expectation.configuration for expectation in build_suite().expectations]
    by_type: dict[str, list[Row]] = {config.type: [] for config in configs}
    for config in configs:
        by_type[config.type].append({**config.kwargs})
    columns = published_orders()
    assert by_type["expect_table_columns_to_match_ordered_list"] == [
        {"column_list": [column.name for column in columns]}
    ]
    assert by_type["expect_column_values_to_not_be_null"] == [
        {"column": column.name} for column in columns if not column.nullable
    ]
    assert by_type["expect_column_values_to_be_between"] == [
        {"column": column.name, "min_value": column.minimum}
        for column in columns
        if column.minimum is not None
    ]
    assert [kwargs["column"] for kwargs in by_type["expect_column_sql_type_to_be"]] == [
        column.name for column in columns
    ]


BETWEEN = "expect_column_values_to_be_between(quantity): 1 of 4 rows"
FORMULA = "expect_column_values_to_equal_formula(total_price): 1 of 4 rows"


@pytest.mark.parametrize(
    ("warn_only", "failed", "warnings"),
    [
        pytest.param("", [BETWEEN, FORMULA], [], id="nothing only warns"),
        pytest.param("expect_column_values_to_be_between", [FORMULA], [BETWEEN], id="a type"),
        pytest.param(
            "expect_column_values_to_be_between(quantity)", [FORMULA], [BETWEEN], id="one expectation"
        ),
        pytest.param(
            "expect_column_values_to_be_between(selling_price)", [BETWEEN, FORMULA], [], id="another one"
        ),
        pytest.param(
            " expect_dates_to_be_in_order(delivery_date,order_date) ,"
            "expect_column_values_to_be_between,expect_column_values_to_equal_formula(total_price)",
            [],
            [BETWEEN, FORMULA],
            id="a list, with a comma inside a name",
        ),
    ],
)
def test_only_failures_are_failures(
    warn_only: str, failed: list[str], warnings: list[str], tmp_path: Path
) -> None:
    table = change(make_table(make_rows()), "quantity", [0, 3, 4, 5])
    checked = check(table, tmp_path, warn_only=warn_only)
    assert (checked.success, checked.failed, checked.warnings) == (not failed, failed, warnings)
    assert checked.result.success is checked.success


def test_unknown_expectation_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="names expect_sunshine, but there is no such") as error:
        check(make_table([]), tmp_path, warn_only="expect_sunshine, expect_key_values_to_be_unique")
    assert "Give one of expect_column_sql_type_to_be, " in str(error.value)


COMPARISONS = [
    Comparison(
        measure="orders_read", found=12, lowest=450.0, highest=1350.0, summary="usual is 450 to 1,350"
    ),
    Comparison(measure="revenue", found=9.5, lowest=9.5, highest=20.0, summary="usual is 9.50 to 20.00"),
    Comparison(measure="undelivered_ratio", found=None, summary="not compared: not counted on this day"),
]


def test_day_is_compared_with_the_usual_range(tmp_path: Path) -> None:
    checked = check(make_table([]), tmp_path, comparisons=COMPARISONS)
    assert checked.failed == [
        "expect_measure_to_be_usual(orders_read): found 12, usual is 450 to 1,350",
    ]
    assert checked.skipped == [
        "expect_measure_to_be_usual(undelivered_ratio): not compared: not counted on this day"
    ]


def test_repeated_raw_file_is_a_warning(tmp_path: Path) -> None:
    checked = check(make_table(make_rows()), tmp_path, same_as="2026-11-20")

    assert checked.success
    assert checked.warnings == ["expect_raw_file_to_be_new(orders): same ETag as the raw file of 2026-11-20"]


def test_pages_distinguish_all_outcomes(tmp_path: Path) -> None:
    from include.site.results import render_validation

    checked = check(make_table([]), tmp_path, comparisons=COMPARISONS, warn_only="expect_measure_to_be_usual")
    page = render_validation(checked.result)
    assert (page.count("fa-exclamation-triangle"), page.count("fa-minus"), page.count("fa-times")) == (
        1,
        1,
        0,
    )
    # One more stands for the whole.
    assert page.count("fa-check-circle") == len(checked.result.results) - 2 + 1
    assert page.count("hide-succeeded-validation-target-child") == len(checked.result.results) - 1
    assert "Succeeded" in page
