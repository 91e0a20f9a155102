"""The places: every class of copies, what is in it of a delivery, how it is emptied, and whether it is.

Belongs here: one small adapter per place. Does not belong here: the order in which places are emptied (``engine``),
what a place has to be able to do (``register``), Dagster's storage (``orchestration.erasing``, which knows Dagster).

Each adapter says by ``claims`` which files it answers for, as patterns. What is written to a file that no place claims
is a copy that no purge would find: a test runs a whole delivery under strace and fails on the first such file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rod_pipeline.retention.places.files import Reports, Scratch
from rod_pipeline.retention.places.keys import Keys, Secrets
from rod_pipeline.retention.places.mart_database import MartDatabase
from rod_pipeline.retention.places.objects import Objects
from rod_pipeline.retention.places.outside import Backups, Packages, Processor
from rod_pipeline.retention.register import CopyPlace

if TYPE_CHECKING:
    from rod_pipeline.system import System


class ClaimingPlace(CopyPlace, Protocol):
    """A place that says which files it answers for."""

    @property
    def claims(self) -> tuple[str, ...]:
        """Patterns (``fnmatch``, in which ``*`` crosses folders) of absolute paths."""
        ...


def places(system: System) -> tuple[ClaimingPlace, ...]:
    """All places but Dagster's own, which whoever knows Dagster adds."""
    return (
        Keys(system),
        Objects(system),
        Secrets(system),
        MartDatabase(system),
        Scratch(system),
        Reports(system),
        Packages(system),
        Processor(system),
        Backups(system),
    )


def revived(system: System) -> tuple[str, ...]:
    """The deliveries (keys) of which a key, an object or an open upload is there again after they were erased for good.

    A quick look at what a restored backup brings back first; ``inventory`` of every place is the thorough one. A mart
    database that came back stands for each erased delivery in it, and an intake that was refused or replaced for its
    delivery. Raises the errors of the store.
    """
    state = system.ledger.state()
    keys: set[str] = set()
    for scope in system.vault.revived():
        if scope in state.generations:
            # It came back with its living deliveries too; those were never erased.
            held = {state.intakes[intake].key for intake in state.generations[scope].deliveries}
            keys |= held & state.tombstones.keys()
        elif scope in state.intakes:
            keys.add(state.intakes[scope].key)
    return tuple(sorted(keys))
