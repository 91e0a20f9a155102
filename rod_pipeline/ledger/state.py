"""What the events add up to: a pure fold over the log.

Belongs here: the shape of the state and how each event changes it. Does not belong here: which event may follow
(``rules``), storage (``log``). There is no second source of truth: whatever another part wants to know about a
delivery, it asks this state.

States are never changed in place: ``fold`` returns a new one, which shares with the old what stayed the same, so that
an entry costs the same however long the ledger is. Mappings are read-only, in the order in which their keys came up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, assert_never

from rod_pipeline.ledger.erasure import (
    Accepted,
    Attested,
    Drained,
    ErasureAsked,
    ErasureDeclared,
    HandedOver,
    HoldLifted,
    HoldSet,
    Inventoried,
    MomentMoved,
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
    Checked,
    CodeEnded,
    CopyErased,
    CopyRegistered,
    CopyVerified,
    DatabaseBuilt,
    Entry,
    KeyCreated,
    KeyDestroyed,
    MartBuilt,
    Parsed,
    QualityNotified,
    Received,
    Refused,
    Stored,
    TerritoryApproved,
    Validated,
)
from rod_pipeline.ledger.growing import GrowingMap
from rod_pipeline.ledger.purges import HandoverState, HoldState, PurgeState, Standing, Tombstone, advanced
from rod_pipeline.ledger.vocabulary import Channel, MomentBasis, Zone

Stage = Literal[
    "announced", "waiting_for_code", "received", "failed", "validated", "stored", "refused", "superseded", "tombstoned"
]


def _empty() -> MappingProxyType[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class IntakeState:
    """One intake of a delivery.

    ``code`` is ``none`` for a manual drop, ``awaiting`` while the secret store may hold the access code, and
    ``ended:<reason>`` after that. ``raw`` are the copies of the received files; ``parsed`` maps a file to its newest
    table of strings, ``checks`` to how that very table came out; ``tables`` and ``rows`` map a file to its typed
    table's copy and number of rows; ``marts`` maps a mart to this delivery's newest table of it. ``superseded`` means
    that a later intake of the same key was announced, ``corrected_by`` is the accepted correction of this delivery,
    ``tombstone`` what makes it unusable for ever.
    """

    delivery_id: str
    key: str
    channel: Channel
    files: int
    announced_at: datetime
    moment: datetime | None
    moment_basis: MomentBasis | None
    code: str
    raw: tuple[str, ...] = ()
    parsed: Mapping[str, Parsed] = field(default_factory=_empty)
    checks: Mapping[str, Checked] = field(default_factory=_empty)
    verdict: Validated | None = None
    notified_at: datetime | None = None
    refused: str | None = None
    tables: Mapping[str, str] = field(default_factory=_empty)
    rows: Mapping[str, int] = field(default_factory=_empty)
    marts: Mapping[str, MartBuilt] = field(default_factory=_empty)
    superseded: bool = False
    corrected_by: str | None = None
    tombstone: Tombstone | None = None

    @property
    def stage(self) -> Stage:
        """How far the intake is.

        ``announced``: nothing is here yet. ``waiting_for_code``: the access code is gone and nothing was received; a
        new announcement (also of a manual drop) is the way on. ``received``: the raw files lie sealed. ``failed``: a
        check on a file's newest table, or the verdict on the whole, is bad. ``validated``: the verdict is good.
        ``stored``: the typed tables lie verified; final, a correction is a new delivery. ``refused``: may not be kept.
        ``superseded``: a later intake took its place. ``tombstoned``: it is being erased, or was.
        """
        if self.tombstone is not None:
            return "tombstoned"
        if self.refused is not None:
            return "refused"
        if self.superseded:
            return "superseded"
        if self.tables:
            return "stored"
        if any(check.outcome == "failed" for check in self.checks.values()):
            return "failed"
        if self.verdict is not None:
            return "validated" if self.verdict.outcome == "passed" else "failed"
        if self.raw:
            return "received"
        return "waiting_for_code" if self.code.startswith("ended:") else "announced"

    def has_passed(self, file: str) -> bool:
        """Whether the newest table of ``file`` passed its own checks."""
        check = self.checks.get(file)
        return check is not None and check.outcome == "passed"


@dataclass(frozen=True, slots=True)
class CopyState:
    """A place that holds, may hold or held personal data. ``size`` and ``sha256`` are of the ciphertext."""

    copy_id: str
    scope: str
    zone: Zone
    name: str
    store: str
    object_key: str
    registered_at: datetime
    status: Literal["registered", "verified", "erased"] = "registered"
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class GenerationState:
    """One generation of the mart database and the deliveries in it."""

    generation: str
    copy_id: str
    deliveries: tuple[str, ...]
    built_at: datetime


@dataclass(frozen=True, slots=True)
class PlaceState:
    """The newest proof of where a store is."""

    approval: TerritoryApproved
    approved_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerState:
    """Everything the ledger knows after entry ``seq``.

    ``deliveries`` maps a delivery's key to its current (newest) intake, ``intakes`` an id to any intake, ``scopes`` a
    scope to the ids of its copies, ``keys`` a scope to the state of its key, ``keyrings`` a scope to where its key was
    made, ``territory`` a store to its newest approval. ``generation`` is the mart database in force, or None when there
    is none or its data is gone or going; ``generations`` are all that ever were. ``tombstones`` maps a delivery's key
    to its tombstone, ``purges``, ``holds`` and ``handovers`` an id to what became of it; ``standing`` is None while the
    decree stands.
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
    standing: Standing | None = None

    def live_copies(self, scope: str) -> tuple[CopyState, ...]:
        """The copies of a scope that are not known to be erased, in the order of their registration."""
        return tuple(copy for copy in self.copies_of(scope) if copy.status != "erased")

    def copies_of(self, scope: str) -> tuple[CopyState, ...]:
        """All copies of a scope, the erased ones too, in the order of their registration."""
        return tuple(self.copies[copy_id] for copy_id in self.scopes.get(scope, ()))

    def intakes_of(self, key: str) -> tuple[IntakeState, ...]:
        """Every intake of a delivery, the refused and replaced ones too, in the order of their announcement."""
        return tuple(intake for intake in self.intakes.values() if intake.key == key)

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
                self.generation = GenerationState(event.generation, event.copy_id, event.deliveries, entry.at)
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
            case event:
                self._keep(_advanced(self.intakes[event.delivery_id], event, entry.at, self.copies))

    def _keep(self, intake: IntakeState) -> None:
        """Another state of an intake, which may be the newest of its delivery."""
        self.intakes = self.intakes.with_(intake.delivery_id, intake)
        newest = self.deliveries.get(intake.key)
        if newest is not None and newest.delivery_id == intake.delivery_id:
            self.deliveries = self.deliveries.with_(intake.key, intake)

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


