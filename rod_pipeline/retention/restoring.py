"""After a backup was put back: what had been erased is erased again.

Belongs here: replaying the tombstones against what is there, before anything else may run. Does not belong here: a
ledger that is itself an old backup (``ledger.catchup``, which goes first), finding out at night (``watch``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rod_pipeline.errors import RodError
from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.retention.due import stopped_by
from rod_pipeline.retention.engine import StopWork, begin, carry_out, plan
from rod_pipeline.retention.register import CopyRegister, asked
from rod_pipeline.store import scratch
from rod_pipeline.store.erasing import Ground

if TYPE_CHECKING:
    from rod_pipeline.system import System


def recover(system: System, register: CopyRegister, stop_work: StopWork = lambda keys: None) -> tuple[PurgeState, ...]:
    """Look for every delivery that has a tombstone, and erase what is there again; returns the purges of it.

    A purge that hadn't come to its second inventory goes on. Runs again without harm; raises the first that
    ``carry_out`` raises, after everything else was erased all the same, and what a place raises that can't be asked:
    then nothing may be started.
    """
    # What dead processes left tells nobody of which delivery it is, and would count for each.
    scratch.sweep()
    purges: list[PurgeState] = []
    failures: list[RodError] = []

    def go_on(purge_id: str) -> None:
        try:
            purges.append(carry_out(system, register, purge_id, stop_work))
        except RodError as error:
            failures.append(error)

    for purge in system.ledger.state().purges.values():
        if purge.verified_at is None and not stopped_by(system.ledger.state(), purge, system.clock.now()):
            go_on(purge.purge_id)
    _erase_without_tombstone(system)
    for key in came_back(system, register):
        go_on(begin(system, plan(system, [key], "restored"), "recovery"))
    if failures:
        raise failures[0]
    return tuple(purges)


def _erase_without_tombstone(system: System) -> None:
    """Mart databases that were replaced and intakes that were refused came back too; there is no purge of those."""
    state = system.ledger.state()
    for scope in system.vault.revived():
        if state.tombstone_of(scope) is None:
            ground: Ground = "refused" if scope in state.intakes else "rebuilt"
            system.vault.erase_scope(scope, ground)


def came_back(system: System, register: CopyRegister) -> tuple[str, ...]:
    """The deliveries with a tombstone of which something is found in house though it was verified to be gone.

    What lies in scratch doesn't count: that comes from a process that was killed, of whichever delivery, and no backup.
    """
    state = system.ledger.state()
    done = {key for purge in state.purges.values() if purge.verified_at is not None for key in purge.keys}
    keys = sorted(set(state.tombstones) & done)
    return tuple(
        subject.key
        for subject in (plan(system, keys, "restored").subjects if keys else ())
        if any(
            left.left
            for left in (asked(place, place.inventory, subject) for place in register if place.place != "scratch")
            if left.in_house
        )
    )
