"""The generated raw files against a slow, obvious reading of the contract's reasons."""

import csv
import datetime as dt
import re
import zlib
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from include import contract, generate
from include.contract import DATASETS, ORDERS, PRODUCTS, Column, Dataset, Kind
from include.contract.model import FileFormat
from include.errors import SampleDataError
from include.sample_data import names
from include.sample_data import orders as shop_orders
from include.sample_data.dirty_rows import EXACT_DUPLICATE
from include.sample_data.rng import SeededRandom

DAY = dt.date(2026, 11, 21)
Row = dict[str, str]
Day = dict[str, tuple[list[set[str]], list[Row]]]


@pytest.fixture(autouse=True)
def gained_columns_are_optional() -> None:
    """Not here: the generator fills every column of the contract."""


def read_fields(line: str) -> list[str] | None:
    """The fields of one line, or None where a quote does not close."""
    return None if line.count('"') % 2 else next(csv.reader([line]))


def parse_time(text: str) -> dt.datetime | None:
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def is_valid(column: Column, text: str) -> bool:
    if column.kind is Kind.WHOLE_NUMBER:
        return bool(re.fullmatch(r"[+-]?\d{1,18}", text))
    if column.kind is Kind.DECIMAL:
        return bool(re.fullmatch(r"[+-]?\d{1,14}(\.\d{1,4})?", text))
    return column.kind is Kind.TEXT or parse_time(text) is not None


def list_field_reasons(dataset: Dataset, column: Column, text: str) -> set[str]:
    if text == "":
        return set() if column.nullable else {contract.missing_reason(column)}
    if column.name in dataset.identifiers and re.search(r"[\s\u200b]$", text):
        return {contract.untrimmed_reason(column)}
    if column.name in dataset.key_columns and len(text) > 256:
        return {contract.too_long_reason(column)}
    if not is_valid(column, text):
        return {contract.invalid_reason(column)}
    if column.kind is Kind.TIMESTAMP and not "1980" <= text < "2100":
        return {contract.implausible_reason(column)}
    if column.minimum is not None and Decimal(text) < column.minimum:
        return {contract.minimum_reason(column)}
    return set()


def list_order_reasons(row: Row, known: dict[str, set[str]]) -> set[str]:
    reasons = set()
    ordered, delivered = parse_time(row["order_date"]), parse_time(row["delivery_date"])
    if ordered and delivered and delivered < ordered:
        reasons.add(contract.DELIVERY_BEFORE_ORDER)
    for dataset, column in ORDERS.references.items():
        id_ = re.sub(r"[\s\u200b]$", "", row[column])
        if id_ and id_ not in known[dataset]:
            is_rejected = id_ in known[f"rejected {dataset}"]
            reasons.add((contract.rejected_reason if is_rejected else contract.unknown_reason)(column))
    return reasons


def classify(dataset: Dataset, path: Path, known: dict[str, set[str]]) -> tuple[list[set[str]], list[Row]]:
    """The reasons of every row (exact duplicates count as one), and the accepted rows.

    `known` are the accepted ids of the datasets before; the ids of rejected rows are added to it.
    """
    rejected = known.setdefault(f"rejected {dataset.name}", set())
    header, *lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    names, seen_rows, seen_ids = header.split(","), set(), set()
    reasons_of_rows, accepted = [], []
    for line in lines:
        fields = read_fields(line)
        if fields is None or len(fields) != len(names):
            reasons_of_rows.append({contract.MALFORMED_ROW})
            continue
        if tuple(fields) in seen_rows:
            reasons_of_rows.append({EXACT_DUPLICATE})
            continue
        seen_rows.add(tuple(fields))
        row = dict(zip(names, fields, strict=True))
        columns = [column for column in dataset.columns if column.name in row]
        reasons = set().union(*(list_field_reasons(dataset, each, row[each.name]) for each in columns))
        if dataset is ORDERS:
            reasons |= list_order_reasons(row, known)
        if row[dataset.id_column] and row[dataset.id_column] in seen_ids:
            reasons.add(contract.duplicate_reason(dataset))
        seen_ids.add(row[dataset.id_column])
        reasons_of_rows.append(reasons)
        if reasons:
            rejected.add(row[dataset.id_column])
        else:
            accepted.append(row)
    return reasons_of_rows, accepted


def list_possible(dataset: Dataset) -> set[str]:
    """The reasons that a file can have that lacks the optional columns of the key."""
    return {reason for reason in contract.reasons(dataset) if not reason.startswith("order_line_")}


def classify_day(folder: Path) -> Day:
    results: Day = {}
    known: dict[str, set[str]] = {}
    for name, dataset in DATASETS.items():
        results[name] = classify(dataset, folder / f"{name}.csv", known)
        known[name] = {row[dataset.id_column] for row in results[name][1]}
    return results


def make_day(
    folder: Path, day: dt.date = DAY, orders: int = 3_000, customers: int = 5_000, products: int = 500
) -> Path:
    generate.generate(day, folder, orders=orders, customers=customers, products=products)
    return folder


