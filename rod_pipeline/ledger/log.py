"""The append-only log: one table that is only ever added to.

Belongs here: appending events safely, reading them back, keeping state and tree up to date by replay, proofs about what
is in it. Does not belong here: what events exist (``events``), how they are written (``rows``), what they add up to
(``state``), what may follow what (``rules``), how the two databases are spoken to (``database``).

Every reader works out the root of the Merkle tree from the rows that it replays. The hashes in the table of the tree
serve to answer quickly; a proof made of them is held against that root before it is given out.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple

import rfc8785
import sqlalchemy as sa
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from rod_pipeline.clock import Clock
from rod_pipeline.errors import BlockedError
from rod_pipeline.ledger import tree
from rod_pipeline.ledger.clocks import ClockSet
from rod_pipeline.ledger.database import TABLE, Database
from rod_pipeline.ledger.events import ADAPTER, AnyEvent, Entry
from rod_pipeline.ledger.lease import held, lease
from rod_pipeline.ledger.merkle import (
    Frontier,
    Node,
    NotInTree,
    leaf_hash,
    not_in_tree,
)
from rod_pipeline.ledger.rows import (
    BEFORE,
    LedgerCorrupt,
    LedgerTooNew,
    Row,
    canonical,
    corrupt,
    decoded,
    leaf_bytes,
    written,
)
from rod_pipeline.ledger.rules import SKEW, IllegalEvent, check, is_erasure
from rod_pipeline.ledger.state import LedgerState, fold
from rod_pipeline.ledger.tree import TreeHead

__all__ = [
    "Ledger",
    "LedgerClock",
    "LedgerCorrupt",
    "LedgerForked",
    "LedgerTooNew",
    "NotInTree",
    "Reading",
    "TreeHead",
]

_PAGE = 1000


class LedgerClock(BlockedError):
    """The clock can't be trusted."""

    code = "ROD-LEDGER-05"


class LedgerForked(BlockedError):
    """The ledger and what was published of it are two different histories."""

    code = "ROD-LEDGER-09"


class _Seen(NamedTuple):
    """How far somebody has read: the newest row, the state after it, and the tree over all rows up to it."""

    row: Row
    state: LedgerState
    frontier: Frontier


_NOTHING = _Seen(BEFORE, LedgerState(), Frontier())


class Reading:
    """How far a process has read the ledger of one database, for a ``Ledger`` that comes after another one.

    Each step and each tick opens the ledger; one that is ten years long takes a second to be read from its beginning.
    """

    def __init__(self) -> None:
        """Nothing is read yet."""
        self.seen = _NOTHING


