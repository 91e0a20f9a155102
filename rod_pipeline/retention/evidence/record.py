"""The evidence record of a purge: a closed schema without a single free string (``vernietiging/v1``).

Belongs here: what a record can say, its canonical bytes and its digest. Does not belong here: how it follows from the
ledger (``building``), how it is shown to people (``certificate``) or handed over (``bundle``).

The groups of fields are those that NIST SP 800-88 (appendix G), the Archiefbesluit's *verklaring van vernietiging*
(specification, ground, manner) and the AVG's duty to account ask for. The record ends up in a locked store from which
nothing can be erased, so it can hold no personal data: ids, codes, counts, instants and pattern-bound references only,
totals per delivery, names of columns but never a value, roles but never a person, and no digest of data or ciphertext.
What a reader sees in words (Dutch) is fixed per code in ``words``.
"""

from hashlib import sha256
from typing import Annotated, Literal

import rfc8785
from pydantic import Field, StringConstraints

from rod_pipeline.contracts.model import FileKind, Name
from rod_pipeline.ledger.erasure import Counted, Method, Outcome, Place
from rod_pipeline.ledger.vocabulary import (
    Channel,
    Code,
    Count,
    Country,
    Digest,
    Host,
    Id,
    Instant,
    Key,
    MomentBasis,
    Part,
)

SCHEMA: Literal["vernietiging/v1"] = "vernietiging/v1"

RecordId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}-[1-9][0-9]{0,5}$")]
Origin = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9./-]{0,99}$")]
Reference = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}$")]
Article = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,2}[a-z]?$")]
Year = Annotated[int, Field(ge=2000, le=2200)]

Reason = Literal["termijn_verstreken", "intrekking", "vervangen", "bevel", "hervernietiging_na_herstel"]
ProcessorStatus = Literal["verklaard", "uitstaand", "geen_kopie"]
Category = Literal["purge-CE", "clear"]
"""What NIST SP 800-88 calls what was done. ``destroy`` is never claimed: nobody shredded the provider's disks."""

Limit = Literal[
    "alleen_kopieregister",
    "geen_fysieke_vernietiging",
    "zelfde_installatie",
    "eigen_klok",
    "plaats_zoals_opgegeven",
    "plaats_lokaal_verklaard",
    "sleutelkopieen",
    "moment_onzeker",
    "verklaring_van_derden",
    "derden_uitstaand",
    "back_ups_lopen_af",
    "opslag_weg_verklaard",
    "klok_liep_voor",
]
"""What the record does not prove. Each code has one fixed sentence (``words``)."""


class FileFields(Part):
    """The field categories of one kind of file: our names of its columns, by version of its contract."""

    file: FileKind
    contract: Count
    fields: tuple[Name, ...]


class FileRead(Part):
    """A file of a delivery and the contract that it was read by."""

    file: FileKind
    contract: Count


class DeliveryErased(Part):
    """What was erased: one delivery with all its intakes.

    ``school_years`` are the first and the last that the decree allows in it, by the calendar year in which they begin.
    ``rows`` and ``bytes`` are totals over all intakes: of the tables, and of the sealed files as they were received.
    ``gone_at`` is when the last copy was gone, None while one is left; either ``days_before`` or ``days_late`` tells
    how far that was from the deadline, and neither when nothing ever came. While a copy is left, ``days_late`` counts
    up to the newest inventory.
    """

    key: Key
    intakes: tuple[Id, ...]
    sources: tuple[Channel, ...]
    school_years: tuple[Year, Year]
    files: tuple[FileRead, ...]
    rows: Count
    bytes: Count
    copies: Count
    moment: Instant | None
    moment_basis: MomentBasis | None
    deadline: Instant | None
    tombstoned_at: Instant
    gone_at: Instant | None
    days_before: Count | None
    days_late: Count | None


class HoldRecord(Part):
    """A hold that once lay on one of the deliveries."""

    hold_id: Id
    key: Key
    order: Code
    set_at: Instant
    until: Instant
    lifted_at: Instant | None
    beyond_term: bool


class GroundRecord(Part):
    """Why it was erased. ``rules`` is the digest of the decree as data; ``order`` names the letter, if one is needed.

    ``successors`` are the corrections that took the place of what was erased.
    """

    decree: Reference
    article: Article
    rules: Digest | None
    reason: Reason
    order: Code | None
    successors: tuple[Key, ...]
    earlier_purges: tuple[Id, ...]
    holds: tuple[HoldRecord, ...]


