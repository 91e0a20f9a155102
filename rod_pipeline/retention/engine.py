"""The purge engine: from plan to attestation.

Belongs here: the order in which a delivery is erased, and what has to hold before the next step. Does not belong here:
what is due (``due``), how a place is emptied (``places``), what the evidence looks like (``evidence``), who calls
(Dagster's sensor, ``rod purge``, a withdrawal).

The order is plan → tombstone → drain → keys → every other place → second inventory → late sweep → attestation. Each
step is on record before the next begins, and each can be killed and run again. What can be erased is erased even when
one place fails; but there is no inventory with an unknown in it, and no attestation without complete inventories.
Deleting is never believed: only looking again counts (DIN 66398; PostHog's deletion jobs: "unknown is not zero").
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from time import monotonic, sleep
from typing import TYPE_CHECKING

import rfc8785

from rod_pipeline.deliveries import DeliveryKey, new_id
from rod_pipeline.errors import BlockedError, PermanentError, RodError, TransientError
from rod_pipeline.ledger.erasure import (
    Drained,
    Ground,
    HoldSet,
    Inventoried,
    Place,
    PlaceErased,
    PlaceLeft,
    PurgePlanned,
    Subject,
    Tombstoned,
)
from rod_pipeline.ledger.lease import Busy
from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.retention.clockguard import trusted_for_a_term
from rod_pipeline.retention.due import holds_on, ripe_at, stopped_by, terms
from rod_pipeline.retention.register import CopyRegister, asked

if TYPE_CHECKING:
    from rod_pipeline.system import System

StopWork = Callable[[Sequence[str]], None]
"""Ends what is running on these deliveries, as far as that can be done; asked before the engine waits for it."""

_TRIES = 3
_log = logging.getLogger(__name__)


class PlanChanged(BlockedError):
    """What would be erased isn't what a person agreed to."""

    code = "ROD-RETENTION-03"


class StillWorking(TransientError):
    """Somebody is still working on a delivery that is being erased."""

    code = "ROD-RETENTION-04"


class StillThere(TransientError):
    """Something is left after it was erased."""

    code = "ROD-RETENTION-05"


class CameBack(TransientError):
    """The late sweep found something that the second inventory had not, or nothing for the first time."""

    code = "ROD-RETENTION-06"


class TooEarly(PermanentError):
    """The late sweep isn't due yet."""

    code = "ROD-RETENTION-07"


class NothingToPurge(PermanentError):
    """There is no such delivery, or no reason to erase it."""

    code = "ROD-RETENTION-08"


class Held(BlockedError):
    """An order keeps the delivery for now."""

    code = "ROD-RETENTION-09"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a purge would erase.

    ``digest`` stands for ground, order, deliveries and their copies: what a person repeats to have it carried out.
    """

    ground: Ground
    order: str | None
    subjects: tuple[Subject, ...]
    digest: str


def plan(system: System, keys: Sequence[str], ground: Ground, order: str | None = None) -> Plan:
    """What a purge of ``keys`` would be, by what the ledger knows now. Changes nothing. Raises ``NothingToPurge``."""
    state = system.ledger.state()
    subjects = _subjects(system, state, keys)
    return Plan(ground, order, subjects, _digest(state, subjects, ground, order))


def preview(register: CopyRegister, plan: Plan) -> Mapping[tuple[str, Place], PlaceLeft]:
    """What each place holds of each delivery of a plan now. Raises what a place raises that can't be asked."""
    return {
        (subject.key, place.place): asked(place, place.inventory, subject)
        for subject in plan.subjects
        for place in register
    }


