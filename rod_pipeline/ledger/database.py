"""How the ledger's tables are kept in SQLite and in PostgreSQL.

Belongs here: connecting, the tables with their triggers, the write lock, and the translation of database errors. Does
not belong here: what the rows mean (``rows``, ``tree``).

Both databases give the same three guarantees. One writer at a time: ``BEGIN IMMEDIATE`` in SQLite, an advisory lock
held by the transaction in PostgreSQL; either falls with the process that held it. Durable when the transaction ends:
``synchronous=FULL``, ``synchronous_commit=on``. Append-only: triggers abort UPDATE, DELETE, TRUNCATE and any INSERT
that is not the next number (in ``ledger_nodes``: the next of its level), so that a slip of the hand or another program
can't rewrite history. (Whoever owns the database can drop a trigger; that is what published checkpoints are for.)
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool, QueuePool

from rod_pipeline.errors import PermanentError, RodError, TransientError

TABLE = sa.table(
    "ledger",
    sa.column("seq", sa.BigInteger),
    sa.column("at", sa.Text),
    sa.column("kind", sa.Text),
    sa.column("body", sa.Text),
)
NODES = sa.table(
    "ledger_nodes",
    sa.column("level", sa.SmallInteger),
    sa.column("idx", sa.BigInteger),
    sa.column("hash", sa.LargeBinary),
)

_WAIT_SECONDS = 30
# A killed process' sessions end at once. A host that lost its power or its network says nothing more: left to itself
# the server would wait two hours for it, and whoever needs its leases as well. (runtime-config-connection)
_KEEPALIVE = "-c tcp_keepalives_idle=20 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4"
_LOCK = 0x524F445F4C4544  # "ROD_LED": the number of our advisory lock

_engines: WeakSet[sa.Engine] = WeakSet()


def _forget_connections() -> None:
    """In a forked child, which must not speak on its parent's connections, nor end them."""
    for engine in _engines:
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_connections)

_SQLITE = (
    """CREATE TABLE IF NOT EXISTS ledger (
        seq INTEGER PRIMARY KEY CHECK (seq > 0), at TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL)""",
    """CREATE TRIGGER IF NOT EXISTS ledger_gapless BEFORE INSERT ON ledger
        WHEN new.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM ledger)
        BEGIN SELECT RAISE(ABORT, 'ledger: not the next number'); END""",
    """CREATE TRIGGER IF NOT EXISTS ledger_no_update BEFORE UPDATE ON ledger
        BEGIN SELECT RAISE(ABORT, 'ledger: append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS ledger_no_delete BEFORE DELETE ON ledger
        BEGIN SELECT RAISE(ABORT, 'ledger: append-only'); END""",
    """CREATE TABLE IF NOT EXISTS ledger_nodes (
        level INTEGER NOT NULL CHECK (level >= 0), idx INTEGER NOT NULL, hash BLOB NOT NULL CHECK (length(hash) = 32),
        PRIMARY KEY (level, idx)) WITHOUT ROWID""",
    """CREATE TRIGGER IF NOT EXISTS ledger_nodes_gapless BEFORE INSERT ON ledger_nodes
        WHEN new.idx IS NOT (SELECT coalesce(max(idx), -1) + 1 FROM ledger_nodes WHERE level = new.level)
        BEGIN SELECT RAISE(ABORT, 'ledger: not the next node'); END""",
    """CREATE TRIGGER IF NOT EXISTS ledger_nodes_no_update BEFORE UPDATE ON ledger_nodes
        BEGIN SELECT RAISE(ABORT, 'ledger: append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS ledger_nodes_no_delete BEFORE DELETE ON ledger_nodes
        BEGIN SELECT RAISE(ABORT, 'ledger: append-only'); END""",
)

# Not called ledger…: the tables above are counted by that name.
_CLOSED = (
    "CREATE TABLE moved_ledger (seq INTEGER)",
    """CREATE TRIGGER moved_ledger_guard BEFORE INSERT ON ledger
        BEGIN SELECT RAISE(ABORT, 'ledger: moved'); END""",
)

