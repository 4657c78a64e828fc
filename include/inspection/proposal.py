"""The contract that reads a shop's files, as Python source to paste into `include/contract/datasets.py`."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import Any

from include.contract.model import DEFAULT_VALUES, Column, Dataset, FileFormat, Kind, ValueFormat
from include.inspection.columns import Finding, is_epoch, measure_fit
from include.inspection.mapping import Match


def propose_dataset(match: Match) -> Dataset:
    """The dataset as declared now, with the format of the file and the names of its headers."""
    formats = {name: _propose_format(match, name) for name in match.headers}
    common = _find_common_format(formats, match.dataset)
    file_format = FileFormat(
        delimiter=match.sample.format.delimiter,
        quote=match.sample.format.quote,
        escape=match.sample.format.escape,
        encoding=match.sample.format.encoding,
        **dataclasses.asdict(common),
    )
    columns = tuple(
        _propose_column(match, column, formats.get(column.name), common) for column in match.dataset.columns
    )
    return dataclasses.replace(match.dataset, columns=columns, format=file_format)


def _propose_format(match: Match, name: str) -> ValueFormat:
    """How the values of a column are written, where that matters for its kind."""
    finding, kind = match.findings[match.headers[name]], match.dataset.column(name).kind
    declared = ValueFormat(null_words=finding.format.null_words)
    if kind in (Kind.DECIMAL, Kind.WHOLE_NUMBER):
        return dataclasses.replace(finding.format, timestamp_formats=(), null_words=finding.format.null_words)
    if kind is Kind.TIMESTAMP:
        return dataclasses.replace(declared, timestamp_formats=_find_moments(match, finding))
    return declared


def _find_moments(match: Match, finding: Finding) -> tuple[str, ...]:
    if finding.kind is Kind.WHOLE_NUMBER:
        values = match.sample.column(match.sample.header.index(finding.header))
        unit = is_epoch([value for value in values if value.strip()])
        return (unit,) if unit else ()
    return finding.format.timestamp_formats


def _find_common_format(formats: dict[str, ValueFormat], dataset: Dataset) -> ValueFormat:
    """What most columns that have a choice are written in; the others override it."""

    def most(field: str, kinds: tuple[Kind, ...]) -> Any:
        found = [getattr(formats[name], field) for name in formats if dataset.column(name).kind in kinds]
        default = getattr(DEFAULT_VALUES, field)
        chosen = Counter(each for each in found if each != default).most_common(1)
        return chosen[0][0] if chosen else default

    numbers, moments = (Kind.DECIMAL, Kind.WHOLE_NUMBER), (Kind.TIMESTAMP,)
    words = dict.fromkeys(word for each in formats.values() for word in each.null_words)
    return ValueFormat(
        null_words=tuple(words),
        decimal_separator=most("decimal_separator", numbers),
        thousands_separator=most("thousands_separator", numbers),
        timestamp_formats=most("timestamp_formats", moments),
    )


def _propose_column(match: Match, column: Column, own: ValueFormat | None, common: ValueFormat) -> Column:
    if own is None:
        # A column that nothing in the file looks like can only be left out if it may be empty.
        return dataclasses.replace(column, required=column.required and not column.nullable)
    header = match.headers[column.name]
    changes: dict[str, Any] = {}
    if match.dataset.name_of(header) != column.name:
        changes["also_named"] = (*column.also_named, header)
    if column.kind in (Kind.DECIMAL, Kind.WHOLE_NUMBER):
        changes |= _override(match, column, own, common, ("decimal_separator", "thousands_separator"))
    if column.kind is Kind.TIMESTAMP and own.timestamp_formats not in (common.timestamp_formats, ()):
        changes["timestamp_formats"] = own.timestamp_formats
    return dataclasses.replace(column, **changes)


def _override(
    match: Match, column: Column, own: ValueFormat, common: ValueFormat, fields: tuple[str, ...]
) -> dict[str, Any]:
    """What the column declares for itself, if the file's format would not read its values as well."""
    header = match.headers[column.name]
    values = [each for each in match.sample.column(match.sample.header.index(header)) if each.strip()]
    shared = dataclasses.replace(own, **{field: getattr(common, field) for field in fields})
    if not values or measure_fit(values, column.kind, shared) >= measure_fit(values, column.kind, own):
        return {}
    return {field: getattr(own, field) for field in fields}


def write_dataset(dataset: Dataset) -> str:
    """The declaration as source: what has its default value is left out."""
    lines = [
        f"{dataset.name.upper()} = Dataset(",
        *_write_fields(dataset, "    ", skipped=("columns", "format")),
    ]
    if dataset.format != FileFormat():
        inner = ", ".join(_write_arguments(dataset.format))
        lines.append(f"    format=FileFormat({inner}),")
    lines.append("    columns=(")
    for column in dataset.columns:
        lines += ["        Column(", *_write_fields(column, "            "), "        ),"]
    return "\n".join([*lines, "    ),", ")"])


def _write_fields(declared: Any, indent: str, skipped: tuple[str, ...] = ()) -> Iterator[str]:
    yield from (f"{indent}{each}," for each in _write_arguments(declared, skipped))


def _write_arguments(declared: Any, skipped: tuple[str, ...] = ()) -> Iterator[str]:
    for field in dataclasses.fields(declared):
        value = getattr(declared, field.name)
        if field.name not in skipped and value != field.default:
            written = f"Kind.{value.name}" if isinstance(value, Kind) else repr(value)
            yield f"{field.name}={written}"
