"""``rod waive`` and ``rod waiver …``: a finding that is accepted for one delivery, for a reason and up to a date.

Belongs here: arguments in, words out.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

app = typer.Typer(no_args_is_help=True)


class Why(StrEnum):
    """Why a finding is accepted."""

    DUO_CONFIRMED = "duo_confirmed"
    CORRECTION_COMING = "correction_coming"
    KNOWN_EXCEPTION = "known_exception"
    NO_EFFECT = "no_effect"
    RULE_WRONG = "rule_wrong"


def register(root: typer.Typer) -> None:
    """Add these commands to ``root``."""
    root.command()(waive)
    root.add_typer(app, name="waiver", help="Findings that were accepted for a delivery: list them, withdraw one.")


def waive(
    key: Annotated[str, typer.Argument(help="the delivery, as 2025-12 or 2025-12-r2", show_default=False)],
    rule: Annotated[str, typer.Argument(help="the id of the rule, as the report names it", show_default=False)],
    reason: Annotated[Why, typer.Option(help="why it is accepted")],
    until: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="the last day on which it lets anything through")
    ],
    file: Annotated[str | None, typer.Option(help="the file, when the rule is broken in more than one")] = None,
) -> None:
    """Accept a blocking finding for this delivery, as bad as it is and no worse; then rerun the delivery."""
    from rod_pipeline.quality.waivers import waive as give

    with System.open(Settings.load()) as system:
        waived = give(system, DeliveryKey.parse(key), rule, reason.value, _end_of(until), file)
    typer.echo(
        f"Waiver {waived.waiver_id}: {waived.rule} in {waived.file} of {key}, up to {waived.failed:,}, "
        f"{waived.reason}, until {waived.until:%Y-%m-%d %H:%M} UTC. It is named on every mart that rests on it."
    )
    typer.echo(f"Now run the delivery again: `rod rerun {key}`, or Re-execute all in the UI.")


@app.command("list")
def list_() -> None:
    """Every waiver that was ever given, and whether it stands."""
    with System.open(Settings.load()) as system:
        state, now = system.ledger.state(), system.clock.now()
    table = Table("waiver", "delivery", "file", "rule", "up to", "reason", "until", "now")
    for waiver in state.waivers.values():
        waived = waiver.waived
        stands = "stands" if waiver.stands(now) else "withdrawn" if waiver.withdrawn_at else "ended"
        key = state.intakes[waived.delivery_id].key
        until = f"{waived.until:%Y-%m-%d %H:%M}"
        table.add_row(
            waived.waiver_id, key, waived.file, waived.rule, f"{waived.failed:,}", waived.reason, until, stands
        )
    if state.waivers:
        Console().print(table)
    else:
        typer.echo("Nothing was ever waived.")


@app.command()
def withdraw(waiver: Annotated[str, typer.Argument(help="the id that `rod waive` printed")]) -> None:
    """End a waiver before its date: nothing new is let through by it."""
    from rod_pipeline.quality.waivers import withdraw as end

    with System.open(Settings.load()) as system:
        end(system, waiver)
    typer.echo(f"Waiver {waiver} is withdrawn. What was built with it stays, and says so at the next build.")


def _end_of(day: datetime) -> datetime:
    """The end of a day in the Netherlands."""
    from zoneinfo import ZoneInfo

    return (day + timedelta(days=1)).replace(tzinfo=ZoneInfo("Europe/Amsterdam"))