class TimeRecord(Part):
    """When each step was done; ``clock_offset`` is our clock less the store's, in seconds, when it was compared."""

    planned_at: Instant
    tombstoned_at: Instant
    drained_at: Instant
    erased_at: Instant
    verified_at: Instant | None
    swept_at: Instant
    clock_offset: Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)] | None


class StoreSeen(Part):
    """Where copies lay, as the territory guard observed it."""

    store: Code
    host: Host
    region: Code
    country: Country
    basis: Literal["eea", "adequacy", "local_declaration"]


class PlaceRecord(Part):
    """One place of the copy register: how it was emptied of all deliveries together, and what two inventories found.

    ``erased`` is what had been found there; of a place that others look after, that is all it says. Each delivery
    counts by itself, so what is shared by two counts twice.
    """

    place: Place
    method: Method
    erased: tuple[Counted, ...]
    second: tuple[Counted, ...]
    late: tuple[Counted, ...]


class ScopeKey(Part):
    """The key of an intake or of a mart generation. ``from_first_byte``: it existed before the first copy."""

    scope: Id
    keyring: Literal["local", "openbao"]
    from_first_byte: bool
    destroyed_at: Instant | None


class KeysRecord(Part):
    """All keys. ``statement`` is the version of the description of how keys are made, kept and destroyed."""

    statement: Literal["sleutels/v1"] = "sleutels/v1"
    keys: tuple[ScopeKey, ...]


class CheckRecord(Part):
    """Who looked and how; what they found stands with each place."""

    method: Literal["volledige_herinventarisatie"] = "volledige_herinventarisatie"
    eraser: Literal["wisser"] = "wisser"
    verifier: Literal["controleur"] = "controleur"
    signer: Literal["notaris"] = "notaris"


class Declared(Part):
    """A party declared in writing that it erased; ``reference`` names its letter."""

    reference: Code
    erased_at: Instant
    recorded_at: Instant


class PackageRecord(Part):
    """A package with personal data that had left the house."""

    package_id: Id
    keys: tuple[Key, ...]
    purpose: Literal["onderzoek", "verantwoording"]
    handed_over_at: Instant
    until: Instant
    asked_at: Instant | None
    status: Literal["verklaard", "uitstaand"]
    declared: Declared | None


class ProcessorRecord(Part):
    """The processor of the decree, who erases under the same conditions (3f, section 5)."""

    asked_at: Instant | None
    status: ProcessorStatus
    declared: Declared | None


class Remaining(Part):
    """What the newest inventory still found. ``until``: when that ends by itself."""

    key: Key
    place: Place
    counts: tuple[Counted, ...]
    found_at: Instant
    until: Instant | None


class Record(Part):
    """The evidence of one purge. A later record of the same purge has the next serial and names the one before."""

    schema_: Annotated[Literal["vernietiging/v1"], Field(alias="schema")] = SCHEMA
    record_id: RecordId
    purge_id: Id
    serial: Annotated[int, Field(ge=1, le=999_999)]
    previous: RecordId | None
    origin: Origin
    simulation: bool
    software: Code | None
    deliveries: Annotated[tuple[DeliveryErased, ...], Field(min_length=1)]
    fields: tuple[FileFields, ...]
    ground: GroundRecord
    time: TimeRecord
    stores: tuple[StoreSeen, ...]
    places: tuple[PlaceRecord, ...]
    category: Category
    keys: KeysRecord
    check: CheckRecord
    packages: tuple[PackageRecord, ...]
    processor: ProcessorRecord
    outcome: Outcome
    late: bool
    remaining: tuple[Remaining, ...]
    limits: tuple[Limit, ...]

    def canonical(self) -> bytes:
        """The record as it is digested and handed over: RFC 8785."""
        return rfc8785.dumps(self.model_dump(mode="json", by_alias=True))

    def digest(self) -> str:
        """SHA-256 of the canonical bytes; it stands in the ledger."""
        return sha256(self.canonical()).hexdigest()


def schema() -> bytes:
    """The JSON Schema of a record (draft 2020-12), canonical."""
    described = Record.model_json_schema(by_alias=True, mode="serialization")
    return rfc8785.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **described})
