"""Two days side by side: their figures, their reject reasons and what they sold."""

from collections.abc import Iterator
from dataclasses import dataclass

from include.site.days import Day, format_amount
from include.site.pages import compare_days, render_page


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One line of a comparison; empty text where a day lacks it."""

    name: str
    first: str
    second: str


def render_comparison(first: Day, second: Day) -> str:
    return render_page(
        "compare.html",
        first=first,
        second=second,
        figures=[Pair(name=name, first=one, second=two) for name, one, two in compare_days(first, second)],
        reasons=list(pair_reasons(first, second)),
        sales={name: list(pair_sales(first, second, name)) for name in ("country", "category", "product")},
        root="../../",
    )


def pair_reasons(first: Day, second: Day) -> Iterator[Pair]:
    """Rejected rows by reason, those of the second day first."""
    counts = [day.reason_totals for day in (first, second)]
    for name in {**counts[1], **counts[0]}:
        one, two = (f"{found[name]:,}" if name in found else "" for found in counts)
        yield Pair(name=name, first=one, second=two)


def pair_sales(first: Day, second: Day, breakdown: str) -> Iterator[Pair]:
    """Revenue by name; a name that one of the days counts among the rest has no figure of its own there."""
    if not (first.business and second.business):
        return
    revenues = [
        {group["name"]: format_amount(group["revenue"]) for group in sold["groups"].get(breakdown, ())}
        for sold in (first.business, second.business)
    ]
    for name in {**revenues[1], **revenues[0]}:
        yield Pair(name=name, first=revenues[0].get(name, ""), second=revenues[1].get(name, ""))
