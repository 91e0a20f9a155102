"""Withdrawal of the decree: everything is erased at once.

Belongs here: the one act that follows on section 5 of the decree ("per ommegaande te wissen"). Does not belong here:
the steps of an erasure (``engine``), the repair term before it (``decisions``).

No clock, hold, approval or term is asked. Intake stops by the first event; then all deliveries go in one purge, so that
every tombstone and every key comes before the first object. Can be killed and run again at any instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rod_pipeline.ledger.erasure import Withdrawn
from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.retention.engine import StopWork, begin, carry_out, plan
from rod_pipeline.retention.register import CopyRegister

if TYPE_CHECKING:
    from rod_pipeline.system import System


def withdraw(
    system: System, register: CopyRegister, order: str, actor: str, stop_work: StopWork = lambda keys: None
) -> tuple[PurgeState, ...]:
    """Stop intake, and take everything to a clean second inventory; returns every purge that was carried on.

    ``order`` is the reference of the minister's letter. Raises what ``carry_out`` raises; run it again then.
    """
    standing = system.ledger.state().standing
    if standing is None or standing.what != "withdrawn":
        system.ledger.append(Withdrawn(order=order, actor=actor))
    state = system.ledger.state()
    if left := [key for key in state.deliveries if key not in state.tombstones]:
        begin(system, plan(system, left, "withdrawal", order), actor)
    purges = [purge for purge in system.ledger.state().purges.values() if purge.verified_at is None]
    # The youngest first: it is the one that puts tombstones on everything that can still be read.
    for purge in reversed(purges):
        carry_out(system, register, purge.purge_id, stop_work)
    state = system.ledger.state()
    return tuple(state.purges[purge.purge_id] for purge in purges)
