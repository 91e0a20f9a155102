"""The object store as a place: every version, delete marker and open upload of a delivery, in every zone.

Belongs here: counting, erasing and looking again. Does not belong here: how S3 erases (``store.objects``), the order of
erasing and recording (``store.erasing``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rod_pipeline.errors import BlockedError
from rod_pipeline.ledger.erasure import Counted, Method, Place, PlaceLeft, Subject
from rod_pipeline.store.layout import scope_prefixes
from rod_pipeline.store.objects import ObjectStore, Tally

if TYPE_CHECKING:
    from rod_pipeline.system import System


class OtherStore(BlockedError):
    """A copy lies in a store that isn't the one of the settings, so nobody here can say whether it is there."""

    code = "ROD-PLACE-01"


class Objects:
    """What lies under the prefixes of each intake, known to the ledger or not, and the copies on the ledger's list."""

    place: ClassVar[Place] = "objects"
    method: ClassVar[Method] = "all_versions_deleted"

    def __init__(self, system: System) -> None:
        self._system = system

    @property
    def claims(self) -> tuple[str, ...]:
        """The files of the embedded store; those of another one lie elsewhere."""
        return (f"{self._system.settings.home.absolute()}/store/*",)

    def inventory(self, subject: Subject) -> PlaceLeft:
        """What the store lists, and the copies that aren't on record as erased."""
        return self._left(subject, self._listed(self._system.objects, subject), unlisted=0)

    def erase(self, subject: Subject, purge_id: str) -> tuple[Counted, ...]:
        """Prefix by prefix until the store lists nothing, then on record. Raises what ``erase_objects`` raises."""
        found = Tally()
        copies = 0
        for scope in subject.intakes:
            copies += len(self._system.ledger.state().live_copies(scope))
            found += self._system.vault.erase_objects(scope, "purged")
        return _counts(found, copies)

    def verify_absent(self, subject: Subject) -> PlaceLeft:
        """Over a connection of its own: list every prefix, and ask for each object that the ledger ever knew of.

        Raises ``OtherStore`` when a copy in a store of another name isn't on record as erased.
        """
        fresh = ObjectStore(self._system.objects.settings)
        state = self._system.ledger.state()
        found = self._listed(fresh, subject)
        unlisted = 0
        for copy in state.copies.values():
            if copy.scope not in subject.intakes:
                continue
            if copy.store == fresh.name:
                unlisted += fresh.size(copy.object_key) is not None
            elif copy.status != "erased":
                raise OtherStore(
                    f"A copy of {subject.key} lies in store {copy.store}, and the settings are of store {fresh.name}.",
                    "Carry out this purge with the settings of that store, then with these.",
                )
        return self._left(subject, found, unlisted=max(0, unlisted - found.versions))

    def _listed(self, store: ObjectStore, subject: Subject) -> Tally:
        found = Tally()
        for scope in subject.intakes:
            found += store.tally(*scope_prefixes(scope))
        return found

    def _left(self, subject: Subject, found: Tally, *, unlisted: int) -> PlaceLeft:
        state = self._system.ledger.state()
        copies = sum(len(state.live_copies(scope)) for scope in subject.intakes)
        listed = Tally(found.versions + unlisted, found.markers, found.uploads)
        return PlaceLeft(place=self.place, counts=_counts(listed, copies))


def _counts(tally: Tally, copies: int) -> tuple[Counted, ...]:
    return (
        Counted(what="versions", n=tally.versions),
        Counted(what="markers", n=tally.markers),
        Counted(what="uploads", n=tally.uploads),
        Counted(what="copies", n=copies),
    )
