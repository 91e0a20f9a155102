"""What the events about accounting for ourselves add up to: incidents, circumstances, dossiers.

Belongs here: the shape of that state, and how each event changes it. Does not belong here: which event may follow
(``oversight_rules``), how much time is left (``rod_pipeline.incidents.clocks``).
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from rod_pipeline.ledger.growing import GrowingMap
from rod_pipeline.ledger.oversight import (
    CircumstanceClosed,
    CircumstanceNoted,
    CircumstanceNotified,
    DossierMade,
    IncidentClosed,
    IncidentDescribed,
    IncidentNotified,
    IncidentNotTold,
    IncidentOpened,
    OfOversight,
    Told,
)


@dataclass(frozen=True, slots=True)
class IncidentState:
    """One incident: what is known of it, who was told, and of whom it was decided that they need not be."""

    opened: IncidentOpened
    opened_at: datetime
    described: IncidentDescribed | None = None
    told: tuple[IncidentNotified, ...] = ()
    not_told: tuple[IncidentNotTold, ...] = ()
    closed: IncidentClosed | None = None
    closed_at: datetime | None = None

    @property
    def incident(self) -> str:
        """Its reference."""
        return self.opened.incident

    def first_told(self, to: Told) -> IncidentNotified | None:
        """The first time that ``to`` was told."""
        return next((one for one in self.told if one.to == to), None)

    def decided_not(self, to: Told) -> IncidentNotTold | None:
        """The decision not to tell ``to``, as long as it fits what is known: a newer description takes it away."""
        known = self.described.version if self.described is not None else 0
        return next((one for one in self.not_told if one.to == to and one.version == known), None)

    @property
    def owes(self) -> tuple[Told, ...]:
        """Who still has to be told, or of whom it has to be decided, before it can be closed as resolved.

        The minister with DUO always (3e). The supervisor when it is a breach (AVG 33), and so long as nobody described
        it. The persons when the risk is high (AVG 34). A report in phases is finished by a last one.
        """
        wanted: list[Told] = ["minister"]
        if self.opened.what == "breach" or self.described is None:
            wanted.append("supervisor")
        if self.described is not None and self.described.risk == "high":
            wanted.append("data_subjects")
        return tuple(to for to in wanted if not self._settled(to))

    def _settled(self, to: Told) -> bool:
        if self.decided_not(to) is not None:
            return True
        known = [one for one in self.told if one.to == to]
        return bool(known) and known[-1].phase != "initial"


@dataclass(frozen=True, slots=True)
class CircumstanceState:
    """A changed circumstance, and whether the minister was told."""

    noted: CircumstanceNoted
    noted_at: datetime
    told: CircumstanceNotified | None = None
    closed: CircumstanceClosed | None = None
    closed_at: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether the minister still has to be told."""
        return self.told is None and self.closed is None


@dataclass(frozen=True, slots=True)
class DossierState:
    """A dossier that was drawn up, and when."""

    event: DossierMade
    at: datetime


@dataclass(frozen=True, slots=True)
class Oversight:
    """``incidents``, ``circumstances`` and ``dossiers`` by their reference or id, in the order they came up."""

    incidents: GrowingMap[IncidentState] = field(default_factory=GrowingMap)
    circumstances: GrowingMap[CircumstanceState] = field(default_factory=GrowingMap)
    dossiers: GrowingMap[DossierState] = field(default_factory=GrowingMap)

    def next_incident(self, year: int) -> str:
        """The reference that an incident discovered in ``year`` gets."""
        return f"{year:04}-i{1 + sum(one.startswith(f'{year:04}-') for one in self.incidents)}"

    def next_circumstance(self, year: int) -> str:
        """The reference that a circumstance known since ``year`` gets."""
        return f"{year:04}-w{1 + sum(one.startswith(f'{year:04}-') for one in self.circumstances)}"


def advanced_oversight(before: Oversight, event: OfOversight, at: datetime) -> Oversight:
    """``before`` after an event of its own."""
    match event:
        case IncidentOpened():
            return replace(before, incidents=before.incidents.with_(event.incident, IncidentState(event, at)))
        case CircumstanceNoted():
            noted = CircumstanceState(event, at)
            return replace(before, circumstances=before.circumstances.with_(event.circumstance, noted))
        case DossierMade():
            return replace(before, dossiers=before.dossiers.with_(event.dossier, DossierState(event, at)))
        case CircumstanceNotified() | CircumstanceClosed():
            known = before.circumstances[event.circumstance]
            if isinstance(event, CircumstanceNotified):
                known = replace(known, told=event)
            else:
                known = replace(known, closed=event, closed_at=at)
            return replace(before, circumstances=before.circumstances.with_(event.circumstance, known))
        case _:
            incident = _advanced(before.incidents[event.incident], event, at)
            return replace(before, incidents=before.incidents.with_(event.incident, incident))


def _advanced(
    incident: IncidentState,
    event: IncidentDescribed | IncidentNotified | IncidentNotTold | IncidentClosed,
    at: datetime,
) -> IncidentState:
    match event:
        case IncidentDescribed():
            return replace(incident, described=event)
        case IncidentNotified():
            return replace(incident, told=(*incident.told, event))
        case IncidentNotTold():
            return replace(incident, not_told=(*incident.not_told, event))
        case IncidentClosed():
            return replace(incident, closed=event, closed_at=at)
