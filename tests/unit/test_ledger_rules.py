"""What may follow what. Each test takes a delivery some way and tries a step that must not be possible there."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from rod_pipeline.deliveries import BadDeliveryKey, new_id
from rod_pipeline.ledger.events import (
    Accessed,
    AnyEvent,
    CodeEnded,
    CopyErased,
    CopyVerified,
    DatabaseBuilt,
    Finding,
    KeyCreated,
    KeyDestroyed,
    MartBuilt,
    Parsed,
    QualityNotified,
    Received,
    Refused,
    Stored,
    Validated,
)
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.rules import IllegalEvent
from tests.support import ledger as make

BLOCKING = Finding(rule="r", file="diplomas", severity="blocking", failed=1, rows=10)


def refused(ledger: Ledger, *events: AnyEvent, because: str) -> None:
    before = ledger.state()
    with pytest.raises(IllegalEvent, match=because):
        ledger.append(*events)
    assert ledger.state() == before


def test_the_whole_way_is_open(ledger: Ledger) -> None:
    delivery = make.stored(ledger)
    mart, writing = make.written(delivery, "marts", "studentaantallen")
    ledger.append(*writing, MartBuilt(delivery_id=delivery, mart="studentaantallen", copy_id=mart, rows=3))
    generation = new_id()
    database, writing = make.written(generation, "database", "marts")
    ledger.append(KeyCreated(scope=generation, keyring="local"), *writing)
    ledger.append(DatabaseBuilt(generation=generation, copy_id=database, deliveries=(delivery,)))
    ledger.append(Accessed(actor="a1", purpose="onderzoek", copy_id=database))
    state = ledger.state()
    assert state.generation is not None and state.generation.deliveries == (delivery,)


# Announcing


def test_a_stored_delivery_is_not_announced_again(ledger: Ledger) -> None:
    make.stored(ledger)
    refused(ledger, make.announced("2025-12"), because="already stored")
    ledger.append(make.announced("2025-12-r2"))


def test_an_unfinished_intake_is_replaced(ledger: Ledger) -> None:
    first = make.received(ledger)
    second = make.announced("2025-12")
    ledger.append(second)
    state = ledger.state()
    assert state.deliveries["2025-12"].delivery_id == second.delivery_id
    assert state.intakes[first].stage == "superseded"
    refused(ledger, make.registered(first, "parsed", "diplomas"), because="superseded")


def test_an_id_is_used_once(ledger: Ledger) -> None:
    delivery = make.received(ledger)
    refused(ledger, make.announced("2026-08", delivery), because="taken")


def test_a_key_that_no_delivery_can_have(ledger: Ledger) -> None:
    with pytest.raises(BadDeliveryKey):
        ledger.append(make.announced("2025-13"))


def test_a_moment_comes_with_its_basis(ledger: Ledger) -> None:
    refused(ledger, make.announced().model_copy(update={"moment": make.NOON}), because="come together")
    refused(ledger, make.announced().model_copy(update={"moment_basis": "placed"}), because="come together")


def test_a_moment_in_the_future_would_stretch_the_term(ledger: Ledger) -> None:
    future = make.NOON + timedelta(minutes=6)
    event = make.announced().model_copy(update={"moment": future, "moment_basis": "dispatch"})
    refused(ledger, event, because="future")
    delivery, events = make.opened()
    copy, writing = make.written(delivery, "landing", "raw")
    event2 = Received(delivery_id=delivery, copies=(copy,), moment=future, moment_basis="dispatch")
    refused(ledger, *events, *writing, event2, because="future")


def test_a_moment_never_moves_later(ledger: Ledger) -> None:
    delivery, (announced, *others) = make.opened()
    placed = make.NOON - timedelta(days=2)
    copy, writing = make.written(delivery, "landing", "raw")
    ledger.append(announced.model_copy(update={"moment": placed, "moment_basis": "placed"}), *others, *writing)
    event = Received(
        delivery_id=delivery, copies=(copy,), moment=placed + timedelta(seconds=1), moment_basis="first_download"
    )
    refused(ledger, event, because="only move earlier")
    ledger.append(event.model_copy(update={"moment": placed - timedelta(days=1)}))
    assert ledger.state().intakes[delivery].moment == placed - timedelta(days=1)


# Copies and keys


def test_no_copy_before_its_place_is_approved(ledger: Ledger) -> None:
    delivery = make.announced()
    ledger.append(delivery, KeyCreated(scope=delivery.delivery_id, keyring="local"))
    refused(ledger, make.registered(delivery.delivery_id, "landing", "raw"), because="never approved")


def test_no_copy_before_there_is_a_key(ledger: Ledger) -> None:
    delivery = make.announced()
    ledger.append(delivery, make.approved())
    refused(ledger, make.registered(delivery.delivery_id, "landing", "raw"), because="no key")


@pytest.mark.parametrize("zone", ["landing", "parsed", "validated"])
def test_no_copy_of_a_delivery_that_was_never_announced(ledger: Ledger, zone: str) -> None:
    scope = new_id()
    ledger.append(make.approved(), KeyCreated(scope=scope, keyring="local"))
    refused(ledger, make.registered(scope, zone, "raw"), because="announced")  # type: ignore[arg-type]


def test_a_copy_is_verified_once_and_only_when_registered(ledger: Ledger) -> None:
    delivery, events = make.opened()
    copy, writing = make.written(delivery, "landing", "raw")
    ledger.append(*events)
    refused(ledger, writing[1], because="no such copy")
    ledger.append(*writing)
    refused(ledger, writing[1], because="already verified")
    refused(ledger, writing[0], because="taken")
    ledger.append(CopyErased(copy_id=copy, versions=1, uploads=0, ground="unfinished"))
    refused(ledger, writing[1], because="already erased")


def test_a_scope_has_its_key_in_one_keyring(ledger: Ledger) -> None:
    delivery = make.received(ledger)
    ledger.append(KeyCreated(scope=delivery, keyring="local"))
    refused(ledger, KeyCreated(scope=delivery, keyring="openbao"), because="keyring")


AFTER_DESTRUCTION: dict[str, Callable[[str, str, str], AnyEvent]] = {
    "key": lambda delivery, raw, parsed: KeyCreated(scope=delivery, keyring="local"),
    "copy": lambda delivery, raw, parsed: make.registered(delivery, "parsed", "diplomas"),
    "verified": lambda delivery, raw, parsed: CopyVerified(copy_id=parsed, size=1, sha256=make.DIGEST),
    "parsed": lambda delivery, raw, parsed: Parsed(
        delivery_id=delivery, file="diplomas", contract=1, rows=1, copy_id=parsed
    ),
    "validated": lambda delivery, raw, parsed: Validated(
        delivery_id=delivery, outcome="failed", copies=(), findings=(BLOCKING,)
    ),
    "stored": lambda delivery, raw, parsed: Stored(delivery_id=delivery, copies=(raw,), rows=(1,)),
    "mart": lambda delivery, raw, parsed: MartBuilt(delivery_id=delivery, mart="m", copy_id=raw, rows=1),
    "access": lambda delivery, raw, parsed: Accessed(actor="a", purpose="beheer", copy_id=raw),
}


@pytest.mark.parametrize("step", AFTER_DESTRUCTION)
def test_nothing_but_erasure_follows_on_a_destroyed_key(ledger: Ledger, step: str) -> None:
    delivery = make.received(ledger)
    (raw,) = ledger.state().intakes[delivery].raw
    open_copy = make.registered(delivery, "parsed", "diplomas")
    ledger.append(open_copy, KeyDestroyed(scope=delivery))
    refused(ledger, AFTER_DESTRUCTION[step](delivery, raw, open_copy.copy_id), because="destroyed")


def test_erasure_is_never_refused_and_can_be_said_twice(ledger: Ledger) -> None:
    delivery = make.stored(ledger)
    erasure: tuple[AnyEvent, ...] = (
        Refused(delivery_id=delivery, error="ROD-PRIVACY-01"),
        KeyDestroyed(scope=delivery),
        *(
            CopyErased(copy_id=copy.copy_id, versions=1, uploads=0, ground="refused")
            for copy in ledger.state().live_copies(delivery)
        ),
        CodeEnded(delivery_id=delivery, reason="refused"),
        QualityNotified(delivery_id=delivery, rules=1),
    )
    ledger.append(*erasure)
    state = ledger.state()
    assert state.live_copies(delivery) == ()
    assert state.intakes[delivery].stage == "refused"
    ledger.append(*erasure, Refused(delivery_id=delivery, error="ROD-LATER-01"))
    assert ledger.state().intakes[delivery].refused == "ROD-PRIVACY-01"


# The way of a delivery


def test_received_once_from_verified_landing_copies(ledger: Ledger) -> None:
    delivery, events = make.opened()
    ledger.append(*events)
    copy, writing = make.written(delivery, "landing", "raw")
    event = Received(delivery_id=delivery, copies=(copy,), moment=make.NOON, moment_basis="ingestion")
    refused(ledger, event, because="no such copy")
    ledger.append(writing[0])
    refused(ledger, event, because="not a verified copy")
    ledger.append(writing[1])
    refused(ledger, event.model_copy(update={"copies": ()}), because="no copy")
    refused(ledger, event.model_copy(update={"copies": (copy, copy)}), because="twice")
    ledger.append(event)
    refused(ledger, event, because="already received")


def test_not_parsed_before_received(ledger: Ledger) -> None:
    delivery, events = make.opened()
    copy, writing = make.written(delivery, "parsed", "diplomas")
    ledger.append(*events, *writing)
    event = Parsed(delivery_id=delivery, file="diplomas", contract=1, rows=1, copy_id=copy)
    refused(ledger, event, because="not received yet")


def test_a_table_of_another_delivery_or_zone_is_not_taken(ledger: Ledger) -> None:
    delivery, other = make.received(ledger), make.received(ledger, "2026-08")
    foreign, writing = make.written(other, "parsed", "diplomas")
    ledger.append(*writing)
    (raw,) = ledger.state().intakes[delivery].raw
    for copy in (foreign, raw):
        event = Parsed(delivery_id=delivery, file="diplomas", contract=1, rows=1, copy_id=copy)
        refused(ledger, event, because="its own scope")


def test_a_verdict_covers_the_parsed_tables_in_force(ledger: Ledger) -> None:
    delivery = make.received(ledger)
    passed = Validated(delivery_id=delivery, outcome="passed", copies=())
    refused(ledger, passed, because="without all parsed tables")
    old, other = make.parsed(ledger, delivery), make.parsed(ledger, delivery, "doorstroom")
    refused(ledger, passed.model_copy(update={"copies": (old,)}), because="without all parsed tables")
    new = make.parsed(ledger, delivery)
    refused(ledger, passed.model_copy(update={"copies": (old, other)}), because="in force")
    passed = passed.model_copy(update={"copies": (new, other)})
    ledger.append(make.checked(delivery, new))
    refused(ledger, passed, because="did not pass its own checks")
    ledger.append(make.checked(delivery, other, "doorstroom"), passed)


def test_a_check_rests_on_the_table_in_force_and_falls_with_it(ledger: Ledger) -> None:
    delivery = make.received(ledger)
    old, new = make.parsed(ledger, delivery), make.parsed(ledger, delivery)
    refused(ledger, make.checked(delivery, old), because="in force")
    bad = make.checked(delivery, new).model_copy(update={"findings": (BLOCKING,)})
    refused(ledger, bad, because="passed with a blocking")
    refused(
        ledger,
        make.checked(delivery, new).model_copy(update={"outcome": "failed"}),
        because="failed without a blocking",
    )
    ledger.append(bad.model_copy(update={"outcome": "failed"}))
    assert ledger.state().intakes[delivery].stage == "failed"
    newest = make.parsed(ledger, delivery)
    assert ledger.state().intakes[delivery].stage == "received"
    ledger.append(make.checked(delivery, newest))
    assert ledger.state().intakes[delivery].has_passed("diplomas")


def test_a_verdict_agrees_with_its_findings(ledger: Ledger) -> None:
    delivery = make.received(ledger)
    copy = make.parsed(ledger, delivery)
    passed = Validated(delivery_id=delivery, outcome="passed", copies=(copy,), findings=(BLOCKING,))
    refused(ledger, passed, because="passed with a blocking")
    failed = Validated(delivery_id=delivery, outcome="failed", copies=(copy,))
    refused(ledger, failed, because="failed without a blocking")


def test_only_a_good_verdict_on_the_same_tables_is_stored(ledger: Ledger) -> None:
    delivery = make.received(ledger)
    copy = make.parsed(ledger, delivery)
    table, writing = make.written(delivery, "validated", "diplomas")
    ledger.append(*writing)
    event = Stored(delivery_id=delivery, copies=(table,), rows=(1,))
    refused(ledger, event, because="did not pass")
    ledger.append(Validated(delivery_id=delivery, outcome="failed", copies=(copy,), findings=(BLOCKING,)))
    refused(ledger, event, because="did not pass")
    ledger.append(make.checked(delivery, copy), Validated(delivery_id=delivery, outcome="passed", copies=(copy,)))
    make.parsed(ledger, delivery)
    refused(ledger, event, because="did not pass")


def test_stored_tables_stand_for_parsed_files(ledger: Ledger) -> None:
    delivery = make.validated(ledger)
    table, writing = make.written(delivery, "validated", "doorstroom")
    twin, writing2 = make.written(delivery, "validated", "diplomas")
    third, writing3 = make.written(delivery, "validated", "diplomas")
    ledger.append(*writing, *writing2, *writing3)
    refused(ledger, Stored(delivery_id=delivery, copies=(table,), rows=(1,)), because="named after")
    refused(ledger, Stored(delivery_id=delivery, copies=(twin, third), rows=(1, 1)), because="named after")
    refused(ledger, Stored(delivery_id=delivery, copies=(twin,), rows=()), because="number of rows")
    refused(ledger, Stored(delivery_id=delivery, copies=(), rows=()), because="number of rows")


def test_a_stored_delivery_is_final(ledger: Ledger) -> None:
    delivery = make.stored(ledger)
    intake = ledger.state().intakes[delivery]
    assert intake.verdict is not None
    refused(ledger, intake.parsed["diplomas"], because="already stored")
    refused(ledger, intake.verdict, because="already stored")
    refused(ledger, Stored(delivery_id=delivery, copies=(intake.tables["diplomas"],), rows=(10,)), because="already")


def test_no_mart_before_the_delivery_is_stored(ledger: Ledger) -> None:
    delivery = make.validated(ledger)
    copy, writing = make.written(delivery, "marts", "m")
    ledger.append(*writing)
    refused(ledger, MartBuilt(delivery_id=delivery, mart="m", copy_id=copy, rows=1), because="not stored")


def test_a_database_holds_stored_living_deliveries_only(ledger: Ledger) -> None:
    good, unfinished = make.stored(ledger), make.validated(ledger, "2026-08")
    refused_one, destroyed = make.stored(ledger, "2026-12"), make.stored(ledger, "2027-08")
    ledger.append(Refused(delivery_id=refused_one, error="ROD-X"), KeyDestroyed(scope=destroyed))
    generation = new_id()
    copy, writing = make.written(generation, "database", "marts")
    ledger.append(KeyCreated(scope=generation, keyring="local"), *writing)
    event = DatabaseBuilt(generation=generation, copy_id=copy, deliveries=(good,))
    for bad, because in (
        (unfinished, "not stored"),
        (refused_one, "refused"),
        (destroyed, "destroyed"),
        (new_id(), "announced"),
        (good, "twice"),
    ):
        refused(ledger, event.model_copy(update={"deliveries": (good, bad)}), because=because)
    ledger.append(event)
    refused(ledger, event, because="exists already")
    refused(ledger, make.registered(generation, "database", "more"), because="never edited")


def test_a_database_is_not_kept_under_the_key_of_one_delivery(ledger: Ledger) -> None:
    delivery = make.stored(ledger)
    refused(ledger, make.registered(delivery, "database", "marts"), because="generation of its own")
    copy, writing = make.written(delivery, "marts", "m")
    ledger.append(*writing)
    refused(ledger, DatabaseBuilt(generation=delivery, copy_id=copy, deliveries=()), because="its own scope")


def test_only_a_verified_copy_is_accessed(ledger: Ledger) -> None:
    delivery = make.received(ledger)
    copy = make.registered(delivery, "parsed", "diplomas")
    ledger.append(copy)
    refused(ledger, Accessed(actor="a", purpose="beheer", copy_id=copy.copy_id), because="registered")
    refused(ledger, Accessed(actor="a", purpose="beheer", copy_id=new_id()), because="no such copy")


@pytest.mark.parametrize("kind", [CodeEnded, Refused, QualityNotified])
def test_nothing_is_said_about_a_delivery_nobody_announced(ledger: Ledger, kind: type) -> None:
    fields: dict[type, dict[str, object]] = {
        CodeEnded: {"reason": "used"},
        Refused: {"error": "E"},
        QualityNotified: {"rules": 1},
    }
    refused(ledger, kind(delivery_id=new_id(), **fields[kind]), because="announced")
    refused(ledger, CopyErased(copy_id=new_id(), versions=0, uploads=0, ground="purged"), because="no such copy")
