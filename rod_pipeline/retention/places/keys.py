"""Keys and small secrets of a delivery.

Belongs here: the keyring and the secret store as places. Does not belong here: how a key or a secret rests and dies
(``store.keyring``, ``store.secrets``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rod_pipeline.errors import RodError
from rod_pipeline.ledger.erasure import Counted, Method, Place, PlaceLeft, Subject
from rod_pipeline.ledger.events import CodeEnded
from rod_pipeline.store.keyring import KeyGone

if TYPE_CHECKING:
    from rod_pipeline.system import System


class Keys:
    """The key of each intake, with what a killed process may have left of it in the keyring."""

    place: ClassVar[Place] = "keys"
    method: ClassVar[Method] = "key_destroyed"

    def __init__(self, system: System) -> None:
        self._system = system

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"{self._system.settings.home.absolute()}/keys/*",)

    def inventory(self, subject: Subject) -> PlaceLeft:
        """Files with key material; a key that is alive on record alone counts too."""
        keys, traces = self._system.ledger.state().keys, self._system.keyring.traces()
        n = sum(max(traces.get(scope, 0), keys.get(scope) == "live") for scope in subject.intakes)
        return PlaceLeft(place=self.place, counts=(Counted(what="keys", n=n),))

    def erase(self, subject: Subject, purge_id: str) -> tuple[Counted, ...]:
        """Destroy every key, verified, and put it on record. An intake that never had one can't get one any more."""
        found = self.inventory(subject).counts
        for scope in subject.intakes:
            self._system.vault.destroy_key(scope)
        return found

    def verify_absent(self, subject: Subject) -> PlaceLeft:
        """By a keyring opened anew, which must say of each key that it was destroyed, and hold no draft of it."""
        fresh = type(self._system).open(self._system.settings, self._system.clock).keyring
        traces, keys = fresh.traces(), self._system.ledger.state().keys
        n = 0
        for scope in subject.intakes:
            left = traces.get(scope, 0)
            if scope in keys:
                try:
                    fresh.get(scope)
                except KeyGone:
                    pass
                except RodError:
                    # Missing or damaged is not destroyed: the mark that forbids it for ever isn't there.
                    left = max(left, 1)
                else:
                    left = max(left, 1)
            n += left
        return PlaceLeft(place=self.place, counts=(Counted(what="keys", n=n),))


class Secrets:
    """Links, access codes and passwords of archives of each intake, drafts included."""

    place: ClassVar[Place] = "secrets"
    method: ClassVar[Method] = "file_deleted"

    def __init__(self, system: System) -> None:
        self._system = system

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"{self._system.settings.home.absolute()}/secrets/codes/*",)

    def inventory(self, subject: Subject) -> PlaceLeft:
        """Files of secrets."""
        n = sum(self._system.secrets.count(scope) for scope in subject.intakes)
        return PlaceLeft(place=self.place, counts=(Counted(what="files", n=n),))

    def erase(self, subject: Subject, purge_id: str) -> tuple[Counted, ...]:
        """Remove them all; an access code that still waited has ended by that."""
        found = self.inventory(subject).counts
        for scope in subject.intakes:
            self._system.secrets.forget(scope)
            intake = self._system.ledger.state().intakes.get(scope)
            if intake is not None and intake.code == "awaiting":
                self._system.ledger.append(CodeEnded(delivery_id=scope, reason="erased"))
        return found

    def verify_absent(self, subject: Subject) -> PlaceLeft:
        """By name: any file in the folder, whatever its shape, in whose name an intake stands."""
        folder = self._system.settings.home / "secrets" / "codes"
        names = [file.name for file in folder.iterdir()] if folder.exists() else []
        n = sum(scope in name for name in names for scope in subject.intakes)
        return PlaceLeft(place=self.place, counts=(Counted(what="files", n=n),))
