"""Notices and waivers in the ledger: what may follow what, and what it adds up to."""

from datetime import timedelta

import pytest

from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.events import (
    AnyEvent,
    Checked,
    Finding,
    MartBuilt,
    NoticeAnswered,
    NoticeClosed,
    NoticeDrafted,
    NoticeSent,
    QualityNotified,
    Refused,
    Stored,
    Validated,
    Waived,
    WaiverWithdrawn,
)
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.rows import canonical
from rod_pipeline.ledger.rules import IllegalEvent
from tests.support import ledger as make

DAY = timedelta(days=1)
M1 = "2025-12-m1"
BLOCKING = Finding(rule="r", file="diplomas", severity="blocking", failed=3, rows=10)
WARNING = Finding(rule="w", file="diplomas", severity="warning", failed=1, rows=10)


def refused(ledger: Ledger, *events: AnyEvent, because: str) -> None:
    before = ledger.state()
    with pytest.raises(IllegalEvent, match=because):
        ledger.append(*events)
    assert ledger.state() == before


def drafted(delivery: str, draft: int = 1, notice: str = M1, **more: object) -> NoticeDrafted:
    fields = {"found_at": make.NOON, "findings": (BLOCKING,), "text": make.DIGEST} | more
    return NoticeDrafted.model_validate({"notice": notice, "delivery_id": delivery, "draft": draft, **fields})


def sent(draft: int = 1, **more: object) -> NoticeSent:
    fields = {"notice": M1, "text": make.DIGEST, "channel": "portal", "sent_at": make.NOON, "actor": "a"} | more
    return NoticeSent.model_validate({"draft": draft, **fields})


def closed(outcome: str) -> NoticeClosed:
    return NoticeClosed.model_validate({"notice": M1, "outcome": outcome, "actor": "a"})


def answered() -> NoticeAnswered:
    return NoticeAnswered(notice=M1, answer="explained", reference="DUO-1", actor="a")


def checked(delivery: str, copy: str, outcome: str, finding: Finding = BLOCKING) -> Checked:
    return Checked.model_validate(
        {"delivery_id": delivery, "file": "diplomas", "copy_id": copy, "outcome": outcome, "rules": 2}
        | {"findings": (finding, WARNING)}
    )


def waived(delivery: str, **more: object) -> Waived:
    fields = {"file": "diplomas", "rule": "r", "failed": 3, "reason": "duo_confirmed", "until": make.NOON + DAY}
    return Waived.model_validate(
        {"waiver_id": new_id(), "delivery_id": delivery, "actor": "a", **fields, **more},
    )


@pytest.fixture
def delivery(ledger: Ledger) -> str:
    """One that was received."""
    return make.received(ledger)


@pytest.fixture
def failed(ledger: Ledger, delivery: str) -> str:
    """The parsed copy of the delivery, which failed its check."""
    copy = make.parsed(ledger, delivery)
    ledger.append(checked(delivery, copy, "failed"))
    return copy


# Notices


def test_a_notice_goes_from_draft_to_its_end(ledger: Ledger, delivery: str, set_clock: make.SetClock) -> None:
    ledger.append(drafted(delivery))
    (notice,) = ledger.state().notices.values()
    assert (notice.status, notice.waits, notice.key) == ("drafted", True, "2025-12")
    assert ledger.state().intakes[delivery].notified_at == make.NOON
    set_clock.move(hours=30)
    assert notice.lasted(set_clock.now()) == timedelta(hours=30)
    ledger.append(drafted(delivery, 2, findings=(BLOCKING, WARNING)))
    ledger.append(sent(2, sent_at=make.NOON + timedelta(hours=2)))
    assert ledger.state().notices[M1].status == "sent"
    assert ledger.state().notices[M1].lasted(set_clock.now()) == timedelta(hours=2)
    ledger.append(answered(), answered())
    assert ledger.state().notices[M1].status == "answered"
    ledger.append(closed("explained"))
    end = ledger.state().notices[M1]
    assert (end.status, end.waits, end.settled, len(end.answers)) == ("closed", False, True, 2)
    assert ledger.state().intakes[delivery].notified_at == make.NOON


