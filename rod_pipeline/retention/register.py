"""The copy register: every class of place that holds personal data, and how it is emptied.

Belongs here: what a place has to be able to do, and the register of all of them. Does not belong here: the places
themselves (``places``, and Dagster's in ``orchestration``), the order of a purge (``engine``).

The idea is that of a target registry (PostHog's deletion jobs): whatever writes personal data somewhere belongs to a
place, and a purge goes through all places or doesn't certify. The ledger registers each copy before its first byte;
places that aren't objects (keys, scratch folders, Dagster's storage) are registered here, for good, by their class.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Protocol, TypeVar

from rod_pipeline.errors import PermanentError, RodError, TransientError
from rod_pipeline.ledger.erasure import Counted, Method, Place, PlaceLeft, Subject
from rod_pipeline.ledger.purges import PLACES

_T = TypeVar("_T")


class IncompleteRegister(PermanentError):
    """A place has no adapter, or two."""

    code = "ROD-RETENTION-01"


class PlaceFailed(TransientError):
    """A place broke down in a way that nobody foresaw, so nobody knows what is in it."""

    code = "ROD-RETENTION-10"


class CopyPlace(Protocol):
    """One class of copies. All methods may be run again, raise ``RodError`` when they can't be sure, and never guess.

    A *subject* is a delivery: its key and the ids of all its intakes.
    """

    place: ClassVar[Place]
    method: ClassVar[Method]

    def inventory(self, subject: Subject) -> PlaceLeft:
        """What is there of the subject now. Complete, or an exception: unknown is not zero."""
        ...

    def erase(self, subject: Subject, purge_id: str) -> tuple[Counted, ...]:
        """Remove all of it; returns what was found and removed. Can be killed at any instant and run again."""
        ...

    def verify_absent(self, subject: Subject) -> PlaceLeft:
        """What is left, by another way than ``erase`` looked: a fresh connection, the ledger's own list of copies."""
        ...


class CopyRegister:
    """All places, in the order in which they are emptied."""

    def __init__(self, places: Iterable[CopyPlace]) -> None:
        """Raises ``IncompleteRegister`` unless every place of the ledger's vocabulary has exactly one adapter."""
        given = tuple(places)
        names = sorted(place.place for place in given)
        if names != sorted(PLACES):
            raise IncompleteRegister(
                f"The copy register has {names} where the ledger knows {sorted(PLACES)}.",
                "A purge needs one adapter for each place; this is an error in the code.",
            )
        self._places = tuple(sorted(given, key=lambda place: PLACES.index(place.place)))

    def __iter__(self) -> Iterator[CopyPlace]:
        return iter(self._places)


def asked(place: CopyPlace, what: Callable[..., _T], *given: object) -> _T:
    """What a place answers; whatever breaks in it comes out as an error of ours, so that the next place has its turn.

    Raises ``PlaceFailed``, and errors of the place as they are.
    """
    try:
        return what(*given)
    except RodError:
        raise
    except Exception as error:
        # Its own text may name a file or quote data, so the kind alone is told.
        failure = type(error).__name__
    raise PlaceFailed(
        f"The place {place.place} could not be emptied or looked through ({failure}).",
        "Look at the disk, the rights and the service behind it; every other place has its turn; it is tried again.",
    )
