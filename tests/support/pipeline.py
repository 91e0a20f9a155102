"""A whole installation for tests: real store, real ledger, real stand-in of PLEIO, the real definitions.

``Bench`` makes an installation of its own in a bucket of its own on the test run's SeaweedFS, publishes synthetic
deliveries in the stand-in, and runs the real job in this process, or (``walk``) the stages of the domain in the order
in which the job does. ``stored_tables`` reads what came out of it; ``discrepancies`` says where the store, the keys,
the secrets and the ledger tell different stories.
"""

import io
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import dagster as dg
import duckdb
import polars as pl

from expectations.loader import suite_for
from rod_pipeline.clock import SystemClock
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS, FileKind
from rod_pipeline.definitions import build_defs
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import RodError
from rod_pipeline.installation import make_installation
from rod_pipeline.intake import tidying as secret
from rod_pipeline.intake.announcing import announce
from rod_pipeline.intake.landing import land
from rod_pipeline.intake.parsing import parse, take_stock
from rod_pipeline.intake.storing import store
from rod_pipeline.ledger.state import IntakeState
from rod_pipeline.marts.build import build_marts
from rod_pipeline.marts.database import build_database
from rod_pipeline.orchestration.launching import failures
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.quality import verdict
from rod_pipeline.settings import Settings
from rod_pipeline.store import probe
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.objects import ObjectStore
from rod_pipeline.synthetic.delivery import write_delivery
from rod_pipeline.synthetic.pleio_server import StandIn
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System
from tests.support.backend import settings_of
from tests.support.remembering import known
from tests.support.remembering import remember as remember

UNDISTURBED = "2025-12"
CODE = "code-of-the-stand-in"
POPULATION = Population(seed=1, scale=0.002)
PLACED = {"2025-12": datetime(2025, 12, 16, 10, tzinfo=UTC), "2026-08": datetime(2026, 8, 24, 14, tzinfo=UTC)}


class Bench:
    """One installation in ``home``, with its bucket, its PLEIO and, where it is used, an instance of Dagster."""

    def __init__(
        self, home: Path, store: StoreSettings, pleio: StandIn, instance: dg.DagsterInstance | None = None
    ) -> None:
        self.home = home
        self.pleio = pleio
        self.instance = instance
        self._kept_open: System | None = None
        self.store = store.model_copy(update={"bucket": f"t{os.urandom(6).hex()}"})
        ObjectStore(self.store).ensure_bucket()
        _tried_already(self.store)
        make_installation(home, SystemClock(), country="NL", site="test bench", declared_by="tester")
        (home / "rod.toml").write_text(
            settings_of(home) + f'[store]\nendpoint = "{self.store.endpoint}"\nbucket = "{self.store.bucket}"\n'
            '[pleio]\nhosts = ["127.0.0.1"]\nallow_loopback_http = true\n'
        )

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to work on this installation."""
        return {"ROD_HOME": str(self.home), **store_environment(self.store)}

    @property
    def settings(self) -> Settings:
        return Settings.load(self.home)

    @contextmanager
    def system(self) -> Iterator[System]:
        """The installation, opened as a new process would, unless it is kept open."""
        if self._kept_open is not None:
            yield self._kept_open
        else:
            with System.open(self.settings) as system:
                yield system

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Open the installation once for all that the block does: reading a long ledger again costs time."""
        with System.open(self.settings) as self._kept_open:
            yield
        self._kept_open = None

    def intake(self, key: str) -> IntakeState:
        with self.system() as system:
            return system.ledger.state().deliveries[key]

    def announce(
        self,
        key: str,
        content: bytes | None = None,
        *,
        fault: str | None = None,
        scenario: str = "ok",
        uses: int | None = None,
        password: str | None = None,
    ) -> str:
        """Put a delivery in PLEIO and announce it; returns the id of the intake. A synthetic one if it isn't given."""
        link = self.pleio.publish(content or delivery(key, fault), CODE, scenario, uses=uses)
        with self.system() as system:
            moment = PLACED.get(key)
            return announce(system, DeliveryKey.parse(key), [link], CODE, archive_password=password, moment=moment)

    def walk(self, key: str) -> list[str]:
        """Take a delivery through the stages without Dagster; returns why it stopped, empty when it didn't."""
        with self.system() as system:
            return walk(system, DeliveryKey.parse(key))

    def run(self, key: str) -> list[str]:
        """Run the job on a delivery in this process; returns why it failed, empty when it didn't."""
        assert self.instance is not None
        self.instance.add_dynamic_partitions(DELIVERY, [key])
        job = build_defs(self.settings).resolve_job_def("deliver")
        result = job.execute_in_process(instance=self.instance, partition_key=key, raise_on_error=False)
        return failures(self.instance, result.run_id)

    def materialized(self, asset: str) -> set[str]:
        """The partitions of an asset that Dagster shows as there."""
        assert self.instance is not None
        return set(self.instance.get_materialized_partitions(dg.AssetKey(asset.split("/"))))

    def objects(self) -> list[str]:
        """The keys of everything in the bucket, old versions and open uploads too; without bytes that only probe it."""
        found = ObjectStore(self.store).inventory("")
        keys = {key for key, _ in (*found.versions, *found.markers, *found.uploads)}
        return sorted(key for key in keys if not key.startswith("probe/"))


