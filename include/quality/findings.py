"""What a checkpoint found, in plain words, and free of values of rows."""

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

NOT_CHECKED = "could not be checked: its columns are missing or have another type"


def describe_failures(result: "ExpectationSuiteValidationResult") -> list[str]:
    """Each failed expectation in one line, such as `expect_…(quantity): 3 of 1,000 rows`; sorted."""
    failed = (each for each in result.results if not each.success)
    return sorted(f"{name_expectation(each)}: {describe(each)}" for each in failed)


def name_expectation(result: "ExpectationValidationResult") -> str:
    """The type of the expectation and the columns that it is about."""
    config = cast("ExpectationConfiguration", result.expectation_config)
    columns = [config.kwargs[name] for name in ("column", "column_A", "column_B") if name in config.kwargs]
    return f"{config.type}({', '.join(columns)})" if columns else config.type


def describe(result: "ExpectationValidationResult") -> str:
    """What was found in place of what was expected."""
    if has_raised(result):
        return NOT_CHECKED
    found, kwargs = result.result, cast("ExpectationConfiguration", result.expectation_config).kwargs
    if "unexpected_count" in found:
        return f"{found['unexpected_count']:,} of {found['element_count']:,} rows"
    if "column_list" in kwargs:
        return describe_columns(found["observed_value"], kwargs["column_list"])
    expected = kwargs["value"] if "value" in kwargs else kwargs["type_"]
    return f"found {show(found['observed_value'])}, expected {show(expected)}"


def describe_columns(found: list[str], expected: list[str]) -> str:
    missing = [name for name in expected if name not in found]
    unknown = [name for name in found if name not in expected]
    parts = [
        f"{what} {', '.join(names)}" for what, names in (("missing", missing), ("unknown", unknown)) if names
    ]
    return "; ".join(parts) or f"found in another order: {', '.join(found)}"


def show(value: int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def has_raised(result: "ExpectationValidationResult") -> bool:
    """Whether the check ended in an error; its record is one error, or one for each metric."""
    info = result.exception_info
    records: list[Any] = [info] if "raised_exception" in info else list(info.values())
    return any(record["raised_exception"] for record in records)


def hide_errors(result: "ExpectationSuiteValidationResult") -> None:
    """Replace what the database said of a check that it could not run: it may quote values of rows."""
    for each in result.results:
        if has_raised(each):
            each.exception_info = {
                "raised_exception": True,
                "exception_message": NOT_CHECKED,
                "exception_traceback": None,
            }
