"""The events of retention: terms, holds, withdrawal, and the purge from its plan to its certificate.

Belongs here: one frozen model per kind of event that is about keeping or erasing. Does not belong here: what they add
up to (``purges``), which may follow which (``erasure_rules``), doing it (``retention``).

A *purge* takes one or more deliveries through plan, tombstone, drain, erasure, second inventory, late sweep and
attestation. A *place* is a class of copies (DESIGN, 10); all of them together are the copy register. The grounds and
the order of the steps are those of the decree (3j, section 5) and of DIN 66398: rule, execution, proof.
"""

from typing import Literal

from pydantic import Field

from rod_pipeline.ledger.publication import Description
from rod_pipeline.ledger.vocabulary import Code, Count, Digest, Event, Id, Instant, Key, MomentBasis, Part, unsaid

Ground = Literal["term", "withdrawal", "superseded", "order", "restored"]
"""Why something is erased: its term ends, the decree was withdrawn, a correction took its place, an order, or it came
back from a backup after it had been erased."""

Place = Literal[
    "keys", "objects", "secrets", "mart_database", "scratch", "reports", "dagster", "packages", "processor", "backups"
]
"""Every class of copies, in the order in which they are erased: keys first."""

OUTSIDE: frozenset[Place] = frozenset({"packages", "processor", "backups"})
"""Places that others look after: what is left there is asked for, or ends at a date."""

Method = Literal["key_destroyed", "all_versions_deleted", "rebuilt_and_deleted", "file_deleted", "asked", "expires"]
What = Literal[
    "versions", "markers", "uploads", "copies", "keys", "files", "generations", "runs", "partitions", "hand_overs",
    "declarations", "backups",
]  # fmt: skip
Outcome = Literal["VOLLEDIG", "ONVOLLEDIG", "TE_LAAT"]


class MomentMoved(Event):
    """An earlier moment of provision became known. A moment never moves later (DESIGN, 14.6)."""

    kind: Literal["moment_moved"] = "moment_moved"
    delivery_id: Id
    moment: Instant
    moment_basis: MomentBasis


class Accepted(Event):
    """A person accepted a correction: it takes the place of an earlier delivery, which is erased at once."""

    kind: Literal["accepted"] = "accepted"
    key: Key
    supersedes: Key
    actor: Code


class HoldSet(Event):
    """A delivery may not be erased for now: on whose order, until when; set by one person, approved by another.

    A hold delays an erasure up to the end of the term. Only an order (``beyond_term``) keeps a delivery longer, in full
    view: it then is overdue.
    """

    kind: Literal["hold_set"] = "hold_set"
    hold_id: Id
    key: Key
    order: Code
    until: Instant
    beyond_term: bool
    set_by: Code
    approved_by: Code


class HoldLifted(Event):
    """A hold ended before its date."""

    kind: Literal["hold_lifted"] = "hold_lifted"
    hold_id: Id
    actor: Code


class Suspended(Event):
    """The minister announced that the decree may be withdrawn: until the end of the repair term nothing comes in."""

    kind: Literal["suspended"] = "suspended"
    order: Code
    until: Instant


class SuspensionLifted(Event):
    """The conditions are kept again: provisions go on."""

    kind: Literal["suspension_lifted"] = "suspension_lifted"
    order: Code


class Withdrawn(Event):
    """The decree was withdrawn: everything is erased at once, nothing comes in any more."""

    kind: Literal["withdrawn"] = "withdrawn"
    order: Code
    actor: Code


class Subject(Part):
    """One delivery of a purge: all its intakes, and until when it might have been kept (None: nothing ever came)."""

    key: Key
    intakes: tuple[Id, ...]
    moment: Instant | None = None
    moment_basis: MomentBasis | None = None
    deadline: Instant | None = None


class PurgePlanned(Event):
    """What is to be erased and why. ``plan`` is the digest that a person repeats to have it carried out.

    ``clock_offset`` is this machine's clock less the store's, in seconds; None when the ground doesn't need a clock.
    """

    kind: Literal["purge_planned"] = "purge_planned"
    purge_id: Id
    ground: Ground
    subjects: tuple[Subject, ...]
    plan: Digest
    order: Code | None = None
    clock_offset: int | None = None
    actor: Code


