"""One round of everything that is due.

Belongs here: going through the agenda once, oldest first, whatever fails. Does not belong here: the steps (``engine``),
the schedule (Dagster's sensor, cron).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rod_pipeline.errors import RodError
from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.retention.due import Term, agenda
from rod_pipeline.retention.engine import StopWork, begin, carry_out, conclude, plan
from rod_pipeline.retention.evidence import attest
from rod_pipeline.retention.register import CopyRegister

if TYPE_CHECKING:
    from rod_pipeline.system import System


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did, and what went wrong. ``purges`` are as they are after it."""

    purges: tuple[PurgeState, ...]
    errors: tuple[RodError, ...]


def make_round(system: System, register: CopyRegister, stop_work: StopWork = lambda keys: None) -> Round:
    """Begin what is due, go on with what isn't verified, sweep and attest what is ripe. No failure stops the rest."""
    done: list[str] = []
    errors: list[RodError] = []

    def attempt(step: Callable[[], PurgeState]) -> None:
        try:
            done.append(step().purge_id)
        except RodError as error:
            errors.append(error)

    todo = agenda(system.ledger.state(), system.clock.now(), system.decree, system.settings.retention)
    for purge in todo.go_on:
        attempt(partial(carry_out, system, register, purge.purge_id, stop_work))
    for term in todo.begin:
        attempt(partial(start, system, register, term, stop_work))
    # Read anew: with no wait before the late sweep, what was verified just now is ripe.
    for purge in agenda(system.ledger.state(), system.clock.now(), system.decree, system.settings.retention).conclude:
        attempt(partial(certify, system, register, purge.purge_id))
    state = system.ledger.state()
    return Round(tuple(state.purges[purge_id] for purge_id in dict.fromkeys(done)), tuple(errors))


def start(system: System, register: CopyRegister, term: Term, stop_work: StopWork = lambda keys: None) -> PurgeState:
    """Begin the purge of a delivery that is due, and take it to its second inventory."""
    assert term.ground is not None
    order = None if term.ground != "withdrawal" else _order(system)
    purge_id = begin(system, plan(system, [term.key], term.ground, order), "schedule")
    return carry_out(system, register, purge_id, stop_work)


def certify(system: System, register: CopyRegister, purge_id: str) -> PurgeState:
    """The late sweep of a purge and its attestation. A certificate goes out when the notary has published it."""
    conclude(system, register, purge_id)
    attest(system, purge_id)
    return system.ledger.state().purges[purge_id]


def _order(system: System) -> str:
    standing = system.ledger.state().standing
    assert standing is not None
    return standing.order
