"""Until when a person may decide about a delivery that doesn't go on: what failed, and what can't be read.

Belongs here: when that wait begins and ends, as a function of the ledger. Does not belong here: ending it
(``refusing``), telling of it (``alerts.causes``, ``status``).

The rule is DESIGN 14.2: what nobody decides about goes after a set number of days (``retention.decision_days``):
data that nobody may use has no purpose (GDPR 5(1)(b) and (e)). What may not be kept goes at once and never waits.
"""

from datetime import datetime, timedelta

from rod_pipeline.decree import Decree
from rod_pipeline.ledger.state import IntakeState, LedgerState
from rod_pipeline.retention.due import holds_on

LAST_CALL = timedelta(days=7)
"""How long before the end everybody is told once more, whatever was told before: a week has no holiday without a
working day."""


def decide_by(state: LedgerState, intake: IntakeState, days: int) -> datetime | None:
    """When an intake is refused and erased for want of a decision; None when it waits for none.

    A delivery that failed waits from the first finding that was told. One that was received and not judged waits from
    the first notice that tells why it can't be read; without one (the cause is ours, or nobody tried) from its receipt.
    Running it again moves nothing.
    """
    if intake.corrected_by is not None:
        return None
    if intake.stage == "failed" and intake.notified_at is not None:
        return intake.notified_at + timedelta(days=days)
    if intake.stage not in ("failed", "received") or intake.received_at is None:
        return None
    told = [notice.draft.found_at for notice in state.notices_of(intake.delivery_id)]
    return min(told, default=intake.received_at) + timedelta(days=days)


def is_overdue(state: LedgerState, key: str, now: datetime, days: int, decree: Decree) -> bool:
    """Whether what came as ``key`` has to go now for want of a decision; not while it is held on an order."""
    until = decide_by(state, state.deliveries[key], days)
    return until is not None and until <= now and not holds_on(state, key, now, decree)


def unreadable(state: LedgerState, intake: IntakeState) -> tuple[str, ...]:
    """The codes of what keeps a received delivery from being read, as its open notices tell; each once, in order."""
    open_ones = (notice for notice in state.notices_of(intake.delivery_id) if notice.closed is None)
    return tuple(dict.fromkeys(defect.error for notice in open_ones for defect in notice.draft.defects))
