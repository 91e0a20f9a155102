"""``rod purge``, ``withdraw``, ``watch``, ``recover`` and ``rod retention …``: erasure from the command line.

Belongs here: arguments in, typed confirmations, words out. Needs no Dagster that runs: what a sensor does each hour can
be done here by hand or from cron.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.ledger.erasure import Ground
from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

app = typer.Typer(no_args_is_help=True)
_Key = Annotated[str, typer.Argument(help="the delivery, as 2025-12 or 2025-12-r2", show_default=False)]
_Order = Annotated[str, typer.Option(help="reference of the letter or order that this rests on")]


def register(root: typer.Typer) -> None:
    """Add these commands to ``root``."""
    for command in (purge, withdraw, watch, recover):
        root.command()(command)
    root.add_typer(app, name="retention", help="Terms: what goes when, and every erasure so far.")


def purge(
    key: _Key,
    order: Annotated[str | None, typer.Option(help="erase before its term, on this order")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be erased, with its digest")] = False,
    plan: Annotated[str | None, typer.Option(help="the digest that --dry-run printed; what a purge needs")] = None,
) -> None:
    """Erase one delivery: first with --dry-run, then with the digest that it printed. There is no way back."""
    from rod_pipeline.orchestration.register import copy_register, stop_runs
    from rod_pipeline.retention import engine

    with System.open(Settings.load()) as system:
        register = copy_register(system)
        made = engine.plan(system, [str(DeliveryKey.parse(key))], _ground(system, key, order), order)
        if dry_run or plan is None:
            _show_plan(made, engine.preview(register, made))
            raise typer.Exit(0 if dry_run else 2)
        if plan != made.digest:
            raise engine.PlanChanged(
                "The digest isn't that of what would be erased now.", f"Look again: `rod purge {key} --dry-run`."
            )
        purge_id = engine.begin(system, made, system.actor())
        _show(engine.carry_out(system, register, purge_id, stop_runs(system)), system)


def withdraw(
    order: _Order,
    confirm: Annotated[
        str,
        typer.Option(prompt="Everything will be erased for ever. Type the reference of the decree to go on", help=""),
    ],
) -> None:
    """The decree was withdrawn: stop intake, erase everything now, look again. Run it again if it was interrupted."""
    from rod_pipeline.orchestration.register import copy_register, stop_runs
    from rod_pipeline.retention.withdrawal import withdraw as carry_out

    with System.open(Settings.load()) as system:
        if confirm != system.decree.reference:
            typer.echo("That isn't the reference of the decree; nothing was erased.", err=True)
            raise typer.Exit(1)
        for state in carry_out(system, copy_register(system), order, system.actor(), stop_runs(system)):
            _show(state, system)


def watch() -> None:
    """Say what isn't as it should be: terms, erasures, notices, waivers. Exits with 1 on an alarm. Needs no Dagster."""
    from rod_pipeline.incidents.clocks import watch_duties
    from rod_pipeline.quality.watching import watch_findings
    from rod_pipeline.retention.watch import watch as look

    with System.open(Settings.load()) as system:
        findings = (*look(system), *watch_findings(system), *watch_duties(system))
    for finding in findings:
        typer.echo(f"{finding.level.upper()}: {finding.what}")
    if not findings:
        typer.echo("All terms are kept, and everything that was found was told.")
    raise typer.Exit(1 if any(finding.level == "alarm" for finding in findings) else 0)


def recover() -> None:
    """After a backup was put back: erase again what had been erased. Run it before anything else is started."""
    from rod_pipeline.orchestration.register import copy_register, stop_runs
    from rod_pipeline.retention.restoring import recover as replay

    with System.open(Settings.load()) as system:
        purges = replay(system, copy_register(system), stop_runs(system))
        for state in purges:
            _show(state, system)
    if not purges:
        typer.echo("Nothing that was erased is there again.")


@app.command()
def forecast(
    picture: Annotated[Path | None, typer.Option(help="also draw it, to this .svg or .png file")] = None,
) -> None:
    """What is erased when, oldest deadline first."""
    from rod_pipeline.retention.due import agenda
    from rod_pipeline.retention.timeline import timeline

    with System.open(Settings.load()) as system:
        now = system.clock.now()
        todo = agenda(system.ledger.state(), now, system.decree, system.settings.retention)
    table = Table("delivery", "moment", "known by", "erased from", "deadline", "now")
    for term in todo.terms:
        table.add_row(
            term.key,
            f"{term.moment:%Y-%m-%d %H:%M}" if term.moment else "nothing came",
            term.moment_basis or "",
            f"{term.opens:%Y-%m-%d}" if term.opens else "",
            f"{term.deadline:%Y-%m-%d}" if term.deadline else "",
            _now(term.purge, term.ground, [hold.order for hold in term.holds]),
        )
    Console().print(table)
    if picture is not None:
        form = picture.suffix.removeprefix(".").lower() or "svg"
        picture.write_bytes(timeline(todo.terms, now, title="Terms of the deliveries", form=form))
        typer.echo(f"Drawn in {picture}.")


