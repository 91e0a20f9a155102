"""``rod alert …`` and ``rod heartbeat``: who is told what, and whether the pipeline lives.

Belongs here: arguments in, words out. ``rod heartbeat`` is for whatever starts it from outside: cron, a timer, a probe.
"""

from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rod_pipeline.settings import Settings
from rod_pipeline.system import System

app = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add these commands to ``root``."""
    root.add_typer(app, name="alert", help="Who is told what waits for a person: try a route, list, send.")
    root.command()(heartbeat)


@app.command()
def test(owner: Annotated[str, typer.Argument(help="an owner of alerts.routes", show_default=False)]) -> None:
    """Send a trial alert to one owner. Exits with 1 when it wasn't taken."""
    from rod_pipeline.alerts.rounds import AlertsUnsent
    from rod_pipeline.alerts.routes import of_owner, send

    with System.open(Settings.load()) as system:
        route = of_owner(system.settings.alerts, owner)
    if not send(route, "ROD: trial", "This is a trial of a route (`rod alert test`). Nothing is wrong."):
        raise AlertsUnsent(
            f"The trial alert to {owner} wasn't taken.",
            "Look whether its server answers, and at the address and login.",
        )
    typer.echo(f"The trial alert to {owner} was taken; see whether it arrives.")


@app.command("list")
def list_() -> None:
    """Everything that stands now, and who is still to be told of it."""
    from rod_pipeline.alerts.rounds import due
    from rod_pipeline.orchestration.alerting import alerts_here

    with System.open(Settings.load()) as system:
        alerts, _ = alerts_here(system)
        waiting = due(system, alerts)
    table = Table("kind", "about", "code", "what", "to be told")
    for one in alerts:
        owners = [due.route.owner for due in waiting if due.alert == one]
        table.add_row(one.kind, one.about, one.code, one.happened, ", ".join(owners))
    if alerts:
        Console().print(table)
    else:
        typer.echo("Nothing is to be told.")


@app.command("send")
def send_() -> None:
    """Send now what is to be told, as the job send_alerts does: from cron, where Dagster is busy or down."""
    from rod_pipeline.alerts.rounds import send_due
    from rod_pipeline.orchestration.alerting import alerts_here

    with System.open(Settings.load()) as system:
        sent = send_due(system, *alerts_here(system))
    typer.echo(f"{len(sent)} alerts were sent.")


def heartbeat(
    max_age: Annotated[int, typer.Option(min=1, help="how many minutes without a sign of life are too many")] = 5,
    quiet: Annotated[bool, typer.Option("--quiet", help="send no alert, only exit with 1")] = False,
) -> None:
    """Does the pipeline live? Exits with 1, and tells who is to be told, when its daemon or our code in it doesn't."""
    from rod_pipeline.orchestration.heartbeat import look

    with System.open(Settings.load()) as system:
        look(system, timedelta(minutes=max_age), alert=not quiet)
    typer.echo("The pipeline lives.")
