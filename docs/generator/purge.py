"""The page of a purge's phases, and of which may follow which.

Belongs here: the page made by letting the ledger's own rules and fold run through every order of events. Does not
belong here: what the engine does in a phase (its docstring is quoted).

Nothing is listed by hand: from a planned purge each kind of event is tried, what the rules let in is folded, and what
the phase is then makes a transition. Two deliveries and all places are in it, so that half a step shows too.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import get_args

from docs.generator.markdown import code, prose, table
from rod_pipeline.ledger.erasure import (
    OUTSIDE,
    Attested,
    Counted,
    Drained,
    Inventoried,
    PlaceErased,
    PlaceLeft,
    PurgePlanned,
    Subject,
    Tombstoned,
)
from rod_pipeline.ledger.events import Announced, AnyEvent, Entry
from rod_pipeline.ledger.purges import PLACES, Phase, PurgeState
from rod_pipeline.ledger.rules import IllegalEvent, check
from rod_pipeline.ledger.state import LedgerState, fold
from rod_pipeline.retention import engine

PHASES: tuple[Phase, ...] = get_args(Phase)
_PURGE, _START = "f" * 16, datetime(2032, 12, 13, tzinfo=UTC)
_KEYS = ("2025-12", "2026-08")


@cache
def transitions() -> frozenset[tuple[Phase, str, Phase]]:
    """Every change of phase that the rules allow: from, what happened, to."""
    todo, seen, found = [_planned()], set(), set()
    while todo:
        state = todo.pop()
        before = state.purges[_PURGE]
        for happened, events in _events(before):
            after = _after(state, events)
            if after is None:
                continue
            purge = after.purges[_PURGE]
            if purge.phase != before.phase:
                found.add((before.phase, happened, purge.phase))
            if (shape := _shape(purge)) not in seen:
                seen.add(shape)
                todo.append(after)
    return frozenset(found)


def purge() -> str:
    """The page."""
    described = {name: says for name, says in re.findall(r"`(\w+)`: (.*?)\.(?= `|$)", _one_line(PurgeState.phase))}
    moves = sorted(transitions(), key=lambda move: (PHASES.index(move[0]), PHASES.index(move[2]), move[1]))
    lines = [
        "# Purges",
        "",
        prose(engine),
        "",
        "## Phases",
        "",
        "What the ledger says of a purge, whoever works on it and however often that was interrupted.",
        "",
        table(("phase", "what holds"), ((code(phase), described[phase]) for phase in PHASES)),
        "",
        "## What may follow what",
        "",
        "Found by trying every event in every state that the ledger's rules allow. An attested purge stays attested: a "
        "new inventory leads to another certificate, with the next serial number.",
        "",
        table(("from", "happens", "to"), ((code(a), what, code(b)) for a, what, b in moves)),
        "",
        "## Places",
        "",
        "In the order in which they are emptied. What is left in a place of others keeps a certificate from saying "
        "VOLLEDIG, and no purge from going on.",
        "",
        table(("place", "up to"), ((code(place), "others" if place in OUTSIDE else "us") for place in PLACES)),
    ]
    return "\n".join(lines)


def _one_line(documented: object) -> str:
    return " ".join(prose(documented).split())


def _planned() -> LedgerState:
    state = LedgerState()
    intakes = {key: f"{n:016x}" for n, key in enumerate(_KEYS)}
    for key, intake in intakes.items():
        state = _told(state, Announced(delivery_id=intake, key=key, channel="drop", files=1))
    subjects = tuple(Subject(key=key, intakes=(intake,)) for key, intake in intakes.items())
    return _told(
        state,
        PurgePlanned(purge_id=_PURGE, ground="order", subjects=subjects, plan="0" * 64, order="o1", actor="a1"),
    )


def _events(purge: PurgeState) -> Iterator[tuple[str, tuple[AnyEvent, ...]]]:
    """What might happen: to one delivery at a time, and to all places of it at once."""
    for key in _KEYS:
        yield "tombstone", (Tombstoned(purge_id=_PURGE, key=key),)
        yield "every place is emptied", tuple(_emptied(key))
        for round_, name in (("second", "second inventory"), ("late", "late sweep")):
            for left, says in ((0, "finds nothing in house"), (1, "finds something")):
                yield f"{name} {says}", (_inventory(key, round_, left),)
    yield "drained", (Drained(purge_id=_PURGE),)
    serial = 1 if purge.attested is None else purge.attested.serial + 1
    if serial == 1:
        yield (
            f"attested {purge.outcome}",
            (Attested(purge_id=_PURGE, serial=serial, outcome=purge.outcome, record="0" * 64),),
        )


def _emptied(key: str) -> Iterator[PlaceErased]:
    for place in PLACES:
        yield PlaceErased(purge_id=_PURGE, key=key, place=place, method="file_deleted", counts=())


def _inventory(key: str, round_: str, left: int) -> Inventoried:
    counts = (Counted(what="versions", n=left),) if left else ()
    places = tuple(PlaceLeft(place=place, counts=counts if place == "objects" else ()) for place in PLACES)
    return Inventoried.model_validate({"purge_id": _PURGE, "key": key, "round": round_, "places": places})


def _after(state: LedgerState, events: tuple[AnyEvent, ...]) -> LedgerState | None:
    try:
        for event in events:
            state = _told(state, event)
    except IllegalEvent:
        return None
    return state


def _told(state: LedgerState, event: AnyEvent) -> LedgerState:
    at = _START + timedelta(seconds=state.seq)
    check(event, state, at)
    return fold(state, Entry(seq=state.seq + 1, at=at, event=event))


def _shape(purge: PurgeState) -> tuple[object, ...]:
    """What the phase can depend on, without instants and counts."""
    return (
        frozenset(purge.tombstoned),
        purge.drained_at is not None,
        frozenset(purge.erased),
        frozenset((key, bool(seen.left_in_house)) for key, seen in purge.second.items()),
        frozenset((key, bool(seen.left_in_house)) for key, seen in purge.late.items()),
        purge.attested is not None and purge.attested.outcome,
    )