def read_all(folder: Path) -> dict[str, bytes]:
    return {name: (folder / f"{name}.csv").read_bytes() for name in DATASETS}


@pytest.fixture(scope="module")
def usual_day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return classify_day(make_day(tmp_path_factory.mktemp("usual")))


def test_same_seed_day_and_size_give_the_same_bytes(tmp_path: Path) -> None:
    assert read_all(make_day(tmp_path / "a")) == read_all(make_day(tmp_path / "b"))


def test_random_numbers_and_names_are_the_same_everywhere() -> None:
    """A new numpy or Faker that draws differently must not go unnoticed."""
    assert SeededRandom(1).at(DAY).integers("hour", 5, 1_000).tolist() == [99, 491, 664, 815, 11]
    pools = (names.list_people(), names.list_towns(), names.list_brands())
    assert [zlib.crc32(repr(pool).encode()) for pool in pools] == [1175483410, 3513566982, 2786478846]


def test_another_seed_gives_other_files(tmp_path: Path) -> None:
    for seed in (1, 2):
        generate.generate(DAY, tmp_path / str(seed), orders=100, seed=seed)
    one, other = read_all(tmp_path / "1"), read_all(tmp_path / "2")
    assert all(one[name] != other[name] for name in DATASETS)


@pytest.mark.parametrize("name", DATASETS)
def test_every_reason_and_duplicates_occur(usual_day: Day, name: str) -> None:
    found = set().union(*usual_day[name][0])
    assert found == {*list_possible(DATASETS[name]), EXACT_DUPLICATE}


@pytest.mark.parametrize("name", DATASETS)
def test_one_percent_of_rows_have_one_fault(usual_day: Day, name: str) -> None:
    reasons_of_rows = usual_day[name][0]
    dirty = [reasons for reasons in reasons_of_rows if reasons]
    assert 0.005 < len(dirty) / len(reasons_of_rows) <= 0.02
    assert all(len(reasons) == 1 for reasons in dirty)


@pytest.mark.parametrize("orders", [1, 10, 49, 50, 100, 400, 1_000])
def test_no_file_comes_near_the_gate(tmp_path: Path, orders: int) -> None:
    for reasons_of_rows, _ in classify_day(
        make_day(tmp_path, orders=orders, customers=60, products=20)
    ).values():
        refused = [reasons for reasons in reasons_of_rows if reasons - {EXACT_DUPLICATE}]
        assert len(refused) / len(reasons_of_rows) <= 0.02


def test_size_is_the_number_of_rows(tmp_path: Path) -> None:
    days = classify_day(make_day(tmp_path, dt.date(2026, 12, 14), orders=1_234, customers=777, products=55))
    sizes = {name: len(reasons) for name, (reasons, _) in days.items()}
    assert sizes == dict.fromkeys(days, generate.OTHER_ROWS) | {
        "customers": 777,
        "products": 55,
        "orders": 1_234,
    }


def test_faults_can_be_left_out(tmp_path: Path) -> None:
    left_out = {contract.MALFORMED_ROW, EXACT_DUPLICATE}
    generate.generate(DAY, tmp_path, orders=3_000, leave_out=left_out)
    for name, (reasons_of_rows, _) in classify_day(tmp_path).items():
        assert set().union(*reasons_of_rows) == list_possible(DATASETS[name]) - left_out


def test_chunks_hold_every_order_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_orders, "CHUNK_ROWS", 1_000)
    generate.generate(DAY, tmp_path, orders=2_500, leave_out=contract.reasons(ORDERS))
    _, accepted = classify_day(tmp_path)["orders"]
    numbers = {row["order_id"] for row in accepted}
    assert numbers <= {f"O-20261121-{number:07}" for number in range(1, 2_501)}
    assert len(numbers) == len(accepted) >= 2_450


def test_customers_of_earlier_days_come_back(usual_day: Day, tmp_path: Path) -> None:
    later = classify_day(make_day(tmp_path, DAY + dt.timedelta(days=30)))
    earlier_rows = {row["customer_id"]: row for row in usual_day["customers"][1]}
    later_rows = {row["customer_id"]: row for row in later["customers"][1]}
    both = earlier_rows.keys() & later_rows.keys()
    assert len(both) > 0.95 * len(earlier_rows)
    assert all(earlier_rows[name] == later_rows[name] for name in both)
    new = later_rows.keys() - {f"C-{number:06}" for number in range(1, max_number(earlier_rows) + 1)}
    assert len(new) > 20
    assert all(later_rows[name]["signup_date"] >= DAY.isoformat() for name in new)


def max_number(rows: dict[str, Row]) -> int:
    return max(int(name.removeprefix("C-")) for name in rows)


