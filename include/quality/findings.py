"""Names of expectations, and summaries of a checkpoint's results that contain no value of any row."""

import re
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from include.errors import SettingError

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

NOT_CHECKED = "could not be checked: its columns are missing or have another type"
#: The arguments that distinguish expectations of one type.
_SUBJECTS = ("column", "column_A", "column_B", "measure", "dataset")
#: A name may contain commas in its parentheses.
_NAME = re.compile(r"[^\s,(]+(?:\([^)]*\))?")


class Outcome(StrEnum):
    """The result of an expectation. Only a failure closes the gate."""

    MET = "met"
    FAILED = "failed"
    WARNING = "warning"
    SKIPPED = "skipped"


def name_expectation(config: "ExpectationConfiguration") -> str:
    """The type and the subject of an expectation, such as `expect_…(quantity)`."""
    subjects = [config.kwargs[name] for name in _SUBJECTS if name in config.kwargs]
    return f"{config.type}({', '.join(subjects)})" if subjects else config.type


def parse_names(text: str) -> set[str]:
    """The names in a comma-separated list, with one blank after each comma in their parentheses."""
    return {re.sub(r",\s*", ", ", name) for name in _NAME.findall(text)}


def require_known(names: AbstractSet[str], known: AbstractSet[str]) -> None:
    """Check the names in the setting `warn_only`.

    Raises
    ------
    SettingError: there is no expectation of one of the names.
    """
    if unknown := sorted(names - known):
        types = sorted({name.partition("(")[0] for name in known})
        raise SettingError(
            f"Variable ecommerce_warn_only names {', '.join(unknown)}, but there is no such expectation. "
            f"Give one of {', '.join(types)}, optionally with its subject, as in "
            "expect_measure_to_be_usual(revenue). Correct it in the Airflow UI under Admin, Variables."
        )


def find_outcome(result: "ExpectationValidationResult") -> Outcome:
    if result.success:
        return Outcome.SKIPPED if result.result.get("skipped") else Outcome.MET
    return Outcome.WARNING if find_config(result).severity == "warning" else Outcome.FAILED


def describe_outcomes(result: "ExpectationSuiteValidationResult", outcome: Outcome) -> list[str]:
    """One line per expectation with that outcome, such as `expect_…(quantity): 3 of 1,000 rows`; sorted."""
    found = (each for each in result.results if find_outcome(each) is outcome)
    return sorted(f"{name_expectation(find_config(each))}: {describe(each)}" for each in found)


def find_config(result: "ExpectationValidationResult") -> "ExpectationConfiguration":
    return cast("ExpectationConfiguration", result.expectation_config)


def describe(result: "ExpectationValidationResult") -> str:
    """The difference between expected and found; empty if the expectation was met."""
    outcome = find_outcome(result)
    if outcome is Outcome.MET:
        return ""
    if has_raised(result):
        return NOT_CHECKED
    config = find_config(result)
    found, kwargs = result.result, config.kwargs
    if "measure" in kwargs:
        summary = str(config.description).removeprefix(f"{kwargs['measure']}: ").rstrip(".")
        return summary if outcome is Outcome.SKIPPED else f"found {found['observed_value']}, {summary}"
    if "same_as" in kwargs:
        return str(found["observed_value"])
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
    """The errors that ended the check. Great Expectations keeps one record, or one per metric."""
    info = result.exception_info
    records: list[Any] = [info] if "raised_exception" in info else list(info.values())
    return [record["exception_message"] for record in records if record["raised_exception"]]


def hide_errors(result: "ExpectationSuiteValidationResult") -> None:
    """Replace the database's error messages, because they may quote values of rows."""
    for each in result.results:
        if has_raised(each):
            each.exception_info = {
                "raised_exception": True,
                "exception_message": NOT_CHECKED,
                "exception_traceback": None,
            }
