"""The door of the deployments, run for tests: Apache with the very configuration that is deployed, before Dagster.

Three machines: the one that the test runs on, from where people come; the door, with the identity provider beside it;
and Dagster's, to which the door alone has a road. ``Visitor`` is somebody with cookies who asks exactly what a test
says, byte for byte.
"""

import contextlib
import http.client
import os
import re
import secrets
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from tests.support.namespaces import Machine, roads

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "deployments" / "compose" / "proxy" / "door.conf"
HOST, READING_HOST = "rod.test", "lezen.rod.test"
_HANGS = 120


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


@dataclass
class Door:
    """A running door: where it listens, where its identity provider is, and what stands behind it."""

    address: str
    issuer: str
    behind: str
    certificate: Path
    machine: Machine
    inside: Machine
    log: Path

    def ask(self, host: str, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        """Send ``target`` as it stands, over verified TLS; ``host`` is who is meant, also in the handshake."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        known = host in (HOST, READING_HOST)
        plain = socket.create_connection((self.address, 443), timeout=_HANGS)
        connection = http.client.HTTPConnection(self.address)
        connection.sock = context.wrap_socket(plain, server_hostname=host if known else HOST)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": host, **headers}.items():
                connection.putheader(name, value)
            if body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            got = connection.getresponse()
            return Answer(got.status, got.headers, b"" if got.status == 101 else got.read())
        finally:
            connection.close()

    def refuses(self, answer: Answer) -> bool:
        """Whether ``answer`` is a way to the login or a refusal, and not for want of somebody behind the door."""
        refused = 400 <= answer.status < 500 or answer.status in (500, 501, 505)
        return answer.location.startswith(f"{self.issuer}/authorize?") or refused


@dataclass
class Visitor:
    """Somebody at the door, with the cookies that they got."""

    door: Door
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def ask(
        self, host: str, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        mine = self.cookies.setdefault(host, {})
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in mine.items())} if mine else {}
        answer = self.door.ask(host, method, target, {"Accept": "*/*", **cookie, **(headers or {})}, body)
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            mine[name] = value
        return answer

    def log_in(self, name: str, host: str = HOST) -> Answer:
        """As a browser does it: to the provider, with a name, and back. The answer is that to the callback."""
        to_provider = self.ask(host, "GET", "/", {"Accept": "text/html"})
        assert to_provider.location.startswith(self.door.issuer), to_provider
        parts = urlsplit(to_provider.location)
        provider = http.client.HTTPConnection(parts.netloc, timeout=_HANGS)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        provider.request("POST", f"{parts.path}?{parts.query}", urlencode({"name": name}), form)
        back = urlsplit(provider.getresponse().getheader("Location") or "")
        assert back.netloc == host
        return self.ask(host, "GET", f"{back.path}?{back.query}", {"Accept": "text/html"})


class Site(NamedTuple):
    """The machines and addresses before anything runs."""

    door: Machine
    inside: Machine
    public: str
    behind: str


@contextlib.contextmanager
def site() -> Iterator[Site]:
    """People – door – Dagster; there is no other road to Dagster."""
    with roads() as laid:
        at_door, inside = laid.machine("d"), laid.machine("i")
        _, public = laid.lay(None, at_door)
        _, behind = laid.lay(at_door, inside)
        yield Site(at_door, inside, public, behind)


def open_door(at: Site, folder: Path, backend: str, reading: str) -> Door:
    """Start the identity provider and Apache, and wait until both answer; they end with ``at``."""
    client_secret, issuer = secrets.token_hex(16), f"http://{at.public}:9000"
    redirects = [f"https://{host}/door/callback" for host in (HOST, READING_HOST)]
    at.door.start(
        [sys.executable, "-m", "tests.support.identity", at.public, "9000", "rod", *redirects],
        folder / "identity.log",
        {"CLIENT_SECRET": client_secret, "PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        ROOT,
    )
    wait_for(at.public, 9000)
    cert, key = certificate(folder)
    (folder / "run").mkdir()
    # Who runs the container: an account that owns nothing else.
    for path in (folder, folder / "run", cert, key):
        os.chown(path, 10002, 10002)
    environment = {
        "DOOR_LISTEN": "443",
        "DOOR_HOST": HOST,
        "DOOR_READING_HOST": READING_HOST,
        "DOOR_BACKEND": backend,
        "DOOR_READING_BACKEND": reading,
        "DOOR_RUN": str(folder / "run"),
        "DOOR_CERT": str(cert),
        "DOOR_KEY": str(key),
        "OIDC_METADATA_URL": f"{issuer}/.well-known/openid-configuration",
        "OIDC_CLIENT_ID": "rod",
        "OIDC_CLIENT_SECRET": client_secret,
        "OIDC_CRYPTO_PASSPHRASE": secrets.token_hex(16),
    }
    log = folder / "door.log"
    at.door.run(["sysctl", "-q", "-w", "net.ipv4.ip_unprivileged_port_start=0"])
    command = ["/usr/sbin/apache2", "-d", "/etc/apache2", "-f", str(CONFIGURATION), "-D", "FOREGROUND"]
    apache = at.door.start(command, log, environment, folder, user=10002)
    wait_for(at.public, 443, log, process=apache)
    return Door(at.public, issuer, at.behind, cert, at.door, at.inside, log)


def wait_for(
    address: str,
    port: int,
    log: Path | None = None,
    machine: Machine | None = None,
    process: "subprocess.Popen[bytes] | None" = None,
) -> None:
    """Until something listens there, as seen from ``machine``; not after ``process`` has ended."""
    until = time.monotonic() + _HANGS
    reach = f"import socket; socket.create_connection(({address!r}, {port}), 5).close()"
    while time.monotonic() < until and (process is None or process.poll() is None):
        if machine is not None:
            if machine.run([sys.executable, "-S", "-c", reach]).returncode == 0:
                return
        else:
            with contextlib.suppress(OSError):
                socket.create_connection((address, port), 5).close()
                return
        time.sleep(0.1 if machine is None else 0.5)
    raise AssertionError(f"Nothing listens at {port}:\n{log.read_text()[-2000:] if log else ''}")


def asked(log: Path) -> list[str]:
    """The requests that a webserver of Dagster wrote to its log."""
    return re.findall(r'"([A-Z]+ \S+) HTTP/1', log.read_text()) + re.findall(r'"WebSocket (\S+)"', log.read_text())


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for both names, signed by itself, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = f"subjectAltName=DNS:{HOST},DNS:{READING_HOST}"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=rod.test", "-addext", names, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key
