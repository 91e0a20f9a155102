"""The demo: three synthetic deliveries all the way, on the real components.

Belongs here: setting the scene and telling what happens. Does not belong here: anything that isn't shown. The demo runs
the same code as an installation: an embedded S3 store, a PLEIO stand-in with login, Dagster with its sensor.
"""

from __future__ import annotations

import io
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import dagster as dg
from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import PermanentError
from rod_pipeline.installation import make_installation
from rod_pipeline.intake.announcing import announce
from rod_pipeline.ledger.state import IntakeState, LedgerState
from rod_pipeline.marts.database import open_database
from rod_pipeline.orchestration.launching import failures
from rod_pipeline.orchestration.serving import dagster_home, running, serving
from rod_pipeline.quality.notifying import files_of
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.settings import Settings
from rod_pipeline.synthetic.delivery import write_delivery
from rod_pipeline.synthetic.pleio_server import StandIn
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System

_MARK = "demo-of-the-rod-pipeline"
# Without any step that ends for this long, something hangs; a slow machine is no failure.
_PATIENCE = 180.0
_SEED = 2025
_OVER = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
_ZONES = {
    "landing": "as they came",
    "parsed": "read, as text",
    "validated": "typed tables",
    "marts": "counts",
}


@dataclass(frozen=True)
class Act:
    """One delivery of the demo: when DUO placed it, what is wrong with it, and which rule should refuse it."""

    key: str
    placed: datetime
    about: str
    fault: str | None = None
    refused_by: str | None = None


ACTS = (
    Act("2025-12", datetime(2025, 12, 16, 10, 0, tzinfo=UTC), "the first delivery"),
    Act("2026-08", datetime(2026, 8, 24, 14, 30, tzinfo=UTC), "the second, in which last year has become final"),
    Act(
        "2026-08-r2",
        datetime(2026, 9, 8, 9, 15, tzinfo=UTC),
        "its correction, broken: the control totals don't add up",
        fault="control_totals_mismatch",
        refused_by="delivery.totals",
    ),
)


class NotADemo(PermanentError):
    """The folder holds something else than a demo."""

    code = "ROD-DEMO-01"


class DemoRuns(PermanentError):
    """A demo was to be made anew under one that runs."""

    code = "ROD-DEMO-02"


@dataclass
class Outcome:
    """Where to look, and whether everything went as a demo should."""

    url: str
    as_expected: bool = False


@contextmanager
def run_demo(home: Path, *, scale: float) -> Iterator[Outcome]:
    """Run the demo in ``home``, made anew; Dagster and the store keep running for as long as the block lasts."""
    console = Console(highlight=False)
    settings = _fresh(home)
    console.rule("The ROD pipeline, on synthetic data")
    console.print(
        f"Three deliveries of {scale:.1%} of the country go from PLEIO to a mart, through the parts of a real "
        "installation: an S3 store, a stand-in for PLEIO with link and code, and Dagster.\n"
    )
    console.print("Making the deliveries, and starting the store and Dagster …")
    with System.open(settings) as system, StandIn() as pleio, ThreadPoolExecutor(1) as aside:
        announcing = aside.submit(_announce_all, system, pleio, scale)
        with serving(settings) as at:
            announcing.result()
            console.print(f"Dagster's UI is at [bold]{at.url}[/bold]\n")
            console.print("Announced; the link goes to the sensor, the access code to the secret store:")
            for act in ACTS:
                console.print(f"  {act.key:<11} {act.about}")
            console.print("\nDagster's sensor finds them in the ledger and starts a run for each:")
            outcome = Outcome(at.url)
            with dg.DagsterInstance.from_config(str(dagster_home(settings))) as instance:
                runs = _watch(instance, system, console)
                went = {key: failures(instance, run.run_id) for key, run in runs.items()}
            outcome.as_expected = _summary(system, went, console)
            yield outcome


def _fresh(home: Path) -> Settings:
    if home.exists():
        if not (home / _MARK).exists():
            raise NotADemo(f"The folder {home} exists and holds no demo.", "Name another folder with --home.")
        if (at := running(Settings.load(home))) is not None:
            raise DemoRuns(
                f"A demo runs in {home} already, at {at.url}.",
                "Stop it with Ctrl-C, or name another folder with --home.",
            )
        shutil.rmtree(home)
    home.mkdir(parents=True, mode=0o700)
    (home / _MARK).touch()
    make_installation(home, SystemClock(), country="NL", site="the machine of this demo", declared_by="demo")
    (home / "rod.toml").write_text('[pleio]\nhosts = ["127.0.0.1"]\nallow_loopback_http = true\n')
    return Settings.load(home)


def _announce_all(system: System, pleio: StandIn, scale: float) -> None:
    population = Population(_SEED, scale)
    for act in ACTS:
        archive = io.BytesIO()
        key = DeliveryKey.parse(act.key)
        write_delivery(archive, key, population=population, book=system.book, archive="zip", fault=act.fault)
        code = secrets.token_urlsafe(9)
        announce(system, key, [pleio.publish(archive.getvalue(), code)], code, moment=act.placed)


