"""The catalogue of the shop and the price ranges of its categories; the same every day."""

from dataclasses import dataclass

import numpy as np

from include.sample_data.columns import Columns, Numbers, format_cents, join_texts, look_up, pad_numbers
from include.sample_data.names import BRANDS, list_brands
from include.sample_data.rng import SeededRandom

ARTICLES_PER_CATEGORY = 3


@dataclass(frozen=True)
class Category:
    """A category of products. Demand triples in its peak months; prices are a tenth lower in the others."""

    name: str
    articles: tuple[str, ...]
    lowest: int
    highest: int
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


def build_products(rng: SeededRandom, size: int) -> Columns:
    """One row per product."""
    categories = draw_categories(rng, size)
    article = categories * ARTICLES_PER_CATEGORY + rng.integers("article", size, ARTICLES_PER_CATEGORY)
    return {
        "product_id": join_texts("P-", pad_numbers(np.arange(1, size + 1), 5)),
        "name": join_texts(
            look_up(list_brands(), rng.integers("brand", size, BRANDS)),
            " ",
            look_up([article for category in CATEGORIES for article in category.articles], article),
        ),
        "category": look_up([category.name for category in CATEGORIES], categories),
        "list_price": format_cents(draw_list_cents(rng, size)),
    }


def draw_categories(rng: SeededRandom, size: int) -> Numbers:
    return rng.integers("category", size, len(CATEGORIES))


def draw_list_cents(rng: SeededRandom, size: int) -> Numbers:
    """Prices such as 12.99, most of them at the low end of their category."""
    ends = np.array([(category.lowest, category.highest) for category in CATEGORIES])
    lowest, highest = ends[draw_categories(rng, size)].T
    place = rng.integers("price", size, 1_000)
    whole: Numbers = lowest + (highest - lowest) * place * place // 1_000_000
    return whole * 100 + 99
