"""What becomes of an order, a customer, a product: published, refused with its reasons, or a duplicate."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.contract import DATASETS, ORDERS, reasons, unknown_reason
from include.contract.model import list_column_reasons
from tests import cases, reference
from tests.raw_files import CUSTOMERS, ORDERS_HEADER, PRODUCTS
from tests.unit.conftest import DAY, Transform

GOOD = "O1,C1,P1,3,19.9900,2026-11-21T10:00:00,2026-11-23T09:59:59,shipped"


def test_a_good_order_is_joined_and_computed(transform_day: Transform) -> None:
    outcome = transform_day(f"{ORDERS_HEADER}{GOOD}\n")

    assert outcome.published() == [
        {
            "order_id": "O1",
            "order_line": None,
            "customer_id": "C1",
            "product_id": "P1",
            "order_date": dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC),
            "delivery_date": dt.datetime(2026, 11, 23, 9, 59, 59, tzinfo=dt.UTC),
            "quantity": 3,
            "selling_price": Decimal("19.9900"),
            "total_price": Decimal("59.9700"),
            "shipping_time_days": 1,
            "customer_country": "FR",
            "customer_city": "Paris",
            "product_name": "Lamp",
            "product_category": "Home",
        }
    ]
    rows = {"read": 1, "published": 1, "quarantined": 0, "duplicates": 0, "blank": 0}
    assert outcome.counts["rows"]["orders"] == rows
    assert outcome.counts["total_price"] == "59.97"


ORDER_FAULTS = {
    ",C1,P1,1,1,2026-11-21,,": ["order_id_missing"],
    "O1,,P1,1,1,2026-11-21,,": ["customer_id_missing"],
    "O1,C1,,1,1,2026-11-21,,": ["product_id_missing"],
    "O1,C1,P1,,1,2026-11-21,,": ["quantity_missing"],
    "O1,C1,P1,1.5,1,2026-11-21,,": ["quantity_invalid"],
    "O1,C1,P1,0,1,2026-11-21,,": ["quantity_not_positive"],
    "O1,C1,P1,1,,2026-11-21,,": ["selling_price_missing"],
    "O1,C1,P1,1,1.23456,2026-11-21,,": ["selling_price_invalid"],
    "O1,C1,P1,1,-0.01,2026-11-21,,": ["selling_price_negative"],
    "O1,C1,P1,1,1,,,": ["order_date_missing"],
    "O1,C1,P1,1,1,2026-02-30,,": ["order_date_invalid"],
    "O1,C1,P1,1,1,2026-11-21,soon,": ["delivery_date_invalid"],
    "O1,C1,P1,1,1,2026-11-21,2026-11-20,": ["delivery_before_order"],
    "O1,c1,P1,1,1,2026-11-21,,": ["unknown_customer"],
    "O1,C1,P9,1,1,2026-11-21,,": ["unknown_product"],
    "O1,C1,P1,1,1,2026-11-21": ["malformed_row"],
    "O1,C1,P1,1,1,2026-11-21,,,": ["malformed_row"],
    'O1,C1,"P1,1,1,2026-11-21,,': ["malformed_row"],
    "O1,C9,P9,0,-1,2026-11-21,2026-11-20,": [
        "delivery_before_order",
        "quantity_not_positive",
        "selling_price_negative",
        "unknown_customer",
        "unknown_product",
    ],
}


@pytest.mark.parametrize(("line", "expected"), ORDER_FAULTS.items(), ids=ORDER_FAULTS)
def test_invalid_order_is_rejected_with_every_reason(
    transform_day: Transform, line: str, expected: list[str]
) -> None:
    outcome = transform_day(f"{ORDERS_HEADER}{line}\n{GOOD.replace('O1', 'O2')}\n")

    assert [sorted(row["reasons"]) for row in outcome.quarantined()] == [expected]
    assert [row["order_id"] for row in outcome.published()] == ["O2"]
    assert {reason for reason, count in outcome.counts["reasons"]["orders"].items() if count} == set(expected)


def test_every_reason_of_orders_is_among_the_cases() -> None:
    in_files = (expected for case in cases.ROWS.values() for _, expected in case)
    tried = {reason for expected in (*ORDER_FAULTS.values(), *in_files) for reason in expected}

    assert tried >= {reason for reason in reasons(ORDERS) if not is_of_gained_column(reason)} - {
        "duplicate_order_id"
    }


def is_of_gained_column(reason: str) -> bool:
    """The generator's tests try those of a column that a contract may gain."""
    gained = [column for column in ORDERS.columns if column.name not in reference.RAW_COLUMNS["orders"]]
    return reason in {
        each
        for column in gained
        for each in (*list_column_reasons(ORDERS, column), unknown_reason(column.name))
    }


