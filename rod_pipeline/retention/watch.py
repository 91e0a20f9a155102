"""The watch: what somebody must know about terms, by day or by night.

Belongs here: findings about overdue deliveries, erasures that don't get on, holds, clocks and what came back. Does not
belong here: erasing (``engine``), calling people (alerts). It needs no Dagster, so that it also tells when Dagster is
the thing that is down: run it from cron or a systemd timer on another machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from rod_pipeline.errors import RodError
from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.retention.clockguard import AHEAD_AT_MOST, offset
from rod_pipeline.retention.due import Agenda, Term, agenda, ripe_at, stopped_by
from rod_pipeline.retention.places import revived
from rod_pipeline.retention.unanswered import unanswered

if TYPE_CHECKING:
    from rod_pipeline.system import System

STUCK = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know. An ``alarm`` is a breach or about to become one; a ``notice`` waits for somebody."""

    level: Literal["alarm", "notice"]
    what: str


def watch(system: System) -> tuple[Finding, ...]:
    """Everything that isn't as it should be now; empty when all is well. Raises only when the ledger can't be read."""
    state, now = system.ledger.state(), system.clock.now()
    todo = agenda(state, now, system.decree, system.settings.retention)
    sweep = timedelta(hours=system.settings.retention.late_sweep_hours)
    found = [*_of_terms(todo, now)]
    for purge in state.purges.values():
        if not stopped_by(state, purge, now):
            found += _of_purge(purge, now, sweep)
    found += [Finding("alarm" if one.over else "notice", f"{one.what} {one.todo}") for one in unanswered(state, now)]
    if state.standing is not None and state.standing.until is not None and state.standing.until <= now:
        found.append(
            Finding(
                "notice", f"The repair term ended on {state.standing.until:%Y-%m-%d}; lift the suspension or withdraw."
            )
        )
    return tuple(found + _of_surroundings(system))


def _of_terms(todo: Agenda, now: datetime) -> list[Finding]:
    found = []
    for term in todo.terms:
        if term.overdue(now):
            found.append(Finding("alarm", _overdue(term, now)))
        elif term in todo.begin and term.opens is not None and term.opens + STUCK <= now:
            found.append(
                Finding(
                    "alarm", f"{term.key} could have been erased since {term.opens:%Y-%m-%d %H:%M}; nobody does it."
                )
            )
        elif term.holds:
            held = term.holds[0]
            found.append(Finding("notice", f"{term.key} is held on order {held.order} until {held.until:%Y-%m-%d}."))
    return found


def _overdue(term: Term, now: datetime) -> str:
    assert term.deadline is not None
    why = f" It is held on order {term.holds[0].order}." if term.holds else ""
    return (
        f"{term.key} is over its term: it had to be gone on {term.deadline:%Y-%m-%d}, "
        f"{(now - term.deadline).days} days ago.{why}"
    )


def _of_purge(purge: PurgeState, now: datetime, sweep: timedelta) -> list[Finding]:
    found = []
    names = ", ".join(purge.keys)
    ripe = ripe_at(purge, sweep)
    if purge.verified_at is None and purge.planned_at + STUCK <= now:
        found.append(
            Finding("alarm", f"The erasure of {names} has been going on since {purge.planned_at:%Y-%m-%d %H:%M}.")
        )
    elif purge.attested is None and ripe is not None and ripe + STUCK <= now:
        found.append(Finding("alarm", f"The late sweep of {names} was due on {ripe:%Y-%m-%d %H:%M}."))
    if purge.attested is not None and any(seen.left_in_house for seen in purge.late.values()):
        found.append(Finding("alarm", f"Something of {names} can't be erased; its certificate says ONVOLLEDIG."))
    return found


def _of_surroundings(system: System) -> list[Finding]:
    """What the ledger can't know. What can't be asked is told, never taken for good."""
    found = []
    try:
        for key in revived(system):
            found.append(Finding("alarm", f"Something of {key} is there again after its erasure; run `rod recover`."))
    except RodError as error:
        found.append(Finding("alarm", f"Whether anything came back can't be seen: {error}"))
    try:
        if abs(offset(system)) > AHEAD_AT_MOST:
            found.append(Finding("alarm", "This machine's clock and the store's differ by more than a day and a half."))
    except RodError as error:
        found.append(Finding("alarm", f"The store's clock can't be asked: {error}"))
    return found
