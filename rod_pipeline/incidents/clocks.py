"""Who still has to be told of what, and how much time is left for it.

Belongs here: one plain function over the ledger's state, for lists, checks and alarms. Does not belong here: which
duties there are (``ledger.overseen``), telling (``keeping``).

The supervisor's 72 hours (AVG 33(1)) run from the moment of discovery, weekends and holidays included: Regulation
1182/71 would sometimes give more, and the strict reading is never too late. For "onmiddellijk" (3e) and "onverwijld"
(3h) the decree names no hours, so the installation's own limit (``quality.notice_hours``) is held against them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rod_pipeline.ledger.oversight import Told
from rod_pipeline.ledger.oversight_rules import SUPERVISOR_TERM
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.retention.watch import Finding

if TYPE_CHECKING:
    from rod_pipeline.system import System

GROUNDS: dict[Told, str] = {
    "minister": "voorschrift 3e",
    "supervisor": "AVG art. 33(1)",
    "data_subjects": "AVG art. 34(1)",
    "processor": "voorschrift 3f",
}


@dataclass(frozen=True, slots=True)
class Duty:
    """Somebody who still has to be told. ``reference`` is an incident or a circumstance; ``since`` starts the clock.

    ``due`` is the last moment by the reading above; ``left`` is negative when it has passed.
    """

    reference: str
    to: Told
    ground: str
    since: datetime
    due: datetime
    left: timedelta

    @property
    def overdue(self) -> bool:
        """Whether its time has passed."""
        return self.left <= timedelta()

    def __str__(self) -> str:
        hours, minutes = divmod(int(abs(self.left).total_seconds()) // 60, 60)
        span = f"{hours} h {minutes:02} min"
        return f"{self.reference}: {self.to} ({self.ground}), {f'{span} OVERDUE' if self.overdue else f'{span} left'}"


def open_duties(state: LedgerState, now: datetime, at_once: timedelta) -> tuple[Duty, ...]:
    """Every duty to tell that isn't met, first the one whose time ends first; ``at_once`` is how long that may take."""
    found: list[Duty] = []
    for incident in state.oversight.incidents.values():
        if incident.closed is None:
            since = incident.opened.discovered_at
            for to in incident.owes:
                due = since + (SUPERVISOR_TERM if to == "supervisor" else at_once)
                first = incident.first_told(to)
                if to == "supervisor" and first is not None:
                    # Told in phases (33(4)): the term is met, the rest follows without undue further delay.
                    due = first.sent_at + SUPERVISOR_TERM
                found.append(Duty(incident.incident, to, GROUNDS[to], since, due, due - now))
    for circumstance in state.oversight.circumstances.values():
        if circumstance.waits:
            since = circumstance.noted.known_at
            due = since + at_once
            found.append(Duty(circumstance.noted.circumstance, "minister", "voorschrift 3h", since, due, due - now))
    return tuple(sorted(found, key=lambda duty: (duty.due, duty.reference, duty.to)))


def duties_now(system: System) -> tuple[Duty, ...]:
    """The duties of this installation now; see ``open_duties``."""
    at_once = timedelta(hours=system.settings.quality.notice_hours)
    return open_duties(system.ledger.state(), system.clock.now(), at_once)


def watch_duties(system: System) -> tuple[Finding, ...]:
    """The duties for ``rod watch``: an alarm when one is overdue or has less than a day left, else a notice."""
    soon = timedelta(days=1)
    return tuple(
        Finding("alarm" if duty.overdue or (duty.to == "supervisor" and duty.left < soon) else "notice", str(duty))
        for duty in duties_now(system)
    )
