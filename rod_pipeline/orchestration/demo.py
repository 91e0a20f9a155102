"""The demo: three synthetic deliveries all the way, on the real components.

Belongs here: setting the scene and telling what happens. Does not belong here: anything that isn't shown. The demo runs
the same code as an installation: an embedded S3 store, a PLEIO stand-in with login, Dagster with its sensor.
"""

from __future__ import annotations

import io
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import dagster as dg
from rich.console import Console
from rich.table import Table

from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import PermanentError
from rod_pipeline.installation import make_installation
from rod_pipeline.intake.announcing import announce
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.marts.database import open_database
from rod_pipeline.orchestration.launching import failures
from rod_pipeline.orchestration.serving import dagster_home, serving
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.settings import Settings
from rod_pipeline.synthetic.delivery import write_delivery
from rod_pipeline.synthetic.pleio_server import StandIn
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System

_MARK = "demo-of-the-rod-pipeline"
_PATIENCE = 150.0
_SEED = 2025
_OVER = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


@dataclass(frozen=True)
class Act:
    """One delivery of the demo: when DUO placed it, what is wrong with it, and whether it should go through."""

    key: str
    placed: datetime
    fault: str | None
    about: str


ACTS = (
    Act("2025-12", datetime(2025, 12, 16, 10, 0, tzinfo=UTC), None, "the first delivery"),
    Act("2026-08", datetime(2026, 8, 24, 14, 30, tzinfo=UTC), None, "the second: last year is final now"),
    Act(
        "2026-08-r2",
        datetime(2026, 9, 8, 9, 15, tzinfo=UTC),
        "control_totals_mismatch",
        "a correction of the second, whose control totals don't add up",
    ),
)


class NotADemo(PermanentError):
    """The folder holds something else than a demo."""

    code = "ROD-DEMO-01"


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
    system = System.open(settings)
    with StandIn() as pleio:
        system = System.open(
            settings.model_copy(
                update={
                    "pleio": settings.pleio.model_copy(update={"hosts": ("127.0.0.1",), "allow_loopback_http": True})
                }
            )
        )
        console.rule("The ROD pipeline, on synthetic data")
        console.print("Starting the S3 store and Dagster …")
        with serving(system.settings) as at:
            console.print(f"Dagster answers at [bold]{at.url}[/bold]")
            outcome = Outcome(at.url)
            for act in ACTS:
                _announce(system, pleio, act, scale, console)
            with dg.DagsterInstance.from_config(str(dagster_home(settings))) as instance:
                runs = _watch(instance, console)
                went = {key: failures(instance, run.run_id) for key, run in runs.items()}
            outcome.as_expected = _summary(system, went, console)
            yield outcome


def _fresh(home: Path) -> Settings:
    if home.exists():
        if not (home / _MARK).exists():
            raise NotADemo(f"The folder {home} exists and holds no demo.", "Name another folder with --home.")
        shutil.rmtree(home)
    home.mkdir(parents=True, mode=0o700)
    (home / _MARK).touch()
    make_installation(home, SystemClock(), country="NL", site="the machine of this demo", declared_by="demo")
    (home / "rod.toml").write_text('[pleio]\nhosts = ["127.0.0.1"]\nallow_loopback_http = true\n')
    return Settings.load(home)


def _announce(system: System, pleio: StandIn, act: Act, scale: float, console: Console) -> None:
    console.print(f"[bold]{act.key}[/bold]: {act.about}. DUO puts it in PLEIO; link and code come separately.")
    archive = io.BytesIO()
    key = DeliveryKey.parse(act.key)
    population = Population(_SEED, scale)
    write_delivery(archive, key, population=population, book=system.book, archive="zip", fault=act.fault)
    code = secrets.token_urlsafe(9)
    link = pleio.publish(archive.getvalue(), code)
    announce(system, key, [link], code, moment=act.placed)


