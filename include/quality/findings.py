"""What a checkpoint found, in plain words, and free of values of rows."""

from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from include.quality.severity import is_warn_only, name_expectation

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

NOT_CHECKED = "could not be checked: its columns are missing or have another type"


class Outcome(StrEnum):
    """How an expectation ended. Only a failure closes the gate."""

    MET = "met"
    FAILED = "failed"
    WARNING = "warning"
    SKIPPED = "skipped"


def find_outcome(result: "ExpectationValidationResult") -> Outcome:
    if result.success:
        return Outcome.SKIPPED if result.result.get("skipped") else Outcome.MET
    return Outcome.WARNING if is_warn_only(find_config(result)) else Outcome.FAILED


def describe_outcomes(result: "ExpectationSuiteValidationResult", outcome: Outcome) -> list[str]:
    """Each expectation that ended so, in a line such as `expect_…(quantity): 3 of 1,000 rows`; sorted."""
    found = (each for each in result.results if find_outcome(each) is outcome)
    return sorted(f"{name_expectation(find_config(each))}: {describe(each)}" for each in found)


def find_config(result: "ExpectationValidationResult") -> "ExpectationConfiguration":
    return cast("ExpectationConfiguration", result.expectation_config)


def describe(result: "ExpectationValidationResult") -> str:
    """What was found in place of what was expected; nothing for an expectation that was met."""
    outcome = find_outcome(result)
    if outcome is Outcome.MET:
        return ""
    if has_raised(result):
        return NOT_CHECKED
    config = find_config(result)
    found, kwargs = result.result, config.kwargs
    if "measure" in kwargs:
        told = str(config.description).removeprefix(f"{kwargs['measure']}: ").rstrip(".")
        return told if outcome is Outcome.SKIPPED else f"found {found['observed_value']}, {told}"
    if "allowed" in kwargs:
        return f"{found['observed_value']} rejected, allowed {kwargs['allowed']:.1%}"
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
    return bool(list_errors(result))


def list_errors(result: "ExpectationValidationResult") -> list[str]:
    """What ended the check, in the words of who raised it; there is a record of it, or one a metric."""
    info = result.exception_info
    records: list[Any] = [info] if "raised_exception" in info else list(info.values())
    return [record["exception_message"] for record in records if record["raised_exception"]]


def hide_errors(result: "ExpectationSuiteValidationResult") -> None:
    """Replace what the database said of a check that it could not run: it may quote values of rows."""
    for each in result.results:
        if has_raised(each):
            each.exception_info = {
                "raised_exception": True,
                "exception_message": NOT_CHECKED,
                "exception_traceback": None,
            }
