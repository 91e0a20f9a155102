"""Refusing: what may not be kept is erased at once, with evidence.

Belongs here: the order of things when data turn up that the decree doesn't allow: notice, refusal, erasure. Does not
belong here: what is not allowed (``identifiers``, ``matching``, ``reader``, the expectations).
The rule is DESIGN 14.2; the duty to tell is voorschrift 3e of the decree.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import PermanentError, RefusedData, RodError
from rod_pipeline.intake.undecided import is_overdue
from rod_pipeline.ledger.events import Refused
from rod_pipeline.ledger.lease import Busy
from rod_pipeline.ledger.state import IntakeState
from rod_pipeline.quality.notifying import tell_refusal
from rod_pipeline.retention.clockguard import trusted_for_a_term
from rod_pipeline.retention.gate import DeliveryPurged

if TYPE_CHECKING:
    from rod_pipeline.system import System


class RefusedByPerson(PermanentError):
    """A person decided that a delivery that failed isn't kept."""

    code = "ROD-REFUSE-01"


def refuse_by_decision(system: System, key: DeliveryKey) -> str:
    """Erase what came as a delivery that failed, because a person decided so; returns the id of the intake.

    A delivery that was stored isn't refused any more. Raises ``UnknownDelivery``, ``DeliveryIsGone``, ``NotRefusable``.
    """
    with system.hold(key) as intake:
        if intake.stage == "stored":
            raise NotRefusable(
                f"Delivery {key} has been validated and stored; it isn't refused any more.",
                "It is erased when its term ends, on withdrawal, or when a correction takes its place.",
            )
        refuse(system, intake, RefusedByPerson("A person decided that this delivery isn't kept.", "Send the notice."))
    return intake.delivery_id


class DecisionOverdue(PermanentError):
    """Nobody decided within the set time about a delivery that failed or can't be read."""

    code = "ROD-REFUSE-03"


def refuse_undecided(system: System) -> tuple[str, ...]:
    """Erase what waited for a person for longer than ``decision_days`` (``undecided``); returns the keys.

    A delivery that somebody is working on is left for now, and so is one that is held on an order. Raises
    ``ClockDoubtful`` when something is due and this machine's clock is far ahead: as with a term, nothing is undone.
    """
    refused, trusted = [], False
    for key in sorted(system.ledger.state().deliveries):
        if not _is_overdue(system, key):
            continue
        if not trusted:
            trusted_for_a_term(system)
            trusted = True
        with suppress(Busy), system.hold(DeliveryKey.parse(key)) as held:
            # Whoever held it until now may have mended it.
            if _is_overdue(system, key):
                refuse(system, held, DecisionOverdue("Nobody decided in time about this delivery.", "Send the notice."))
                refused.append(key)
    return tuple(refused)


def _is_overdue(system: System, key: str) -> bool:
    days = system.settings.retention.decision_days
    return is_overdue(system.ledger.state(), key, system.clock.now(), days, system.decree)


class NotRefusable(PermanentError):
    """A delivery that has been stored was to be refused."""

    code = "ROD-REFUSE-02"


def refuse_found(system: System, intake: IntakeState, error: RefusedData) -> None:
    """Refuse an intake for what was found in a file of it, as soon as nobody reads another file of it.

    Nothing when it was refused, replaced or erased meanwhile. Raises ``Busy`` when somebody is at it for as long as a
    purge would wait: the file is read anew then, with the same end.
    """
    from rod_pipeline.system import DeliveryIsGone, ReplacedMeanwhile

    patience = 60 * system.settings.retention.drain_minutes
    with (
        suppress(DeliveryIsGone, DeliveryPurged, ReplacedMeanwhile),
        system.hold(DeliveryKey.parse(intake.key), patience=patience) as held,
    ):
        if held.delivery_id == intake.delivery_id:
            refuse(system, held, error)


def refuse(system: System, intake: IntakeState, error: RodError) -> None:
    """Draft the notice, record the refusal, destroy the key, erase every copy. Runs again without harm."""
    tell_refusal(system, intake, error)
    system.ledger.append(Refused(delivery_id=intake.delivery_id, error=error.code))
    system.vault.erase_scope(intake.delivery_id, "refused")
    system.secrets.forget(intake.delivery_id)