def _watch(instance: dg.DagsterInstance, console: Console) -> dict[str, dg.DagsterRun]:
    """Tell each step as it ends, until every delivery's run is over."""
    told: dict[str, int] = {}
    until = monotonic() + _PATIENCE
    while True:
        runs = {run.tags["dagster/partition"]: run for run in instance.get_runs() if "dagster/partition" in run.tags}
        for key, run in sorted(runs.items()):
            for entry in instance.all_logs(run.run_id)[told.get(run.run_id, 0) :]:
                told[run.run_id] = told.get(run.run_id, 0) + 1
                event = entry.dagster_event
                if event is not None and event.is_step_success:
                    console.print(f"  {key:<11} [green]✓[/green] {_readable(event.step_key or '')}")
                elif event is not None and event.is_step_failure:
                    console.print(f"  {key:<11} [red]✗[/red] {_readable(event.step_key or '')}")
        if len(runs) == len(ACTS) and all(run.status in _OVER for run in runs.values()):
            return runs
        if monotonic() > until:
            console.print("[red]It takes too long; see the log in dagster/dev.log.[/red]")
            return runs
        sleep(0.5)


def _readable(step: str) -> str:
    """A step's name as the UI shows the asset or check: ``validation/diplomas: expectations``."""
    if step == "eea_delivery":
        return "eea/delivery/*"
    asset = step.replace("__", "/")
    for check in ("expectations", "verdict"):
        asset = asset.replace(f"_{check}", f": {check}")
    return asset


def _summary(system: System, went: dict[str, list[str]], console: Console) -> bool:
    state = system.ledger.state()
    console.rule("What came, and what became of it")
    for act in ACTS:
        texts = went.get(act.key, ["There was no run."])
        if texts:
            console.print(f"[red]{act.key} was refused:[/red]")
            console.print(*texts, sep="\n", markup=False)
        else:
            console.print(f"[green]{act.key} went through.[/green]")
    console.print(_holdings(system, state))
    console.rule("The mart: students on 1 October, whole country (restricted below this level)")
    _show_mart(system, console)
    intakes = state.deliveries
    return all(
        bool(went.get(act.key)) == bool(act.fault)
        and intakes[act.key].stage == ("stored" if act.fault is None else "failed")
        for act in ACTS
    )


def _holdings(system: System, state: LedgerState) -> Table:
    table = Table("delivery", "zone", "copies", "sealed bytes", "store, country", "erase before")
    for key, intake in sorted(state.deliveries.items()):
        copies = state.live_copies(intake.delivery_id)
        until = "" if intake.moment is None else str(deadline(intake.moment, system.decree.retention.years).date())
        for zone in ("landing", "parsed", "validated", "marts"):
            held = [copy for copy in copies if copy.zone == zone]
            if held:
                place = state.territory[held[0].store].approval
                size = sum(copy.size or 0 for copy in held)
                table.add_row(key, zone, str(len(held)), f"{size:,}", f"{place.store}, {place.country}", until)
    return table


def _show_mart(system: System, console: Console) -> None:
    table = Table("school year", "status", "level", "BOL", "BBL", "other")
    with open_database(system, "demo", "beheer") as connection:
        rows = connection.execute(
            "select schooljaar, status, niveau, "
            "sum(studenten) filter (leerweg = 'BOL'), sum(studenten) filter (leerweg = 'BBL'), "
            "sum(studenten) filter (leerweg not in ('BOL', 'BBL')) "
            "from studentaantallen_actueel group by all order by all"
        ).fetchall()
    # This goes to a terminal: no count under five may be in it, nor follow from it.
    for *names, bol, bbl, other in rows:
        table.add_row(*map(str, names), *("" if n is None else "< 5" if n < 5 else f"{n:,}" for n in (bol, bbl, other)))
    console.print(table)
    console.print('Ask for more with: rod open "from studentaantallen_actueel limit 5" --purpose beheer')