def test_few_customers_have_many_orders(usual_day: Day) -> None:
    counts = sorted(Counter(row["customer_id"] for row in usual_day["orders"][1]).values(), reverse=True)
    assert sum(counts[: len(counts) // 5]) > 0.4 * sum(counts)


def test_weekday_and_month_move_the_number_of_orders() -> None:
    monday, saturday = dt.date(2026, 6, 1), dt.date(2026, 6, 6)
    assert shop_orders.count_orders(monday) > shop_orders.count_orders(saturday)
    assert shop_orders.count_orders(dt.date(2026, 12, 7)) > 1.5 * shop_orders.count_orders(monday)


def test_season_moves_prices_and_demand(tmp_path: Path) -> None:
    garden = {}
    for month in (2, 5):
        day = classify_day(make_day(tmp_path / str(month), dt.date(2026, month, 10), orders=8_000))
        garden[month] = [row for row in sold(day) if row["category"] == "Garden"]
    assert len(garden[5]) > 2 * len(garden[2])
    assert average_ratio(garden[5]) > average_ratio(garden[2]) + Decimal("0.05")


def sold(day: Day) -> list[Row]:
    """The accepted orders with the columns of their products."""
    products = {row["product_id"]: row for row in day["products"][1]}
    return [products[row["product_id"]] | row for row in day["orders"][1]]


def average_ratio(rows: list[Row]) -> Decimal:
    """Selling price as a part of the list price."""
    return sum(Decimal(row["selling_price"]) / Decimal(row["list_price"]) for row in rows) / Decimal(
        len(rows)
    )


def test_november_has_deals(usual_day: Day, tmp_path: Path) -> None:
    july_day = classify_day(make_day(tmp_path, dt.date(2026, 7, 21)))
    november, july = (
        [row for row in sold(day) if row["category"] == "Sports"] for day in (usual_day, july_day)
    )
    assert average_ratio(november) < average_ratio(july) - Decimal("0.05")


def test_prices_are_mostly_at_or_below_the_list(usual_day: Day) -> None:
    rows = sold(usual_day)
    above = [row for row in rows if Decimal(row["selling_price"]) > Decimal(row["list_price"])]
    assert 0 < len(above) < 0.05 * len(rows)


def test_dates_and_states_of_orders_fit_together(usual_day: Day) -> None:
    rows = usual_day["orders"][1]
    assert {row["order_date"][:10] for row in rows} == {DAY.isoformat()}
    delivered = [row for row in rows if row["delivery_date"]]
    assert 0.7 < len(delivered) / len(rows) < 0.9
    assert all((row["status"] == "delivered") == bool(row["delivery_date"]) for row in rows)
    assert all(timedelta_of(row) >= dt.timedelta(hours=12) for row in delivered)
    assert max(timedelta_of(row) for row in delivered) <= dt.timedelta(days=10)


def timedelta_of(row: Row) -> dt.timedelta:
    return dt.datetime.fromisoformat(row["delivery_date"]) - dt.datetime.fromisoformat(row["order_date"])


def test_text_has_special_characters(usual_day: Day) -> None:
    """Non-ASCII letters, commas and quotes occur, so that readers meet them before production does."""
    texts = [row["name"] + row["city"] for row in usual_day["customers"][1]]
    texts += [row["name"] for row in usual_day["products"][1]]
    assert all(any(sign in text for text in texts) for sign in (",", '"', "ü", "ł", "京"))


def test_a_new_column_of_the_contract_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = Column(name="weight_grams", kind=Kind.WHOLE_NUMBER, meaning="")
    wider = Dataset(name="products", key="product_id", columns=(*PRODUCTS.columns, weight))
    monkeypatch.setattr(generate, "PRODUCTS", wider)
    generate.generate(DAY, tmp_path, orders=10)
    reasons_of_rows, accepted = classify(wider, tmp_path / "products.csv", {})
    assert set().union(*reasons_of_rows) == {*contract.reasons(wider), EXACT_DUPLICATE}
    assert len({row["weight_grams"] for row in accepted}) > 1


@pytest.mark.parametrize(
    ("minimum", "texts"), [(None, ["1", "20", "300"]), (2, ["20", "300"]), (999, ["999"])]
)
def test_generated_values_of_a_new_column_are_valid(minimum: int | None, texts: list[str]) -> None:
    column = Column(name="weight_grams", kind=Kind.WHOLE_NUMBER, minimum=minimum, meaning="")

    assert [*generate.list_fillers(column)] == texts


OTHER_SHAPES = {
    "a shared file": (PRODUCTS.adapt(delivered_in="orders"), "products come in the file of orders"),
    "a format": (
        PRODUCTS.adapt(format=FileFormat(delimiter=";")),
        "products have a file format of their own",
    ),
    "a decimal comma": (
        PRODUCTS.adapt(columns={"list_price": {"decimal_separator": ","}}),
        "products.list_price has a decimal comma",
    ),
    "lines of orders": (
        ORDERS.split_headers("order_headers", ("order_date",))[1],
        "orders take order_date from order_headers",
    ),
}


@pytest.mark.parametrize(("dataset", "named"), OTHER_SHAPES.values(), ids=OTHER_SHAPES)
def test_contract_without_sample_data_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dataset: Dataset, named: str
) -> None:
    monkeypatch.setitem(DATASETS, dataset.name, dataset)

    with pytest.raises(SampleDataError, match=rf"{named}.*\. Use your own files: make run RAW=folder"):
        generate.generate(DAY, tmp_path / "raw")

    assert not (tmp_path / "raw").exists()