def test_rejected_row_keeps_its_text_and_line_number(transform_day: Transform) -> None:
    outcome = transform_day(f"{ORDERS_HEADER}{GOOD}\n\nO2,C1,P1, two,$5,2026-11-21,,NA\nO3,C1\n")

    delivered = {
        "order_id": "O2",
        "order_line": None,
        "customer_id": "C1",
        "product_id": "P1",
        "order_date": "2026-11-21",
        "delivery_date": None,
        "quantity": " two",
        "selling_price": "$5",
        "status": "NA",
    }
    assert outcome.quarantined() == [
        {
            **delivered,
            "reasons": ["quantity_invalid", "selling_price_invalid"],
            "source_key": "s3://raw/orders.csv",
            "line_number": 4,
            "raw_line": None,
        },
        {
            **dict.fromkeys(delivered),
            "reasons": ["malformed_row"],
            "source_key": "s3://raw/orders.csv",
            "line_number": 5,
            "raw_line": "O3,C1",
        },
    ]


def test_an_undelivered_order_has_no_shipping_time(transform_day: Transform) -> None:
    outcome = transform_day(f"{ORDERS_HEADER}O1,C1,P1,1,1,2026-11-21,,open\n")

    assert [(row["delivery_date"], row["shipping_time_days"]) for row in outcome.published()] == [
        (None, None)
    ]


DELIVERIES = {
    "2026-11-21T10:00:00": 0,
    "2026-11-22T09:59:59.999999": 0,
    "2026-11-22T10:00:00": 1,
    "2026-11-22T10:00:00+01:00": 0,
    "2099-12-31T09:59:59.999999": 26_702,
    "2099-12-31T10:00:00": 26_703,
}


@pytest.mark.parametrize(("delivery", "days"), DELIVERIES.items(), ids=DELIVERIES)
def test_shipping_time_counts_whole_days_elapsed(transform_day: Transform, delivery: str, days: int) -> None:
    outcome = transform_day(f"{ORDERS_HEADER}O1,C1,P1,1,1,2026-11-21T10:00:00,{delivery},\n")

    assert [row["shipping_time_days"] for row in outcome.published()] == [days]


def test_identifiers_stay_exactly_as_delivered(transform_day: Transform) -> None:
    ids = ["00123", "17850.0", "NA", "null", "NULL", "1e5", "x y", "é", "TRUE"]
    customers = "customer_id\n" + "".join(f"{id_}\n" for id_ in ids)
    orders = ORDERS_HEADER + "".join(f"O{id_},{id_},P1,1,1,2026-11-21,,\n" for id_ in ids)

    outcome = transform_day(orders, customers)

    assert [(row["order_id"], row["customer_id"]) for row in outcome.published()] == [
        (f"O{id_}", id_) for id_ in ids
    ]


def test_identical_row_is_dropped_and_conflicting_one_rejected(
    transform_day: Transform,
) -> None:
    other = GOOD.replace("shipped", "returned")
    outcome = transform_day(f"{ORDERS_HEADER}{GOOD}\n{other}\n{GOOD}\n{other}\n")

    assert outcome.counts["rows"]["orders"] == {
        "read": 4,
        "published": 1,
        "quarantined": 1,
        "duplicates": 2,
        "blank": 0,
    }
    assert [(row["line_number"], row["reasons"]) for row in outcome.quarantined()] == [
        (3, ["duplicate_order_id"])
    ]


def test_orders_of_a_rejected_customer_are_rejected(transform_day: Transform) -> None:
    customers = "customer_id,signup_date\nC1,never\nC2,2024-01-01\nC2,2024-01-02\n"
    outcome = transform_day(f"{ORDERS_HEADER}{GOOD}\n{GOOD.replace('O1,C1', 'O2,C2')}\n", customers)

    assert [row["reasons"] for row in outcome.quarantined("customers")] == [
        ["signup_date_invalid"],
        ["duplicate_customer_id"],
    ]
    assert [row["order_id"] for row in outcome.published()] == ["O2"]
    assert [row["reasons"] for row in outcome.quarantined()] == [["rejected_customer"]]


