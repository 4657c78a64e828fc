"""What each setting may be, beyond its type, and how a text becomes one. No Airflow: both ends of a
deployment ask here, the tasks that read Variables and the commands that write them.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from string import Formatter
from typing import Any

#: A century, and a year: more would only overflow calendars.
_MOST_DAYS, _MOST_HOURS = 36_500, 8_760


@dataclass(frozen=True)
class Rule:
    """`allowed` says in words what `is_met` holds a value to, as in "give …"."""

    allowed: str
    is_met: Callable[[Any], bool]


def between(lowest: float, highest: float, what: str) -> Rule:
    # No number compares with "not a number", so it is refused as well.
    return Rule(f"{what} from {lowest} to {highest}", lambda value: lowest <= value <= highest)


def at_least(lowest: int, what: str) -> Rule:
    return Rule(f"{what}, {lowest} or more", lambda value: lowest <= value < math.inf)


def is_key_template(text: str) -> bool:
    """Whether every day and every dataset gets a key of its own."""
    try:
        fields = [field for field in Formatter().parse(text) if field[1] is not None]
    except ValueError:
        return False
    return {name for _, name, _, _ in fields} == {"day", "dataset"} and not any(
        form or conversion for _, _, form, conversion in fields
    )


BUCKET = Rule("the name of a bucket alone", lambda text: bool(re.fullmatch(r"[\w.-]+", text)))
SHARE = between(0, 1, "a share")
TOLERANCE = at_least(0, "a share")
FLAG = Rule("True or False", lambda value: isinstance(value, bool))

RULES = {
    "raw_bucket": BUCKET,
    "raw_key_template": Rule(
        "a key that holds {day} and {dataset}, and nothing else in braces, such as {day}/{dataset}.csv",
        is_key_template,
    ),
    "curated_bucket": BUCKET,
    "quality_bucket": BUCKET,
    "docs_prefix": Rule(
        "a prefix without a slash at either end", lambda text: bool(re.fullmatch(r"[^/]+(/[^/]+)*", text))
    ),
    "max_reject_ratio": SHARE,
    "min_rejected_rows": at_least(1, "a number of rows"),
    "batch_bytes": at_least(1, "a number of bytes"),
    "keep_days": between(0, _MOST_DAYS, "a number of days"),
    "deadline_hour": between(0, 23, "an hour of the day"),
    "processing_hours": between(0, _MOST_HOURS, "a number of hours"),
    "watchdog_days": between(1, _MOST_DAYS, "a number of days"),
    "correction_days": between(0, _MOST_DAYS, "a number of days"),
    "history_weeks": between(0, _MOST_DAYS // 7, "a number of weeks"),
    "history_min_days": at_least(1, "a number of days"),
    "history_orders_tolerance": TOLERANCE,
    "history_revenue_tolerance": TOLERANCE,
    "history_reject_tolerance": SHARE,
    "history_undelivered_tolerance": SHARE,
    "gate_approval": FLAG,
    "gate_approval_hours": Rule(
        f"a number of hours, more than 0 and up to {_MOST_HOURS}", lambda value: 0 < value <= _MOST_HOURS
    ),
    "glue_min_bytes": at_least(0, "a number of bytes"),
}


def read_value(name: str, text: str, kind: type[str | float]) -> str | float:
    """The value of a setting, of the type of its default. One without a rule may be any of that type.

    Raises
    ------
    ValueError: it is of another type, or breaks the rule of its setting; says what is allowed.
    """
    rule = RULES.get(name, Rule(f"a value of type {kind.__name__}", lambda _: True))
    try:
        value = read_flag(text) if kind is bool else kind(text)
    except ValueError as error:
        raise ValueError(rule.allowed) from error
    if not rule.is_met(value):
        raise ValueError(rule.allowed)
    return value


def read_flag(text: str) -> bool:
    """Whether a setting is on; in the words that Airflow itself takes in its configuration.

    Raises
    ------
    ValueError: none of them.
    """
    word = text.strip().lower()
    if word in {"t", "true", "1"}:
        return True
    if word in {"f", "false", "0"}:
        return False
    raise ValueError(text)
