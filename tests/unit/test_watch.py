"""What the watch raises the alarm about, and what only waits for somebody; by day or by night, without Dagster."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from rod_pipeline.decree import load_decree
from rod_pipeline.ledger.erasure import ErasureAsked, HoldSet, Suspended
from rod_pipeline.retention import watch as module
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.retention.watch import STUCK, watch
from rod_pipeline.settings import RetentionSection
from rod_pipeline.system import System
from tests.support.ledger import NOON
from tests.support.purging import Story

DEADLINE = deadline(NOON)
OPENS = DEADLINE - timedelta(days=2)
SECOND = timedelta(seconds=1)
SWEEP = timedelta(hours=24)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the ledger can't know (a store, its clock) is looked at elsewhere."""
    monkeypatch.setattr(module, "_of_surroundings", lambda _: [])


def told(story: Story, now: datetime) -> list[tuple[str, str]]:
    """Level and text of each finding."""
    system = SimpleNamespace(
        ledger=SimpleNamespace(state=lambda: story.state),
        clock=SimpleNamespace(now=lambda: now),
        decree=load_decree(),
        settings=SimpleNamespace(retention=RetentionSection(lead_days=2, late_sweep_hours=24)),
    )
    return [(finding.level, finding.what) for finding in watch(cast(System, system))]


def story() -> Story:
    return Story().announced("2025-12", NOON)


def one(found: list[tuple[str, str]], level: str, *words: str) -> None:
    """There is one finding, of this level, with these words in it."""
    ((found_level, what),) = found
    assert found_level == level and all(word in what for word in words), what


def test_nothing_is_said_while_nothing_is_due_or_it_was_just_begun() -> None:
    assert told(story(), OPENS - SECOND) == []
    assert told(story(), OPENS + STUCK - SECOND) == []


def test_what_nobody_erases_is_an_alarm_before_its_term_ends_and_after() -> None:
    one(told(story(), OPENS + STUCK), "alarm", "2025-12 could have been erased", "nobody does it")
    one(told(story(), DEADLINE), "alarm", "2025-12 is over its term", "2032-12-15")


def test_an_order_that_keeps_it_over_its_term_hides_no_alarm() -> None:
    held = HoldSet(
        hold_id="1" * 16, key="2025-12", order="o7", until=DEADLINE + timedelta(days=9), beyond_term=True,
        set_by="fg", approved_by="head",
    )  # fmt: skip
    one(told(story().tell(held), OPENS + STUCK), "notice", "held on order o7")
    one(told(story().tell(held), DEADLINE), "alarm", "over its term", "held on order o7")


def test_an_erasure_that_does_not_get_on_is_an_alarm() -> None:
    going = story().planned("2025-12").tombstoned()
    assert told(going, going.now + STUCK - SECOND) == []
    one(told(going, going.now + STUCK), "alarm", "erasure of 2025-12 has been going on")


def test_a_late_sweep_that_nobody_makes_is_an_alarm() -> None:
    verified = story().to_second("2025-12")
    assert told(verified, verified.now + SWEEP + STUCK - SECOND) == []
    one(told(verified, verified.now + SWEEP + STUCK), "alarm", "late sweep of 2025-12 was due")


def test_what_stays_in_house_is_an_alarm() -> None:
    stays = story().to_second("2025-12").looked("late", left={"objects": 1}, days=1).attested()
    one(told(stays, stays.now), "alarm", "Something of 2025-12 can't be erased", "ONVOLLEDIG")


def test_who_does_not_declare_is_named_and_an_alarm_once_the_term_has_ended() -> None:
    def asked(until: datetime) -> Story:
        gone = story().to_second("2025-12", deadline=until)
        return gone.tell(ErasureAsked(purge_id=gone.purge.purge_id, party="processor")).looked("late").attested()

    early = asked(DEADLINE)
    assert told(early, early.now + timedelta(days=29)) == []
    one(told(early, early.now + timedelta(days=30)), "notice", "processor hasn't declared")
    late = asked(NOON + timedelta(days=2))
    assert told(late, late.now + timedelta(days=2) - SECOND) == []
    one(told(late, late.now + timedelta(days=2)), "alarm", "processor hasn't declared", "the term has ended")
    assert told(late.declared(NOON), late.now + timedelta(days=99)) == []


def test_a_repair_term_that_ended_waits_for_somebody() -> None:
    suspended = story().tell(Suspended(order="o2", until=NOON + timedelta(days=3)))
    assert told(suspended, NOON + timedelta(days=3) - SECOND) == []
    one(told(suspended, NOON + timedelta(days=3)), "notice", "repair term ended")
