"""What the events add up to: a pure fold over the log.

Belongs here: the shape of the state and how each event changes it. Does not belong here: which event may follow
(``rules``), storage (``log``). There is no second source of truth: whatever another part wants to know about a
delivery, it asks this state.

States are never changed in place: ``fold`` returns a new one, which shares with the old what stayed the same, so that
an entry costs the same however long the ledger is. Mappings are read-only, in the order in which their keys came up.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, assert_never

from rod_pipeline.ledger.clocks import ClockSet, to_the_safe_side
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
    PackageErased,
    PlaceErased,
    PurgePlanned,
    Suspended,
    SuspensionLifted,
    Tombstoned,
    Withdrawn,
)
from rod_pipeline.ledger.events import (
    Accessed,
    Announced,
    CopyErased,
    CopyRegistered,
    CopyVerified,
    DatabaseBuilt,
    Entry,
    KeyCreated,
    KeyDestroyed,
    TerritoryApproved,
)
from rod_pipeline.ledger.findings import NoticeState, WaiverState, advanced_notice, waiver_for
from rod_pipeline.ledger.growing import GrowingMap
from rod_pipeline.ledger.intakes import CopyState, IntakeState, Stage, advanced_intake
from rod_pipeline.ledger.moments import MomentAnswered
from rod_pipeline.ledger.overseen import Oversight, advanced_oversight
from rod_pipeline.ledger.oversight import OversightEvent
from rod_pipeline.ledger.publication import (
    AggregatesShared,
    PseudonymKeyed,
    PublicationKept,
    Published,
    SmallCountsAllowed,
    SmallCountsEnded,
)
from rod_pipeline.ledger.publications import PermissionState, ReleaseState, SharedState
from rod_pipeline.ledger.purges import HOLD_AT_MOST, HandoverState, HoldState, PurgeState, Standing, Tombstone, advanced
from rod_pipeline.ledger.quality import (
    NoticeAnswered,
    NoticeClosed,
    NoticeDrafted,
    NoticeSent,
    Waived,
    WaiverWithdrawn,
)
from rod_pipeline.ledger.vocabulary import MomentBasis

__all__ = [
    "CopyState",
    "GenerationState",
    "IntakeState",
    "LedgerState",
    "PlaceState",
    "Stage",
    "fold",
]


@dataclass(frozen=True, slots=True)
class GenerationState:
    """One generation of the mart database and the deliveries in it, with the rows that each has in it."""

    generation: str
    copy_id: str
    deliveries: tuple[str, ...]
    built_at: datetime
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PlaceState:
    """The newest proof of where a store is."""

    approval: TerritoryApproved
    approved_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerState:
    """Everything the ledger knows after entry ``seq``.

    ``deliveries`` maps a delivery's key to its current (newest) intake, ``intakes`` an id to any intake, ``scopes``
    a scope to the ids of its copies, ``keys`` a scope to the state of its key, ``keyrings`` a scope to where its
    key was made, ``territory`` a store to its newest approval. ``generation`` is the mart database in force, or
    None when there is none or its data is gone or going; ``generations`` are all that ever were. ``tombstones``
    maps a delivery's key to its tombstone, ``purges``, ``holds`` and ``handovers`` an id to what became of it;
    ``notices`` maps the reference of a notice, ``waivers`` an id to what became of it. ``releases``,
    ``permissions`` and ``shared`` map an id to what was published, allowed, and handed over without personal data;
    ``pseudonyms`` a scope to the recipient whose pseudonyms its key makes. ``oversight`` holds incidents, changed
    circumstances and dossiers; ``moments`` maps a moment of the decree to the newest answer about it;
    ``dagsters`` a storage of Dagster to whether it is still there, for all that is known. ``standing`` is None while
    the decree stands.
    """

    seq: int = 0
    at: datetime | None = None
    deliveries: GrowingMap[IntakeState] = field(default_factory=GrowingMap)
    intakes: GrowingMap[IntakeState] = field(default_factory=GrowingMap)
    copies: GrowingMap[CopyState] = field(default_factory=GrowingMap)
    scopes: GrowingMap[tuple[str, ...]] = field(default_factory=GrowingMap)
    keys: GrowingMap[Literal["live", "destroyed"]] = field(default_factory=GrowingMap)
    keyrings: GrowingMap[str] = field(default_factory=GrowingMap)
    generation: GenerationState | None = None
    generations: GrowingMap[GenerationState] = field(default_factory=GrowingMap)
    territory: GrowingMap[PlaceState] = field(default_factory=GrowingMap)
    tombstones: GrowingMap[Tombstone] = field(default_factory=GrowingMap)
    purges: GrowingMap[PurgeState] = field(default_factory=GrowingMap)
    holds: GrowingMap[HoldState] = field(default_factory=GrowingMap)
    handovers: GrowingMap[HandoverState] = field(default_factory=GrowingMap)
    notices: GrowingMap[NoticeState] = field(default_factory=GrowingMap)
    waivers: GrowingMap[WaiverState] = field(default_factory=GrowingMap)
    releases: GrowingMap[ReleaseState] = field(default_factory=GrowingMap)
    permissions: GrowingMap[PermissionState] = field(default_factory=GrowingMap)
    shared: GrowingMap[SharedState] = field(default_factory=GrowingMap)
    pseudonyms: GrowingMap[str] = field(default_factory=GrowingMap)
    oversight: Oversight = field(default_factory=Oversight)
    moments: GrowingMap[MomentAnswered] = field(default_factory=GrowingMap)
    dagsters: GrowingMap[bool] = field(default_factory=GrowingMap)
    standing: Standing | None = None

    @property
    def lasting(self) -> frozenset[str]:
        """The scopes of no delivery that no rebuilt mart database replaces: releases, and keys of pseudonyms."""
        return frozenset((*self.releases, *self.pseudonyms))

    def pseudonym_scope(self, recipient: str) -> str | None:
        """The scope of the living key by which a recipient's pseudonyms are made; None when there is none."""
        scopes = [scope for scope, whose in self.pseudonyms.items() if whose == recipient]
        return next((scope for scope in scopes if self.keys.get(scope) == "live"), None)

    def live_copies(self, scope: str) -> tuple[CopyState, ...]:
        """The copies of a scope that are not known to be erased, in the order of their registration."""
        return tuple(copy for copy in self.copies_of(scope) if copy.status != "erased")

    def copies_of(self, scope: str) -> tuple[CopyState, ...]:
        """All copies of a scope, the erased ones too, in the order of their registration."""
        return tuple(self.copies[copy_id] for copy_id in self.scopes.get(scope, ()))

    def intakes_of(self, key: str) -> tuple[IntakeState, ...]:
        """Every intake of a delivery, the refused and replaced ones too, in the order of their announcement."""
        return tuple(intake for intake in self.intakes.values() if intake.key == key)

    def provided(self, key: str) -> tuple[datetime, MomentBasis] | None:
        """The earliest known moment of provision of a delivery, and how it is known; None while nothing of it came.

        A file that began to come in counts, also when that broke off or its intake was replaced.
        """
        known: list[tuple[datetime, MomentBasis]] = []
        for intake in self.intakes_of(key):
            if intake.moment is not None and intake.moment_basis is not None:
                known.append((intake.moment, intake.moment_basis))
            basis: MomentBasis = "first_download" if intake.channel == "pleio" else "ingestion"
            landed = (copy for copy in self.copies_of(intake.delivery_id) if copy.zone == "landing")
            known += [(copy.registered_at, basis) for copy in landed]
        return min(known, key=lambda one: one[0], default=None)

    def notices_of(self, delivery_id: str) -> tuple[NoticeState, ...]:
        """Every notice about one intake, the closed ones too, in the order of their first drafts."""
        return tuple(notice for notice in self.notices.values() if notice.draft.delivery_id == delivery_id)

    def next_notice(self, key: str) -> str:
        """The reference that a new notice about a delivery gets."""
        return f"{key}-m{1 + sum(notice.key == key for notice in self.notices.values())}"

    def waivers_of(self, delivery_id: str) -> tuple[WaiverState, ...]:
        """Every waiver of one intake, the ended ones too, in the order in which they were given."""
        return tuple(waiver for waiver in self.waivers.values() if waiver.waived.delivery_id == delivery_id)

    def excuses(self, intake: IntakeState, at: datetime) -> tuple[WaiverState, ...]:
        """The waivers that let an intake through at ``at``: one for each of its blocking findings that has any."""
        waivers = self.waivers_of(intake.delivery_id)
        found = [waiver_for(finding, waivers, at) for finding in intake.findings if finding.severity == "blocking"]
        return tuple(dict.fromkeys(waiver for waiver in found if waiver is not None))

    def asking_for(self, package_id: str) -> tuple[PurgeState, ...]:
        """The purges that asked the recipient of a package to erase it, and have no answer."""
        about = ("recipient", package_id)
        return tuple(one for one in self.purges.values() if one.asked_of(*about) and not one.declared_by(*about))

    def tombstone_of(self, scope: str) -> Tombstone | None:
        """The tombstone that a scope lies under: of its delivery, or of the first one in a mart generation."""
        if (intake := self.intakes.get(scope)) is not None:
            return intake.tombstone
        generation = self.generations.get(scope)
        for delivery in generation.deliveries if generation else ():
            if (tombstone := self.intakes[delivery].tombstone) is not None:
                return tombstone
        return None


