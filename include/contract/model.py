"""The types in which the contract is written: columns, datasets, and the reasons that follow from them.

Standard library only. The declarations themselves are in `datasets.py`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, TypeVar

from include.errors import ContractError

#: Begins the names that repaired rows and late rows of a dataset have among the inputs of a manifest.
REPAIRS, LATE = "repairs_", "late_"

#: The plausible days of a timestamp that declares none: the usual placeholders are outside.
EARLIEST, LATEST = "1980-01-01", "2099-12-31"
#: The longest text in a key column that declares no other limit, in bytes of UTF-8.
LONGEST_ID_BYTES = 256
#: The longest record over several lines of a dataset that declares no other limit.
LONGEST_RECORD_BYTES = 1024 * 1024


class Kind(StrEnum):
    """How the text of a field is understood. `parse.py` holds the grammar of each kind."""

    TEXT = "text"
    WHOLE_NUMBER = "whole number"
    DECIMAL = "decimal, up to 4 places"
    WIDE_DECIMAL = "decimal, up to 4 places, computed"
    FINE_DECIMAL = "decimal, up to 8 places, computed"
    TIMESTAMP = "timestamp, UTC"
    DATE = "date"


#: Wide enough for any product of two columns.
COMPUTED_KINDS = (Kind.WIDE_DECIMAL, Kind.FINE_DECIMAL, Kind.DATE)

#: Formats of timestamps that are numbers, beside those of `datetime.strptime`.
UTC = "UTC"
EPOCH_FORMATS = ("epoch_seconds", "epoch_milliseconds")


@dataclass(frozen=True, kw_only=True)
class ValueFormat:
    """How the values of a column are written; see `FileFormat`."""

    null_words: tuple[str, ...] = ()
    decimal_separator: str = "."
    thousands_separator: str = ""
    time_zone: str = UTC
    timestamp_formats: tuple[str, ...] = ()


DEFAULT_VALUES = ValueFormat()


@dataclass(frozen=True, kw_only=True)
class FileFormat(ValueFormat):
    """How a raw file is written. The default is RFC 4180 in UTF-8. Nothing of it is guessed from the data.

    Parameters
    ----------
    quote: what encloses a field that holds the delimiter or a line break; empty where nothing does.
    escape: the character before a quote or delimiter inside a field; empty if quotes are doubled instead.
    encoding: a codec of Python, such as `cp1252` or `utf-16`.
    null_words: what a missing value is written as, beside an empty field: `NULL`, `0000-00-00`.
    time_zone: where clocks show the timestamps without an offset, such as `Europe/Berlin`.
    timestamp_formats: beside ISO 8601, in the codes of `strptime`, such as `%d.%m.%Y %H:%M`, or
        `epoch_seconds` or `epoch_milliseconds`.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    encoding: str = "utf-8"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a raw file.

    Parameters
    ----------
    also_named: other names that the header may give it; everything behind the header uses `name`.
    required: the header must name the column.
    nullable: a field of it may be empty.
    minimum: the smallest number allowed; a row with a smaller one is rejected.
    null_words, decimal_separator, thousands_separator, time_zone, timestamp_formats: in place of what the
        file's format says.
    empty_if_invalid: a bad value of an optional column is emptied and counted; the row stays.
    earliest, latest: the first and the last plausible day of a timestamp, in UTC, such as `1980-01-01`.
    longest: the longest text allowed, in bytes of UTF-8.
    trim: blanks and invisible characters around a text are removed; in a key or reference they reject the row
        otherwise, because it would count as another id.
    personal: personal data: never in published orders, logs or quality pages.
    in_orders: the column's name in the published orders, or None where it stays out of them.
    refers_to: the dataset whose key it holds; an order whose id is not among them is rejected, the others get
        that dataset's `in_orders` columns.
    taken_from: the dataset, among those that orders refer to, from whose accepted row orders take the column:
        from the headers of orders, for lines that have only the order's id.
    if_absent: the text that counts in every row of a file whose header does not name the column.
    from_line_number: the file does not have it; each row gets the number of its line in the file. For the
        second column of the key of orders: two equal lines of one order are two lines.
    """

    name: str
    kind: Kind
    meaning: str
    also_named: tuple[str, ...] = ()
    required: bool = False
    nullable: bool = True
    minimum: int | None = None
    null_words: tuple[str, ...] | None = None
    decimal_separator: str | None = None
    thousands_separator: str | None = None
    time_zone: str | None = None
    timestamp_formats: tuple[str, ...] | None = None
    empty_if_invalid: bool = False
    earliest: str | None = None
    latest: str | None = None
    longest: int | None = None
    trim: bool = False
    personal: bool = False
    in_orders: str | None = None
    refers_to: str | None = None
    taken_from: str | None = None
    if_absent: str | None = None
    from_line_number: bool = False


_Declared = TypeVar("_Declared", Column, "Dataset")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One raw file.

    Parameters
    ----------
    key: the column whose value names a row, or several columns whose values do so together.
    file: the file's name in a folder on this machine, with wildcards such as `orders_export*.csv`; by default
        the dataset's name. In S3 the key is a setting.
    delivered_in: the dataset whose file also has the columns of this one, which then has no file of its own.
        The first row with a key counts, later ones are duplicates; a row without a key is blank.
    """

    name: str
    key: str | tuple[str, ...]
    columns: tuple[Column, ...]
    format: FileFormat = FileFormat()
    may_be_empty: bool = False
    longest_record_bytes: int = LONGEST_RECORD_BYTES
    file: str = ""
    delivered_in: str | None = None

    def adapt(
        self,
        *,
        headers: Mapping[str, str | tuple[str, ...]] | None = None,
        columns: Mapping[str, Mapping[str, Any]] | None = None,
        added: tuple[Column, ...] = (),
        dropped: Collection[str] = (),
        **properties: Any,
    ) -> "Dataset":
        """A copy for files that differ: `ORDERS.adapt(headers={"order_id": "Name"}, file="sales*.csv")`.

        `headers` says what the file calls a column; `columns` changes properties of columns, such as
        `{"quantity": {"minimum": None}}`; `added` are more columns, and `dropped` names those to remove; the
        others are properties of the dataset, such as `key` and `format`.

        Raises
        ------
        ContractError: there is no such column or property.
        """
        headers, columns = headers or {}, columns or {}
        if unknown := sorted({*headers, *columns, *dropped}.difference(self.column_names)):
            raise ContractError(f"{self.name}.adapt: there is no column {', '.join(unknown)}.")
        kept = (column for column in self.columns if column.name not in dropped)
        adapted = (
            _replace(
                column,
                f"{self.name}.{column.name}",
                _add_headers(column, headers.get(column.name, ())) | dict(columns.get(column.name, {})),
            )
            for column in kept
        )
        return _replace(self, self.name, {"columns": (*adapted, *added)} | properties)

    def split_headers(self, name: str, columns: tuple[str, ...]) -> "tuple[Dataset, Dataset]":
        """A dataset of headers with the columns, by the first key, and this one as lines that take them."""
        headers = tuple(
            replace(self.column(each), in_orders=None, refers_to=None) for each in (self.id_column, *columns)
        )
        moved = {each: {"taken_from": name, "also_named": ()} for each in columns}
        changes: dict[str, dict[str, Any]] = {self.id_column: {"refers_to": name}, **moved}
        lines = tuple(replace(column, **changes.get(column.name, {})) for column in self.columns)
        return (
            replace(self, name=name, key=self.id_column, columns=headers, file=""),
            replace(self, columns=lines),
        )

    @property
    def raw_dataset(self) -> str:
        """The dataset in whose raw file its rows are."""
        return self.delivered_in or self.name

    @property
    def numbered_column(self) -> Column | None:
        """The column that holds line numbers; where there is one, no two rows have the same key."""
        return next((column for column in self.columns if column.from_line_number), None)

    def is_named_by(self, header: str) -> bool:
        """Whether a file's header names one of the columns."""
        return self.name_of(header) in self.column_names

    def format_of(self, column: Column) -> ValueFormat:
        """How the values of a column are written: as it declares, or else as the file's format does."""
        if column.taken_from:
            return DEFAULT_VALUES
        declared = {field.name: getattr(column, field.name) for field in fields(ValueFormat)}
        return ValueFormat(
            **{
                name: getattr(self.format, name) if value is None else value
                for name, value in declared.items()
            }
        )

    @property
    def file_pattern(self) -> str:
        """What the file is called in a folder on this machine; `.gz` may follow."""
        return self.file or f"{self.name}.csv"

    @property
    def key_columns(self) -> tuple[str, ...]:
        return (self.key,) if isinstance(self.key, str) else self.key

    @property
    def id_column(self) -> str:
        """The key of a dataset that others refer to; of a key of several columns the first."""
        return self.key_columns[0]

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The text columns that name rows, here or in other datasets."""
        names = {*self.key_columns, *self.references.values()}
        return tuple(
            column.name for column in self.columns if column.name in names and column.kind is Kind.TEXT
        )

    @property
    def trimmed_columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.trim and column.kind is Kind.TEXT)

    def longest_of(self, column: Column) -> int | None:
        """The longest text of a column in bytes; None without a limit."""
        return column.longest or (LONGEST_ID_BYTES if column.name in self.key_columns else None)

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def required_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required and not column.taken_from)

    @property
    def delivered_names(self) -> tuple[str, ...]:
        """The columns that the raw file may have."""
        return tuple(
            column.name for column in self.columns if not column.taken_from and not column.from_line_number
        )

    @property
    def references(self) -> dict[str, str]:
        """The datasets that it refers to, each with the column that does."""
        return {column.refers_to: column.name for column in self.columns if column.refers_to}

    @property
    def taken_over(self) -> dict[str, str]:
        """The columns that the published orders take over, each with its name there."""
        return {column.name: column.in_orders for column in self.columns if column.in_orders}

    def name_of(self, header: str) -> str:
        """The name of the column that a file's header calls so; an unknown one keeps what it is called."""
        return next((column.name for column in self.columns if header in column.also_named), header)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _add_headers(column: Column, headers: str | tuple[str, ...]) -> dict[str, Any]:
    added = (headers,) if isinstance(headers, str) else headers
    return {"also_named": (*column.also_named, *added)} if added else {}