def _tried_already(store: StoreSettings) -> None:
    """A bucket needn't be put to the test in this process when another one on the same server was."""
    if any(endpoint == store.endpoint for endpoint, _ in probe._proved):
        probe._proved.add((str(store.endpoint), store.bucket))


class Workshops:
    """Hands out installations, each to so many tests: a ledger and a mart database that grow make every step slower.

    In each, ``good`` has gone through as the delivery ``UNDISTURBED``. ``folders`` gives the place of the next one.
    """

    tests_each = 6

    def __init__(self, store: StoreSettings, pleio: StandIn, good: bytes) -> None:
        self._store, self._pleio, self._good = store, pleio, good
        self._open = ExitStack()
        self._bench: Bench | None = None
        self._left = 0
        self.folders: Iterator[Path] = iter(())
        self.environment = store_environment(store)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def current(self) -> Bench:
        """The installation for the next test."""
        if self._bench is None or not self._left:
            self._open.close()
            self._bench = Bench(next(self.folders) / "home", self._store, self._pleio)
            self._open.enter_context(self._bench.kept_open())
            self._bench.announce(UNDISTURBED, self._good)
            assert self._bench.walk(UNDISTURBED) == []
            self._left = self.tests_each
        self._left -= 1
        return self._bench


def store_environment(store: StoreSettings) -> dict[str, str]:
    """The secrets of a store as a process gets them."""
    assert store.eraser is not None
    return {
        "ROD_STORE__ACCESS_KEY": store.access_key.get_secret_value(),
        "ROD_STORE__SECRET_KEY": store.secret_key.get_secret_value(),
        "ROD_STORE__ERASER_ACCESS_KEY": store.eraser.access_key.get_secret_value(),
        "ROD_STORE__ERASER_SECRET_KEY": store.eraser.secret_key.get_secret_value(),
    }


def walk(system: System, key: DeliveryKey) -> list[str]:
    """Every stage in the order of the assets; returns what Dagster would show of each that failed.

    The five files are independent of each other, as they are in Dagster; what comes after them needs all five.
    """
    told: list[str] = []

    def went_well(stage: Callable[[], object]) -> bool:
        try:
            outcome = stage()
        except RodError as error:
            told.append(str(error))
            return False
        if isinstance(outcome, verdict.Outcome) and not outcome.report.passed:
            told.append(outcome.report.summary())
            return False
        return True

    def validated(file: FileKind) -> verdict.Outcome:
        parse(system, key, file)
        return verdict.check_file(system, key, file, suite_for)

    def database() -> object:
        with duckdb.connect(":memory:", config={"temp_directory": ""}) as connection:
            return build_database(system, connection)

    if not (went_well(lambda: land(system, key)) and went_well(lambda: take_stock(system, key))):
        return told
    if not all([went_well(lambda file=file: validated(file)) for file in FILE_KINDS]):  # type: ignore[misc]
        return told
    for stage in (
        lambda: verdict.judge(system, key),
        lambda: store(system, key),
        lambda: build_marts(system, key),
        database,
    ):
        if not went_well(stage):
            break
    return told


