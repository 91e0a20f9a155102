"""A real OpenBao server for tests: the program of its wheel, on loopback, unsealed by a key file, with one policy each.

Belongs here: starting, setting up and stopping it, and tokens with the rights that ``deployments/openbao`` gives.
"""

import contextlib
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hvac
import requests
from pydantic import SecretStr

from rod_pipeline.store.openbao import OpenBaoKeyring
from tests.support.postgres import free_port

_POLICIES = Path(__file__).parents[2] / "deployments" / "openbao"
_DEADLINE_SECONDS = 60
_CONFIG = """
ui = false
disable_mlock = true
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "http://127.0.0.1:{cluster}"
storage "raft" {{ path = "{folder}/data"
  node_id = "one" }}
listener "tcp" {{ address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_disable = true }}
seal "static" {{ current_key_id = "test"
  current_key = "file://{folder}/unseal" }}
"""


class BaoServer:
    """A running server; each ``mount`` is a keyring of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._cluster = free_port(), free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        (folder / "data").mkdir()
        (folder / "unseal").write_bytes(secrets.token_bytes(32))
        (folder / "bao.hcl").write_text(_CONFIG.format(folder=folder, port=self._port, cluster=self._cluster))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        self.root = hvac.Client(url=self.address, token=self._initialized())
        self._wait(lambda: self._health() == 200)

    def start(self) -> None:
        """Start it, on the data it had."""
        program = Path(sys.executable).parent / "bao"
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "server", f"-config={self._folder}/bao.hcl"], stdout=log, stderr=log
            )
        # 501: it was never initialized; 429 would be: not active yet.
        self._wait(lambda: self._health() in (200, 501))

    def _health(self) -> int:
        return requests.get(f"{self.address}/v1/sys/health", timeout=5).status_code

    def kill(self) -> None:
        """As a power cut does it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()

    def new_mount(self) -> str:
        """The two engines of a fresh keyring, and its two policies; returns the name of the mount."""
        mount = f"t{secrets.token_hex(4)}"
        self.root.sys.enable_secrets_engine("transit", path=f"{mount}-transit")
        self.root.sys.enable_secrets_engine("kv", path=f"{mount}-keys", options={"version": "2"})
        self._wait(lambda: self.root.secrets.kv.v2.read_configuration(mount_point=f"{mount}-keys") is not None)
        for role in ("pipeline", "eraser"):
            rights = (_POLICIES / f"{role}.hcl").read_text("utf-8").replace('"rod-', f'"{mount}-')
            self.root.sys.create_or_update_acl_policy(f"{mount}-{role}", rights)
        return mount

    def token(self, mount: str, *roles: str, ttl: str = "1h", period: str | None = None) -> str:
        """A token with the rights of these roles on a keyring; with a ``period`` it is renewed without an end."""
        policies = [f"{mount}-{role}" for role in roles]
        answer = self.root.auth.token.create(policies=policies, ttl=ttl, no_parent=True, period=period)
        token: str = answer["auth"]["client_token"]
        return token

    def keyring(self, mount: str, *roles: str) -> OpenBaoKeyring:
        return OpenBaoKeyring(self.address, SecretStr(self.token(mount, *roles)), mount=mount)

    def _initialized(self) -> str:
        answer = requests.post(
            f"{self.address}/v1/sys/init", json={"recovery_shares": 1, "recovery_threshold": 1}, timeout=60
        )
        token: str = answer.json()["root_token"]
        return token

    def _wait(self, reached: Callable[[], bool]) -> None:
        until = time.monotonic() + _DEADLINE_SECONDS
        while time.monotonic() < until:
            assert self._process is not None and self._process.poll() is None, (self._folder / "log").read_text()
            with contextlib.suppress(requests.RequestException, hvac.exceptions.VaultError):
                if reached():
                    return
            time.sleep(0.05)
        raise AssertionError("OpenBao did not come up: " + (self._folder / "log").read_text()[-2000:])


@contextlib.contextmanager
def openbao_server() -> Iterator[BaoServer]:
    """Start a server, stop it when the block ends."""
    with tempfile.TemporaryDirectory(prefix="rod-openbao-") as folder:
        server = BaoServer(Path(folder))
        try:
            yield server
        finally:
            server.stop()
