"""How what was written is made to be gone.

Belongs here: the one order in which copies, and whole scopes, are erased from a store, and finding out whether they
came back. Does not belong here: how a copy comes to be (``vault``, which is this and more), when something has to go
(``intake.tidying``, ``marts.database``, ``retention``).

An erasure asks nobody: there is no territory guard in here, and no probe. The key goes first; from then on nothing of
the scope can be read or written. What lies under the scope's prefixes goes next, whether the ledger knows it or not;
then it is on record, in one go. Killed at any instant, all of it runs again.
"""

from collections.abc import Iterable
from typing import Literal

from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.events import CopyErased, KeyDestroyed
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.state import CopyState, LedgerState
from rod_pipeline.store import layout
from rod_pipeline.store.keyring import Keyring
from rod_pipeline.store.objects import ObjectStore, Tally

Ground = Literal["unfinished", "replaced", "refused", "rebuilt", "purged"]
_ONE_APPEND = 1000


class CopyUnavailable(PermanentError):
    """The ledger does not let this copy be read or erased here."""

    code = "ROD-STORE-12"


class Eraser:
    """Erases what lies in one store, under the keys of one keyring, on the record of one ledger."""

    def __init__(self, objects: ObjectStore, keyring: Keyring, ledger: Ledger) -> None:
        self._objects = objects
        self._keyring = keyring
        self._ledger = ledger

    def erase(self, copies: Iterable[str], ground: Ground) -> None:
        """Remove all that the store holds of ``copies`` and record it. Copies erased before are skipped.

        Raises ``CopyUnavailable`` for an unknown copy or one in another store, ``EraseIncomplete``.
        """
        known = self._ledger.state().copies
        for copy_id in copies:
            copy = self._here(known.get(copy_id))
            if copy.status != "erased":
                self._record([(copy, self._objects.erase(copy.object_key).total)], ground)

    def erase_scope(self, scope: str, ground: Ground) -> None:
        """Destroy the key of ``scope``, then erase everything under it, also what the ledger does not know.

        Can be killed and run again at any instant. From the first step on nothing of the scope can be read or written.
        """
        self.destroy_key(scope)
        self.erase_objects(scope, ground)

    def destroy_key(self, scope: str) -> None:
        """Destroy the key of ``scope``, drafts included, and put it on record. Raises ``KeyStillThere``."""
        self._keyring.destroy(scope)
        if self._ledger.state().keys.get(scope) != "destroyed":
            self._ledger.append(KeyDestroyed(scope=scope))

    def erase_objects(self, scope: str, ground: Ground) -> Tally:
        """Erase everything under the prefixes of ``scope``, then record its copies as erased; returns what was found.

        Raises ``CopyUnavailable``, after all that, when a copy lies in another store, and ``EraseIncomplete``.
        """
        live = self._ledger.state().live_copies(scope)
        here = [copy for copy in live if copy.store == self._objects.name]
        keys = {copy.object_key for copy in here}
        erased = self._objects.erase(*layout.scope_prefixes(scope), apart=keys)
        self._record([(copy, erased.by_key.get(copy.object_key, Tally())) for copy in here], ground)
        for copy in live:
            self._here(copy)
        return erased.total

    def sweep(self, scope: str | None = None, name: str | None = None) -> int:
        """Erase what killed writers left: copies that were registered and never verified. Returns how many.

        Call it only while nobody writes ``name`` (or, without one, anything) in ``scope`` (or, without one, anywhere).
        """
        left = [
            copy.copy_id
            for copy in self._ledger.state().copies.values()
            if copy.status == "registered" and copy.store == self._objects.name
            if scope in (None, copy.scope) and name in (None, copy.name)
        ]
        self.erase(left, "unfinished")
        return len(left)

    def revived(self) -> tuple[str, ...]:
        """The scopes that were erased for good and of which something is there again: key, version or open upload.

        That comes from a backup, or from somebody's hand. A scope whose erasure hasn't ended is none of these.
        """
        # What the ledger says comes first: what is on record as gone by now can't be on its way out any more.
        gone = _erased_for_good(self._ledger.state())
        found = gone & self._keyring.traces().keys()
        return tuple(sorted(found | self._objects.occupied(layout.ZONE_PREFIXES, gone - found)))

    def _record(self, erased: list[tuple[CopyState, Tally]], ground: Ground) -> None:
        events = [
            CopyErased(
                copy_id=copy.copy_id, versions=tally.versions + tally.markers, uploads=tally.uploads, ground=ground
            )
            for copy, tally in erased
        ]
        for start in range(0, len(events), _ONE_APPEND):
            self._ledger.append(*events[start : start + _ONE_APPEND])

    def _here(self, copy: CopyState | None) -> CopyState:
        if copy is None:
            raise CopyUnavailable("The ledger knows no such copy.", "Ask the ledger for the copies of the delivery.")
        if copy.store != self._objects.name:
            raise CopyUnavailable(
                f"A copy lies in store {copy.store}, and this is store {self._objects.name}.",
                "Run it with the settings of the store where the copy lies.",
            )
        return copy


def _erased_for_good(state: LedgerState) -> set[str]:
    """Scopes whose key is destroyed and of which every copy is on record as erased."""
    alive = {copy.scope for copy in state.copies.values() if copy.status != "erased"}
    return {scope for scope, key in state.keys.items() if key == "destroyed" and scope not in alive}
