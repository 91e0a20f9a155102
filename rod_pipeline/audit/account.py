"""What an auditor asks of the ledger beyond its state: when each copy came and went, who opened what, what was proved.

Belongs here: one pass over the entries that keeps the state and what the state forgets. Does not belong here: tables
(``deliveries``, ``oversight``), days and periods (``holdings``).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Self

from rod_pipeline.ledger.clocks import ClockSet
from rod_pipeline.ledger.erasure import MomentMoved, Suspended, SuspensionLifted, Withdrawn
from rod_pipeline.ledger.events import (
    Accessed,
    Checked,
    CopyErased,
    CopyRegistered,
    CopyVerified,
    Entry,
    TerritoryApproved,
    Validated,
)
from rod_pipeline.ledger.state import LedgerState, fold

_AT_ONCE = 5000


@dataclass(slots=True)
class CopySpan:
    """One copy from the moment before its first byte to the moment at which it was found gone."""

    registered: CopyRegistered
    since: datetime
    size: int | None = None
    sha256: str | None = None
    verified_at: datetime | None = None
    erased_at: datetime | None = None
    ground: str = ""


@dataclass(slots=True)
class Proved:
    """One distinct proof of where a store is: how often, and when first and last."""

    approval: TerritoryApproved
    first: datetime
    last: datetime
    times: int = 1


@dataclass(slots=True)
class Account:
    """Everything up to and including entry ``seq`` of the ledger. ``kinds`` counts the entries of each kind."""

    state: LedgerState = field(default_factory=LedgerState)
    copies: dict[str, CopySpan] = field(default_factory=dict)
    places: dict[TerritoryApproved, Proved] = field(default_factory=dict)
    opened: list[tuple[datetime, Accessed]] = field(default_factory=list)
    judged: list[tuple[datetime, Checked | Validated]] = field(default_factory=list)
    decree: list[tuple[datetime, Suspended | SuspensionLifted | Withdrawn]] = field(default_factory=list)
    moments: list[tuple[datetime, MomentMoved]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """The account of ``entries``, from the first entry of the ledger on."""
        account, rest = cls(), iter(entries)
        while some := tuple(islice(rest, _AT_ONCE)):
            for entry in some:
                account._note(entry)
            account.state = fold(account.state, *some)
        return account

    def keys_of(self, scope: str) -> tuple[str, ...]:
        """The deliveries whose personal data a scope holds, by key. None for published figures and for pseudonyms."""
        if (intake := self.state.intakes.get(scope)) is not None:
            return (intake.key,)
        generation = self.state.generations.get(scope)
        if generation is None:
            return ()
        return tuple(sorted({self.state.intakes[one].key for one in generation.deliveries}))

    def _note(self, entry: Entry) -> None:
        self.kinds[entry.event.kind] += 1
        at = entry.at
        match entry.event:
            case CopyRegistered() as event:
                self.copies[event.copy_id] = CopySpan(event, at)
            case CopyVerified() as event:
                span = self.copies[event.copy_id]
                span.size, span.sha256, span.verified_at = event.size, event.sha256, at
            case CopyErased() as event:
                span = self.copies[event.copy_id]
                span.erased_at, span.ground = span.erased_at or at, span.ground or event.ground
            case TerritoryApproved() as event:
                known = self.places.setdefault(event, Proved(event, at, at, 0))
                known.last, known.times = at, known.times + 1
            case Accessed() as event:
                self.opened.append((at, event))
            case Checked() | Validated() as event:
                self.judged.append((at, event))
            case Suspended() | SuspensionLifted() | Withdrawn() as event:
                self.decree.append((at, event))
            case MomentMoved() as event:
                self.moments.append((at, event))
            case ClockSet() as event:
                self._clock_set(event, at)
            case _:
                pass

    def _clock_set(self, event: ClockSet, at: datetime) -> None:
        """What has a later time than this entry was written by a clock that stood ahead (``ledger.clocks``)."""
        for span in self.copies.values():
            span.since = event.right_until if span.since > at else span.since
            span.verified_at = span.verified_at and min(span.verified_at, at)
            span.erased_at = span.erased_at and min(span.erased_at, at)
        for known in self.places.values():
            known.first, known.last = min(known.first, at), min(known.last, at)
        self.opened = [(min(when, at), one) for when, one in self.opened]
        self.judged = [(min(when, at), one) for when, one in self.judged]
        self.decree = [(min(when, at), one) for when, one in self.decree]
        self.moments = [(min(when, at), one) for when, one in self.moments]
