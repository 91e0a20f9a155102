"""``rod package …`` and ``rod published …``: what leaves the house.

Belongs here: arguments in, words out.
"""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

packages = typer.Typer(no_args_is_help=True)
published = typer.Typer(no_args_is_help=True)
_Recipient = Annotated[str, typer.Argument(help="the recipient, by its name in the settings", show_default=False)]


class For(StrEnum):
    """What a package is for (voorschrift 3a)."""

    ONDERZOEK = "onderzoek"
    VERANTWOORDING = "verantwoording"


class On(StrEnum):
    """On what ground counts under five may leave."""

    CONSIDERATION_6C = "consideration_6c"
    FURTHER_DECISION = "further_decision"


def register(root: typer.Typer) -> None:
    """Add these commands to ``root``."""
    root.add_typer(packages, name="package", help="Packages for institutions and sector chambers: make one, list them.")
    root.add_typer(published, name="published", help="Published tables: list the releases, get the files of one.")


@packages.command()
def make(
    recipient: _Recipient,
    purpose: Annotated[For, typer.Option(help="what for (voorschrift 3a)")],
    delivery: Annotated[
        list[str] | None, typer.Option(help="a delivery whose rows go in, more than once for more; else the newest")
    ] = None,
    small_counts: Annotated[
        bool, typer.Option("--small-counts", help="with counts under five; they must be allowed to this recipient")
    ] = False,
) -> None:
    """Make the package of one recipient, encrypted to its key. The hand-over is on record before the file is there."""
    from rod_pipeline.packages.making import make as make_package

    keys = [DeliveryKey.parse(key) for key in delivery or ()]
    with System.open(Settings.load()) as system:
        made = make_package(system, recipient, purpose.value, keys, small=small_counts)
    typer.echo(f"Package {made.package_id} for {recipient} ({made.description}) lies encrypted in {made.file}.")
    if made.until is None:
        typer.echo("It holds no personal data.")
    else:
        typer.echo(
            f"It holds personal data of {', '.join(made.deliveries)}: the recipient erases it before "
            f"{made.until:%Y-%m-%d}, and is asked to when one of these deliveries goes."
        )
    typer.echo("Send that file, and remove it when it has arrived.")


@packages.command("list")
def list_() -> None:
    """Every package that left the house, with its end, and whether its recipient was asked to erase."""
    with System.open(Settings.load()) as system:
        state = system.ledger.state()
    table = Table("package", "recipient", "holds", "purpose", "deliveries", "made", "erase before", "erasure")
    for package_id, handover in state.handovers.items():
        event = handover.event
        purges = [purge for purge in state.purges.values() if set(purge.keys) & set(event.keys)]
        asked = any(purge.asked_of("recipient", package_id) for purge in purges)
        declared = handover.erased is not None or any(p.declared_by("recipient", package_id) for p in purges)
        table.add_row(
            package_id,
            event.recipient,
            event.description or "",
            event.purpose,
            ", ".join(event.keys),
            f"{handover.at:%Y-%m-%d}",
            f"{event.until:%Y-%m-%d}",
            "declared" if declared else "asked" if asked else "",
        )
    for package_id, shared in state.shared.items():
        event_ = shared.event
        table.add_row(package_id, event_.recipient, "aggregates", event_.purpose, "", f"{shared.at:%Y-%m-%d}", "", "")
    if state.handovers or state.shared:
        Console().print(table)
    else:
        typer.echo("No package ever left the house.")


@packages.command("allow-small")
def allow_small(
    recipient: _Recipient,
    ground: Annotated[On, typer.Option(help="the legal ground")],
    reference: Annotated[str, typer.Option(help="reference of the document that has the ground")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="the day on which it ends (UTC)")],
) -> None:
    """Allow counts under five to a sector chamber, on a legal ground and up to a date."""
    from rod_pipeline.packages.permitting import allow

    with System.open(Settings.load()) as system:
        permission = allow(system, recipient, ground.value, reference, until.replace(tzinfo=UTC))
    typer.echo(f"Permission {permission}: counts under five may go to {recipient} until {until:%Y-%m-%d}.")


@packages.command("forbid-small")
def forbid_small(
    permission: Annotated[str, typer.Argument(help="the id that `rod package allow-small` printed")],
) -> None:
    """End such a permission before its date."""
    from rod_pipeline.packages.permitting import forbid

    with System.open(Settings.load()) as system:
        forbid(system, permission)
    typer.echo(f"Permission {permission} has ended. What was handed over keeps its end.")


@published.command("list")
def list_published() -> None:
    """Every release of published tables, newest last."""
    with System.open(Settings.load()) as system:
        state = system.ledger.state()
    table = Table("release", "made", "deliveries", "tables", "rows", "hidden", "policy")
    for release in state.releases.values():
        event = release.event
        table.add_row(
            event.release,
            f"{release.at:%Y-%m-%d}",
            ", ".join(state.intakes[delivery].key for delivery in event.deliveries),
            str(len(event.tables)),
            f"{sum(one.rows for one in event.tables):,}",
            f"{sum(one.hidden for one in event.tables):,}",
            event.policy,
        )
    if state.releases:
        Console().print(table)
    else:
        typer.echo("Nothing was published yet.")


@published.command("get")
def get(
    out: Annotated[Path, typer.Option(help="the folder that the files go to")],
    release: Annotated[str | None, typer.Option(help="the release; the newest by default")] = None,
) -> None:
    """Write published.duckdb, Parquet and CSV of a release into a folder. They hold no personal data."""
    from rod_pipeline.publishing.files import DATABASE
    from rod_pipeline.publishing.release import get as get_files

    with System.open(Settings.load()) as system:
        found, written = get_files(system, out, release)
    typer.echo(f"Release {found.event.release} of {found.at:%Y-%m-%d}: {len(written)} files in {out}.")
    typer.echo(f'Open it with: duckdb.connect("{out / DATABASE}", read_only=True).table("tabellen")')
