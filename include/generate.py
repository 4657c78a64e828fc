"""Raw files as a shop delivers them: seeded, seasonal, and a little dirty (`spoil.py`). No Airflow.

The same seed, day and sizes give the same bytes everywhere: Faker fills pools of names and words, all else is
whole-number arithmetic on the bit stream of PCG64, which numpy promises to keep.
"""

import datetime as dt
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from faker import Faker

from include.contract import CUSTOMERS, ORDERS, PRODUCTS, Column, Dataset, Kind
from include.spoil import Columns, Numbers, all_rows, choose_dirty_rows, spoil_table

DAILY_ORDERS = 10_000
MONDAY_TO_SUNDAY_PERCENT = (112, 103, 99, 97, 93, 90, 106)
JANUARY_TO_DECEMBER_PERCENT = (92, 84, 90, 91, 95, 93, 88, 87, 94, 102, 145, 160)
HOUR_WEIGHTS = np.array(
    [4, 2, 1, 1, 1, 2, 5, 9, 12, 15, 16, 16, 17, 15, 14, 14, 15, 17, 20, 24, 26, 22, 14, 8]
)
PEAK_DEMAND, OFF_PEAK_PRICE_PERCENT = 3, 90
#: Below zero: the price went up since the list was printed.
DISCOUNTS_PERCENT = np.array([0] * 30 + [5] * 8 + [10] * 8 + [20] * 3 + [-4])
DEAL_MONTHS, DEALS_PERCENT = (11, 12), np.array([0] * 18 + [10] * 10 + [20] * 12 + [30] * 7 + [40] * 2 + [-4])
QUANTITIES = np.array([1] * 60 + [2] * 22 + [3] * 9 + [4] * 5 + [6, 8, 12, 24])
UNDELIVERED_PERCENT = 20
HALF_A_DAY_SECONDS, TEN_DAYS_SECONDS = 43_200, 864_000
#: Only the first one has a delivery date.
STATES = ("delivered", "shipped", "shipped", "shipped", "processing", "cancelled")
#: Accounts grow by the same number every day and reach the size asked for 4,000 days after the opening.
OPENED, GROWTH_DAYS = dt.date(2016, 1, 1), 4_000
LOCALES = ("pt_BR", "de_DE", "es_ES", "fr_FR", "en_GB", "ja_JP", "pl_PL", "en_US")
PEOPLE_PER_COUNTRY, TOWNS_PER_COUNTRY, BRANDS, ARTICLES_PER_CATEGORY = 400, 40, 50, 3
#: What fills a column of the contract that the tables below do not know.
FILLERS = {
    Kind.TEXT: ("plain", "größer, neu", 'the "other"'),
    Kind.WHOLE_NUMBER: ("1", "20", "300"),
    Kind.DECIMAL: ("1", "20.5", "300.25"),
    Kind.TIMESTAMP: ("2026-01-31", "2026-02-28T12:00:00Z"),
}
CHUNK_ROWS = 1_000_000


@dataclass(frozen=True)
class Category:
    """What the shop sells; in its peak months wanted three times as much, in the others a tenth cheaper."""

    name: str
    articles: tuple[str, ...]
    cheapest: int
    dearest: int
    peak_months: tuple[int, ...]


CATEGORIES = (
    Category("Books", ("atlas", "cookbook", "novel"), 5, 60, (1, 11, 12)),
    Category("Electronics", ('27" monitor', "charger", "headphones"), 9, 900, (11, 12)),
    Category("Fashion", ("coat", "scarf", "shirt, slim fit"), 12, 250, (3, 9, 10)),
    Category("Garden", ("hose", "parasol", "tools, 3 pieces"), 6, 300, (4, 5, 6)),
    Category("Kitchen", ("kettle", "knife", '12" pan'), 8, 180, (11, 12)),
    Category("Sports", ("ball", "mat", "tent, 2 persons"), 7, 400, (1, 5, 6)),
    Category("Toys", ("doll", "puzzle, 500 pieces", "train"), 6, 120, (11, 12)),
    Category("Café & Tea", ("beans", "filter", "teapot"), 4, 70, (10, 11, 12)),
)


