"""Which event about accounting for ourselves may follow what.

Belongs here: the rules on incidents, circumstances and dossiers. Does not belong here: the other rules (``rules``,
which asks this module).

Who has to be told follows from besluit 55352791 (3e, 3h) and AVG 33 and 34: an incident isn't closed as resolved while
somebody still has to be told, the supervisor is not left out of what may harm persons, and telling late needs a reason.
"""

from datetime import datetime, timedelta

from rod_pipeline.ledger.erasure_rules import SKEW, refuse
from rod_pipeline.ledger.overseen import CircumstanceState, IncidentState
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
)
from rod_pipeline.ledger.state import LedgerState

SUPERVISOR_TERM = timedelta(hours=72)
"""AVG 33(1), from the moment at which the breach was discovered; read strictly, weekends and holidays count."""

_REASONS = {
    "supervisor": {"risk_unlikely", "no_breach"},
    "data_subjects": {"unintelligible", "measures_taken", "disproportionate_effort"},
}


def check_oversight(event: OfOversight, state: LedgerState, at: datetime) -> None:
    """Raise ``IllegalEvent`` unless ``event``, happening at the instant ``at``, may follow ``state``."""
    match event:
        case IncidentOpened():
            if event.incident != state.oversight.next_incident(event.discovered_at.year):
                refuse(event, "its reference is not the next one of the year of its discovery")
            if event.discovered_at > at + SKEW:
                refuse(event, "it was discovered in the future")
        case IncidentDescribed():
            _described(event, state, at)
        case IncidentNotified():
            _notified(event, state, at)
        case IncidentNotTold():
            _not_told(event, state)
        case IncidentClosed():
            incident = _incident(event, state)
            if event.outcome == "resolved" and (owes := incident.owes):
                refuse(event, f"somebody still has to be told, or a decision is due: {', '.join(owes)}")
            if event.outcome == "resolved" and incident.described is None:
                refuse(event, "nobody described it")
        case CircumstanceNoted():
            if event.circumstance != state.oversight.next_circumstance(event.known_at.year):
                refuse(event, "its reference is not the next one of its year")
            if event.known_at > at + SKEW:
                refuse(event, "it became known in the future")
        case CircumstanceNotified():
            circumstance = _circumstance(event, state)
            if circumstance.told is not None:
                refuse(event, "the minister was told before")
            if not circumstance.noted.known_at - SKEW <= event.sent_at <= at + SKEW:
                refuse(event, "it was sent before anything was known, or in the future")
        case CircumstanceClosed():
            if _circumstance(event, state).told is None and event.outcome not in ("no_effect", "undone"):
                refuse(event, "the minister was not told")
        case DossierMade():
            if event.dossier in state.oversight.dossiers:
                refuse(event, "its id is taken")
            if event.size > state.seq:
                refuse(event, "it tells of entries that aren't there")


def _described(event: IncidentDescribed, state: LedgerState, at: datetime) -> None:
    incident = _incident(event, state)
    if event.version != 1 + (incident.described.version if incident.described is not None else 0):
        refuse(event, "it is not the version that comes next")
    if incident.opened.what == "breach" and not event.nature:
        refuse(event, "a breach is one of confidentiality, integrity or availability")
    if unknown := [key for key in event.deliveries if not state.intakes_of(key)]:
        refuse(event, f"delivery {unknown[0]} was never announced")
    times = [one for one in (event.began_at, event.ended_at) if one is not None]
    if times != sorted(times) or any(one > at + SKEW for one in times):
        refuse(event, "it ended before it began, or in the future")


def _notified(event: IncidentNotified, state: LedgerState, at: datetime) -> None:
    incident = _incident(event, state)
    if event.version != (incident.described.version if incident.described is not None else 0):
        refuse(event, "the letter does not tell what is known now")
    if not event.version and event.phase != "initial":
        refuse(event, "what nobody described can only be told as a first report")
    before = incident.first_told(event.to)
    if (event.phase == "further") != (before is not None):
        refuse(event, "a further report follows on a first one, and on nothing else")
    discovered = incident.opened.discovered_at
    if not discovered - SKEW <= event.sent_at <= at + SKEW:
        refuse(event, "it was sent before anything was discovered, or in the future")
    late = event.to == "supervisor" and before is None and event.sent_at > discovered + SUPERVISOR_TERM
    if late != (event.delay is not None):
        refuse(event, "a first report to the supervisor after 72 hours says why, and no other one does")


def _not_told(event: IncidentNotTold, state: LedgerState) -> None:
    incident = _incident(event, state)
    known = incident.described
    if known is None or event.version != known.version:
        refuse(event, "it does not rest on what is known now")
    if event.reason not in _REASONS[event.to]:
        refuse(event, "that is no reason not to tell them")
    if event.reason == "risk_unlikely" and known.risk != "unlikely":
        refuse(event, "a risk for persons is not unlikely")
    if event.reason == "no_breach" and incident.opened.what == "breach":
        refuse(event, "it is a breach")
    if incident.first_told(event.to) is not None:
        refuse(event, "they were told")


def _incident(
    event: IncidentDescribed | IncidentNotified | IncidentNotTold | IncidentClosed, state: LedgerState
) -> IncidentState:
    incident = state.oversight.incidents.get(event.incident)
    if incident is None:
        refuse(event, "no such incident was opened")
    if incident.closed is not None:
        refuse(event, "the incident is closed")
    return incident


def _circumstance(event: CircumstanceNotified | CircumstanceClosed, state: LedgerState) -> CircumstanceState:
    circumstance = state.oversight.circumstances.get(event.circumstance)
    if circumstance is None:
        refuse(event, "no such circumstance was noted")
    if circumstance.closed is not None:
        refuse(event, "it is closed")
    return circumstance
