"""Running an installation on one machine: the embedded store and Dagster.

Belongs here: starting both, telling where they are, stopping what was started. Does not belong here: deployments on
several machines (``deployments``).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from rod_pipeline.errors import PermanentError, TransientError
from rod_pipeline.ledger.catchup import refuse_if_behind
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.retention.restoring import recover
from rod_pipeline.settings import Settings
from rod_pipeline.store.seaweed import LocalStore
from rod_pipeline.system import System

_ROOT = Path(__file__).parents[2]
_WORKSPACE = _ROOT / "workspace.yaml"
_READY_SECONDS = 120


class DagsterDidNotStart(TransientError):
    """The UI didn't answer in time."""

    code = "ROD-SERVE-01"


class NotRunning(PermanentError):
    """Something was asked of a Dagster that isn't running."""

    code = "ROD-SERVE-02"


@dataclass(frozen=True)
class Serving:
    """Where Dagster answers."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def environment(settings: Settings) -> dict[str, str]:
    """The environment in which Dagster runs for this installation, whoever starts it."""
    return {
        **os.environ,
        "ROD_HOME": str(settings.home),
        "DAGSTER_HOME": str(dagster_home(settings)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "GX_ANALYTICS_ENABLED": "false",
    }


def dagster_home(settings: Settings) -> Path:
    """The folder of Dagster's own storage, with the configuration that keeps personal data out of it."""
    home = settings.home / "dagster"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(_ROOT / "deployments" / "local" / "dagster.yaml", home / "dagster.yaml")
    return home


@contextmanager
def serving(settings: Settings, port: int | None = None) -> Iterator[Serving]:
    """Run the embedded store and Dagster for as long as the block lasts.

    Before Dagster starts, the ledger is held against what was published of it, and its tombstones are replayed.
    ``port`` 0 or None takes 3000 when it is free, else any free port. SIGTERM leaves the block as Ctrl-C does. Raises
    ``DagsterDidNotStart``, and what ``refuse_if_behind`` and ``recover`` raise.
    """
    with _leaving_on_sigterm():
        yield from _serving(settings, port)


def _serving(settings: Settings, port: int | None) -> Iterator[Serving]:
    own_store = settings.store.endpoint is None
    # The server has to know by name which bucket the pipeline itself may not touch.
    store = LocalStore(settings.home / "store", bucket=settings.store.bucket, evidence_bucket=settings.evidence.bucket)
    if own_store:
        store.start()
    at = Serving(port or _free_port(3000))
    log = settings.home / "dagster" / "dev.log"
    env = environment(settings)
    try:
        _recover(settings)
        with log.open("ab") as output:
            command = [sys.executable, "-m", "dagster_dg_cli.cli.entrypoint"]
            dagster = subprocess.Popen(
                [*command, "dev", "-w", str(_WORKSPACE), "--host", "127.0.0.1", "--port", str(at.port)],
                cwd=_ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            _wait(at, dagster)
            where = settings.home / "serving.json"
            where.write_text(json.dumps({"port": at.port, "pid": dagster.pid}))
            try:
                yield at
            finally:
                where.unlink(missing_ok=True)
        finally:
            _stop(dagster)
    finally:
        if own_store:
            store.stop()


def _recover(settings: Settings) -> None:
    """Replay the tombstones before anything may run: what a backup brought back goes, and interrupted purges go on."""
    with System.open(settings) as system:
        refuse_if_behind(system)
        recover(system, copy_register(system))


@contextmanager
def _leaving_on_sigterm() -> Iterator[None]:
    """What service managers send would otherwise end this process and leave all that it started."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def running(settings: Settings) -> Serving | None:
    """Where Dagster of this installation answers, when it runs on this machine."""
    try:
        at = Serving(int(json.loads((settings.home / "serving.json").read_text())["port"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return at if _answers(at) else None


def _wait(at: Serving, process: subprocess.Popen[bytes]) -> None:
    until = monotonic() + _READY_SECONDS
    while monotonic() < until:
        if process.poll() is not None:
            break
        if _answers(at):
            return
        sleep(0.25)
    raise DagsterDidNotStart(
        "Dagster didn't come up.", "Read dagster/dev.log in the folder of the installation for the reason."
    )


def _answers(at: Serving) -> bool:
    try:
        with urllib.request.urlopen(f"{at.url}/server_info", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    # The whole session that we started: webserver, daemon, code server, and runs that are still going.
    for sign, patience in ((signal.SIGINT, 20), (signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        if not _group_lives(process.pid):
            break
    process.wait()


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DagsterDidNotStart("There is no free port on this machine.", "Close what holds them.")
