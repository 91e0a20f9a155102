"""What has to be erased when: the agenda of every state that retention knows, and whether a clock may be trusted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rod_pipeline.decree import load_decree
from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.erasure import Accepted, HoldLifted, HoldSet, MomentMoved, Suspended, Withdrawn
from rod_pipeline.ledger.events import Announced, Entry, Received, Refused
from rod_pipeline.ledger.log import LedgerClock
from rod_pipeline.ledger.purges import PLACES
from rod_pipeline.ledger.rules import IllegalEvent
from rod_pipeline.ledger.state import fold
from rod_pipeline.retention.clockguard import AHEAD_AT_MOST, ClockDoubtful, trusted_for_a_term
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.retention.decisions import KeptTooLong, hand_over
from rod_pipeline.retention.due import Agenda, Term, agenda, ripe_at
from rod_pipeline.retention.engine import Held, NothingToPurge, PlanChanged, begin, carry_out, plan
from rod_pipeline.retention.register import CopyRegister
from rod_pipeline.settings import RetentionSection
from tests.support import ledger as make
from tests.support.evidence import Installation
from tests.support.ledger import NOON, SetClock
from tests.support.purging import PURGE, Story

DECREE = load_decree()
SETTINGS = RetentionSection(lead_days=2, late_sweep_hours=24)
DEADLINE = deadline(NOON)
OPENS = DEADLINE - timedelta(days=2)
SWEEP = timedelta(hours=24)
SECOND = timedelta(seconds=1)


def due(story: Story, now: datetime, settings: RetentionSection = SETTINGS) -> Agenda:
    return agenda(story.state, now, DECREE, settings)


def term_of(story: Story, now: datetime, key: str = "2025-12") -> Term:
    return next(term for term in due(story, now).terms if term.key == key)


def begun(todo: Agenda) -> list[tuple[str, str | None]]:
    return [(term.key, term.ground) for term in todo.begin]


def story() -> Story:
    return Story().announced("2025-12", NOON)


# The term


@pytest.mark.parametrize(("now", "ground"), [(OPENS - SECOND, None), (OPENS, "term"), (DEADLINE, "term")])
def test_the_window_opens_before_the_deadline(now: datetime, ground: str | None) -> None:
    term = term_of(story(), now)
    assert (term.deadline, term.opens, term.ground) == (DEADLINE, OPENS, ground)
    assert begun(due(story(), now)) == ([("2025-12", "term")] if ground else [])


@pytest.mark.parametrize("lead", [0, 1, 65])
def test_the_window_opens_as_early_as_is_set(lead: int) -> None:
    settings = RetentionSection(lead_days=lead)
    opens = DEADLINE - timedelta(days=lead)
    assert due(story(), opens, settings).begin
    assert not due(story(), opens - SECOND, settings).begin


def test_what_never_came_has_no_term() -> None:
    told = Story().announced("2025-12", None)
    term = term_of(told, NOON + timedelta(days=9999))
    assert (term.deadline, term.opens, term.ground, term.overdue(term_now := NOON + timedelta(days=9999))) == (
        None,
        None,
        None,
        False,
    )
    assert not due(told, term_now)


def test_the_earliest_moment_counts_also_when_a_later_announcement_does_not_tell_it() -> None:
    earlier = NOON - timedelta(days=3)
    told = Story().announced("2025-12", earlier).announced("2025-12", NOON)
    assert term_of(told, NOON).moment == earlier


def test_a_download_that_broke_off_has_begun_the_term() -> None:
    """Its first byte is when DUO provided the data, whatever became of them; and the rest of it is erased by term."""
    told = Story().announced("2025-12", None).tell(make.registered("0" * 16, "landing", "raw"), days=1)
    told.announced("2025-12", NOON + timedelta(days=30))
    term = term_of(told, NOON)
    assert (term.moment, term.moment_basis) == (NOON + timedelta(days=1), "first_download")
    assert begun(due(told, deadline(NOON + timedelta(days=1)))) == [("2025-12", "term")]


def test_a_moment_that_moves_earlier_moves_the_deadline() -> None:
    told = story()
    told.tell(
        MomentMoved(
            delivery_id=told.state.deliveries["2025-12"].delivery_id,
            moment=NOON - timedelta(days=5),
            moment_basis="dispatch",
        )
    )
    assert term_of(told, NOON).deadline == deadline(NOON - timedelta(days=5))


def test_after_months_without_anybody_everything_is_due_oldest_deadline_first() -> None:
    told = Story()
    moments = {"2028-08": 20, "2025-12": 3, "2026-12": 11, "2026-08": 7}
    for key, months in moments.items():
        told.announced(key, NOON + timedelta(days=30 * months))
    told.announced("2027-08", None)
    now = DEADLINE + timedelta(days=30 * 12)
    todo = due(told, now)
    assert [term.key for term in todo.begin] == ["2025-12", "2026-08", "2026-12"]
    assert [term.key for term in todo.terms] == ["2025-12", "2026-08", "2026-12", "2028-08", "2027-08"]
    assert all(term.overdue(now) for term in todo.begin)
    assert todo.next_at == deadline(NOON + timedelta(days=600)) - timedelta(days=2)


def test_nothing_due_says_when_something_will_be() -> None:
    todo = due(story(), NOON)
    assert (bool(todo), todo.next_at) == (False, OPENS)


# What stands in the way


def held(told: Story, *, beyond: bool, until: datetime) -> Story:
    return told.tell(
        HoldSet(
            hold_id="1" * 16,
            key="2025-12",
            order="o1",
            until=until,
            beyond_term=beyond,
            set_by="a1",
            approved_by="a2",
        )
    )


@pytest.mark.parametrize(
    ("beyond", "now", "held_then"),
    [
        (False, OPENS, True),
        (False, DEADLINE - SECOND, True),
        (False, DEADLINE, False),
        (True, DEADLINE, True),
        (True, DEADLINE + timedelta(days=9), True),
        (True, DEADLINE + timedelta(days=10), False),
    ],
)
def test_a_hold_keeps_a_delivery_up_to_its_deadline_and_an_order_beyond(
    beyond: bool, now: datetime, held_then: bool
) -> None:
    told = held(story(), beyond=beyond, until=DEADLINE + timedelta(days=10))
    term = term_of(told, now)
    assert (bool(term.holds), term.ground) == (held_then, None if held_then else "term")
    # Kept on an order, it is late all the same, in full view.
    assert term.overdue(now) is (now >= DEADLINE)


def test_a_lifted_hold_keeps_nothing() -> None:
    told = held(story(), beyond=True, until=DEADLINE + timedelta(days=10))
    told.tell(HoldLifted(hold_id="1" * 16, actor="a1"))
    assert term_of(told, DEADLINE).ground == "term"


def test_a_hold_on_one_delivery_keeps_no_other() -> None:
    told = held(story().announced("2025-12-r2", NOON), beyond=True, until=DEADLINE + timedelta(days=10))
    assert begun(due(told, DEADLINE)) == [("2025-12-r2", "term")]


def test_what_was_corrected_goes_at_once_unless_it_is_held() -> None:
    told = story().announced("2025-12-r2", NOON + timedelta(days=60))
    told.tell(Accepted(key="2025-12-r2", supersedes="2025-12", actor="a1"))
    assert begun(due(told, NOON)) == [("2025-12", "superseded")]
    held(told, beyond=False, until=NOON + timedelta(days=10))
    assert begun(due(told, NOON)) == []
    assert begun(due(told, NOON + timedelta(days=10))) == [("2025-12", "superseded")]


def test_a_correction_has_its_own_term() -> None:
    told = story().announced("2025-12-r2", NOON + timedelta(days=60))
    assert term_of(told, NOON, "2025-12-r2").deadline == deadline(NOON + timedelta(days=60))


def test_a_withdrawal_asks_no_hold_and_no_term() -> None:
    told = held(story().announced("2026-08", None), beyond=True, until=DEADLINE)
    told.tell(Withdrawn(order="o1", actor="a1"))
    assert begun(due(told, NOON)) == [("2025-12", "withdrawal"), ("2026-08", "withdrawal")]


def test_a_suspension_erases_nothing() -> None:
    told = story().tell(Suspended(order="o1", until=NOON + timedelta(days=30)))
    assert begun(due(told, NOON + timedelta(days=40))) == []


def test_a_refused_delivery_goes_by_its_term_too() -> None:
    told = story().tell(Refused(delivery_id="0" * 16, error="ROD-X-01"))
    assert begun(due(told, OPENS)) == [("2025-12", "term")]


# Purges that have begun


def test_a_purge_goes_on_until_it_is_verified_and_is_not_begun_twice() -> None:
    told = story().planned("2025-12")
    for step in (told.tombstoned, told.drained, told.erased):
        todo = due(told, OPENS)
        assert (begun(todo), [p.purge_id for p in todo.go_on], todo.conclude) == ([], [PURGE], ())
        step()
    told.looked("second")
    todo = due(told, told.now)
    assert (begun(todo), todo.go_on, todo.conclude, todo.next_at) == ([], (), (), told.now + SWEEP)


@pytest.mark.parametrize(("wait", "ripe"), [(SWEEP - SECOND, False), (SWEEP, True)])
def test_a_verified_purge_is_concluded_after_the_wait(wait: timedelta, ripe: bool) -> None:
    told = story().to_second("2025-12")
    assert bool(due(told, told.now + wait).conclude) is ripe


def test_an_attested_purge_is_done() -> None:
    told = story().to_second("2025-12").looked("late", days=1).attested()
    assert not due(told, told.now + timedelta(days=999))


def test_a_late_sweep_that_was_not_attested_is_concluded_again() -> None:
    told = story().to_second("2025-12").looked("late", days=1)
    assert [p.purge_id for p in due(told, told.now).conclude] == [PURGE]


def test_an_erasure_that_stays_incomplete_is_tried_again_and_gets_its_certificate() -> None:
    told = story().planned("2025-12").tombstoned().drained().erased().looked("second", left={"objects": 1})
    assert [p.purge_id for p in due(told, told.now).go_on] == [PURGE]
    assert [p.purge_id for p in due(told, told.now + SWEEP).conclude] == [PURGE]
    told.looked("late", left={"objects": 1}, days=1).attested()
    assert told.purge.attested is not None and told.purge.attested.outcome == "ONVOLLEDIG"
    todo = due(told, told.now)
    assert ([p.purge_id for p in todo.go_on], todo.conclude) == ([PURGE], ())
    told.looked("second", days=1)
    todo = due(told, told.now)
    assert (todo.go_on, todo.conclude, todo.next_at) == ((), (), told.now + SWEEP)
    assert due(told, told.now + SWEEP).conclude


def test_without_an_inventory_nothing_ripens() -> None:
    told = story().planned("2025-12").tombstoned().drained().erased()
    assert ripe_at(told.purge, SWEEP) is None
    assert not due(told, told.now + timedelta(days=999)).conclude


def test_what_was_found_again_is_overdue_until_it_is_gone() -> None:
    told = story().planned("2025-12").tombstoned().drained().erased()
    assert term_of(told, DEADLINE).overdue(DEADLINE)
    told.looked("second")
    assert not term_of(told, DEADLINE).overdue(DEADLINE)
    told.looked("late", left={"objects": 1}, days=1)
    assert term_of(told, DEADLINE).overdue(DEADLINE)
    told.looked("second")
    assert not term_of(told, DEADLINE).overdue(DEADLINE)


def waiting(left: str, until: datetime | None = None) -> Story:
    told = story().to_second("2025-12").looked("second", left={left: 1}, until=until)
    return told.looked("late", left={left: 1}, until=until, days=1).attested()


def test_an_incomplete_certificate_is_drawn_up_again_when_somebody_declares() -> None:
    told = waiting("processor")
    assert not due(told, told.now + timedelta(days=99))
    told.declared(NOON, days=3)
    assert [p.purge_id for p in due(told, told.now).conclude] == [PURGE]
    told.looked("late").attested()
    assert not due(told, told.now + timedelta(days=99))


def test_what_was_declared_between_the_late_look_and_the_certificate_is_heard() -> None:
    told = story().to_second("2025-12").looked("late", left={"processor": 1}, days=1).declared(NOON).attested(hours=1)
    assert [p.purge_id for p in due(told, told.now).conclude] == [PURGE]


def test_an_incomplete_certificate_is_drawn_up_again_when_the_last_backup_ends() -> None:
    end = NOON + timedelta(days=40)
    told = waiting("backups", end)
    todo = due(told, told.now)
    assert (bool(todo), todo.next_at) == (False, end)
    assert due(told, end).conclude
    told.looked("late", until=end, days=40).attested()
    assert not due(told, told.now)


def test_a_backup_that_ends_between_the_late_look_and_the_certificate_is_news() -> None:
    end = NOON + timedelta(days=1, minutes=30)
    told = story().to_second("2025-12").looked("late", left={"backups": 1}, until=end, days=1).attested(hours=1)
    assert [p.purge_id for p in due(told, told.now).conclude] == [PURGE]


# The clock


@dataclass(frozen=True)
class Timed(Installation):
    """An installation whose store tells a time of its own, or none."""

    store_says: datetime | None = None

    def store_time(self) -> datetime | None:
        return self.store_says


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=-300), timedelta(hours=-1), AHEAD_AT_MOST])
def test_a_clock_that_is_not_far_ahead_is_trusted(tmp_path: Path, ahead: timedelta) -> None:
    system = Timed(tmp_path, SetClock(NOON + ahead), store_says=NOON)
    assert trusted_for_a_term(system) == ahead.total_seconds()  # type: ignore[arg-type]


@pytest.mark.parametrize("store_says", [None, DEADLINE - AHEAD_AT_MOST - SECOND, datetime(2026, 1, 1, tzinfo=UTC)])
def test_a_doubtful_clock_ends_no_term_and_keeps_no_other_erasure(tmp_path: Path, store_says: datetime | None) -> None:
    system = Timed(tmp_path, SetClock(), store_says=store_says)
    make.stored(system.ledger)
    make.stored(system.ledger, "2025-12-r2")
    system.ledger.append(Accepted(key="2025-12-r2", supersedes="2025-12", actor="a1"))
    system.clock.time = DEADLINE
    before = system.ledger.state()
    with pytest.raises(ClockDoubtful):
        begin(system, plan(system, ["2025-12"], "term"), "a1")  # type: ignore[arg-type]
    assert system.ledger.state() == before
    system.ledger.append(Withdrawn(order="o1", actor="a1"))
    begin(system, plan(system, ["2025-12"], "superseded"), "a1")  # type: ignore[arg-type]
    begin(system, plan(system, ["2025-12", "2025-12-r2"], "withdrawal", "o1"), "a1")  # type: ignore[arg-type]
    begin(system, plan(system, ["2025-12"], "order", "o1"), "a1")  # type: ignore[arg-type]
    assert [p.plan.clock_offset for p in system.ledger.state().purges.values()] == [None, None, None]


def test_the_offset_of_the_clock_is_on_record(tmp_path: Path) -> None:
    system = Timed(tmp_path, SetClock(), store_says=DEADLINE - timedelta(hours=2))
    make.stored(system.ledger)
    system.clock.time = DEADLINE
    purge_id = begin(system, plan(system, ["2025-12"], "term"), "a1")  # type: ignore[arg-type]
    assert system.ledger.state().purges[purge_id].plan.clock_offset == 7200


def test_a_clock_that_ran_back_begins_no_purge_by_term(tmp_path: Path) -> None:
    """The ledger is ahead of this clock, which is right by the store: nobody knows which of them is wrong."""
    system = Timed(tmp_path, SetClock(), store_says=DEADLINE)
    make.stored(system.ledger)
    system.clock.time = DEADLINE + timedelta(hours=1)
    make.stored(system.ledger, "2026-08")
    system.clock.time = DEADLINE
    with pytest.raises(LedgerClock):
        begin(system, plan(system, ["2025-12"], "term"), "a1")  # type: ignore[arg-type]
    begin(system, plan(system, ["2025-12"], "order", "o1"), "a1")  # type: ignore[arg-type]


# Beginning


def test_nothing_is_begun_before_its_time_or_while_it_is_held(tmp_path: Path) -> None:
    system = Timed(tmp_path, SetClock(), store_says=DEADLINE)
    make.stored(system.ledger)
    system.clock.time = OPENS - SECOND
    with pytest.raises(NothingToPurge, match="hasn't ended"):
        begin(system, plan(system, ["2025-12"], "term"), "a1")  # type: ignore[arg-type]
    system.clock.time = OPENS
    system.ledger.append(
        HoldSet(
            hold_id="1" * 16,
            key="2025-12",
            order="o1",
            until=DEADLINE,
            beyond_term=False,
            set_by="a1",
            approved_by="a2",
        )
    )
    for ground, order in (("term", None), ("order", "o2")):
        with pytest.raises(Held, match="o1"):
            begin(system, plan(system, ["2025-12"], ground, order), "a1")  # type: ignore[arg-type]
    system.ledger.append(Withdrawn(order="o3", actor="a1"))
    begin(system, plan(system, ["2025-12"], "withdrawal", "o3"), "a1")  # type: ignore[arg-type]


def test_an_order_that_comes_after_the_plan_stops_it_and_none_comes_after_the_tombstone(tmp_path: Path) -> None:
    system = Timed(tmp_path, SetClock(), store_says=DEADLINE)
    make.stored(system.ledger)
    system.clock.time = OPENS
    purge_id = begin(system, plan(system, ["2025-12"], "term"), "a1")  # type: ignore[arg-type]
    order = HoldSet(
        hold_id="1" * 16, key="2025-12", order="o1", until=DEADLINE, beyond_term=False, set_by="a1", approved_by="a2"
    )
    system.ledger.append(order)
    with pytest.raises(Held, match="o1"):
        carry_out(system, CopyRegister(NoPlace(place) for place in PLACES), purge_id)  # type: ignore[arg-type]
    state = system.ledger.state()
    assert not state.tombstones
    assert not agenda(state, OPENS, DECREE, SETTINGS), "it is no failure, each hour anew"
    assert agenda(state, DEADLINE, DECREE, SETTINGS).go_on, "it ends with its term"
    told = fold(state, Entry(seq=state.seq + 1, at=OPENS, event=Withdrawn(order="o3", actor="a1")))
    assert agenda(told, OPENS, DECREE, SETTINGS).go_on, "a withdrawal waits for nothing"
    system.clock.time = DEADLINE
    with pytest.raises(Untouched):
        carry_out(system, CopyRegister(NoPlace(place) for place in PLACES), purge_id)  # type: ignore[arg-type]
    assert "2025-12" in system.ledger.state().tombstones
    with pytest.raises(IllegalEvent, match="tombstone"):
        system.ledger.append(order.model_copy(update={"hold_id": "2" * 16, "until": DEADLINE + timedelta(days=9)}))


class Untouched(PermanentError):
    """Somebody wanted to empty a place."""

    code = "ROD-TEST-01"


class NoPlace:
    method = "file_deleted"

    def __init__(self, place: str) -> None:
        self.place = place

    def erase(self, *_: object) -> None:
        raise Untouched("It was asked to erase.", "Nothing.")


def test_no_recipient_keeps_a_package_longer_than_what_is_in_it_may_be_kept(tmp_path: Path) -> None:
    system = Timed(tmp_path, SetClock(), store_says=NOON)
    make.stored(system.ledger)
    to = {"recipient": "r-school", "purpose": "verantwoording", "actor": "a1"}
    with pytest.raises(KeptTooLong, match="2032-12-15"):
        hand_over(system, ("2025-12",), until=DEADLINE + SECOND, **to)  # type: ignore[arg-type]
    package = hand_over(system, ("2025-12",), until=DEADLINE, **to)  # type: ignore[arg-type]
    assert list(system.ledger.state().handovers) == [package]


def test_a_plan_is_carried_out_as_it_was_agreed_to_or_not_at_all(tmp_path: Path) -> None:
    system = Timed(tmp_path, SetClock(), store_says=NOON)
    delivery = make.stored(system.ledger)
    agreed = plan(system, ["2025-12"], "order", "o1")  # type: ignore[arg-type]
    assert plan(system, ["2025-12"], "order", "o1").digest == agreed.digest  # type: ignore[arg-type]
    assert plan(system, ["2025-12"], "order", "o2").digest != agreed.digest  # type: ignore[arg-type]
    system.ledger.append(make.registered(delivery, "marts", "m"))
    with pytest.raises(PlanChanged):
        begin(system, agreed, "a1")  # type: ignore[arg-type]
    assert not system.ledger.state().purges


def test_a_new_intake_changes_the_plan(tmp_path: Path) -> None:
    system = Timed(tmp_path, SetClock(), store_says=NOON)
    make.received(system.ledger)
    agreed = plan(system, ["2025-12"], "order", "o1")  # type: ignore[arg-type]
    system.ledger.append(make.announced("2025-12"))
    with pytest.raises(PlanChanged):
        begin(system, agreed, "a1")  # type: ignore[arg-type]


def test_beginning_twice_is_one_purge(tmp_path: Path) -> None:
    system = Timed(tmp_path, SetClock(), store_says=NOON)
    make.stored(system.ledger)
    make.stored(system.ledger, "2026-08")
    agreed = plan(system, ["2025-12"], "order", "o1")  # type: ignore[arg-type]
    first = begin(system, agreed, "a1")  # type: ignore[arg-type]
    assert begin(system, agreed, "a2") == first  # type: ignore[arg-type]
    assert begin(system, plan(system, ["2026-08"], "order", "o1"), "a1") != first  # type: ignore[arg-type]


def test_what_nobody_announced_is_not_planned(tmp_path: Path) -> None:
    system = Timed(tmp_path, SetClock(), store_says=NOON)
    with pytest.raises(NothingToPurge, match="never announced"):
        plan(system, ["2025-12"], "order", "o1")  # type: ignore[arg-type]


def test_a_received_moment_counts(tmp_path: Path) -> None:
    told = Story().tell(Announced(delivery_id="0" * 16, key="2025-12", channel="drop", files=1))
    told.tell(
        Received(delivery_id="0" * 16, copies=("1" * 16,), moment=NOON - timedelta(days=1), moment_basis="ingestion")
    )
    assert term_of(told, NOON).deadline == deadline(NOON - timedelta(days=1))
