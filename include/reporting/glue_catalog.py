"""The Glue Data Catalog: each published day of orders is registered as a partition for Athena.

The deployment creates the database; the table follows the contract. A new column is added to the table and
is null in old days. A dropped column stays in the table and is null in new days. A changed type is an error,
because old days would become unreadable.
"""

import logging
from typing import Any

from include import keys
from include.config import CONNECTION_ID, PATIENT_TIMEOUTS, Settings
from include.contract import ORDERS, published_orders
from include.contract.arrow import SQL_TYPES
from include.errors import CatalogError

log = logging.getLogger(__name__)

TABLE = ORDERS.name
PARTITION_KEY = {"Name": "dt", "Type": "string", "Comment": "The delivery day, UTC"}
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
#: The fields of a table that `update_table` accepts.
_UPDATED_FIELDS = ("Name", "Description", "PartitionKeys", "TableType", "Parameters", "StorageDescriptor")

Column = dict[str, str]


def register_day(settings: Settings, day: str) -> None:
    """Add or update the partition of a published day. Does nothing without the setting `catalog_database`.

    Raises
    ------
    CatalogError: the table does not fit the contract, or the database does not exist.
    """
    if not settings.catalog_database:
        return
    glue, where = _open_glue(), {"DatabaseName": settings.catalog_database, "TableName": TABLE}
    prepare_table(glue, settings)
    location = keys.published(settings.layout, day, TABLE).rpartition("/")[0] + "/"
    partition = {"Values": [day], "StorageDescriptor": describe_storage(location, list_columns())}
    try:
        glue.create_partition(**where, PartitionInput=partition)
    except glue.exceptions.AlreadyExistsException:
        glue.update_partition(**where, PartitionValueList=[day], PartitionInput=partition)
    log.info("Registered %s in %s.%s", day, settings.catalog_database, TABLE)


def prepare_table(glue: Any, settings: Settings) -> None:
    """Create the table, or add missing columns to it."""
    database = settings.catalog_database
    try:
        table = glue.get_table(DatabaseName=database, Name=TABLE)["Table"]
    except glue.exceptions.EntityNotFoundException:
        _create_table(glue, settings)
        return
    existing = table["StorageDescriptor"]["Columns"]
    columns = add_columns(existing, database)
    if columns != existing:
        storage = {**table["StorageDescriptor"], "Columns": columns}
        kept = {name: table[name] for name in _UPDATED_FIELDS if name in table}
        glue.update_table(DatabaseName=database, TableInput={**kept, "StorageDescriptor": storage})
        log.info("Added %s columns to %s.%s", len(columns) - len(existing), database, TABLE)


def add_columns(existing: list[Column], database: str) -> list[Column]:
    """The columns of a table, followed by the missing columns of the contract.

    Raises
    ------
    CatalogError: a column has another type than in the contract.
    """
    types = {column["Name"]: column["Type"] for column in existing}
    wanted = list_columns()
    changed = [
        f"{column['Name']} is {types[column['Name']]} there and {column['Type']} in the contract"
        for column in wanted
        if types.get(column["Name"], column["Type"]) != column["Type"]
    ]
    if changed:
        raise CatalogError(
            f"The table {database}.{TABLE} does not fit the contract: {'; '.join(changed)}. "
            "Rename the column in the contract; or, if Athena does not need older days, drop the table: the "
            "next publication creates it again."
        )
    return [*existing, *(column for column in wanted if column["Name"] not in types)]


def list_columns() -> list[Column]:
    """The published columns in the form of the catalog."""
    return [
        {"Name": column.name, "Type": SQL_TYPES[column.kind], "Comment": column.meaning}
        for column in published_orders()
    ]


def describe_storage(location: str, columns: list[Column]) -> dict[str, Any]:
    return {"Location": location, "Columns": columns, **PARQUET}


def _create_table(glue: Any, settings: Settings) -> None:
    location = f"s3://{settings.layout.curated_bucket}/{TABLE}/"
    table = {
        "Name": TABLE,
        "Description": "One row per accepted order line; no personal data",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet"},
        "PartitionKeys": [PARTITION_KEY],
        "StorageDescriptor": describe_storage(location, list_columns()),
    }
    try:
        glue.create_table(DatabaseName=settings.catalog_database, TableInput=table)
    except glue.exceptions.AlreadyExistsException:
        # The run of another day created it.
        return
    except glue.exceptions.EntityNotFoundException as error:
        raise CatalogError(
            f"There is no database {settings.catalog_database} in the Glue Data Catalog. Correct the "
            "Variable ecommerce_catalog_database, or leave it empty to use no catalog."
        ) from error


def _open_glue() -> Any:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
    from botocore.config import Config

    return AwsBaseHook(
        aws_conn_id=CONNECTION_ID, client_type="glue", config=Config(**PATIENT_TIMEOUTS)
    ).get_conn()