class Ledger:
    """The ledger at ``url``. One object may be shared by threads; processes each open their own."""

    def __init__(self, url: str, clock: Clock, reading: Reading | None = None) -> None:
        """Open the ledger; make its table when there is none.

        ``url`` is ``sqlite:///<path>`` or ``postgresql+psycopg2://…``. ``reading``: go on from there; without it, and
        where the newest row of it isn't there as it was, all rows are read. Raises ``LedgerUrl``, ``LedgerUnavailable``
        or ``LedgerDatabase``.
        """
        self._database = Database(url)
        self._clock = clock
        self._lock = Lock()
        self._reading = reading or Reading()
        self._seen = self._reading.seen
        self._has_read = False

    def __repr__(self) -> str:
        return f"Ledger({self._database!r})"

    def close(self) -> None:
        """Leave the database alone until the next question."""
        self._database.close()

    def append(self, *events: AnyEvent, when: Callable[[LedgerState], None] | None = None) -> tuple[Entry, ...]:
        """Add ``events`` in one transaction: all of them, or none.

        ``when`` is called with the state under the write lock: what it sees holds until the events are in, and what it
        raises aborts. Keep it short, every other writer waits. All events get one instant, which is the clock's but
        never before the newest entry's, unless a person says that that one is wrong (``ClockSet``).

        Raises ``IllegalEvent`` when an event may not follow; ``LedgerClock`` when the clock gives no UTC or ran back
        (events of erasure are let in all the same); ``LedgerCorrupt``, ``LedgerTooNew``; ``LedgerUnavailable`` and
        ``LedgerDatabase``. After ``LedgerUnavailable`` the events may be in nevertheless: look at the state.
        """
        if not events:
            return ()
        read_back = [_read_back(event) for event in events]
        with self._database.writing() as connection:
            row, state, frontier = self._catch_up(connection)
            _complete(connection, frontier)
            if when is not None:
                when(state)
            at = self._instant(state, read_back)
            entries: list[Entry] = []
            nodes: list[Node] = []
            for event in read_back:
                check(event, state, at)
                entries.append(Entry(seq=state.seq + 1, at=at, event=event))
                row = written(entries[-1])
                connection.execute(sa.insert(TABLE).values(row._asdict()))
                state = fold(state, entries[-1])
                frontier, made = frontier.grown(leaf_hash(leaf_bytes(row)))
                nodes += made
            tree.store(connection, nodes)
        self._remember(_Seen(row, state, frontier))
        return tuple(entries)

    def state(self) -> LedgerState:
        """The state now. Reads only what was added since this object last looked.

        Raises ``LedgerCorrupt``, ``LedgerTooNew``, ``LedgerUnavailable`` or ``LedgerDatabase``.
        """
        with self._database.reading() as connection:
            return self._catch_up(connection).state

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The entries with a number above ``after``, in order. Raises as ``state`` does."""
        newest = BEFORE._replace(seq=after)
        while True:
            with self._database.reading() as connection:
                page = _page(connection, newest.seq + 1)
            if not page:
                return
            for row in page:
                yield decoded(row, newest)
                newest = row

    def exclusive(self, name: str, patience: float = 0.0) -> AbstractContextManager[None]:
        """Hold ``name`` (an id) while the block lasts, against every other process; falls with the process.

        Raises ``Busy`` when somebody else still holds it after ``patience`` seconds.
        """
        return lease(self._database.engine, name, patience=patience)

    def shared(self, name: str) -> AbstractContextManager[None]:
        """Hold ``name`` beside others who share it, against ``exclusive``; raises ``Busy`` at once."""
        return lease(self._database.engine, name, shared=True)

    def held(self, name: str) -> bool:
        """Whether somebody holds ``name`` now; only looks."""
        return held(self._database.engine, name)

    def tree_head(self) -> TreeHead:
        """Size and root of the Merkle tree over all entries. Raises as ``state`` does."""
        with self._database.reading() as connection:
            now = self._catch_up(connection).frontier
        return TreeHead(now.size, now.root())

    def leaf(self, seq: int) -> bytes:
        """What the tree commits to for entry ``seq``. Raises ``NotInTree``, or as ``state`` does."""
        with self._database.reading() as connection:
            return _leaf(connection, seq)

    def inclusion(self, seq: int, size: int) -> list[bytes]:
        """The proof that entry ``seq`` is leaf ``seq - 1`` of the tree over the first ``size`` entries.

        Raises ``NotInTree`` unless 1 <= seq <= size <= the size of the log; ``LedgerCorrupt`` when entry or tree aren't
        what was read before; or as ``state`` does.
        """
        with self._proving(size) as (connection, now):
            return tree.inclusion(connection, leaf_hash(_leaf(connection, seq)), seq - 1, size, now)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the first ``old`` entries are the beginning of the first ``new``.

        Raises ``NotInTree`` unless 1 <= old <= new <= the size of the log; else as ``inclusion`` does.
        """
        with self._proving(new) as (connection, now):
            return tree.consistency(connection, old, new, now)

    def verify_tree(self) -> None:
        """Read all rows again and hold every stored hash against them. Raises ``LedgerCorrupt``, or as ``state``."""
        with self._proving(0) as (connection, now):
            row, frontier = BEFORE, Frontier()
            while frontier.size < now.size:
                nodes: list[Node] = []
                for new in _page(connection, row.seq + 1, min(_PAGE, now.size - row.seq)):
                    decoded(new, row)
                    row = new
                    frontier, made = frontier.grown(leaf_hash(leaf_bytes(row)))
                    nodes += made
                tree.compare(connection, nodes)
            if frontier != now:
                raise corrupt("An entry of the ledger, which was read before, has changed.")

    def restore(self, rows: Iterable[Row], head: TreeHead) -> None:
        """Append rows as they were written once, all up to ``head``, or none.

        For a ledger that lost its newest entries: rows that it has are passed over, and no rule is asked, for what
        happened has happened. Raises ``LedgerForked`` when the tree comes out otherwise than ``head`` says: the ledger
        or the rows are of another history. Else raises as ``append`` does.
        """
        with self._database.writing() as connection:
            row, state, frontier = self._catch_up(connection)
            _complete(connection, frontier)
            entries: list[Entry] = []
            nodes: list[Node] = []
            for new in rows:
                if new.seq <= state.seq:
                    continue
                entries.append(decoded(new, row))
                row = new
                connection.execute(sa.insert(TABLE).values(row._asdict()))
                frontier, made = frontier.grown(leaf_hash(leaf_bytes(row)))
                nodes += made
            if (frontier.size, frontier.root()) != head:
                raise forked(head.size)
            state = _replayed(state, entries) if entries else state
            tree.store(connection, nodes)
        self._remember(_Seen(row, state, frontier))

    def hand_over(self, to: "Ledger") -> TreeHead:
        """Have ``to``, which has no entries yet or the first of these, continue this ledger, and close this one.

        This one has to lie in SQLite. Nobody writes to either meanwhile; killed, it can be done again. Afterwards this
        one is never opened again (``LedgerMoved``). Raises ``LedgerForked`` when ``to`` has another history; else as
        ``append`` does.
        """
        with self._database.writing() as connection:
            now = self._catch_up(connection).frontier
            head = TreeHead(now.size, now.root())
            to.restore(_rows(connection), head)
            self._database.close_for_good(connection)
        return head

    @contextmanager
    def _proving(self, size: int) -> Iterator[tuple[sa.Connection, Frontier]]:
        """A transaction in which the stored tree is complete, and the tree now. Raises ``NotInTree``."""
        with self._database.reading() as connection:
            now = self._catch_up(connection).frontier
            stored = tree.stored_size(connection)
        if stored < now.size:
            with self._database.writing() as connection:
                now = self._catch_up(connection).frontier
                _complete(connection, now)
        if size > now.size:
            raise not_in_tree()
        with self._database.reading() as connection:
            yield connection, now

    def _catch_up(self, connection: sa.Connection) -> _Seen:
        row, state, frontier = self._seen
        page = _page(connection, row.seq)
        more = len(page) == _PAGE
        if row != BEFORE and (not page or page.pop(0) != row):
            if self._has_read:
                raise corrupt(f"Entry {row.seq} of the ledger, which was read before, is gone or has changed.")
            # Another copy was put in its place since: what that is, whoever reads all of it finds out.
            self._seen = self._reading.seen = _NOTHING
            return self._catch_up(connection)
        while page:
            entries = []
            for new in page:
                entries.append(decoded(new, row))
                row = new
                frontier, _ = frontier.grown(leaf_hash(leaf_bytes(row)))
            state = _replayed(state, entries)
            page = _page(connection, row.seq + 1) if more else []
            more = len(page) == _PAGE
        seen = _Seen(row, state, frontier)
        self._remember(seen)
        return seen

    def _remember(self, seen: _Seen) -> None:
        with self._lock:
            self._has_read = True
            if seen.state.seq > self._seen.state.seq:
                self._seen = seen
            if seen.state.seq > self._reading.seen.state.seq:
                self._reading.seen = seen

    def _instant(self, state: LedgerState, events: list[AnyEvent]) -> datetime:
        now = self._clock.now()
        if now.tzinfo is None:
            raise _bad_clock("The clock gave a time without a time zone.")
        now = now.astimezone(UTC)
        if state.at is None or now >= state.at or all(isinstance(event, ClockSet) for event in events):
            return now
        if state.at - now > SKEW and not all(is_erasure(event) for event in events):
            raise _bad_clock(f"The clock stands {state.at - now} before the newest entry of the ledger.")
        return state.at