def test_a_draft_is_numbered_and_its_discovery_stays(ledger: Ledger, delivery: str) -> None:
    refused(ledger, drafted(new_id()), because="no such delivery")
    refused(ledger, drafted(delivery, notice="2025-12-m2"), because="not the next one")
    refused(ledger, drafted(delivery, notice="2026-08-m1"), because="not the next one")
    refused(ledger, drafted(delivery, 2), because="number 1")
    refused(ledger, drafted(delivery, findings=()), because="tells nothing")
    refused(ledger, drafted(delivery, found_at=make.NOON + DAY), because="in the future")
    ledger.append(drafted(delivery))
    refused(ledger, drafted(delivery), because="comes next")
    refused(ledger, drafted(delivery, 3), because="comes next")
    refused(ledger, drafted(delivery, 2, found_at=make.NOON - DAY), because="can't be moved")
    refused(ledger, drafted(delivery, notice="2025-12-m2"), because="not sent yet")


def test_what_is_found_after_sending_makes_a_new_notice(ledger: Ledger, delivery: str) -> None:
    ledger.append(drafted(delivery), sent())
    refused(ledger, drafted(delivery, 2), because="makes a new one")
    ledger.append(drafted(delivery, notice="2025-12-m2"))
    assert [notice.notice for notice in ledger.state().notices_of(delivery)] == [M1, "2025-12-m2"]


def test_another_intake_of_the_delivery_has_notices_of_its_own(ledger: Ledger, delivery: str) -> None:
    ledger.append(drafted(delivery))
    again = make.announced("2025-12")
    ledger.append(again)
    refused(ledger, drafted(again.delivery_id, 2), because="another intake")
    ledger.append(drafted(again.delivery_id, notice="2025-12-m2"))


def test_only_the_newest_draft_is_sent_once_and_not_before_it_was_found(ledger: Ledger, delivery: str) -> None:
    refused(ledger, sent(), because="no such notice")
    ledger.append(drafted(delivery), drafted(delivery, 2, text="ab" * 32))
    refused(ledger, sent(1), because="newest draft is number 2")
    refused(ledger, sent(2), because="newest draft")
    good = sent(2, text="ab" * 32)
    refused(ledger, good.model_copy(update={"sent_at": make.NOON - DAY}), because="before anything was found")
    refused(ledger, good.model_copy(update={"sent_at": make.NOON + DAY}), because="in the future")
    ledger.append(good)
    refused(ledger, good, because="sent before")


def test_an_answer_comes_after_sending_and_an_end_says_whether_it_was_sent(ledger: Ledger, delivery: str) -> None:
    ledger.append(drafted(delivery))
    refused(ledger, answered(), because="not sent")
    refused(ledger, closed("corrected"), because="ends otherwise")
    ledger.append(sent())
    refused(ledger, closed("void"), because="ends otherwise")
    refused(ledger, closed("cause_ours"), because="ends otherwise")
    ledger.append(closed("corrected"))
    for event in (answered(), closed("corrected"), sent()):
        refused(ledger, event, because="closed")


@pytest.mark.parametrize(("outcome", "settled"), [("cause_ours", True), ("void", False)])
def test_what_a_person_put_aside_is_settled_and_what_vanished_is_not(
    ledger: Ledger, delivery: str, outcome: str, settled: bool
) -> None:
    ledger.append(drafted(delivery), closed(outcome))
    notice = ledger.state().notices[M1]
    assert (notice.waits, notice.settled, notice.status) == (False, settled, "closed")


def test_a_refused_delivery_is_told_of_too(ledger: Ledger, delivery: str) -> None:
    ledger.append(Refused(delivery_id=delivery, error="ROD-PRIVACY-01"))
    ledger.append(drafted(delivery, findings=(), refused="ROD-PRIVACY-01"))
    assert ledger.state().notices[M1].draft.refused == "ROD-PRIVACY-01"


def test_the_old_kind_of_event_is_still_read(ledger: Ledger, delivery: str) -> None:
    ledger.append(QualityNotified(delivery_id=delivery, rules=2))
    assert ledger.state().notices == {}
    assert ledger.state().intakes[delivery].notified_at == make.NOON


@pytest.mark.parametrize("reference", ["2025-12-m0", "2025-12", "m1", "2025-12-m1 ", "2025-12-r2-m1x"])
def test_a_reference_holds_nothing_but_a_delivery_and_a_number(reference: str) -> None:
    with pytest.raises(ValueError, match="notice"):
        drafted(new_id(), notice=reference)


# Waivers


