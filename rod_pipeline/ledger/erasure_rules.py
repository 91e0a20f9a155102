"""Which event of erasure may follow what.

Belongs here: the rules on holds, withdrawal, corrections and purges. Does not belong here: the rules on the way of a
delivery (``rules``, which asks this module), when something is due (``retention``).

Two things are guarded above all. A step towards erasure is hard to refuse: a tombstone needs a plan and nothing else.
And a certificate is hard to get: no attestation without complete inventories of every place, and none that says more
than they found.
"""

from datetime import datetime, timedelta
from typing import NoReturn, assert_never

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.erasure import (
    Accepted,
    Attested,
    DagsterGone,
    DagsterUsed,
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
    PurgePlanned,
    Suspended,
    SuspensionLifted,
    Tombstoned,
    Withdrawn,
)
from rod_pipeline.ledger.events import AnyEvent
from rod_pipeline.ledger.purges import HOLD_AT_MOST, PLACES, PurgeState
from rod_pipeline.ledger.state import LedgerState

SKEW = timedelta(minutes=5)
"""How far two honest clocks may disagree."""

OfErasure = (
    MomentMoved
    | Accepted
    | HoldSet
    | HoldLifted
    | Suspended
    | SuspensionLifted
    | Withdrawn
    | PurgePlanned
    | Tombstoned
    | Drained
    | PlaceErased
    | Inventoried
    | Attested
    | HandedOver
    | ErasureAsked
    | ErasureDeclared
    | PackageErased
    | DagsterUsed
    | DagsterGone
)


class IllegalEvent(PermanentError):
    """The event may not follow on what the ledger already holds."""

    code = "ROD-LEDGER-06"


def check_erasure(event: OfErasure, state: LedgerState, at: datetime) -> None:
    """Raise ``IllegalEvent`` unless ``event``, happening at the instant ``at``, may follow ``state``."""
    match event:
        case MomentMoved():
            _moment_moved(event, state)
        case Accepted():
            _accepted(event, state)
        case HoldSet():
            _hold_set(event, state, at)
        case HoldLifted():
            hold = state.holds.get(event.hold_id)
            if hold is None or hold.lifted_at is not None:
                refuse(event, "no such hold stands")
        case Suspended():
            if state.standing is not None and state.standing.what == "withdrawn":
                refuse(event, "the decree was withdrawn")
            if event.until <= at:
                refuse(event, "the repair term has ended before it began")
        case SuspensionLifted():
            if state.standing is None or state.standing.what != "suspended":
                refuse(event, "the decree is not suspended")
        case Withdrawn():
            # A second time is no harm: the command may have been killed after the first.
            pass
        case PurgePlanned():
            _planned(event, state)
        case Tombstoned():
            if event.key not in _purge(event, state).keys:
                refuse(event, "the delivery is not in the plan of its purge")
        case Drained():
            _tombstoned(event, _purge(event, state), state)
        case PlaceErased():
            if event.key not in state.tombstones:
                refuse(event, "the delivery has no tombstone")
            _of(event, event.key, _purge(event, state))
        case Inventoried():
            _inventoried(event, state)
        case Attested():
            _attested(event, state)
        case HandedOver():
            _handed_over(event, state, at)
        case ErasureAsked() | ErasureDeclared():
            _party(event, state, at)
        case PackageErased():
            _package_erased(event, state, at)
        case DagsterUsed():
            pass
        case DagsterGone():
            if not state.dagsters.get(event.storage):
                refuse(event, "no such storage of Dagster is on record, or it was said before")
        case _:
            assert_never(event)


def _moment_moved(event: MomentMoved, state: LedgerState) -> None:
    intake = state.intakes.get(event.delivery_id)
    if intake is None:
        refuse(event, "no such delivery was announced")
    if intake.tombstone is not None:
        refuse(event, f"{intake.key} is erased: its tombstone is {intake.tombstone.purge_id}")
    if intake.moment is not None and event.moment >= intake.moment:
        refuse(event, "a moment of provision may only move earlier")


def _accepted(event: Accepted, state: LedgerState) -> None:
    new, old = DeliveryKey.parse(event.key), DeliveryKey.parse(event.supersedes)
    if new.moment != old.moment or new.revision <= old.revision:
        refuse(event, f"{new} is no correction of {old}")
    for key in (event.key, event.supersedes):
        intake = state.deliveries.get(key)
        if intake is None or intake.stage != "stored":
            refuse(event, f"{key} is not stored")


def _hold_set(event: HoldSet, state: LedgerState, at: datetime) -> None:
    if event.hold_id in state.holds:
        refuse(event, "its id is taken")
    if event.key not in state.deliveries:
        refuse(event, "no such delivery was announced")
    if event.key in state.tombstones:
        refuse(event, f"{event.key} is erased: its tombstone is {state.tombstones[event.key].purge_id}")
    if not at < event.until <= at + HOLD_AT_MOST:
        refuse(event, f"a hold ends within {HOLD_AT_MOST.days} days and can be set anew")
    if event.set_by == event.approved_by:
        refuse(event, "whoever sets a hold does not approve it")