@app.command()
def run() -> None:
    """Do all that is due now, as the sensor does: erase, sweep late, certify. Exits with 1 when something fails."""
    from rod_pipeline.orchestration.register import copy_register, stop_runs
    from rod_pipeline.retention.rounds import make_round

    with System.open(Settings.load()) as system:
        outcome = make_round(system, copy_register(system), stop_runs(system))
        for state in outcome.purges:
            _show(state, system)
    for error in outcome.errors:
        typer.echo(str(error), err=True)
    if not outcome.purges and not outcome.errors:
        typer.echo("Nothing is due.")
    raise typer.Exit(1 if outcome.errors else 0)


@app.command()
def status() -> None:
    """Every erasure so far, and how far it is."""
    with System.open(Settings.load()) as system:
        for state in system.ledger.state().purges.values():
            _show(state, system)


@app.command()
def moment(
    key: _Key,
    at: Annotated[datetime, typer.Option(help="when it was provided (UTC); only ever earlier than what is known")],
    basis: Annotated[str, typer.Option(help="dispatch, placed, first_download or ingestion")] = "dispatch",
) -> None:
    """Record that a delivery was provided earlier than was known: its term ends earlier too."""
    from rod_pipeline.retention.decisions import move_moment

    with System.open(Settings.load()) as system:
        move_moment(system, DeliveryKey.parse(key), _utc(at), basis)  # type: ignore[arg-type]
    typer.echo(f"The term of {key} runs from {_utc(at):%Y-%m-%d %H:%M} UTC.")


@app.command()
def dagster_gone(
    storage: Annotated[str, typer.Argument(help="the id that ROD-DAGSTER-06 names", show_default=False)],
    confirm: Annotated[
        str,
        typer.Option(prompt="Certificates will say that nobody looked there. Type the id again to go on", help=""),
    ],
) -> None:
    """Say on record that a storage of Dagster exists no more, nor a backup of it, so that nobody can look there."""
    from rod_pipeline.retention.decisions import dagster_gone as decide

    if confirm != storage:
        typer.echo("The two ids differ; nothing was changed.", err=True)
        raise typer.Exit(1)
    with System.open(Settings.load()) as system:
        decide(system, storage, system.actor())
    typer.echo(f"On record: the storage {storage} is gone. Purges that waited for it go on within the hour.")


def _ground(system: System, key: str, order: str | None) -> Ground:
    if order is not None:
        return "order"
    current = system.ledger.state().deliveries.get(key)
    return "superseded" if current is not None and current.corrected_by is not None else "term"


def _show_plan(plan: object, found: object) -> None:
    from rod_pipeline.retention.engine import Plan

    assert isinstance(plan, Plan) and isinstance(found, dict)
    for subject in plan.subjects:
        until = f", deadline {subject.deadline:%Y-%m-%d}" if subject.deadline else ""
        typer.echo(f"Delivery {subject.key}, ground {plan.ground}{until}. What is there now:")
        for (key, place), left in found.items():
            if key == subject.key:
                counts = ", ".join(f"{counted.n} {counted.what}" for counted in left.counts if counted.n)
                typer.echo(f"  {place:<14} {counts or 'nothing'}")
    typer.echo(f"To erase it: rod purge {plan.subjects[0].key}{_repeat(plan.order)} --plan {plan.digest}")


def _repeat(order: str | None) -> str:
    return "" if order is None else f" --order {order}"


def _show(state: PurgeState, system: System) -> None:
    from datetime import timedelta

    from rod_pipeline.retention.due import ripe_at

    typer.echo(f"Purge {state.purge_id} of {', '.join(state.keys)} ({state.plan.ground}): {state.phase}.")
    ripe = ripe_at(state, timedelta(hours=system.settings.retention.late_sweep_hours))
    if state.attested is not None:
        typer.echo(f"  Certificate {state.attested.serial}: {state.attested.outcome.replace('_', ' ')}.")
    elif ripe is not None:
        typer.echo(f"  Late sweep and certificate from {ripe:%Y-%m-%d %H:%M} UTC.")


def _now(purge: PurgeState | None, ground: Ground | None, orders: list[str]) -> str:
    if purge is not None:
        outcome = "" if purge.attested is None else f", {purge.attested.outcome.replace('_', ' ')}"
        return f"{purge.phase}{outcome}"
    if orders:
        return f"held on order {', '.join(orders)}"
    return f"due now ({ground})" if ground is not None else "kept"


def _utc(moment: datetime) -> datetime:
    from datetime import UTC

    return moment.replace(tzinfo=moment.tzinfo or UTC)
