"""Leases: one worker at a time for one thing, or any number of readers.

Belongs here: mutual exclusion between processes, bound to the life of the holder. Does not belong here: who may do
what.

A lease is held by the operating system (a lock on a file) or by PostgreSQL (a session's advisory lock), so a holder
that is killed holds nothing any more: no time-outs, no stale locks to clear at night.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from rod_pipeline.errors import TransientError
from rod_pipeline.ledger.database import translated


class Busy(TransientError):
    """Another process is working on the same thing."""

    code = "ROD-LEDGER-90"


@contextmanager
def lease(engine: Engine, name: str, *, shared: bool = False) -> Iterator[None]:
    """Hold ``name`` for as long as the block lasts; raises ``Busy`` at once when somebody else holds it.

    Any number may hold it ``shared`` at the same time, but nobody beside a holder who doesn't share.
    """
    if engine.dialect.name == "sqlite":
        database = Path(engine.url.database or "ledger.db")
        folder = database.with_name(database.name + ".leases")
        folder.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _busy() from None
            yield
        finally:
            os.close(handle)
    else:
        kind = "_shared" if shared else ""
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        with translated("postgresql"):
            connection = engine.connect()
        try:
            with translated("postgresql"):
                held = connection.execute(text(f"select pg_try_advisory_lock{kind}(:n)"), {"n": number}).scalar_one()
                connection.commit()
            if not held:
                raise _busy()
            try:
                yield
            finally:
                # A broken session has lost its lock already; a closed one would give it back a moment too late.
                with suppress(DBAPIError):
                    connection.execute(text(f"select pg_advisory_unlock{kind}(:n)"), {"n": number})
                    connection.commit()
        finally:
            connection.close()


def _busy() -> Busy:
    return Busy(
        "Another run is working on this delivery right now.",
        "Wait until that run has ended, then rerun; nothing was done by this one.",
    )
