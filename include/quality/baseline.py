"""Compares the figures of a day with the same weekday of earlier weeks.

The baseline is the median, so that one unusual day has no effect. Pure functions of counts and manifests.
"""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from include.day import move_day

#: The width of the range that chance alone explains, in standard deviations.
CHANCE_DEVIATIONS = 3

Figures = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A figure that is compared.

    Parameters
    ----------
    tolerance: the setting with the allowed distance from the median: a share of the median, or for a measure
        that is itself a share, an absolute distance.
    has_no_minimum: whether any lower figure is usual.
    """

    tolerance: str
    pattern: str
    is_share: bool = False
    has_no_minimum: bool = False


MEASURES = {
    "orders_read": Measure(tolerance="history_orders_tolerance", pattern="{:,.0f}"),
    "revenue": Measure(tolerance="history_revenue_tolerance", pattern="{:,.2f}"),
    "reject_ratio": Measure(
        tolerance="history_reject_tolerance", pattern="{:.1%}", is_share=True, has_no_minimum=True
    ),
    "undelivered_ratio": Measure(tolerance="history_undelivered_tolerance", pattern="{:.1%}", is_share=True),
}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A figure of the day and its usual range; `lowest` and `highest` are None if it was not compared.

    `summary` gives the usual range, or the reason why there is none.
    """

    measure: str
    found: float | None
    lowest: float | None = None
    highest: float | None = None
    summary: str


def find_earlier_days(day: str, weeks: int) -> list[str]:
    """The same weekday of the weeks before a day, latest first."""
    return [move_day(day, -7 * back) for back in range(1, weeks + 1)]


def measure_day(counts: Mapping[str, Any]) -> Figures:
    """The figures of a day from its counts or its manifest; earlier releases did not count all of them."""
    orders = counts["rows"]["orders"]
    figures = {
        "orders_read": orders["read"],
        "revenue": float(counts["total_price"]),
        "reject_ratio": orders["quarantined"] / orders["read"] if orders["read"] else 0.0,
    }
    if "undelivered" in counts and orders["published"]:
        figures["undelivered_ratio"] = counts["undelivered"] / orders["published"]
    return figures


def compare_day(
    day: str, found: Figures, earlier: Sequence[Figures], tolerances: Figures, min_days: int
) -> list[Comparison]:
    """Compare each measure with the earlier days that have it."""
    weekday = f"{dt.date.fromisoformat(day):%A}"
    return [
        compare_measure(
            name,
            found.get(name),
            [figures for figures in earlier if name in figures],
            tolerances[name],
            max(min_days, 1),
            weekday,
        )
        for name in MEASURES
    ]


def compare_measure(
    name: str,
    found: float | None,
    earlier: Sequence[Figures],
    tolerance: float,
    min_days: int,
    weekday: str,
) -> Comparison:
    if reason := find_obstacle(name, found, earlier, min_days, weekday):
        return Comparison(measure=name, found=found, summary=f"not compared: {reason}")
    usual = median(figures[name] for figures in earlier)
    orders = median(figures["orders_read"] for figures in earlier)
    lowest, highest = find_range(name, usual, tolerance, orders)
    summary = (
        f"usual is {show_figure(name, lowest)} to {show_figure(name, highest)} "
        f"(median of {count_days(len(earlier), weekday)}: {show_figure(name, usual)})"
    )
    return Comparison(measure=name, found=found, lowest=lowest, highest=highest, summary=summary)


def find_obstacle(
    name: str, found: float | None, earlier: Sequence[Figures], min_days: int, weekday: str
) -> str:
    """Why a measure cannot be compared; empty if it can."""
    if found is None:
        return "not counted on this day"
    if len(earlier) < min_days:
        return f"needs {count_days(min_days, weekday)}, found {len(earlier)}"
    if not MEASURES[name].is_share and not median(figures[name] for figures in earlier):
        return f"the median of {count_days(len(earlier), weekday)} is 0"
    return ""


def count_days(count: int, weekday: str) -> str:
    """A phrase such as `5 earlier Mondays`."""
    return f"{count} earlier {weekday}{'' if count == 1 else 's'}"


def find_range(name: str, usual: float, tolerance: float, orders: float) -> tuple[float, float]:
    """The lowest and the highest usual figure.

    The range is never narrower than random variation on a day of that many orders, so that a small shop gets
    no false warnings: √orders for amounts, the standard deviation of a binomial for shares.
    """
    if not MEASURES[name].is_share:
        distance = abs(usual) * max(tolerance, CHANCE_DEVIATIONS / math.sqrt(orders))
        # Days of returns alone have a negative revenue.
        lowest = usual - distance
        return lowest if usual < 0 else max(lowest, 0.0), usual + distance
    # Rule of succession: a share of 0 % among few orders proves little.
    share = (usual * orders + 1) / (orders + 2)
    distance = max(tolerance, CHANCE_DEVIATIONS * math.sqrt(share * (1 - share) / orders))
    lowest = 0.0 if MEASURES[name].has_no_minimum else max(usual - distance, 0.0)
    return lowest, min(usual + distance, 1.0)


def show_figure(name: str, figure: float) -> str:
    return MEASURES[name].pattern.format(figure)
