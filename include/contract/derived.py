"""What follows from the declarations: the published columns, and the reasons for which a row is rejected."""

from include.contract.check import check_contract
from include.contract.declared import load_declarations
from include.contract.line_total import TOTAL, describe_total, list_total_rules
from include.contract.model import (
    Column,
    Dataset,
    PublishedColumn,
    duplicate_reason,
    list_column_reasons,
    rejected_reason,
    unknown_reason,
)
from include.contract_file import describe_contract_file

_DECLARED = load_declarations()
CUSTOMERS: Dataset = _DECLARED["CUSTOMERS"]
PRODUCTS: Dataset = _DECLARED["PRODUCTS"]
ORDERS: Dataset = _DECLARED["ORDERS"]
#: The total follows from what orders declare.
COMPUTED: tuple[PublishedColumn, ...] = tuple(
    describe_total(ORDERS) if column.name == TOTAL else column for column in _DECLARED["COMPUTED"]
)
ORDER_RULES: tuple[str, ...] = (*_DECLARED["ORDER_RULES"], *list_total_rules(ORDERS))
DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _DECLARED["DATASETS"]}

#: The datasets that orders refer to, in the order of the columns that do.
LOOKED_UP: dict[str, Dataset] = {name: DATASETS[name] for name in ORDERS.references if name in DATASETS}

MALFORMED_ROW = "malformed_row"


def published_orders() -> tuple[PublishedColumn, ...]:
    """The columns of the published orders, in order: delivered, computed, looked up."""

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
    )


def published_columns(dataset: Dataset) -> tuple[Column | PublishedColumn, ...]:
    """Orders hold what the contract publishes; every other dataset holds all its raw columns."""
    return published_orders() if dataset is ORDERS else dataset.columns


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