def begin(system: System, agreed: Plan, actor: str) -> str:
    """Put a plan on record; returns the id of its purge. A purge of these deliveries that runs already is that one.

    Raises ``PlanChanged`` when the deliveries changed since the plan was made, ``Held``, ``NothingToPurge`` when it
    isn't due, ``ClockDoubtful`` when a term ends by a clock that can't be trusted, ``IllegalEvent`` when the ledger
    knows no such ground.
    """
    clock_offset = trusted_for_a_term(system) if agreed.ground == "term" else None
    now = system.clock.now()
    lead = timedelta(days=system.settings.retention.lead_days)
    purge_id = new_id()
    running: list[str] = []

    def unchanged(state: LedgerState) -> None:
        keys = {subject.key for subject in agreed.subjects}
        running.extend(
            purge.purge_id
            for purge in state.purges.values()
            if purge.verified_at is None and set(purge.keys) == keys and purge.plan.ground == agreed.ground
        )
        if running:
            raise _Running
        for subject in agreed.subjects if agreed.ground not in ("withdrawal", "restored") else ():
            _refuse_held(holds_on(state, subject.key, now, system.decree))
            if agreed.ground == "term" and (subject.deadline is None or subject.deadline - lead > now):
                raise NothingToPurge(
                    f"The term of {subject.key} hasn't ended.",
                    "Nothing is erased before it is due but on an order: `rod purge KEY --order REFERENCE`.",
                )
        if _digest(state, agreed.subjects, agreed.ground, agreed.order) != agreed.digest:
            raise PlanChanged(
                "What would be erased has changed since the plan was made.",
                "Look at the new plan (`rod purge KEY --dry-run`) and repeat its digest.",
            )

    try:
        system.ledger.append(
            PurgePlanned(
                purge_id=purge_id,
                ground=agreed.ground,
                subjects=agreed.subjects,
                plan=agreed.digest,
                order=agreed.order,
                clock_offset=clock_offset,
                actor=actor,
            ),
            when=unchanged,
        )
    except _Running:
        return running[-1]
    return purge_id


class _Running(Exception):
    """A purge of the same deliveries isn't done yet."""


def carry_out(
    system: System, register: CopyRegister, purge_id: str, stop_work: StopWork = lambda keys: None
) -> PurgeState:
    """Take a purge from wherever it is to a clean second inventory; returns its state. Runs again without harm.

    Raises ``Held`` when an order came between the plan and the tombstone; ``StillWorking``, ``StillThere``, ``Busy``
    (another engine has this purge), or the first error of a place: then everything else was erased all the same, and
    the purge goes on at its next run. That work can't be stopped keeps nothing from being erased.
    """
    with system.ledger.exclusive(purge_id):
        purge = _purge(system, purge_id)
        _tombstone(system, purge)
        _stop(stop_work, purge)
        with _drained(system, purge) as drained:
            if drained and purge.drained_at is None:
                system.ledger.append(Drained(purge_id=purge_id))
            _erase(system, register, purge_id, _unerased(_purge(system, purge_id), register))
            if not drained:
                raise StillWorking(
                    f"Somebody is still working on {_names(purge)}; keys and copies are gone, but what that run still "
                    "writes has to be looked for.",
                    "End that run in the UI; the purge goes on by itself. Nothing of the delivery can be read now.",
                )
            _verify(system, register, purge_id, "second")
        return _purge(system, purge_id)


