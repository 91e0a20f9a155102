"""A whole installation for tests: real store, real ledger, real stand-in of PLEIO, the real definitions.

``Bench`` makes an installation of its own in a bucket of its own on the test run's SeaweedFS, publishes synthetic
deliveries in the stand-in, and runs the real job in this process. ``stored_tables`` reads what came out of it.
"""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl

from rod_pipeline.clock import SystemClock
from rod_pipeline.contracts import ContractBook
from rod_pipeline.definitions import build_defs
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.installation import make_installation
from rod_pipeline.intake.announcing import announce
from rod_pipeline.ledger.state import IntakeState
from rod_pipeline.orchestration.launching import failures
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.settings import Settings
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.objects import ObjectStore
from rod_pipeline.synthetic.delivery import write_delivery
from rod_pipeline.synthetic.pleio_server import StandIn
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System

CODE = "code-of-the-stand-in"
POPULATION = Population(seed=1, scale=0.002)
PLACED = {"2025-12": datetime(2025, 12, 16, 10, tzinfo=UTC), "2026-08": datetime(2026, 8, 24, 14, tzinfo=UTC)}


class Bench:
    """One installation in ``home``, with its bucket, its PLEIO and an instance of Dagster."""

    def __init__(self, home: Path, store: StoreSettings, pleio: StandIn, instance: dg.DagsterInstance) -> None:
        self.home = home
        self.pleio = pleio
        self.instance = instance
        self.store = store.model_copy(update={"bucket": f"t{os.urandom(6).hex()}"})
        ObjectStore(self.store).ensure_bucket()
        make_installation(home, SystemClock(), country="NL", site="test bench", declared_by="tester")
        (home / "rod.toml").write_text(
            f'[store]\nendpoint = "{self.store.endpoint}"\nbucket = "{self.store.bucket}"\n'
            '[pleio]\nhosts = ["127.0.0.1"]\nallow_loopback_http = true\n'
        )

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to work on this installation."""
        return {
            "ROD_HOME": str(self.home),
            "ROD_STORE__ACCESS_KEY": self.store.access_key.get_secret_value(),
            "ROD_STORE__SECRET_KEY": self.store.secret_key.get_secret_value(),
        }

    @property
    def settings(self) -> Settings:
        return Settings.load(self.home)

    @contextmanager
    def system(self) -> Iterator[System]:
        with System.open(self.settings) as system:
            yield system

    def intake(self, key: str) -> IntakeState:
        with self.system() as system:
            return system.ledger.state().deliveries[key]

    def announce(self, key: str, *, fault: str | None = None, scenario: str = "ok", uses: int | None = None) -> str:
        """Put a synthetic delivery in PLEIO and announce it; returns the id of the intake."""
        link = self.pleio.publish(delivery(key, fault), CODE, scenario, uses=uses)
        with self.system() as system:
            return announce(system, DeliveryKey.parse(key), [link], CODE, moment=PLACED.get(key))

    def run(self, key: str) -> list[str]:
        """Run the job on a delivery in this process; returns why it failed, empty when it didn't."""
        self.instance.add_dynamic_partitions(DELIVERY, [key])
        job = build_defs(self.settings).resolve_job_def("deliver")
        result = job.execute_in_process(instance=self.instance, partition_key=key, raise_on_error=False)
        return failures(self.instance, result.run_id)

    def objects(self) -> list[str]:
        """The keys of everything in the bucket, old versions and open uploads too."""
        found = ObjectStore(self.store).inventory("")
        return sorted({key for key, _ in (*found.versions, *found.markers, *found.uploads)})


def delivery(key: str, fault: str | None = None, population: Population = POPULATION) -> bytes:
    """A synthetic delivery as one zip."""
    archive = io.BytesIO()
    write_delivery(
        archive,
        DeliveryKey.parse(key),
        population=population,
        book=ContractBook.load(),
        archive="zip",
        fault=fault,
    )
    return archive.getvalue()


def stored_tables(bench: Bench, key: str) -> Mapping[str, pl.DataFrame]:
    """The validated tables and marts of a delivery, by name."""
    intake = bench.intake(key)
    copies = dict(intake.tables) | {name: mart.copy_id for name, mart in intake.marts.items()}
    tables = {}
    with bench.system() as system:
        for name, copy_id in copies.items():
            with system.vault.scan_table(copy_id) as frame:
                tables[name] = frame.collect()
    return tables
