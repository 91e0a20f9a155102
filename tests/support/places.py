"""A purge by hand: the plan, the tombstone, and the places one by one, for tests of the places themselves.

``kill_purge`` does that in a process of its own, which kills itself at a named instant (see ``vault_worker.die_at``).
"""

import os
from collections.abc import Mapping, Sequence

from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.erasure import Counted, Ground, PlaceLeft, PurgePlanned, Subject, Tombstoned
from rod_pipeline.retention.places import places
from rod_pipeline.retention.register import CopyPlace
from rod_pipeline.settings import Settings
from rod_pipeline.store import probe
from rod_pipeline.system import System
from tests.support.forked import ended
from tests.support.vault_worker import die_at


def subject_of(system: System, key: str) -> Subject:
    """A delivery as a purge names it."""
    return Subject(key=key, intakes=tuple(intake.delivery_id for intake in system.ledger.state().intakes_of(key)))


def tombstone(system: System, *keys: str, ground: Ground = "order") -> str:
    """Plan a purge of ``keys`` and put their tombstones there; returns its id."""
    purge_id = new_id()
    subjects = tuple(subject_of(system, key) for key in keys)
    system.ledger.append(
        PurgePlanned(
            purge_id=purge_id, ground=ground, subjects=subjects, plan="0" * 64, order="test-1", actor="tester"
        ),
        *(Tombstoned(purge_id=purge_id, key=key) for key in keys),
    )
    return purge_id


def counted(found: PlaceLeft | tuple[Counted, ...]) -> dict[str, int]:
    """What was counted, by what, without what wasn't there."""
    counts = found.counts if isinstance(found, PlaceLeft) else found
    return {one.what: one.n for one in counts if one.n}


def emptied(register: Sequence[CopyPlace], subject: Subject, purge_id: str) -> dict[str, dict[str, int]]:
    """Erase every place in order; returns what each had."""
    return {place.place: counted(place.erase(subject, purge_id)) for place in register}


def left(register: Sequence[CopyPlace], subject: Subject) -> dict[str, dict[str, int]]:
    """What is left in house, by place; empty when nothing is."""
    found = {place.place: place.verify_absent(subject) for place in register}
    return {name: counted(there) for name, there in found.items() if there.left and there.in_house}


def kill_purge(environment: Mapping[str, str], key: str, purge_id: str, call: str, nth: int, moment: str) -> int:
    """Empty the places in a process that kills itself; returns how it ended (``-SIGKILL`` when it was killed)."""
    return ended(_die, dict(environment), key, purge_id, call, nth, moment)


def _die(environment: Mapping[str, str], key: str, purge_id: str, call: str, nth: int, moment: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    with System.open(Settings.load()) as system:
        probe._proved.add((str(system.settings.store.endpoint), system.settings.store.bucket))
        die_at(system.vault, system.ledger, call, nth, moment)
        emptied(places(system), subject_of(system, key), purge_id)
