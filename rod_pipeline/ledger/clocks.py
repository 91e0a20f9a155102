"""A clock that stood ahead when it wrote to the ledger, and what its entries count for once that is on record.

Belongs here: the event by which a person says so, and reading what a state holds to the safe side. Does not belong
here: whether the clock that says so can be trusted (``retention.clockguard``).

The time in the ledger never runs back, so one entry by a clock that stood a year ahead would keep everything but
erasure from being recorded for a year, and no term could end by itself meanwhile. After this event alone time goes on
from an earlier instant, its own. What was recorded with a later time can't have happened then: it happened after the
last entry whose time was right, and before this one. Of that span each instant is taken for the end that binds more:
what begins a term or a duty for the first, what says that something is gone for the last.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from rod_pipeline.ledger.growing import GrowingMap
from rod_pipeline.ledger.purges import HandoverState, PurgeState, Tombstone
from rod_pipeline.ledger.vocabulary import Code, Event, Instant

_T = TypeVar("_T")
_AHEAD = frozenset({"until", "expires", "deadline"})
"""Names of instants that lie ahead by their nature."""


class ClockSet(Event):
    """A person says that the entries with a later time than this one were written by a clock that stood ahead.

    ``right_until`` is the time of the last entry before those.
    """

    kind: Literal["clock_set"] = "clock_set"
    right_until: Instant
    actor: Code


def to_the_safe_side(known: _T, now: datetime, right_until: datetime) -> _T:
    """``known``, a part of a state, with no instant of the past after ``now``; itself when there was none."""
    found: Any = known
    match known:
        case datetime():
            return right_until if known > now else known  # type: ignore[return-value]
        case PurgeState() | Tombstone() | HandoverState():
            right_until = now
        case _:
            pass
    if isinstance(found, GrowingMap):
        for key, value in found.items():
            if (safe := to_the_safe_side(value, now, right_until)) is not value:
                found = found.with_(key, safe)
    elif isinstance(found, Mapping):
        safe_items = {key: to_the_safe_side(value, now, right_until) for key, value in found.items()}
        if any(safe_items[key] is not value for key, value in found.items()):
            found = MappingProxyType(safe_items)
    elif isinstance(found, tuple):
        parts = tuple(to_the_safe_side(part, now, right_until) for part in found)
        if any(safe is not part for safe, part in zip(parts, found, strict=True)):
            found = parts
    elif isinstance(found, BaseModel):
        changed = _changed(found, type(found).model_fields, now, right_until)
        found = found.model_copy(update=changed) if changed else found
    elif is_dataclass(found) and not isinstance(found, type):
        changed = _changed(found, [one.name for one in fields(found)], now, right_until)
        found = replace(found, **changed) if changed else found
    return found  # type: ignore[no-any-return]


def _changed(whole: object, names: Iterable[str], now: datetime, right_until: datetime) -> dict[str, Any]:
    parts = {name: getattr(whole, name) for name in names if name not in _AHEAD}
    safe = {name: to_the_safe_side(part, now, right_until) for name, part in parts.items()}
    return {name: part for name, part in safe.items() if part is not parts[name]}
