"""Deliveries in other shapes than a file for each dataset: one wide file, headers and lines, line totals."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

from include.contract import DELIVERED, ORDERS, Column, Dataset, Kind
from include.contract.line_total import TOTAL
from include.inspection.mapping import Findings, Match, match_columns, match_sample
from include.inspection.references import list_values, match_references
from include.inspection.sample import Sample

HEADERS = "order_headers"
#: What the headers of orders bring to their lines.
_OF_HEADERS = ("customer_id", "order_date", "delivery_date")
#: What only lines have; a file of products has none of it.
_OF_LINES = ("quantity", "selling_price")
_TOTAL_COLUMN = Column(
    name=TOTAL,
    also_named=(),
    kind=Kind.DECIMAL,
    required=True,
    nullable=False,
    minimum=0,
    meaning="Price of the line.",
)
_MOST, _NEARLY_ALL = 0.5, 0.9


def find_shapes(matches: Sequence[Match], samples: Sequence[Sample], findings: Findings) -> list[Match]:
    """The matches with those for datasets that have no file of their own."""
    found = _find_headers(matches, samples, findings) or match_references(matches)
    return _find_wide_file([_find_total(match) for match in found])


def _find_headers(
    matches: Sequence[Match], samples: Sequence[Sample], findings: Findings
) -> list[Match] | None:
    """Lines in a file without customers and dates, which another file with the same order ids has."""
    others = [match for match in matches if match.dataset.name not in (ORDERS.name, *ORDERS.references)]
    if HEADERS in DELIVERED or others or any(map(_is_whole_order, matches)):
        return None
    as_orders = [_match(ORDERS, sample, findings) for sample in samples]
    for lines, headers in permutations(as_orders, 2):
        columns = _list_moved_columns(lines, headers)
        if columns is not None:
            header_dataset, line_dataset = ORDERS.split_headers(HEADERS, columns)
            rest = [
                match
                for match in matches
                if match.sample not in (headers.sample, lines.sample) and match.dataset.name != ORDERS.name
            ]
            pair = [
                _match(header_dataset, headers.sample, findings),
                _match(line_dataset, lines.sample, findings),
            ]
            linked = match_references([*rest, *pair])
            if _are_linked(linked):
                return linked
    return None


def _list_moved_columns(lines: Match, headers: Match) -> tuple[str, ...] | None:
    """What lines would take from the headers; None if the two files are not lines and their headers."""
    are_lines = "product_id" in lines.headers and {*_OF_LINES} & {*lines.headers}
    if not are_lines or "product_id" in headers.headers:
        return None
    lacking = [name for name in _OF_HEADERS if name not in lines.headers]
    found = tuple(name for name in lacking if name in headers.headers)
    return found if {*lacking} - {*found} <= {"delivery_date"} else None


def _is_whole_order(match: Match) -> bool:
    """Whether a file has what orders need, dates and customers included."""
    return match.dataset.name == ORDERS.name and {"product_id", *_OF_HEADERS[:2]} <= {*match.headers}


def _match(dataset: Dataset, sample: Sample, findings: Findings) -> Match:
    delivered = replace(
        dataset, columns=tuple(each for each in dataset.columns if each.name in dataset.delivered_names)
    )
    return replace(match_sample(delivered, sample, findings), dataset=dataset)


def _are_linked(matches: Sequence[Match]) -> bool:
    """Whether most lines have their header in the other file."""
    by_name = {match.dataset.name: match for match in matches}
    headers, lines, key = by_name[HEADERS], by_name[ORDERS.name], ORDERS.id_column
    if key not in headers.headers or key not in lines.headers:
        return False
    known, values = set(list_values(headers, headers.headers[key])), list_values(lines, lines.headers[key])
    return bool(values) and sum(value in known for value in values) >= _MOST * len(values)


def _find_wide_file(matches: list[Match]) -> list[Match]:
    """Customers and products that have no file are read from the file that names them in each row."""
    present = {match.dataset.name for match in matches}
    found = [
        _read_from(match, DELIVERED[name], column)
        for match in matches
        for name, column in match.dataset.references.items()
        if name in DELIVERED and name not in present and column in match.headers
    ]
    # A file with nothing but ids of customers and products is orders whose other files are missing.
    is_wide = any(len(match.headers) > 1 for match in found)
    return [*matches, *found] if is_wide else matches


def _read_from(match: Match, dataset: Dataset, column: str) -> Match:
    """A dataset in the file of orders, by the id that orders refer to it with."""
    id_header, taken = match.headers[column], {*match.headers.values()}
    free = [
        header
        for header in match.sample.header
        if header not in taken and _is_determined(match, header, id_header)
    ]
    found = match_columns(dataset, match.sample, match.findings, free)
    return replace(
        found,
        dataset=replace(dataset, delivered_in=match.dataset.name, file=""),
        headers={**found.headers, dataset.id_column: id_header},
    )


def _is_determined(match: Match, header: str, id_header: str) -> bool:
    """Whether the id decides the value of the column, in nearly all rows."""
    places = [match.sample.header.index(each) for each in (id_header, header)]
    pairs = [[row[place].strip() for place in places] for row in match.sample.rows]
    first: dict[str, str] = {}
    same = [first.setdefault(key, value) == value for key, value in pairs if key and value]
    return bool(same) and sum(same) >= _NEARLY_ALL * len(same)


def _find_total(match: Match) -> Match:
    """Orders without a unit price, but with the total of each line."""
    if "selling_price" in match.headers or "selling_price" not in match.dataset.column_names:
        return match
    kept = tuple(column for column in match.dataset.columns if column.name != "selling_price")
    dataset = replace(match.dataset, columns=(*kept, _TOTAL_COLUMN))
    found = match_columns(replace(dataset, columns=(_TOTAL_COLUMN,)), match.sample, match.findings)
    header = found.headers.get(TOTAL)
    if header is None or header in match.headers.values():
        return match
    return replace(match, dataset=dataset, headers={**match.headers, TOTAL: header})
