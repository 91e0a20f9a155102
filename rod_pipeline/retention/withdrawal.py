"""Withdrawal of the decree: everything is erased at once.

Belongs here: the one act that follows on section 5 of the decree ("per ommegaande te wissen"). Does not belong here:
the steps of an erasure (``engine``), the repair term before it (``decisions``).

No clock, hold, approval or term is asked. Intake stops by the first event; then all deliveries go in one purge, so that
every tombstone and every key comes before the first object. Can be killed and run again at any instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rod_pipeline.errors import RodError
from rod_pipeline.ledger.erasure import Withdrawn
from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.retention.engine import PlanChanged, StopWork, begin, carry_out, plan
from rod_pipeline.retention.register import CopyRegister

if TYPE_CHECKING:
    from rod_pipeline.system import System

_TRIES = 20


def withdraw(
    system: System, register: CopyRegister, order: str, actor: str, stop_work: StopWork = lambda keys: None
) -> tuple[PurgeState, ...]:
    """Stop intake, and take everything to a clean second inventory; returns every purge that was carried on.

    ``order`` is the reference of the minister's letter. Raises the first that ``carry_out`` raises, after everything
    else was carried on all the same; run it again then.
    """
    standing = system.ledger.state().standing
    if standing is None or standing.what != "withdrawn":
        system.ledger.append(Withdrawn(order=order, actor=actor))
    state = system.ledger.state()
    if left := [key for key in state.deliveries if key not in state.tombstones]:
        _begin(system, left, order, actor)
    purges = [purge for purge in system.ledger.state().purges.values() if purge.verified_at is None]
    failure: RodError | None = None
    # The youngest first: it is the one that puts tombstones on everything that can still be read.
    for purge in reversed(purges):
        try:
            carry_out(system, register, purge.purge_id, stop_work)
        except RodError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    state = system.ledger.state()
    return tuple(state.purges[purge.purge_id] for purge in purges)


def _begin(system: System, keys: list[str], order: str, actor: str) -> None:
    """Put the plan on record though runs go on writing: nobody agreed to its digest, so it may be drawn up anew."""
    for _ in range(_TRIES):
        try:
            begin(system, plan(system, keys, "withdrawal", order), actor)
        except PlanChanged:
            continue
        return
    begin(system, plan(system, keys, "withdrawal", order), actor)