@dataclass(frozen=True)
class Dice:
    """Random whole numbers. Each use has a stream of its own, and a longer draw begins like a shorter one."""

    seed: int
    place: str = ""

    def at(self, place: object) -> "Dice":
        return Dice(self.seed, f"{self.place}{place}/")

    def roll(self, use: str, size: int, below: int | Numbers) -> Numbers:
        bits = np.random.PCG64([self.seed, zlib.crc32((self.place + use).encode())]).random_raw(size)
        return (bits % np.asarray(below, dtype=np.uint64)).astype(np.int64)

    def pick(self, use: str, size: int, weights: Numbers) -> Numbers:
        """Positions in `weights`, each as often as its weight says."""
        bounds = np.cumsum(weights)
        places: Numbers = np.searchsorted(bounds, self.roll(use, size, int(bounds[-1])), side="right")
        return places


@dataclass(frozen=True)
class Market:
    """Whom and what the orders of a day name, how often, and the price of each product before discounts."""

    customer_ids: Any
    customer_weights: Numbers
    product_ids: Any
    product_weights: Numbers
    product_cents: Numbers


@dataclass(frozen=True)
class Delivery:
    """Where the files of one day go, and what must not be wrong in them."""

    day: dt.date
    out_dir: Path
    dice: Dice
    leave_out: Collection[str]

    def write(self, dataset: Dataset, parts: Iterable[Columns]) -> Numbers:
        """Write one file; return its spoiled rows."""
        spoiled, rows_before = [np.empty(0, dtype=np.int64)], 0
        with (self.out_dir / f"{dataset.name}.csv").open("wb") as file:
            file.write(",".join(dataset.column_names).encode() + b"\n")
            for part in parts:
                dice, size = self.dice.at(dataset.name).at(rows_before), len(part[dataset.key])
                dirty = choose_dirty_rows(dataset, size, dice.roll, self.leave_out)
                columns = fill_columns(dataset, part, dice)
                file.write(as_bytes(spoil_table(dataset, columns, dirty, self.day, dice.roll)))
                spoiled.append(all_rows(dirty) + rows_before)
                rows_before += size
        return np.concatenate(spoiled)


