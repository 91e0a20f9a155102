"""The terms of all deliveries as a picture: what is kept until when, what was erased when, and what happened meanwhile.

Belongs here: drawing. Does not belong here: computing terms (``due``). One bar per delivery from its moment to the day
it is gone, with a line at its deadline; what was kept beyond that is red. It shows keys, dates, grounds and outcomes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.retention.deadline import AMSTERDAM
from rod_pipeline.retention.due import Term

_KEPT, _ERASED, _LATE, _TEXT, _NOW = "#1f4e79", "#9fb6cc", "#c0392b", "#2b2b2b", "#e07b39"
_BANDS = {"outage": "#f3d0cb", "stop": "#f2e6c4", "end": "#dddddd"}
_ROOMY = timedelta(days=1300)
_NEAR = timedelta(days=300)


@dataclass(frozen=True, slots=True)
class Bar:
    """One delivery. ``gone`` is when it was first found gone, ``again`` when it was after it had come back."""

    key: str
    moment: datetime
    deadline: datetime
    gone: datetime | None
    again: tuple[datetime, ...]
    about: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time: nobody erased (``outage``), nothing came in (``stop``), or never again (``end``)."""

    since: datetime
    until: datetime
    about: str
    kind: Literal["outage", "stop", "end"]


@dataclass(frozen=True, slots=True)
class Panel:
    """One installation: a title over its bars, oldest on top, and its spans."""

    title: str
    bars: tuple[Bar, ...]
    spans: tuple[Span, ...] = ()


def timeline(terms: Sequence[Term], now: datetime, *, title: str, form: str = "svg") -> bytes:
    """The picture of one installation as ``svg`` or ``png``."""
    purges = [term.purge for term in terms if term.purge is not None]
    return draw([Panel(title, bars(terms, purges))], now, form)


def bars(terms: Iterable[Term], purges: Iterable[PurgeState]) -> tuple[Bar, ...]:
    """A bar for each delivery that has a moment. ``purges`` are those that are known of them, oldest first."""
    known = tuple(purges)
    found = []
    for term in terms:
        if term.moment is None or term.deadline is None:
            continue
        mine = [purge for purge in known if term.key in purge.keys]
        gone = [purge.verified_at for purge in mine if purge.verified_at is not None]
        found.append(
            Bar(
                key=term.key,
                moment=term.moment,
                deadline=term.deadline,
                gone=gone[0] if gone else None,
                again=tuple(gone[1:]),
                about=_about(term, mine),
            )
        )
    return tuple(sorted(found, key=lambda bar: bar.moment))


def draw(panels: Sequence[Panel], now: datetime, form: str) -> bytes:
    """The picture of one or more installations under one axis of time, as ``svg`` or ``png``."""
    from matplotlib.dates import DateFormatter, YearLocator
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    rows = [max(len(panel.bars), 1) for panel in panels]
    figure = Figure(figsize=(11, 1.0 + 0.75 * len(rows) + 0.36 * sum(rows)), dpi=110, layout="constrained")
    made = figure.subplots(len(panels), 1, sharex=True, height_ratios=[n + 1.6 for n in rows], squeeze=False)
    for axes, panel in zip(made[:, 0], panels, strict=True):
        _panel(axes, panel, now)
    last = made[-1, 0]
    last.xaxis_date()
    last.xaxis.set_major_locator(YearLocator())  # type: ignore[no-untyped-call]
    last.xaxis.set_major_formatter(DateFormatter("%Y"))  # type: ignore[no-untyped-call]
    last.margins(x=0.01)
    shown = [bar for panel in panels for bar in panel.bars]
    legend: list[Any] = [
        Patch(color=_ERASED, label="kept, now erased"),
        *([Patch(color=_KEPT, label="kept")] if any(bar.gone is None for bar in shown) else []),
        *([Patch(color=_LATE, label="kept over its term")] if any(_late(bar, now) for bar in shown) else []),
        Line2D([], [], color=_TEXT, linewidth=1.4, label="deadline"),
        Line2D([], [], color=_TEXT, marker="o", linestyle="", markersize=5, label="found gone"),
        *(
            [Line2D([], [], color=_LATE, marker="X", linestyle="", markersize=6, label="came back, erased again")]
            if any(bar.again for bar in shown)
            else []
        ),
    ]
    figure.legend(handles=legend, loc="outside lower left", ncols=len(legend), fontsize=8, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, metadata={"Date": None} if form == "svg" else None)
    return buffer.getvalue()


def _panel(axes: Any, panel: Panel, now: datetime) -> None:
    from matplotlib.dates import date2num

    day: Any = date2num
    for span in panel.spans:
        axes.axvspan(day(span.since), day(span.until), color=_BANDS[span.kind], zorder=0, linewidth=0)
        # Its name stands left of its end where another begins, or the two would stand in each other's way.
        followed = any(span.since < other.since <= span.until + _NEAR for other in panel.spans)
        side, at = ("right", span.until) if followed else ("left", span.since)
        axes.text(day(at), -0.72, f" {span.about} ", fontsize=7.5, color=_TEXT, ha=side, va="bottom")
    for row, bar in enumerate(panel.bars):
        end = bar.gone or max(now, bar.moment)
        kept = min(end, bar.deadline) if bar.gone else bar.deadline
        colour = _KEPT if bar.gone is None else _ERASED
        axes.barh(row, day(kept) - day(bar.moment), left=day(bar.moment), height=0.62, color=colour, zorder=2)
        if _late(bar, now):
            axes.barh(row, day(end) - day(kept), left=day(kept), height=0.62, color=_LATE, zorder=2)
        axes.plot([day(bar.deadline)] * 2, [row - 0.42, row + 0.42], color=_TEXT, linewidth=1.4, zorder=3)
        if bar.gone is not None:
            axes.plot(day(bar.gone), row, marker="o", markersize=5, color=_TEXT, zorder=4)
        for again in bar.again:
            axes.plot(day(again), row, marker="X", markersize=6.5, color=_LATE, markeredgecolor="white", zorder=5)
        roomy = kept - bar.moment > _ROOMY
        axes.text(
            day(bar.moment + timedelta(days=40)) if roomy else day(end) + 45,
            row,
            bar.about,
            va="center",
            fontsize=7.5,
            color="white" if roomy and bar.gone is None else _TEXT,
            zorder=6,
        )
    axes.set_yticks(range(len(panel.bars)), [bar.key for bar in panel.bars], fontsize=8.5)
    axes.set_ylim(max(len(panel.bars), 1) - 0.4, -1.15 if panel.spans else -0.6)
    axes.tick_params(axis="both", length=0)
    axes.tick_params(axis="x", labelsize=8.5)
    axes.grid(axis="x", color="#e8e8e8", linewidth=0.8, zorder=1)
    axes.axvline(day(now), color=_NOW, linewidth=1.3, zorder=1)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_title(panel.title, fontsize=10, loc="left")


def _late(bar: Bar, now: datetime) -> bool:
    return (bar.gone or now) > bar.deadline


def _day(instant: datetime) -> str:
    return f"{instant.astimezone(AMSTERDAM):%Y-%m-%d}"


def _about(term: Term, purges: Sequence[PurgeState]) -> str:
    assert term.deadline is not None
    gone = purges[0].verified_at if purges else None
    if gone is None:
        held = f", held until {_day(term.holds[0].until)}" if term.holds else ""
        return f"to be gone before {_day(term.deadline)}{held}"
    first = purges[0]
    outcome = "" if first.attested is None else f", {first.attested.outcome.replace('_', ' ')}"
    return f"erased {_day(gone)}: {first.plan.ground}{outcome}"
