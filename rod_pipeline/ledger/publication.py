"""The events about what leaves the house: releases of published tables, and what packages rest on.

Belongs here: one frozen model per kind of event about publishing and about packages, but for the hand-over of personal
data, which is an event of ``erasure`` because its recipient is asked to erase. Does not belong here: what they add up
to (``publications``), which may follow which (``publication_rules``), doing it (``rod_pipeline.publishing``,
``rod_pipeline.packages``).

A *release* is one immutable generation of published tables: protected by disclosure control and audited, so that it is
no personal data (voorschrift 3b) and stays when a delivery that it rests on is erased (DESIGN 14.12). A *permission*
is a person's word that counts under five may go to one recipient, on a legal ground (DESIGN 14.13).
"""

from typing import Annotated, Literal

from pydantic import Field

from rod_pipeline.ledger.vocabulary import Code, Count, Digest, Event, Id, Instant, Part

Description = Literal["own_rows", "aggregates", "small_counts"]
"""What is in a package: rows of the recipient's own students with aggregates; published aggregates alone; counts of
which some are under five."""

Purpose = Literal["onderzoek", "verantwoording"]
"""What a package is for: the two purposes of voorschrift 3a."""

LegalGround = Literal["consideration_6c", "further_decision"]
"""On what ground counts under five may leave: consideration c of section 6 of the decree, or a further decision of the
minister."""


class PublishedTable(Part):
    """One published table: its rows, how many of them are hidden, and the digest of its content."""

    name: Code
    rows: Count
    hidden: Count
    sha256: Digest


class Published(Event):
    """A release lies verified in ``published``. ``deliveries`` are those that its figures rest on.

    ``audited`` is the digest of all printed cells, as the audit that found them safe had them before it; ``policy`` the
    version of the policy that they were protected by.
    """

    kind: Literal["published"] = "published"
    release: Id
    copies: tuple[Id, ...]
    deliveries: tuple[Id, ...]
    tables: Annotated[tuple[PublishedTable, ...], Field(min_length=1)]
    policy: Code
    audited: Digest


class PublicationKept(Event):
    """A delivery was erased; a release that rests on it stays, because it is no personal data (DESIGN 14.12)."""

    kind: Literal["publication_kept"] = "publication_kept"
    purge_id: Id
    release: Id


class PseudonymKeyed(Event):
    """``scope`` has the key by which pseudonyms are replaced in the packages of one recipient."""

    kind: Literal["pseudonym_keyed"] = "pseudonym_keyed"
    recipient: Code
    scope: Id


class SmallCountsAllowed(Event):
    """Counts under five may go to this recipient up to ``until``; ``reference`` names the document of the ground."""

    kind: Literal["small_counts_allowed"] = "small_counts_allowed"
    permission: Id
    recipient: Code
    ground: LegalGround
    reference: Code
    until: Instant
    actor: Code


class SmallCountsEnded(Event):
    """A permission ended before its date."""

    kind: Literal["small_counts_ended"] = "small_counts_ended"
    permission: Id
    actor: Code


class AggregatesShared(Event):
    """A package of the published class left the house: no personal data, so nobody is asked to erase it.

    ``sha256`` and ``size`` are of the encrypted file.
    """

    kind: Literal["aggregates_shared"] = "aggregates_shared"
    package_id: Id
    release: Id
    recipient: Code
    purpose: Purpose
    sha256: Digest
    size: Count
    actor: Code
