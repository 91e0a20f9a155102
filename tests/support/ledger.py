"""A clock that tests set, and the events of a delivery's way, ready to be appended.

``approved``, ``opened``, ``written`` … give events; ``stored`` takes a delivery all the way. Digests and places are
made up.
"""

from datetime import UTC, datetime, timedelta

import pytest

from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger import log
from rod_pipeline.ledger.events import (
    Announced,
    AnyEvent,
    Checked,
    CopyRegistered,
    CopyVerified,
    Entry,
    KeyCreated,
    Parsed,
    Received,
    Stored,
    TerritoryApproved,
    Validated,
    Zone,
)
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.rows import Row, decoded

NOON = datetime(2025, 12, 15, 12, tzinfo=UTC)
DIGEST = "5e" * 32


class SetClock:
    """Stands still until it is told otherwise."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def move(self, **by: float) -> None:
        self.time += timedelta(**by)


def approved(store: str = "main") -> TerritoryApproved:
    return TerritoryApproved(
        store=store, host="127.0.0.1", region="test", country="NL", basis="local_declaration", policy="p1", proof=DIGEST
    )


def announced(key: str = "2025-12", delivery_id: str | None = None, channel: str = "pleio") -> Announced:
    return Announced(delivery_id=delivery_id or new_id(), key=key, channel=channel, files=1)  # type: ignore[arg-type]


def registered(scope: str, zone: Zone, name: str, copy_id: str | None = None) -> CopyRegistered:
    copy_id = copy_id or new_id()
    return CopyRegistered(
        copy_id=copy_id, scope=scope, zone=zone, name=name, store="main", object_key=f"{zone}/{scope}/{name}_{copy_id}"
    )


def written(scope: str, zone: Zone, name: str) -> tuple[str, tuple[AnyEvent, ...]]:
    """The id of a copy, and the events that register and verify it."""
    event = registered(scope, zone, name)
    return event.copy_id, (event, CopyVerified(copy_id=event.copy_id, size=100, sha256=DIGEST))


def opened(key: str = "2025-12", channel: str = "pleio") -> tuple[str, tuple[AnyEvent, ...]]:
    """The id of a fresh intake, and the events that announce it, approve its place and make its key."""
    event = announced(key, channel=channel)
    return event.delivery_id, (event, approved(), KeyCreated(scope=event.delivery_id, keyring="local"))


def received(ledger: Ledger, key: str = "2025-12", moment: datetime = NOON) -> str:
    """Append all events up to ``Received``; returns the intake's id."""
    delivery, events = opened(key)
    copy, writing = written(delivery, "landing", "raw")
    ledger.append(
        *events, *writing, Received(delivery_id=delivery, copies=(copy,), moment=moment, moment_basis="dispatch")
    )
    return delivery


def parsed(ledger: Ledger, delivery: str, file: str = "diplomas") -> str:
    """Append a parsed table; returns its copy's id."""
    copy, writing = written(delivery, "parsed", file)
    ledger.append(*writing, Parsed(delivery_id=delivery, file=file, contract=1, rows=10, copy_id=copy))
    return copy


def checked(delivery: str, copy: str, file: str = "diplomas") -> Checked:
    """The event that a file's table passed its own checks."""
    return Checked(delivery_id=delivery, file=file, copy_id=copy, outcome="passed", rules=3)


def validated(ledger: Ledger, key: str = "2025-12") -> str:
    """Append all events up to a good verdict; returns the intake's id."""
    delivery = received(ledger, key)
    copy = parsed(ledger, delivery)
    ledger.append(checked(delivery, copy), Validated(delivery_id=delivery, outcome="passed", copies=(copy,)))
    return delivery


def stored(ledger: Ledger, key: str = "2025-12") -> str:
    """Append all events up to ``Stored``; returns the intake's id."""
    delivery = validated(ledger, key)
    copy, writing = written(delivery, "validated", "diplomas")
    ledger.append(*writing, Stored(delivery_id=delivery, copies=(copy,), rows=(10,)))
    return delivery


def decoding(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the rows that are read from now on."""
    numbers: list[int] = []

    def noted(row: Row, before: Row) -> Entry:
        numbers.append(row.seq)
        return decoded(row, before)

    monkeypatch.setattr(log, "decoded", noted)
    return numbers
