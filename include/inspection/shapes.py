"""Other shapes of delivery: customers and products whose columns are in the file of orders."""

from collections.abc import Sequence
from dataclasses import replace

from include.contract import DATASETS, ORDERS
from include.inspection.mapping import Match, match_columns

#: A column belongs to a customer or a product if nearly all rows with the same id have the same value.
_MOST = 0.9
#: A file with so many of the required columns of orders looks like orders.
_HALF = 0.5


def add_shared_files(matches: Sequence[Match]) -> list[Match]:
    """The matches, and one for each dataset without a file whose columns are in the file of orders."""
    matches = [*matches] if any(match.dataset is ORDERS for match in matches) else _find_orders(matches)
    orders = next((match for match in matches if match.dataset is ORDERS), None)
    if orders is None:
        return matches
    matched = {match.dataset.name for match in matches}
    missing = [name for name in ORDERS.references if name in DATASETS and name not in matched]
    found = [_match_shared(orders, name) for name in missing if ORDERS.references[name] in orders.headers]
    # A file with nothing but ids of customers and products is orders whose other files are missing.
    is_wide = any(len(match.headers) > 1 for match in found)
    return [*matches, *found] if is_wide else matches


def _find_orders(matches: Sequence[Match]) -> list[Match]:
    """The matches, with orders in place of what a wide file looks like, if it has more of their columns."""
    as_orders = [match_columns(ORDERS, match.sample, match.findings) for match in matches]
    return [
        orders if orders.score >= _HALF and len(orders.headers) > len(match.headers) else match
        for match, orders in zip(matches, as_orders, strict=True)
    ]


def _match_shared(orders: Match, name: str) -> Match:
    """The columns of a dataset in the file of orders, by the id that orders refer to it with."""
    dataset = replace(DATASETS[name], delivered_in=orders.dataset.name)
    id_header = orders.headers[ORDERS.references[name]]
    taken = set(orders.headers.values())
    free = [
        header
        for header in orders.sample.header
        if header not in taken and _is_determined(orders, header, id_header)
    ]
    matched = match_columns(dataset, orders.sample, orders.findings, free)
    return replace(matched, headers={**matched.headers, dataset.id_column: id_header})


def _is_determined(match: Match, header: str, id_header: str) -> bool:
    """Whether the id decides the value of the column."""
    places = [match.sample.header.index(each) for each in (id_header, header)]
    pairs = [[row[place].strip() for place in places] for row in match.sample.rows]
    first: dict[str, str] = {}
    same = [first.setdefault(key, value) == value for key, value in pairs if key and value]
    return bool(same) and sum(same) >= _MOST * len(same)
