"""``rod dossier …``: what an auditor gets, and what was held on a day.

Belongs here: arguments in, words out.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rod_pipeline.ledger.oversight import Reader, Why
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

app = typer.Typer(no_args_is_help=True)
_Day = Annotated[datetime | None, typer.Option("--at", formats=["%Y-%m-%d"], help="the day (in Amsterdam); the newest")]


@app.command()
def make(
    reader: Annotated[Reader, typer.Option("--for", help="for whom")],
    why: Annotated[Why, typer.Option(help="what for")],
    reference: Annotated[str | None, typer.Option(help="their reference; no name, no text")] = None,
    at: _Day = None,
) -> None:
    """Draw up a dossier of the ledger as it is now, and what was held on a day. It holds no personal data."""
    from rod_pipeline.audit.dossier import Request
    from rod_pipeline.audit.dossier import make as draw_up

    with System.open(Settings.load()) as system:
        made = draw_up(system, Request.of(reader, why, reference, None if at is None else at.date().isoformat()))
    typer.echo(f"Dossier {made.dossier} over {made.size} entries lies in {made.file}.")
    typer.echo(f"SHA-256 {made.sha256}")
    typer.echo(
        "Publish the ledger (`rod ledger publish`), and hand over an extract of it (`rod ledger export`) as well."
    )


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="a dossier")],
    ledger: Annotated[Path | None, typer.Option(help="an extract of the ledger, from `rod ledger export`")] = None,
    key: Annotated[
        str | None, typer.Option(help="verifying key of the log, or a file with it; this installation's otherwise")
    ] = None,
    witness: Annotated[list[str] | None, typer.Option(help="verifying key of a witness, more than once")] = None,
    decree: Annotated[Path | None, typer.Option(help="another decree than the packaged one")] = None,
) -> None:
    """Check a dossier as an outsider would, and draw its tables up again from the extract; exits with 0, 1 or 2."""
    from datetime import date

    from rod_pipeline.audit import controleer
    from rod_pipeline.audit.dossier import differing
    from rod_pipeline.audit.extract import entries_of
    from rod_pipeline.decree import load_decree
    from rod_pipeline.ledger.published import KEYS_FILE

    law = load_decree(decree)
    arguments = [str(file), "--sleutel", key or str(Settings.load().home / KEYS_FILE)]
    arguments += ["--grootboek", str(ledger)] if ledger is not None else []
    for each in witness or ():
        arguments += ["--getuige", each]

    def recompute(members: dict[str, bytes], leaves: list[bytes], day: str) -> list[str]:
        return differing(members, entries_of(leaves), law, date.fromisoformat(day))

    raise typer.Exit(controleer.main(arguments, recompute))


@app.command()
def held(at: _Day = None) -> None:
    """What was held on a day: every copy with personal data that existed at any instant of it."""
    from rod_pipeline.audit.account import Account
    from rod_pipeline.audit.holdings import day_of, held_on

    with System.open(Settings.load()) as system:
        account = Account.of(system.ledger.entries())
        day = at.date() if at is not None else day_of(system.clock.now())
    table = Table("deliveries", "zone", "name", "store", "since", "until")
    found = held_on(account, day)
    for span, keys in found:
        made = span.registered
        until = f"{span.erased_at:%Y-%m-%d %H:%M}" if span.erased_at is not None else ""
        table.add_row(", ".join(keys), made.zone, made.name, made.store, f"{span.since:%Y-%m-%d %H:%M}", until)
    if found:
        Console().print(table)
    else:
        typer.echo(f"On {day} no copy with personal data existed.")
