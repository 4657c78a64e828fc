"""The datasets that a shop's files need: how each is written, what its headers are, and what names a row."""

import dataclasses
import fnmatch
import functools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from include.contract import DATASETS, ORDERS
from include.contract.model import (
    DEFAULT_VALUES,
    EPOCH_FORMATS,
    Column,
    Dataset,
    FileFormat,
    Kind,
    ValueFormat,
)
from include.inspection.columns import Finding, is_epoch, measure_fit
from include.inspection.mapping import Match
from include.inspection.references import list_guest_ids, list_values

_NUMBERS, _MOMENTS = (Kind.DECIMAL, Kind.WHOLE_NUMBER), (Kind.TIMESTAMP,)
#: So few values may be below the smallest number: they are faults, not returns.
_MOST_NEGATIVE = 0.002
#: A key may repeat in so many rows: they are faults of the file.
_MOST_REPEATED = 0.02


def propose_datasets(matches: Sequence[Match], file_names: Iterable[str]) -> list[Dataset]:
    """The declared datasets with the changes that these files need."""
    names = list(file_names)
    by_name = {match.dataset.name: match for match in matches}
    formats = share_formats(matches)
    # What orders refer to comes before them.
    order = [name for name in by_name if name not in DATASETS] + [*DATASETS]
    order.append(order.pop(order.index(ORDERS.name)))
    return [
        _propose_dataset(match, formats[match.dataset.name], by_name, names)
        for match in sorted(matches, key=lambda match: order.index(match.dataset.name))
    ]


def _propose_dataset(
    match: Match, common: FileFormat, matches: Mapping[str, Match], file_names: Sequence[str]
) -> Dataset:
    columns = tuple(
        _propose_column(match, column, common, matches)
        if column.name in match.headers
        else _propose_absent_column(match, column, matches)
        for column in match.dataset.columns
    )
    return dataclasses.replace(
        match.dataset,
        columns=columns,
        format=common,
        key=propose_key(match, matches),
        file=_propose_pattern(match, file_names),
    )


def _propose_absent_column(match: Match, column: Column, matches: Mapping[str, Match]) -> Column:
    """A column that nothing in the file looks like: left out if it may be empty, or filled."""
    if column.taken_from:
        return column
    if column.name == "quantity":
        return dataclasses.replace(column, required=False, if_absent="1")
    if column.name in match.dataset.key_columns[1:] and needs_line_numbers(match, matches):
        return dataclasses.replace(column, from_line_number=True)
    return dataclasses.replace(column, required=column.required and not column.nullable)


def share_formats(matches: Sequence[Match]) -> dict[str, FileFormat]:
    """The format of each file; files that one format reads as well as their own ones share it."""
    own = {match.dataset.name: _propose_file_format(match) for match in matches}
    shared = functools.reduce(_merge_formats, own.values()) if own else FileFormat()
    reads_all = all(
        dataclasses.replace(shared, **vars(ValueFormat())) == dataclasses.replace(each, **vars(ValueFormat()))
        for each in own.values()
    ) and all(_reads_as_well(match, shared, own[match.dataset.name]) for match in matches)
    return dict.fromkeys(own, shared) if reads_all else own


def _propose_file_format(match: Match) -> FileFormat:
    """How a file is written: as found, and as declared where nothing was found, such as the time zone."""
    common = _find_common_format(match)
    found = {
        field.name: getattr(common, field.name)
        for field in dataclasses.fields(ValueFormat)
        if getattr(common, field.name) != field.default
    }
    signs = {
        name: getattr(match.sample.format, name) for name in ("delimiter", "quote", "escape", "encoding")
    }
    return dataclasses.replace(match.dataset.format, **signs, **found)


