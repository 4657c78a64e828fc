"""The words in which the contract is written: columns, datasets, and the reasons that follow from them.

Standard library only. The declarations themselves stand in `contract.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

#: Begins the names that repaired rows and late rows of a dataset have among the inputs of a manifest.
REPAIRS, LATE = "repairs_", "late_"


class Kind(StrEnum):
    """How the text of a field is understood. `parse.py` holds the grammar of each kind."""

    TEXT = "text"
    WHOLE_NUMBER = "whole number"
    DECIMAL = "decimal, up to 4 places"
    WIDE_DECIMAL = "decimal, up to 4 places, computed"
    TIMESTAMP = "timestamp, UTC"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a raw file.

    Parameters
    ----------
    also_named: other names that the header may give it; everything behind the header uses `name`.
    required: the header must name the column.
    nullable: a field of it may be empty.
    minimum: the smallest number allowed; a row with a smaller one is refused.
    personal: personal data: never in published orders, logs or quality pages.
    in_orders: the column's name in the published orders, or None where it stays out of them.
    refers_to: the dataset whose key it holds; an order whose id is not among them is refused, the others get
        that dataset's `in_orders` columns.
    """

    name: str
    kind: Kind
    meaning: str
    also_named: tuple[str, ...] = ()
    required: bool = False
    nullable: bool = True
    minimum: int | None = None
    personal: bool = False
    in_orders: str | None = None
    refers_to: str | None = None


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One raw file: its columns, and the column that names a row."""

    name: str
    key: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def required_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

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


@dataclass(frozen=True, kw_only=True)
class PublishedColumn:
    """One column of the published orders, and the rules that the checkpoint holds it to."""

    name: str
    kind: Kind
    meaning: str
    nullable: bool
    minimum: int | None = None


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


def unknown_reason(column: str) -> str:
    """Such as `unknown_customer` for `customer_id`."""
    return f"unknown_{column.removesuffix('_id')}"


def duplicate_reason(dataset: Dataset) -> str:
    return f"duplicate_{dataset.key}"


def list_column_reasons(column: Column) -> Iterator[str]:
    """Why a field of it can refuse a row."""
    if not column.nullable:
        yield missing_reason(column)
    if column.kind is not Kind.TEXT:
        yield invalid_reason(column)
    if column.minimum is not None:
        yield minimum_reason(column)
