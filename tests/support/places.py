"""A purge by hand: the plan, the tombstone, and the places one by one, for tests of the places themselves."""

from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.erasure import Counted, Ground, PlaceLeft, PurgePlanned, Subject, Tombstoned
from rod_pipeline.retention.register import CopyPlace
from rod_pipeline.system import System


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


def purge(system: System, places: tuple[CopyPlace, ...], key: str, purge_id: str) -> dict[str, dict[str, int]]:
    """Erase every place in order; returns what each had."""
    subject = subject_of(system, key)
    return {place.place: counted(place.erase(subject, purge_id)) for place in places}
