"""Which event may follow what: the one place where an illegal step is refused.

Belongs here: every rule on the order of events. Does not belong here: what an event means for the state (``state``)
or whether data are good (``quality``). ``log`` asks ``check`` for each event under the write lock, so no interleaving
of processes gets an illegal event in.

The rules follow from the promises (DESIGN, 3): nothing is written before its place was approved and its copy
registered; only a delivery whose verdict is good is stored; nothing follows on a destroyed key but erasure, which is
never refused.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.ledger.clocks import ClockSet
from rod_pipeline.ledger.erasure import Drained, HandedOver, PlaceErased, PurgePlanned, Tombstoned, Withdrawn
from rod_pipeline.ledger.erasure_rules import SKEW, IllegalEvent, check_erasure
from rod_pipeline.ledger.erasure_rules import refuse as _refuse
from rod_pipeline.ledger.events import (
    Accessed,
    Announced,
    AnyEvent,
    Checked,
    CodeEnded,
    CopyErased,
    CopyRegistered,
    CopyVerified,
    DatabaseBuilt,
    KeyCreated,
    KeyDestroyed,
    MartBuilt,
    Parsed,
    QualityNotified,
    Received,
    Refused,
    Stored,
    TerritoryApproved,
    Validated,
)
from rod_pipeline.ledger.findings import unexcused
from rod_pipeline.ledger.moments import MomentAnswered
from rod_pipeline.ledger.oversight import OversightEvent
from rod_pipeline.ledger.oversight_rules import check_oversight
from rod_pipeline.ledger.publication import (
    AggregatesShared,
    PseudonymKeyed,
    PublicationKept,
    Published,
    SmallCountsAllowed,
    SmallCountsEnded,
)
from rod_pipeline.ledger.publication_rules import check_publication, permitted
from rod_pipeline.ledger.quality import (
    NoticeAnswered,
    NoticeClosed,
    NoticeDrafted,
    NoticeSent,
    Waived,
    WaiverWithdrawn,
)
from rod_pipeline.ledger.quality_rules import check_quality
from rod_pipeline.ledger.state import CopyState, IntakeState, LedgerState
from rod_pipeline.ledger.vocabulary import Zone

__all__ = ["SKEW", "IllegalEvent", "check", "is_erasure"]


def is_erasure(event: AnyEvent) -> bool:
    """Whether ``event`` says that something is gone or has to go: no clock, approval or stage refuses it.

    A purge because a term ended is the exception (DESIGN, 3.10): that one needs a clock that can be trusted.
    """
    if isinstance(event, PurgePlanned):
        return event.ground != "term"
    return isinstance(event, KeyDestroyed | CopyErased | CodeEnded | Withdrawn | Tombstoned | Drained | PlaceErased)


def check(event: AnyEvent, state: LedgerState, at: datetime) -> None:
    """Raise ``IllegalEvent`` unless ``event``, happening at the instant ``at``, may follow ``state``."""
    match event:
        case Announced():
            _announced(event, state, at)
        case TerritoryApproved() | KeyDestroyed():
            pass
        case KeyCreated():
            _key_created(event, state)
        case CopyRegistered():
            _copy_registered(event, state)
        case CopyVerified():
            copy = _copy(event, event.copy_id, state)
            _live(event, copy.scope, state)
            _standing(event, copy.scope, state)
            if copy.status != "registered":
                _refuse(event, f"the copy is already {copy.status}")
        case CopyErased():
            _copy(event, event.copy_id, state)
        case CodeEnded() | Refused() | QualityNotified():
            if event.delivery_id not in state.intakes:
                _refuse(event, "no such delivery was announced")
        case Received():
            _received(event, state, at)
        case Parsed():
            _unstored(event, event.delivery_id, state)
            _held(event, (event.copy_id,), event.delivery_id, "parsed", state)
        case Checked():
            _checked(event, state, at)
        case Validated():
            _validated(event, state, at)
        case Stored():
            _stored(event, state, at)
        case MartBuilt():
            _mart_built(event, state, at)
        case DatabaseBuilt():
            _database_built(event, state)
        case Accessed():
            copy = _copy(event, event.copy_id, state)
            _live(event, copy.scope, state)
            _standing(event, copy.scope, state)
            if copy.status != "verified":
                _refuse(event, f"the copy is {copy.status}")
        case NoticeDrafted() | NoticeSent() | NoticeAnswered() | NoticeClosed() | Waived() | WaiverWithdrawn():
            check_quality(event, state, at)
        case (
            Published()
            | PublicationKept()
            | PseudonymKeyed()
            | SmallCountsAllowed()
            | SmallCountsEnded()
            | AggregatesShared()
        ):
            check_publication(event, state, at)
        case OversightEvent():
            check_oversight(event, state, at)
        case ClockSet():
            if state.at is None or state.at - at <= SKEW:
                _refuse(event, "the newest entry isn't ahead of the clock")
            if event.right_until > at:
                _refuse(event, "the last right entry isn't right")
        case MomentAnswered():
            if event.expected_by is not None and event.expected_by < (at - SKEW).date():
                _refuse(event, "it is expected by a day that has passed")
            if any(intake.raw and intake.key.startswith(event.moment) for intake in state.intakes.values()):
                _refuse(event, "the delivery of that moment has come")
        case HandedOver():
            check_erasure(event, state, at)
            permitted(event, state, at)
        case _:
            check_erasure(event, state, at)


def _announced(event: Announced, state: LedgerState, at: datetime) -> None:
    DeliveryKey.parse(event.key)
    if event.delivery_id in state.intakes or event.delivery_id in state.keys:
        _refuse(event, "its id is taken")
    if (stone := state.tombstones.get(event.key)) is not None:
        _refuse(event, f"{event.key} is erased: its tombstone is {stone.purge_id}")
    if state.standing is not None:
        _refuse(event, f"the decree is {state.standing.what}")
    if (event.moment is None) != (event.moment_basis is None):
        _refuse(event, "a moment and its basis come together")
    if event.moment is not None and event.moment > at + SKEW:
        _refuse(event, "its moment lies in the future")
    current = state.deliveries.get(event.key)
    if current is not None and current.stage == "stored":
        _refuse(event, f"{event.key} is already stored, and a correction is a new delivery (-r2, -r3 …)")


def _key_created(event: KeyCreated, state: LedgerState) -> None:
    _live(event, event.scope, state, needs_key=False)
    if state.keyrings.get(event.scope, event.keyring) != event.keyring:
        _refuse(event, f"its scope has a key in the {state.keyrings[event.scope]} keyring")
    if event.scope in state.intakes:
        _open(event, event.scope, state, needs_key=False)


def _copy_registered(event: CopyRegistered, state: LedgerState) -> None:
    _live(event, event.scope, state)
    if event.copy_id in state.copies:
        _refuse(event, "its id is taken")
    if event.store not in state.territory:
        _refuse(event, "the place of the store was never approved")
    if event.zone == "landing" and state.standing is not None:
        _refuse(event, f"the decree is {state.standing.what}, and nothing comes in")
    if event.scope in state.intakes:
        if event.zone in ("database", "published"):
            what = "database" if event.zone == "database" else "release"
            _refuse(event, f"a {what} has a generation of its own as scope, never a delivery")
        _open(event, event.scope, state)
    elif event.zone in ("landing", "parsed", "validated"):
        _refuse(event, "no such delivery was announced")
    elif event.scope in state.generations:
        _refuse(event, "the generation is finished; it is rebuilt, never edited")
    elif event.scope in state.lasting:
        _refuse(event, "the release is finished, and is never edited")


def _received(event: Received, state: LedgerState, at: datetime) -> None:
    intake = _open(event, event.delivery_id, state)
    if intake.raw:
        _refuse(event, "the delivery was already received")
    if not event.copies:
        _refuse(event, "it names no copy")
    _held(event, event.copies, event.delivery_id, "landing", state)
    if event.moment > at + SKEW:
        _refuse(event, "its moment lies in the future")
    if intake.moment is not None and event.moment > intake.moment:
        _refuse(event, "its moment lies after the one that was announced, and a moment may only move earlier")


def _checked(event: Checked, state: LedgerState, at: datetime) -> None:
    intake = _unstored(event, event.delivery_id, state)
    parsed = intake.parsed.get(event.file)
    if parsed is None or parsed.copy_id != event.copy_id:
        _refuse(event, "it rests on a copy that is not the parsed table in force")
    _held(event, (event.copy_id,), event.delivery_id, "parsed", state)
    _agrees(event, state, at)


def _agrees(event: Checked | Validated, state: LedgerState, at: datetime) -> None:
    blocking = unexcused(event.findings, state.waivers_of(event.delivery_id), at)
    if event.outcome == "failed" and not blocking:
        _refuse(event, "it failed without a blocking finding")
    if event.outcome == "passed" and blocking:
        _refuse(event, "it passed with a blocking finding")


def _excused(event: AnyEvent, intake: IntakeState, state: LedgerState, at: datetime) -> None:
    """What was let through by a waiver is let through as long as that stands."""
    if unexcused(intake.findings, state.waivers_of(intake.delivery_id), at):
        _refuse(event, "a waiver that let the delivery through has ended")


def _validated(event: Validated, state: LedgerState, at: datetime) -> None:
    intake = _unstored(event, event.delivery_id, state)
    known = {parsed.copy_id for parsed in intake.parsed.values()}
    if not set(event.copies) <= known:
        _refuse(event, "it rests on a copy that is not a parsed table in force")
    _held(event, event.copies, event.delivery_id, "parsed", state)
    _agrees(event, state, at)
    if event.outcome == "passed":
        if not known or set(event.copies) != known:
            _refuse(event, "it passed without all parsed tables")
        if not all(intake.has_passed(file) for file in intake.parsed):
            _refuse(event, "it passed though a file did not pass its own checks")
        _excused(event, replace(intake, verdict=None), state, at)


def _stored(event: Stored, state: LedgerState, at: datetime) -> None:
    intake = _unstored(event, event.delivery_id, state)
    if intake.verdict is None or intake.verdict.outcome != "passed":
        _refuse(event, "the parsed tables in force did not pass validation")
    _excused(event, intake, state, at)
    if not event.copies or len(event.copies) != len(event.rows):
        _refuse(event, "it needs one or more copies, each with its number of rows")
    names = [copy.name for copy in _held(event, event.copies, event.delivery_id, "validated", state)]
    if len(set(names)) != len(names) or not set(names) <= set(intake.parsed):
        _refuse(event, "its copies are not named after the parsed files, each once")


def _mart_built(event: MartBuilt, state: LedgerState, at: datetime) -> None:
    intake = _open(event, event.delivery_id, state)
    if intake.stage != "stored":
        _refuse(event, "the delivery is not stored")
    _held(event, (event.copy_id,), event.delivery_id, "marts", state)
    _excused(event, intake, state, at)
    if set(event.waivers) != {waiver.waived.waiver_id for waiver in state.excuses(intake, at)}:
        _refuse(event, "it does not name the waivers that the delivery rests on")


def _database_built(event: DatabaseBuilt, state: LedgerState) -> None:
    _live(event, event.generation, state)
    if event.generation in state.generations:
        _refuse(event, "the generation exists already")
    _held(event, (event.copy_id,), event.generation, "database", state)
    if len(set(event.deliveries)) != len(event.deliveries):
        _refuse(event, "a delivery stands in it twice")
    if event.rows and len(event.rows) != len(event.deliveries):
        _refuse(event, "it needs a number of rows for each delivery")
    for delivery in event.deliveries:
        if _open(event, delivery, state).stage != "stored":
            _refuse(event, f"delivery {state.intakes[delivery].key} is not stored")


def _open(event: AnyEvent, delivery_id: str, state: LedgerState, *, needs_key: bool = True) -> IntakeState:
    """The intake, when it may still be worked on."""
    intake = state.intakes.get(delivery_id)
    if intake is None:
        _refuse(event, "no such delivery was announced")
    if intake.tombstone is not None:
        _refuse(event, f"{intake.key} is erased: its tombstone is {intake.tombstone.purge_id}")
    if intake.stage in ("refused", "superseded"):
        _refuse(event, f"this intake of {intake.key} is {intake.stage}")
    _live(event, delivery_id, state, needs_key=needs_key)
    return intake


def _unstored(event: AnyEvent, delivery_id: str, state: LedgerState) -> IntakeState:
    """The intake, when it was received and is not stored yet."""
    intake = _open(event, delivery_id, state)
    if not intake.raw:
        _refuse(event, "the delivery was not received yet")
    if intake.stage == "stored":
        _refuse(event, "the delivery is already stored, and a correction is a new delivery (-r2, -r3 …)")
    return intake


def _live(event: AnyEvent, scope: str, state: LedgerState, *, needs_key: bool = True) -> None:
    key = state.keys.get(scope)
    if key == "destroyed":
        _refuse(event, "the key of its scope is destroyed")
    if needs_key and key is None:
        _refuse(event, "its scope has no key")


def _standing(event: AnyEvent, scope: str, state: LedgerState) -> None:
    """Nothing but erasure follows on a tombstone."""
    if (stone := state.tombstone_of(scope)) is not None:
        _refuse(event, f"{stone.key} is erased: its tombstone is {stone.purge_id}")


def _copy(event: AnyEvent, copy_id: str, state: LedgerState) -> CopyState:
    copy = state.copies.get(copy_id)
    if copy is None:
        _refuse(event, "no such copy was registered")
    return copy


def _held(event: AnyEvent, copies: Iterable[str], scope: str, zone: Zone, state: LedgerState) -> list[CopyState]:
    """The named copies, when each is of this scope and zone, verified, and named once."""
    held = [_copy(event, copy_id, state) for copy_id in copies]
    if len({copy.copy_id for copy in held}) != len(held):
        _refuse(event, "it names a copy twice")
    for copy in held:
        if (copy.scope, copy.zone, copy.status) != (scope, zone, "verified"):
            _refuse(event, f"one of its copies is not a verified copy of its own scope in {zone}")
    return held
