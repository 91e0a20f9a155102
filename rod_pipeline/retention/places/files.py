"""Files on this machine: scratch, and the validation pages of a delivery.

Belongs here: two places that are folders. Does not belong here: what may be written there (``store.scratch``,
``quality.docs``).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rod_pipeline.errors import TransientError
from rod_pipeline.ledger.erasure import Counted, Method, Place, PlaceLeft, Subject
from rod_pipeline.store import scratch

if TYPE_CHECKING:
    from rod_pipeline.system import System


class HostUnseen(TransientError):
    """What is in the memory of another host can't be known from here."""

    code = "ROD-PLACE-03"


class Scratch:
    """What Polars, DuckDB and Python spilled or staged: files in the folders of processes that are gone.

    Nobody can tell which delivery they are of, so they count for each. The folder of a living process holds nothing of
    a delivery that nobody works on, which is what draining sees to; only this process' own is looked into as well. The
    embedded store writes to its own folder alone (place ``objects``); DuckDB doesn't spill.

    Of another host this sees only whether a worker is at a step there, or was killed at one. It waits for the steps
    that are going on; what may be in the memory of a worker that hasn't cleared it by then nobody knows, and there is
    no inventory. What is on this host is erased all the same.
    """

    place: ClassVar[Place] = "scratch"
    method: ClassVar[Method] = "file_deleted"
    claims: ClassVar[tuple[str, ...]] = (f"{scratch.ROOT}/rod-*",)

    def __init__(self, system: System) -> None:
        self._owner = scratch.tag(system.settings.home)
        self._workers = system.settings.workers
        self._patience = 60 * system.settings.retention.drain_minutes
        scratch.serve(self._owner)

    def inventory(self, subject: Subject) -> PlaceLeft:
        """Files, wherever they may have been left. Raises ``HostUnseen`` when that may be on another host."""
        if hosts := scratch.unseen(self._workers, self._patience):
            raise HostUnseen(
                f"On {', '.join(hosts)} a worker is still at a step, or was killed at one: its memory can't be seen.",
                "When the step ends, or a worker starts there again, the purge goes on. Is that machine gone for good? "
                f"Then so is its memory: remove what bears its name in {self._workers}.",
            )
        return PlaceLeft(place=self.place, counts=self._here())

    def erase(self, subject: Subject, purge_id: str) -> tuple[Counted, ...]:
        """Remove the folders of processes that are gone, and what stands in this process' own."""
        found = self._here()
        scratch.sweep()
        scratch.clear()
        return found

    def _here(self) -> tuple[Counted, ...]:
        return (Counted(what="files", n=len(scratch.leftovers(self._owner)) + len(scratch.in_use())),)

    def verify_absent(self, subject: Subject) -> PlaceLeft:
        """Look again: there is no other way to see a folder."""
        return self.inventory(subject)


class Reports:
    """The pages about the validation of each intake: rules and counts, no personal data, but of the delivery.

    Drafts of notices in ``notices`` stay: they are letters to DUO and the minister about counts and rules, part of what
    the recipient of the decree has to answer for (voorschrift 3e), and hold no personal data.
    """

    place: ClassVar[Place] = "reports"
    method: ClassVar[Method] = "file_deleted"

    def __init__(self, system: System) -> None:
        self._folder = system.settings.home.absolute() / "data_docs"

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"{self._folder}/*",)

    def inventory(self, subject: Subject) -> PlaceLeft:
        """Files in the folders of its intakes."""
        n = sum(len([path for path in folder.rglob("*") if not path.is_dir()]) or 1 for folder in self._of(subject))
        return PlaceLeft(place=self.place, counts=(Counted(what="files", n=n),))

    def erase(self, subject: Subject, purge_id: str) -> tuple[Counted, ...]:
        """Remove the folders."""
        found = self.inventory(subject).counts
        for folder in self._of(subject):
            shutil.rmtree(folder, ignore_errors=True)
        return found

    def verify_absent(self, subject: Subject) -> PlaceLeft:
        """By the ids of the intakes anywhere in a name, whatever the rest of it says."""
        names = [path.name for path in self._folder.rglob("*")] if self._folder.exists() else []
        n = sum(scope in name for name in names for scope in subject.intakes)
        return PlaceLeft(place=self.place, counts=(Counted(what="files", n=n),))

    def _of(self, subject: Subject) -> list[Path]:
        folders = [self._folder / f"{subject.key}-{scope}" for scope in subject.intakes]
        return [folder for folder in folders if folder.exists()]
