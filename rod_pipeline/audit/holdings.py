"""What was held on any given date (DESIGN 14.18), computed from the ledger.

Belongs here: days and periods in which copies with personal data existed. Does not belong here: reading the ledger
(``account``), what lies with others: packages have an end date of their own.

A day is one in Amsterdam. A copy is held on a day when it existed at any instant of it: from the entry before its first
byte to the entry that found it gone. What was only broken off halfway counts as well, and a key that is destroyed
makes a copy unreadable but not gone. So a day never shows less than there was.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from rod_pipeline.audit.account import Account, CopySpan
from rod_pipeline.retention.deadline import AMSTERDAM


@dataclass(frozen=True, slots=True)
class Period:
    """Days on which the same number of copies of one delivery was held. ``until`` is its last day, None: to this day.

    A mart database over several deliveries counts for each of them.
    """

    key: str
    since: date
    until: date | None
    copies: int
    bytes: int
    zones: tuple[str, ...]


def day_of(at: datetime) -> date:
    """The day in Amsterdam."""
    return at.astimezone(AMSTERDAM).date()


def personal(account: Account) -> Iterator[tuple[CopySpan, tuple[str, ...]]]:
    """Every copy with personal data and the deliveries in it.

    A database that was never finished names no delivery yet: it is counted for no one, and shown with none.
    """
    for span in account.copies.values():
        if span.registered.zone != "published":
            yield span, account.keys_of(span.registered.scope)


def held_on(account: Account, day: date) -> list[tuple[CopySpan, tuple[str, ...]]]:
    """The copies that were held on ``day`` and the deliveries in each, in the order of their registration."""
    return [(span, keys) for span, keys in personal(account) if _covers(span, day)]


def periods(account: Account) -> list[Period]:
    """All periods of all deliveries, by delivery and day."""
    spans: dict[str, list[CopySpan]] = {}
    for span, keys in personal(account):
        for key in keys:
            spans.setdefault(key, []).append(span)
    return [period for key in sorted(spans) for period in _periods(key, spans[key])]


def _periods(key: str, spans: list[CopySpan]) -> Iterator[Period]:
    begins = {day_of(span.since) for span in spans}
    ends = {day_of(span.erased_at) + timedelta(days=1) for span in spans if span.erased_at is not None}
    turns = sorted(begins | ends)
    last: Period | None = None
    for turn, following in zip(turns, [*turns[1:], None], strict=True):
        held = [span for span in spans if _covers(span, turn)]
        until = None if following is None else following - timedelta(days=1)
        zones = tuple(sorted({span.registered.zone for span in held}))
        size = sum(span.size or 0 for span in held)
        if last is not None and held and (last.copies, last.bytes, last.zones) == (len(held), size, zones):
            last = Period(key, last.since, until, last.copies, size, zones)
            continue
        if last is not None:
            yield last
        last = Period(key, turn, until, len(held), size, zones) if held else None
    if last is not None:
        yield last


def _covers(span: CopySpan, day: date) -> bool:
    return day_of(span.since) <= day and (span.erased_at is None or day <= day_of(span.erased_at))