def _planned(event: PurgePlanned, state: LedgerState) -> None:
    if event.purge_id in state.purges:
        refuse(event, "its id is taken")
    keys = [subject.key for subject in event.subjects]
    if not keys or len(set(keys)) != len(keys):
        refuse(event, "it names no delivery, or one twice")
    if event.ground in ("order", "withdrawal") and event.order is None:
        refuse(event, "this ground needs the reference of an order")
    for subject in event.subjects:
        if set(subject.intakes) != {intake.delivery_id for intake in state.intakes_of(subject.key)}:
            refuse(event, f"it does not name every intake of {subject.key}")
        if (subject.key in state.tombstones) != (event.ground == "restored"):
            refuse(event, f"{subject.key} was erased before" if event.ground != "restored" else "nothing was erased")
        if event.ground == "superseded" and state.deliveries[subject.key].corrected_by is None:
            refuse(event, f"no correction of {subject.key} was accepted")
    if event.ground == "withdrawal" and (state.standing is None or state.standing.what != "withdrawn"):
        refuse(event, "the decree was not withdrawn")


def _inventoried(event: Inventoried, state: LedgerState) -> None:
    purge = _purge(event, state)
    _of(event, event.key, purge)
    if tuple(place.place for place in event.places) != PLACES:
        refuse(event, "it does not tell of every place, each once and in order")
    if any((event.key, place) not in purge.erased for place in PLACES):
        refuse(event, "not every place was erased before it")
    if purge.drained_at is None:
        refuse(event, "somebody may still be working on the delivery")
    if event.round == "late" and event.key not in purge.second:
        refuse(event, "the late sweep comes after the second inventory")
    left = {place.place: place.left for place in event.places}
    subject = next(subject for subject in purge.plan.subjects if subject.key == event.key)
    for intake in subject.intakes:
        if state.keys.get(intake) == "live" and not left["keys"]:
            refuse(event, "it found no key, and one of the delivery is not on record as destroyed")
        if state.live_copies(intake) and not left["objects"]:
            refuse(event, "it found no object, and a copy is not on record as erased")
    for generation in state.generations.values():
        held = set(generation.deliveries) & set(subject.intakes)
        if held and state.keys.get(generation.generation) == "live" and not left["mart_database"]:
            refuse(event, "it found no mart database, and the key of one with the delivery in it is not destroyed")


def _attested(event: Attested, state: LedgerState) -> None:
    purge = _purge(event, state)
    if set(purge.late) != set(purge.keys):
        refuse(event, "there is no late inventory of each of its deliveries")
    if event.outcome != purge.outcome:
        refuse(event, f"the inventories say {purge.outcome}")
    if event.serial != (1 if purge.attested is None else purge.attested.serial + 1):
        refuse(event, "its serial number is not the next one")


def _handed_over(event: HandedOver, state: LedgerState, at: datetime) -> None:
    if event.package_id in state.handovers:
        refuse(event, "its id is taken")
    if not event.keys:
        refuse(event, "it names no delivery")
    for key in event.keys:
        intake = state.deliveries.get(key)
        if intake is None or intake.stage != "stored":
            refuse(event, f"{key} is not stored")
    if event.until <= at:
        refuse(event, "its end lies in the past")


def _party(event: ErasureAsked | ErasureDeclared, state: LedgerState, at: datetime) -> None:
    purge = _purge(event, state)
    if (event.party == "recipient") != (event.package_id is not None):
        refuse(event, "a recipient goes with a package, the processor without")
    if event.package_id is not None:
        handover = state.handovers.get(event.package_id)
        if handover is None or not set(handover.event.keys) & set(purge.keys):
            refuse(event, "no such package holds a delivery of this purge")
    if isinstance(event, ErasureDeclared) and event.erased_at > at + SKEW:
        refuse(event, "nobody declares what lies in the future")


def _package_erased(event: PackageErased, state: LedgerState, at: datetime) -> None:
    handover = state.handovers.get(event.package_id)
    if handover is None:
        refuse(event, "no such package left the house")
    if handover.erased is not None:
        refuse(event, "it was said before")
    # So it can't be later than the inventories of a purge that then doesn't ask for it.
    if event.erased_at > at:
        refuse(event, "nobody declares what lies in the future")
    if open_ := state.asking_for(event.package_id):
        refuse(event, f"purge {open_[0].purge_id} asked for it, and the answer belongs there")


def _tombstoned(event: OfErasure, purge: PurgeState, state: LedgerState) -> None:
    for key in purge.keys:
        if key not in state.tombstones:
            refuse(event, f"{key} has no tombstone")


def _of(event: OfErasure, key: str, purge: PurgeState) -> None:
    if key not in purge.keys:
        refuse(event, "the delivery is not in the plan of its purge")


def _purge(
    event: Tombstoned | Drained | PlaceErased | Inventoried | Attested | ErasureAsked | ErasureDeclared,
    state: LedgerState,
) -> PurgeState:
    purge = state.purges.get(event.purge_id)
    if purge is None:
        refuse(event, "no such purge was planned")
    return purge


def refuse(event: AnyEvent, why: str) -> NoReturn:
    """Raise ``IllegalEvent``, with its reason."""
    raise IllegalEvent(
        f"The ledger refused {event.kind}: {why}.",
        "Nothing was written. Start the run of the delivery again: it reads the ledger and goes on from there; if this "
        "comes back, the step disagrees with the ledger and its code needs a look.",
    )
