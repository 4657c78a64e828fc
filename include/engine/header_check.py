"""Whether the header of a raw file names what the contract requires, and what to do if it does not."""

import difflib
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from include.contract import Dataset
from include.engine.blanks import BLANKS
from include.errors import RawFileError

if TYPE_CHECKING:
    from include.engine.raw_file import RawSource

#: What separates columns in the wild, and its name in a message.
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "pipes", ":": "colons", ",": "commas", " ": "blanks"}
_SHOWN_CHARACTERS = 300
_INSPECT = "`make inspect RAW=folder` shows what the contract needs for this file."


def check_delimiter(source: "RawSource", line: str, place: str) -> None:
    """Check that the header line has no other delimiter than the declared one.

    Raises
    ------
    RawFileError: names the delimiter, and what to declare.
    """
    dataset = source.dataset
    if delimiter := _find_delimiter(dataset, line):
        raise RawFileError(
            source.source_key,
            place,
            f"the columns are separated by {_DELIMITERS[delimiter]}",
            f"Declare FileFormat(delimiter={delimiter!r}) in the contract, or export with "
            f"{_DELIMITERS.get(dataset.format.delimiter, dataset.format.delimiter)}. {_INSPECT}",
        )


def check_columns(source: "RawSource", delivered: tuple[str, ...], place: str) -> None:
    """Check the column names, as they were delivered.

    Raises
    ------
    RawFileError: a required column is missing, or one is named twice.
    """
    dataset = source.dataset
    columns = tuple(map(dataset.name_of, delivered))
    missing = [name for name in dataset.required_names if name not in columns]
    if missing:
        names = f"required column{'s' if len(missing) > 1 else ''} missing: {', '.join(missing)}"
        remedy = " ".join(_describe_header(dataset, delivered, missing))
        raise RawFileError(source.source_key, place, names, remedy)
    if filled := [name for name in dataset.column_names if name in set(columns) - {*dataset.delivered_names}]:
        raise RawFileError(
            source.source_key,
            place,
            f"the file has a column {filled[0]}, and the contract says that it has none",
            "Take from_line_number or taken_from out of the contract, or the column out of the file.",
        )
    twice = [name for name, count in Counter(columns).items() if count > 1 and name]
    if twice:
        headers = [repr(header) for header in delivered if dataset.name_of(header) == twice[0]]
        problem = f"duplicate column: {twice[0]}, from the headers {' and '.join(headers)}"
        remedy = "Deliver one of them, or take one out of also_named in the contract."
        raise RawFileError(source.source_key, place, problem, remedy)


def _find_delimiter(dataset: Dataset, line: str) -> str | None:
    """Another delimiter that finds most of the required columns, and more of them than the declared one."""
    required = set(dataset.required_names)

    def count_required(delimiter: str) -> int:
        names = {dataset.name_of(name.strip(f"{BLANKS}\"'")) for name in line.split(delimiter)}
        return len(names & required)

    as_declared = count_required(dataset.format.delimiter)
    for delimiter in _DELIMITERS.keys() - {dataset.format.delimiter}:
        found = count_required(delimiter)
        if delimiter in line and found * 2 > len(required) and found > as_declared:
            return delimiter
    return None


def _describe_header(dataset: Dataset, delivered: tuple[str, ...], missing: list[str]) -> Iterator[str]:
    """The header as found, with the nearest names. A line that may be a row of data is not shown."""
    if not _is_header(dataset, delivered):
        yield "Line 1 names none of them: is it the header?"
        yield f"If it is, declare its names with also_named in the contract. {_INSPECT}"
        return
    yield f"The header names: {', '.join(map(_show, delivered))[:_SHOWN_CHARACTERS]}."
    for name in missing:
        if nearest := _find_nearest(name, delivered):
            yield f"{_show(nearest)} looks like {name}: correct it, or declare also_named=({nearest!r},)."
    yield f"Blanks and case count. {_INSPECT}"


def _is_header(dataset: Dataset, delivered: tuple[str, ...]) -> bool:
    """Whether a line has a column of the contract or one like it, or else nothing that only data has."""
    known = set(dataset.column_names) | {name for column in dataset.columns for name in column.also_named}
    simplified = {_simplify(name) for name in delivered}
    if simplified & {_simplify(name) for name in known}:
        return True
    is_named = all(name.strip(BLANKS) and not any(map(str.isdigit, name)) for name in delivered)
    return (
        is_named
        and not any("@" in name for name in delivered)
        and len(delivered) > 1
        and _is_unique(delivered)
    )


def _is_unique(names: tuple[str, ...]) -> bool:
    return len(set(names)) == len(names)


def _find_nearest(name: str, delivered: tuple[str, ...]) -> str | None:
    simplified = {_simplify(each): each for each in delivered}
    found = difflib.get_close_matches(_simplify(name), simplified, n=1, cutoff=0.75)
    return simplified[found[0]] if found else None


def _simplify(name: str) -> str:
    return "".join(filter(str.isalnum, name.strip(BLANKS).casefold()))


def _show(name: str) -> str:
    """The name; one with characters that nobody sees, with these escaped."""
    has_hidden = any(character in BLANKS and character != " " for character in name) or name != name.strip()
    return ascii(name) if has_hidden else name