_OfIntake = (
    MomentMoved | CodeEnded | Received | Parsed | Checked | Validated | Refused | QualityNotified | Stored | MartBuilt
)


def _advanced(intake: IntakeState, event: _OfIntake, at: datetime, copies: GrowingMap[CopyState]) -> IntakeState:
    """``intake`` after an event of its own."""
    match event:
        case MomentMoved():
            return replace(intake, moment=event.moment, moment_basis=event.moment_basis)
        case CodeEnded():
            return replace(intake, code=f"ended:{event.reason}") if intake.code == "awaiting" else intake
        case Received():
            return replace(intake, raw=event.copies, moment=event.moment, moment_basis=event.moment_basis)
        case Parsed():
            # Checks and verdict rest on the parsed tables they name, so a newer table takes them away.
            return replace(
                intake,
                parsed=MappingProxyType({**intake.parsed, event.file: event}),
                checks=MappingProxyType({f: check for f, check in intake.checks.items() if f != event.file}),
                verdict=None,
            )
        case Checked():
            return replace(intake, checks=MappingProxyType({**intake.checks, event.file: event}))
        case Validated():
            return replace(intake, verdict=event)
        case Refused():
            return replace(intake, refused=intake.refused or event.error)
        case QualityNotified():
            return replace(intake, notified_at=intake.notified_at or at)
        case Stored():
            names = [copies[copy].name for copy in event.copies]
            tables = MappingProxyType(dict(zip(names, event.copies, strict=True)))
            return replace(intake, tables=tables, rows=MappingProxyType(dict(zip(names, event.rows, strict=True))))
        case MartBuilt():
            return replace(intake, marts=MappingProxyType({**intake.marts, event.mart: event}))
        case _:
            assert_never(event)
