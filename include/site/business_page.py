"""The page of what was sold: a day with its breakdowns, and the weeks before it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from include.day import move_day
from include.site.business import Business, list_breakdowns
from include.site.charts import Bar, draw_bars
from include.site.days import Day, count
from include.site.pages import day_bar, render_page


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A figure of the sales of a day, over weeks."""

    title: str
    unit: str
    find: Callable[[Day, Business], float]
    show: Callable[[float], str]


def show_money(amount: float) -> str:
    return f"{amount:,.2f}"


MEASURES = (
    Measure(title="Revenue", unit="money", find=lambda _, sold: float(sold["revenue"]), show=show_money),
    Measure(
        title="Orders", unit="orders", find=lambda _, sold: sold["orders"], show=lambda n: f"{n:,.0f} orders"
    ),
    Measure(
        title="Units", unit="units", find=lambda _, sold: sold["units"], show=lambda n: f"{n:,.0f} units"
    ),
    Measure(
        title="Average order value",
        unit="money per order",
        find=lambda _, sold: float(sold["average_order_value"]),
        show=show_money,
    ),
    Measure(
        title="Share undelivered",
        unit="% of the order lines",
        find=lambda day, sold: 100 * sold["undelivered"] / max(day.published_orders, 1),
        show=lambda share: f"{share:.1f} %",
    ),
)


def render_business(days: Sequence[Day]) -> str:
    """The last of the days in detail, and all of them side by side."""
    day = days[-1]
    return render_page(
        "business.html",
        day=day,
        charts=[(measure.title, draw_measure(measure, days)) for measure in MEASURES],
        breakdowns=list_breakdowns(day.business) if day.business else {},
        deliveries=draw_deliveries(day.business) if day.business else Markup(""),
        unsummarised=[each for each in days if each.manifest and not each.business],
        before=move_day(day.day, -1),
        after=move_day(day.day, 1),
        root="../",
    )


def draw_measure(measure: Measure, days: Sequence[Day]) -> Markup:
    bars = []
    for day in days:
        figure = measure.find(day, day.business) if day.business else 0
        shown = measure.show(figure) if day.business else "no summary of the sales"
        bars.append(day_bar(day, shown, [("measure", figure)], href=""))
    return draw_bars(bars, f"{measure.title} per day", measure.unit)


def draw_deliveries(sold: Business) -> Markup:
    """How many days the delivered order lines took."""
    bars = [
        Bar(
            label=days,
            title=f"{days} days: {count(lines, 'order line')}",
            parts=[("measure", lines)],
        )
        for days, lines in sold["delivery_days"].items()
    ]
    return draw_bars(bars, "Delivered order lines by days from order to delivery", "order lines")
