"""``rod notice …``: what is told to DUO and the minister, and for how long it waits.

Belongs here: arguments in, words out. A person reads and sends the letter; these commands record it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rod_pipeline.settings import Settings
from rod_pipeline.system import System

app = typer.Typer(no_args_is_help=True)
_Notice = Annotated[str, typer.Argument(help="the reference of the notice, as 2025-12-m1", show_default=False)]


class By(StrEnum):
    """How a notice was sent."""

    E_MAIL = "e-mail"
    LETTER = "letter"
    REGISTERED_LETTER = "registered_letter"
    PORTAL = "portal"
    SECURE_FILE_TRANSFER = "secure_file_transfer"


class Said(StrEnum):
    """What was answered."""

    ACKNOWLEDGED = "acknowledged"
    EXPLAINED = "explained"
    CORRECTION_PROMISED = "correction_promised"
    QUESTION = "question"
    DISPUTED = "disputed"


class Ended(StrEnum):
    """How a notice ended: once sent, or (cause_ours) without having been sent."""

    CORRECTED = "corrected"
    EXPLAINED = "explained"
    LEFT_AS_IT_IS = "left_as_it_is"
    UNANSWERED = "unanswered"
    CAUSE_OURS = "cause_ours"


@app.command("list")
def list_(everything: Annotated[bool, typer.Option("--all", help="the closed ones too")] = False) -> None:
    """The notices that are open: how far each is, and how long it took or waits, from discovery to sending."""
    from rod_pipeline.quality.notifying import duration, overdue_now

    with System.open(Settings.load()) as system:
        now, late = system.clock.now(), overdue_now(system)
        notices = [one for one in system.ledger.state().notices.values() if everything or one.closed is None]
    table = Table("notice", "draft", "status", "found", "until sent", "blocking", "warnings")
    for one in notices:
        severities = [finding.severity for finding in one.draft.findings]
        blocking, defects = severities.count("blocking"), [defect.error for defect in one.draft.defects]
        table.add_row(
            one.notice,
            str(one.draft.draft),
            one.status if one.closed is None else f"closed ({one.closed.outcome})",
            f"{one.draft.found_at:%Y-%m-%d %H:%M}",
            f"{duration(one.lasted(now))}{' OVERDUE' if one in late else ' so far' if one.waits else ''}",
            one.draft.refused or " + ".join((*defects, *((f"{blocking}",) if blocking or not defects else ()))),
            str(severities.count("warning")),
        )
    if notices:
        Console().print(table)
    else:
        typer.echo("No notice is open.")


@app.command()
def show(notice: _Notice) -> None:
    """Print what a notice says, and where its PDF lies."""
    from rod_pipeline.quality.notifying import clock, files_of, find, text_of

    with System.open(Settings.load()) as system:
        found = find(system, notice)
        typer.echo(text_of(system, found))
        typer.echo(f"{clock(found, system.clock.now())}. PDF: {files_of(system.settings.home, notice).pdf}")


@app.command()
def send(
    notice: _Notice,
    draft: Annotated[int, typer.Option(help="the version that stands on what you sent, beside the reference")],
    channel: Annotated[By, typer.Option(help="how you sent it")],
    at: Annotated[datetime | None, typer.Option(help="when you sent it (UTC); without: now")] = None,
) -> None:
    """Record that you approved this version and sent it to DUO and the minister. It sends nothing itself."""
    from rod_pipeline.quality.notifying import duration, find
    from rod_pipeline.quality.notifying import send as record

    with System.open(Settings.load()) as system:
        files = record(system, notice, draft, channel.value, _utc(at))
        lasted = find(system, notice).lasted(system.clock.now())
    typer.echo(f"On record: {notice} was sent, {duration(lasted)} after the discovery.")
    typer.echo(f"What was sent is kept in {files.pdf} and {files.text}.")


@app.command()
def answer(
    notice: _Notice,
    said: Annotated[Said, typer.Option("--answer", help="what it comes down to")],
    reference: Annotated[str, typer.Option(help="reference of their letter; no name, no text")],
) -> None:
    """Record what DUO or the minister answered."""
    from rod_pipeline.quality.notifying import answer as record

    with System.open(Settings.load()) as system:
        record(system, notice, said.value, reference)
    typer.echo(f"On record: {notice} was answered ({said.value}).")


@app.command()
def close(notice: _Notice, outcome: Annotated[Ended, typer.Option(help="how it ended")]) -> None:
    """Record that nothing more will be done about a notice; unsent only when the cause is ours."""
    from rod_pipeline.quality.notifying import close as record

    with System.open(Settings.load()) as system:
        record(system, notice, outcome.value)
    typer.echo(f"On record: {notice} is closed ({outcome.value}).")


def _utc(moment: datetime | None) -> datetime | None:
    from datetime import UTC

    return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC)
