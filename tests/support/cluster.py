"""A Dask cluster for tests: a scheduler here, workers on ``hosts``, and Dagster's storage in PostgreSQL for all.

Belongs here: starting it for one installation, running the job ``deliver`` on it. Does not belong here: the machines
(``hosts``), the installation (``pipeline``).
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import dagster as dg
import yaml
from cryptography.x509.oid import ExtendedKeyUsageOID
from sqlalchemy import make_url

from tests.support import backend
from tests.support.hosts import Host, Network, power_off
from tests.support.pipeline import Bench
from tests.support.pleio_tls import Authority

_ROOT = Path(__file__).parents[2]
_LOCAL = _ROOT / "deployments" / "local" / "dagster.yaml"


class Cluster:
    """A scheduler, and the workers that ``work_on`` starts. A context manager that ends what it started.

    ``runs``: how many may go on at once.
    """

    def __init__(self, bench: Bench, network: Network, folder: Path, runs: int = 2) -> None:
        self.bench, self._folder = bench, folder
        self._stack = ExitStack()
        with socket.socket() as found:
            found.bind((network.address, 0))
            self.scheduler = f"tls://{network.address}:{found.getsockname()[1]}"
        (folder / "dagster").mkdir()
        dagster_yaml(folder / "dagster", runs)
        authority = Authority(folder)
        both = authority.certificate("node", ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
        tls = {"CA_FILE": authority.ca_file}
        tls |= {f"{role}__{part}": both for role in ("SCHEDULER", "WORKER", "CLIENT") for part in ("CERT", "KEY")}
        self.environment: Mapping[str, str] = {
            **os.environ,
            **bench.environment(),
            "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "DAGSTER_HOME": str(folder / "dagster"),
            "ROD_EXECUTION__SCHEDULER": self.scheduler,
            "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true",
            **{f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(file) for name, file in tls.items()},
        }

    def __enter__(self) -> Self:
        host, port = self.scheduler.removeprefix("tls://").split(":")
        arguments = ["--host", f"tls://{host}", "--port", port, "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
        command = ["-m", "distributed.cli.dask_scheduler", *arguments]
        process = started(command, self.environment, self._folder / "scheduler.log")
        self._stack.callback(power_off, process)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def work_on(self, host: Host) -> "subprocess.Popen[bytes]":
        """Start a worker on a machine."""
        arguments = ["--nthreads", "1", "--nworkers", "1", "--name", host.name, "--no-dashboard"]
        arguments += ["--local-directory", str(self._folder / f"dask-{host.name}")]
        arguments += ["--preload", "rod_pipeline.orchestration.worker"]
        process = host.start(
            [sys.executable, "-m", "distributed.cli.dask_worker", self.scheduler, *arguments],
            self.environment,
            self._folder / f"{host.name}.log",
        )
        self._stack.callback(power_off, process)
        return process

    def deliver(self, key: str) -> "subprocess.Popen[bytes]":
        """Start the process of a run of ``deliver`` on this machine; it ends with 0 when all went well."""
        command = ["job", "execute", "-m", "rod_pipeline.definitions", "-a", "defs", "-j", "deliver"]
        command = ["-m", "dagster", *command, "--tags", json.dumps({"dagster/partition": key})]
        process = started(command, self.environment, self._folder / "run.log")
        self._stack.callback(power_off, process)
        return process

    def instance(self) -> dg.DagsterInstance:
        """Dagster's storage, as every machine sees it."""
        return dg.DagsterInstance.from_config(str(self._folder / "dagster"))

    def logs(self) -> str:
        """What all of it printed."""
        return "\n".join(f"== {log.name}\n{log.read_text()[-6000:]}" for log in sorted(self._folder.glob("*.log")))


def started(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """A process of this Python, the first of a session of its own, that prints to ``log``."""
    with log.open("ab") as said:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=_ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def dagster_yaml(home: Path, runs: int = 2) -> None:
    postgres, _ = backend.servers()
    url = make_url(postgres.new_database_by_environment())
    about = yaml.safe_load(_LOCAL.read_text("utf-8"))
    about["storage"] = {
        "postgres": {
            "postgres_db": {
                "hostname": url.host,
                "port": url.port,
                "db_name": url.database,
                "username": "rod",
                "password": {"env": "PGPASSWORD"},
                "scheme": "postgresql+psycopg2",
            }
        }
    }
    about["concurrency"]["runs"]["max_concurrent_runs"] = runs
    (home / "dagster.yaml").write_text(yaml.safe_dump(about))