def _merge_formats(one: FileFormat, other: FileFormat) -> FileFormat:
    """What either declares; both null words and both timestamp formats."""
    changes: dict[str, Any] = {
        field.name: getattr(other, field.name)
        for field in dataclasses.fields(ValueFormat)
        if getattr(one, field.name) == field.default
    }
    for name in ("null_words", "timestamp_formats"):
        changes[name] = tuple(dict.fromkeys([*getattr(one, name), *getattr(other, name)]))
    return dataclasses.replace(one, **changes)


def _reads_as_well(match: Match, shared: ValueFormat, own: ValueFormat) -> bool:
    """Whether every typed column of the file has as many good values in the shared format."""
    for name in match.headers:
        kind, values = match.dataset.column(name).kind, list_values(match, match.headers[name])
        is_typed = kind in (*_NUMBERS, *_MOMENTS) and values
        if is_typed and measure_fit(values, kind, shared) < measure_fit(values, kind, own):
            return False
    return True


def _propose_format(match: Match, name: str) -> ValueFormat:
    """How the values of a column are written, where that matters for its kind."""
    finding, kind = match.findings[match.headers[name]], match.dataset.column(name).kind
    declared = ValueFormat(null_words=finding.format.null_words)
    if kind in _NUMBERS:
        return dataclasses.replace(finding.format, timestamp_formats=())
    if kind in _MOMENTS:
        return dataclasses.replace(declared, timestamp_formats=_find_moments(match, finding))
    return declared


def _find_moments(match: Match, finding: Finding) -> tuple[str, ...]:
    if finding.kind is Kind.WHOLE_NUMBER:
        unit = is_epoch(list_values(match, finding.header))
        return (unit,) if unit else ()
    return finding.format.timestamp_formats


def _find_common_format(match: Match) -> ValueFormat:
    """What most columns that have a choice are written in; the others override it."""
    formats = {name: _propose_format(match, name) for name in match.headers}

    def most(field: str) -> Any:
        found = [
            getattr(formats[name], field) for name in formats if match.dataset.column(name).kind in _NUMBERS
        ]
        chosen = Counter(each for each in found if each != getattr(DEFAULT_VALUES, field)).most_common(1)
        return chosen[0][0] if chosen else getattr(DEFAULT_VALUES, field)

    moments = [form for each in formats.values() for form in each.timestamp_formats]
    return ValueFormat(
        null_words=tuple(dict.fromkeys(word for each in formats.values() for word in each.null_words)),
        decimal_separator=most("decimal_separator"),
        thousands_separator=most("thousands_separator"),
        # Numbers are moments only where a column says so.
        timestamp_formats=tuple(dict.fromkeys(form for form in moments if form not in EPOCH_FORMATS)),
    )


def _propose_column(match: Match, column: Column, common: FileFormat, matches: Mapping[str, Match]) -> Column:
    header = match.headers[column.name]
    changes: dict[str, Any] = {}
    if match.dataset.name_of(header) != column.name:
        changes["also_named"] = (*column.also_named, header)
    if column.kind in _NUMBERS:
        changes |= _override(match, column, common, ("decimal_separator", "thousands_separator"))
        changes |= _propose_kind(match, column) | _propose_minimum(match, column)
    if column.kind in _MOMENTS:
        changes |= _override(match, column, common, ("timestamp_formats",))
    if column.refers_to:
        changes |= _propose_guests(match, column, common, matches.get(column.refers_to))
    if _holds_addresses(match, column):
        changes |= {"personal": True, "in_orders": None}
    return dataclasses.replace(column, **changes)


def _propose_kind(match: Match, column: Column) -> dict[str, Any]:
    """Decimal quantities, such as kilograms."""
    finding = match.findings[match.headers[column.name]]
    is_decimal = finding.kind is Kind.DECIMAL and column.kind is Kind.WHOLE_NUMBER
    return {"kind": Kind.DECIMAL, "minimum": 0} if is_decimal else {}


def _propose_minimum(match: Match, column: Column) -> dict[str, Any]:
    """No smallest number where more than a few values are below it, such as the quantities of returns."""
    if column.minimum is None:
        return {}
    values = list_values(match, match.headers[column.name])
    negative = sum(value.startswith("-") for value in values)
    return {"minimum": None} if negative > _MOST_NEGATIVE * len(values) else {}


