"""The closed vocabulary of what can legally happen.

Belongs here: one frozen model per kind of event on the way of a delivery, with its version; the events of erasure are
in ``ledger.erasure``, those about findings in ``ledger.quality``, those about what leaves the house in
``ledger.publication``, those about accounting for ourselves in ``ledger.oversight``. Does not belong here: writing
them (``ledger.log``) or what they add up to (``ledger.state``).

An event holds ids, codes, counts, instants, places and digests of *ciphertext*: no free text, no file name of DUO's, no
value from the data, no link, no code, no name of a person. Where a string is allowed it is bound by a pattern, so
that nothing else fits. Changing the meaning of a field makes a new version ``v``; old versions stay readable. A field
that came later isn't written while it says nothing, so that an event of before reads as it was written.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from rod_pipeline.ledger.clocks import ClockSet
from rod_pipeline.ledger.erasure import (
    Accepted,
    Attested,
    DagsterGone,
    DagsterUsed,
    Drained,
    ErasureAsked,
    ErasureDeclared,
    HandedOver,
    HoldLifted,
    HoldSet,
    Inventoried,
    MomentMoved,
    PackageErased,
    PlaceErased,
    PurgePlanned,
    Suspended,
    SuspensionLifted,
    Tombstoned,
    Withdrawn,
)
from rod_pipeline.ledger.moments import MomentAnswered
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
)
from rod_pipeline.ledger.publication import (
    AggregatesShared,
    PseudonymKeyed,
    PublicationKept,
    Published,
    SmallCountsAllowed,
    SmallCountsEnded,
)
from rod_pipeline.ledger.quality import Finding as Finding
from rod_pipeline.ledger.quality import (
    NoticeAnswered,
    NoticeClosed,
    NoticeDrafted,
    NoticeSent,
    Waived,
    WaiverWithdrawn,
)
from rod_pipeline.ledger.vocabulary import (
    Channel,
    Code,
    Count,
    Country,
    Digest,
    Event,
    Host,
    Id,
    Instant,
    Key,
    MomentBasis,
    ObjectKey,
    Part,
    Zone,
    unsaid,
)


class Announced(Event):
    """A delivery is on its way (or lies ready to be handed over). Begins an intake; replaces an unfinished one."""

    kind: Literal["announced"] = "announced"
    delivery_id: Id
    key: Key
    channel: Channel
    files: Count
    moment: Instant | None = None
    moment_basis: MomentBasis | None = None


class CodeEnded(Event):
    """The access code of an intake is gone from the secret store."""

    kind: Literal["code_ended"] = "code_ended"
    delivery_id: Id
    reason: Literal["verified", "wrong", "used", "expired", "replaced", "refused", "erased"]


class TerritoryApproved(Event):
    """The territory guard proved where a store is."""

    kind: Literal["territory_approved"] = "territory_approved"
    store: Code
    host: Host
    region: Code
    country: Country
    basis: Literal["eea", "adequacy", "local_declaration"]
    policy: Code
    proof: Digest


class KeyCreated(Event):
    """A key exists for a scope: a delivery id, the id of a mart generation or a release, or a scope of pseudonyms."""

    kind: Literal["key_created"] = "key_created"
    scope: Id
    keyring: Literal["local", "openbao"]


class KeyDestroyed(Event):
    """The key of a scope is gone and that was verified."""

    kind: Literal["key_destroyed"] = "key_destroyed"
    scope: Id


class CopyRegistered(Event):
    """A place is about to hold personal data. Comes before its first byte."""

    kind: Literal["copy_registered"] = "copy_registered"
    copy_id: Id
    scope: Id
    zone: Zone
    name: Code
    store: Code
    object_key: ObjectKey


class CopyVerified(Event):
    """A copy is complete: it was read back and agreed with what was written."""

    kind: Literal["copy_verified"] = "copy_verified"
    copy_id: Id
    size: Count
    sha256: Digest


class CopyErased(Event):
    """A copy is gone: all versions, markers and open uploads, verified by a second inventory."""

    kind: Literal["copy_erased"] = "copy_erased"
    copy_id: Id
    versions: Count
    uploads: Count
    ground: Literal["unfinished", "replaced", "refused", "rebuilt", "purged"]


class Received(Event):
    """The raw files of an intake lie sealed and verified in ``landing``. The moment starts the clock of retention."""

    kind: Literal["received"] = "received"
    delivery_id: Id
    copies: tuple[Id, ...]
    moment: Instant
    moment_basis: MomentBasis


class Parsed(Event):
    """One file was parsed by its contract into a lossless table of strings in ``parsed``."""

    kind: Literal["parsed"] = "parsed"
    delivery_id: Id
    file: Code
    contract: Count
    rows: Count
    copy_id: Id


class Checked(Event):
    """One file was held against its suite of ``rules`` expectations. Rests on that parsed copy of ``rows`` rows.

    ``lists`` stands for the value lists that its contract names, as they were then (``ContractBook.lists_digest``).
    """

    kind: Literal["checked"] = "checked"
    delivery_id: Id
    file: Code
    copy_id: Id
    outcome: Literal["passed", "failed"]
    rules: Count
    findings: tuple[Finding, ...] = ()
    rows: Count | None = Field(default=None, exclude_if=unsaid)
    lists: Digest | None = Field(default=None, exclude_if=unsaid)


class Validated(Event):
    """A verdict on a whole delivery. Rests on the named parsed copies, each of which passed its own checks."""

    kind: Literal["validated"] = "validated"
    delivery_id: Id
    outcome: Literal["passed", "failed"]
    copies: tuple[Id, ...]
    findings: tuple[Finding, ...] = ()


class Refused(Event):
    """A delivery that may not be kept (DESIGN 14.2): its copies are erased next."""

    kind: Literal["refused"] = "refused"
    delivery_id: Id
    error: Code


class QualityNotified(Event):
    """Some notice about the quality of a delivery was drafted. Not written any more: ``NoticeDrafted`` says which."""

    kind: Literal["quality_notified"] = "quality_notified"
    delivery_id: Id
    rules: Count


class Stored(Event):
    """The typed tables of a validated delivery lie verified in ``validated``."""

    kind: Literal["stored"] = "stored"
    delivery_id: Id
    copies: tuple[Id, ...]
    rows: tuple[Count, ...]


class Amount(Part):
    """How much of what: rows left out for a reason, or the total of a column."""

    what: Code
    amount: Count


class MartBuilt(Event):
    """A mart's table of one delivery lies verified in ``marts``.

    Of the ``read`` rows of the validated tables ``left_out`` says how many don't count, and why; all others do.
    ``totals`` are those of the mart's own columns of numbers; ``waivers`` are what the delivery was let through by.
    """

    kind: Literal["mart_built"] = "mart_built"
    delivery_id: Id
    mart: Code
    copy_id: Id
    rows: Count
    read: Count | None = Field(default=None, exclude_if=unsaid)
    left_out: tuple[Amount, ...] = Field(default=(), exclude_if=unsaid)
    totals: tuple[Amount, ...] = Field(default=(), exclude_if=unsaid)
    waivers: tuple[Id, ...] = Field(default=(), exclude_if=unsaid)


class DatabaseBuilt(Event):
    """A new generation of the mart database took over; the one before it is erased next.

    ``rows``: how many rows of the marts each of ``deliveries`` has in it.
    """

    kind: Literal["database_built"] = "database_built"
    generation: Id
    copy_id: Id
    deliveries: tuple[Id, ...]
    rows: tuple[Count, ...] = Field(default=(), exclude_if=unsaid)


class Accessed(Event):
    """Somebody opened restricted data. ``actor`` is opaque; who it is, is kept elsewhere."""

    kind: Literal["accessed"] = "accessed"
    actor: Code
    purpose: Literal["onderzoek", "verantwoording", "beheer"]
    copy_id: Id


AnyEvent = Annotated[
    Announced
    | CodeEnded
    | TerritoryApproved
    | KeyCreated
    | KeyDestroyed
    | CopyRegistered
    | CopyVerified
    | CopyErased
    | Received
    | Parsed
    | Checked
    | Validated
    | Refused
    | QualityNotified
    | Stored
    | MartBuilt
    | DatabaseBuilt
    | Accessed
    | MomentMoved
    | Accepted
    | HoldSet
    | HoldLifted
    | Suspended
    | SuspensionLifted
    | Withdrawn
    | PurgePlanned
    | Tombstoned
    | Drained
    | PlaceErased
    | Inventoried
    | Attested
    | HandedOver
    | ErasureAsked
    | ErasureDeclared
    | NoticeDrafted
    | NoticeSent
    | NoticeAnswered
    | NoticeClosed
    | Waived
    | WaiverWithdrawn
    | Published
    | PublicationKept
    | PseudonymKeyed
    | SmallCountsAllowed
    | SmallCountsEnded
    | AggregatesShared
    | IncidentOpened
    | IncidentDescribed
    | IncidentNotified
    | IncidentNotTold
    | IncidentClosed
    | CircumstanceNoted
    | CircumstanceNotified
    | CircumstanceClosed
    | DossierMade
    | MomentAnswered
    | PackageErased
    | DagsterUsed
    | DagsterGone
    | ClockSet,
    Field(discriminator="kind"),
]
ADAPTER: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent, config=ConfigDict(hide_input_in_errors=True))


class Entry(BaseModel):
    """An event with its place in the log."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)
    seq: int
    at: datetime
    event: AnyEvent
