"""The contract of the raw files and published tables as an Open Data Contract Standard document.

`make contract` writes it to `docs/contract.odcs.yaml`, for catalogs and for teams that read the tables.
"""

from typing import Any

import include
from include.contract import DATASETS, DELIVERED, Column, Dataset, Kind, PublishedColumn, published_columns
from include.contract.arrow import SQL_TYPES

API_VERSION = "v3.1.0"

LOGICAL_TYPES: dict[Kind, str] = {
    Kind.TEXT: "string",
    Kind.WHOLE_NUMBER: "integer",
    Kind.DECIMAL: "number",
    Kind.WIDE_DECIMAL: "number",
    Kind.FINE_DECIMAL: "number",
    Kind.TIMESTAMP: "timestamp",
    Kind.DATE: "date",
}


def export_contract() -> dict[str, Any]:
    """The document, ready to be written as YAML."""
    return {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": "ecommerce-orders",
        "name": "Daily orders, customers and products",
        "version": include.__version__,
        "status": "active",
        "domain": "ecommerce",
        "description": {
            "purpose": "One trustworthy table of order lines per day.",
            "usage": "Read the object versions that the manifest of a day names: docs/query.md.",
            "limitations": "A day covers one delivery. Days are independent of each other.",
        },
        "schema": [
            *(_export_file(dataset) for dataset in DELIVERED.values()),
            *(_export_table(dataset) for dataset in DATASETS.values()),
        ],
    }


def _export_file(dataset: Dataset) -> dict[str, Any]:
    """What producers deliver: the columns of every dataset that is read from the file."""
    readers = [dataset, *(each for each in DATASETS.values() if each.delivered_in == dataset.name)]
    columns = {
        name: (reader, reader.column(name)) for reader in reversed(readers) for name in reader.delivered_names
    }
    return {
        "name": f"{dataset.name}.csv",
        "logicalType": "object",
        "physicalType": "csv",
        "properties": [
            _export_column(reader, column)
            | {"customProperties": [{"property": "headerRequired", "value": column.required}]}
            for reader, column in columns.values()
        ],
    }


def _export_table(dataset: Dataset) -> dict[str, Any]:
    """What readers get."""
    return {
        "name": dataset.name,
        "logicalType": "object",
        "physicalType": "parquet",
        "dataGranularityDescription": f"One row per {' and '.join(dataset.key_columns)}.",
        "properties": [_export_column(dataset, column) for column in published_columns(dataset)],
    }


def _export_column(dataset: Dataset, column: Column | PublishedColumn) -> dict[str, Any]:
    exported: dict[str, Any] = {
        "name": column.name,
        "description": column.meaning,
        "logicalType": LOGICAL_TYPES[column.kind],
        "physicalType": SQL_TYPES[column.kind],
        "required": not column.nullable,
    }
    if column.name in dataset.key_columns:
        exported |= {
            "primaryKey": True,
            "primaryKeyPosition": dataset.key_columns.index(column.name) + 1,
        }
    if column.minimum is not None:
        exported["logicalTypeOptions"] = {"minimum": column.minimum}
    if isinstance(column, Column) and column.personal:
        exported["classification"] = "personal"
    if isinstance(column, PublishedColumn) and column.computed_from:
        exported["transformSourceObjects"] = list(column.computed_from)
    return exported
