"""A real PostgreSQL server for tests: a throw-away cluster from Debian's package, on loopback, with a password.

Belongs here: starting and stopping it, and a fresh database on demand.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2

_DEADLINE_SECONDS = 60
_INSTALL = "PostgreSQL's server is not installed: run deployments/install-debian-packages.sh."


class PostgresServer:
    """A running server; ``new_database`` gives an address for SQLAlchemy."""

    def __init__(self, port: int, password: str) -> None:
        self.port, self._password = port, password

    def new_database(self) -> str:
        name = f"t{secrets.token_hex(6)}"
        connection = self.connect()
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name} TEMPLATE template0 {_how(connection)}")
        connection.close()
        return f"postgresql+psycopg2://rod:{self._password}@127.0.0.1:{self.port}/{name}"

    def new_database_by_environment(self) -> str:
        """The address of a fresh database without its password, which this process and its children now have."""
        os.environ["PGPASSWORD"] = self._password
        return self.new_database().replace(f":{self._password}@", "@").replace("rod@", "") + "?user=rod"

    def connect(self) -> "psycopg2.extensions.connection":
        return psycopg2.connect(
            host="127.0.0.1", port=self.port, user="rod", password=self._password, dbname="postgres", connect_timeout=5
        )


def _how(connection: "psycopg2.extensions.connection") -> str:
    """Since version 15 the log would get every page of a new database, which takes four times the work of a copy."""
    return "STRATEGY FILE_COPY" if connection.server_version >= 150_000 else ""


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server, stop it when the block ends. Root can't run PostgreSQL, so as root it runs as ``postgres``."""
    programs = _programs()
    account = "postgres" if os.getuid() == 0 else None
    # Not below a folder of pytest or of this process, which another account may not enter.
    folder = Path(tempfile.mkdtemp(prefix="rod-postgres-", dir=os.environ.get("TMPDIR", "/tmp")))
    try:
        if account:
            shutil.chown(folder, account)
        password = secrets.token_urlsafe(16)
        _initdb(programs, folder, account, password)
        process, server = _start(programs, folder, account, password)
        try:
            yield server
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    assert initdb is not None, _INSTALL
    return Path(initdb).resolve().parent


def _run_as(account: str | None) -> dict[str, object]:
    return {"user": account, "group": account, "extra_groups": []} if account else {}


def _initdb(programs: Path, folder: Path, account: str | None, password: str) -> None:
    given = folder / "password"
    given.touch(0o600)
    given.write_text(password)
    if account:
        shutil.chown(given, account)
    # Not SCRAM, which is made to be slow: Dagster makes a connection for each thing it asks.
    arguments = ["--username=rod", "--auth=md5", f"--pwfile={given}"]
    arguments += ["--encoding=UTF8", "--no-locale", "--no-sync"]
    done = subprocess.run(
        [programs / "initdb", "--pgdata", folder / "data", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        **_run_as(account),  # type: ignore[call-overload]
    )
    given.unlink()
    assert done.returncode == 0, f"initdb: {done.stderr[-2000:]}"


def _start(
    programs: Path, folder: Path, account: str | None, password: str
) -> tuple[subprocess.Popen[bytes], PostgresServer]:
    log = folder / "log"
    settings = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
    # A port that was free a moment ago may be taken when the server gets there: then it ends, and another one is tried.
    for _ in range(5):
        server = PostgresServer(free_port(), password)
        with log.open("ab") as output:
            process = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", "-p", str(server.port), *settings],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **_run_as(account),  # type: ignore[call-overload]
            )
        if _answers(process, server):
            return process, server
        _stop(process)
    raise AssertionError(f"PostgreSQL does not start:\n{log.read_text()[-2000:]}")


def _answers(process: "subprocess.Popen[bytes]", server: PostgresServer) -> bool:
    end = time.monotonic() + _DEADLINE_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(psycopg2.OperationalError):
            server.connect().close()
            return True
        time.sleep(0.05)
    return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
    if process.poll() is None:
        # Never SIGKILL: it would orphan the processes of the server. SIGQUIT ends them all at once.
        process.send_signal(signal.SIGQUIT)
        process.wait(30)


def free_port() -> int:
    """A port of loopback that nobody had at this moment; none that is usual for anything."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
