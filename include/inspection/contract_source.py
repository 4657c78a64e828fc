"""Datasets as a contract file: what differs from `include/contract/datasets.py`, as Python source."""

import dataclasses
import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from include.contract.model import Column, Dataset, FileFormat, Kind, ValueFormat

_WIDTH = 106


def write_contract(proposed: Sequence[Dataset], base: Sequence[Dataset]) -> str:
    """The source of a contract file that turns the base datasets into the proposed ones."""
    declared = {dataset.name: dataset for dataset in base}
    split = _split_headers(proposed, declared)
    changed = [each for each in proposed if each != declared[each.name]]
    if not changed and not split:
        return ""
    formats = list(dict.fromkeys(each.format for each in changed if each.format != FileFormat()))
    format_names = {
        each: f"FORMAT_{place}" if len(formats) > 1 else "FORMAT" for place, each in enumerate(formats, 1)
    }
    written = [_write_format(name, each) for each, name in format_names.items()]
    adapted = [
        _write_adaptation(each, declared[each.name], format_names.get(each.format)) for each in changed
    ]
    listed = [f"DATASETS = ({', '.join(each.name.upper() for each in proposed)})"] if split else []
    source = "\n".join([*split, *written, *adapted, *listed])
    used = proposed if split else changed
    names = (each.name.upper() for each in used if each.name in {dataset.name for dataset in base})
    imports = "\n".join(_write_imports(names, source))
    return f"{imports}\n\n{source}\n"


def _split_headers(proposed: Sequence[Dataset], declared: dict[str, Dataset]) -> list[str]:
    """The line that takes the headers of orders apart; the base datasets are then the two parts."""
    orders = next((each for each in proposed if any(column.taken_from for column in each.columns)), None)
    if orders is None or any(column.taken_from for column in declared[orders.name].columns):
        return []
    taken = tuple(column.name for column in orders.columns if column.taken_from)
    (name,) = {column.taken_from for column in orders.columns if column.taken_from}
    declared[name], declared[orders.name] = declared[orders.name].split_headers(name, taken)
    parts, whole = f"{name.upper()}, {orders.name.upper()}", orders.name.upper()
    return [f"{parts} = {whole}.split_headers({_write_value(name)}, {_write_value(taken)})"]


def _write_format(name: str, declared: FileFormat) -> str:
    order = [field.name for field in dataclasses.fields(FileFormat)]
    arguments = [
        f"{each}={_write_value(getattr(declared, each))}"
        for each in sorted(order, key=lambda each: each in ValueFormat.__dataclass_fields__)
        if getattr(declared, each) != getattr(FileFormat(), each)
    ]
    head = f"{name} = FileFormat("
    return f"\n{' ' * len(head)}".join(_wrap(arguments, _WIDTH - len(head))).join((head, ")"))


def _wrap(entries: Sequence[str], width: int) -> list[str]:
    """Lines of whole entries."""
    # Blanks inside an entry must not break: a header may contain several.
    text = ", ".join(entry.replace(" ", "\0") for entry in entries)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def _write_imports(names: Iterable[str], source: str) -> Iterator[str]:
    yield f"from include.contract.datasets import {', '.join(sorted(names))}"
    used = [name for name in ("Column", "FileFormat", "Kind") if f"{name}(" in source or f"{name}." in source]
    if used:
        yield f"from include.contract.model import {', '.join(used)}"


def _write_adaptation(proposed: Dataset, base: Dataset, format_name: str | None) -> str:
    """Such as `ORDERS = ORDERS.adapt(…)`."""
    first = [
        f"{field.name}={_write_value(getattr(proposed, field.name))}"
        for field in sorted(dataclasses.fields(Dataset), key=lambda field: field.name != "file")
        if field.name not in ("name", "columns", "format")
        and getattr(proposed, field.name) != getattr(base, field.name)
    ]
    if proposed.format != base.format:
        first.append(f"format={format_name or 'FileFormat()'}")
    arguments = [
        *([", ".join(first)] if first else []),
        *_write_mapping("headers", _list_headers(proposed, base)),
        *_write_mapping("columns", _list_changes(proposed, base)),
        *_write_others(proposed, base),
    ]
    name = proposed.name.upper()
    return f"{name} = {name}.adapt(" + ",\n    ".join(arguments) + ")"


def _write_others(proposed: Dataset, base: Dataset) -> Iterator[str]:
    """The columns that only one of the two has."""
    head = "added=(Column("
    added = [
        f"\n{' ' * (len(head) + 4)}".join(_wrap([*_write_arguments(column)], _WIDTH - 20)).join(
            ("Column(", ")")
        )
        for column in proposed.columns
        if column.name not in base.column_names
    ]
    if added:
        yield f"added=({', '.join(added)},)"
    if dropped := tuple(name for name in base.column_names if name not in proposed.column_names):
        yield f"dropped={_write_value(dropped)}"


def _write_mapping(name: str, entries: list[str]) -> Iterator[str]:
    """Such as `headers={"order_id": "Name"}`, on as many lines as it takes."""
    if entries:
        indent = " " * (len(name) + 6)
        yield f"\n{indent}".join(_wrap(entries, _WIDTH - len(indent))).join((f"{name}={{", "}"))


def _list_headers(proposed: Dataset, base: Dataset) -> list[str]:
    found = []
    for column in _list_common(proposed, base):
        declared = base.column(column.name).also_named
        added = tuple(name for name in column.also_named if name not in declared)
        if added:
            value = added[0] if len(added) == 1 else added
            found.append(f"{_write_value(column.name)}: {_write_value(value)}")
    return found


def _list_common(proposed: Dataset, base: Dataset) -> list[Column]:
    return [column for column in proposed.columns if column.name in base.column_names]


def _list_changes(proposed: Dataset, base: Dataset) -> list[str]:
    found = []
    for column in _list_common(proposed, base):
        changed = {
            field.name: getattr(column, field.name)
            for field in dataclasses.fields(Column)
            if field.name != "also_named"
            and getattr(column, field.name) != getattr(base.column(column.name), field.name)
        }
        if changed:
            inner = ", ".join(f'"{name}": {_write_value(value)}' for name, value in changed.items())
            found.append(f"{_write_value(column.name)}: {{{inner}}}")
    return found


def _write_arguments(declared: Any) -> Iterator[str]:
    for field in dataclasses.fields(declared):
        value = getattr(declared, field.name)
        if value != field.default:
            yield f"{field.name}={_write_value(value)}"


def _write_value(value: Any) -> str:
    """Python source with double quotes."""
    if isinstance(value, Kind):
        return f"Kind.{value.name}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, tuple):
        return f"({', '.join(map(_write_value, value))}{',' if len(value) == 1 else ''})"
    return repr(value)
