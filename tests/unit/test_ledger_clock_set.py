"""A clock that stood ahead wrote to the ledger: once a person says so all goes on, and nothing is kept longer."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime

from rod_pipeline.audit.account import Account
from rod_pipeline.ledger.clocks import _AHEAD, ClockSet
from rod_pipeline.ledger.erasure import HoldSet, MomentMoved
from rod_pipeline.ledger.events import AnyEvent, Entry
from rod_pipeline.ledger.log import Ledger, LedgerClock
from rod_pipeline.ledger.purges import HOLD_AT_MOST
from rod_pipeline.ledger.rules import IllegalEvent
from rod_pipeline.ledger.state import fold
from rod_pipeline.retention.clockguard import ClockDoubtful, set_clock_right
from rod_pipeline.system import System
from tests.support import ledger as make
from tests.support.ledger import NOON, SetClock
from tests.support.purging import Story

YEAR, HOUR = timedelta(days=365), timedelta(hours=1)
SAID = ClockSet(right_until=NOON, actor="a1")


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A delivery came at the right time, another by a clock that stood a year ahead; it is right again now."""
    clock = SetClock()
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", clock)
    make.received(ledger)
    clock.time = NOON + YEAR
    make.received(ledger, "2026-08", moment=NOON + YEAR)
    clock.time = NOON + HOUR
    parts = SimpleNamespace(ledger=ledger, clock=clock, store_time=clock.now, actor=lambda: "a1")
    return cast(System, parts)


def test_until_it_is_said_nothing_goes_on_and_then_everything_does(system: System, tmp_path: Path) -> None:
    with pytest.raises(LedgerClock, match="set-clock"):
        system.ledger.append(make.announced("2026-12"))
    assert set_clock_right(system, NOON + HOUR) == NOON
    make.received(system.ledger, "2026-12", moment=NOON)
    again = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", SetClock(NOON + 2 * HOUR))
    assert again.state() == system.ledger.state() and again.state().at == NOON + HOUR
    again.verify_tree()
    head = again.tree_head()
    leaf = again.leaf(head.size)
    assert again.inclusion(head.size, head.size) and leaf.startswith(b'{"at":"2025-12-15T13')


def test_what_it_began_ends_no_later_and_what_came_rightly_is_as_it_was(system: System) -> None:
    assert system.ledger.state().provided("2026-08") == (NOON + YEAR, "dispatch")
    before = system.ledger.state().provided("2025-12")
    set_clock_right(system, NOON + HOUR)
    state = system.ledger.state()
    assert state.provided("2026-08") == (NOON, "dispatch"), "it came after that, and nobody knows how long"
    assert state.provided("2025-12") == before
    spans = Account.of(system.ledger.entries()).copies.values()
    assert max(span.since for span in spans) <= NOON, "an auditor isn't told that it came later either"
    assert all(span.verified_at is None or span.verified_at <= NOON + HOUR for span in spans)


def test_it_is_no_way_to_turn_back_time(system: System) -> None:
    clock = cast(SetClock, system.clock)
    for told in (NOON, NOON + YEAR):
        with pytest.raises(ClockDoubtful):
            set_clock_right(system, told)
    system.store_time = lambda: NOON + YEAR  # type: ignore[method-assign]
    with pytest.raises(ClockDoubtful):
        set_clock_right(system, NOON + HOUR)
    system.store_time = clock.now  # type: ignore[method-assign]
    set_clock_right(system, NOON + HOUR)
    with pytest.raises(IllegalEvent, match="isn't ahead"):
        set_clock_right(system, NOON + HOUR)
    clock.time = NOON
    with pytest.raises(LedgerClock):
        system.ledger.append(make.announced("2026-12"))
    with pytest.raises(IllegalEvent, match="last right entry"):
        system.ledger.append(SAID.model_copy(update={"right_until": NOON + HOUR}))


def test_an_erasure_in_that_time_was_done_by_the_time_of_the_word_and_no_earlier() -> None:
    story = Story().announced("2025-12", NOON).tell(days=365).to_second("2025-12", deadline=NOON + HOUR).looked("late")
    assert story.purge.outcome == "TE_LAAT"
    story.now = NOON + 2 * HOUR
    story.tell(SAID)
    purge = story.purge
    assert purge.verified_at == purge.gone_at("2025-12") == story.state.tombstones["2025-12"].at == NOON + 2 * HOUR
    assert purge.outcome == "TE_LAAT", "by the last instant that it may have been"


def test_a_hold_that_was_set_in_that_time_ends_as_if_it_were_set_now() -> None:
    story = Story().announced("2025-12", NOON).tell(days=365)
    until = story.now + HOLD_AT_MOST
    story.tell(
        HoldSet(
            hold_id="1" * 16, key="2025-12", order="o1", until=until, beyond_term=True, set_by="a1", approved_by="a2"
        )
    )
    story.now = NOON + HOUR
    (hold,) = story.tell(SAID).state.holds.values()
    assert hold.hold.until == NOON + HOUR + HOLD_AT_MOST


@given(moves=st.lists(st.tuples(st.integers(0, 3), st.integers(-400, 800)), max_size=6), said=st.integers(0, 900))
def test_no_term_ever_ends_later_by_it(moves: list[tuple[int, int]], said: int) -> None:
    story = Story().announced("2025-12", NOON)
    for step, day in moves:
        moment = NOON + timedelta(days=day)
        story.announced("2025-12", moment) if step else story.tell(
            MomentMoved(delivery_id=f"{0:016x}", moment=moment, moment_basis="placed")
        )
        story.tell(days=step)
    now = NOON + timedelta(days=said)
    entry = Entry(seq=story.state.seq + 1, at=now, event=SAID)
    before, after = story.state.provided("2025-12"), fold(story.state, entry).provided("2025-12")
    assert before is not None and after is not None
    assert after[0] <= before[0] and after[0] <= now


PAST = {
    *("began_at", "discovered_at", "ended_at", "erased_at", "found_at", "known_at", "moment", "right_until", "sent_at")
}
"""The instants in events that lie in the past by their nature."""


def test_of_every_instant_in_an_event_it_is_known_whether_it_lies_ahead() -> None:
    """What lies ahead stays as it is said; a new field is named here, or among those."""

    def is_instant(kind: object) -> bool:
        return kind is AwareDatetime or any(map(is_instant, get_args(kind)))

    kinds = get_args(get_args(AnyEvent)[0])
    instants = {name for one in kinds for name, field in one.model_fields.items() if is_instant(field.annotation)}
    assert instants - _AHEAD == PAST
