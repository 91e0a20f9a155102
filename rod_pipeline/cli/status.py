"""``rod status`` and ``rod runbook``: how everything stands, and what to do about an error.

Belongs here: tables and JSON for people and programs. Does not belong here: what is in them (``rod_pipeline.status``,
``docs/runbooks``).
"""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from rod_pipeline.settings import Settings
from rod_pipeline.system import System

_COLUMNS = {
    "delivery": False,
    "stage": True,
    "checks": True,
    "came\nby": False,
    "moment": False,
    "erase\nbefore": False,
    "copies": False,
}
"""The columns of the table, and whether one may be broken over lines. In a terminal of 80 no word is."""


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    for command in (status, runbook):
        app.command()(command)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="everything, for a program; times in UTC")] = False,
) -> None:
    """Every delivery: stage, checks, deadline, what waits for whom; and notices, waivers and erasures that are open."""
    from rod_pipeline.status import status as look

    with System.open(Settings.load()) as system:
        now = look(system)
    if as_json:
        typer.echo(json.dumps(asdict(now), default=_instant, indent=1))
        return
    if not now.deliveries:
        typer.echo("No delivery was ever announced here: `rod announce` or `rod drop` begins one.")
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for name, wraps in _COLUMNS.items():
        table.add_column(name, no_wrap=not wraps, overflow="fold")
    for one in now.deliveries:
        table.add_row(
            one.key,
            f"{one.stage}, being worked on" if one.working else one.stage,
            one.checks,
            one.came_by,
            "" if one.moment is None else f"{one.moment:%Y-%m-%d %H:%M}",
            "" if one.erase_before is None else f"{one.erase_before:%Y-%m-%d}",
            str(one.copies),
        )
    if now.deliveries:
        Console().print(table)
    for one in now.deliveries:
        for waits in one.waits:
            typer.echo(f"{one.key} waits for {waits.who}: {waits.what}")
    if now.standing is not None:
        typer.echo(now.standing)
    for what, lines in (("notice", now.notices), ("waiver", now.waivers), ("erasure", now.purges)):
        for line in lines:
            typer.echo(f"{what} {line}")


def runbook(
    code: Annotated[str, typer.Argument(help="the code of an error, as ROD-STORE-01", show_default=False)],
) -> None:
    """What to do about an error: cause, how to see it, what to do, what not to do, how to know that it is over."""
    from rod_pipeline.runbooks import address, section

    said = section(code.upper())
    if said is None:
        typer.echo(
            f"There is no runbook of {code.upper()} here; see {address(code.upper())} in the documentation.", err=True
        )
        raise typer.Exit(1)
    Console().print(Markdown(said))


def _instant(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()
