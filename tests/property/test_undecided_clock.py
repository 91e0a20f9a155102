"""The wait for a decision by any clock: it has one end, which running a delivery again never moves away.

The law is written a second time over the instants at which things happened, without the state that the rule looks at.
"""

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.decree import load_decree
from rod_pipeline.intake.undecided import LAST_CALL, decide_by, is_overdue
from rod_pipeline.ledger.events import Finding, NoticeDrafted
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.quality import Defect
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.settings import RetentionSection
from tests.support import ledger as make
from tests.support.soak import examples

KEY, DAYS, DECREE = "2025-12", RetentionSection().decision_days, load_decree()
FINDING = Finding(rule="r", file="diplomas", severity="blocking", failed=3, rows=10)
DEFECT = Defect(file="diplomas", error="ROD-FILE-13")
Happened = tuple[str, float]
"""``unread`` or ``broken`` (a notice is drafted), ``again`` (another run does nothing), and how many days later."""
happenings = st.lists(st.tuples(st.sampled_from(["unread", "broken", "again"]), st.floats(0, 12)), max_size=6)


@dataclass
class History:
    """One delivery, received at noon; ``told`` are the instants of its notices of each kind."""

    state: LedgerState
    received: datetime
    unread: list[datetime]
    broken: list[datetime]


def lived(happened: list[Happened], database: str) -> History:
    clock = make.SetClock()
    ledger = Ledger(database, clock)
    delivery = make.received(ledger, KEY)
    copy = make.parsed(ledger, delivery)
    told: dict[str, list[datetime]] = {"unread": [], "broken": [], "again": []}
    for number, (what, days) in enumerate(happened, 1):
        clock.move(days=days)
        told[what].append(clock.now())
        if what == "again":
            continue
        ledger.append(
            NoticeDrafted(
                notice=f"{KEY}-m1", delivery_id=delivery, draft=number - len(told["again"]),
                found_at=min(told["unread"] + told["broken"]), findings=(FINDING,) if told["broken"] else (),
                defects=(DEFECT,) if told["unread"] else (), refused=None, text=make.DIGEST,
            )
        )  # fmt: skip
        if what == "broken":
            bad = {"outcome": "failed", "findings": (FINDING,)}
            ledger.append(make.checked(delivery, copy).model_copy(update=bad))
    return History(ledger.state(), make.NOON, told["unread"], told["broken"])


@given(happenings, st.floats(-40, 80))
@examples(30, soak=2000)
def test_it_is_over_then_and_not_a_moment_earlier(happened: list[Happened], after: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = lived(happened, f"sqlite:///{folder}/ledger.db")
    told = history.unread + history.broken
    begun = min(history.broken) if history.broken else min(told, default=history.received)
    end, now = begun + timedelta(days=DAYS), history.received + timedelta(days=after)
    intake = history.state.deliveries[KEY]
    assert decide_by(history.state, intake, DAYS) == end
    assert is_overdue(history.state, KEY, now, DAYS, DECREE) is (now >= end)
    assert end - LAST_CALL > history.received, "there is time between the first word and the last"
