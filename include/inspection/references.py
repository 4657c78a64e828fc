"""Which header of orders holds the ids of customers or products: the one whose values that file has."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from include.inspection.columns import NULL_WORDS
from include.inspection.mapping import Match, list_common_headers, normalize

#: Customer ids that mean a guest order, besides an empty field.
GUEST_IDS = ("0", "-1", "guest", "Guest", "GUEST")
#: Enough values to tell whether they are ids of the other file.
_COMPARED = 2_000
_MOST = 0.5
_ID_WORDS = re.compile(r"id$|sku|mail|ref|nummer|article|artikel")


def match_references(matches: Sequence[Match]) -> list[Match]:
    """The matches with the headers of references, and of the keys that they name, chosen by their values."""
    by_name = {match.dataset.name: match for match in matches}
    for match in matches:
        for target, column in match.dataset.references.items():
            if target in by_name and not match.dataset.column(column).taken_from:
                pair = _find_pair(by_name[match.dataset.name], column, by_name[target])
                for name, each, header in zip(
                    (match.dataset.name, target),
                    (column, by_name[target].dataset.id_column),
                    pair,
                    strict=True,
                ):
                    by_name[name] = _use_header(by_name[name], each, header)
    return [by_name[match.dataset.name] for match in matches]


def list_values(match: Match, header: str) -> list[str]:
    """The values of a column without those that are missing."""
    values = map(str.strip, match.sample.column(match.sample.header.index(header)))
    return [value for value in values if value and value not in NULL_WORDS]


def list_guest_ids(match: Match, column: str, target: Match | None) -> tuple[str, ...]:
    """The ids that orders have for guests: the other file does not know them."""
    known = list_values(target, target.headers[target.dataset.id_column]) if target else []
    values = set(list_values(match, match.headers[column]))
    return tuple(each for each in GUEST_IDS if each in values and each not in known)


def _find_pair(orders: Match, column: str, target: Match) -> tuple[str | None, str | None]:
    """The header of the reference and that of the key: with the most values in common, likely names first."""
    key = target.dataset.id_column
    current = (orders.headers.get(column), target.headers.get(key))
    ids = {header: set(list_values(target, header)) for header in _list_keys(target, key)}
    pairs = [
        (round(_measure_overlap(list_values(orders, header), known), 2), -place, header, id_header)
        for place, header in enumerate(_list_likely(orders, column))
        for id_header, known in ids.items()
    ]
    share, _, header, id_header = max(pairs, default=(0.0, 0, None, None), key=lambda pair: pair[:2])
    return (header, id_header) if share >= _MOST else current


def _list_likely(match: Match, column: str) -> list[str]:
    """The headers that may hold the ids, the likeliest first; never one that another column has."""
    taken = {header for name, header in match.headers.items() if name != column}
    known = [normalize(each) for each in list_common_headers(match.dataset, column)]
    free = [each for each in match.sample.header if each not in taken and _may_be_id(each, known)]
    first = [match.headers[column]] if column in match.headers else []
    ranked = sorted(free, key=lambda each: known.index(normalize(each)) if normalize(each) in known else 999)
    return list(dict.fromkeys([*first, *ranked]))


def _list_keys(match: Match, key: str) -> Iterator[str]:
    """The headers whose values name a row of the file, the present key first."""
    known = [normalize(each) for each in list_common_headers(match.dataset, key)]
    for header in dict.fromkeys([*filter(None, [match.headers.get(key)]), *match.sample.header]):
        values = list_values(match, header)
        if values and len(set(values)) >= 0.9 * len(values) and _may_be_id(header, known):
            yield header


def _may_be_id(header: str, known: Sequence[str]) -> bool:
    return normalize(header) in known or bool(_ID_WORDS.search(normalize(header)))


def _measure_overlap(values: Sequence[str], known: set[str]) -> float:
    compared = [value for value in values[:_COMPARED] if value not in GUEST_IDS]
    return sum(value in known for value in compared) / len(compared) if compared else 0.0


def _use_header(match: Match, column: str, header: str | None) -> Match:
    """The match with that header for the column; a column that had the header loses it."""
    if header is None:
        return match
    others = {name: each for name, each in match.headers.items() if each != header}
    return replace(match, headers={**others, column: header})
