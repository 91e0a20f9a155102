"""Nothing personal and no secret gets out of a run: not into Dagster's storage, logs, reports, notices, or the ledger.

Deliveries with markers for values go through the real Dagster in a process of its own: one that succeeds, and one for
each way to fail. Then every file that any of it wrote is read, byte by byte.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from rod_pipeline.contracts.model import FILE_KINDS
from rod_pipeline.definitions import build_defs
from rod_pipeline.orchestration.resources import NothingPersonal
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.synthetic.pleio_server import StandIn
from rod_pipeline.synthetic.population import Population
from tests.support.leaks import CONTROL, MARKER, Table, edited, hits, run_all, with_marked_student
from tests.support.pipeline import CODE, Bench, delivery

SMALL = Population(seed=6, scale=0.0005)
PASSWORD = "zip-wachtwoord-x77d1"
STAGES = {
    "2025-12": "stored",
    "2025-12-r2": "failed",
    "2025-12-r3": "failed",
    "2025-12-r4": "received",
    "2025-12-r5": "received",
    "2025-12-r6": "stored",
    "2025-12-r7": "stored",
    "2025-12-r8": "refused",
}


@dataclass(frozen=True)
class Aftermath:
    """What is left when all runs are over: the folders, what the process wrote to the terminal, its secrets."""

    home: Path
    dagster: Path
    temporary: Path
    seaweed: Path
    terminal: str
    links: tuple[str, ...]
    instance: dg.DagsterInstance
    bench: Bench

    def failures(self, key: str) -> list[str]:
        """What Dagster shows of the failed steps of a delivery's run."""
        (run,) = self.instance.get_runs(dg.RunsFilter(tags={"dagster/partition": key}))
        logs = self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        events = [entry.dagster_event for entry in logs if entry.dagster_event is not None]
        told = [event.step_failure_data.user_failure_data for event in events]
        return [data.description or "" for data in told if data is not None]


def cells_marked(rows: Table) -> None:
    """Markers in every cell of three rows: wrong type, unknown code, wrong shape, in one column or another."""
    for row in rows[1:4]:
        row[:] = [f"{MARKER}{place}" for place, _ in enumerate(row)]


def total_marked(rows: Table) -> None:
    """A control total about a value that is a marker: the file passes, the delivery as a whole doesn't."""
    column = rows[0].index("Waarde")
    next(row for row in rows[1:] if row[column])[column] = MARKER


def record_broken(rows: Table) -> None:
    """A record with too few values, each of them a marker."""
    rows[3] = [MARKER] * 4


def header_lost(rows: Table) -> None:
    """No header: the first record is one of markers."""
    rows[:2] = [[f"{MARKER} {place}" for place, _ in enumerate(rows[0])]]


def column_added(rows: Table) -> None:
    """A column too many, with markers in it: refused, and erased."""
    for row in rows:
        row.append(MARKER)
    rows[0][-1] = "Verzuimdagen"


