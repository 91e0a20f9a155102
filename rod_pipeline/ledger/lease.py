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
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from rod_pipeline.errors import TransientError
from rod_pipeline.ledger.database import translated


class Busy(TransientError):
    """Another process is working on the same thing."""

    code = "ROD-LEDGER-90"


_LOOK_AGAIN_SECONDS = 0.2


@contextmanager
def lease(engine: Engine, name: str, *, shared: bool = False, patience: float = 0.0) -> Iterator[None]:
    """Hold ``name`` for as long as the block lasts; raises ``Busy`` when somebody else still does after ``patience`` s.

    Any number may hold it ``shared`` at the same time, but nobody beside a holder who doesn't share.
    """
    until = monotonic() + patience
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(_taken(engine, name, shared))
                break
            except Busy:
                if monotonic() >= until:
                    raise
            sleep(_LOOK_AGAIN_SECONDS)
        yield


@contextmanager
def _taken(engine: Engine, name: str, shared: bool) -> Iterator[None]:
    if engine.dialect.name == "sqlite":
        file = _lease_file(engine, name)
        file.parent.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
        number = _number(name)
        with translated("postgresql"):
            connection = engine.connect()
            # Closed at the end, whatever became of the lock: another transaction never inherits it.
            connection.detach()
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


def held(engine: Engine, name: str) -> bool:
    """Whether somebody holds ``name`` now. Only looks: trying to take it would keep a worker from it.

    On SQLite it sees the processes of this machine that ``/proc/locks`` shows (Linux, proc(5)).
    """
    if engine.dialect.name == "sqlite":
        try:
            inode = _lease_file(engine, name).stat().st_ino
            locks = Path("/proc/locks").read_text("ascii").splitlines()
        except OSError:
            return False
        # "1: FLOCK  ADVISORY  WRITE 708 08:01:1234 0 EOF"; overlays show another device than stat does.
        return any(f":{inode} " in lock for lock in locks if " FLOCK " in lock)
    held_by = "select count(*) from pg_locks where locktype = 'advisory' and objsubid = 1 and granted"
    with translated("postgresql"), engine.connect() as connection:
        this = text(f"{held_by} and (classid::bigint << 32) | objid::bigint = :n")
        return bool(connection.execute(this, {"n": _number(name)}).scalar_one())


def _lease_file(engine: Engine, name: str) -> Path:
    database = Path(engine.url.database or "ledger.db")
    return database.with_name(database.name + ".leases") / name


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def _busy() -> Busy:
    return Busy(
        "Another run is working on this delivery right now.",
        "Wait until that run has ended, then rerun; nothing was done by this one.",
    )
