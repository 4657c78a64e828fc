"""The expectation suite of the published orders, built from the contract and from earlier days.

Importing this module imports Great Expectations, which takes seconds: import it inside functions.
The formulas repeat those of the transform, in SQL, so that the checkpoint verifies it independently.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import great_expectations.expectations as gxe
import sqlalchemy as sa
from great_expectations import ExpectationSuite
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation, Expectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from typing_extensions import override

from include.contract import ORDERS, published_orders
from include.contract.arrow import published_schema
from include.contract.line_total import FACTORS, TOTAL, find_delivered_total, find_factors, is_fine
from include.contract.model import DAY
from include.quality.baseline import Comparison, show_figure
from include.quality.findings import name_expectation, parse_names, require_known

SUITE_NAME = "published_orders"
#: The suite parameter for the number of rows that the transform published.
PUBLISHED_ROWS = "published_rows"
#: The name of the validated table in the checkpoint.
TABLE_NAME = "orders"

#: 24 hours in microseconds, the unit of `epoch_us`.
DAY_US = 24 * 60 * 60 * 1_000_000
#: Whole days between two instants. The published table does not say which deliveries had a date only, so a
#: delivery at midnight may also count calendar days.
ELAPSED_DAYS = f"(epoch_us(delivery_date) - epoch_us(order_date)) // {DAY_US}"
CALENDAR_DAYS = f"epoch_us(delivery_date) // {DAY_US} - epoch_us(order_date) // {DAY_US}"
IS_MIDNIGHT = f"epoch_us(delivery_date) % {DAY_US} = 0"
# DuckDB multiplies two decimals of 18 digits within 18 digits, which is not enough.
PRODUCT = " * ".join(
    f"CAST({name} AS DECIMAL(38, 4))" if is_fine(ORDERS) and name == "quantity" else name for name in FACTORS
)
#: A total that is delivered counts where a row lacks a factor.
HAS_PRODUCT = f" AND {PRODUCT} IS NOT NULL" if find_delivered_total(ORDERS) else ""
#: For each computed column, its formula and the SQL condition of rows that violate it.
FORMULAS = {
    **(
        {TOTAL: (PRODUCT, f"{TOTAL} IS DISTINCT FROM {PRODUCT}{HAS_PRODUCT}")} if find_factors(ORDERS) else {}
    ),
    "shipping_time_days": (
        "the days from order_date to delivery_date",
        f"""shipping_time_days IS DISTINCT FROM {ELAPSED_DAYS}
            AND NOT ({IS_MIDNIGHT} AND shipping_time_days IS NOT DISTINCT FROM {CALENDAR_DAYS})""",
    ),
}
KEY = ", ".join(ORDERS.key_columns)
REPEATED_KEYS = f"""
    SELECT unnest(range(rows)) FROM (SELECT count(*) AS rows FROM {{batch}} GROUP BY {KEY} HAVING rows > 1)
"""  # noqa: S608 - columns of the contract
EARLY_DELIVERIES = f"""
    SELECT * FROM {{batch}} WHERE delivery_date < order_date AND NOT ({IS_MIDNIGHT} AND {CALENDAR_DAYS} >= 0)
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True, kw_only=True)
class RejectRatio:
    """The rejected rows of one file, as the gate counts them: a few rows of a small file are allowed."""

    dataset: str
    read: int
    rejected: int
    allowed: float
    is_allowed: bool


def build_suite(
    comparisons: Sequence[Comparison] = (),
    warn_only: str = "",
    ratios: Sequence[RejectRatio] = (),
    day: str = "",
    same_as: str | None = None,
) -> ExpectationSuite:
    """The suite of one run, or without `day` that of any run.

    `warn_only` names expectations that only warn; it has no effect on reject ratios. `same_as` is the day
    whose raw file of orders has the same bytes, which only warns.

    Raises
    ------
    SettingError: `warn_only` names an expectation that does not exist.
    """
    expectations = [
        *expect_table(),
        *expect_types(),
        *expect_values(),
        *expect_formulas(day),
        *expect_usual(comparisons),
    ]
    set_severities(expectations, warn_only)
    further = [*expect_ratios(ratios), *expect_new_file(same_as)]
    return ExpectationSuite(name=SUITE_NAME, expectations=[*expectations, *further])


