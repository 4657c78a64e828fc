"""Checks how the contract says that files and values are written."""

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from include.contract.model import (
    DEFAULT_VALUES,
    EPOCH_FORMATS,
    Column,
    Dataset,
    FileFormat,
    Kind,
    ValueFormat,
)

_UNUSABLE_SIGNS = ("\r", "\n", "\0")


def check_formats(dataset: Dataset) -> Iterator[str]:
    """What cannot be read: of the file, and of each column with a format of its own."""
    yield from (f"{dataset.name}: its format {mistake}." for mistake in _check_file(dataset.format))
    by_format = {dataset.format_of(column): column for column in reversed(dataset.columns)}
    for value_format, column in by_format.items():
        yield from (f"{dataset.name}.{column.name} {mistake}." for mistake in _check_values(value_format))
    for column in dataset.columns:
        if column.empty_if_invalid and not _can_be_emptied(column):
            name = f"{dataset.name}.{column.name}"
            yield f"{name} has empty_if_invalid: only nullable typed columns can have it."


def _can_be_emptied(column: Column) -> bool:
    return column.nullable and column.kind is not Kind.TEXT and not column.refers_to


def _check_file(file_format: FileFormat) -> Iterator[str]:
    signs = {name: getattr(file_format, name) for name in ("delimiter", "quote", "escape")}
    for name, sign in signs.items():
        if len(sign) > 1 or not sign.isascii() or sign in _UNUSABLE_SIGNS:
            yield f"has {sign!r} as {name}: write one ASCII character, such as ';'"
    if not file_format.delimiter:
        yield "has no delimiter"
    given = [sign for sign in signs.values() if sign]
    if len(set(given)) < len(given):
        yield "has one character as two of delimiter, quote and escape"
    if not _is_text_encoding(file_format.encoding):
        yield f"has the encoding {file_format.encoding!r}: write one that Python knows, such as 'cp1252'"


def _is_text_encoding(name: str) -> bool:
    try:
        # Unlike `codecs.lookup`, this does not accept codecs such as base64, which are not for text.
        return bool("a".encode(name))
    except (LookupError, ValueError):
        return False


def _check_values(value_format: ValueFormat) -> Iterator[str]:
    if value_format == DEFAULT_VALUES:
        return
    for name in ("null_words", "timestamp_formats"):
        if isinstance(getattr(value_format, name), str):
            yield f"has one text as {name}: write a comma behind it, in brackets"
            return
    if value_format.decimal_separator not in (".", ","):
        yield f"has {value_format.decimal_separator!r} as decimal_separator: write '.' or ','"
    thousands = value_format.thousands_separator
    if len(thousands) > 1 or thousands.isalnum() or thousands in ("+", "-"):
        yield f"has {thousands!r} as thousands_separator: write one such as '.' or a blank"
    if thousands == value_format.decimal_separator:
        yield f"has {thousands!r} as decimal_separator and as thousands_separator"
    if not _is_time_zone(value_format.time_zone):
        yield f"has the time zone {value_format.time_zone!r}: write an IANA name such as 'Europe/Berlin'"
    for form in value_format.timestamp_formats:
        if form not in EPOCH_FORMATS and not _names_a_day(form):
            yield (
                f"has the timestamp format {form!r}: write codes of strptime that name a day, such as "
                f"'%d.%m.%Y', or {' or '.join(EPOCH_FORMATS)}"
            )


def _is_time_zone(name: str) -> bool:
    try:
        return bool(ZoneInfo(name))
    except (ValueError, OSError, KeyError):
        # The last for a name that nobody has; the others for a path or a folder.
        return False


def _names_a_day(form: str) -> bool:
    """Whether a moment written in the format is read back as the same day."""
    moment = dt.datetime(2026, 11, 21, 10, 30, tzinfo=dt.UTC)
    try:
        return dt.datetime.strptime(moment.strftime(form), form).date() == moment.date()
    except ValueError:
        return False
