"""The contract as Arrow schemas: what the Parquet files hold, in which order and type."""

import pyarrow as pa

from include.contract import Dataset, Kind, published_columns
from include.contract.model import DAY

ARROW_TYPES: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.WHOLE_NUMBER: pa.int64(),
    Kind.DECIMAL: pa.decimal128(18, 4),
    #: A whole number of 18 digits times a decimal of 18 digits always fits.
    Kind.WIDE_DECIMAL: pa.decimal128(38, 4),
    Kind.FINE_DECIMAL: pa.decimal128(38, 8),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Kind.DATE: pa.date32(),
}
#: The same in the words that Spark, Hive and Athena share.
SQL_TYPES: dict[Kind, str] = {
    Kind.TEXT: "string",
    Kind.WHOLE_NUMBER: "bigint",
    Kind.DECIMAL: "decimal(18,4)",
    Kind.WIDE_DECIMAL: "decimal(38,4)",
    Kind.FINE_DECIMAL: "decimal(38,8)",
    Kind.TIMESTAMP: "timestamp",
    Kind.DATE: "date",
}


def published_schema(dataset: Dataset) -> pa.Schema:
    """The published table of a dataset."""
    columns = published_columns(dataset)
    return pa.schema(
        [pa.field(column.name, ARROW_TYPES[column.kind], nullable=column.nullable) for column in columns]
    )


def transformed_schema(dataset: Dataset) -> pa.Schema:
    """The published table without the day, which is the same in all rows and is added on writing."""
    return pa.schema([field for field in published_schema(dataset) if field.name != DAY.name])


def quarantine_schema(dataset: Dataset) -> pa.Schema:
    """The raw columns as text, then why a row was rejected and where it came from.

    `raw_line` holds the line of a malformed row, whose raw columns are empty, and `detail` what is wrong with
    it.
    """
    return pa.schema(
        [
            *(pa.field(name, pa.string()) for name in dataset.column_names),
            pa.field("reasons", pa.list_(pa.string()), nullable=False),
            pa.field("source_key", pa.string(), nullable=False),
            pa.field("line_number", pa.int64(), nullable=False),
            pa.field("raw_line", pa.string()),
            pa.field("detail", pa.string()),
        ]
    )