def fold(state: LedgerState, *entries: Entry) -> LedgerState:
    """The state after ``entries``, which follow ``state`` in the log. Trusts that ``rules`` let them in."""
    draft = _Draft(state)
    for entry in entries:
        draft.apply(entry)
    return draft.finished()


class _Draft:
    """A state in the making; its attributes are those of ``LedgerState``."""

    def __init__(self, state: LedgerState) -> None:
        self.seq, self.at = state.seq, state.at
        self.deliveries, self.intakes = state.deliveries, state.intakes
        self.copies, self.scopes = state.copies, state.scopes
        self.keys, self.keyrings = state.keys, state.keyrings
        self.generation, self.generations = state.generation, state.generations
        self.territory = state.territory
        self.tombstones = state.tombstones
        self.purges = state.purges
        self.holds = state.holds
        self.handovers = state.handovers
        self.notices = state.notices
        self.waivers = state.waivers
        self.releases, self.permissions = state.releases, state.permissions
        self.shared, self.pseudonyms = state.shared, state.pseudonyms
        self.oversight = state.oversight
        self.moments = state.moments
        self.dagsters = state.dagsters
        self.standing = state.standing

    def finished(self) -> LedgerState:
        return LedgerState(**vars(self))

    def apply(self, entry: Entry) -> None:
        self.seq, self.at = entry.seq, entry.at
        match entry.event:
            case Announced() as event:
                self._announced(event, entry.at)
            case TerritoryApproved() as event:
                self.territory = self.territory.with_(event.store, PlaceState(event, entry.at))
            case KeyCreated() as event:
                self.keys = self.keys.with_(event.scope, "live")
                self.keyrings = self.keyrings.with_(event.scope, event.keyring)
            case KeyDestroyed() as event:
                self.keys = self.keys.with_(event.scope, "destroyed")
                self._drop_lost_generation()
            case CopyRegistered() | CopyVerified() | CopyErased() as event:
                self._copy(event, entry.at)
            case DatabaseBuilt() as event:
                self.generation = GenerationState(
                    event.generation, event.copy_id, event.deliveries, entry.at, event.rows
                )
                self.generations = self.generations.with_(event.generation, self.generation)
            case Accessed():
                pass
            case Accepted() as event:
                self._keep(replace(self.deliveries[event.supersedes], corrected_by=event.key))
            case HoldSet() as event:
                self.holds = self.holds.with_(event.hold_id, HoldState(event, entry.at))
            case HoldLifted() as event:
                self.holds = self.holds.with_(event.hold_id, replace(self.holds[event.hold_id], lifted_at=entry.at))
            case HandedOver() as event:
                self.handovers = self.handovers.with_(event.package_id, HandoverState(event, entry.at))
            case PackageErased() as event:
                told = replace(self.handovers[event.package_id], erased=event, told_at=entry.at)
                self.handovers = self.handovers.with_(event.package_id, told)
            case Suspended() | SuspensionLifted() | Withdrawn() as event:
                self._stand(event, entry.at)
            case PurgePlanned() as event:
                self.purges = self.purges.with_(event.purge_id, PurgeState(event, entry.at))
            case (
                Tombstoned()
                | Drained()
                | PlaceErased()
                | Inventoried()
                | Attested()
                | ErasureAsked()
                | ErasureDeclared()
            ) as event:
                self.purges = self.purges.with_(event.purge_id, advanced(self.purges[event.purge_id], event, entry.at))
                if isinstance(event, Tombstoned):
                    self._tombstone(event, entry.at)
            case NoticeDrafted() | NoticeSent() | NoticeAnswered() | NoticeClosed() as event:
                self._notice(event, entry.at)
            case Waived() as event:
                self.waivers = self.waivers.with_(event.waiver_id, WaiverState(event, entry.at))
            case WaiverWithdrawn() as event:
                ended = replace(self.waivers[event.waiver_id], withdrawn_at=entry.at)
                self.waivers = self.waivers.with_(event.waiver_id, ended)
            case Published() | PublicationKept() | PseudonymKeyed() as event:
                self._publication(event, entry.at)
            case SmallCountsAllowed() as event:
                self.permissions = self.permissions.with_(event.permission, PermissionState(event, entry.at))
            case SmallCountsEnded() as event:
                over = replace(self.permissions[event.permission], ended_at=entry.at)
                self.permissions = self.permissions.with_(event.permission, over)
            case OversightEvent() as event:
                self.oversight = advanced_oversight(self.oversight, event, entry.at)
            case MomentAnswered() as event:
                self.moments = self.moments.with_(event.moment, event)
            case DagsterUsed() | DagsterGone() as event:
                self.dagsters = self.dagsters.with_(event.storage, isinstance(event, DagsterUsed))
            case ClockSet() as event:
                self._clock_set(event, entry.at)
            case AggregatesShared() as event:
                self.shared = self.shared.with_(event.package_id, SharedState(event, entry.at))
            case event:
                self._keep(advanced_intake(self.intakes[event.delivery_id], event, entry.at, self.copies))

    def _keep(self, intake: IntakeState) -> None:
        """Another state of an intake, which may be the newest of its delivery."""
        self.intakes = self.intakes.with_(intake.delivery_id, intake)
        newest = self.deliveries.get(intake.key)
        if newest is not None and newest.delivery_id == intake.delivery_id:
            self.deliveries = self.deliveries.with_(intake.key, intake)

    def _clock_set(self, event: ClockSet, at: datetime) -> None:
        for name, known in vars(self).items():
            setattr(self, name, to_the_safe_side(known, at, event.right_until))
        for hold_id, hold in self.holds.items():
            until = min(hold.hold.until, at + HOLD_AT_MOST)
            self.holds = self.holds.with_(hold_id, replace(hold, hold=hold.hold.model_copy(update={"until": until})))

    def _notice(self, event: NoticeDrafted | NoticeSent | NoticeAnswered | NoticeClosed, at: datetime) -> None:
        if isinstance(event, NoticeDrafted) and event.notice not in self.notices:
            intake = self.intakes[event.delivery_id]
            self.notices = self.notices.with_(event.notice, NoticeState(intake.key, event, at))
        else:
            notice = advanced_notice(self.notices[event.notice], event, at)
            self.notices = self.notices.with_(event.notice, notice)
        # What can't be read is nothing to decide about yet: that begins with the first finding.
        if isinstance(event, NoticeDrafted) and (event.findings or event.refused is not None):
            intake = self.intakes[event.delivery_id]
            self._keep(replace(intake, notified_at=intake.notified_at or at))

    def _publication(self, event: Published | PublicationKept | PseudonymKeyed, at: datetime) -> None:
        match event:
            case Published():
                self.releases = self.releases.with_(event.release, ReleaseState(event, at))
            case PublicationKept():
                kept = self.releases[event.release]
                kept = replace(kept, kept_by=(*kept.kept_by, event.purge_id))
                self.releases = self.releases.with_(event.release, kept)
            case PseudonymKeyed():
                self.pseudonyms = self.pseudonyms.with_(event.scope, event.recipient)
            case _:
                assert_never(event)

    def _announced(self, event: Announced, at: datetime) -> None:
        if (earlier := self.deliveries.get(event.key)) is not None:
            self._keep(replace(earlier, superseded=True))
        intake = IntakeState(
            delivery_id=event.delivery_id,
            key=event.key,
            channel=event.channel,
            files=event.files,
            announced_at=at,
            moment=event.moment,
            moment_basis=event.moment_basis,
            code="awaiting" if event.channel == "pleio" else "none",
        )
        self.intakes = self.intakes.with_(intake.delivery_id, intake)
        self.deliveries = self.deliveries.with_(intake.key, intake)

    def _tombstone(self, event: Tombstoned, at: datetime) -> None:
        """The first one stands; a purge after a restore finds it there."""
        ground = self.purges[event.purge_id].plan.ground
        stone = self.tombstones.get(event.key) or Tombstone(event.key, event.purge_id, at, ground)
        self.tombstones = self.tombstones.with_(event.key, stone)
        for intake in self.intakes.values():
            if intake.key == event.key and intake.tombstone is None:
                self._keep(replace(intake, tombstone=stone))
        self._drop_lost_generation()

    def _stand(self, event: Suspended | SuspensionLifted | Withdrawn, at: datetime) -> None:
        match event:
            case Suspended():
                self.standing = Standing("suspended", event.order, at, event.until)
            case SuspensionLifted():
                self.standing = None
            case Withdrawn():
                self.standing = Standing("withdrawn", event.order, at)
            case _:
                assert_never(event)

    def _copy(self, event: CopyRegistered | CopyVerified | CopyErased, at: datetime) -> None:
        match event:
            case CopyRegistered():
                copy = CopyState(event.copy_id, event.scope, event.zone, event.name, event.store, event.object_key, at)
                self.copies = self.copies.with_(copy.copy_id, copy)
                self.scopes = self.scopes.with_(copy.scope, (*self.scopes.get(copy.scope, ()), copy.copy_id))
            case CopyVerified():
                copy = replace(self.copies[event.copy_id], status="verified", size=event.size, sha256=event.sha256)
                self.copies = self.copies.with_(copy.copy_id, copy)
            case CopyErased():
                copy = replace(self.copies[event.copy_id], status="erased")
                self.copies = self.copies.with_(copy.copy_id, copy)
                self._drop_lost_generation()
            case _:
                assert_never(event)

    def _drop_lost_generation(self) -> None:
        if (now := self.generation) is not None and (
            self.keys.get(now.generation) == "destroyed"
            or self.copies[now.copy_id].status == "erased"
            or any(self.intakes[delivery].tombstone for delivery in now.deliveries)
        ):
            self.generation = None
