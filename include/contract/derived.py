"""What follows from the declarations: the published columns, and the reasons for which a row is rejected."""

from dataclasses import replace

from include.contract.check import check_contract
from include.contract.declared import load_declarations
from include.contract.line_total import TOTAL, describe_total, list_total_rules
from include.contract.model import (
    DAY,
    Column,
    Dataset,
    Kind,
    PublishedColumn,
    duplicate_reason,
    list_column_reasons,
    rejected_reason,
    share_formats,
    unknown_reason,
)
from include.contract_file import describe_contract_file

_DECLARED = load_declarations()
ORDERS: Dataset = _DECLARED["ORDERS"]
#: The total follows from what orders declare.
COMPUTED: tuple[PublishedColumn, ...] = tuple(
    describe_total(ORDERS) if column.name == TOTAL else column for column in _DECLARED["COMPUTED"]
)
ORDER_RULES: tuple[str, ...] = (*_DECLARED["ORDER_RULES"], *list_total_rules(ORDERS))
DATASETS: dict[str, Dataset] = share_formats(_DECLARED["DATASETS"])
CUSTOMERS: Dataset = DATASETS.get("customers", _DECLARED["CUSTOMERS"])
PRODUCTS: Dataset = DATASETS.get("products", _DECLARED["PRODUCTS"])

#: The datasets with a raw file of their own: what producers deliver, and what runs wait for and repair.
DELIVERED = {name: dataset for name, dataset in DATASETS.items() if not dataset.delivered_in}

#: The datasets that orders refer to, in the order of the columns that do.
LOOKED_UP: dict[str, Dataset] = {name: DATASETS[name] for name in ORDERS.references if name in DATASETS}

MALFORMED_ROW = "malformed_row"


def published_orders() -> tuple[PublishedColumn, ...]:
    """The columns of the published orders, in order: delivered, computed, looked up, the day."""

    def taken_from(dataset: Dataset, *, is_lookup: bool) -> tuple[PublishedColumn, ...]:
        return tuple(
            PublishedColumn(
                name=column.in_orders,
                kind=column.kind,
                meaning=column.meaning,
                nullable=column.nullable or is_lookup,
                minimum=column.minimum,
            )
            for column in dataset.columns
            if column.in_orders
        )

    return (
        *taken_from(ORDERS, is_lookup=False),
        *COMPUTED,
        *(column for dataset in LOOKED_UP.values() for column in taken_from(dataset, is_lookup=True)),
        DAY,
    )


def published_columns(dataset: Dataset) -> tuple[Column | PublishedColumn, ...]:
    """Orders hold what the contract publishes; every other dataset holds all its raw columns, and the day.

    What orders take from it is text: a timestamp with or without a time stays one.
    """
    if dataset is ORDERS:
        return published_orders()
    taken = list_taken(dataset)
    return (
        *(replace(column, kind=Kind.TEXT) if column.name in taken else column for column in dataset.columns),
        DAY,
    )


def list_taken(dataset: Dataset) -> tuple[str, ...]:
    """The columns of the dataset that orders take, because their own file does not have them."""
    return tuple(column.name for column in ORDERS.columns if column.taken_from == dataset.name)


def list_looked_up(dataset: Dataset) -> tuple[str, ...]:
    """The columns of a dataset that orders look up: its id first."""
    return (dataset.id_column, *dataset.taken_over, *list_taken(dataset))


def reasons(dataset: Dataset) -> tuple[str, ...]:
    """Every reason for which a row of the dataset can be rejected, in the order they are reported."""
    of_columns = [reason for column in dataset.columns for reason in list_column_reasons(dataset, column)]
    of_orders = ORDER_RULES if dataset is ORDERS else ()
    of_references = [
        reason(column)
        for column in dataset.references.values()
        for reason in (unknown_reason, rejected_reason)
    ]
    return (*of_columns, *of_orders, *of_references, duplicate_reason(dataset), MALFORMED_ROW)


check_contract(DATASETS.values(), ORDERS, published_orders(), declared_in=describe_contract_file())
