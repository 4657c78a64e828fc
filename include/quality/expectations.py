"""The expectation suite of the published orders, derived from the contract and from earlier days.

Importing this module imports Great Expectations, which costs seconds: import it inside functions.
The formulas stand here a second time on purpose, as SQL: the checkpoint does not trust the transform.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import duckdb
import great_expectations.expectations as gxe
import sqlalchemy as sa
from great_expectations import ExpectationSuite
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation, Expectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from typing_extensions import override

from include.contract import ORDERS, published_orders
from include.contract.arrow import published_schema
from include.quality.baseline import Comparison, show_figure
from include.quality.severity import name_expectation, read_names, require_known

SUITE_NAME = "published_orders"
#: The name of the suite's parameter: how many rows the transform says that it published.
PUBLISHED_ROWS = "published_rows"
#: The table that the suite is about, as the checkpoint names it.
TABLE_NAME = "orders"

#: 24 hours in microseconds, the unit of `epoch_us`.
DAY_US = 24 * 60 * 60 * 1_000_000
FORMULAS = {
    "total_price": "quantity * selling_price",
    "shipping_time_days": f"(epoch_us(delivery_date) - epoch_us(order_date)) // {DAY_US}",
}


def build_suite(comparisons: Sequence[Comparison] = (), warn_only: str = "") -> ExpectationSuite:
    """The suite of one run: its comparisons with earlier days, and the severity that the setting gives.

    Raises
    ------
    SettingError: `warn_only` names something that no expectation is called.
    """
    expectations = [
        *expect_table(),
        *expect_types(),
        *expect_values(),
        *expect_formulas(),
        *expect_usual(comparisons),
    ]
    set_severities(expectations, warn_only)
    return ExpectationSuite(name=SUITE_NAME, expectations=expectations)


def set_severities(expectations: Sequence[Expectation], warn_only: str) -> None:
    """Expectations that the setting names only warn; all others close the gate."""
    wanted, known = read_names(warn_only), set()
    for expectation in expectations:
        config = expectation.configuration
        names = {config.type, name_expectation(config)}
        known |= names
        if names & wanted:
            expectation.severity = FailureSeverity.WARNING
    require_known(wanted, known)


def expect_table() -> Iterator[Expectation]:
    yield gxe.ExpectTableColumnsToMatchOrderedList(column_list=[column.name for column in published_orders()])
    yield gxe.ExpectTableRowCountToEqual(value={"$PARAMETER": PUBLISHED_ROWS})
    yield ExpectKeyValuesToBeUnique(column=ORDERS.key)
    yield gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="delivery_date",
        column_B="order_date",
        or_equal=True,
        ignore_row_if="either_value_is_missing",
    )


def expect_types() -> Iterator[Expectation]:
    with duckdb.connect() as connection:
        connection.register(TABLE_NAME, published_schema(ORDERS).empty_table())
        for name, sql_type, *_ in connection.execute(f"DESCRIBE {TABLE_NAME}").fetchall():
            yield ExpectColumnSqlTypeToBe(column=name, type_=sql_type)


def expect_values() -> Iterator[Expectation]:
    for column in published_orders():
        if not column.nullable:
            yield gxe.ExpectColumnValuesToNotBeNull(column=column.name)
        if column.minimum is not None:
            yield gxe.ExpectColumnValuesToBeBetween(column=column.name, min_value=column.minimum)


def expect_formulas() -> Iterator[Expectation]:
    for column, formula in FORMULAS.items():
        yield ExpectColumnValuesToEqualFormula(
            column=column,
            unexpected_rows_query=f"SELECT * FROM {{batch}} WHERE {column} IS DISTINCT FROM {formula}",  # noqa: S608 - constants of this module
            description=f"values must equal {formula}.",
        )


def expect_usual(comparisons: Sequence[Comparison]) -> Iterator[Expectation]:
    for comparison in comparisons:
        yield ExpectMeasureToBeUsual(
            measure=comparison.measure,
            found=comparison.found,
            lowest=comparison.lowest,
            highest=comparison.highest,
            description=f"{comparison.measure}: {comparison.told}.",
        )


class KeyUnique(ColumnMapMetricProvider):
    """Great Expectations' own metric sorts the table for a window function; grouping takes half the time."""

    condition_metric_name = "column_values.key_unique"

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, _table: Any, **_: Any) -> Any:  # noqa: N805 - the decorator passes the class
        repeated = sa.select(column).select_from(_table).group_by(column).having(sa.func.count() > 1)
        return column.not_in(repeated)


class ExpectKeyValuesToBeUnique(gxe.ExpectColumnValuesToBeUnique):
    map_metric: ClassVar[str] = KeyUnique.condition_metric_name


class SqlTypes(TableMetricProvider):
    """The exact type of each column; SQLAlchemy cannot reflect DuckDB's tables."""

    metric_name = "table.sql_types"

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: SqlAlchemyExecutionEngine, **_: Any) -> dict[str, str]:  # noqa: N805 - see above
        rows = execution_engine.execute_query(sa.text(f"DESCRIBE {TABLE_NAME}")).fetchall()
        return {row.column_name: row.column_type for row in rows}


class ExpectColumnSqlTypeToBe(gxe.ExpectColumnTypeToBe):
    metric_dependencies = (SqlTypes.metric_name,)

    @override
    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        observed = metrics[SqlTypes.metric_name].get(self.column, "no such column")
        return {"success": observed == self.type_, "result": {"observed_value": observed}}


class ExpectColumnValuesToEqualFormula(gxe.UnexpectedRowsExpectation):
    """Counts the rows that break the formula, without fetching any."""

    column: str
    metric_dependencies = ("unexpected_rows_query.row_count", "table.row_count")

    @override
    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        count, rows = (metrics[name] for name in self.metric_dependencies)
        found = {"unexpected_count": count, "element_count": rows, "unexpected_percent": percent(count, rows)}
        return {"success": count == 0, "result": found}


class ExpectMeasureToBeUsual(BatchExpectation):
    """One figure of the day is what earlier days make usual; without a range it is skipped."""

    measure: str
    found: float | None
    lowest: float | None
    highest: float | None

    @override
    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        result = {"observed_value": "--" if self.found is None else show_figure(self.measure, self.found)}
        if self.found is None or self.lowest is None or self.highest is None:
            return {"success": True, "result": {**result, "skipped": True}}
        return {"success": self.lowest <= self.found <= self.highest, "result": result}


def percent(count: int, rows: int) -> float:
    return 100 * count / rows if rows else 0.0
