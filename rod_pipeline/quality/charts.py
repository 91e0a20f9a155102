"""Small drawings for the pages about a delivery: bars as inline SVG.

Belongs here: scales, bars, axes and keys. Does not belong here: what is drawn (``picture``). A drawing has a title and
a description for who can't see it, and the numbers behind it stand on it or beside it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from rod_pipeline.quality.totals import SCHOOL_YEAR

NOW: Final = "#1f4e79"
BEFORE: Final = "#8db4d6"
OLDER: Final = ("#d5dbe2", "#c0c9d3", "#aab6c3", "#94a3b3")
MOVED: Final = "#c77700"
_WIDTH: Final = 520


@dataclass(frozen=True)
class Series:
    """Bars of one colour, one for each group; None where a number may not be told, or isn't there (``told``)."""

    name: str
    colour: str
    values: Sequence[int | None]
    told: Sequence[bool]


@dataclass(frozen=True)
class Bar:
    """One line of a drawing with lines: a bar to ``value`` (0 to 1), a mark at ``mark``, and words at its end."""

    label: str
    value: float
    mark: float | None
    words: str
    colour: str = NOW


def columns(title: str, groups: Sequence[str], series: Sequence[Series]) -> str:
    """Upright bars in groups over one axis that begins at zero."""
    height, left, bottom, top = 190, 46, 22, 8
    most = max((value for one in series for value in one.values if value), default=1)
    step = _step(most)
    highest = math.ceil(most / step) * step
    room = (_WIDTH - left) / max(len(groups), 1)
    wide = min(room * 0.8 / max(len(series), 1), 26)

    def y(value: float) -> float:
        return top + (height - top - bottom) * (1 - value / highest)

    drawn = [
        f'<line class="grid" x1="{left}" x2="{_WIDTH}" y1="{y(at):.1f}" y2="{y(at):.1f}"/>'
        f'<text class="axis" x="{left - 6}" y="{y(at) + 4:.1f}" text-anchor="end">{_short(at)}</text>'
        for at in range(0, highest + 1, step)
    ]
    for number, group in enumerate(groups):
        middle, name = left + room * (number + 0.5), escape(short_year(group))
        drawn.append(f'<text class="axis" x="{middle:.1f}" y="{height - 6}" text-anchor="middle">{name}</text>')
        for place, one in enumerate(series):
            value, x = one.values[number], middle + (place - len(series) / 2) * wide
            if value is None:
                if one.told[number]:
                    drawn.append(
                        f'<text class="axis" x="{x + wide / 2:.1f}" y="{y(0) - 3:.1f}" text-anchor="middle">·'
                        f"<title>{escape(f'{one.name}, {group}: too few to tell')}</title></text>"
                    )
                continue
            drawn.append(
                f'<rect x="{x:.1f}" y="{y(value):.1f}" width="{max(wide - 1.5, 1):.1f}" '
                f'height="{y(0) - y(value):.1f}" fill="{one.colour}">'
                f"<title>{escape(f'{one.name}, {group}: {value:,}')}</title></rect>"
            )
    described = f"Rows per school year in {len(series)} deliveries; the numbers stand in the table below."
    return _svg(title, described, height, drawn)


def lines(title: str, described: str, bars: Sequence[Bar], *, most: float = 1.0) -> str:
    """Lying bars, one a line, over an axis from nothing to ``most`` (a share)."""
    left, right, row, top = 222, 112, 17, 18
    room, height = _WIDTH - left - right, top + row * len(bars) + 4

    def x(value: float) -> float:
        return left + room * min(value / most, 1)

    drawn = []
    for part in (0.0, 0.5, 1.0):
        at = x(part * most)
        drawn.append(
            f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{top - 3}" y2="{height}"/>'
            f'<text class="axis" x="{at:.1f}" y="11" text-anchor="middle">{part * most:.0%}</text>'
        )
    for number, bar in enumerate(bars):
        y = top + row * number
        label = bar.label if len(bar.label) <= 33 else f"{bar.label[:32]}…"
        drawn.append(
            f"<g><title>{escape(f'{bar.label}: {bar.words}')}</title>"
            f'<text x="{left - 6}" y="{y + 12}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{left}" y="{y + 3}" width="{max(x(bar.value) - left, 0.5):.1f}" height="{row - 6}" '
            f'fill="{bar.colour}"/>'
            + (
                f'<line x1="{x(bar.mark):.1f}" x2="{x(bar.mark):.1f}" y1="{y + 1}" y2="{y + row - 1}" '
                'stroke="#1c2430" stroke-width="2"/>'
                if bar.mark is not None
                else ""
            )
            + f'<text class="axis" x="{_WIDTH - right + 6}" y="{y + 12}">{escape(bar.words)}</text></g>'
        )
    return _svg(title, described, height, drawn)


def key(entries: Iterable[tuple[str, str]]) -> str:
    """What each colour stands for; the colour ``mark`` is the upright stroke on a bar."""
    shown = []
    for colour, text in entries:
        style = "width:2px;background:#1c2430" if colour == "mark" else f"background:{colour}"
        shown.append(f'<li><i style="{style}"></i>{escape(text)}</li>')
    return f'<ul class="key">{"".join(shown)}</ul>'


def _svg(title: str, described: str, height: int, drawn: Sequence[str]) -> str:
    return (
        f'<svg role="img" aria-label="{escape(f"{title}. {described}")}" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}"><title>{escape(title)}</title><desc>{escape(described)}</desc>'
        f"{''.join(drawn)}</svg>"
    )


def _step(most: int) -> int:
    """A round distance between lines, so that there are at most five of them above zero."""
    size = int(10 ** max(int(math.log10(most)) - 1, 0))
    return next(size * times for times in (1, 2, 5, 10, 20, 50, 100) if most / (size * times) <= 5)


def short_year(name: str) -> str:
    """A school year as short as it is read: 2024-25."""
    return f"{name[:5]}{name[7:]}" if SCHOOL_YEAR.fullmatch(name) else name


def _short(count: int) -> str:
    if count >= 1_000_000:
        return f"{count / 1_000_000:g} M"
    return f"{count / 1_000:g} k" if count >= 1_000 else str(count)