def _replace(declared: _Declared, where: str, properties: Mapping[str, Any]) -> _Declared:
    known = [field.name for field in fields(declared)]
    if unknown := sorted(set(properties).difference(known)):
        raise ContractError(
            f"{where}: there is no property {', '.join(unknown)}. There are {', '.join(known)}."
        )
    return replace(declared, **properties)


def share_formats(datasets: Iterable[Dataset]) -> dict[str, Dataset]:
    """The datasets by name; those in the file of another one are written as that file is."""
    by_name = {dataset.name: dataset for dataset in datasets}
    for dataset in by_name.values():
        if file := by_name.get(dataset.delivered_in or ""):
            file_format = file.format if dataset.format == FileFormat() else dataset.format
            by_name[dataset.name] = replace(
                dataset, format=file_format, longest_record_bytes=file.longest_record_bytes
            )
    return by_name


@dataclass(frozen=True, kw_only=True)
class PublishedColumn:
    """One column of the published orders, and the rules that the checkpoint checks.

    Parameters
    ----------
    computed_from: the columns of orders that a computed column is made of.
    """

    name: str
    kind: Kind
    meaning: str
    nullable: bool
    minimum: int | None = None
    computed_from: tuple[str, ...] = ()


#: The last column of every published table.
DAY = PublishedColumn(
    name="day", kind=Kind.DATE, nullable=False, meaning="The delivery day that the row was published for."
)


