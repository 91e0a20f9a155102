"""The terms of all deliveries as a picture: what is kept until when, and what was erased when.

Belongs here: drawing. Does not belong here: computing terms (``due``). One bar per delivery from its moment to the day
it is gone; the line is today. It shows keys and dates alone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rod_pipeline.retention.due import Term

_KEPT, _ERASED, _LATE, _TEXT = "#1f4e79", "#b8c4d0", "#c0392b", "#333333"


def timeline(terms: Sequence[Term], now: datetime, *, title: str, form: str = "svg") -> bytes:
    """The picture as ``svg`` or ``png``, one row per delivery that has a moment, oldest on top."""
    from matplotlib.dates import YearLocator, date2num
    from matplotlib.figure import Figure

    shown = [term for term in terms if term.moment is not None and term.deadline is not None]
    figure = Figure(figsize=(9, 1.4 + 0.36 * max(len(shown), 1)), dpi=100, layout="constrained")
    axes = figure.subplots()
    day: Any = date2num
    for row, term in enumerate(shown):
        assert term.moment is not None and term.deadline is not None
        gone = term.purge.verified_at if term.purge is not None else None
        end = gone or term.deadline
        late = (gone is not None and gone > term.deadline) or term.overdue(now)
        colour = _LATE if late else _ERASED if gone is not None else _KEPT
        axes.barh(row, day(end) - day(term.moment), left=day(term.moment), height=0.55, color=colour)
        axes.plot([day(term.deadline)] * 2, [row - 0.4, row + 0.4], color=_TEXT, linewidth=1.2)
        axes.text(day(end) + 40, row, _about(term, gone), va="center", fontsize=7, color=_TEXT)
    axes.set_yticks(range(len(shown)), [term.key for term in shown], fontsize=8)
    axes.invert_yaxis()
    axes.xaxis_date()
    axes.xaxis.set_major_locator(YearLocator())  # type: ignore[no-untyped-call]
    axes.tick_params(axis="x", labelsize=8)
    axes.axvline(day(now), color="#e07b39", linewidth=1.2)
    axes.margins(x=0.14)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, fontsize=9, loc="left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, metadata={"Date": None} if form == "svg" else None)
    return buffer.getvalue()


def _about(term: Term, gone: datetime | None) -> str:
    if gone is not None and term.purge is not None:
        outcome = "" if term.purge.attested is None else f", {term.purge.attested.outcome.replace('_', ' ')}"
        return f"erased {gone:%Y-%m-%d} ({term.purge.plan.ground}{outcome})"
    held = f", held until {term.holds[0].until:%Y-%m-%d}" if term.holds else ""
    return f"before {term.deadline:%Y-%m-%d}{held}"