def conclude(system: System, register: CopyRegister, purge_id: str) -> PurgeState:
    """The late sweep of a purge whose time has come; after it ``evidence.attest`` may draw up what happened.

    What is found in house is put on record and erased again. If it is gone then, or if there never was a second
    inventory that found nothing, this was that one and the wait begins anew (``CameBack``); if it stays, the inventory
    says so, and the certificate will be ONVOLLEDIG. Raises ``TooEarly``, ``Busy``, errors of places.
    """
    with system.ledger.exclusive(purge_id):
        purge = _purge(system, purge_id)
        ripe = ripe_at(purge, timedelta(hours=system.settings.retention.late_sweep_hours))
        if ripe is None or ripe > system.clock.now():
            raise TooEarly(
                f"The late sweep of purge {purge_id} is not due"
                + (f" before {ripe:%Y-%m-%d %H:%M} UTC." if ripe else "."),
                "Wait: the sensor comes back to it by itself.",
            )
        with _drained(system, purge) as drained:
            if not drained:
                raise StillWorking(
                    f"Somebody is working on {_names(purge)}.", "End that run; the sweep comes by itself."
                )
            settled = purge.verified_at is not None and not any(seen.left_in_house for seen in purge.late.values())
            found = _inventories(register, purge)
            if _is_dirty(found):
                # On record before it is erased: what existed now must not count as gone since the second inventory.
                _record(system, purge_id, "late", found)
                settled = False
                _erase(system, register, purge_id, _dirty(register, purge, found))
                found = _inventories(register, purge)
            if not settled and not _is_dirty(found):
                _record(system, purge_id, "second", found)
                raise CameBack(
                    f"Something of {_names(purge)} was there at its late sweep; it is gone, and the wait begins anew.",
                    "Find out what wrote it: a run that was thought dead, a restored backup, somebody by hand.",
                )
            _record(system, purge_id, "late", found)
        return _purge(system, purge_id)


def _refuse_held(holds: Sequence[HoldSet]) -> None:
    for hold in holds:
        raise Held(
            f"Delivery {hold.key} is held on order {hold.order} until {hold.until:%Y-%m-%d}.",
            f"Wait, or lift it: `rod hold lift {hold.hold_id}`. A withdrawal of the decree doesn't wait.",
        )


def _purge(system: System, purge_id: str) -> PurgeState:
    purge = system.ledger.state().purges.get(purge_id)
    if purge is None:
        raise NothingToPurge(f"There is no purge {purge_id[:16]}.", "See `rod retention status` for those there are.")
    return purge


def _subjects(system: System, state: LedgerState, keys: Sequence[str]) -> tuple[Subject, ...]:
    known = {term.key: term for term in terms(state, system.clock.now(), system.decree, system.settings.retention)}
    subjects = []
    for key in sorted(keys, key=DeliveryKey.parse):
        term = known.get(key)
        if term is None:
            raise NothingToPurge(f"Delivery {key} was never announced.", "See `rod status` for those there are.")
        subjects.append(
            Subject(
                key=key,
                intakes=tuple(intake.delivery_id for intake in state.intakes_of(key)),
                moment=term.moment,
                moment_basis=term.moment_basis,
                deadline=term.deadline,
            )
        )
    return tuple(subjects)


def _digest(state: LedgerState, subjects: Sequence[Subject], ground: Ground, order: str | None) -> str:
    """Stands for all that the ledger says would be erased; it changes when a copy, an intake or a term does."""
    intakes = [intake for subject in subjects for intake in subject.intakes]
    content = {
        "ground": ground,
        "order": order,
        "subjects": [subject.model_dump(mode="json") for subject in subjects],
        "copies": sorted(copy.copy_id for intake in intakes for copy in state.live_copies(intake)),
        "keys": sorted(intake for intake in intakes if state.keys.get(intake) == "live"),
        "intakes": [sorted(intake.delivery_id for intake in state.intakes_of(subject.key)) for subject in subjects],
    }
    return sha256(rfc8785.dumps(content)).hexdigest()


def _tombstone(system: System, purge: PurgeState) -> None:
    def unheld(state: LedgerState) -> None:
        _refuse_held(stopped_by(state, purge, system.clock.now()))

    missing = [key for key in purge.keys if key not in purge.tombstoned]
    system.ledger.append(*(Tombstoned(purge_id=purge.purge_id, key=key) for key in missing), when=unheld)


