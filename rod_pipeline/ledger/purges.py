"""What the events of erasure add up to: purges, tombstones, holds, packages and the standing of the decree.

Belongs here: the shape of that state, and how each event of erasure changes it. Does not belong here: which event may
follow (``erasure_rules``), when something is due (``retention``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, get_args

from rod_pipeline.ledger.erasure import (
    Attested,
    Drained,
    ErasureAsked,
    ErasureDeclared,
    HandedOver,
    HoldSet,
    Inventoried,
    Outcome,
    PackageErased,
    Place,
    PlaceErased,
    PurgePlanned,
    Tombstoned,
)

PLACES: tuple[Place, ...] = get_args(Place)
HOLD_AT_MOST = timedelta(days=90)
"""A hold is looked at anew after this long at the latest."""
Phase = Literal["planned", "tombstoned", "drained", "erased", "verified", "swept", "attested"]


def _empty() -> MappingProxyType[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Tombstone:
    """After ``at`` the delivery can't be read, written or rebuilt. ``purge_id`` is the purge that put it there."""

    key: str
    purge_id: str
    at: datetime
    ground: str


@dataclass(frozen=True, slots=True)
class HoldState:
    """A hold and how it ended; ``lifted_at`` is None while nobody lifted it."""

    hold: HoldSet
    set_at: datetime
    lifted_at: datetime | None = None

    def holds(self, now: datetime, deadline: datetime | None) -> bool:
        """Whether it stands at ``now``: not lifted, not past its date, and within the term unless it is an order."""
        if self.lifted_at is not None or now >= self.hold.until:
            return False
        return self.hold.beyond_term or deadline is None or now < deadline


@dataclass(frozen=True, slots=True)
class HandoverState:
    """A package that left the house; ``erased``: its recipient's word, on record at ``told_at``, before a purge."""

    event: HandedOver
    at: datetime
    erased: PackageErased | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the decree stands: suspended (``until`` is the end of the repair term), or withdrawn for good."""

    what: Literal["suspended", "withdrawn"]
    order: str
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """An inventory and when it was made."""

    inventory: Inventoried
    at: datetime

    @property
    def left_in_house(self) -> int:
        """How much was found in places that are ours to erase."""
        return sum(place.left for place in self.inventory.places if place.in_house)

    @property
    def left(self) -> int:
        """How much was found anywhere."""
        return sum(place.left for place in self.inventory.places)


@dataclass(frozen=True, slots=True)
class PurgeState:
    """One purge. Mappings by key of a delivery hold its newest event of that kind.

    ``erased`` maps (key, place) to what was erased there, counts added up over every try. ``first_clean`` is when the
    first inventory found nothing in house of that delivery, taken back when a later one finds something again.
    ``heard_at`` is when a recipient or the processor declared something that no late inventory has seen yet,
    ``expires`` the end of the last backup.
    """

    plan: PurgePlanned
    planned_at: datetime
    tombstoned: Mapping[str, datetime] = field(default_factory=_empty)
    drained_at: datetime | None = None
    erased: Mapping[tuple[str, Place], PlaceErased] = field(default_factory=_empty)
    erased_at: datetime | None = None
    second: Mapping[str, Seen] = field(default_factory=_empty)
    late: Mapping[str, Seen] = field(default_factory=_empty)
    first_clean: Mapping[str, datetime] = field(default_factory=_empty)
    asked: tuple[ErasureAsked, ...] = ()
    declared: tuple[ErasureDeclared, ...] = ()
    heard_at: datetime | None = None
    expires: datetime | None = None
    attested: Attested | None = None
    attested_at: datetime | None = None

    @property
    def purge_id(self) -> str:
        return self.plan.purge_id

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(subject.key for subject in self.plan.subjects)

    @property
    def phase(self) -> Phase:
        """How far the purge is.

        ``planned``: what is to go is on record. ``tombstoned``: none of its deliveries can be used any more.
        ``drained``: nobody is working on them. ``erased``: every place was emptied once. ``verified``: a complete
        second inventory found nothing in house. ``swept``: so did the late one. ``attested``: the evidence was drawn
        up.
        """
        if self.attested is not None:
            return "attested"
        if self._clean(self.second):
            return "swept" if self._clean(self.late) else "verified"
        if all((key, place) in self.erased for key in self.keys for place in PLACES):
            return "erased"
        if self.drained_at is not None:
            return "drained"
        return "tombstoned" if set(self.keys) <= set(self.tombstoned) else "planned"

    @property
    def verified_at(self) -> datetime | None:
        """When the last of its deliveries was first found gone; None while one isn't."""
        if not self._clean(self.second):
            return None
        return max(seen.at for seen in self.second.values())

    @property
    def outcome(self) -> Outcome:
        """What the newest inventories say. Lateness: a copy existed after the deadline of its delivery."""
        complete = self._clean(self.second) and set(self.late) == set(self.keys)
        if not complete or any(seen.left for seen in self.late.values()):
            return "ONVOLLEDIG"
        late = any(
            subject.deadline is not None and self.gone_at(subject.key) > subject.deadline
            for subject in self.plan.subjects
        )
        return "TE_LAAT" if late else "VOLLEDIG"

    def gone_at(self, key: str) -> datetime:
        """When the last copy of a delivery was gone: in house, at others by their word, in backups by their end."""
        ends = [self.first_clean[key], *(declared.erased_at for declared in self.declared)]
        return max(ends if self.expires is None else [*ends, self.expires])

    def declared_by(self, party: str, package_id: str | None = None) -> bool:
        """Whether the processor, or the recipient of a package, declared that it erased."""
        return any(d.party == party and d.package_id == package_id for d in self.declared)

    def asked_of(self, party: str, package_id: str | None = None) -> bool:
        """Whether that party was asked to erase."""
        return any(a.party == party and a.package_id == package_id for a in self.asked)

    def _clean(self, seen: Mapping[str, Seen]) -> bool:
        return set(seen) == set(self.keys) and not any(found.left_in_house for found in seen.values())


