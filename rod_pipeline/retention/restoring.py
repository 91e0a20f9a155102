"""After a backup was put back: what had been erased is erased again.

Belongs here: replaying the tombstones against what is there, before anything else may run. Does not belong here: a
ledger that is itself an old backup (``ledger.catchup``, which goes first), finding out at night (``watch``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.retention.engine import StopWork, begin, carry_out, plan
from rod_pipeline.retention.register import CopyRegister

if TYPE_CHECKING:
    from rod_pipeline.system import System


def recover(system: System, register: CopyRegister, stop_work: StopWork = lambda keys: None) -> tuple[PurgeState, ...]:
    """Look for every delivery that has a tombstone, and erase what is there again; returns the purges of it.

    A purge that hadn't come to its second inventory goes on. Runs again without harm; raises what ``carry_out`` raises,
    and what a place raises that can't be asked: then nothing may be started.
    """
    purges = []
    for purge in system.ledger.state().purges.values():
        if purge.verified_at is None:
            purges.append(carry_out(system, register, purge.purge_id, stop_work))
    for key in came_back(system, register):
        purge_id = begin(system, plan(system, [key], "restored"), "recovery")
        purges.append(carry_out(system, register, purge_id, stop_work))
    return tuple(purges)


def came_back(system: System, register: CopyRegister) -> tuple[str, ...]:
    """The deliveries with a tombstone of which something is found in house though it was verified to be gone."""
    state = system.ledger.state()
    done = {key for purge in state.purges.values() if purge.verified_at is not None for key in purge.keys}
    keys = sorted(set(state.tombstones) & done)
    return tuple(
        subject.key
        for subject in (plan(system, keys, "restored").subjects if keys else ())
        if any(left.left for left in (place.inventory(subject) for place in register) if left.in_house)
    )
