"""Dagster as a deployment runs it, for tests: code server, daemon and webserver, each a process of its own.

Belongs here: starting them on a ``DAGSTER_HOME`` that is there, and asking the webserver. Does not belong here: the
installation (``pipeline``), the cluster that carries out steps (``cluster``).
"""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from tests.support.postgres import free_port

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Services:
    """The running services; ``processes`` by name."""

    processes: Mapping[str, "subprocess.Popen[bytes]"]
    port: int

    def ask(self, query: str) -> Any:
        """What the webserver answers to a GraphQL query; raises ``OSError`` when it doesn't."""
        body = json.dumps({"query": query}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["data"]


@contextmanager
def services(module: str, environment: Mapping[str, str], folder: Path) -> Iterator[Services]:
    """Run them during the block, with ``module``'s ``defs`` as the code location; logs go to ``folder``."""
    code, web = free_port(), free_port()
    workspace = folder / "workspace.yaml"
    location = {"host": "127.0.0.1", "port": code, "location_name": "rod_pipeline"}
    workspace.write_text(json.dumps({"load_from": [{"grpc_server": location}]}))
    commands = {
        "code": ["dagster", "code-server", "start", "-m", module, "-a", "defs", "-h", "127.0.0.1", "-p", str(code)],
        "webserver": ["dagster_webserver", "-h", "127.0.0.1", "-p", str(web), "-w", str(workspace)],
        "daemon": ["dagster._daemon", "run", "-w", str(workspace)],
    }
    with ExitStack() as stack:
        started = {}
        for name, command in commands.items():
            with (folder / f"{name}.log").open("ab") as log:
                started[name] = subprocess.Popen(
                    [sys.executable, "-m", *command],
                    cwd=_ROOT,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            stack.callback(_end, started[name])
        running = Services(started, web)
        until = monotonic() + 600
        while not _answers(running):
            died = [name for name, process in started.items() if process.poll() is not None]
            assert not died and monotonic() < until, f"{died or 'the webserver'}: see {folder}"
            sleep(1)
        yield running


def _answers(running: Services) -> bool:
    with suppress(urllib.error.URLError, OSError, KeyError):
        return bool(running.ask("{ version }")["version"])
    return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    for sign, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 20)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    process.wait()