def test_a_waiver_lets_the_finding_it_names_through_while_it_stands(
    ledger: Ledger, delivery: str, failed: str, set_clock: make.SetClock
) -> None:
    refused(ledger, checked(delivery, failed, "passed"), because="passed with a blocking finding")
    ledger.append(waived(delivery))
    refused(ledger, checked(delivery, failed, "failed"), because="failed without a blocking finding")
    ledger.append(checked(delivery, failed, "passed"))
    assert ledger.state().intakes[delivery].stage == "received"
    worse = BLOCKING.model_copy(update={"failed": 4})
    refused(ledger, checked(delivery, failed, "passed", worse), because="blocking finding")
    better = BLOCKING.model_copy(update={"failed": 2})
    ledger.append(checked(delivery, failed, "passed", better))
    for other in ({"rule": "other"}, {"file": "doorstroom"}):
        refused(ledger, checked(delivery, failed, "passed", BLOCKING.model_copy(update=other)), because="blocking")
    set_clock.move(days=1)
    refused(ledger, checked(delivery, failed, "passed"), because="blocking finding")
    ledger.append(checked(delivery, failed, "failed"))


def test_nobody_accepts_what_was_not_found_or_for_a_delivery_that_is_gone(
    ledger: Ledger, delivery: str, failed: str
) -> None:
    for other in ({"rule": "w"}, {"rule": "q"}, {"file": "doorstroom"}, {"failed": 4}):
        refused(ledger, waived(delivery, **other), because="no such blocking finding")
    refused(ledger, waived(delivery, until=make.NOON), because="ended before it began")
    refused(ledger, waived(new_id()), because="no such delivery")
    one = waived(delivery)
    ledger.append(one)
    refused(ledger, one, because="taken")
    ledger.append(Refused(delivery_id=delivery, error="ROD-REFUSE-01"))
    refused(ledger, waived(delivery), because="is refused")


def test_a_waiver_is_for_one_intake(ledger: Ledger, delivery: str, failed: str) -> None:
    ledger.append(waived(delivery))
    other = make.received(ledger)
    copy = make.parsed(ledger, other)
    refused(ledger, checked(other, copy, "passed"), because="blocking finding")


def test_a_waiver_is_withdrawn_once(ledger: Ledger, delivery: str, failed: str) -> None:
    waiver = waived(delivery)
    end = WaiverWithdrawn(waiver_id=waiver.waiver_id, actor="a")
    refused(ledger, end, because="no such waiver")
    ledger.append(waiver, end)
    refused(ledger, end, because="no such waiver")
    refused(ledger, checked(delivery, failed, "passed"), because="blocking finding")


def test_nothing_is_judged_stored_or_built_by_a_waiver_that_ended(
    ledger: Ledger, delivery: str, failed: str, set_clock: make.SetClock
) -> None:
    waiver = waived(delivery)
    ledger.append(waiver, checked(delivery, failed, "passed"))
    verdict = Validated(delivery_id=delivery, outcome="passed", copies=(failed,))
    table, writing = make.written(delivery, "validated", "diplomas")
    mart, building = make.written(delivery, "marts", "m")
    ledger.append(*writing, *building)
    stored = Stored(delivery_id=delivery, copies=(table,), rows=(10,))
    built = MartBuilt(delivery_id=delivery, mart="m", copy_id=mart, rows=1, waivers=(waiver.waiver_id,))

    def anew() -> str:
        """Waive it again for a day."""
        again = waived(delivery, until=set_clock.now() + DAY)
        ledger.append(again)
        return again.waiver_id

    set_clock.move(days=1)
    refused(ledger, verdict, because="has ended")
    anew()
    ledger.append(verdict)
    set_clock.move(days=1)
    refused(ledger, stored, because="has ended")
    newest = anew()
    ledger.append(stored)
    refused(ledger, built, because="does not name the waivers")
    refused(ledger, built.model_copy(update={"waivers": ()}), because="does not name the waivers")
    set_clock.move(days=1)
    refused(ledger, built.model_copy(update={"waivers": (newest,)}), because="has ended")
    newest = anew()
    ledger.append(built.model_copy(update={"waivers": (newest,)}))
    assert ledger.state().intakes[delivery].marts["m"].waivers == (newest,)


def test_a_mart_that_rests_on_no_waiver_is_written_as_it_always_was() -> None:
    plain = MartBuilt(delivery_id=new_id(), mart="m", copy_id=new_id(), rows=1)
    assert "waivers" not in canonical(plain)
