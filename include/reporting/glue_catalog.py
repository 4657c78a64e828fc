"""The Glue Data Catalog: each published day of orders becomes a partition, so that Athena sees it at once.

The deployment makes the database; the table and its columns follow the contract and are kept here. A new
column is added to the table. A column that the contract drops stays, and is null in new days. A column that
changes its type would make old days unreadable: that is an error, found before anything is published.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include import keys
from include.config import CONNECTION_ID, Settings
from include.contract import ORDERS, published_orders
from include.contract.arrow import SQL_TYPES
from include.errors import CatalogError, DayUnregisteredError, RetryableError

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.glue_catalog import GlueCatalogHook

log = logging.getLogger(__name__)

TABLE = ORDERS.name
PARTITION_KEY = {"Name": "dt", "Type": "string", "Comment": "The delivery day, UTC"}
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
#: What Glue says of a table that it does not take back as a part of an update.
_TAKEN_BACK = ("Name", "Description", "PartitionKeys", "TableType", "Parameters", "StorageDescriptor")

Column = dict[str, str]


@contextmanager
def _explained(kind: type[RetryableError] = RetryableError) -> Iterator[None]:
    """Put what AWS refuses into words. Most of it passes: other runs ask as well.

    Raises
    ------
    RetryableError: in place of what the SDK raises; of the given kind.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise kind(
            f"The Glue Data Catalog did not do what was asked: {error}. The next try may go well. "
            f"If none does: may the connection {CONNECTION_ID} do it (docs/deploy.md)?"
        ) from error


@_explained()
def prepare_table(settings: Settings) -> None:
    """Make the table, or add the columns that it lacks; with no database set, do nothing.

    Raises
    ------
    CatalogError: the table cannot hold what the contract publishes, or there is no such database.
    """
    if not settings.catalog_database:
        return
    hook, database = _open_hook(), settings.catalog_database
    glue = hook.get_conn()
    try:
        table = hook.get_table(database, TABLE)
    except glue.exceptions.EntityNotFoundException:
        _create_table(glue, settings)
        return
    existing = table["StorageDescriptor"]["Columns"]
    columns = add_columns(existing, database)
    if columns != existing:
        storage = {**table["StorageDescriptor"], "Columns": columns}
        kept = {name: table[name] for name in _TAKEN_BACK if name in table}
        glue.update_table(DatabaseName=database, TableInput={**kept, "StorageDescriptor": storage})
        log.info("Added %s columns to %s.%s", len(columns) - len(existing), database, TABLE)


@_explained(DayUnregisteredError)
def register_day(settings: Settings, day: str) -> None:
    """Show a published day to Athena; one that is registered is brought up to date.

    Raises
    ------
    DayUnregisteredError: Glue did not do so; the day is published all the same.
    """
    if not settings.catalog_database:
        return
    hook, where = _open_hook(), {"DatabaseName": settings.catalog_database, "TableName": TABLE}
    glue = hook.get_conn()
    location = keys.published(settings.layout, day, TABLE).rpartition("/")[0] + "/"
    partition = {"Values": [day], "StorageDescriptor": describe_storage(location, list_columns())}
    try:
        glue.create_partition(**where, PartitionInput=partition)
    except glue.exceptions.AlreadyExistsException:
        glue.update_partition(**where, PartitionValueList=[day], PartitionInput=partition)
    log.info("Registered %s in %s.%s", day, settings.catalog_database, TABLE)


def add_columns(existing: list[Column], database: str) -> list[Column]:
    """The columns of a table, and behind them those of the contract that it lacks.

    Raises
    ------
    CatalogError: a column has another type than the contract says.
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
            "Nothing was published. Give the column another name in include/contract/datasets.py; or, if no "
            "older day is needed in Athena, drop the table: it is made anew."
        )
    return [*existing, *(column for column in wanted if column["Name"] not in types)]


def list_columns() -> list[Column]:
    """The published columns as the catalog describes them."""
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
        # Another day's run was quicker.
        return
    except glue.exceptions.EntityNotFoundException as error:
        raise CatalogError(
            f"There is no database {settings.catalog_database} in the Glue Data Catalog. Correct the "
            "Variable ecommerce_catalog_database, or leave it empty to do without the catalog."
        ) from error


def _open_hook() -> "GlueCatalogHook":
    from airflow.providers.amazon.aws.hooks.glue_catalog import GlueCatalogHook

    return GlueCatalogHook(aws_conn_id=CONNECTION_ID)  # type: ignore[no-untyped-call]  # it has no types
