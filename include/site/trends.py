"""The page of trends: each measure and each expectation over weeks, and the runs that failed meanwhile."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from include.day import move_day
from include.manifest import Manifest
from include.quality.baseline import measure_day
from include.site.charts import draw_bars
from include.site.days import Day
from include.site.pages import day_bar, render_page
from include.site.summary import RunFailure

#: How many earlier weeks the usual range of a day comes from, and how many of them it needs.
USUAL_WEEKS, LEAST_WEEKS = 4, 2


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A figure of a published day.

    Parameters
    ----------
    find: returns None for a day that lacks the figure.
    has_no_minimum: whether any lower figure is usual.
    """

    title: str
    unit: str
    find: Callable[[Manifest], float | None]
    has_no_minimum: bool = False


def find_figure(name: str, factor: float = 1.0) -> Callable[[Manifest], float | None]:
    """A figure that the gate compares, too."""

    def find(manifest: Manifest) -> float | None:
        figure = measure_day(manifest).get(name)
        return None if figure is None else figure * factor

    return find


def find_freshness_hours(manifest: Manifest) -> float:
    """Hours from the end of the day, in UTC, to its publication."""
    end = dt.datetime.fromisoformat(move_day(manifest["day"], 1)).replace(tzinfo=dt.UTC)
    return (dt.datetime.fromisoformat(manifest["published_at"]) - end).total_seconds() / 3600


def find_run_minutes(manifest: Manifest) -> float:
    started_at, published_at = (
        dt.datetime.fromisoformat(instant) for instant in (manifest["started_at"], manifest["published_at"])
    )
    return (published_at - started_at).total_seconds() / 60


MEASURES = (
    Measure(title="Orders read", unit="rows", find=find_figure("orders_read")),
    Measure(title="Revenue", unit="money", find=find_figure("revenue")),
    Measure(
        title="Rejected orders",
        unit="% of the rows read",
        find=find_figure("reject_ratio", 100),
        has_no_minimum=True,
    ),
    Measure(
        title="Undelivered orders",
        unit="% of the rows published",
        find=find_figure("undelivered_ratio", 100),
        has_no_minimum=True,
    ),
    Measure(
        title="Freshness",
        unit="hours from the end of the day to publication",
        find=find_freshness_hours,
        has_no_minimum=True,
    ),
    Measure(
        title="Run time, with the wait for files",
        unit="minutes",
        find=find_run_minutes,
        has_no_minimum=True,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Record:
    """An expectation that was not always met: on how many of the days, and the last of them."""

    name: str
    failed: int
    warned: int
    last_day: str


def list_shown_and_earlier(day: str, shown: int) -> list[str]:
    """The days of the page, and before them those that their usual ranges come from."""
    return [move_day(day, -back) for back in reversed(range(shown + 7 * USUAL_WEEKS))]


def render_trends(days: Sequence[Day], failures: Sequence[RunFailure], today: str) -> str:
    """The page for the last of the days; the first weeks are only there for the usual ranges."""
    shown = days[7 * USUAL_WEEKS :]
    first = shown[0].day
    return render_page(
        "trends.html",
        day=shown[-1],
        days=shown,
        charts=[(measure.title, draw_measure(measure, days)) for measure in MEASURES],
        records=list_records(shown),
        failures=[failure for failure in failures if failure["day"] >= first][::-1],
        before=move_day(shown[-1].day, -len(shown)),
        after=min(move_day(shown[-1].day, len(shown)), today),
        root="../",
    )


def draw_measure(measure: Measure, days: Sequence[Day]) -> Markup:
    figures = [measure.find(day.manifest) if day.manifest else None for day in days]
    bars = []
    for place in range(7 * USUAL_WEEKS, len(days)):
        figure, usual = figures[place], find_usual(measure, figures, place)
        shown = "not published" if figure is None else f"{figure:,.2f} {measure.unit}"
        if usual:
            shown += f"; the same weekday before: {usual[0]:,.2f} to {usual[1]:,.2f}"
        is_odd = figure is not None and usual is not None and is_unusual(measure, figure, usual)
        parts = [("odd" if is_odd else "measure", max(figure or 0.0, 0.0))]
        bars.append(day_bar(days[place], shown, parts, href="../days/", usual=usual))
    return draw_bars(bars, f"{measure.title} per day", measure.unit)


def is_unusual(measure: Measure, figure: float, usual: tuple[float, float]) -> bool:
    lowest, highest = usual
    return figure > highest or (figure < lowest and not measure.has_no_minimum)


def find_usual(measure: Measure, figures: Sequence[float | None], place: int) -> tuple[float, float] | None:
    """The figures of the same weekday in the weeks before, with a margin: a tenth, or half their spread."""
    earlier = [
        figure
        for back in range(1, USUAL_WEEKS + 1)
        if place >= 7 * back and (figure := figures[place - 7 * back]) is not None
    ]
    if len(earlier) < LEAST_WEEKS:
        return None
    lowest, highest = min(earlier), max(earlier)
    margin = max(0.1 * abs(highest), 0.5 * (highest - lowest))
    return (0.0 if measure.has_no_minimum else lowest - margin), highest + margin


def list_records(days: Sequence[Day]) -> list[Record]:
    """The expectations that failed or warned in the validation that each day shows, the worst first."""
    failed, warned, last = Counter[str](), Counter[str](), dict[str, str]()
    for day in days:
        for lines, counter in ((day.failed, failed), (day.warnings, warned)):
            for name in {line.partition(": ")[0] for line in lines}:
                counter[name] += 1
                last[name] = day.day
    records = [
        Record(name=name, failed=failed[name], warned=warned[name], last_day=day)
        for name, day in last.items()
    ]
    return sorted(records, key=lambda record: (-record.failed, -record.warned, record.name))