def set_severities(expectations: Sequence[Expectation], warn_only: str) -> None:
    """Expectations that the setting names only warn; all others close the gate."""
    wanted, known = parse_names(warn_only), set()
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
    yield ExpectKeyValuesToBeUnique(
        column=KEY, unexpected_rows_query=REPEATED_KEYS, description="no two rows may have the same values."
    )
    yield ExpectDatesToBeInOrder(
        column="delivery_date, order_date",
        unexpected_rows_query=EARLY_DELIVERIES,
        description="delivery_date must not be before order_date.",
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


def expect_formulas(day: str) -> Iterator[Expectation]:
    of_day = {DAY.name: (f"the day of the run, {day}", f"{DAY.name} IS DISTINCT FROM DATE '{day}'")}
    for column, (formula, is_broken) in (FORMULAS | (of_day if day else {})).items():
        yield ExpectColumnValuesToEqualFormula(
            column=column,
            unexpected_rows_query=f"SELECT * FROM {{batch}} WHERE {is_broken}",  # noqa: S608 - constants of this module
            description=f"values must equal {formula}.",
        )


def expect_usual(comparisons: Sequence[Comparison]) -> Iterator[Expectation]:
    for comparison in comparisons:
        yield ExpectMeasureToBeUsual(
            measure=comparison.measure,
            found=comparison.found,
            lowest=comparison.lowest,
            highest=comparison.highest,
            description=f"{comparison.measure}: {comparison.summary}.",
        )


def expect_ratios(ratios: Sequence[RejectRatio]) -> Iterator[Expectation]:
    for ratio in ratios:
        yield ExpectRejectRatioToBeAllowed(
            dataset=ratio.dataset,
            read=ratio.read,
            rejected=ratio.rejected,
            allowed=ratio.allowed,
            is_allowed=ratio.is_allowed,
            description=f"at most {ratio.allowed:.1%} of the rows of {ratio.dataset} may be rejected.",
        )


def expect_new_file(same_as: str | None) -> Iterator[Expectation]:
    if same_as:
        yield ExpectRawFileToBeNew(
            dataset=ORDERS.name,
            same_as=same_as,
            severity=FailureSeverity.WARNING,
            description=f"the raw file of {ORDERS.name} must not repeat that of another day.",
        )


class SqlTypes(TableMetricProvider):
    """The exact type of each column, since SQLAlchemy cannot reflect DuckDB's tables."""

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


class RowRule(gxe.UnexpectedRowsExpectation):
    """Counts the rows that a query finds without fetching them. `column` lists the columns concerned."""

    column: str
    metric_dependencies = ("unexpected_rows_query.row_count", "table.row_count")

    @override
    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        count, rows = (metrics[name] for name in self.metric_dependencies)
        found = {"unexpected_count": count, "element_count": rows, "unexpected_percent": percent(count, rows)}
        return {"success": count == 0, "result": found}


class ExpectColumnValuesToEqualFormula(RowRule):
    """The values of the column equal a formula."""


class ExpectKeyValuesToBeUnique(RowRule):
    """No two rows have the same values in all columns."""


class ExpectDatesToBeInOrder(RowRule):
    """The first column is not before the second."""


class ExpectMeasureToBeUsual(BatchExpectation):
    """A figure of the day is in the usual range of earlier days; skipped if there is no range."""

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


class ExpectRejectRatioToBeAllowed(BatchExpectation):
    """The gate's limit of rejected rows, so that the validation page of a closed gate shows it as failed."""

    dataset: str
    read: int
    rejected: int
    allowed: float
    is_allowed: bool

    @override
    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        share = self.rejected / self.read if self.read else 0.0
        observed = f"{self.rejected:,} of {self.read:,} rows ({share:.1%})"
        return {"success": self.is_allowed, "result": {"observed_value": observed}}


class ExpectRawFileToBeNew(BatchExpectation):
    """The raw file has other bytes than those of recent days. Only in the suite of a day where it has not."""

    dataset: str
    same_as: str

    @override
    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        observed = f"same ETag as the raw file of {self.same_as}"
        return {"success": False, "result": {"observed_value": observed}}


def percent(count: int, rows: int) -> float:
    return 100 * count / rows if rows else 0.0
