"""Places that others look after: recipients of packages, the processor, and backups.

Belongs here: asking, and counting who hasn't answered yet or what hasn't ended yet. Does not belong here: recording an
answer (``retention.decisions``), sending a letter, which is a person's act.

Nothing here is ever "in house": an unanswered question or a living backup keeps a certificate from saying VOLLEDIG, but
keeps no purge from going on.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

from rod_pipeline.ledger.erasure import Counted, ErasureAsked, HandedOver, Method, Place, PlaceLeft, Subject
from rod_pipeline.ledger.publication import PublicationKept
from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.packages.outbox import outbox, waiting

if TYPE_CHECKING:
    from rod_pipeline.system import System


def purges_of(state: LedgerState, key: str) -> tuple[PurgeState, ...]:
    """Every purge that names a delivery, oldest first."""
    return tuple(sorted((p for p in state.purges.values() if key in p.keys), key=lambda purge: purge.planned_at))


class Packages:
    """Packages with rows of the delivery that left the house: each recipient is asked to erase, and answers.

    The encrypted files of such packages that still wait in the outbox are removed, and the key of the pseudonyms of a
    recipient once nothing that it ever got lives any more. What was published stays, because it is no personal data
    (DESIGN 14.12); that goes on record.
    """

    place: ClassVar[Place] = "packages"
    method: ClassVar[Method] = "asked"

    def __init__(self, system: System) -> None:
        self._system = system

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"{_letters(self._system)}/*", f"{outbox(self._system)}/*")

    def inventory(self, subject: Subject) -> PlaceLeft:
        """Hand-overs whose recipient hasn't declared in writing that it erased; files of them that wait to be sent."""
        return PlaceLeft(place=self.place, counts=self._counts(subject))

    def erase(self, subject: Subject, purge_id: str) -> tuple[Counted, ...]:
        """Remove files that wait, draft a letter to each recipient that hasn't been asked yet, and record that."""
        found = self._counts(subject)
        for handed in self._handed(subject):
            for file in waiting(outbox(self._system), handed.package_id):
                file.unlink(missing_ok=True)
        for handed in self._open(subject):
            _ask(
                self._system,
                ErasureAsked(purge_id=purge_id, party="recipient", package_id=handed.package_id),
                f"ontvanger {handed.recipient}",
                [
                    f"Het pakket met kenmerk {handed.package_id} bevat gegevens uit levering {subject.key}, die wordt",
                    "gewist. Wij verzoeken u dit pakket en alle kopieën daarvan per ommegaande te wissen en ons",
                    "schriftelijk te verklaren dat en wanneer dat gebeurd is.",
                ],
            )
        self._end_pseudonyms(subject)
        self._keep_published(subject, purge_id)
        return found

    def verify_absent(self, subject: Subject) -> PlaceLeft:
        """What the ledger says: nobody here can look at others' disks."""
        return self.inventory(subject)

    def _counts(self, subject: Subject) -> tuple[Counted, ...]:
        files = sum(len(waiting(outbox(self._system), handed.package_id)) for handed in self._handed(subject))
        return (Counted(what="hand_overs", n=len(self._open(subject))), Counted(what="files", n=files))

    def _handed(self, subject: Subject) -> list[HandedOver]:
        handovers = self._system.ledger.state().handovers.values()
        return [handover.event for handover in handovers if subject.key in handover.event.keys]

    def _open(self, subject: Subject) -> list[HandedOver]:
        state = self._system.ledger.state()
        purges = purges_of(state, subject.key)
        return [
            one
            for one in self._handed(subject)
            if state.handovers[one.package_id].erased is None
            and not any(purge.declared_by("recipient", one.package_id) for purge in purges)
        ]

    def _end_pseudonyms(self, subject: Subject) -> None:
        state = self._system.ledger.state()
        for name in sorted({handed.recipient for handed in self._handed(subject)}):
            got = {key for one in state.handovers.values() if one.event.recipient == name for key in one.event.keys}
            scope = state.pseudonym_scope(name)
            if scope is not None and got <= set(state.tombstones):
                self._system.vault.destroy_key(scope)

    def _keep_published(self, subject: Subject, purge_id: str) -> None:
        for release in self._system.ledger.state().releases.values():
            if set(release.event.deliveries) & set(subject.intakes) and purge_id not in release.kept_by:
                self._system.ledger.append(PublicationKept(purge_id=purge_id, release=release.event.release))


