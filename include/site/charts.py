"""Charts as plain SVG, drawn on the server: no script, and colours that the style sheet decides."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT, AXIS = 720, 160, 18


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar: its parts from the bottom up, each with the class that gives its colour."""

    label: str
    title: str
    href: str
    parts: Sequence[tuple[str, int]]

    @property
    def total(self) -> int:
        return sum(size for _, size in self.parts)


def draw_bars(bars: Sequence[Bar], caption: str) -> Markup:
    """Stacked bars from left to right, each a link; the caption tells a screen reader what they show."""
    largest = max((bar.total for bar in bars), default=0)
    step = WIDTH / max(len(bars), 1)
    drawn = Markup("").join(draw_bar(bar, place * step, step, largest) for place, bar in enumerate(bars))
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{caption}">'
        '<line class="grid" x1="0" x2="{width}" y1="{floor}" y2="{floor}"/>'
        '<text class="scale" x="0" y="10">{largest}</text>{drawn}</svg>'
    ).format(
        width=WIDTH,
        height=HEIGHT + AXIS,
        floor=HEIGHT,
        caption=caption,
        largest=f"{largest:,}",
        drawn=drawn,
    )


def draw_bar(bar: Bar, left: float, step: float, largest: int) -> Markup:
    scale = (HEIGHT - AXIS) / largest if largest else 0
    parts, top = Markup(""), float(HEIGHT)
    for name, size in bar.parts:
        top -= size * scale
        parts += Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            name, left + step * 0.12, top, step * 0.76, size * scale
        )
    return Markup(
        '<a href="{href}"><title>{title}</title>'
        '<rect class="touch" x="{left:.1f}" y="0" width="{step:.1f}" height="{height}"/>{parts}'
        '<text class="tick" x="{middle:.1f}" y="{foot}">{label}</text></a>'
    ).format(
        href=bar.href,
        title=bar.title,
        left=left,
        step=step,
        height=HEIGHT + AXIS,
        parts=parts,
        middle=left + step / 2,
        foot=HEIGHT + AXIS - 4,
        label=bar.label,
    )
