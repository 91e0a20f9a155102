"""The append-only log: one table that is only ever added to.

Belongs here: appending events safely, reading them back, keeping the state up to date by replay. Does not belong here:
what events exist (``events``), what they add up to (``state``), what may follow what (``rules``), how the two
databases are spoken to (``database``).

A row is ``seq, at, kind, body``: the place in the log (gapless from 1), the instant (ISO 8601, UTC, microseconds,
``Z``), the kind of event, and the event as canonical JSON (RFC 8785). Rows are distrusted when read: a gap, a time that
runs backwards or a body that is not exactly what this software would have written stops the reader.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from threading import Lock
from typing import Any, NamedTuple, cast, get_args

import rfc8785
import sqlalchemy as sa
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, from_json

from rod_pipeline.clock import Clock
from rod_pipeline.errors import BlockedError, PermanentError
from rod_pipeline.ledger.database import TABLE, Database
from rod_pipeline.ledger.events import ADAPTER, AnyEvent, Entry
from rod_pipeline.ledger.lease import lease
from rod_pipeline.ledger.rules import SKEW, IllegalEvent, check, is_erasure
from rod_pipeline.ledger.state import LedgerState, fold

_PAGE = 1000
_AT = "%Y-%m-%dT%H:%M:%S.%fZ"
_KNOWN = {
    (model.model_fields["kind"].default, version)
    for model in get_args(get_args(AnyEvent)[0])
    for version in get_args(model.model_fields["v"].annotation)
}

_CORRUPT = (
    "Stop all processing: the ledger was written to past this software, or an older copy of it was put back. Compare "
    "it with a backup and find out what happened before going on."
)


class LedgerCorrupt(BlockedError):
    """What is stored is not what this software wrote."""

    code = "ROD-LEDGER-03"


class LedgerTooNew(PermanentError):
    """A newer version of this software wrote to the ledger."""

    code = "ROD-LEDGER-04"


class LedgerClock(BlockedError):
    """The clock can't be trusted."""

    code = "ROD-LEDGER-05"


class _Row(NamedTuple):
    seq: int
    at: str
    kind: str
    body: str


_BEFORE = _Row(0, "", "", "")


class _Seen(NamedTuple):
    """How far this object has read: the newest row, and the state after it."""

    row: _Row
    state: LedgerState


class Ledger:
    """The ledger at ``url``. One object may be shared by threads; processes each open their own."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Open the ledger; make its table when there is none.

        ``url`` is ``sqlite:///<path>`` or ``postgresql+psycopg2://…``. Raises ``LedgerUrl``, ``LedgerUnavailable`` or
        ``LedgerDatabase``.
        """
        self._database = Database(url)
        self._clock = clock
        self._lock = Lock()
        self._seen = _Seen(_BEFORE, LedgerState())

    def __repr__(self) -> str:
        return f"Ledger({self._database!r})"

    def append(self, *events: AnyEvent, when: Callable[[LedgerState], None] | None = None) -> tuple[Entry, ...]:
        """Add ``events`` in one transaction: all of them, or none.

        ``when`` is called with the state under the write lock: what it sees holds until the events are in, and what it
        raises aborts. Keep it short, every other writer waits. All events get one instant, which is the clock's but
        never before the newest entry's.

        Raises ``IllegalEvent`` when an event may not follow; ``LedgerClock`` when the clock gives no UTC or ran back
        (events of erasure are let in all the same); ``LedgerCorrupt``, ``LedgerTooNew``; ``LedgerUnavailable`` and
        ``LedgerDatabase``. After ``LedgerUnavailable`` the events may be in nevertheless: look at the state.
        """
        if not events:
            return ()
        written = [_read_back(event) for event in events]
        with self._database.writing() as connection:
            row, state = self._catch_up(connection)
            if when is not None:
                when(state)
            at = self._instant(state, written)
            entries = []
            for event in written:
                check(event, state, at)
                row = _Row(state.seq + 1, at.strftime(_AT), event.kind, _canonical(event))
                connection.execute(sa.insert(TABLE).values(row._asdict()))
                entries.append(Entry(seq=row.seq, at=at, event=event))
                state = fold(state, entries[-1])
        self._remember(_Seen(row, state))
        return tuple(entries)

    def state(self) -> LedgerState:
        """The state now. Reads only what was added since this object last looked.

        Raises ``LedgerCorrupt``, ``LedgerTooNew``, ``LedgerUnavailable`` or ``LedgerDatabase``.
        """
        with self._database.reading() as connection:
            return self._catch_up(connection).state

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The entries with a number above ``after``, in order. Raises as ``state`` does."""
        newest = _BEFORE._replace(seq=after)
        while True:
            with self._database.reading() as connection:
                page = _page(connection, newest.seq + 1)
            if not page:
                return
            for row in page:
                yield _decoded(row, newest)
                newest = row

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Hold ``name`` (an id) while the block lasts, against every other process; raises ``Busy`` at once.

        Falls with the process that holds it.
        """
        return lease(self._database.engine, name)

    def _catch_up(self, connection: sa.Connection) -> _Seen:
        row, state = self._seen
        if row != _BEFORE and _page(connection, row.seq, 1) != [row]:
            raise LedgerCorrupt(
                f"Entry {row.seq} of the ledger, which was read before, is gone or has changed.",
                _CORRUPT,
            )
        while page := _page(connection, row.seq + 1):
            entries = []
            for new in page:
                entries.append(_decoded(new, row))
                row = new
            state = _replayed(state, entries)
        self._remember(_Seen(row, state))
        return _Seen(row, state)

    def _remember(self, seen: _Seen) -> None:
        with self._lock:
            if seen.state.seq > self._seen.state.seq:
                self._seen = seen

    def _instant(self, state: LedgerState, events: list[AnyEvent]) -> datetime:
        now = self._clock.now()
        if now.tzinfo is None:
            raise _bad_clock("The clock gave a time without a time zone.")
        now = now.astimezone(UTC)
        if state.at is None or now >= state.at:
            return now
        if state.at - now > SKEW and not all(is_erasure(event) for event in events):
            raise _bad_clock(f"The clock stands {state.at - now} before the newest entry of the ledger.")
        return state.at