def delivery(
    key: str, fault: str | None = None, population: Population = POPULATION, password: str | None = None
) -> bytes:
    """A synthetic delivery as one zip, encrypted (AES) when there is a password; made once in a run of the tests."""
    asked = repr((key, fault, population, password)).encode()
    return bytes(known("delivery", asked, lambda: _made(key, fault, population, password)))


def _made(key: str, fault: str | None, population: Population, password: str | None) -> bytes:
    archive = io.BytesIO()
    write_delivery(
        archive,
        DeliveryKey.parse(key),
        population=population,
        book=ContractBook.load(),
        archive="zip" if password is None else "aes",
        password=None if password is None else password.encode(),
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


def discrepancies(bench: Bench) -> list[str]:
    """Where store, keyring, secrets and ledger disagree while nothing is being done; each in a few words.

    The ledger's living copies are exactly the objects in the bucket (old versions and open uploads count as objects),
    each of them is verified, is part of a delivery or release or is the mart database in force, and is the only one of
    its name. What lives has a key, nothing else has; and whatever has arrived or is gone has no secret any more.
    """
    with bench.system() as system:
        state = system.ledger.state()
        keys = set(system.keyring.traces())
        kept = {(scope, "") for scope in system.secrets.scopes()}
        for scope, _ in tuple(kept):
            kept |= {(scope, name) for name in (secret.LINKS, secret.CODE) if system.secrets.exists(scope, name)}
    live = [copy for copy in state.copies.values() if copy.status != "erased"]
    living = [i for i in state.intakes.values() if i.stage not in ("refused", "superseded", "tombstoned")]
    part = {state.generation.copy_id} if state.generation else set()
    for intake in living:
        part |= {*intake.raw, *intake.tables.values()}
        part |= {made.copy_id for made in (*intake.parsed.values(), *intake.marts.values())}
    part |= {copy_id for release in state.releases.values() for copy_id in release.event.copies}
    objects = set(bench.objects())
    owners = {i.delivery_id for i in living if i.delivery_id in state.keys}
    owners |= {state.generation.generation} if state.generation else set()
    owners |= {scope for scope in state.lasting if state.keys[scope] == "live"}
    recorded = {scope for scope, key in state.keys.items() if key == "live"}
    lawful = {(i.delivery_id, name) for i in living if not i.raw for name in (secret.LINKS, secret.CODE)}
    lawful |= {(i.delivery_id, "") for i in living if i.stage != "stored"}
    names = Counter((copy.scope, copy.zone, copy.name) for copy in live)
    return [
        *(f"object that the ledger doesn't know: {key}" for key in objects - {c.object_key for c in live}),
        *(f"copy that isn't there: {copy.object_key}" for copy in live if copy.object_key not in objects),
        *(f"unfinished copy: {copy.object_key}" for copy in live if copy.status != "verified"),
        *(f"copy that is part of nothing: {copy.object_key}" for copy in live if copy.copy_id not in part),
        *(f"{count} copies of {name}" for name, count in names.items() if count > 1),
        *(f"key in the keyring that nothing needs: {scope}" for scope in keys - owners),
        *(f"living thing without its key: {scope}" for scope in owners - keys),
        *(f"key living on record alone, or the reverse: {scope}" for scope in recorded ^ keys),
        *(f"{name or 'secret'} of {scope}, which is {state.intakes[scope].stage}" for scope, name in kept - lawful),
    ]
