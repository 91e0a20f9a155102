"""``rod accept``, ``rod hold …``, ``rod suspension …``, ``rod handover``, ``rod declare``: what a person decides.

Belongs here: arguments in, words out.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal, cast

import typer

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

holds = typer.Typer(no_args_is_help=True)
suspensions = typer.Typer(no_args_is_help=True)
_Key = Annotated[str, typer.Argument(help="the delivery, as 2025-12 or 2025-12-r2", show_default=False)]
_Order = Annotated[str, typer.Option(help="reference of the letter or order that this rests on")]
_Role = Annotated[str, typer.Option(help="the role that decides; no name")]


def register(root: typer.Typer) -> None:
    """Add these commands to ``root``."""
    for command in (accept, handover, declare):
        root.command()(command)
    root.add_typer(holds, name="hold", help="Keep a delivery from being erased for now, on an order.")
    root.add_typer(suspensions, name="suspension", help="The repair term of section 5: nothing comes in.")


def accept(
    key: _Key,
    confirm: Annotated[
        str,
        typer.Option(prompt="The delivery that it corrects will be erased. Type the key of the correction", help=""),
    ],
) -> None:
    """Accept a correction that has gone all the way: it takes the place of the earlier one, which is erased at once."""
    from rod_pipeline.retention.decisions import accept as decide

    if confirm != key:
        typer.echo("The two keys differ; nothing was changed.", err=True)
        raise typer.Exit(1)
    with System.open(Settings.load()) as system:
        superseded = decide(system, DeliveryKey.parse(key), system.actor())
    typer.echo(f"{key} takes the place of {', '.join(superseded)}: due for erasure now, by the sensor or `rod purge`.")


@holds.command("set")
def set_hold(
    key: _Key,
    order: _Order,
    until: Annotated[datetime, typer.Option(help="until when (UTC), at most 90 days ahead")],
    set_by: _Role,
    approved_by: _Role,
    beyond_term: Annotated[
        bool, typer.Option("--beyond-term", help="the order says to keep it over its term; it is then overdue, visibly")
    ] = False,
) -> None:
    """Keep a delivery for now. Without --beyond-term the hold ends at the deadline at the latest."""
    from rod_pipeline.retention.decisions import hold

    with System.open(Settings.load()) as system:
        hold_id = hold(
            system,
            DeliveryKey.parse(key),
            order=order,
            until=_utc(until),
            beyond_term=beyond_term,
            set_by=set_by,
            approved_by=approved_by,
        )
    typer.echo(f"Hold {hold_id} on {key} stands until {until:%Y-%m-%d}.")


@holds.command("lift")
def lift(hold_id: Annotated[str, typer.Argument(help="the id that `rod hold set` printed")], role: _Role) -> None:
    """End a hold before its date."""
    from rod_pipeline.retention.decisions import lift_hold

    with System.open(Settings.load()) as system:
        lift_hold(system, hold_id, role)
    typer.echo(f"Hold {hold_id} is lifted.")


@suspensions.command("set")
def suspend(order: _Order, until: Annotated[datetime, typer.Option(help="the end of the repair term (UTC)")]) -> None:
    """The minister announced that the decree may be withdrawn: nothing comes in until this is lifted."""
    from rod_pipeline.retention.decisions import suspend as decide

    with System.open(Settings.load()) as system:
        decide(system, order, _utc(until))
    typer.echo(f"Suspended on order {order}; the repair term ends on {until:%Y-%m-%d}. Nothing comes in.")


@suspensions.command("lift")
def lift_suspension(order: _Order) -> None:
    """The conditions are kept again, by the minister's word: provisions go on."""
    from rod_pipeline.retention.decisions import lift_suspension as decide

    with System.open(Settings.load()) as system:
        decide(system, order)
    typer.echo("The suspension is lifted; deliveries can be announced again.")


def handover(
    keys: Annotated[list[str], typer.Argument(help="the deliveries whose data are in the package")],
    recipient: Annotated[str, typer.Option(help="opaque name of the recipient; who that is, is kept elsewhere")],
    purpose: Annotated[str, typer.Option(help="onderzoek or verantwoording (voorschrift 3a)")],
    until: Annotated[datetime, typer.Option(help="until when the recipient may keep it (UTC)")],
) -> None:
    """Record a package with personal data that left the house; the recipient is asked to erase it at a purge."""
    from rod_pipeline.retention.decisions import hand_over

    with System.open(Settings.load()) as system:
        package_id = hand_over(
            system,
            tuple(str(DeliveryKey.parse(key)) for key in keys),
            recipient=recipient,
            purpose=cast(Literal["onderzoek", "verantwoording"], purpose),
            until=_utc(until),
            actor=system.actor(),
        )
    typer.echo(f"Package {package_id} is on record.")


def declare(
    reference: Annotated[str, typer.Option(help="reference of their letter")],
    erased_at: Annotated[datetime, typer.Option(help="when they erased, by their word (UTC)")],
    purge: Annotated[str | None, typer.Argument(help="the id of the purge; a package needs none")] = None,
    package: Annotated[str | None, typer.Option(help="the package it is about; without: the processor's word")] = None,
) -> None:
    """Record that the processor, or the recipient of a package, declared in writing that it erased.

    A recipient may do so before anybody asks: then no purge asks for that package any more.
    """
    from rod_pipeline.retention.decisions import declare_erased, declare_package_erased

    with System.open(Settings.load()) as system:
        if purge is not None:
            declare_erased(
                system, purge, package_id=package, reference=reference, erased_at=_utc(erased_at), actor=system.actor()
            )
            asked = True
        elif package is not None:
            asked = bool(
                declare_package_erased(
                    system, package, reference=reference, erased_at=_utc(erased_at), actor=system.actor()
                )
            )
        else:
            raise typer.BadParameter("name the purge, the package, or both")
    waits = "a certificate that waited for it is drawn up anew within the hour"
    typer.echo(f"On record; {waits if asked else 'no purge asks for this package any more'}.")


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=moment.tzinfo or UTC)