def _holds_addresses(match: Match, column: Column) -> bool:
    """Whether ids are e-mail addresses: personal data."""
    values = list_values(match, match.headers[column.name])
    is_id = column.name in match.dataset.identifiers
    return is_id and sum("@" in value for value in values) * 2 > len(values)


def _propose_guests(match: Match, column: Column, common: FileFormat, target: Match | None) -> dict[str, Any]:
    """Guest orders: an empty customer id, or one placeholder id for all guests."""
    place = match.sample.header.index(match.headers[column.name])
    has_empty = any(not value.strip() or value in common.null_words for value in match.sample.column(place))
    guests = list_guest_ids(match, column.name, target)
    changes: dict[str, Any] = (
        {"nullable": True} if column.name == "customer_id" and (guests or has_empty) else {}
    )
    return changes | ({"null_words": (*common.null_words, *guests)} if guests and changes else {})


def _override(match: Match, column: Column, common: FileFormat, fields: tuple[str, ...]) -> dict[str, Any]:
    """What the column declares for itself, if the file's format would not read its values as well."""
    own, values = _propose_format(match, column.name), list_values(match, match.headers[column.name])
    if not values or measure_fit(values, column.kind, common) >= measure_fit(values, column.kind, own):
        return {}
    return {field: getattr(own, field) for field in fields}


def propose_key(match: Match, matches: Mapping[str, Match]) -> str | tuple[str, ...]:
    """The declared key, or the order and the product where an order has several rows and no line number."""
    declared = match.dataset.key_columns
    if not match.dataset.references or measure_repeated(match, declared) <= _MOST_REPEATED:
        return match.dataset.key
    return match.dataset.key if needs_line_numbers(match, matches) else _by_product(match)


def needs_line_numbers(match: Match, matches: Mapping[str, Match]) -> bool:
    """Whether orders have several rows that neither a column nor the product tells apart.

    Equal rows are then as likely two lines as one that was written twice: each counts. In one file with
    customers or products the product may repeat in an order.
    """
    if any(other.dataset.delivered_in == match.dataset.name for other in matches.values()):
        return True
    rows = match.sample.rows
    is_repeated = measure_repeated(match, match.dataset.key_columns) > 0
    has_equal_rows = len(set(map(tuple, rows))) < len(rows)
    is_known = match.sample.is_whole and not has_equal_rows
    is_known = is_known and measure_repeated(match, _by_product(match)) == 0
    return bool(match.dataset.references) and is_repeated and not is_known


def _by_product(match: Match) -> tuple[str, ...]:
    return (match.dataset.id_column, "product_id")


def measure_repeated(match: Match, key: Sequence[str]) -> float:
    """The share of rows, each different row once, whose key an earlier row has."""
    rows = set(map(tuple, match.sample.rows))
    places = [match.sample.header.index(match.headers[name]) for name in key if name in match.headers]
    keys = {tuple(row[place].strip() for place in places) for row in rows}
    return 1 - len(keys) / len(rows) if rows and places else 0.0


def _propose_pattern(match: Match, file_names: Sequence[str]) -> str:
    """The file's name, with a wildcard for its numbers and dates; empty where it is the usual one."""
    if match.dataset.delivered_in:
        return ""
    name = re.sub(r"\.gz$", "", match.sample.path.name, flags=re.IGNORECASE)
    present = match.dataset.file_pattern
    if fnmatch.fnmatchcase(name, present):
        return match.dataset.file
    stem, dot, suffix = name.rpartition(".")
    pattern = re.sub(r"\d+([-_.]?\d+)*", "*", stem.replace("[", "[[]")) + dot + suffix
    matching = [each for each in file_names if fnmatch.fnmatchcase(re.sub(r"\.gz$", "", each), pattern)]
    return pattern if len(matching) == 1 and pattern.strip("*.") else name
