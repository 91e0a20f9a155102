"""What has to be erased, when, and what stands in the way.

Belongs here: the terms of all deliveries and the agenda of the purge engine, as pure functions of the ledger's state,
an instant and the settings. Does not belong here: erasing (``engine``), the clock's trustworthiness (``clockguard``).

Every evaluation looks at all deliveries, oldest deadline first: whoever was off for months finds everything that became
due meanwhile. The window opens ``lead_days`` before the deadline, so that second inventory and late sweep fit in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from rod_pipeline.decree import Decree
from rod_pipeline.ledger.erasure import Ground, HoldSet
from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.ledger.vocabulary import MomentBasis
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.settings import RetentionSection


@dataclass(frozen=True, slots=True)
class Term:
    """Until when a delivery may be kept. ``ground`` is why it has to go now (None: it doesn't yet).

    ``opens`` is when it is erased because of its term; None, as all instants, while nothing came. ``holds`` are the
    orders that keep it for now.
    """

    key: str
    moment: datetime | None
    moment_basis: MomentBasis | None
    deadline: datetime | None
    opens: datetime | None
    ground: Ground | None
    holds: tuple[HoldSet, ...]
    purge: PurgeState | None

    def overdue(self, now: datetime) -> bool:
        """Whether a copy may still exist though the deadline has passed."""
        gone = self.purge is not None and self.key in self.purge.first_clean
        return self.deadline is not None and self.deadline <= now and not gone


@dataclass(frozen=True, slots=True)
class Agenda:
    """What the engine has to do now. ``begin``: deliveries without a purge. ``go_on``: purges that aren't verified.

    ``conclude``: purges whose late sweep or (new) certificate is due. ``terms`` are all deliveries, oldest deadline
    first; ``next_at`` is the next instant at which something becomes due, if one is known.
    """

    now: datetime
    begin: tuple[Term, ...]
    go_on: tuple[PurgeState, ...]
    conclude: tuple[PurgeState, ...]
    terms: tuple[Term, ...]
    next_at: datetime | None

    def __bool__(self) -> bool:
        return bool(self.begin or self.go_on or self.conclude)


def terms(state: LedgerState, now: datetime, decree: Decree, settings: RetentionSection) -> tuple[Term, ...]:
    """Every delivery that ever was announced, oldest deadline first; those without one last."""
    found = [_term(state, key, now, decree, settings) for key in state.deliveries]
    return tuple(sorted(found, key=lambda term: (term.deadline is None, term.deadline or now, term.key)))


def agenda(state: LedgerState, now: datetime, decree: Decree, settings: RetentionSection) -> Agenda:
    """What has to be done at ``now``."""
    every = terms(state, now, decree, settings)
    sweep = timedelta(hours=settings.late_sweep_hours)
    go_on, conclude = [], []
    upcoming = [term.opens for term in every if term.opens is not None and term.opens > now and term.purge is None]
    for purge in sorted(state.purges.values(), key=lambda purge: purge.planned_at):
        ripe = ripe_at(purge, sweep)
        dirty = any(seen.left_in_house for seen in (*purge.second.values(), *purge.late.values()))
        if purge.attested is not None and dirty:
            go_on.append(purge)
        elif purge.attested is not None and set(purge.late) == set(purge.keys):
            if _news(purge, now):
                conclude.append(purge)
            elif purge.expires is not None and purge.expires > now:
                upcoming.append(purge.expires)
        elif ripe is not None and ripe <= now:
            conclude.append(purge)
        elif purge.verified_at is None:
            if not stopped_by(state, purge, now):
                go_on.append(purge)
        elif ripe is not None:
            upcoming.append(ripe)
    return Agenda(
        now,
        tuple(term for term in every if term.ground is not None and term.purge is None),
        tuple(go_on),
        tuple(conclude),
        every,
        min(upcoming, default=None),
    )


def ripe_at(purge: PurgeState, sweep: timedelta) -> datetime | None:
    """From when the late sweep may be made; None while there is nothing to look through a second time.

    An erasure that stays incomplete ripens too, so that its certificate can say so.
    """
    if purge.verified_at is not None:
        return purge.verified_at + sweep
    if set(purge.second) == set(purge.keys) and purge.drained_at is not None:
        return purge.drained_at + sweep
    return None


def _news(purge: PurgeState, now: datetime) -> bool:
    """Whether a certificate that wasn't whole can say more now."""
    assert purge.attested is not None
    if purge.attested.outcome != "ONVOLLEDIG":
        return False
    # Since it was last looked: what was said between that and the certificate isn't in it.
    looked = min(seen.at for seen in purge.late.values())
    heard = purge.heard_at is not None
    expired = purge.expires is not None and looked < purge.expires <= now
    return heard or expired


def holds_on(state: LedgerState, key: str, now: datetime, decree: Decree) -> tuple[HoldSet, ...]:
    """The orders that keep a delivery for now, whatever makes it go; a withdrawal asks for none."""
    return _held(state, key, now, _earliest(state, key, decree)[2])


def stopped_by(state: LedgerState, purge: PurgeState, now: datetime) -> tuple[HoldSet, ...]:
    """The orders that a purge waits for: set after its plan, before its tombstones. After those nothing stops it."""
    if purge.plan.ground in ("withdrawal", "restored") or (state.standing and state.standing.what == "withdrawn"):
        return ()
    open_ = (subject for subject in purge.plan.subjects if subject.key not in state.tombstones)
    return tuple(hold for subject in open_ for hold in _held(state, subject.key, now, subject.deadline))


def _earliest(
    state: LedgerState, key: str, decree: Decree
) -> tuple[datetime | None, MomentBasis | None, datetime | None]:
    """The earliest known moment, its basis, and the deadline."""
    moment, basis = state.provided(key) or (None, None)
    return moment, basis, None if moment is None else deadline(moment, decree.retention.years)


def _held(state: LedgerState, key: str, now: datetime, until: datetime | None) -> tuple[HoldSet, ...]:
    return tuple(hold.hold for hold in state.holds.values() if hold.hold.key == key and hold.holds(now, until))


def _term(state: LedgerState, key: str, now: datetime, decree: Decree, settings: RetentionSection) -> Term:
    current = state.deliveries[key]
    moment, basis, until = _earliest(state, key, decree)
    opens = None if until is None else until - timedelta(days=settings.lead_days)
    holds = _held(state, key, now, until)
    ground: Ground | None = None
    if state.standing is not None and state.standing.what == "withdrawn":
        ground = "withdrawal"
    elif not holds:
        if current.corrected_by is not None:
            ground = "superseded"
        elif opens is not None and opens <= now:
            ground = "term"
    purge = next(iter(_purges(state, key)), None)
    return Term(key, moment, basis, until, opens, ground, holds, purge)


def _purges(state: LedgerState, key: str) -> Iterator[PurgeState]:
    """The purges of a delivery, newest first."""
    return (purge for purge in reversed(tuple(state.purges.values())) if key in purge.keys)