def generate(
    day: dt.date,
    out_dir: Path,
    *,
    orders: int | None = None,
    customers: int = 5_000,
    products: int = 500,
    seed: int = 20_261_121,
    leave_out: Collection[str] = (),
) -> None:
    """Write `customers.csv`, `products.csv` and `orders.csv` of one day; about 1 % of the rows are dirty.

    The days of one seed share their customers and products. A file of 1,000 rows holds every reject reason
    and exact duplicates; a smaller one has fewer. No file comes near the gate's 5 %.

    `orders` is the rows of orders.csv, by default what weekday and month make of 10,000; `customers` the
    accounts at the end of 2026 (earlier days have fewer, later days more); `leave_out` names reject reasons
    that shall not occur, and `exact_duplicate` where that shall not.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    delivery = Delivery(day, out_dir, Dice(seed).at(day), leave_out)
    accounts = build_customers(Dice(seed).at("customers"), count_accounts(day, customers), customers)
    articles = build_products(Dice(seed).at("products"), products)
    refused = delivery.write(CUSTOMERS, [accounts]), delivery.write(PRODUCTS, [articles])
    market = open_market(Dice(seed), day, accounts, articles, *refused)
    size = count_orders(day) if orders is None else orders
    delivery.write(ORDERS, build_orders(delivery.dice, day, size, market))


def count_orders(day: dt.date) -> int:
    """What weekday and month make of an average day."""
    percents = MONDAY_TO_SUNDAY_PERCENT[day.weekday()] * JANUARY_TO_DECEMBER_PERCENT[day.month - 1]
    return DAILY_ORDERS * percents // 10_000


def count_accounts(day: dt.date, customers: int) -> int:
    """Customers by that day; never less than a tenth of the full size."""
    return max(1, customers * max(GROWTH_DAYS // 10, (day - OPENED).days) // GROWTH_DAYS)


def build_customers(dice: Dice, size: int, full_size: int) -> Columns:
    """One row per account, oldest first."""
    country = dice.roll("country", size, len(LOCALES))
    person = country * PEOPLE_PER_COUNTRY + dice.roll("person", size, PEOPLE_PER_COUNTRY)
    town = country * TOWNS_PER_COUNTRY + dice.roll("town", size, TOWNS_PER_COUNTRY)
    number = np.arange(1, size + 1)
    names, mailboxes = zip(*list_people(), strict=True)
    signed_up = np.datetime64(OPENED) - (-GROWTH_DAYS * number // full_size)
    return {
        "customer_id": join_texts("C-", pad_numbers(number, 6)),
        "name": look_up(names, person),
        "email": join_texts(look_up(mailboxes, person), "+", pad_numbers(number, 1), "@example.com"),
        "country": look_up([locale[-2:] for locale in LOCALES], country),
        "city": look_up(list_towns(), town),
        "signup_date": pa.array(signed_up).cast(pa.string()),
    }


def build_products(dice: Dice, size: int) -> Columns:
    """One row per article; the catalogue is the same every day."""
    categories = draw_categories(dice, size)
    article = categories * ARTICLES_PER_CATEGORY + dice.roll("article", size, ARTICLES_PER_CATEGORY)
    return {
        "product_id": join_texts("P-", pad_numbers(np.arange(1, size + 1), 5)),
        "name": join_texts(
            look_up(list_brands(), dice.roll("brand", size, BRANDS)),
            " ",
            look_up([article for category in CATEGORIES for article in category.articles], article),
        ),
        "category": look_up([category.name for category in CATEGORIES], categories),
        "list_price": format_cents(draw_list_cents(dice, size)),
    }


def build_orders(dice: Dice, day: dt.date, size: int, market: Market) -> Iterator[Columns]:
    """The order lines of a day in the order of their time, a chunk at a time."""
    for first in range(0, size, CHUNK_ROWS):
        yield build_chunk(dice.at(first), day, first, min(CHUNK_ROWS, size - first), market)


def build_chunk(dice: Dice, day: dt.date, first: int, size: int, market: Market) -> Columns:
    product = dice.pick("product", size, market.product_weights)
    ordered = np.datetime64(day, "s") + draw_seconds(dice, size)
    shipping = HALF_A_DAY_SECONDS + dice.roll("shipping", size, TEN_DAYS_SECONDS - HALF_A_DAY_SECONDS + 1)
    is_open = dice.roll("open", size, 100) < UNDELIVERED_PERCENT
    return {
        "order_id": join_texts(f"O-{day:%Y%m%d}-", pad_numbers(np.arange(first + 1, first + size + 1), 7)),
        "customer_id": market.customer_ids.take(dice.pick("customer", size, market.customer_weights)),
        "product_id": market.product_ids.take(product),
        "order_date": format_times(ordered),
        "delivery_date": format_times(ordered + shipping, is_open),
        "quantity": pad_numbers(QUANTITIES[dice.roll("quantity", size, len(QUANTITIES))], 1),
        "selling_price": format_cents(draw_selling_cents(dice, day, market.product_cents[product])),
        "status": look_up(STATES, np.where(is_open, 1 + dice.roll("state", size, len(STATES) - 1), 0)),
    }


def open_market(
    dice: Dice,
    day: dt.date,
    accounts: Columns,
    articles: Columns,
    refused_accounts: Numbers,
    refused_articles: Numbers,
) -> Market:
    """Few customers and products have most of the orders; the season moves demand and prices."""
    size, shelf = len(articles["product_id"]), dice.at("products")
    is_peak = np.array([day.month in category.peak_months for category in CATEGORIES])[
        draw_categories(shelf, size)
    ]
    popularity = draw_popularity(shelf, size, refused_articles)
    return Market(
        customer_ids=accounts["customer_id"],
        customer_weights=draw_popularity(
            dice.at("customers"), len(accounts["customer_id"]), refused_accounts
        ),
        product_ids=articles["product_id"],
        product_weights=popularity * np.where(is_peak, PEAK_DEMAND, 1),
        product_cents=draw_list_cents(shelf, size) * np.where(is_peak, 100, OFF_PEAK_PRICE_PERCENT) // 100,
    )


def draw_categories(dice: Dice, size: int) -> Numbers:
    return dice.roll("category", size, len(CATEGORIES))


def draw_list_cents(dice: Dice, size: int) -> Numbers:
    """Prices like 12.99, most of them near the cheap end of their category."""
    ends = np.array([(category.cheapest, category.dearest) for category in CATEGORIES])
    cheapest, dearest = ends[draw_categories(dice, size)].T
    place = dice.roll("price", size, 1_000)
    whole: Numbers = cheapest + (dearest - cheapest) * place * place // 1_000_000
    return whole * 100 + 99


def draw_popularity(dice: Dice, size: int, refused: Numbers) -> Numbers:
    """Heavy-tailed weights: the most popular tenth has half of it all. Rows that are refused have none."""
    weights: Numbers = 1_000_000 // (20 + dice.roll("popularity", size, 1_000))
    weights[refused] = 0
    return weights


def draw_seconds(dice: Dice, size: int) -> Numbers:
    """Seconds since midnight, in order; evenings are busy, nights are not."""
    hour = dice.pick("hour", size, HOUR_WEIGHTS)
    return np.sort(hour * 3_600 + dice.roll("second", size, 3_600))


def draw_selling_cents(dice: Dice, day: dt.date, cents: Numbers) -> Numbers:
    discounts = DEALS_PERCENT if day.month in DEAL_MONTHS else DISCOUNTS_PERCENT
    percent: Numbers = 100 - discounts[dice.roll("discount", len(cents), len(discounts))]
    return cents * percent // 100


@cache
def list_people() -> tuple[tuple[str, str], ...]:
    """Full names and mailbox names, country by country; a few with a comma or quotes, as people type them."""
    return tuple(
        (f"{fake.name()}{suffix}", fake.user_name())
        for fake in map(make_faker, LOCALES)
        for suffix in (", jr.", ' "Max"', *[""] * (PEOPLE_PER_COUNTRY - 2))
    )


@cache
def list_towns() -> tuple[str, ...]:
    """Names of towns, country by country; some with their country behind a comma."""
    return tuple(
        f"{fake.city()}{suffix}"
        for fake, locale in zip(map(make_faker, LOCALES), LOCALES, strict=True)
        for suffix in (f", {locale[-2:]}", *[""] * (TOWNS_PER_COUNTRY - 1))
    )


@cache
def list_brands() -> tuple[str, ...]:
    fake = make_faker("de_DE")
    return tuple(fake.last_name() for _ in range(BRANDS))


def make_faker(locale: str) -> Faker:
    fake = Faker(locale)
    fake.seed_instance(1)
    return fake


def fill_columns(dataset: Dataset, columns: Columns, dice: Dice) -> Columns:
    """The columns of the contract, with something plausible in those that no table knows."""
    size = len(columns[dataset.key])
    unknown = [column for column in dataset.columns if column.name not in columns]
    return columns | {column.name: draw_fillers(column, size, dice) for column in unknown}


def draw_fillers(column: Column, size: int, dice: Dice) -> Any:
    texts = FILLERS[column.kind]
    return look_up(texts, dice.roll(column.name, size, len(texts)))


def look_up(texts: Sequence[str], places: Numbers) -> Any:
    return pa.array(texts, pa.string()).take(pa.array(places))


def join_texts(*parts: Any) -> Any:
    return pc.binary_join_element_wise(*parts, "")


def pad_numbers(numbers: Numbers, width: int) -> Any:
    return pc.ascii_lpad(pa.array(numbers).cast(pa.string()), width, "0")


def format_cents(cents: Numbers) -> Any:
    return join_texts(pad_numbers(cents // 100, 1), ".", pad_numbers(cents % 100, 2))


def format_times(times: npt.NDArray[np.datetime64], is_empty: npt.NDArray[np.bool_] | None = None) -> Any:
    """Text such as `2026-11-21T20:15:00Z`."""
    texts = pa.array(times, pa.timestamp("s"), mask=is_empty).cast(pa.string())
    return pc.binary_join_element_wise(pc.replace_substring(texts, " ", "T"), "Z", "")


def as_bytes(lines: Any) -> memoryview:
    """The lines with their ends, as they lie in memory."""
    ended = pc.binary_join_element_wise(lines, "", "\n")
    return memoryview(ended.buffers()[2])
