"""Which event of erasure may follow what: each test tries a step that must not be possible, and one that must be."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.erasure import (
    Accepted,
    Attested,
    Counted,
    Drained,
    ErasureAsked,
    ErasureDeclared,
    HandedOver,
    HoldLifted,
    HoldSet,
    Inventoried,
    MomentMoved,
    PackageErased,
    PlaceErased,
    PlaceLeft,
    PurgePlanned,
    Subject,
    Suspended,
    SuspensionLifted,
    Tombstoned,
    Withdrawn,
)
from rod_pipeline.ledger.events import (
    Accessed,
    AnyEvent,
    CodeEnded,
    CopyErased,
    CopyVerified,
    DatabaseBuilt,
    KeyCreated,
    KeyDestroyed,
    MartBuilt,
    Parsed,
    Received,
    Refused,
    Stored,
)
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.purges import PLACES
from rod_pipeline.ledger.rules import IllegalEvent, is_erasure
from tests.support import ledger as make
from tests.support.evidence import carried_out, looked, planned
from tests.support.ledger import DIGEST, NOON, SetClock

PURGE = "f" * 16


def refused(ledger: Ledger, *events: AnyEvent, because: str) -> None:
    before = ledger.state()
    with pytest.raises(IllegalEvent, match=because):
        ledger.append(*events)
    assert ledger.state() == before


def tombstoned(ledger: Ledger, key: str = "2025-12") -> str:
    """A stored delivery under a tombstone, no more; returns its intake."""
    delivery = make.stored(ledger, key)
    planned(ledger, [key], PURGE, ground="order", order="o1")
    ledger.append(Tombstoned(purge_id=PURGE, key=key))
    return delivery


def swept(ledger: Ledger, clock: SetClock, *keys: str) -> PurgePlanned:
    """Stored deliveries that were taken to a clean late sweep."""
    for key in keys:
        make.stored(ledger, key)
    plan = planned(ledger, keys, PURGE, ground="order", order="o1")
    carried_out(ledger, plan, clock)
    looked(ledger, plan, "second")
    looked(ledger, plan, "late")
    return plan


def inventory(key: str = "2025-12", round_: str = "second", **left: int) -> Inventoried:
    places = tuple(
        PlaceLeft(place=place, counts=(Counted(what="copies", n=left[place]),) if place in left else ())
        for place in PLACES
    )
    return Inventoried(purge_id=PURGE, key=key, round=round_, places=places)  # type: ignore[arg-type]


# The moment


def test_a_moment_moves_earlier_and_never_later(ledger: Ledger) -> None:
    delivery = make.stored(ledger)
    event = MomentMoved(delivery_id=delivery, moment=NOON, moment_basis="placed")
    refused(ledger, event, because="only move earlier")
    refused(ledger, event.model_copy(update={"moment": NOON + timedelta(seconds=1)}), because="only move earlier")
    refused(ledger, event.model_copy(update={"delivery_id": new_id()}), because="announced")
    ledger.append(event.model_copy(update={"moment": NOON - timedelta(days=1)}))
    intake = ledger.state().intakes[delivery]
    assert (intake.moment, intake.moment_basis) == (NOON - timedelta(days=1), "placed")


def test_the_moment_of_what_was_erased_stays(ledger: Ledger) -> None:
    delivery = tombstoned(ledger)
    event = MomentMoved(delivery_id=delivery, moment=NOON - timedelta(days=1), moment_basis="placed")
    refused(ledger, event, because=f"tombstone is {PURGE}")


# Corrections


def test_a_correction_is_of_the_same_moment_and_newer(ledger: Ledger) -> None:
    for key in ("2025-12", "2025-12-r2", "2026-08-r2"):
        make.stored(ledger, key)
    for new, old in (("2025-12", "2025-12-r2"), ("2025-12", "2025-12"), ("2026-08-r2", "2025-12")):
        refused(ledger, Accepted(key=new, supersedes=old, actor="a1"), because="no correction")
    ledger.append(Accepted(key="2025-12-r2", supersedes="2025-12", actor="a1"))
    assert ledger.state().deliveries["2025-12"].corrected_by == "2025-12-r2"


def test_both_a_correction_and_what_it_corrects_are_stored(ledger: Ledger) -> None:
    make.stored(ledger)
    make.validated(ledger, "2025-12-r2")
    refused(ledger, Accepted(key="2025-12-r2", supersedes="2025-12", actor="a1"), because="2025-12-r2 is not stored")
    make.stored(ledger, "2025-12-r4")
    refused(ledger, Accepted(key="2025-12-r4", supersedes="2025-12-r2", actor="a1"), because="2025-12-r2 is not stored")
    refused(ledger, Accepted(key="2025-12-r4", supersedes="2025-12-r3", actor="a1"), because="2025-12-r3 is not stored")


def test_what_was_erased_takes_nobodys_place(ledger: Ledger) -> None:
    make.stored(ledger, "2025-12-r2")
    tombstoned(ledger)
    refused(ledger, Accepted(key="2025-12-r2", supersedes="2025-12", actor="a1"), because="2025-12 is not stored")


# Holds


def hold(**changed: object) -> HoldSet:
    event = HoldSet(
        hold_id="1" * 16,
        key="2025-12",
        order="o1",
        until=NOON + timedelta(days=90),
        beyond_term=False,
        set_by="a1",
        approved_by="a2",
    )
    return event.model_copy(update=changed)


def test_a_hold_is_dated_and_set_by_two(ledger: Ledger) -> None:
    make.stored(ledger)
    refused(ledger, hold(until=NOON), because="within 90 days")
    refused(ledger, hold(until=NOON + timedelta(days=90, seconds=1)), because="within 90 days")
    refused(ledger, hold(approved_by="a1"), because="does not approve it")
    refused(ledger, hold(key="2026-08"), because="announced")
    ledger.append(hold())
    refused(ledger, hold(), because="taken")


def test_a_hold_is_lifted_once(ledger: Ledger) -> None:
    make.stored(ledger)
    refused(ledger, HoldLifted(hold_id="1" * 16, actor="a1"), because="no such hold")
    ledger.append(hold(), HoldLifted(hold_id="1" * 16, actor="a1"))
    refused(ledger, HoldLifted(hold_id="1" * 16, actor="a1"), because="no such hold")


def test_what_was_erased_is_not_held(ledger: Ledger) -> None:
    tombstoned(ledger)
    refused(ledger, hold(), because=f"tombstone is {PURGE}")


@pytest.mark.parametrize(
    ("beyond", "days", "deadline", "holds"),
    [
        (False, 1, None, True),
        (False, 1, timedelta(days=2), True),
        (False, 3, timedelta(days=2), False),
        (False, 2, timedelta(days=2), False),
        (True, 3, timedelta(days=2), True),
        (True, 10, timedelta(days=2), False),
    ],
)
def test_a_hold_ends_with_the_term_unless_it_is_an_order_beyond_it(
    ledger: Ledger, beyond: bool, days: int, deadline: timedelta | None, holds: bool
) -> None:
    make.stored(ledger)
    ledger.append(hold(until=NOON + timedelta(days=10), beyond_term=beyond))
    (state,) = ledger.state().holds.values()
    assert state.holds(NOON + timedelta(days=days), None if deadline is None else NOON + deadline) is holds


# The decree: suspended, withdrawn


def test_a_repair_term_lies_ahead_and_ends_once(ledger: Ledger) -> None:
    refused(ledger, SuspensionLifted(order="o1"), because="not suspended")
    refused(ledger, Suspended(order="o1", until=NOON), because="ended before it began")
    ledger.append(Suspended(order="o1", until=NOON + timedelta(days=30)))
    ledger.append(SuspensionLifted(order="o2"))
    refused(ledger, SuspensionLifted(order="o2"), because="not suspended")
    assert ledger.state().standing is None


def test_a_withdrawal_is_for_good_and_can_be_said_twice(ledger: Ledger) -> None:
    ledger.append(Suspended(order="o1", until=NOON + timedelta(days=30)), Withdrawn(order="o2", actor="a1"))
    ledger.append(Withdrawn(order="o2", actor="a1"))
    refused(ledger, SuspensionLifted(order="o3"), because="not suspended")
    refused(ledger, Suspended(order="o3", until=NOON + timedelta(days=30)), because="was withdrawn")


@pytest.mark.parametrize("stopped", ["suspended", "withdrawn"])
def test_nothing_comes_in_while_the_decree_does_not_stand(ledger: Ledger, stopped: str) -> None:
    delivery, events = make.opened()
    ledger.append(*events)
    stored = make.stored(ledger, "2026-08")
    ledger.append(
        Suspended(order="o1", until=NOON + timedelta(days=30))
        if stopped == "suspended"
        else Withdrawn(order="o1", actor="a1")
    )
    refused(ledger, make.announced("2025-12-r2"), because=stopped)
    refused(ledger, make.registered(delivery, "landing", "raw"), because="nothing comes in")
    # What is here is worked on as long as it may be.
    ledger.append(make.registered(stored, "marts", "m"))


# Plans


def subject_of(ledger: Ledger, key: str) -> Subject:
    intakes = ledger.state().intakes_of(key)
    return Subject(key=key, intakes=tuple(intake.delivery_id for intake in intakes))


def plan_of(ledger: Ledger, *keys: str, ground: str = "term", order: str | None = None) -> PurgePlanned:
    subjects = tuple(subject_of(ledger, key) for key in keys)
    return PurgePlanned.model_validate(
        {"purge_id": PURGE, "ground": ground, "subjects": subjects, "plan": DIGEST, "order": order, "actor": "a1"}
    )


def test_a_plan_names_deliveries_each_once_and_whole(ledger: Ledger) -> None:
    first = make.received(ledger)
    second = make.stored(ledger)
    refused(ledger, plan_of(ledger), because="no delivery")
    plan = plan_of(ledger, "2025-12")
    assert plan.subjects[0].intakes == (first, second)
    refused(ledger, plan.model_copy(update={"subjects": plan.subjects * 2}), because="one twice")
    for intakes in ((), (first,), (second,), (first, second, new_id())):
        part = Subject(key="2025-12", intakes=intakes)
        refused(ledger, plan.model_copy(update={"subjects": (part,)}), because="every intake")
    ledger.append(plan)
    refused(ledger, plan, because="taken")


@pytest.mark.parametrize("ground", ["order", "withdrawal"])
def test_an_order_has_a_reference(ledger: Ledger, ground: str) -> None:
    make.stored(ledger)
    ledger.append(Withdrawn(order="o1", actor="a1"))
    refused(ledger, plan_of(ledger, "2025-12", ground=ground), because="reference of an order")
    ledger.append(plan_of(ledger, "2025-12", ground=ground, order="o1"))


def test_a_withdrawal_is_on_record_before_its_plan(ledger: Ledger) -> None:
    make.stored(ledger)
    refused(ledger, plan_of(ledger, "2025-12", ground="withdrawal", order="o1"), because="was not withdrawn")
    ledger.append(Suspended(order="o1", until=NOON + timedelta(days=30)))
    refused(ledger, plan_of(ledger, "2025-12", ground="withdrawal", order="o1"), because="was not withdrawn")


def test_only_what_was_corrected_is_superseded(ledger: Ledger) -> None:
    make.stored(ledger)
    make.stored(ledger, "2025-12-r2")
    refused(ledger, plan_of(ledger, "2025-12", ground="superseded"), because="no correction")
    ledger.append(Accepted(key="2025-12-r2", supersedes="2025-12", actor="a1"))
    refused(ledger, plan_of(ledger, "2025-12-r2", ground="superseded"), because="no correction")
    ledger.append(plan_of(ledger, "2025-12", ground="superseded"))


def test_only_what_was_erased_is_restored_and_only_that(ledger: Ledger) -> None:
    make.stored(ledger)
    refused(ledger, plan_of(ledger, "2025-12", ground="restored"), because="nothing was erased")
    planned(ledger, ["2025-12"], "e" * 16, ground="order", order="o1")
    ledger.append(Tombstoned(purge_id="e" * 16, key="2025-12"))
    for ground in ("term", "order"):
        refused(ledger, plan_of(ledger, "2025-12", ground=ground, order="o1"), because="was erased before")
    ledger.append(plan_of(ledger, "2025-12", ground="restored"))


# The steps of a purge


def test_every_step_belongs_to_a_purge(ledger: Ledger) -> None:
    make.stored(ledger)
    for event in (
        Tombstoned(purge_id=PURGE, key="2025-12"),
        Drained(purge_id=PURGE),
        inventory(),
        Attested(purge_id=PURGE, serial=1, outcome="VOLLEDIG", record=DIGEST),
        ErasureAsked(purge_id=PURGE, party="processor"),
        ErasureDeclared(purge_id=PURGE, party="processor", reference="r1", erased_at=NOON, actor="a1"),
    ):
        refused(ledger, event, because="no such purge")


def test_every_step_is_about_a_delivery_of_its_purge(ledger: Ledger, set_clock: SetClock) -> None:
    make.stored(ledger, "2026-08")
    swept(ledger, set_clock, "2025-12")
    planned(ledger, ["2026-08"], "e" * 16, ground="order", order="o1")
    ledger.append(Tombstoned(purge_id="e" * 16, key="2026-08"))
    for event in (
        Tombstoned(purge_id=PURGE, key="2026-08"),
        PlaceErased(purge_id=PURGE, key="2026-08", place="keys", method="key_destroyed", counts=()),
        inventory("2026-08"),
    ):
        refused(ledger, event, because="not in the plan")


def test_nothing_is_erased_before_its_tombstone(ledger: Ledger) -> None:
    for key in ("2025-12", "2026-08"):
        make.stored(ledger, key)
    planned(ledger, ["2025-12", "2026-08"], PURGE, ground="order", order="o1")
    erased = PlaceErased(purge_id=PURGE, key="2025-12", place="keys", method="key_destroyed", counts=())
    refused(ledger, erased, because="no tombstone")
    refused(ledger, Drained(purge_id=PURGE), because="no tombstone")
    ledger.append(Tombstoned(purge_id=PURGE, key="2025-12"), erased)
    refused(ledger, Drained(purge_id=PURGE), because="2026-08 has no tombstone")
    ledger.append(Tombstoned(purge_id=PURGE, key="2026-08"), Drained(purge_id=PURGE))


def test_an_inventory_follows_on_the_erasure_of_every_place(ledger: Ledger, set_clock: SetClock) -> None:
    delivery = tombstoned(ledger)
    for scope in (delivery,):
        ledger.append(KeyDestroyed(scope=scope))
    for copy in ledger.state().live_copies(delivery):
        ledger.append(CopyErased(copy_id=copy.copy_id, versions=1, uploads=0, ground="purged"))
    erased = [
        PlaceErased(purge_id=PURGE, key="2025-12", place=place, method="file_deleted", counts=()) for place in PLACES
    ]
    for missing in range(len(erased)):
        refused(
            ledger, *erased[:missing], *erased[missing + 1 :], Drained(purge_id=PURGE), inventory(), because="every"
        )
    refused(ledger, *erased, inventory(), because="may still be working")
    ledger.append(Drained(purge_id=PURGE), *erased, inventory())


def test_an_inventory_tells_of_every_place_once_and_in_order(ledger: Ledger, set_clock: SetClock) -> None:
    swept(ledger, set_clock, "2025-12")
    whole = inventory()
    places = whole.places
    for wrong in (places[1:], places[:-1], places[::-1], (*places, places[-1]), (places[1], *places[1:]), ()):
        refused(ledger, whole.model_copy(update={"places": wrong}), because="every place")
    ledger.append(whole)


def test_the_late_sweep_comes_after_the_second_inventory(ledger: Ledger, set_clock: SetClock) -> None:
    for key in ("2025-12", "2026-08"):
        make.stored(ledger, key)
    plan = planned(ledger, ["2025-12", "2026-08"], PURGE, ground="order", order="o1")
    carried_out(ledger, plan, set_clock)
    refused(ledger, inventory(round_="late"), because="after the second")
    ledger.append(inventory("2025-12"))
    refused(ledger, inventory("2026-08", "late"), because="after the second")
    ledger.append(inventory("2025-12", "late"))


def test_an_inventory_that_the_ledger_knows_better_is_refused(ledger: Ledger) -> None:
    """A place may lie; what stands on record as living is not gone."""
    delivery = tombstoned(ledger)
    ledger.append(
        Drained(purge_id=PURGE),
        *(
            PlaceErased(purge_id=PURGE, key="2025-12", place=place, method="file_deleted", counts=())
            for place in PLACES
        ),
    )
    refused(ledger, inventory(objects=3), because="found no key")
    refused(ledger, inventory(keys=1), because="found no object")
    ledger.append(inventory(keys=1, objects=3), KeyDestroyed(scope=delivery))
    refused(ledger, inventory(), because="found no object")
    *most, last = ledger.state().live_copies(delivery)
    gone = [CopyErased(copy_id=c.copy_id, versions=1, uploads=0, ground="purged") for c in (*most, last)]
    refused(ledger, *gone[:-1], inventory(), because="found no object")
    ledger.append(*gone, inventory())


def test_an_inventory_that_passes_over_a_mart_database_is_refused(ledger: Ledger) -> None:
    """What mixes deliveries is a copy of each; the key of the generation says whether it is there."""
    delivery, generation = make.stored(ledger), new_id()
    copy, writing = make.written(generation, "database", "restricted")
    ledger.append(KeyCreated(scope=generation, keyring="local"), *writing)
    ledger.append(DatabaseBuilt(generation=generation, copy_id=copy, deliveries=(delivery,)))
    planned(ledger, ["2025-12"], PURGE, ground="order", order="o1")
    ledger.append(Tombstoned(purge_id=PURGE, key="2025-12"), Drained(purge_id=PURGE), KeyDestroyed(scope=delivery))
    ledger.append(
        *(
            CopyErased(copy_id=live.copy_id, versions=1, uploads=0, ground="purged")
            for live in ledger.state().live_copies(delivery)
        ),
        *(
            PlaceErased(purge_id=PURGE, key="2025-12", place=place, method="file_deleted", counts=())
            for place in PLACES
        ),
    )
    refused(ledger, inventory(), because="found no mart database")
    ledger.append(inventory(mart_database=1), KeyDestroyed(scope=generation), inventory())


# Attestation


def test_no_attestation_without_a_late_inventory_of_each_delivery(ledger: Ledger, set_clock: SetClock) -> None:
    for key in ("2025-12", "2026-08"):
        make.stored(ledger, key)
    plan = planned(ledger, ["2025-12", "2026-08"], PURGE, ground="order", order="o1")
    attested = Attested(purge_id=PURGE, serial=1, outcome="VOLLEDIG", record=DIGEST)
    refused(ledger, attested, because="no late inventory")
    carried_out(ledger, plan, set_clock)
    looked(ledger, plan, "second")
    refused(ledger, attested, because="no late inventory")
    refused(ledger, attested.model_copy(update={"outcome": "ONVOLLEDIG"}), because="no late inventory")
    ledger.append(inventory("2025-12", "late"))
    refused(ledger, attested, because="no late inventory")
    ledger.append(inventory("2026-08", "late"), attested)


def test_a_new_second_inventory_takes_the_late_one_away(ledger: Ledger, set_clock: SetClock) -> None:
    swept(ledger, set_clock, "2025-12")
    attested = Attested(purge_id=PURGE, serial=1, outcome="VOLLEDIG", record=DIGEST)
    refused(ledger, inventory(), attested, because="no late inventory")
    ledger.append(inventory(), inventory(round_="late"), attested)


@pytest.mark.parametrize(
    ("second", "late", "hours", "true"),
    [
        ({}, {}, 0, "VOLLEDIG"),
        ({}, {}, 24 * 365 * 8, "TE_LAAT"),
        ({}, {"objects": 1}, 0, "ONVOLLEDIG"),
        ({}, {"processor": 1}, 0, "ONVOLLEDIG"),
        ({"objects": 1}, {}, 0, "ONVOLLEDIG"),
        ({"processor": 1}, {}, 0, "VOLLEDIG"),
    ],
)
def test_an_attestation_says_what_the_inventories_say(
    ledger: Ledger,
    set_clock: SetClock,
    second: dict[str, int],
    late: dict[str, int],
    hours: int,
    true: str,
) -> None:
    make.stored(ledger)
    plan = planned(ledger, ["2025-12"], PURGE, ground="order", order="o1")
    set_clock.move(hours=hours)
    carried_out(ledger, plan, set_clock)
    ledger.append(inventory(**second), inventory(round_="late", **late))
    for claimed in {"VOLLEDIG", "ONVOLLEDIG", "TE_LAAT"} - {true}:
        event = Attested(purge_id=PURGE, serial=1, outcome=claimed, record=DIGEST)  # type: ignore[arg-type]
        refused(ledger, event, because=f"the inventories say {true}")
    ledger.append(event.model_copy(update={"outcome": true}))


def test_attestations_are_numbered(ledger: Ledger, set_clock: SetClock) -> None:
    swept(ledger, set_clock, "2025-12")
    event = Attested(purge_id=PURGE, serial=2, outcome="VOLLEDIG", record=DIGEST)
    refused(ledger, event, because="serial number")
    ledger.append(event.model_copy(update={"serial": 1}))
    refused(ledger, event.model_copy(update={"serial": 1}), because="serial number")
    ledger.append(event)


# Packages and declarations


def handed(*keys: str, package: str = "c" * 16, until: datetime = NOON + timedelta(days=100)) -> HandedOver:
    return HandedOver(package_id=package, keys=keys, recipient="r1", purpose="onderzoek", until=until, actor="a1")


def test_only_what_is_stored_leaves_the_house_and_for_a_time(ledger: Ledger) -> None:
    make.stored(ledger)
    make.validated(ledger, "2026-08")
    refused(ledger, handed(), because="no delivery")
    refused(ledger, handed("2025-12", "2026-08"), because="2026-08 is not stored")
    refused(ledger, handed("2025-12", "2026-12"), because="2026-12 is not stored")
    refused(ledger, handed("2025-12", until=NOON), because="lies in the past")
    ledger.append(handed("2025-12"))
    refused(ledger, handed("2025-12"), because="taken")


def test_what_was_erased_does_not_leave_the_house(ledger: Ledger) -> None:
    tombstoned(ledger)
    refused(ledger, handed("2025-12"), because="2025-12 is not stored")


def asked(party: str, package: str | None) -> ErasureAsked:
    return ErasureAsked(purge_id=PURGE, party=party, package_id=package)  # type: ignore[arg-type]


def test_a_recipient_is_asked_about_a_package_of_the_purge(ledger: Ledger, set_clock: SetClock) -> None:
    make.stored(ledger)
    make.stored(ledger, "2026-08")
    ledger.append(handed("2025-12", "2026-08"), handed("2026-08", package="d" * 16))
    planned(ledger, ["2025-12"], PURGE, ground="order", order="o1")
    refused(ledger, asked("recipient", None), because="a recipient goes with a package")
    refused(ledger, asked("processor", "c" * 16), because="the processor without")
    refused(ledger, asked("recipient", "d" * 16), because="no such package")
    refused(ledger, asked("recipient", "b" * 16), because="no such package")
    ledger.append(asked("recipient", "c" * 16), asked("processor", None))


def test_nobody_declares_what_lies_ahead(ledger: Ledger) -> None:
    tombstoned(ledger)
    event = ErasureDeclared(
        purge_id=PURGE, party="processor", reference="r1", erased_at=NOON + timedelta(minutes=6), actor="a1"
    )
    refused(ledger, event, because="future")
    ledger.append(event.model_copy(update={"erased_at": NOON}))
    ledger.append(event.model_copy(update={"erased_at": NOON - timedelta(days=400)}))


def test_a_recipient_says_before_a_purge_that_it_erased_once_and_of_what_it_got(ledger: Ledger) -> None:
    make.stored(ledger)
    ledger.append(handed("2025-12"))
    said = PackageErased(package_id="c" * 16, reference="r1", erased_at=NOON, actor="a1")
    refused(ledger, said.model_copy(update={"package_id": "b" * 16}), because="no such package")
    refused(ledger, said.model_copy(update={"erased_at": NOON + timedelta(days=9)}), because="future")
    planned(ledger, ["2025-12"], PURGE, ground="order", order="o1")
    ledger.append(asked("recipient", "c" * 16))
    refused(ledger, said, because=f"purge {PURGE} asked for it")
    answer = ErasureDeclared(
        purge_id=PURGE, party="recipient", package_id="c" * 16, reference="r1", erased_at=NOON, actor="a1"
    )
    ledger.append(answer, said)
    refused(ledger, said, because="said before")


# After the tombstone


AFTER: dict[str, Callable[[Ledger, str], AnyEvent]] = {
    "announced": lambda ledger, delivery: make.announced("2025-12"),
    "key": lambda ledger, delivery: KeyCreated(scope=delivery, keyring="local"),
    "copy": lambda ledger, delivery: make.registered(delivery, "marts", "m"),
    "verified": lambda ledger, delivery: CopyVerified(copy_id=copy_of(ledger, "registered"), size=1, sha256=DIGEST),
    "accessed": lambda ledger, delivery: Accessed(actor="a", purpose="beheer", copy_id=copy_of(ledger, "verified")),
    "received": lambda ledger, delivery: Received(
        delivery_id=delivery, copies=(copy_of(ledger, "verified"),), moment=NOON, moment_basis="dispatch"
    ),
    "parsed": lambda ledger, delivery: Parsed(
        delivery_id=delivery, file="diplomas", contract=1, rows=1, copy_id=copy_of(ledger, "verified")
    ),
    "stored": lambda ledger, delivery: Stored(delivery_id=delivery, copies=(copy_of(ledger, "verified"),), rows=(1,)),
    "mart": lambda ledger, delivery: MartBuilt(
        delivery_id=delivery, mart="m", copy_id=copy_of(ledger, "verified"), rows=1
    ),
}


def copy_of(ledger: Ledger, status: str) -> str:
    return next(copy.copy_id for copy in ledger.state().copies.values() if copy.status == status)


@pytest.mark.parametrize("step", AFTER)
def test_nothing_but_erasure_follows_on_a_tombstone(ledger: Ledger, step: str) -> None:
    """The key still lives: it is the tombstone that refuses, by its name."""
    delivery = make.stored(ledger)
    ledger.append(make.registered(delivery, "marts", "m"))
    planned(ledger, ["2025-12"], PURGE, ground="order", order="o1")
    ledger.append(Tombstoned(purge_id=PURGE, key="2025-12"))
    assert ledger.state().keys[delivery] == "live"
    refused(ledger, AFTER[step](ledger, delivery), because=f"2025-12 is erased: its tombstone is {PURGE}")


def test_no_database_with_a_tombstoned_delivery_is_built_or_opened(ledger: Ledger) -> None:
    delivery, other = make.stored(ledger), make.stored(ledger, "2026-08")
    generations = []
    for generation in (new_id(), new_id()):
        copy, writing = make.written(generation, "database", "restricted")
        ledger.append(KeyCreated(scope=generation, keyring="local"), *writing)
        generations.append((generation, copy))
    (old, old_copy), (new, new_copy) = generations
    ledger.append(DatabaseBuilt(generation=old, copy_id=old_copy, deliveries=(delivery, other)))
    planned(ledger, ["2025-12"], PURGE, ground="order", order="o1")
    ledger.append(Tombstoned(purge_id=PURGE, key="2025-12"))
    assert ledger.state().generation is None
    refused(ledger, Accessed(actor="a", purpose="beheer", copy_id=old_copy), because=f"tombstone is {PURGE}")
    refused(
        ledger,
        DatabaseBuilt(generation=new, copy_id=new_copy, deliveries=(delivery, other)),
        because=f"tombstone is {PURGE}",
    )
    ledger.append(DatabaseBuilt(generation=new, copy_id=new_copy, deliveries=(other,)))


def test_a_tombstone_lies_on_every_intake_of_its_delivery_alone(ledger: Ledger) -> None:
    first, second = make.received(ledger), make.stored(ledger)
    neighbour = make.stored(ledger, "2025-12-r2")
    planned(ledger, ["2025-12"], PURGE, ground="order", order="o1")
    ledger.append(Tombstoned(purge_id=PURGE, key="2025-12"))
    state = ledger.state()
    assert {state.intakes[intake].stage for intake in (first, second)} == {"tombstoned"}
    assert state.intakes[neighbour].stage == "stored"
    assert (state.tombstone_of(first), state.tombstone_of(neighbour)) == (state.tombstones["2025-12"], None)


def test_the_first_tombstone_stands(ledger: Ledger, set_clock: SetClock) -> None:
    tombstoned(ledger)
    first = ledger.state().tombstones["2025-12"]
    set_clock.move(days=1)
    planned(ledger, ["2025-12"], "e" * 16, ground="restored")
    ledger.append(Tombstoned(purge_id="e" * 16, key="2025-12"))
    assert ledger.state().tombstones["2025-12"] == first


# What no clock refuses


ERASURE: dict[str, AnyEvent] = {
    "withdrawn": Withdrawn(order="o1", actor="a1"),
    "tombstoned": Tombstoned(purge_id=PURGE, key="2025-12"),
    "drained": Drained(purge_id=PURGE),
    "place": PlaceErased(purge_id=PURGE, key="2025-12", place="keys", method="key_destroyed", counts=()),
    "key": KeyDestroyed(scope="0" * 16),
    "copy": CopyErased(copy_id="0" * 16, versions=1, uploads=0, ground="purged"),
    "code": CodeEnded(delivery_id="0" * 16, reason="erased"),
}


@pytest.mark.parametrize("event", ERASURE.values(), ids=ERASURE)
def test_steps_of_erasure_wait_for_no_clock(event: AnyEvent) -> None:
    assert is_erasure(event)


@pytest.mark.parametrize("ground", ["withdrawal", "superseded", "order", "restored", "term"])
def test_of_plans_only_a_term_needs_a_clock(ground: str) -> None:
    event = PurgePlanned.model_validate(
        {"purge_id": PURGE, "ground": ground, "subjects": (), "plan": DIGEST, "order": "o1", "actor": "a1"}
    )
    assert is_erasure(event) is (ground != "term")


def test_what_keeps_or_certifies_waits_for_the_clock() -> None:
    others: list[AnyEvent] = [
        make.announced(),
        hold(),
        HoldLifted(hold_id="1" * 16, actor="a1"),
        Accepted(key="2025-12-r2", supersedes="2025-12", actor="a1"),
        MomentMoved(delivery_id="0" * 16, moment=NOON, moment_basis="placed"),
        Suspended(order="o1", until=NOON),
        SuspensionLifted(order="o1"),
        inventory(),
        Attested(purge_id=PURGE, serial=1, outcome="VOLLEDIG", record=DIGEST),
        handed("2025-12"),
        ErasureDeclared(purge_id=PURGE, party="processor", reference="r1", erased_at=NOON, actor="a1"),
        Refused(delivery_id="0" * 16, error="E"),
    ]
    assert [event.kind for event in others if is_erasure(event)] == []


def test_a_clock_that_ran_back_keeps_no_withdrawal_from_its_tombstones(ledger: Ledger, set_clock: SetClock) -> None:
    make.stored(ledger)
    set_clock.move(days=-2)
    ledger.append(Withdrawn(order="o1", actor="a1"))
    planned(ledger, ["2025-12"], PURGE, ground="withdrawal", order="o1")
    ledger.append(Tombstoned(purge_id=PURGE, key="2025-12"), Drained(purge_id=PURGE))
    assert ledger.state().purges[PURGE].phase == "drained"
