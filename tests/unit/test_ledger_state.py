"""What the events add up to."""

import pytest

from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.events import (
    CodeEnded,
    CopyErased,
    DatabaseBuilt,
    Finding,
    KeyCreated,
    KeyDestroyed,
    MartBuilt,
    QualityNotified,
    Refused,
    Validated,
)
from rod_pipeline.ledger.log import Ledger
from tests.support import ledger as make

BLOCKING = Finding(rule="r", file="diplomas", severity="blocking", failed=1, rows=10)


def test_the_stages_on_the_way_of_a_delivery(ledger: Ledger) -> None:
    def stage() -> str:
        return ledger.state().deliveries["2025-12"].stage

    ledger.append(make.announced())
    assert stage() == "announced"
    delivery = make.received(ledger)
    assert stage() == "received"
    copy = make.parsed(ledger, delivery)
    assert stage() == "received"
    ledger.append(Validated(delivery_id=delivery, outcome="failed", copies=(copy,), findings=(BLOCKING,)))
    assert stage() == "failed"
    again = make.parsed(ledger, delivery)
    assert stage() == "received"
    ledger.append(make.checked(delivery, again), Validated(delivery_id=delivery, outcome="passed", copies=(again,)))
    assert stage() == "validated"


def test_stored_tables_go_by_the_name_of_their_file(ledger: Ledger) -> None:
    delivery = make.stored(ledger)
    state = ledger.state()
    intake = state.deliveries["2025-12"]
    assert intake is state.intakes[delivery]
    assert intake.stage == "stored"
    assert state.copies[intake.tables["diplomas"]].zone == "validated"
    assert intake.rows == {"diplomas": 10}


def test_a_delivery_whose_code_is_gone_waits_for_another(ledger: Ledger) -> None:
    event = make.announced()
    ledger.append(event)
    assert ledger.state().deliveries["2025-12"].code == "awaiting"
    ledger.append(CodeEnded(delivery_id=event.delivery_id, reason="used"))
    ledger.append(CodeEnded(delivery_id=event.delivery_id, reason="expired"))
    intake = ledger.state().deliveries["2025-12"]
    assert (intake.code, intake.stage) == ("ended:used", "waiting_for_code")
    ledger.append(make.announced(channel="drop"))
    intake = ledger.state().deliveries["2025-12"]
    assert (intake.code, intake.stage) == ("none", "announced")


def test_a_refused_intake_makes_room_for_the_next(ledger: Ledger) -> None:
    first = make.received(ledger)
    ledger.append(Refused(delivery_id=first, error="ROD-PRIVACY-02"), KeyDestroyed(scope=first))
    second = make.received(ledger)
    state = ledger.state()
    assert state.intakes[first].stage == "refused"
    assert state.deliveries["2025-12"].delivery_id == second
    assert state.keys == {first: "destroyed", second: "live"}


def test_a_notice_is_remembered(ledger: Ledger) -> None:
    delivery = make.received(ledger)
    assert ledger.state().intakes[delivery].notified_at is None
    ledger.append(QualityNotified(delivery_id=delivery, rules=2))
    assert ledger.state().intakes[delivery].notified_at == make.NOON


def test_a_mart_that_is_built_again_replaces_the_older_one(ledger: Ledger) -> None:
    delivery = make.stored(ledger)
    for rows in (3, 4):
        copy, writing = make.written(delivery, "marts", "m")
        ledger.append(*writing, MartBuilt(delivery_id=delivery, mart="m", copy_id=copy, rows=rows))
    mart = ledger.state().intakes[delivery].marts["m"]
    assert (mart.copy_id, mart.rows) == (copy, 4)


def test_live_copies_are_those_not_erased(ledger: Ledger) -> None:
    delivery = make.received(ledger)
    unfinished = make.registered(delivery, "parsed", "diplomas")
    ledger.append(unfinished)
    (raw,) = ledger.state().intakes[delivery].raw
    assert [copy.copy_id for copy in ledger.state().live_copies(delivery)] == [raw, unfinished.copy_id]
    ledger.append(CopyErased(copy_id=raw, versions=1, uploads=0, ground="purged"))
    assert [copy.copy_id for copy in ledger.state().live_copies(delivery)] == [unfinished.copy_id]
    assert ledger.state().live_copies(new_id()) == ()


def built(ledger: Ledger) -> tuple[str, str]:
    generation = new_id()
    copy, writing = make.written(generation, "database", "marts")
    ledger.append(KeyCreated(scope=generation, keyring="local"), *writing)
    ledger.append(DatabaseBuilt(generation=generation, copy_id=copy, deliveries=()))
    return generation, copy


def test_the_newest_generation_is_in_force_until_its_data_is_gone(ledger: Ledger) -> None:
    ledger.append(make.approved())
    (old, _), (new, copy) = built(ledger), built(ledger)
    ledger.append(KeyDestroyed(scope=old))
    state = ledger.state()
    assert state.generation is not None and state.generation.generation == new
    assert list(state.generations) == [old, new]
    ledger.append(CopyErased(copy_id=copy, versions=1, uploads=0, ground="purged"))
    assert ledger.state().generation is None
    (last, _) = built(ledger)
    ledger.append(KeyDestroyed(scope=last))
    assert ledger.state().generation is None


def test_the_newest_approval_of_a_store_counts(ledger: Ledger, set_clock: make.SetClock) -> None:
    ledger.append(make.approved())
    set_clock.move(days=1)
    newer = make.approved().model_copy(update={"policy": "p2"})
    ledger.append(newer)
    place = ledger.state().territory["main"]
    assert (place.approval, place.approved_at) == (newer, set_clock.time)


def test_a_state_is_never_changed_in_place(ledger: Ledger) -> None:
    make.received(ledger)
    before = ledger.state()
    seq, deliveries = before.seq, dict(before.deliveries)
    make.stored(ledger, "2026-08")
    assert (before.seq, dict(before.deliveries)) == (seq, deliveries)
    with pytest.raises(TypeError):
        before.copies["x"] = before.copies  # type: ignore[index]
