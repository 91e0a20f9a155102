"""``rod rerun-failed`` and ``rod doctor``: what on-call needs at night.

Belongs here: arguments in, words out. Does not belong here: what is red (``orchestration.red``), what is looked at
(``rod_pipeline.doctor``).
"""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

_MARKS = {"good": "  ok     ", "bad": "  BAD    ", "unknown": "  unknown"}


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command()(doctor)
    app.command(name="rerun-failed")(rerun_failed)


def rerun_failed(
    key: Annotated[str | None, typer.Argument(help="only this delivery, as 2025-12", show_default=False)] = None,
    yes: Annotated[bool, typer.Option("--yes", help="don't ask")] = False,
) -> None:
    """Say which deliveries are red and which of them can be run again, then run those and wait; 1 when one fails.

    Those whose error goes away by itself, whose process died or whose block was lifted. Not those that wait for a
    person or for something to be mended: `rod rerun` runs one of those, once that has been done.
    """
    from rod_pipeline.orchestration.launching import opened
    from rod_pipeline.orchestration.red import red, rerun

    settings = Settings.load()
    only = None if key is None else str(DeliveryKey.parse(key))
    with System.open(settings) as system:
        system.refuse_nowhere()
        if only is not None:
            system.intake(DeliveryKey.parse(only))
        with opened(settings) as instance:
            found = [one for one in red(instance, system) if only in (None, one.key)]
    ready = [one for one in found if one.waits is None]
    for one in found:
        what = "is run again" if one.waits is None else f"waits for {one.waits}"
        typer.echo(f"{one.key}: red since {one.since:%Y-%m-%d %H:%M} UTC ({one.codes}); {what}.")
    if not ready:
        typer.echo("There is nothing to run again." if found else "Nothing is red.")
        return
    if not yes and not typer.confirm(f"Run {len(ready)} again, from where they failed?"):
        typer.echo("Nothing was run.")
        return
    told = rerun(settings, ready)
    for name, texts in told.items():
        typer.echo(f"Delivery {name} went through." if not texts else "\n".join(texts), err=bool(texts))
    raise typer.Exit(1 if any(told.values()) else 0)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="everything, for a program")] = False,
) -> None:
    """Look whether this installation is fit to run: each finding with its remedy and runbook. Exits with 1 when not.

    Writes nothing but random bytes to the store, which it erases again, to see that it can.
    """
    from rod_pipeline.doctor import examine
    from rod_pipeline.orchestration.doctoring import CHECKS

    with System.open(Settings.load()) as system:
        system.refuse_nowhere()
        findings = examine(system, CHECKS)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in findings], indent=1))
    else:
        for one in findings:
            typer.echo(f"{_MARKS[one.verdict]} {one.subject}: {one.said}")
            if one.remedy is not None:
                typer.echo(f"           What to do: {one.remedy} (rod runbook {one.code})")
    raise typer.Exit(1 if any(one.verdict == "bad" for one in findings) else 0)
