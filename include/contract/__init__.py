"""The contract: the datasets of a day, their columns, and what is published. Standard library only.

You own `datasets.py`, which declares them; a contract file can take its place (`declared.py`). The other
modules define how a declaration is written, check it, derive what follows, and turn it into Arrow schemas.
"""

from include.contract.datasets import DELIVERY_BEFORE_ORDER
from include.contract.derived import (
    COMPUTED,
    CUSTOMERS,
    DATASETS,
    DELIVERED,
    LOOKED_UP,
    MALFORMED_ROW,
    ORDERS,
    PRODUCTS,
    list_looked_up,
    list_taken,
    published_columns,
    published_orders,
    reasons,
)
from include.contract.model import (
    Column,
    Dataset,
    Kind,
    PublishedColumn,
    duplicate_reason,
    implausible_reason,
    invalid_reason,
    minimum_reason,
    missing_reason,
    rejected_reason,
    too_long_reason,
    unknown_reason,
    untrimmed_reason,
)

__all__ = [
    "COMPUTED",
    "CUSTOMERS",
    "DATASETS",
    "DELIVERED",
    "DELIVERY_BEFORE_ORDER",
    "LOOKED_UP",
    "MALFORMED_ROW",
    "ORDERS",
    "PRODUCTS",
    "Column",
    "Dataset",
    "Kind",
    "PublishedColumn",
    "duplicate_reason",
    "implausible_reason",
    "invalid_reason",
    "list_looked_up",
    "list_taken",
    "minimum_reason",
    "missing_reason",
    "published_columns",
    "published_orders",
    "reasons",
    "rejected_reason",
    "too_long_reason",
    "unknown_reason",
    "untrimmed_reason",
]