def _bad_clock(happened: str) -> LedgerClock:
    return LedgerClock(
        happened,
        "Set this machine's clock right (chronyc tracking, timedatectl) and start again. If the clock is right, the "
        "newest entry was written by a machine whose clock was wrong: have that one set right, then say so on record "
        "(`rod ledger set-clock`, see the runbook).",
    )


def forked(size: int) -> LedgerForked:
    """The error for a ledger that isn't the one that was published when it had ``size`` entries."""
    return LedgerForked(
        f"The first {size} entries of the ledger are not those that were published.",
        "Stop: the ledger was changed, or an old copy was put back and went on by itself. Put back the newest backup "
        "that continues what was published (`rod ledger verify` says so), then run `rod ledger catch-up`.",
    )


def _read_back(event: AnyEvent) -> AnyEvent:
    """The event as every reader will see it; refuses one that was built around its own validation."""
    try:
        return ADAPTER.validate_json(canonical(event))
    except (ValidationError, PydanticSerializationError, rfc8785.CanonicalizationError):
        raise IllegalEvent(
            f"The ledger refused {event.kind}: it is not within the vocabulary of events.",
            "Nothing was written. Build the event with values that its model accepts.",
        ) from None


# Made once: making it took longer than asking it.
_FROM = sa.select(TABLE).where(TABLE.c.seq >= sa.bindparam("start")).order_by(TABLE.c.seq).limit(sa.bindparam("most"))


def _page(connection: sa.Connection, start: int, limit: int = _PAGE) -> list[Row]:
    return [Row(*row) for row in connection.execute(_FROM, {"start": start, "most": limit})]


def _rows(connection: sa.Connection) -> Iterator[Row]:
    seen = 0
    while page := _page(connection, seen + 1):
        yield from page
        seen = page[-1].seq


def _leaf(connection: sa.Connection, seq: int) -> bytes:
    rows = _page(connection, seq - 1, 2) if seq > 1 else [BEFORE, *_page(connection, seq, 1)]
    if seq < 1 or len(rows) < 2:
        raise not_in_tree()
    previous, row = rows
    decoded(row, previous)
    return leaf_bytes(row)


def _complete(connection: sa.Connection, now: Frontier) -> None:
    tree.complete(connection, now, lambda index: [leaf_hash(leaf_bytes(row)) for row in _page(connection, index + 1)])


def _replayed(state: LedgerState, entries: list[Entry]) -> LedgerState:
    try:
        return fold(state, *entries)
    except KeyError:
        first, last = entries[0].seq, entries[-1].seq
        raise corrupt(
            f"An entry between {first} and {last} of the ledger is about something that never began."
        ) from None
