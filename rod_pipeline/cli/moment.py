"""``rod moment …``: what the decree plans, and which delivery somebody is asked about.

Belongs here: arguments in, words out.
"""

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rod_pipeline.settings import Settings
from rod_pipeline.system import System

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """The moments of the decree: which delivery came, which is to come, which one waits for an answer."""
    from rod_pipeline.intake.moments import open_questions, planned

    with System.open(Settings.load()) as system:
        state, now = system.ledger.state(), system.clock.now()
        moments, asked = planned(state, system.decree, now), open_questions(state, system.decree, now)
    table = Table("moment", "decree", "status", "until")
    for one in moments:
        table.add_row(one.moment, one.text, one.status, "" if one.status == "came" else f"{one.day}")
    Console().print(table)
    for one in asked:
        typer.echo(one.question)


@app.command()
def answer(
    moment: Annotated[str, typer.Argument(help="the moment, as 2026-08", show_default=False)],
    expected: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="it comes, on this day at the latest")
    ] = None,
    not_this_time: Annotated[bool, typer.Option("--not-this-time", help="it doesn't come")] = False,
) -> None:
    """Answer when a planned delivery is expected, or that it doesn't come. You may answer again."""
    from rod_pipeline.intake.moments import answer as record

    if (expected is None) != not_this_time:
        raise typer.BadParameter("say either --expected DATE or --not-this-time")
    with System.open(Settings.load()) as system:
        record(system, moment, None if expected is None else expected.date())
    said = "it doesn't come this time" if expected is None else f"it is expected by {expected:%Y-%m-%d}"
    typer.echo(f"On record: of {moment}, {said}.")
