"""What may stand in the contract, what may not, and what a header may call a column."""

import dataclasses
from typing import Any

import pytest

from include.contract import CUSTOMERS, DATASETS, ORDERS, PRODUCTS, minimum_reason, published_orders
from include.contract.check import check_contract
from include.contract.model import Column, Dataset, FileFormat, Kind
from include.errors import ContractError, RawFileError
from tests.raw_files import ORDERS_HEADER
from tests.unit.conftest import Transform

ROW = "O1,C1,P1,3,19.99,2026-11-21,,open"
TEXT = {"kind": Kind.TEXT, "meaning": ""}


def extend(dataset: Dataset, **column: Any) -> Dataset:
    return dataclasses.replace(dataset, columns=(*dataset.columns, Column(**TEXT | column)))


def check(*datasets: Dataset) -> None:
    orders = next(dataset for dataset in datasets if dataset.name.endswith("orders"))
    check_contract(datasets, orders, published_orders())


MISTAKES = {
    "two of a name": (extend(ORDERS, name="status"), "orders: status is declared twice."),
    "a name and another's": (
        extend(ORDERS, name="state", also_named=("status",)),
        "orders: status is declared twice.",
    ),
    "a header for a name": (
        extend(ORDERS, name="Order Date"),
        "orders.Order Date is no name of small letters, digits and _: its header goes into also_named.",
    ),
    "a column of the quarantine": (
        extend(ORDERS, name="reasons"),
        "orders.reasons has a name that the quarantine needs.",
    ),
    "a computed kind": (
        extend(ORDERS, name="sum", kind=Kind.WIDE_DECIMAL),
        "orders.sum can be no WIDE_DECIMAL, which is for computed columns.",
    ),
    "a smallest text": (
        extend(ORDERS, name="size", minimum=1),
        "orders.size has a minimum and is no number.",
    ),
    "personal and published": (
        extend(ORDERS, name="phone", personal=True, in_orders="phone"),
        "orders.phone is personal, so it cannot be in_orders.",
    ),
    "another name in orders": (
        extend(ORDERS, name="coupon", in_orders="code"),
        "orders.coupon keeps its name in_orders: its header goes into also_named.",
    ),
    "a reference to nothing": (
        extend(ORDERS, name="store_id", refers_to="stores"),
        "orders.store_id refers to stores, which must be declared before.",
    ),
    "a reference by another name": (
        extend(ORDERS, name="buyer_id", refers_to="customers"),
        "orders.buyer_id refers to customers: name it customer_id, like its key.",
    ),
    "one text of other names": (
        extend(ORDERS, name="state", also_named="ok"),
        "orders.state has one text as also_named: write a comma behind it, in brackets.",
    ),
    "a name of no dataset": (
        dataclasses.replace(ORDERS, name="late_orders"),
        "late_orders begins like an input of its own: not with late_ or repairs_.",
    ),
    "no key": (
        dataclasses.replace(ORDERS, key="line_id"),
        "orders: its key line_id must be a text column.",
    ),
}


@pytest.mark.parametrize(("orders", "message"), MISTAKES.values(), ids=MISTAKES)
def test_contradictory_contract_says_why(orders: Dataset, message: str) -> None:
    with pytest.raises(ContractError) as error:
        check(CUSTOMERS, PRODUCTS, orders)

    assert str(error.value) == f"The contract cannot be kept. {message} Correct include/contract/datasets.py."


TOTAL = Column(name="total_price", kind=Kind.DECIMAL, meaning="")
HEADERS, LINES = ORDERS.split_headers("order_headers", ("customer_id", "order_date", "delivery_date"))
SHAPE_MISTAKES = {
    "in no file": (
        [PRODUCTS.adapt(delivered_in="sales")],
        "products is delivered_in sales, which has no file",
    ),
    "in a file of two formats": (
        [CUSTOMERS.adapt(delivered_in="orders", format=FileFormat(delimiter=";"))],
        "customers and orders are in one file: declare the same delimiter",
    ),
    "in a file by two keys": (
        [CUSTOMERS.adapt(delivered_in="orders", key=("customer_id", "email"))],
        "customers is delivered_in orders: its key must be one column",
    ),
    "a numbered key": (
        [ORDERS.adapt(columns={"status": {"from_line_number": True}})],
        "status has from_line_number: it must be the second column of the key",
    ),
    "a required column that may be absent": (
        [ORDERS.adapt(columns={"quantity": {"if_absent": "1"}})],
        "orders.quantity has if_absent and is required",
    ),
    "no quantity": ([ORDERS.adapt(dropped=("quantity",))], "orders: quantity is needed"),
    "no total": (
        [ORDERS.adapt(columns={"selling_price": {"nullable": True}})],
        "rows may lack quantity or selling_price, so declare a column total_price with nullable=False",
    ),
    "a total that may be missing": (
        [ORDERS.adapt(added=(TOTAL,), dropped=("selling_price",))],
        "so declare a column total_price with nullable=False",
    ),
    "a total that is published twice": (
        [ORDERS.adapt(added=(dataclasses.replace(TOTAL, in_orders="total_price"),))],
        "orders.total_price must be a DECIMAL without in_orders",
    ),
    "taken from nothing": ([LINES], "orders.customer_id is taken_from order_headers, to which no column"),
    "taken as another kind": (
        [HEADERS.adapt(columns={"order_date": {"kind": Kind.TEXT}}), LINES],
        "orders.order_date is taken_from order_headers: declare the same kind there",
    ),
    "taken and in the file": (
        [HEADERS, LINES.adapt(headers={"order_date": "Date"})],
        "orders.order_date is not in the file of its dataset",
    ),
    "taken by others": (
        [CUSTOMERS.adapt(columns={"city": {"taken_from": "orders"}})],
        "customers.city has taken_from: only orders can",
    ),
}