class Tombstoned(Event):
    """From here on the delivery can't be read, written or rebuilt any more, for ever."""

    kind: Literal["tombstoned"] = "tombstoned"
    purge_id: Id
    key: Key


class Drained(Event):
    """Nobody is working on the deliveries of the purge any more."""

    kind: Literal["drained"] = "drained"
    purge_id: Id


class Counted(Part):
    """How many of what."""

    what: What
    n: Count


class PlaceErased(Event):
    """One place was emptied of one delivery; ``counts`` is what had been found there."""

    kind: Literal["place_erased"] = "place_erased"
    purge_id: Id
    key: Key
    place: Place
    method: Method
    counts: tuple[Counted, ...]


class PlaceLeft(Part):
    """What an inventory found in one place. ``until``: when that ends by itself, as in backups."""

    place: Place
    counts: tuple[Counted, ...] = ()
    until: Instant | None = None

    @property
    def left(self) -> int:
        """How many things there are."""
        return sum(counted.n for counted in self.counts)

    @property
    def in_house(self) -> bool:
        """Whether emptying this place is up to us."""
        return self.place not in OUTSIDE


class Inventoried(Event):
    """A complete inventory of every place after the erasure. A place that can't be asked makes no inventory at all."""

    kind: Literal["inventoried"] = "inventoried"
    purge_id: Id
    key: Key
    round: Literal["second", "late"]
    places: tuple[PlaceLeft, ...]


class Attested(Event):
    """The evidence of a purge was drawn up: ``record`` is the digest of the canonical record (``vernietiging/v1``).

    The record isn't kept: it follows from the entries before this one, and from ``software`` (the version that drew it
    up) and ``rules`` (the digest of the decree as data), which stand here so that it can be drawn up again for ever.
    """

    kind: Literal["attested"] = "attested"
    purge_id: Id
    serial: Count
    outcome: Outcome
    record: Digest
    software: Code | None = None
    rules: Digest | None = None


class HandedOver(Event):
    """A package with personal data left the house. Who ``recipient`` is, is kept elsewhere.

    ``release``: the published tables that it has figures from; ``permission``: by which it holds counts under five;
    ``sha256`` and ``size`` are of the encrypted file. A package that was made elsewhere has none of these.
    """

    kind: Literal["handed_over"] = "handed_over"
    package_id: Id
    keys: tuple[Key, ...]
    recipient: Code
    purpose: Literal["onderzoek", "verantwoording"]
    until: Instant
    actor: Code
    description: Description | None = Field(default=None, exclude_if=unsaid)
    release: Id | None = Field(default=None, exclude_if=unsaid)
    permission: Id | None = Field(default=None, exclude_if=unsaid)
    sha256: Digest | None = Field(default=None, exclude_if=unsaid)
    size: Count | None = Field(default=None, exclude_if=unsaid)


class ErasureAsked(Event):
    """A recipient or the processor was asked to erase; ``package_id`` is None for the processor."""

    kind: Literal["erasure_asked"] = "erasure_asked"
    purge_id: Id
    party: Literal["recipient", "processor"]
    package_id: Id | None = None


class ErasureDeclared(Event):
    """A recipient or the processor declared in writing that it erased, and when. ``reference`` names their letter."""

    kind: Literal["erasure_declared"] = "erasure_declared"
    purge_id: Id
    party: Literal["recipient", "processor"]
    package_id: Id | None = None
    reference: Code
    erased_at: Instant
    actor: Code


class PackageErased(Event):
    """The recipient of a package declared that it erased it, or handed it back, before any purge asked for that."""

    kind: Literal["package_erased"] = "package_erased"
    package_id: Id
    reference: Code
    erased_at: Instant
    actor: Code


class DagsterUsed(Event):
    """Dagster works on deliveries with this storage, which therefore is looked through at each purge from here on.

    ``storage`` stands for the id that Dagster gave it when it was made, wherever it is mounted or reached.
    """

    kind: Literal["dagster_used"] = "dagster_used"
    storage: Id


class DagsterGone(Event):
    """A person says that a storage of Dagster exists no more, so that nobody can look through it any more."""

    kind: Literal["dagster_gone"] = "dagster_gone"
    storage: Id
    actor: Code
