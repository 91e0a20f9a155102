"""What somebody must know about findings, by day or by night.

Belongs here: notices that nobody sends or answers, deliveries that rest on a waiver that ended. Does not belong here:
terms and erasures (``retention.watch``), calling people (alerts). Needs no Dagster.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rod_pipeline.ledger.findings import unexcused
from rod_pipeline.quality.notifying import clock, overdue_now
from rod_pipeline.quality.waivers import named
from rod_pipeline.retention.watch import Finding

if TYPE_CHECKING:
    from rod_pipeline.system import System

_ANSWER = timedelta(days=30)


def watch_findings(system: System) -> tuple[Finding, ...]:
    """Everything about notices and waivers that waits for somebody now; empty when nothing does."""
    state, now = system.ledger.state(), system.clock.now()
    hours, late = system.settings.quality.notice_hours, overdue_now(system)
    found = []
    for notice in state.notices.values():
        if notice in late:
            said = f"{clock(notice, now)}; it had to go within {hours} hours (voorschrift 3e)."
            found.append(Finding("alarm", said))
        elif notice.waits:
            found.append(Finding("notice", f"{clock(notice, now)}; `rod notice show {notice.notice}`."))
        elif notice.status == "sent" and notice.sent is not None and notice.sent.sent_at + _ANSWER <= now:
            found.append(Finding("notice", f"{notice.notice} was sent on {notice.sent.sent_at:%Y-%m-%d}, unanswered."))
    for key, intake in sorted(state.deliveries.items()):
        ended = unexcused(intake.findings, state.waivers_of(intake.delivery_id), now)
        if ended and intake.stage in ("validated", "stored") and intake.corrected_by is None:
            said = f"{key} was let through by a waiver that has ended: {named(ended)}. Nothing new is made of it."
            found.append(Finding("notice", said))
    return tuple(found)
