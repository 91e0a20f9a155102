"""An installation that lives by a simulated clock, and can't be taken for a real one.

Belongs here: setting it up, and the few parts in which it differs: the store tells the simulated time, whoever answers
for its place and for the table of places reviews them in time, and every object that is written is remembered. Does not
belong here: what happens in it (``life``).

Everything in it is its own: folder, ledger, keys, store, and a log whose name says SIMULATIE, so that the verifier
refuses its evidence under any other key. No setting from the environment reaches it, and it opens no other folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rod_pipeline.clock import Clock
from rod_pipeline.errors import PermanentError
from rod_pipeline.installation import LOOPBACK, make_installation
from rod_pipeline.settings import BackupSection, EvidenceSection, PleioSection, RetentionSection, Settings
from rod_pipeline.simulation.canary import Canary, RememberingStore
from rod_pipeline.simulation.clock import SimulatedClock
from rod_pipeline.store import scratch
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.declaration import Declaration
from rod_pipeline.store.territory import Place, Policy, TerritoryGuard
from rod_pipeline.system import System

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from rod_pipeline.store.objects import ObjectStore

MARK = "simulatie-van-de-rod-pipeline"
ORIGIN = "rod-pipeline.local/simulatie/ledger"
BACKUP = BackupSection(name="nightly", days=7)
LEAD = timedelta(days=14)
_REVIEWED = timedelta(days=150)
_DECLARED = timedelta(days=365)
_SITE, _ROLE = "the machine of this simulation", "simulation"


class NotASimulation(PermanentError):
    """A simulation was to be run on something real."""

    code = "ROD-SIMULATION-01"


def make_simulation(home: Path, clock: SimulatedClock) -> Settings:
    """Set up an installation for a simulation in ``home``, which is new or empty; returns its settings."""
    if home.exists() and any(home.iterdir()):
        raise NotASimulation(f"The folder {home.name} isn't empty.", "A simulation needs a folder of its own.")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / MARK).touch()
    make_installation(home, clock, country="NL", site=_SITE, declared_by=_ROLE, origin=ORIGIN)
    return Settings(
        home=home.absolute(),
        pleio=PleioSection(hosts=(LOOPBACK,), allow_loopback_http=True),
        # Room for the life of a backup, and a week to spare.
        retention=RetentionSection(lead_days=LEAD.days, backups=(BACKUP,)),
        evidence=EvidenceSection(origin=ORIGIN),
    )


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Nothing that this process does meets another installation, whatever its environment names."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("ROD_") or name == "DAGSTER_HOME"}
    for name in kept:
        del os.environ[name]
    # Where a purge looks for Dagster, and code of it that loads settings for that of an installation.
    os.environ |= {"ROD_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    # What programs of this user spilled by default, without a folder of ours, is no business of a simulation.
    spill = scratch._DEFAULT_SPILL
    scratch._DEFAULT_SPILL = ()  # type: ignore[assignment]
    try:
        yield
    finally:
        scratch._DEFAULT_SPILL = spill
        del os.environ["ROD_HOME"], os.environ["DAGSTER_HOME"]
        os.environ |= kept


@dataclass(frozen=True)
class SimulatedSystem(System):
    """The parts of a simulated installation. ``canary`` remembers what was stored.

    One process lives in it from beginning to end, so leaving a block with it stops nothing; ``stop`` does.
    """

    canary: Canary = field(default_factory=Canary)

    def __post_init__(self) -> None:
        """Raises ``NotASimulation`` for the settings of anything else."""
        settings = self.settings
        own = Settings(
            home=settings.home,
            pleio=settings.pleio,
            retention=settings.retention,
            evidence=EvidenceSection(origin=ORIGIN),
        )
        if settings != own or not (settings.home / MARK).exists() or not isinstance(self.clock, SimulatedClock):
            raise NotASimulation(
                "These are the settings, or this is the folder, of something else than a simulation.",
                "Run `rod simulate`, which makes a folder of its own and removes it.",
            )

    @classmethod
    def open(cls, settings: Settings, clock: Clock | None = None) -> Self:
        """The simulated installation of ``settings``; it has no clock unless one is given."""
        if clock is None:
            raise NotASimulation("A simulation has no clock of its own.", "Hand over the one that it began with.")
        return cls(settings, clock)

    def __exit__(self, *_: object) -> None:
        """Leave it as it is."""

    def stop(self) -> None:
        """Stop its store."""
        super().__exit__()

    def vacuum(self) -> None:
        """Let the store rewrite its volumes without what was deleted."""
        self._local_store.vacuum()

    def store_time(self) -> datetime | None:
        """What time it is by the store: it lives by the same clock."""
        return self.clock.now()

    @cached_property
    def objects(self) -> ObjectStore:
        return RememberingStore(self._store_settings(), self.canary)

    def _guard(self, kek: bytes | None) -> TerritoryGuard:
        return _WellKept(self.clock, kek, self.settings.home / "declaration.toml")


class _WellKept(TerritoryGuard):
    """A guard whose table and declaration of place somebody reviews in time, as somebody should."""

    def __init__(self, clock: Clock, kek: bytes | None, declaration: Path) -> None:
        super().__init__(clock, kek=kek, declaration=declaration)
        self._home = declaration.parent

    def approve(self, settings: StoreSettings, client: S3Client, *, evidence: bool = False) -> Place:
        """Review what is getting old, then judge as always."""
        today = self.today()
        if not self._policy.checked <= today < self._policy.checked + _REVIEWED:
            self._policy = Policy.load().model_copy(update={"checked": today})
        path = self._home / "declaration.toml"
        if self._kek is not None and f"declared_on = {today.year}-" not in path.read_text("utf-8"):
            Declaration(
                host=LOOPBACK,
                country="NL",
                site=_SITE,
                declared_by=_ROLE,
                declared_on=today,
                valid_until=today + _DECLARED,
            ).signed(self._kek).write(path)
        return super().approve(settings, client, evidence=evidence)
