"""The customer accounts of the shop: their number grows daily, and an account never changes."""

import datetime as dt

import numpy as np
import pyarrow as pa

from include.sample_data.columns import Columns, join_texts, look_up, pad_numbers
from include.sample_data.names import LOCALES, PEOPLE_PER_COUNTRY, TOWNS_PER_COUNTRY, list_people, list_towns
from include.sample_data.rng import SeededRandom

#: The number of accounts grows linearly and reaches the requested size 4,000 days after the opening.
OPENED, GROWTH_DAYS = dt.date(2016, 1, 1), 4_000


def count_accounts(day: dt.date, customers: int) -> int:
    """The number of accounts on a day; at least a tenth of the full size."""
    return max(1, customers * max(GROWTH_DAYS // 10, (day - OPENED).days) // GROWTH_DAYS)


def build_customers(rng: SeededRandom, size: int, full_size: int) -> Columns:
    """One row per account, oldest first."""
    country = rng.integers("country", size, len(LOCALES))
    person = country * PEOPLE_PER_COUNTRY + rng.integers("person", size, PEOPLE_PER_COUNTRY)
    town = country * TOWNS_PER_COUNTRY + rng.integers("town", size, TOWNS_PER_COUNTRY)
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