def test_columns_may_come_in_any_order_and_unknown_ones_are_reported(transform_day: Transform) -> None:
    header = (
        "status,loaded_at,delivery_date,order_date,selling_price,quantity,product_id,customer_id,order_id"
    )
    outcome = transform_day(f"{header}\nshipped,x,,2026-11-21,5,1,P1,C1,O1\n")

    assert [row["order_id"] for row in outcome.published()] == ["O1"]
    assert outcome.counts["drift"]["orders"] == {"unknown_columns": ["loaded_at"]}


def test_optional_columns_may_be_absent(transform_day: Transform) -> None:
    outcome = transform_day(f"{ORDERS_HEADER}{GOOD}\n", "customer_id\nC1\n", "product_id\nP1\n")

    assert [(row["customer_country"], row["product_name"]) for row in outcome.published()] == [(None, None)]
    assert outcome.published("customers") == [
        {"customer_id": "C1", **dict.fromkeys(["name", "email", "country", "city", "signup_date"])}
    ]


def test_the_published_file_opens_in_pandas_and_duckdb_with_exact_types(transform_day: Transform) -> None:
    path = transform_day(f"{ORDERS_HEADER}{GOOD}\n").folder / "orders.parquet"

    in_pandas = pd.read_parquet(path)
    described = f"SELECT column_name, column_type FROM (DESCRIBE FROM '{path}')"  # noqa: S608  # our own path
    in_duckdb = dict(duckdb.execute(described).fetchall())

    assert in_pandas["total_price"].tolist() == [Decimal("59.9700")]
    assert in_pandas["order_date"].dtype == "datetime64[us, UTC]"
    assert (in_duckdb["total_price"], in_duckdb["order_date"]) == (
        "DECIMAL(38,4)",
        "TIMESTAMP WITH TIME ZONE",
    )
    assert in_duckdb["customer_country"] == "VARCHAR"


def test_money_is_exact_to_the_last_digit(transform_day: Transform) -> None:
    orders = ORDERS_HEADER + "".join(
        f"O{n},C1,P1,{n % 9 + 1},{n % 1000}.{n % 10_000:04},2026-11-21,,\n" for n in range(20_000)
    )
    expected = sum((n % 9 + 1) * Decimal(f"{n % 1000}.{n % 10_000:04}") for n in range(20_000))

    assert Decimal(transform_day(orders).counts["total_price"]) == expected


def test_a_row_may_hold_the_largest_values(transform_day: Transform) -> None:
    outcome = transform_day(f"{ORDERS_HEADER}O1,C1,P1,999999999999999999,99999999999999.9999,2026-11-21,,\n")

    assert outcome.counts["total_price"] == "99999999999999999800000000000000.0001"


def test_the_same_files_give_the_same_bytes(transform_day: Transform, tmp_path: Path) -> None:
    def read_all() -> dict[str, bytes]:
        folder = transform_day(f"{ORDERS_HEADER}{GOOD}\nO2,C9,P1,1,1,2026-11-21,,\n").folder
        return {str(path): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}

    first, second = read_all(), read_all()

    assert len(first) == 2 * len(DATASETS)
    assert first == second


def test_default_files_of_these_tests_are_clean(transform_day: Transform) -> None:
    rows = transform_day(f"{ORDERS_HEADER}{GOOD}\n", CUSTOMERS, PRODUCTS).counts["rows"]

    assert {count["quarantined"] for count in rows.values()} == {0}


@pytest.mark.parametrize("batch_bytes", [1, 1 << 20], ids=["a row a batch", "one batch"])
def test_published_orders_that_are_not_delivered_are_counted(
    transform_day: Transform, batch_bytes: int
) -> None:
    rows = [
        "O1,C1,P1,1,1.00,2026-11-20,2026-11-21,\n",
        "O2,C1,P1,1,1.00,2026-11-20,,\n",
        "O3,C1,P1,1,1.00,2026-11-20,,\n",
        "O4,nobody,P1,1,1.00,2026-11-20,,\n",
    ]

    outcome = transform_day(ORDERS_HEADER + "".join(rows), batch_bytes=batch_bytes)

    assert outcome.counts["undelivered"] == 2


def test_every_published_table_ends_with_the_day(transform_day: Transform) -> None:
    outcome = transform_day(f"{ORDERS_HEADER}O1,C1,P1,2,9.99,2026-11-20,,new\n")
    for dataset in DATASETS:
        table = pq.read_table(outcome.folder / f"{dataset}.parquet")
        assert (table.schema.names[-1], table.schema.types[-1]) == ("day", pa.date32())
        assert table["day"].to_pylist() == [DAY] * outcome.counts["rows"][dataset]["published"]
