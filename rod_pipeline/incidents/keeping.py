"""Keeping incidents and changed circumstances on record: opened, described, told, decided, closed.

Belongs here: appending the events, and the drafts in the folder ``incidents`` of the installation. Does not belong
here: which event may follow (``ledger.oversight_rules``), the words of the letters (``letters``), clocks (``clocks``).

The ledger is the register of AVG 33(5): facts, effects and measures, in codes. A person sends the letter; what is
recorded is who was told, when, how, and the digest of what was sent, of which the sender keeps the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from rod_pipeline.errors import PermanentError
from rod_pipeline.incidents.letters import circumstance_letter, incident_letter
from rod_pipeline.ledger.overseen import CircumstanceState, IncidentState
from rod_pipeline.ledger.oversight import (
    Category,
    Cause,
    Change,
    CircumstanceClosed,
    CircumstanceNoted,
    CircumstanceNotified,
    CircumstanceOutcome,
    Consequence,
    Delay,
    IncidentClosed,
    IncidentDescribed,
    IncidentKind,
    IncidentNotified,
    IncidentNotTold,
    IncidentOpened,
    IncidentOutcome,
    Measure,
    Nature,
    NotTold,
    Phase,
    Risk,
    Size,
    Source,
    Told,
)
from rod_pipeline.ledger.quality import SentBy
from rod_pipeline.quality.notice import Letter, as_pdf, as_text

if TYPE_CHECKING:
    from rod_pipeline.system import System


class UnknownIncident(PermanentError):
    """An incident or circumstance was asked for that nobody put on record."""

    code = "ROD-INCIDENT-01"


class NoSuchLetter(PermanentError):
    """The file that was sent, or what is to stand in a letter, can't be read."""

    code = "ROD-INCIDENT-02"


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of an incident, in the codes of ``ledger.oversight``; the contents of AVG 33(3)."""

    cause: Cause
    persons: Size
    risk: Risk
    consequences: tuple[Consequence, ...]
    measures: tuple[Measure, ...]
    records: Size = "unknown"
    nature: tuple[Nature, ...] = ()
    deliveries: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    began_at: datetime | None = None
    ended_at: datetime | None = None


def open_incident(system: System, what: IncidentKind, source: Source, discovered_at: datetime | None = None) -> str:
    """Put an incident on record, discovered now or at ``discovered_at``; returns its reference.

    Raises ``IllegalEvent`` when it would have been discovered in the future.
    """
    at = discovered_at or system.clock.now()
    reference = system.ledger.state().oversight.next_incident(at.year)
    system.ledger.append(
        IncidentOpened(incident=reference, what=what, discovered_at=at, source=source, actor=system.actor())
    )
    return reference


def describe(system: System, incident: str, known: Description) -> int:
    """Record what is known; returns the number of this version. Raises ``UnknownIncident`` or ``IllegalEvent``."""
    before = find(system, incident).described
    version = 1 + (before.version if before is not None else 0)
    system.ledger.append(
        IncidentDescribed(
            incident=incident,
            version=version,
            nature=known.nature,
            cause=known.cause,
            deliveries=known.deliveries,
            categories=known.categories,
            persons=known.persons,
            records=known.records,
            consequences=known.consequences,
            measures=known.measures,
            risk=known.risk,
            began_at=known.began_at,
            ended_at=known.ended_at,
            actor=system.actor(),
        )
    )
    return version


def draft(system: System, reference: str, to: Told, story: Path | None = None) -> tuple[Path, Path]:
    """Write the letter about an incident (or circumstance) to ``to``; returns its text and its PDF.

    ``story`` is a text file with what a person adds; blank lines part its paragraphs. Nothing of it goes anywhere but
    into these two files. Raises ``UnknownIncident`` or ``NoSuchLetter``.
    """
    words = None if story is None else _read(story).decode("utf-8", "replace")
    oversight, now = system.ledger.state().oversight, system.clock.now()
    circumstance = oversight.circumstances.get(reference)
    said: Letter
    if circumstance is not None:
        said, at = circumstance_letter(circumstance, system.decree, words), circumstance.noted.known_at
    else:
        incident = find(system, reference)
        said, at = incident_letter(incident, to, system.decree, words, now), incident.opened.discovered_at
    folder = system.settings.home / "incidents"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    text, pdf = (folder / f"{reference}-{to}.{form}" for form in ("txt", "pdf"))
    text.write_text(as_text(said), "utf-8")
    pdf.write_bytes(as_pdf(said, at))
    return text, pdf


def notify(
    system: System,
    incident: str,
    to: Told,
    letter: Path,
    channel: SentBy,
    phase: Phase,
    *,
    sent_at: datetime | None = None,
    delay: Delay | None = None,
) -> None:
    """Record that a person sent ``letter`` to ``to``, now or at ``sent_at``.

    ``delay`` says why the supervisor was told after 72 hours. Raises ``UnknownIncident``, ``NoSuchLetter`` or
    ``IllegalEvent``.
    """
    known = find(system, incident).described
    system.ledger.append(
        IncidentNotified(
            incident=incident,
            to=to,
            phase=phase,
            version=known.version if known is not None else 0,
            text=sha256(_read(letter)).hexdigest(),
            channel=channel,
            sent_at=sent_at or system.clock.now(),
            delay=delay,
            actor=system.actor(),
        )
    )


def decide_not(system: System, incident: str, to: Told, reason: NotTold) -> None:
    """Record the decision that ``to`` need not be told, and why. Raises ``UnknownIncident`` or ``IllegalEvent``.

    The minister is always told: voorschrift 3e knows no exception.
    """
    known = find(system, incident).described
    if to not in ("supervisor", "data_subjects"):
        raise NoSuchLetter(
            "Only of the supervisor and of the data subjects can it be decided that they need not be told.",
            "Tell the minister and DUO: voorschrift 3e knows no exception.",
        )
    system.ledger.append(
        IncidentNotTold(
            incident=incident,
            to=to,
            reason=reason,
            version=known.version if known is not None else 0,
            actor=system.actor(),
        )
    )


def close(system: System, incident: str, outcome: IncidentOutcome) -> None:
    """Record that nothing more will be done about it. Raises ``UnknownIncident`` or ``IllegalEvent``."""
    find(system, incident)
    system.ledger.append(IncidentClosed(incident=incident, outcome=outcome, actor=system.actor()))


def note(system: System, change: Change, known_at: datetime | None = None) -> str:
    """Put a changed circumstance on record, known now or since ``known_at``; returns its reference."""
    at = known_at or system.clock.now()
    reference = system.ledger.state().oversight.next_circumstance(at.year)
    system.ledger.append(CircumstanceNoted(circumstance=reference, change=change, known_at=at, actor=system.actor()))
    return reference


def notify_circumstance(
    system: System, circumstance: str, letter: Path, channel: SentBy, sent_at: datetime | None = None
) -> None:
    """Record that a person told the minister. Raises ``UnknownIncident``, ``NoSuchLetter`` or ``IllegalEvent``."""
    find_circumstance(system, circumstance)
    system.ledger.append(
        CircumstanceNotified(
            circumstance=circumstance,
            text=sha256(_read(letter)).hexdigest(),
            channel=channel,
            sent_at=sent_at or system.clock.now(),
            actor=system.actor(),
        )
    )


def close_circumstance(system: System, circumstance: str, outcome: CircumstanceOutcome) -> None:
    """Record how it ended. Raises ``UnknownIncident`` or ``IllegalEvent``."""
    find_circumstance(system, circumstance)
    system.ledger.append(CircumstanceClosed(circumstance=circumstance, outcome=outcome, actor=system.actor()))


def find(system: System, incident: str) -> IncidentState:
    """An incident by its reference. Raises ``UnknownIncident``."""
    found = system.ledger.state().oversight.incidents.get(incident)
    if found is None:
        raise UnknownIncident("There is no incident of that reference.", "`rod incident list --all` shows them all.")
    return found


def find_circumstance(system: System, circumstance: str) -> CircumstanceState:
    """A circumstance by its reference. Raises ``UnknownIncident``."""
    found = system.ledger.state().oversight.circumstances.get(circumstance)
    if found is None:
        raise UnknownIncident(
            "There is no changed circumstance of that reference.", "`rod circumstance list --all` shows them all."
        )
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise NoSuchLetter(
            "The file can't be read.", "Name the file as it was sent, or as it is to be added."
        ) from None
