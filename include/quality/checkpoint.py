"""The Great Expectations checkpoint on one Parquet file, run on DuckDB. Uses neither S3 nor Airflow.

Importing this module imports Great Expectations, which takes seconds: import it inside functions.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import great_expectations as gx
from great_expectations.core import ExpectationSuiteValidationResult, RunIdentifier
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context import EphemeralDataContext
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.datasource.fluent import SQLDatasource
from sqlalchemy.dialects import registry

from include.quality.baseline import Comparison
from include.quality.expectations import PUBLISHED_ROWS, TABLE_NAME, RejectRatio, build_suite
from include.quality.findings import Outcome, describe_outcomes, hide_errors, list_errors
from include.scratch import scratch_folder

registry.register("duckdb", "include.quality.duckdb_dialect", "DuckDBDialect")

#: Enough for ten million rows; DuckDB spills the rest to the folder of the database.
MEMORY_LIMIT = "500MB"
THREADS = 2
#: Stores in memory, no output.
CONTEXT = DataContextConfig(
    store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
    progress_bars=ProgressBarsConfig(globally=False),
    analytics_enabled=False,
)
#: Counts only: no value of any row enters a result or a page.
RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}

#: DuckDB errors that are not caused by the table. Great Expectations keeps their messages, with the query.
_MACHINE_ERRORS = {"IO Error": duckdb.IOException, "Out of Memory Error": duckdb.OutOfMemoryException}
_MACHINE_ERROR = re.compile(rf"(?s)(?P<kind>{'|'.join(_MACHINE_ERRORS)}): .*?(?=\n\[SQL|\Z)")


@dataclass(frozen=True, kw_only=True)
class Checked:
    """The result of a checkpoint. Each list has one line per expectation; a warning is not a failure."""

    success: bool
    failed: list[str]
    warnings: list[str]
    skipped: list[str]
    suite: gx.ExpectationSuite
    result: ExpectationSuiteValidationResult


def run_checkpoint(
    orders: Path,
    expected_rows: int,
    run_name: str,
    comparisons: Sequence[Comparison] = (),
    warn_only: str = "",
    ratios: Sequence[RejectRatio] = (),
    day: str = "",
    same_as: str | None = None,
) -> Checked:
    """Check the orders in a Parquet file, the comparisons with earlier days, and the reject ratios.

    `same_as` is the day whose raw file of orders has the same bytes.

    Raises
    ------
    SettingError: `warn_only` names an expectation that does not exist.
    duckdb.IOException, duckdb.OutOfMemoryException: not enough disk or memory for a check.
    """
    suite = build_suite(comparisons, warn_only, ratios, day, same_as)
    with scratch_folder("checkpoint") as folder:
        context = gx.get_context(mode="ephemeral", project_config=CONTEXT)
        checkpoint = build_checkpoint(context, suite, open_table(context, orders, folder))
        outcome = checkpoint.run(
            expectation_parameters={PUBLISHED_ROWS: expected_rows}, run_id=RunIdentifier(run_name=run_name)
        )
    (result,) = outcome.run_results.values()
    raise_machine_errors(result)
    hide_errors(result)
    failed = describe_outcomes(result, Outcome.FAILED)
    # Great Expectations counts warnings as failures.
    result.success = not failed
    return Checked(
        success=not failed,
        failed=failed,
        warnings=describe_outcomes(result, Outcome.WARNING),
        skipped=describe_outcomes(result, Outcome.SKIPPED),
        suite=suite,
        result=result,
    )


def raise_machine_errors(result: ExpectationSuiteValidationResult) -> None:
    """Raise the errors that say nothing about the table, unlike those of a missing column."""
    for text in (text for each in result.results for text in list_errors(each)):
        if found := _MACHINE_ERROR.search(text):
            raise _MACHINE_ERRORS[found["kind"]](found[0])


def build_checkpoint(
    context: EphemeralDataContext, suite: gx.ExpectationSuite, batch: BatchDefinition[Any]
) -> gx.Checkpoint:
    context.suites.add(suite)
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=suite.name, data=batch, suite=suite)
    )
    return context.checkpoints.add(
        gx.Checkpoint(name=suite.name, validation_definitions=[definition], result_format=RESULT_FORMAT)
    )


def open_table(context: EphemeralDataContext, orders: Path, folder: Path) -> BatchDefinition[Any]:
    """The Parquet file as a table. The database and its spilled data go to `folder`."""
    database = folder / "checkpoint.duckdb"
    config = {
        "memory_limit": MEMORY_LIMIT,
        "threads": THREADS,
        "temp_directory": str(folder / "spilled"),
        "preserve_insertion_order": False,
    }
    create_view(database, config, orders)
    source = SQLDatasource(
        name="staged",
        connection_string=f"duckdb:///{database}",
        kwargs={"connect_args": {"config": config}},
    )
    context.data_sources.add_sql(source)
    return source.add_table_asset(TABLE_NAME, table_name=TABLE_NAME).add_batch_definition_whole_table("day")


def create_view(database: Path, config: dict[str, Any], orders: Path) -> None:
    with duckdb.connect(str(database), config=config) as connection:
        connection.read_parquet(str(orders)).create_view(TABLE_NAME)
