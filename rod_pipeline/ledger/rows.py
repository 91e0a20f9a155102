"""How an event is written down, and how it is read back with distrust.

Belongs here: the row, the canonical form of an event (RFC 8785), the leaf that it is in the Merkle tree. Does not
belong here: transactions and order of work (``log``), the database (``database``), the tree (``tree``).

A row is ``seq, at, kind, body``: the place in the log (gapless from 1), the instant (ISO 8601, UTC, microseconds,
``Z``), the kind of event, and the event as canonical JSON. Rows are distrusted: a gap, a time that runs backwards or a
body that is not exactly what this software would have written stops the reader.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple, cast, get_args

import rfc8785
from pydantic import ValidationError
from pydantic_core import from_json

from rod_pipeline.errors import BlockedError, PermanentError
from rod_pipeline.ledger.events import ADAPTER, AnyEvent, Entry

_AT = "%Y-%m-%dT%H:%M:%S.%fZ"
KNOWN = {
    (model.model_fields["kind"].default, version)
    for model in get_args(get_args(AnyEvent)[0])
    for version in get_args(model.model_fields["v"].annotation)
}
"""Each kind of event and version of it that this software reads."""

_REMEDY = (
    "Stop all processing: the ledger was written to past this software, or an older copy of it was put back. Compare "
    "it with a backup and find out what happened before going on."
)


class LedgerCorrupt(BlockedError):
    """What is stored is not what this software wrote."""

    code = "ROD-LEDGER-03"


class LedgerTooNew(PermanentError):
    """A newer version of this software wrote to the ledger."""

    code = "ROD-LEDGER-04"


class Row(NamedTuple):
    """One entry as it is stored."""

    seq: int
    at: str
    kind: str
    body: str


BEFORE = Row(0, "", "", "")
"""What stands before the first row."""


def canonical(event: AnyEvent) -> str:
    """The one way in which ``event`` is written: RFC 8785. Raises what pydantic and rfc8785 raise."""
    return rfc8785.dumps(event.model_dump(mode="json", warnings="error")).decode()


def written(entry: Entry) -> Row:
    """The row of ``entry``."""
    return Row(entry.seq, entry.at.strftime(_AT), entry.event.kind, canonical(entry.event))


def leaf_bytes(entry: Entry | Row) -> bytes:
    """What the log commits to: the row as canonical JSON, ``{"at":…,"body":{…},"kind":…,"seq":…}``.

    A row is taken as it is; only one that ``decoded`` let through is sure to give canonical JSON.
    """
    row = written(entry) if isinstance(entry, Entry) else entry
    # The parts are canonical already and the names stand in order, so nothing is left to be encoded.
    return f'{{"at":"{row.at}","body":{row.body},"kind":"{row.kind}","seq":{row.seq}}}'.encode()


def read_leaf(leaf: bytes) -> Row:
    """The row that a leaf commits to. Raises ``ValueError``, ``TypeError`` or ``KeyError`` when it is none."""
    parts: dict[str, Any] = from_json(leaf)
    row = Row(parts["seq"], parts["at"], parts["kind"], rfc8785.dumps(parts["body"]).decode())
    if leaf_bytes(row) != leaf:
        raise ValueError("the leaf is not written as ours are")
    return row


def decoded(row: Row, previous: Row) -> Entry:
    """The entry in ``row``, which comes after ``previous``. Raises ``LedgerCorrupt`` or ``LedgerTooNew``."""
    if row.seq != previous.seq + 1:
        raise _corrupt(row, f"follows entry {previous.seq}")
    if not all(isinstance(text, str) for text in row[1:]):
        raise _corrupt(row, "is not text")
    try:
        at = datetime.strptime(row.at, _AT).replace(tzinfo=UTC)
    except ValueError:
        raise _corrupt(row, "has no readable time") from None
    # One kind says that time went wrong before it (``clocks``).
    if at.strftime(_AT) != row.at or (row.at < previous.at and row.kind != "clock_set"):
        raise _corrupt(row, "has a time that runs backwards or is not written as ours are")
    try:
        body = cast("dict[str, Any]", from_json(row.body))
        kind, version = body["kind"], body["v"]
    except (ValueError, TypeError, KeyError):
        raise _corrupt(row, "is no event") from None
    if (kind, version) not in KNOWN:
        raise LedgerTooNew(
            f"Entry {row.seq} of the ledger is of a kind or version that this software does not know.",
            "It was written by a newer version: bring this installation up to date; until then it does nothing.",
        )
    try:
        event = ADAPTER.validate_json(row.body)
        faithful = canonical(event) == row.body and row.kind == event.kind
    except (ValidationError, rfc8785.CanonicalizationError):
        faithful = False
    if not faithful:
        raise _corrupt(row, "is not the canonical form of an event")
    return Entry(seq=row.seq, at=at, event=event)


def corrupt(happened: str) -> LedgerCorrupt:
    """The error that the ledger isn't what it was, ``happened`` being how that shows."""
    return LedgerCorrupt(happened, _REMEDY)


def _corrupt(row: Row, why: str) -> LedgerCorrupt:
    return corrupt(f"Entry {row.seq} of the ledger {why}.")