@pytest.fixture(scope="module")
def aftermath(
    tmp_path_factory: pytest.TempPathFactory, seaweed: StoreSettings, seaweed_folder: Path
) -> Iterator[Aftermath]:
    folder = tmp_path_factory.mktemp("leaks")
    dagster, temporary = folder / "dagster", folder / "tmp"
    for made in (dagster, temporary):
        made.mkdir()
    (dagster / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    good = with_marked_student(delivery("2025-12", population=SMALL))
    deliveries = [
        (delivery("2025-12", population=SMALL, password=PASSWORD), None),
        (edited(good, dict.fromkeys(FILE_KINDS, cells_marked)), None),
        (edited(good, {"technisch": total_marked}), None),
        (edited(good, {"doorstroom": record_broken}), None),
        (edited(good, {"diplomas": header_lost}), None),
        (good, "error"),
        (good, "panic"),
        (edited(good, {"mbo_hbo": column_added}), None),
    ]
    with StandIn() as pleio, pytest.MonkeyPatch.context() as patch:
        bench = Bench(folder / "home", seaweed, pleio)
        for name, value in bench.environment().items():
            patch.setenv(name, value)
        runs: list[dict[str, object]] = []
        for key, (content, how) in zip(STAGES, deliveries, strict=True):
            bench.announce(key, content, password=PASSWORD)
            runs.append({"key": key, "sabotage": how})
        environment = {**os.environ, "DAGSTER_HOME": str(dagster), "TMPDIR": str(temporary)}
        terminal = run_all(environment, [*runs, {"key": "careless"}])
        links = tuple(pleio.items)
        with dg.DagsterInstance.from_config(str(dagster)) as instance:
            yield Aftermath(bench.home, dagster, temporary, seaweed_folder, terminal, links, instance, bench)


def test_the_runs_ended_as_they_were_meant_to(aftermath: Aftermath) -> None:
    """Else there is nothing to find."""
    assert {key: aftermath.bench.intake(key).stage for key in STAGES} == STAGES
    told = {key: "\n".join(aftermath.failures(key)) for key in STAGES}
    assert told["2025-12"] == ""
    assert told["2025-12-r2"].count("REFUSED") == len(FILE_KINDS)
    assert "delivery.totals." in told["2025-12-r3"]
    assert "ROD-FILE-06" in told["2025-12-r4"]
    assert "ROD-FILE-13" in told["2025-12-r5"]
    assert "[ROD-INTERNAL-01] Unforeseen ValueError" in told["2025-12-r6"]
    assert "[ROD-INTERNAL-01] Unforeseen PanicException" in told["2025-12-r7"]
    assert "ROD-FILE-17" in told["2025-12-r8"]


@pytest.mark.parametrize("place", ["dagster", "home", "temporary", "seaweed"])
def test_no_value_stands_in_any_file(aftermath: Aftermath, place: str) -> None:
    assert hits([getattr(aftermath, place)], [MARKER]) == []


@pytest.mark.parametrize("place", ["dagster", "home", "temporary", "seaweed"])
def test_no_secret_stands_in_any_file(aftermath: Aftermath, place: str) -> None:
    assert hits([getattr(aftermath, place)], [CODE, PASSWORD, *aftermath.links]) == []


def test_nothing_is_said_on_the_terminal(aftermath: Aftermath) -> None:
    said = [value for value in (MARKER, CODE, PASSWORD, *aftermath.links) if value in aftermath.terminal]
    assert aftermath.terminal
    assert said == []


def test_what_does_get_out_is_found_in_every_place_that_was_looked_at(aftermath: Aftermath) -> None:
    """A job that tells a value everywhere ran beside the others: its traces are where the others left none."""
    found = hits([aftermath.dagster], [CONTROL])
    assert any(name.endswith(".db") for name in found), "an event, with its error"
    assert any(name.endswith(".out") for name in found), "captured standard output"
    assert any(name.endswith(".err") for name in found), "captured standard error"
    for place in (aftermath.home, aftermath.temporary):
        planted = place / "planted.txt"
        planted.write_text(f"n of N rows hold {MARKER}")
        assert hits([place], [MARKER]) == ["planted.txt"]
        planted.unlink()


def test_assets_hand_no_value_to_dagster(aftermath: Aftermath) -> None:
    """Every asset is under the manager that refuses values, and none has left one behind."""
    managers = build_defs(aftermath.bench.settings).resources
    assert managers is not None
    assert isinstance(managers["io_manager"], NothingPersonal)
    job = build_defs(aftermath.bench.settings).resolve_job_def("deliver")
    keys = {output.io_manager_key for node in job.all_node_defs for output in node.output_defs}
    assert keys == {"io_manager"}
    kept = [file for file in (aftermath.dagster / "storage").rglob("*") if file.is_file()]
    assert {file.suffix for file in kept} <= {".out", ".err", ".complete"}