class Processor:
    """The processor's own declaration that it erased (voorschrift 3f and section 5 of the decree)."""

    place: ClassVar[Place] = "processor"
    method: ClassVar[Method] = "asked"
    claims: ClassVar[tuple[str, ...]] = ()

    def __init__(self, system: System) -> None:
        self._system = system

    def inventory(self, subject: Subject) -> PlaceLeft:
        """One declaration, until the newest purge of the delivery has it."""
        purges = purges_of(self._system.ledger.state(), subject.key)
        n = 0 if purges and purges[-1].declared_by("processor") else 1
        return PlaceLeft(place=self.place, counts=(Counted(what="declarations", n=n),))

    def erase(self, subject: Subject, purge_id: str) -> tuple[Counted, ...]:
        """Draft the letter to the processor, once per purge, and record that it was asked."""
        found = self.inventory(subject).counts
        if found[0].n:
            purge = self._system.ledger.state().purges[purge_id]
            _ask(
                self._system,
                ErasureAsked(purge_id=purge_id, party="processor"),
                f"verwerker {self._system.decree.processor.name}",
                [
                    f"Deze leveringen worden gewist: {', '.join(purge.keys)}.",
                    "Wij verzoeken u alle gegevens daaruit die u onder u hebt, met alle kopieën, per ommegaande te",
                    "wissen en ons schriftelijk te verklaren dat en wanneer dat gebeurd is.",
                ],
            )
        return found

    def verify_absent(self, subject: Subject) -> PlaceLeft:
        """What the ledger says: nobody here can look at others' disks."""
        return self.inventory(subject)


class Backups:
    """Backups that somebody else makes, as the settings declare them: each may hold a copy until its last one ends."""

    place: ClassVar[Place] = "backups"
    method: ClassVar[Method] = "expires"
    claims: ClassVar[tuple[str, ...]] = ()

    def __init__(self, system: System) -> None:
        self._system = system

    def inventory(self, subject: Subject) -> PlaceLeft:
        """How many backups may still hold a copy, and until when the last of them may (also when that has passed)."""
        now = self._system.clock.now()
        since = self._since(subject, now)
        ends = [since + timedelta(days=backup.days) for backup in self._system.settings.retention.backups]
        # A backup that an inventory told of lives until its end, whatever the settings say since.
        known = [p.expires for p in purges_of(self._system.ledger.state(), subject.key) if p.expires is not None]
        ends += [max(known)] if known and max(known) > max(ends, default=since) else []
        living = sum(end > now for end in ends)
        return PlaceLeft(place=self.place, counts=(Counted(what="backups", n=living),), until=max(ends, default=None))

    def erase(self, subject: Subject, purge_id: str) -> tuple[Counted, ...]:
        """Nothing can be done here but wait."""
        return self.inventory(subject).counts

    def verify_absent(self, subject: Subject) -> PlaceLeft:
        """By the calendar."""
        return self.inventory(subject)

    def _since(self, subject: Subject, now: datetime) -> datetime:
        """From when on a backup can't hold anything of the delivery any more: its tombstone, or its last erasure."""
        state = self._system.ledger.state()
        stone = state.tombstones.get(subject.key)
        if stone is None:
            return now
        return max([stone.at, *(purge.erased_at for purge in purges_of(state, subject.key) if purge.erased_at)])


def _letters(system: System) -> Path:
    return system.settings.home.absolute() / "letters"


def _ask(system: System, asked: ErasureAsked, to: str, body: list[str]) -> None:
    """Draft the letter, then record the asking, unless this purge has done so."""
    purge = system.ledger.state().purges[asked.purge_id]
    if any((before.party, before.package_id) == (asked.party, asked.package_id) for before in purge.asked):
        return
    decree = system.decree
    today = system.clock.now().astimezone(ZoneInfo("Europe/Amsterdam")).date()
    lines = [
        "CONCEPT – nog niet verzonden",
        "",
        f"Aan: {to}",
        f"Van: {decree.recipient}",
        f"Datum: {today.isoformat()}",
        f"Betreft: verzoek om te wissen, vernietiging {asked.purge_id}",
        "",
        f"Op grond van besluit {decree.reference} van {decree.issued.isoformat()} (voorschrift 3, onder f en j, en",
        "paragraaf 5) worden gegevens van het beleidsbestand ROD beroepsonderwijs met alle kopieën gewist.",
        "",
        *body,
        "",
        "Deze brief bevat geen persoonsgegevens.",
    ]
    folder = _letters(system)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = asked.party if asked.package_id is None else f"{asked.party}-{asked.package_id}"
    letter = folder / f"{asked.purge_id}-{about}.txt"
    draft = letter.with_name(f".{letter.name}.{os.urandom(4).hex()}")
    draft.write_text("\n".join(lines) + "\n", "utf-8")
    draft.replace(letter)
    system.ledger.append(asked)