_POSTGRES = (
    "CREATE TABLE ledger (seq bigint PRIMARY KEY CHECK (seq > 0), "
    "at text NOT NULL, kind text NOT NULL, body text NOT NULL)",
    """CREATE FUNCTION ledger_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE newest bigint;
    BEGIN
        IF TG_OP <> 'INSERT' THEN
            RAISE EXCEPTION 'ledger: append-only';
        END IF;
        EXECUTE format('SELECT coalesce(max(seq), 0) FROM %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME) INTO newest;
        IF NEW.seq IS DISTINCT FROM newest + 1 THEN
            RAISE EXCEPTION 'ledger: not the next number';
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER ledger_gapless BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_guard()",
    "CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_guard()",
)

_POSTGRES_NODES = (
    "CREATE TABLE ledger_nodes (level smallint NOT NULL CHECK (level >= 0), idx bigint NOT NULL, "
    "hash bytea NOT NULL CHECK (length(hash) = 32), PRIMARY KEY (level, idx))",
    """CREATE FUNCTION ledger_nodes_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE newest bigint;
    BEGIN
        IF TG_OP <> 'INSERT' THEN
            RAISE EXCEPTION 'ledger: append-only';
        END IF;
        EXECUTE format('SELECT coalesce(max(idx), -1) FROM %I.%I WHERE level = $1', TG_TABLE_SCHEMA, TG_TABLE_NAME)
            INTO newest USING NEW.level;
        IF NEW.idx IS DISTINCT FROM newest + 1 THEN
            RAISE EXCEPTION 'ledger: not the next node';
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER ledger_nodes_gapless BEFORE INSERT ON ledger_nodes "
    "FOR EACH ROW EXECUTE FUNCTION ledger_nodes_guard()",
    "CREATE TRIGGER ledger_nodes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_nodes "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_nodes_guard()",
)


class LedgerUrl(PermanentError):
    """The address names no database that the ledger can be kept in."""

    code = "ROD-LEDGER-01"


class LedgerUnavailable(TransientError):
    """The database is busy, restarting or out of reach."""

    code = "ROD-LEDGER-02"


class LedgerDatabase(PermanentError):
    """The database refuses: rights, path, full disk, another table of the same name."""

    code = "ROD-LEDGER-07"


class LedgerMoved(PermanentError):
    """The ledger is continued in another database; this one is closed."""

    code = "ROD-LEDGER-10"


class Database:
    """The database of one ledger. Makes the tables when they aren't there; safe to do from several processes at once.
    A role that may only read, and ``sqlite:///file:<path>?mode=ro&uri=true``, do for reading a ledger that is there.

    Every transaction has a connection to itself. In SQLite a new one; of PostgreSQL one stays open between them,
    and is tried before it is used again: making one costs more than most of what is asked on it (ADR 2).
    """

    def __init__(self, url: str) -> None:
        """``url`` is ``sqlite:///<path>`` or ``postgresql+psycopg2://…``; raises ``LedgerUrl`` for another.

        Raises ``LedgerMoved`` for one that was closed.
        """
        parsed = _parse(url)
        self.name = parsed.get_backend_name()
        self._where = f"{self.name}: {parsed.database}" + (f" on {parsed.host}" if parsed.host else "")
        if self.name == "sqlite":
            self._engine = sa.create_engine(
                parsed, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": _WAIT_SECONDS}
            )
            sa.event.listen(self._engine, "connect", _sqlite_connected)
            sa.event.listen(self._engine, "begin", _sqlite_begun)
        else:
            self._engine = sa.create_engine(
                parsed,
                poolclass=QueuePool,
                pool_size=1,
                max_overflow=-1,
                pool_pre_ping=True,
                hide_parameters=True,
                isolation_level="READ COMMITTED",
                connect_args={
                    "connect_timeout": 10,
                    "application_name": "rod-ledger",
                    "options": f"{parsed.query.get('options', '')} {_KEEPALIVE}".strip(),
                },
            )
        _engines.add(self._engine)
        with self.reading() as connection:
            if self.name == "sqlite" and connection.scalar(
                sa.text("SELECT count(*) FROM sqlite_master WHERE name = 'moved_ledger'")
            ):
                raise _moved()
            if not self._absent(connection):
                # Whoever may only read a ledger, such as a notary, opens it all the same.
                return
        # In a session that looked already, PostgreSQL doesn't see at once what another made while it waited.
        self.close()
        with self.writing() as connection:
            for statement in self._absent(connection):
                connection.execute(sa.text(statement))

    def _absent(self, connection: sa.Connection) -> list[str]:
        """What has to be run so that tables and triggers are there."""
        if self.name == "sqlite":
            there = connection.scalar(sa.text("SELECT count(*) FROM sqlite_master WHERE name LIKE 'ledger%'"))
            return [] if there == len(_SQLITE) else list(_SQLITE)
        return [
            statement
            for table, statements in (("ledger", _POSTGRES), ("ledger_nodes", _POSTGRES_NODES))
            if connection.scalar(sa.select(sa.func.to_regclass(table))) is None
            for statement in statements
        ]

    def close(self) -> None:
        """End the connections that nobody uses now; the next transaction makes one anew."""
        self._engine.dispose()

    def close_for_good(self, connection: sa.Connection) -> None:
        """In the transaction of ``connection``: nothing is added to this SQLite database any more, nor is it opened."""
        for statement in _CLOSED:
            connection.execute(sa.text(statement))

    def __repr__(self) -> str:
        return f"Database({self._where})"

    @property
    def engine(self) -> sa.Engine:
        """The connections themselves, for locks that outlive a transaction (``lease``)."""
        return self._engine

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that reads. Raises ``LedgerUnavailable`` or ``LedgerDatabase``."""
        with translated(self.name), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that holds the write lock: it sees all that was committed, and nobody else appends meanwhile.

        Commits when the block ends, rolls back when it raises. Raises ``LedgerUnavailable`` (also when the lock was
        not free within half a minute) or ``LedgerDatabase``. When the connection broke during the commit, whether it
        happened is unknown until the log is read again.
        """
        with (
            translated(self.name),
            self._engine.connect().execution_options(rod_writes=True) as connection,
            connection.begin(),
        ):
            if self.name == "postgresql":
                connection.exec_driver_sql(
                    f"SET LOCAL lock_timeout = '{_WAIT_SECONDS}s'; "
                    f"SET LOCAL idle_in_transaction_session_timeout = '{2 * _WAIT_SECONDS}s'; "
                    "SET LOCAL synchronous_commit = on"
                )
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            yield connection


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
        name = parsed.get_backend_name()
        parsed.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
        raise _bad_url() from None
    in_memory = parsed.database in (None, "", ":memory:") or "memory" in str(parsed.query.get("mode", ""))
    if name not in ("sqlite", "postgresql") or in_memory:
        raise _bad_url()
    return parsed