def missing_reason(column: Column) -> str:
    return f"{column.name}_missing"


def invalid_reason(column: Column) -> str:
    return f"{column.name}_invalid"


def minimum_reason(column: Column) -> str:
    """Such as `selling_price_negative` and `quantity_not_positive`."""
    if column.minimum == 0:
        return f"{column.name}_negative"
    is_counted = column.minimum == 1 and column.kind is Kind.WHOLE_NUMBER
    return f"{column.name}_not_positive" if is_counted else f"{column.name}_too_small"


def untrimmed_reason(column: Column) -> str:
    return f"{column.name}_untrimmed"


def too_long_reason(column: Column) -> str:
    return f"{column.name}_too_long"


def implausible_reason(column: Column) -> str:
    return f"{column.name}_implausible"


def ambiguous_reason(column: Column) -> str:
    """A local time that the clocks show twice, when they go back."""
    return f"{column.name}_ambiguous"


def nonexistent_reason(column: Column) -> str:
    """A local time that the clocks never show, because they go forward over it."""
    return f"{column.name}_nonexistent"


def unknown_reason(column: str) -> str:
    """Such as `unknown_customer` for `customer_id`: no row of the dataset has the id."""
    return f"unknown_{column.removesuffix('_id')}"


def rejected_reason(column: str) -> str:
    """Such as `rejected_customer` for `customer_id`: the row that has the id was rejected itself."""
    return f"rejected_{column.removesuffix('_id')}"


def duplicate_reason(dataset: Dataset) -> str:
    return f"duplicate_{dataset.id_column}"


def list_column_reasons(dataset: Dataset, column: Column) -> Iterator[str]:
    """Why a field of the column can reject a row."""
    if not column.nullable:
        yield missing_reason(column)
    if column.kind is not Kind.TEXT:
        yield invalid_reason(column)
    if column.name in dataset.identifiers and not column.trim:
        yield untrimmed_reason(column)
    if dataset.longest_of(column) is not None:
        yield too_long_reason(column)
    if column.kind is Kind.TIMESTAMP:
        yield implausible_reason(column)
        if dataset.format_of(column).time_zone != UTC:
            yield from (ambiguous_reason(column), nonexistent_reason(column))
    if column.minimum is not None:
        yield minimum_reason(column)