_OfPurge = Tombstoned | Drained | PlaceErased | Inventoried | Attested | ErasureAsked | ErasureDeclared


def advanced(purge: PurgeState, event: _OfPurge, at: datetime) -> PurgeState:
    """``purge`` after an event of its own."""
    match event:
        case Tombstoned():
            return replace(purge, tombstoned=_with(purge.tombstoned, event.key, at))
        case Drained():
            return replace(purge, drained_at=at)
        case PlaceErased():
            before = purge.erased.get((event.key, event.place))
            return replace(
                purge, erased=_with(purge.erased, (event.key, event.place), _added(before, event)), erased_at=at
            )
        case Inventoried():
            return _inventoried(purge, event, at)
        case Attested():
            return replace(purge, attested=event, attested_at=at)
        case ErasureAsked():
            return replace(purge, asked=(*purge.asked, event))
        case ErasureDeclared():
            return replace(purge, declared=(*purge.declared, event), heard_at=at)


def _inventoried(purge: PurgeState, event: Inventoried, at: datetime) -> PurgeState:
    seen = Seen(event, at)
    first = dict(purge.first_clean)
    if seen.left_in_house:
        first.pop(event.key, None)
    else:
        first.setdefault(event.key, at)
    ends = [place.until for place in event.places if place.until is not None]
    if purge.expires is not None:
        ends.append(purge.expires)
    purge = replace(purge, first_clean=MappingProxyType(first), expires=max(ends, default=None))
    if event.round == "second":
        # A new second inventory comes after a new erasure: what a late sweep found before that doesn't count.
        late = {key: found for key, found in purge.late.items() if key != event.key}
        return replace(purge, second=_with(purge.second, event.key, seen), late=MappingProxyType(late))
    return replace(purge, late=_with(purge.late, event.key, seen), heard_at=None)


def _added(before: PlaceErased | None, event: PlaceErased) -> PlaceErased:
    if before is None:
        return event
    totals = {counted.what: counted.n for counted in before.counts}
    counts = [c.model_copy(update={"n": c.n + totals.pop(c.what, 0)}) for c in event.counts]
    rest = [c for c in before.counts if c.what in totals]
    return event.model_copy(update={"counts": (*counts, *rest)})


def _with(mapping: Mapping[Any, Any], key: Any, value: Any) -> MappingProxyType[Any, Any]:
    return MappingProxyType({**mapping, key: value})
