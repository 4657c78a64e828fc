"""How a day compares with the same weekday of the weeks before it.

Medians, not means: one odd day among the earlier ones changes nothing. Pure: whoever asks has read the
manifests.
"""

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from include.day import move_day

#: What chance alone may do to a day: so many standard deviations.
CHANCE_DEVIATIONS = 3

Figures = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One figure of a day.

    Parameters
    ----------
    tolerance: the setting that says how far it may be from usual: as a share of the median, or, where the
        figure is a share itself, as a distance.
    is_low_fine: whether less than usual is no reason to look.
    """

    tolerance: str
    pattern: str
    is_share: bool = False
    is_low_fine: bool = False


MEASURES = {
    "orders_read": Measure(tolerance="history_orders_tolerance", pattern="{:,.0f}"),
    "revenue": Measure(tolerance="history_revenue_tolerance", pattern="{:,.2f}"),
    "reject_ratio": Measure(
        tolerance="history_reject_tolerance", pattern="{:.1%}", is_share=True, is_low_fine=True
    ),
    "undelivered_ratio": Measure(tolerance="history_undelivered_tolerance", pattern="{:.1%}", is_share=True),
}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One figure of a day beside what is usual; without a range nothing could be compared.

    `told` says what is usual, or why that is not known.
    """

    measure: str
    found: float | None
    lowest: float | None = None
    highest: float | None = None
    told: str


def find_earlier_days(day: str, weeks: int) -> list[str]:
    """The same weekday of the weeks before a day, the latest first."""
    return [move_day(day, -7 * back) for back in range(1, weeks + 1)]


def measure_day(counts: Mapping[str, Any]) -> Figures:
    """The figures of a day from its counts or its manifest; what these do not hold is left out."""
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
    """One comparison for each measure, whether it could be made or not."""
    weekday = f"{dt.date.fromisoformat(day):%A}"
    return [
        compare_measure(name, found.get(name), earlier, tolerances[name], min_days, weekday)
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
    comparable = [figures for figures in earlier if name in figures]
    if why := find_obstacle(name, found, comparable, min_days, weekday):
        return Comparison(measure=name, found=found, told=f"not compared: {why}")
    usual = median(figures[name] for figures in comparable)
    lowest, highest = find_range(name, usual, tolerance, count_usual_orders(comparable))
    told = (
        f"usual is {show_figure(name, lowest)} to {show_figure(name, highest)} "
        f"(median of {count_days(comparable, weekday)}: {show_figure(name, usual)})"
    )
    return Comparison(measure=name, found=found, lowest=lowest, highest=highest, told=told)


def find_obstacle(
    name: str, found: float | None, earlier: Sequence[Figures], min_days: int, weekday: str
) -> str:
    """Why a measure cannot be compared; empty when it can."""
    if found is None:
        return "this day does not have it"
    if len(earlier) < max(min_days, 1):
        return f"it takes {max(min_days, 1)}, and {count_days(earlier, weekday)} is all there is"
    if not MEASURES[name].is_share and not median(figures[name] for figures in earlier):
        return f"the median of {count_days(earlier, weekday)} is 0"
    return ""


def count_days(earlier: Sequence[Figures], weekday: str) -> str:
    """Such as `5 earlier Mondays`."""
    return f"{len(earlier)} earlier {weekday}{'' if len(earlier) == 1 else 's'}"


def count_usual_orders(earlier: Iterable[Figures]) -> float:
    return median(figures["orders_read"] for figures in earlier)


def find_range(name: str, usual: float, tolerance: float, orders: float) -> tuple[float, float]:
    """The lowest and the highest figure that are usual.

    The tolerance is never less than what chance does to a day of that many orders, so that a small shop is
    not warned of every coincidence: √orders for amounts, the deviation of a binomial for shares.
    """
    if not MEASURES[name].is_share:
        distance = usual * max(tolerance, CHANCE_DEVIATIONS / math.sqrt(orders))
        return max(usual - distance, 0.0), usual + distance
    # One success and one failure more than seen: a share of 0 % among few orders proves little.
    share = (usual * orders + 1) / (orders + 2)
    chance = CHANCE_DEVIATIONS * math.sqrt(share * (1 - share) / orders)
    distance = max(tolerance, chance)
    lowest = 0.0 if MEASURES[name].is_low_fine else max(usual - distance, 0.0)
    return lowest, min(usual + distance, 1.0)


def show_figure(name: str, figure: float) -> str:
    return MEASURES[name].pattern.format(figure)
