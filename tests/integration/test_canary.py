"""The canary: a delivery full of markers, failed steps and killed processes included, and after the purge not a byte.

Once as in production, where the look is for the ciphertext itself; once with sealing and compression taken away and
without Dagster, as the control: the look must find the markers in the store's volumes before the purge. Looked at are
the bytes of every file: ledger, keys, secrets, reports, Dagster, temporary files, the folder in memory, the volumes of
the store after it rewrote them, and the evidence. Blocks of the disk that no file owns any more are out of reach, for
readers as well.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import dagster as dg
import pytest

from rod_pipeline.clock import SystemClock
from rod_pipeline.definitions import build_defs
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.installation import make_installation
from rod_pipeline.intake.announcing import announce
from rod_pipeline.orchestration.launching import failures
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.orchestration.register import copy_register, stop_runs
from rod_pipeline.orchestration.serving import dagster_home
from rod_pipeline.retention.evidence.bundle import bundle_of
from rod_pipeline.retention.rounds import make_round
from rod_pipeline.settings import Settings
from rod_pipeline.simulation.canary import Canary
from rod_pipeline.synthetic.pleio_server import StandIn
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System
from tests.support.canary import in_clear, killed, marked, recorded, traces
from tests.support.killing import advance
from tests.support.leaks import MARKER, Table, edited, sabotage
from tests.support.pipeline import CODE, delivery, remember, walk

SMALL = Population(seed=6, scale=0.0005)
LONG_AGO = datetime(2018, 3, 1, 12, tzinfo=UTC)
KEYS = ("2025-12", "2025-12-r2", "2025-12-r3", "2025-12-r4")


@dataclass(frozen=True)
class Purged:
    """What was found before and after the purge of everything: labels (object, or ``clear``), and files per label.

    ``wanted`` are the labels that had to be found before it.
    """

    system: System
    before: dict[str, set[str]]
    after: dict[str, set[str]]
    memory: Canary
    stages: dict[str, str]
    outcomes: list[str]
    unfinished: set[str]
    wanted: set[str]


def cells_marked(rows: Table) -> None:
    """Markers in every cell of three rows: wrong type, unknown code, wrong shape."""
    for row in rows[1:4]:
        row[:] = [f"{MARKER}{place:06d}" for place, _ in enumerate(row)]


@pytest.fixture(scope="module")
def cached() -> Iterator[None]:
    """Equal tables are judged once: what is tried here is what is left of them."""
    with pytest.MonkeyPatch.context() as patch:
        remember(patch)
        yield


@pytest.fixture(scope="module", params=["in clear", "as in production"])
def purged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, cached: None) -> Iterator[Purged]:
    clear = request.param == "in clear"
    folder = tmp_path_factory.mktemp("canary")
    home, temporary, memory = folder / "home", folder / "tmp", Canary()
    temporary.mkdir()
    make_installation(home, SystemClock(), country="NL", site="test bench", declared_by="tester")
    (home / "rod.toml").write_text(
        '[pleio]\nhosts = ["127.0.0.1"]\nallow_loopback_http = true\n[retention]\nlate_sweep_hours = 0\n'
    )
    good = marked(delivery("2025-12", population=SMALL))
    # Every marker begins like this one.
    memory.plant([MARKER, CODE])
    with pytest.MonkeyPatch.context() as patch, recorded(memory), StandIn() as pleio:
        for name, value in {"ROD_HOME": str(home), "TMPDIR": str(temporary)}.items():
            patch.setenv(name, value)
        patch.delenv("DAGSTER_HOME", raising=False)
        with System.open(Settings.load()) as system:
            # The store runs from here on: else each step of the job would start it and stop it again.
            assert system.objects
            if clear:
                with in_clear():
                    live_and_die(system, pleio, good, memory, folder / "noted", clear)
            else:
                live_and_die(system, pleio, good, memory, folder / "noted", clear)
            state = system.ledger.state()
            stages = {key: state.deliveries[key].stage for key in KEYS}
            written = {copy.object_key for copy in state.copies.values() if copy.status != "erased"}
            unfinished = {copy.object_key for copy in state.copies.values() if copy.status == "registered"}
            if clear:
                # What isn't sealed isn't unlike anything else: its values are looked for, not pieces of it.
                memory.sealed.clear()
            before = traces(memory, [home, temporary])
            done = make_round(system, copy_register(system), stop_runs(system))
            assert done.errors == ()
            system.notary().publish()
            evidence = {purge.purge_id: bundle_of(system, purge.purge_id) for purge in done.purges}
            evidence |= {name: system.evidence.get(name) for name in system.evidence.keys("log/")}
            system._local_store.vacuum()
            after = traces(memory, [home, temporary], evidence)
            outcomes = [purge.attested.outcome for purge in done.purges if purge.attested is not None]
            yield Purged(system, before, after, memory, stages, outcomes, unfinished, {"clear"} if clear else written)


def live_and_die(system: System, pleio: StandIn, good: bytes, memory: Canary, noted: Path, clear: bool) -> None:
    """One delivery whose mart fails by an error that quotes a marker and is run again, one that fails, two killed.

    In the control the first two go through their stages without Dagster and without that error.
    """
    broken = edited(good, dict.fromkeys(("inschrijvingen", "diplomas"), cells_marked))
    for key, content in zip(KEYS, (good, broken, good, good), strict=True):
        announce(system, DeliveryKey.parse(key), [pleio.publish(content, CODE)], CODE, moment=LONG_AGO)
    if clear:
        assert walk(system, DeliveryKey.parse("2025-12")) == []
        assert walk(system, DeliveryKey.parse("2025-12-r2")) != []
    else:
        run_in_dagster(system)
    third, fourth = map(DeliveryKey.parse, KEYS[2:])
    dying = partial(killed, os.environ, system.objects.settings, noted, clear, memory)
    ended = dying(key=str(third), stage="land", call="UploadPart", nth=3, moment="after")
    assert ended == -signal.SIGKILL
    advance(system, fourth, "store")
    noted.unlink()
    ended = dying(key=str(fourth), stage="store", call="PutObject", nth=2, moment="after")
    assert ended == -signal.SIGKILL


def run_in_dagster(system: System) -> None:
    job = build_defs(system.settings).resolve_job_def("deliver")
    with dg.DagsterInstance.from_config(str(dagster_home(system.settings))) as instance:
        instance.add_dynamic_partitions(DELIVERY, list(KEYS))

        def run(key: str) -> str:
            result = job.execute_in_process(instance=instance, partition_key=key, raise_on_error=False)
            return "\n".join(failures(instance, result.run_id))

        with sabotage("error"):
            assert "[ROD-INTERNAL-01] Unforeseen ValueError" in run("2025-12")
        assert run("2025-12") == ""
        assert "REFUSED" in run("2025-12-r2")


def test_everything_went_as_it_was_meant_to_go_wrong(purged: Purged) -> None:
    """Else there is nothing to find."""
    assert purged.stages == {
        "2025-12": "stored",
        "2025-12-r2": "failed",
        "2025-12-r3": "announced",
        "2025-12-r4": "validated",
    }
    assert len(purged.unfinished) == 2


def test_before_the_purge_everything_that_was_written_is_found_and_in_the_store_alone(purged: Purged) -> None:
    """In the clear, that is the markers; as in production it is each object, and no marker anywhere."""
    assert purged.before.keys() >= purged.wanted
    assert ("clear" in purged.before) == (purged.wanted == {"clear"})
    assert {file for files in purged.before.values() for file in files if not file.startswith("store/data/")} == set()


def test_after_the_purge_nothing_is_found_anywhere(purged: Purged) -> None:
    assert purged.after == {}


def test_the_certificates_say_no_more_than_was_found(purged: Purged) -> None:
    """The moments lie so far back that the purge comes late; the processor hasn't answered."""
    assert purged.outcomes == ["ONVOLLEDIG"] * len(KEYS)
