"""Which expectations only warn, and what an expectation is called where people name it."""

import re
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from include.errors import SettingError

if TYPE_CHECKING:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

#: The arguments that distinguish expectations of one type.
SUBJECTS = ("column", "column_A", "column_B", "measure", "dataset")
#: A name may hold commas between its parentheses.
NAME = re.compile(r"[^\s,(]+(?:\([^)]*\))?")


def name_expectation(config: "ExpectationConfiguration") -> str:
    """The type of the expectation and what it is about, such as `expect_…(quantity)`."""
    subjects = [config.kwargs[name] for name in SUBJECTS if name in config.kwargs]
    return f"{config.type}({', '.join(subjects)})" if subjects else config.type


def is_warn_only(config: "ExpectationConfiguration") -> bool:
    return config.severity == "warning"


def read_names(text: str) -> set[str]:
    """The names in a list with commas; blanks after a comma do not count."""
    return {re.sub(r",\s*", ", ", name) for name in NAME.findall(text)}


def require_known(wanted: AbstractSet[str], known: AbstractSet[str]) -> None:
    """Raise a SettingError for names that are no expectation's."""
    if unknown := sorted(wanted - known):
        types = sorted({name.partition("(")[0] for name in known})
        raise SettingError(
            f"Variable ecommerce_warn_only names {', '.join(unknown)}, which no expectation is called. "
            f"Give one of {', '.join(types)}, alone or with what it is about, as in "
            "expect_measure_to_be_usual(revenue). Correct it in the Airflow UI under Admin, Variables."
        )
