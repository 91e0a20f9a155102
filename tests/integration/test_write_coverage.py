"""Every file that a delivery makes anything write is claimed by a place of the copy register, or named here with why.

A new kind of copy that no purge would find fails this test with the path of its first file.
"""

import os
import sys
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

import pytest

from rod_pipeline.clock import SystemClock
from rod_pipeline.installation import make_installation
from rod_pipeline.retention.places import places
from rod_pipeline.settings import Settings
from rod_pipeline.synthetic.pleio_server import StandIn
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System
from tests.support.pipeline import CODE, delivery
from tests.support.tracing import TraceFailed, written

KEY = "2025-12"
SMALL = Population(seed=8, scale=0.0005)

NOT_A_COPY: Mapping[str, str] = {
    "{home}/ledger.db*": "the ledger: no personal data by its vocabulary; it outlives every delivery",
    "{home}/notices/*": "drafts of letters about rules and counts",
    "{dagster}/*": "Dagster's storage: the place dagster, which is handed in by who knows Dagster",
    "/dev/shm/sem.*": "semaphores of multiprocessing",
}

DELIVERED = """
import sys
import dagster as dg
import duckdb
from rod_pipeline.definitions import build_defs
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.announcing import announce
from rod_pipeline.marts.database import open_database
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.retention.places import places
from rod_pipeline.settings import Settings
from rod_pipeline.system import System
from tests.support.pipeline import walk
from tests.support.places import emptied, left, subject_of, tombstone

link, code, bad = sys.argv[1:]
# The store runs from here on: else each step of the job would start it and stop it again.
with System.open(Settings.load()) as system, dg.DagsterInstance.get() as instance:
    assert system.objects
    for key, offered in (("2025-12", link), ("2025-12-r2", bad)):
        announce(system, DeliveryKey.parse(key), [offered], code)
    instance.add_dynamic_partitions(DELIVERY, ["2025-12"])
    job = build_defs(Settings.load()).resolve_job_def("deliver")
    assert job.execute_in_process(instance=instance, partition_key="2025-12").success
    assert walk(system, DeliveryKey.parse("2025-12-r2")) != []
    with open_database(system, "tester", "beheer") as connection:
        connection.execute("select * from studentaantallen order by all").fetchall()
    purge_id = tombstone(system, "2025-12")
    emptied(places(system), subject_of(system, "2025-12"), purge_id)
    assert left(places(system), subject_of(system, "2025-12")) == {}
"""


class Traced:
    """An installation with its own embedded store, and programs that are watched while they work on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.dagster = folder, folder / "home", folder / "dagster"
        self.dagster.mkdir()
        # As every installation has it; else Dagster numbers the user, in his own folder, once.
        (self.dagster / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        make_installation(self.home, SystemClock(), country="NL", site="test bench", declared_by="tester")
        (self.home / "rod.toml").write_text('[pleio]\nhosts = ["127.0.0.1"]\nallow_loopback_http = true\n')

    def unclaimed(self, script: str, *arguments: str) -> list[str]:
        """The files that ``script`` wrote and that no place answers for."""
        environment = {
            **os.environ,
            "ROD_HOME": str(self.home),
            "DAGSTER_HOME": str(self.dagster),
            # Bytecode is written beside the code and holds code.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        paths = written([sys.executable, "-W", "ignore", "-c", script, *arguments], environment, self.folder / "strace")
        assert paths, "something was written"
        with System.open(Settings.load(self.home)) as system:
            claims = [pattern for place in places(system) for pattern in place.claims]
        claims += [pattern.format(home=self.home, dagster=self.dagster) for pattern in NOT_A_COPY]
        return sorted(path for path in paths if not any(fnmatch(path, pattern) for pattern in claims))


@pytest.fixture
def traced(tmp_path: Path) -> Traced:
    return Traced(tmp_path)


def test_every_file_that_a_delivery_writes_is_claimed_by_a_place(traced: Traced, pleio_stand_in: StandIn) -> None:
    """One that goes all the way, in Dagster, and is erased; and one that is refused."""
    links = [
        pleio_stand_in.publish(content, CODE, "ok", uses=None)
        for content in (
            delivery(KEY, population=SMALL),
            delivery("2025-12-r2", "bsn_in_sectornummer", population=SMALL),
        )
    ]
    assert traced.unclaimed(DELIVERED, links[0], CODE, links[1]) == []


@pytest.mark.parametrize(
    "planted",
    [
        "(home / 'export.csv').write_text('rows')",
        "os.rename(home / 'ledger.db', home / 'export.csv')",
        "open(os.open('export.csv', os.O_RDWR | os.O_CREAT, dir_fd=os.open(home, os.O_RDONLY)), 'w').write('rows')",
        "subprocess.run(['cp', home / 'rod.toml', home / 'export.csv'], check=True)",
        "duckdb.connect(str(home / 'export.csv')).execute('create table t as select 1')",
        "pl.DataFrame({'a': [1]}).lazy().sink_csv(home / 'export.csv')",
    ],
)
def test_a_file_beside_the_places_is_seen_however_it_is_written(traced: Traced, planted: str) -> None:
    (traced.home / "ledger.db").touch()
    script = (
        f"import os, subprocess, duckdb, polars as pl, pathlib; home = pathlib.Path({str(traced.home)!r}); {planted}"
    )
    assert str(traced.home / "export.csv") in traced.unclaimed(script)


def test_a_program_that_fails_proves_nothing(traced: Traced) -> None:
    with pytest.raises(TraceFailed):
        traced.unclaimed("raise SystemExit(1)")