def _watch(instance: dg.DagsterInstance, system: System, console: Console) -> dict[str, dg.DagsterRun]:
    """Tell each stage as it ends, until every delivery's run is over."""
    began = latest = monotonic()
    read: dict[str, str | None] = {}
    while True:
        runs = {run.tags["dagster/partition"]: run for run in instance.get_runs() if "dagster/partition" in run.tags}
        for key, run in sorted(runs.items()):
            found = instance.get_records_for_run(
                run.run_id,
                cursor=read.get(run.run_id),
                of_type={dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE},
            )
            read[run.run_id] = found.cursor
            for record in found.records:
                latest = monotonic()
                event = record.event_log_entry.dagster_event
                assert event is not None
                intake = system.ledger.state().deliveries[key]
                told = _told(event.step_key or "", intake, failed=event.is_step_failure)
                if told:
                    console.print(f"  {latest - began:3.0f} s  {key:<11} {told}")
        if len(runs) == len(ACTS) and all(run.status in _OVER for run in runs.values()):
            return runs
        if monotonic() - latest > _PATIENCE:
            console.print("[red]Nothing happens any more; the reason is in dagster/dev.log in the demo's folder.[/red]")
            return runs
        sleep(0.5)


def _told(step: str, intake: IntakeState, *, failed: bool) -> str | None:
    """What it means that a step ended; None for a step that ends no stage."""
    if failed:
        return f"[red]✗[/red] {step.replace('__', '/')} refused it"
    rows = sum(table.rows for table in intake.parsed.values())
    ends = {
        "landing__raw_delivery": "downloaded, and sealed in the store",
        "validation__delivery": f"validated: {len(intake.parsed)} files, {rows:,} rows",
        "eea_delivery": f"stored in the EEA: {len(intake.tables)} typed tables, encrypted",
        "marts__database": "counted in the mart database",
    }
    return f"[green]✓[/green] {ends[step]}" if step in ends else None


def _summary(system: System, went: Mapping[str, list[str]], console: Console) -> bool:
    """Tell what became of everything; returns whether that is what a demo should show."""
    state = system.ledger.state()
    console.print()
    console.rule("What came, and what became of it")
    as_expected = True
    for act in ACTS:
        texts = went.get(act.key, ["There was no run."])
        intake = state.deliveries[act.key]
        if act.refused_by is None:
            good = not texts and intake.stage == "stored"
        else:
            good = len(texts) == 1 and act.refused_by in texts[0] and intake.stage == "failed"
        as_expected &= good
        if not texts:
            console.print(f"[green]✓ {act.key}[/green] went all the way.")
            continue
        console.print(f"[red]✗ {act.key}[/red] was refused{', as it should be' if good else ''}:")
        for text in texts:
            console.print(Padding(Text(text), (0, 0, 0, 2)))
        home = system.settings.home
        notices = [files_of(home, notice.notice).pdf for notice in state.notices_of(intake.delivery_id)]
        for what, path in (
            ("report", home / "data_docs" / f"{act.key}-{intake.delivery_id}" / "delivery.html"),
            *(("drafted notice to DUO", notice) for notice in notices),
        ):
            if path.exists():
                console.print(f"  Its {what}: {_shown(path)}", soft_wrap=True)
    console.print()
    console.rule("What is stored where, sealed, and until when")
    console.print(_holdings(system, state))
    console.print()
    console.rule("The mart: students on 1 October, whole country")
    as_expected &= _show_mart(system, console)
    if not as_expected:
        console.print("\n[red]Something went otherwise than it should in this demo.[/red]")
    return as_expected


def _shown(path: Path) -> Path:
    """A path as short as it is from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _holdings(system: System, state: LedgerState) -> Table:
    table = Table(
        "delivery", "zone", "what", *_numbers("copies", "size"), "store", "erase before", box=None, pad_edge=False
    )
    for key, intake in sorted(state.deliveries.items()):
        copies = state.live_copies(intake.delivery_id)
        until = "" if intake.moment is None else str(deadline(intake.moment, system.decree.retention.years).date())
        for zone, what in _ZONES.items():
            held = [copy for copy in copies if copy.zone == zone]
            if held:
                place = state.territory[held[0].store].approval
                size = sum(copy.size or 0 for copy in held)
                store = f"{place.store}, {place.country}"
                table.add_row(key, zone, what, str(len(held)), f"{size / 1e6:.2f} MB", store, until)
    return table


def _numbers(*names: str) -> list[Column]:
    return [Column(name, justify="right") for name in names]


def _show_mart(system: System, console: Console) -> bool:
    if system.ledger.state().generation is None:
        console.print("There is none: no delivery went all the way.")
        return False
    table = Table("school year", "status", "level", *_numbers("BOL", "BBL", "other"), box=None, pad_edge=False)
    with open_database(system, "demo", "beheer") as connection:
        rows = connection.execute(
            "select schooljaar, if(status = 'D', 'final', 'provisional'), niveau, "
            "sum(studenten) filter (leerweg = 'BOL'), sum(studenten) filter (leerweg = 'BBL'), "
            "sum(studenten) filter (leerweg not in ('BOL', 'BBL')) "
            "from studentaantallen_actueel group by all order by all"
        ).fetchall()
    # This goes to a terminal: no count under five may be in it, nor follow from it.
    for *names, bol, bbl, other in rows:
        table.add_row(*map(str, names), *("" if n is None else "< 5" if n < 5 else f"{n:,}" for n in (bol, bbl, other)))
    console.print(table)
    console.print("Restricted: below these totals the mart holds counts under five.")
    console.print("Ask for more (in another terminal, while the demo runs):")
    rod = f"ROD_HOME={_shown(system.settings.home)} {_shown(Path(sys.executable).with_name('rod'))}"
    console.print(f'  {rod} open "from studentaantallen_actueel limit 5" --purpose beheer', soft_wrap=True)
    return bool(rows)