def _bad_url() -> LedgerUrl:
    return LedgerUrl(
        "The address of the ledger's database can't be used.",
        "Set it to sqlite:///<path of a file> or postgresql+psycopg2://<user>@<host>/<database>.",
    )


def _sqlite_connected(connection: Any, _record: object) -> None:
    # The driver would begin transactions of its own, and late: BEGIN is ours (see _sqlite_begun).
    connection.isolation_level = None
    _in_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")


def _in_wal(connection: Any) -> None:
    """The first ones to open a new file all want to change its mode; whom another one is in the way of SQLite tells at
    once, without waiting as it does for every other lock (https://www.sqlite.org/c3ref/busy_handler.html)."""
    until = monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > until:
                raise
            sleep(0.01)


def _sqlite_begun(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("rod_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def translated(backend: str) -> Iterator[None]:
    """Errors of the database as errors of the ledger."""
    try:
        yield
    except DBAPIError as error:
        # The driver's text may name hosts, users and values: only its code is passed on.
        raise _ours(backend, error) from None


# https://www.sqlite.org/rescode.html: busy, locked, the file's lock protocol, an input/output error.
_SQLITE_PASSING = {5, 6, 10, 15}
# https://www.postgresql.org/docs/current/errcodes-appendix.html: connection, rollback, resources, shutdown, lock, idle.
_POSTGRES_PASSING = ("08", "40", "53", "57P", "55P03", "25P03")


def _ours(backend: str, error: DBAPIError) -> RodError:
    if backend == "sqlite":
        if str(error.orig) == "ledger: moved":
            return _moved()
        number = getattr(error.orig, "sqlite_errorcode", None)
        code = str(getattr(error.orig, "sqlite_errorname", "unknown"))
        passing = number is not None and number & 0xFF in _SQLITE_PASSING
    else:
        state = getattr(error.orig, "pgcode", None)
        code = state or "no connection"
        passing = state.startswith(_POSTGRES_PASSING) if state else isinstance(error, sa.exc.OperationalError)
    if backend == "sqlite" and code.startswith("SQLITE_IOERR"):
        return LedgerUnavailable(
            f"The ledger's file could not be read or written ({code}).",
            "Mostly its disk is full, or broken: `rod doctor` says whether there is room. It is tried again.",
        )
    if passing:
        return LedgerUnavailable(
            f"The ledger's database ({backend}) is busy or can't be reached ({code}).",
            "This is tried again; if it lasts, look whether the database runs and who holds its lock.",
        )
    return LedgerDatabase(
        f"The ledger's database ({backend}) refused the operation ({code}).",
        "Look up the code in the database's manual: mostly a missing right, a path that can't be written, a full disk "
        "or a table that is not the ledger's.",
    )


def _moved() -> LedgerMoved:
    return LedgerMoved(
        "This ledger was moved: it is continued in another database.",
        "Nothing was changed. Give this process the settings of the others (`ledger_url`), and start it again.",
    )
