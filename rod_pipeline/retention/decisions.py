"""What a person decides about keeping and erasing.

Belongs here: holds, the repair term, accepting a correction, an earlier moment of provision, what went out of the house
and what was declared about it. Does not belong here: what follows from it (``due``), the withdrawal (``withdrawal``).

Each decision is one event in the ledger, under the opaque name of who made it. Sources: decree section 5 (repair term,
withdrawal), DESIGN 14.6 (moment), 14.8 (corrections), 14.16 (declaration of the processor).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from rod_pipeline.deliveries import DeliveryKey, new_id
from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.erasure import (
    Accepted,
    DagsterGone,
    ErasureDeclared,
    HandedOver,
    HoldLifted,
    HoldSet,
    MomentMoved,
    PackageErased,
    Suspended,
    SuspensionLifted,
)
from rod_pipeline.ledger.vocabulary import MomentBasis
from rod_pipeline.retention.due import terms

if TYPE_CHECKING:
    from rod_pipeline.system import System


class NoCorrection(PermanentError):
    """There is no earlier delivery that this one could take the place of."""

    code = "ROD-DECISION-01"


class KeptTooLong(PermanentError):
    """A package was to be kept by its recipient beyond the term of what is in it."""

    code = "ROD-DECISION-02"


def accept(system: System, key: DeliveryKey, actor: str) -> tuple[str, ...]:
    """Accept a stored correction; returns the keys of those whose place it takes, which are erased at once.

    A correction is a complete set: anything less was refused by validation. Its own term runs from its own moment.
    Raises ``NoCorrection``.
    """
    state = system.ledger.state()
    earlier = [
        DeliveryKey.parse(intake.key)
        for intake in state.deliveries.values()
        if intake.stage == "stored" and intake.corrected_by is None
    ]
    before = [other for other in earlier if other.moment == key.moment and other.revision < key.revision]
    current = state.deliveries.get(str(key))
    if current is None or current.stage != "stored" or not before:
        raise NoCorrection(
            f"Delivery {key} can't take the place of another: "
            + (
                "no earlier one of its moment is kept." if current and current.stage == "stored" else "it isn't stored."
            ),
            "See `rod status`. A correction has the key of its moment with -r2, -r3 …, and has gone all the way.",
        )
    superseded = tuple(map(str, sorted(before)))
    system.ledger.append(*(Accepted(key=str(key), supersedes=old, actor=actor) for old in superseded))
    return superseded


def move_moment(system: System, key: DeliveryKey, moment: datetime, basis: MomentBasis) -> None:
    """Record that the delivery was provided earlier than was known. Raises ``IllegalEvent`` when it is not earlier."""
    intake = system.intake(key)
    system.ledger.append(MomentMoved(delivery_id=intake.delivery_id, moment=moment, moment_basis=basis))


def hold(
    system: System, key: DeliveryKey, *, order: str, until: datetime, beyond_term: bool, set_by: str, approved_by: str
) -> str:
    """Keep a delivery from being erased for now; returns the id of the hold. Raises ``IllegalEvent``."""
    hold_id = new_id()
    system.ledger.append(
        HoldSet(
            hold_id=hold_id,
            key=str(key),
            order=order,
            until=until,
            beyond_term=beyond_term,
            set_by=set_by,
            approved_by=approved_by,
        )
    )
    return hold_id


def lift_hold(system: System, hold_id: str, actor: str) -> None:
    """End a hold before its date. Raises ``IllegalEvent`` when none of that id stands."""
    system.ledger.append(HoldLifted(hold_id=hold_id, actor=actor))


def suspend(system: System, order: str, until: datetime) -> None:
    """Nothing comes in until the repair term is over and the suspension is lifted. Raises ``IllegalEvent``."""
    system.ledger.append(Suspended(order=order, until=until))


def lift_suspension(system: System, order: str) -> None:
    """The conditions are kept again. Raises ``IllegalEvent`` when nothing was suspended."""
    system.ledger.append(SuspensionLifted(order=order))


def hand_over(
    system: System,
    keys: tuple[str, ...],
    *,
    recipient: str,
    purpose: Literal["onderzoek", "verantwoording"],
    until: datetime,
    actor: str,
) -> str:
    """Record a package with personal data that left the house; returns its id.

    Raises ``KeptTooLong`` when its recipient may keep it longer than a delivery in it may be kept (voorschrift 3j: "ook
    eventuele kopieën"), ``IllegalEvent``.
    """
    state, now = system.ledger.state(), system.clock.now()
    for term in terms(state, now, system.decree, system.settings.retention):
        if term.key in keys and term.deadline is not None and until > term.deadline:
            raise KeptTooLong(
                f"Delivery {term.key} has to be gone on {term.deadline:%Y-%m-%d}, also where it went to.",
                "Agree with the recipient on an end that lies before it, and record that one.",
            )
    package_id = new_id()
    system.ledger.append(
        HandedOver(package_id=package_id, keys=keys, recipient=recipient, purpose=purpose, until=until, actor=actor)
    )
    return package_id


def declare_erased(
    system: System, purge_id: str, *, package_id: str | None, reference: str, erased_at: datetime, actor: str
) -> None:
    """Record the written word of the processor, or of the recipient of a package, that it erased. ``IllegalEvent``."""
    system.ledger.append(
        ErasureDeclared(
            purge_id=purge_id,
            party="processor" if package_id is None else "recipient",
            package_id=package_id,
            reference=reference,
            erased_at=erased_at,
            actor=actor,
        )
    )


def declare_package_erased(
    system: System, package_id: str, *, reference: str, erased_at: datetime, actor: str
) -> tuple[str, ...]:
    """Record the written word of a recipient that it erased a package, or handed it back, whether it was asked or not.

    Returns the purges that had asked and have their answer now; when there is none, none will ask. ``IllegalEvent``.
    """
    asking = tuple(purge.purge_id for purge in system.ledger.state().asking_for(package_id))
    for purge_id in asking:
        declare_erased(system, purge_id, package_id=package_id, reference=reference, erased_at=erased_at, actor=actor)
    if not asking:
        system.ledger.append(
            PackageErased(package_id=package_id, reference=reference, erased_at=erased_at, actor=actor)
        )
    return asking


def dagster_gone(system: System, storage: str, actor: str) -> None:
    """Record that a storage of Dagster exists no more, nor any copy of it. Raises ``IllegalEvent`` for an unknown one.

    Certificates from here on say that it wasn't looked through.
    """
    system.ledger.append(DagsterGone(storage=storage, actor=actor))
