"""The events about accounting for ourselves: incidents, changed circumstances, dossiers for auditors.

Belongs here: one frozen model per kind of event that says what went wrong and who was told, what changed, and who got a
dossier. Does not belong here: what they add up to (``overseen``), which may follow which (``oversight_rules``), letters
and clocks (``rod_pipeline.incidents``), the dossier itself (``rod_pipeline.audit``).

An *incident* is an unlawful processing or a personal data breach (AVG art. 4(12)); besluit 55352791, voorschrift 3e,
wants the minister and DUO told of it at once, and AVG art. 33 the supervisor within 72 hours. A *circumstance* is a new
fact or changed circumstance that bears on the decree (3h). What happened is said in codes from closed lists; a story in
words stands in the letter alone, which isn't in the ledger. Numbers of persons are classes, never counts.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from rod_pipeline.ledger.quality import SentBy
from rod_pipeline.ledger.vocabulary import Code, Count, Digest, Event, Id, Instant, Key, unsaid

IncidentId = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-i[1-9][0-9]{0,4}$")]
"""The reference on every letter about an incident: the year of its discovery and a number."""

CircumstanceId = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-w[1-9][0-9]{0,4}$")]
"""The reference of a changed circumstance (*wijziging*)."""

IncidentKind = Literal["breach", "unlawful_processing"]
"""A breach of security that touches personal data (AVG 4(12)), or processing that the decree or the law forbids."""

Nature = Literal["confidentiality", "integrity", "availability"]
"""What a breach broke, as EDPB guidelines 9/2022 tell kinds apart."""

Cause = Literal[
    "sent_to_wrong_recipient", "lost_or_stolen", "hacking", "unauthorised_access", "published_by_mistake",
    "outside_purpose", "outside_territory", "kept_too_long", "data_destroyed", "undeclared_data", "software_fault",
    "unknown",
]  # fmt: skip
Source = Literal["ourselves", "processor", "recipient", "duo", "outsider"]
"""Who discovered it. What the processor finds, it tells without undue delay (AVG 33(2))."""

Size = Literal["unknown", "none", "under_100", "100_999", "1000_9999", "10000_99999", "100000_or_more"]
"""About how many persons, or records: a class, never a count."""

Category = Literal["pseudonyms", "enrolments", "diplomas", "transitions", "sensitive", "health", "identifiers"]
Consequence = Literal[
    "none_expected", "identification", "loss_of_control", "discrimination", "financial", "loss_of_data"
]
Measure = Literal[
    "access_stopped", "erased", "recipient_asked_to_erase", "keys_destroyed", "keys_replaced", "restored",
    "fault_mended", "procedure_changed", "under_investigation",
]  # fmt: skip
Risk = Literal["unlikely", "risk", "high"]
"""For the rights and freedoms of natural persons: unlikely to be one (33(1)), one, or a high one (34(1))."""

Told = Literal["minister", "supervisor", "data_subjects", "processor"]
"""Who is told: the minister with DUO (3e), the supervisor (AVG 33), the persons (AVG 34), the processor (3f)."""

Phase = Literal["complete", "initial", "further"]
"""All at once, or in phases (AVG 33(4))."""

Delay = Literal["investigation", "discovered_late_by_third_party", "organisation", "technical"]
"""Why the supervisor was told later than after 72 hours (AVG 33(1), last sentence)."""

NotTold = Literal["risk_unlikely", "no_breach", "unintelligible", "measures_taken", "disproportionate_effort"]
"""Why somebody need not be told: 33(1); no breach but unlawful processing; 34(3), under a, b and c."""

IncidentOutcome = Literal["resolved", "no_incident"]

Change = Literal[
    "adequacy_ended", "new_host", "new_subprocessor", "new_processor", "recipient_changed", "organisation_changed",
    "purpose_changed", "security_changed", "law_changed", "direct_provision",
]  # fmt: skip
CircumstanceOutcome = Literal["accepted", "decree_changed", "undone", "no_effect"]

Reader = Literal["minister", "supervisor", "auditor", "privacy_officer", "duo", "own_use"]
"""For whom a dossier is."""

Why = Literal["audit", "withdrawal", "incident", "yearly_review", "request"]
"""Why a dossier was made: an audit (3i), the minister means to withdraw (section 5), an incident, or otherwise."""


class OversightEvent(Event):
    """Base of the events about accounting for ourselves."""


class IncidentOpened(OversightEvent):
    """An incident was discovered, at ``discovered_at``: there every clock starts."""

    kind: Literal["incident_opened"] = "incident_opened"
    incident: IncidentId
    what: IncidentKind
    discovered_at: Instant
    source: Source
    actor: Code


class IncidentDescribed(OversightEvent):
    """What is known of an incident so far: the contents of AVG 33(3) in codes. A newer one takes its place."""

    kind: Literal["incident_described"] = "incident_described"
    incident: IncidentId
    version: Annotated[Count, Field(ge=1)]
    nature: tuple[Nature, ...]
    cause: Cause
    deliveries: tuple[Key, ...]
    categories: tuple[Category, ...]
    persons: Size
    records: Size
    consequences: Annotated[tuple[Consequence, ...], Field(min_length=1)]
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)]
    risk: Risk
    began_at: Instant | None = None
    ended_at: Instant | None = None
    actor: Code


class IncidentNotified(OversightEvent):
    """A person told ``to`` of an incident, at ``sent_at``; ``text`` is the digest of the letter."""

    kind: Literal["incident_notified"] = "incident_notified"
    incident: IncidentId
    to: Told
    phase: Phase
    version: Count
    text: Digest
    channel: SentBy
    sent_at: Instant
    delay: Delay | None = None
    actor: Code


class IncidentNotTold(OversightEvent):
    """A person decided that the supervisor, or the persons, need not be told, and why."""

    kind: Literal["incident_not_told"] = "incident_not_told"
    incident: IncidentId
    to: Literal["supervisor", "data_subjects"]
    reason: NotTold
    version: Count
    actor: Code


class IncidentClosed(OversightEvent):
    """Nothing more will be done about an incident."""

    kind: Literal["incident_closed"] = "incident_closed"
    incident: IncidentId
    outcome: IncidentOutcome
    actor: Code


class CircumstanceNoted(OversightEvent):
    """Something changed that bears on the decree, known since ``known_at``."""

    kind: Literal["circumstance_noted"] = "circumstance_noted"
    circumstance: CircumstanceId
    change: Change
    known_at: Instant
    actor: Code


class CircumstanceNotified(OversightEvent):
    """A person told the minister; ``text`` is the digest of the letter."""

    kind: Literal["circumstance_notified"] = "circumstance_notified"
    circumstance: CircumstanceId
    text: Digest
    channel: SentBy
    sent_at: Instant
    actor: Code


class CircumstanceClosed(OversightEvent):
    """How it ended: the minister accepts it, changes the decree, it was undone, or it had no effect after all."""

    kind: Literal["circumstance_closed"] = "circumstance_closed"
    circumstance: CircumstanceId
    outcome: CircumstanceOutcome
    actor: Code


class DossierMade(OversightEvent):
    """A dossier was drawn up from the first ``size`` entries of this ledger, whose tree has the root ``root``.

    ``contents`` is the digest of its table of contents, ``sha256`` that of the zip. ``day`` (``YYYY-MM-DD``) is the day
    of which the holdings are told. ``software`` and ``lock`` say what drew it up.
    """

    kind: Literal["dossier_made"] = "dossier_made"
    dossier: Id
    size: Count
    root: Digest
    day: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    contents: Digest
    sha256: Digest
    reader: Reader
    why: Why
    reference: Code | None = Field(default=None, exclude_if=unsaid)
    software: Code
    lock: Digest | None = Field(default=None, exclude_if=unsaid)
    actor: Code


OfOversight = (
    IncidentOpened
    | IncidentDescribed
    | IncidentNotified
    | IncidentNotTold
    | IncidentClosed
    | CircumstanceNoted
    | CircumstanceNotified
    | CircumstanceClosed
    | DossierMade
)
