"""The orders of a day: time, product, customer and price, all of which depend on weekday and season."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from include.sample_data.columns import (
    Columns,
    Numbers,
    format_cents,
    format_times,
    join_texts,
    look_up,
    pad_numbers,
)
from include.sample_data.products import CATEGORIES, draw_categories, draw_list_cents
from include.sample_data.rng import SeededRandom

DAILY_ORDERS = 10_000
MONDAY_TO_SUNDAY_PERCENT = (112, 103, 99, 97, 93, 90, 106)
JANUARY_TO_DECEMBER_PERCENT = (92, 84, 90, 91, 95, 93, 88, 87, 94, 102, 145, 160)
HOUR_WEIGHTS = np.array(
    [4, 2, 1, 1, 1, 2, 5, 9, 12, 15, 16, 16, 17, 15, 14, 14, 15, 17, 20, 24, 26, 22, 14, 8]
)
PEAK_DEMAND, OFF_PEAK_PRICE_PERCENT = 3, 90
#: Negative: the price has risen since the list price was set.
DISCOUNTS_PERCENT = np.array([0] * 30 + [5] * 8 + [10] * 8 + [20] * 3 + [-4])
DEAL_MONTHS, DEALS_PERCENT = (11, 12), np.array([0] * 18 + [10] * 10 + [20] * 12 + [30] * 7 + [40] * 2 + [-4])
QUANTITIES = np.array([1] * 60 + [2] * 22 + [3] * 9 + [4] * 5 + [6, 8, 12, 24])
UNDELIVERED_PERCENT = 20
HALF_A_DAY_SECONDS, TEN_DAYS_SECONDS = 43_200, 864_000
#: Only delivered orders have a delivery date.
STATES = ("delivered", "shipped", "shipped", "shipped", "processing", "cancelled")
CHUNK_ROWS = 1_000_000


@dataclass(frozen=True)
class Market:
    """Whom and what the orders of a day name, how often, and the price of each product before discounts."""

    customer_ids: Any
    customer_weights: Numbers
    product_ids: Any
    product_weights: Numbers
    product_cents: Numbers


def count_orders(day: dt.date) -> int:
    """The number of orders on a day, from its weekday and month."""
    percents = MONDAY_TO_SUNDAY_PERCENT[day.weekday()] * JANUARY_TO_DECEMBER_PERCENT[day.month - 1]
    return DAILY_ORDERS * percents // 10_000


def open_market(
    rng: SeededRandom,
    day: dt.date,
    accounts: Columns,
    articles: Columns,
    rejected_accounts: Numbers,
    rejected_articles: Numbers,
) -> Market:
    """Few customers and products have most of the orders; the season moves demand and prices."""
    size, shelf = len(articles["product_id"]), rng.at("products")
    is_peak = np.array([day.month in category.peak_months for category in CATEGORIES])[
        draw_categories(shelf, size)
    ]
    popularity = draw_popularity(shelf, size, rejected_articles)
    return Market(
        customer_ids=accounts["customer_id"],
        customer_weights=draw_popularity(
            rng.at("customers"), len(accounts["customer_id"]), rejected_accounts
        ),
        product_ids=articles["product_id"],
        product_weights=popularity * np.where(is_peak, PEAK_DEMAND, 1),
        product_cents=draw_list_cents(shelf, size) * np.where(is_peak, 100, OFF_PEAK_PRICE_PERCENT) // 100,
    )


def build_orders(rng: SeededRandom, day: dt.date, size: int, market: Market) -> Iterator[Columns]:
    """The order lines of a day in the order of their time, a chunk at a time."""
    for first in range(0, size, CHUNK_ROWS):
        yield build_chunk(rng.at(first), day, first, min(CHUNK_ROWS, size - first), market)


def build_chunk(rng: SeededRandom, day: dt.date, first: int, size: int, market: Market) -> Columns:
    product = rng.pick("product", size, market.product_weights)
    ordered = np.datetime64(day, "s") + draw_seconds(rng, size)
    shipping = HALF_A_DAY_SECONDS + rng.integers("shipping", size, TEN_DAYS_SECONDS - HALF_A_DAY_SECONDS + 1)
    is_open = rng.integers("open", size, 100) < UNDELIVERED_PERCENT
    quantity = QUANTITIES[rng.integers("quantity", size, len(QUANTITIES))]
    cents = draw_selling_cents(rng, day, market.product_cents[product])
    return {
        "order_id": join_texts(f"O-{day:%Y%m%d}-", pad_numbers(np.arange(first + 1, first + size + 1), 7)),
        "customer_id": market.customer_ids.take(rng.pick("customer", size, market.customer_weights)),
        "product_id": market.product_ids.take(product),
        "order_date": format_times(ordered),
        "delivery_date": format_times(ordered + shipping, is_open),
        "quantity": pad_numbers(quantity, 1),
        "selling_price": format_cents(cents),
        "total_price": format_cents(quantity * cents),
        "status": look_up(STATES, np.where(is_open, 1 + rng.integers("state", size, len(STATES) - 1), 0)),
    }


def draw_seconds(rng: SeededRandom, size: int) -> Numbers:
    """Seconds since midnight, in order; evenings are busy, nights are not."""
    hour = rng.pick("hour", size, HOUR_WEIGHTS)
    return np.sort(hour * 3_600 + rng.integers("second", size, 3_600))


def draw_selling_cents(rng: SeededRandom, day: dt.date, cents: Numbers) -> Numbers:
    discounts = DEALS_PERCENT if day.month in DEAL_MONTHS else DISCOUNTS_PERCENT
    percent: Numbers = 100 - discounts[rng.integers("discount", len(cents), len(discounts))]
    return cents * percent // 100


def draw_popularity(rng: SeededRandom, size: int, rejected: Numbers) -> Numbers:
    """Heavy-tailed weights: the top tenth has half of the total. Rejected rows have weight 0."""
    weights: Numbers = 1_000_000 // (20 + rng.integers("popularity", size, 1_000))
    weights[rejected] = 0
    return weights
