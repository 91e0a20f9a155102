"""The drawings of a report: inline SVG that a browser shows and typst prints, from figures that are printed anyway.

Belongs here: columns over years, pairs of bars, bars against a norm, places among unnamed others. Does not belong here:
which figures are drawn (``report``). Each drawing has a title and a description for who can't see it; every style is an
attribute, because a printer knows no style sheet.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

OWN: Final = "#16325c"
NATIONAL: Final = "#9db4cc"
NORM: Final = "#c77700"
DOT: Final = "#c3ccd6"
_INK, _DIM, _LINE = "#1c2430", "#5b6675", "#d9dde3"
_WIDTH: Final = 640
_LABELS: Final = 190
"""The room for labels on the left, in which ``_short`` ones fit in any of the fonts."""
_FONT: Final = "system-ui, 'Liberation Sans', 'Libertinus Serif', sans-serif"
HIDDEN: Final = "afgeschermd"


@dataclass(frozen=True)
class Pair:
    """A label with our own figure (None: hidden) and the national one. ``words`` and ``beside`` stand at the end."""

    label: str
    own: float | None
    national: float | None
    words: str
    beside: str
    norm: float | None = None


@dataclass(frozen=True)
class Place:
    """A label with our own figure among those of all others, unnamed."""

    label: str
    own: float | None
    every: Sequence[float]
    words: str


def columns(title: str, described: str, bars: Sequence[tuple[str, float | None, str]]) -> str:
    """Upright bars: label below, figure (None: hidden), and the words above it."""
    height, top, bottom = 200, 26, 26
    most = max((figure for _, figure, _ in bars if figure), default=1)
    room = _WIDTH / max(len(bars), 1)
    wide = min(room * 0.55, 90)
    drawn = [_line(0, height - bottom, _WIDTH, height - bottom)]
    for number, (label, figure, words) in enumerate(bars):
        middle = room * (number + 0.5)
        tall = 0.0 if figure is None else (height - top - bottom) * figure / most
        y = height - bottom - tall
        if figure is not None:
            drawn.append(_rect(middle - wide / 2, y, wide, tall, OWN if number == len(bars) - 1 else NATIONAL))
        drawn.append(_text(middle, y - 7, words, "middle", size=13, bold=figure is not None))
        drawn.append(_text(middle, height - 7, label, "middle", colour=_DIM))
    return _svg(title, described, height, drawn)


def pairs(title: str, described: str, lines: Sequence[Pair], *, most: float) -> str:
    """Two lying bars a line: ours, and the country's below it; with a norm, an upright stroke through both."""
    left, right, row, top = _LABELS, 150, 40, 8
    room, height = _WIDTH - left - right, top + row * len(lines) + 4

    def x(value: float) -> float:
        return left + room * min(value / most, 1)

    drawn = [_line(left, top - 4, left, height)]
    for number, line in enumerate(lines):
        y = top + row * number
        drawn.append(_text(left - 10, y + 20, _short(line.label), "end"))
        if line.own is None:
            drawn.append(_text(left + 6, y + 13, HIDDEN, colour=_DIM, size=11))
        else:
            drawn.append(_rect(left, y + 3, max(x(line.own) - left, 1), 14, OWN))
        if line.national is not None:
            drawn.append(_rect(left, y + 18, max(x(line.national) - left, 1), 10, NATIONAL))
        if line.norm is not None:
            drawn.append(_line(x(line.norm), y - 1, x(line.norm), y + 32, NORM, 2.5))
        drawn.append(_text(_WIDTH - right + 10, y + 14, line.words, size=12.5, bold=line.own is not None))
        drawn.append(_text(_WIDTH - right + 10, y + 28, line.beside, size=11, colour=_DIM))
    return _svg(title, described, height, drawn)


def places(title: str, described: str, lines: Sequence[Place]) -> str:
    """A line for each label on which every institution is a dot, ours the dark one, from 0 to 100 per cent."""
    left, right, row, top = _LABELS, 150, 34, 18
    room, height = _WIDTH - left - right, top + row * len(lines) + 4
    low = 10 * math.floor(min((min(line.every) for line in lines if line.every), default=0) / 10)

    def x(value: float) -> float:
        return left + room * (value - low) / max(100 - low, 1)

    drawn = []
    for at in (low, (low + 100) / 2, 100):
        drawn += [_line(x(at), top - 4, x(at), height), _text(x(at), 11, f"{at:g}%", "middle", colour=_DIM, size=11)]
    for number, line in enumerate(lines):
        y = top + row * number + 14
        drawn.append(_text(left - 10, y + 4, _short(line.label), "end"))
        drawn.append(_line(left, y, left + room, y))
        drawn += [_dot(x(one), y, 5, DOT) for one in line.every]
        if line.own is not None:
            drawn.append(_dot(x(line.own), y, 7.5, OWN))
        drawn.append(_text(_WIDTH - right + 10, y + 4, line.words, size=12.5, bold=line.own is not None))
    return _svg(title, described, height, drawn)


def key(entries: Iterable[tuple[str, str]]) -> str:
    """What each colour stands for, as a drawing of one line."""
    drawn, at = [], 0.0
    for colour, text in entries:
        drawn.append(_line(at + 6, 1, at + 6, 15, NORM, 2.5) if colour == NORM else _rect(at, 2, 12, 12, colour))
        drawn.append(_text(at + 18, 13, text, colour=_DIM, size=12))
        at += 42 + 6.6 * len(text)
    return _svg("Legenda", "Wat de kleuren betekenen", 18, drawn)


def _short(label: str) -> str:
    return label if len(label) <= 26 else f"{label[:25].rstrip(' ,')}…"


def _text(
    x: float, y: float, text: str, anchor: str = "start", *, colour: str = _INK, size: float = 12.5, bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}"{weight} '
        f'font-family="{_FONT}">{escape(text)}</text>'
    )


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _dot(x: float, y: float, radius: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}" fill-opacity="0.85" stroke="#fff"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = _LINE, width: float = 1) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width:g}"/>'


def _svg(title: str, described: str, height: float, drawn: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(f"{title}. {described}")}" '
        f'viewBox="0 0 {_WIDTH} {height:g}" width="{_WIDTH}" height="{height:g}"><title>{escape(title)}</title>'
        f"<desc>{escape(described)}</desc>{''.join(drawn)}</svg>"
    )
