"""Charts as plain SVG, drawn on the server: no script, and colours that the style sheet decides."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 760, 190
#: The space around the plot: labels of the axes.
LEFT, TOP, FOOT = 64, 22, 34
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT, HEIGHT - TOP - FOOT


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar: its parts from the bottom up, each with the class that gives its colour.

    Parameters
    ----------
    label: the text below the bar; `sublabel` is a second line.
    usual: the lowest and the highest figure that are usual, drawn as a band behind the bar.
    """

    label: str
    title: str
    parts: Sequence[tuple[str, float]]
    href: str = ""
    sublabel: str = ""
    usual: tuple[float, float] | None = None

    @property
    def total(self) -> float:
        return sum(size for _, size in self.parts)


def draw_bars(bars: Sequence[Bar], caption: str, unit: str) -> Markup:
    """Stacked bars from left to right; the caption tells a screen reader what they show."""
    tops = [max(bar.total, bar.usual[1] if bar.usual else 0) for bar in bars]
    ticks = find_ticks(max(tops, default=0))
    step = PLOT_WIDTH / max(len(bars), 1)
    drawn = Markup("").join(
        _draw_bar(bar, LEFT + place * step, step, ticks[-1]) for place, bar in enumerate(bars)
    )
    return Markup(
        '<div class="chart-frame"><svg class="chart" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="{caption}, in {unit}">{axis}'
        '<text class="unit" x="0" y="10">{unit}</text>{drawn}</svg></div>'
    ).format(width=WIDTH, height=HEIGHT, caption=caption, unit=unit, axis=_draw_axis(ticks), drawn=drawn)


def find_ticks(largest: float) -> list[float]:
    """Round numbers from 0 to at least the largest value: three to six of them."""
    if largest <= 0:
        return [0, 1, 2]
    rough = largest / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    return [step * place for place in range(math.ceil(round(largest / step, 6)) + 1)]


def format_tick(value: float) -> str:
    for size, suffix in ((1e9, "bn"), (1e6, "m"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if suffix == 'k' else size):,.4g} {suffix}"
    return f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def _scale(value: float, largest: float) -> float:
    return TOP + PLOT_HEIGHT * (1 - value / largest)


def _draw_axis(ticks: Sequence[float]) -> Markup:
    line = Markup(
        '<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        '<text class="scale" x="{end}" y="{base:.1f}">{label}</text>'
    )
    return Markup("").join(
        line.format(left=LEFT, right=WIDTH, y=y, end=LEFT - 6, base=y + 4, label=format_tick(tick))
        for tick in ticks
        for y in [_scale(tick, ticks[-1])]
    )


def _draw_bar(bar: Bar, left: float, step: float, largest: float) -> Markup:
    parts, below = Markup(""), 0.0
    if bar.usual:
        parts += _draw_box("usual", left, step, bar.usual[0], bar.usual[1], largest)
    for name, size in bar.parts:
        parts += _draw_box(name, left + step * 0.14, step * 0.72, below, below + size, largest)
        below += size
    drawn = Markup(
        "<title>{title}</title>"
        '<rect class="touch" x="{left:.1f}" y="{top}" width="{step:.1f}" height="{height}"/>'
        '{parts}<text class="tick" x="{middle:.1f}" y="{first}">{label}</text>'
        '<text class="tick" x="{middle:.1f}" y="{second}">{sublabel}</text>'
    ).format(
        title=bar.title,
        left=left,
        top=TOP,
        step=step,
        height=HEIGHT - TOP,
        parts=parts,
        middle=left + step / 2,
        first=HEIGHT - FOOT + 14,
        second=HEIGHT - 4,
        label=bar.label,
        sublabel=bar.sublabel,
    )
    if not bar.href:
        return Markup("<g>{}</g>").format(drawn)
    return Markup('<a href="{}">{}</a>').format(bar.href, drawn)


def _draw_box(name: str, left: float, width: float, low: float, high: float, largest: float) -> Markup:
    # An amount below zero, such as a day of returns, has no bar; its title says how much it is.
    low, high = max(low, 0.0), max(high, 0.0)
    top = _scale(high, largest)
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        name, left, top, width, _scale(low, largest) - top
    )