@pytest.mark.parametrize(("changed", "message"), SHAPE_MISTAKES.values(), ids=SHAPE_MISTAKES)
def test_impossible_shape_says_why(changed: list[Dataset], message: str) -> None:
    given = {dataset.name: dataset for dataset in (CUSTOMERS, PRODUCTS, *changed)}
    given["orders"] = given.pop("orders", ORDERS)

    with pytest.raises(ContractError, match=message):
        check(*given.values())


def test_only_orders_refer_to_others_and_only_to_those_before_them() -> None:
    with pytest.raises(ContractError, match=r"products: only orders refer to others\."):
        check(CUSTOMERS, extend(PRODUCTS, name="customer_id", refers_to="customers"), ORDERS)
    with pytest.raises(ContractError, match=r"orders\.product_id refers to products, which must be declared"):
        check(CUSTOMERS, ORDERS, PRODUCTS)


def test_orders_are_among_the_datasets() -> None:
    with pytest.raises(ContractError, match="DATASETS lacks orders"):
        check_contract([CUSTOMERS, PRODUCTS], ORDERS, published_orders())


def test_lookup_column_cannot_take_the_name_of_an_orders_column() -> None:
    with pytest.raises(ContractError, match="customers: orders have a column status of their own"):
        check(extend(CUSTOMERS, name="level", in_orders="status"), PRODUCTS, ORDERS)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Customer Country", "the published orders: Customer Country is no name of small letters"),
        ("dt", "the published orders: dt is the day of the Glue table"),
    ],
)
def test_a_published_name_works_in_every_place(name: str, problem: str) -> None:
    column = dataclasses.replace(published_orders()[0], name=name)

    with pytest.raises(ContractError, match=problem):
        check_contract(DATASETS.values(), ORDERS, [*published_orders(), column])


def test_two_columns_of_the_published_orders_cannot_share_a_name() -> None:
    with pytest.raises(ContractError, match="the published orders: quantity is declared twice"):
        check_contract(DATASETS.values(), ORDERS, [*published_orders(), ORDERS.column("quantity")])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("kind", "minimum", "reason"),
    [
        (Kind.DECIMAL, 0, "size_negative"),
        (Kind.WHOLE_NUMBER, 1, "size_not_positive"),
        (Kind.DECIMAL, 1, "size_too_small"),
        (Kind.WHOLE_NUMBER, -5, "size_too_small"),
    ],
)
def test_the_reason_says_what_a_number_must_be(kind: Kind, minimum: int, reason: str) -> None:
    assert minimum_reason(Column(name="size", kind=kind, minimum=minimum, meaning="")) == reason


@pytest.fixture
def other_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files may write `Order No` and `Qty`. Changed in place: every module holds the same columns."""
    for name, header in {"order_id": "Order No", "quantity": "Qty"}.items():
        # Frozen for everybody else.
        monkeypatch.setitem(ORDERS.column(name).__dict__, "also_named", (header,))


@pytest.mark.usefixtures("other_names")
def test_a_header_may_use_another_name(transform_day: Transform) -> None:
    header = ORDERS_HEADER.replace("order_id", "Order No").replace("quantity", "Qty")

    renamed = transform_day(f"{header}{ROW}\nO2,C1,P1,0,1,2026-11-21,,\nO1,C1,P1,1,1,2026-11-21,,\n")

    assert [(row["order_id"], row["quantity"]) for row in renamed.published()] == [("O1", 3)]
    assert [(row["order_id"], row["quantity"], row["reasons"]) for row in renamed.quarantined()] == [
        ("O2", "0", ["quantity_not_positive"]),
        ("O1", "1", ["duplicate_order_id"]),
    ]
    assert renamed.counts["drift"]["orders"] == {"unknown_columns": []}
    assert [row["order_id"] for row in transform_day(f"{ORDERS_HEADER}{ROW}\n").published()] == ["O1"]


@pytest.mark.usefixtures("other_names")
@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (ORDERS_HEADER.replace("status", "Qty"), "duplicate column: quantity"),
        (
            ORDERS_HEADER.replace("quantity", "qty"),
            "required column missing: quantity. The header names: order_id",
        ),
        (ORDERS_HEADER.replace("quantity", "Qty").replace(",", ";"), "separated by semicolons"),
    ],
    ids=["both names", "another case", "another delimiter"],
)
def test_other_names_follow_the_same_rules(transform_day: Transform, header: str, problem: str) -> None:
    with pytest.raises(RawFileError, match=problem):
        transform_day(f"{header}{ROW}\n")