@contextmanager
def _drained(system: System, purge: PurgeState) -> Iterator[bool]:
    """Hold every intake of the purge; gives whether all could be had within the set time.

    Nothing new can take hold of them: a stage asks for the delivery first, and is refused because of its tombstone.
    """
    until = monotonic() + 60 * system.settings.retention.drain_minutes
    intakes = sorted(intake for subject in purge.plan.subjects for intake in subject.intakes)
    with ExitStack() as held:
        drained = True
        for intake in intakes:
            while drained:
                try:
                    held.enter_context(system.ledger.exclusive(intake))
                    break
                except Busy:
                    drained = monotonic() < until
                    sleep(0.5 if drained else 0)
        yield drained


def _stop(stop_work: StopWork, purge: PurgeState) -> None:
    try:
        stop_work(purge.keys)
    except RodError as error:
        # Who runs the work may be down just now. Whether any goes on is told by the leases; erasing doesn't wait.
        _log.warning("Work on %s could not be stopped (%s); it is erased all the same.", _names(purge), error.code)


_Work = list[tuple[Place, Subject]]


def _unerased(purge: PurgeState, register: CopyRegister) -> _Work:
    """What a first or interrupted erasure still has to do; everything, when an inventory found something since."""
    dirty = any(seen.left_in_house for seen in (*purge.second.values(), *purge.late.values()))
    return [
        (place.place, subject)
        for place in register
        for subject in purge.plan.subjects
        if dirty or (subject.key, place.place) not in purge.erased
    ]


def _erase(system: System, register: CopyRegister, purge_id: str, work: _Work) -> None:
    """Empty places of deliveries, the keys of all of them first. A place that fails does not keep the next from it."""
    adapters = {place.place: place for place in register}
    failure: RodError | None = None
    for name, subject in work:
        place = adapters[name]
        try:
            counts = asked(place, place.erase, subject, purge_id)
        except RodError as error:
            failure = failure or error
            continue
        system.ledger.append(
            PlaceErased(purge_id=purge_id, key=subject.key, place=name, method=place.method, counts=counts)
        )
    if failure is not None:
        raise failure


def _verify(system: System, register: CopyRegister, purge_id: str, round_: str) -> None:
    """Look again, and erase again what is found, until nothing is or it has been tried often enough."""
    purge = _purge(system, purge_id)
    for attempt in range(_TRIES):
        found = _inventories(register, purge)
        _record(system, purge_id, round_, found)
        if not _is_dirty(found):
            break
        if attempt < _TRIES - 1:
            _erase(system, register, purge_id, _dirty(register, purge, found))
    left = {place.place: place.left for places in found.values() for place in _in_house(places)}
    if left:
        told = ", ".join(f"{n} in {place}" for place, n in left.items())
        raise StillThere(
            f"After {_TRIES} tries there is still something of {_names(purge)}: {told}.",
            "Look for a lock, a retention rule, a missing right or a process that writes; the purge is tried again.",
        )


def _inventories(register: CopyRegister, purge: PurgeState) -> dict[str, tuple[PlaceLeft, ...]]:
    return {
        subject.key: tuple(asked(place, place.verify_absent, subject) for place in register)
        for subject in purge.plan.subjects
    }


def _record(system: System, purge_id: str, round_: str, found: Mapping[str, tuple[PlaceLeft, ...]]) -> None:
    system.ledger.append(
        *(
            Inventoried.model_validate({"purge_id": purge_id, "key": key, "round": round_, "places": places})
            for key, places in found.items()
        )
    )


def _is_dirty(found: Mapping[str, tuple[PlaceLeft, ...]]) -> bool:
    return any(_in_house(places) for places in found.values())


def _in_house(places: Sequence[PlaceLeft]) -> list[PlaceLeft]:
    return [place for place in places if place.left and place.in_house]


def _names(purge: PurgeState) -> str:
    return ", ".join(purge.keys)


def _dirty(register: CopyRegister, purge: PurgeState, found: Mapping[str, tuple[PlaceLeft, ...]]) -> _Work:
    return [
        (place.place, subject)
        for place in register
        for subject in purge.plan.subjects
        if any(left.place == place.place for left in _in_house(found[subject.key]))
    ]