def _bad_clock(happened: str) -> LedgerClock:
    return LedgerClock(
        happened,
        "Set this machine's clock right (chronyc tracking, timedatectl) and start again. If the clock is right, the "
        "newest entry was written by a machine whose clock was wrong: don't go on, have it looked at.",
    )


def _canonical(event: AnyEvent) -> str:
    return rfc8785.dumps(event.model_dump(mode="json", warnings="error")).decode()


def _read_back(event: AnyEvent) -> AnyEvent:
    """The event as every reader will see it; refuses one that was built around its own validation."""
    try:
        return ADAPTER.validate_json(_canonical(event))
    except (ValidationError, PydanticSerializationError, rfc8785.CanonicalizationError):
        raise IllegalEvent(
            f"The ledger refused {event.kind}: it is not within the vocabulary of events.",
            "Nothing was written. Build the event with values that its model accepts.",
        ) from None


def _page(connection: sa.Connection, start: int, limit: int = _PAGE) -> list[_Row]:
    query = sa.select(TABLE).where(TABLE.c.seq >= start).order_by(TABLE.c.seq).limit(limit)
    return [_Row(*row) for row in connection.execute(query)]


def _decoded(row: _Row, previous: _Row) -> Entry:
    if row.seq != previous.seq + 1:
        raise _corrupt(row, f"follows entry {previous.seq}")
    if not all(isinstance(text, str) for text in row[1:]):
        raise _corrupt(row, "is not text")
    try:
        at = datetime.strptime(row.at, _AT).replace(tzinfo=UTC)
    except ValueError:
        raise _corrupt(row, "has no readable time") from None
    if at.strftime(_AT) != row.at or row.at < previous.at:
        raise _corrupt(row, "has a time that runs backwards or is not written as ours are")
    try:
        body = cast("dict[str, Any]", from_json(row.body))
        kind, version = body["kind"], body["v"]
    except (ValueError, TypeError, KeyError):
        raise _corrupt(row, "is no event") from None
    if (kind, version) not in _KNOWN:
        raise LedgerTooNew(
            f"Entry {row.seq} of the ledger is of a kind or version that this software does not know.",
            "It was written by a newer version: bring this installation up to date; until then it does nothing.",
        )
    try:
        event = ADAPTER.validate_json(row.body)
        faithful = _canonical(event) == row.body and row.kind == event.kind
    except (ValidationError, rfc8785.CanonicalizationError):
        faithful = False
    if not faithful:
        raise _corrupt(row, "is not the canonical form of an event")
    return Entry(seq=row.seq, at=at, event=event)


def _replayed(state: LedgerState, entries: list[Entry]) -> LedgerState:
    try:
        return fold(state, *entries)
    except KeyError:
        first, last = entries[0].seq, entries[-1].seq
        raise LedgerCorrupt(
            f"An entry between {first} and {last} of the ledger is about something that never began.", _CORRUPT
        ) from None


def _corrupt(row: _Row, why: str) -> LedgerCorrupt:
    return LedgerCorrupt(f"Entry {row.seq} of the ledger {why}.", _CORRUPT)
