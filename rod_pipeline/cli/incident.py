"""``rod incident …`` and ``rod circumstance …``: what went wrong or changed, who has to be told, and by when.

Belongs here: arguments in, words out. A person sends the letters; these commands draft them and record that.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args

import typer
from rich.console import Console
from rich.table import Table

from rod_pipeline.ledger import oversight
from rod_pipeline.ledger.quality import SentBy
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

incidents = typer.Typer(no_args_is_help=True)
circumstances = typer.Typer(no_args_is_help=True)
_Incident = Annotated[str, typer.Argument(help="the reference of the incident, as 2026-i1", show_default=False)]
_Circumstance = Annotated[str, typer.Argument(help="the reference, as 2026-w1", show_default=False)]
_To = Annotated[oversight.Told, typer.Option(help="whom")]
_Letter = Annotated[Path, typer.Option(help="the file that was sent; the ledger gets its digest alone")]
_SentAt = Annotated[datetime | None, typer.Option("--at", help="when it was sent (UTC); without: now")]
_Story = Annotated[Path | None, typer.Option(help="a text file with what you add; it goes into the letter alone")]


def _codes(vocabulary: Any, what: str) -> Any:
    """An option that takes codes of a closed list of the ledger, more than once: typer takes no lists of literals."""
    known = get_args(vocabulary)

    def parse(text: str) -> str:
        if text not in known:
            raise typer.BadParameter(f"it is one of {', '.join(known)}")
        return text

    return typer.Option(parser=parse, metavar="CODE", help=f"{what}: {', '.join(known)}")


def register(root: typer.Typer) -> None:
    """Add these commands to ``root``."""
    root.add_typer(
        incidents, name="incident", help="Breaches and unlawful processing: on record, told in time, closed."
    )
    root.add_typer(circumstances, name="circumstance", help="New facts and changed circumstances (voorschrift 3h).")


@incidents.command("open")
def open_(
    what: Annotated[oversight.IncidentKind, typer.Option(help="a breach (AVG 4(12)), or unlawful processing")],
    source: Annotated[oversight.Source, typer.Option(help="who discovered it")],
    discovered: Annotated[
        datetime | None, typer.Option(help="when (UTC), which starts every clock; now if left out")
    ] = None,
) -> None:
    """Put an incident on record. From the discovery on, the minister waits and the 72 hours of the supervisor run."""
    from rod_pipeline.incidents.keeping import open_incident

    with System.open(Settings.load()) as system:
        reference = open_incident(system, what, source, _utc(discovered))
        typer.echo(f"On record: incident {reference}.")
        _tell_duties(system, reference)


@incidents.command()
def describe(
    incident: _Incident,
    cause: Annotated[oversight.Cause, typer.Option(help="what brought it about")],
    persons: Annotated[oversight.Size, typer.Option(help="about how many persons it touches")],
    risk: Annotated[oversight.Risk, typer.Option(help="the risk for their rights and freedoms")],
    consequence: Annotated[list[str], _codes(oversight.Consequence, "what may follow, more than once for more")],
    measure: Annotated[list[str], _codes(oversight.Measure, "what was or will be done, more than once")],
    records: Annotated[oversight.Size, typer.Option(help="about how many records it touches")] = "unknown",
    nature: Annotated[list[str] | None, _codes(oversight.Nature, "what a breach broke, more than once")] = None,
    category: Annotated[list[str] | None, _codes(oversight.Category, "which data, more than once")] = None,
    delivery: Annotated[list[str] | None, typer.Option(help="a delivery that it touches, more than once")] = None,
    began: Annotated[datetime | None, typer.Option(help="when it began (UTC)")] = None,
    ended: Annotated[datetime | None, typer.Option(help="when it ended (UTC)")] = None,
) -> None:
    """Record what is known of an incident: what article 33(3) asks for. A later description takes its place."""
    from rod_pipeline.incidents.keeping import Description
    from rod_pipeline.incidents.keeping import describe as record

    known = Description(
        cause=cause,
        persons=persons,
        records=records,
        risk=risk,
        consequences=cast(tuple[oversight.Consequence, ...], tuple(consequence)),
        measures=cast(tuple[oversight.Measure, ...], tuple(measure)),
        nature=cast(tuple[oversight.Nature, ...], tuple(nature or ())),
        deliveries=tuple(delivery or ()),
        categories=cast(tuple[oversight.Category, ...], tuple(category or ())),
        began_at=_utc(began),
        ended_at=_utc(ended),
    )
    with System.open(Settings.load()) as system:
        version = record(system, incident, known)
        typer.echo(f"On record: what is known of incident {incident}, version {version}.")
        _tell_duties(system, incident)


@incidents.command()
def draft(incident: _Incident, to: _To, story: _Story = None) -> None:
    """Write the letter, as text and as PDF, to be read, finished and sent by a person."""
    from rod_pipeline.incidents.keeping import draft as write

    with System.open(Settings.load()) as system:
        text, pdf = write(system, incident, to, story)
    typer.echo(f"{text}\n{pdf}")


@incidents.command()
def notify(
    incident: _Incident,
    to: _To,
    letter: _Letter,
    channel: Annotated[SentBy, typer.Option(help="how it was sent")],
    phase: Annotated[oversight.Phase, typer.Option(help="all at once, or a first or further report")],
    delay: Annotated[oversight.Delay | None, typer.Option(help="why the supervisor is told after 72 hours")] = None,
    at: _SentAt = None,
) -> None:
    """Record that you sent this letter. It sends nothing itself."""
    from rod_pipeline.incidents.keeping import notify as record

    with System.open(Settings.load()) as system:
        record(system, incident, to, letter, channel, phase, sent_at=_utc(at), delay=delay)
        typer.echo(f"On record: {to} was told of incident {incident} ({phase}).")
        _tell_duties(system, incident)


@incidents.command("decide-not")
def decide_not(
    incident: _Incident,
    to: Annotated[Literal["supervisor", "data_subjects"], typer.Option(help="who need not be told")],
    reason: Annotated[oversight.NotTold, typer.Option(help="why not")],
) -> None:
    """Record the decision not to tell the supervisor, or the persons, with its reason."""
    from rod_pipeline.incidents.keeping import decide_not as record

    with System.open(Settings.load()) as system:
        record(system, incident, to, reason)
        typer.echo(f"On record: {to} need not be told of incident {incident} ({reason}).")
        _tell_duties(system, incident)


@incidents.command()
def close(
    incident: _Incident, outcome: Annotated[oversight.IncidentOutcome, typer.Option(help="how it ended")]
) -> None:
    """Record that nothing more will be done. Refused while somebody still has to be told."""
    from rod_pipeline.incidents.keeping import close as record

    with System.open(Settings.load()) as system:
        record(system, incident, outcome)
    typer.echo(f"On record: incident {incident} is closed ({outcome}).")


@incidents.command("list")
def list_(everything: Annotated[bool, typer.Option("--all", help="the closed ones too")] = False) -> None:
    """The register of incidents (AVG 33(5)), and who still has to be told by when; exits with 1 when that is late."""
    from rod_pipeline.incidents.clocks import duties_now

    with System.open(Settings.load()) as system:
        found = [one for one in system.ledger.state().oversight.incidents.values() if everything or one.closed is None]
        duties = [duty for duty in duties_now(system) if "-i" in duty.reference]
    table = Table("incident", "what", "discovered", "cause", "risk", "deliveries", "told", "closed")
    for one in found:
        known = one.described
        table.add_row(
            one.incident,
            one.opened.what,
            f"{one.opened.discovered_at:%Y-%m-%d %H:%M}",
            known.cause if known else "",
            known.risk if known else "",
            ", ".join(known.deliveries) if known else "",
            ", ".join(f"{told.to} {told.sent_at:%Y-%m-%d %H:%M}" for told in one.told),
            one.closed.outcome if one.closed else "",
        )
    if found:
        Console().print(table)
    else:
        typer.echo("No incident is open.")
    for duty in duties:
        typer.echo(str(duty))
    raise typer.Exit(1 if any(duty.overdue for duty in duties) else 0)


@circumstances.command()
def note(
    change: Annotated[oversight.Change, typer.Option(help="what changed")],
    known: Annotated[datetime | None, typer.Option(help="since when it is known (UTC); without: now")] = None,
) -> None:
    """Put on record that something changed that bears on the decree; the minister has to be told (voorschrift 3h)."""
    from rod_pipeline.incidents.keeping import note as record

    with System.open(Settings.load()) as system:
        reference = record(system, change, _utc(known))
        typer.echo(f"On record: changed circumstance {reference}.")
        _tell_duties(system, reference)


@circumstances.command("draft")
def draft_circumstance(circumstance: _Circumstance, story: _Story = None) -> None:
    """Write the letter to the minister, as text and as PDF."""
    from rod_pipeline.incidents.keeping import draft as write
    from rod_pipeline.incidents.keeping import find_circumstance

    with System.open(Settings.load()) as system:
        find_circumstance(system, circumstance)
        text, pdf = write(system, circumstance, "minister", story)
    typer.echo(f"{text}\n{pdf}")


@circumstances.command("notify")
def notify_circumstance(
    circumstance: _Circumstance,
    letter: _Letter,
    channel: Annotated[SentBy, typer.Option(help="how it was sent")],
    at: _SentAt = None,
) -> None:
    """Record that you sent this letter to the minister. It sends nothing itself."""
    from rod_pipeline.incidents.keeping import notify_circumstance as record

    with System.open(Settings.load()) as system:
        record(system, circumstance, letter, channel, _utc(at))
    typer.echo(f"On record: the minister was told of {circumstance}.")


@circumstances.command("close")
def close_circumstance(
    circumstance: _Circumstance,
    outcome: Annotated[oversight.CircumstanceOutcome, typer.Option(help="how it ended")],
) -> None:
    """Record how a changed circumstance ended."""
    from rod_pipeline.incidents.keeping import close_circumstance as record

    with System.open(Settings.load()) as system:
        record(system, circumstance, outcome)
    typer.echo(f"On record: {circumstance} is closed ({outcome}).")


@circumstances.command("list")
def list_circumstances(
    everything: Annotated[bool, typer.Option("--all", help="the closed ones too")] = False,
) -> None:
    """The changed circumstances, and whether the minister was told."""
    with System.open(Settings.load()) as system:
        known = system.ledger.state().oversight.circumstances
    table = Table("circumstance", "what changed", "known since", "told", "closed")
    found = [one for one in known.values() if everything or one.closed is None]
    for one in found:
        table.add_row(
            one.noted.circumstance,
            one.noted.change,
            f"{one.noted.known_at:%Y-%m-%d %H:%M}",
            f"{one.told.sent_at:%Y-%m-%d %H:%M}" if one.told else "",
            one.closed.outcome if one.closed else "",
        )
    if found:
        Console().print(table)
    else:
        typer.echo("No changed circumstance is open.")


def _tell_duties(system: System, reference: str) -> None:
    from rod_pipeline.incidents.clocks import duties_now

    for duty in duties_now(system):
        if duty.reference == reference:
            typer.echo(f"Still to be told: {duty}")


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC)
