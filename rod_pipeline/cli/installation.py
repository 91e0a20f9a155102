"""``rod init``, ``up``, ``demo``, ``rights``: an installation from the command line.

Belongs here: arguments in, words out.
"""

import json
import signal
from pathlib import Path
from typing import Annotated

import typer

from rod_pipeline.clock import SystemClock
from rod_pipeline.settings import Settings
from rod_pipeline.store.rights import Role


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    for command in (init, up, demo, rights):
        app.command()(command)


def init(
    country: Annotated[str, typer.Option(help="the country in which this machine stands, two letters, as NL")],
    site: Annotated[str, typer.Option(help="where in that country, as a person would say it")],
    declared_by: Annotated[str, typer.Option(help="the role that answers for it; no name")],
) -> None:
    """Set up a new installation in ROD_HOME (default: .rod)."""
    from rod_pipeline.installation import make_installation

    settings = Settings.load()
    make_installation(
        settings.home,
        SystemClock(),
        country=country,
        site=site,
        declared_by=declared_by,
        origin=settings.evidence.origin,
    )
    typer.echo(
        f"The installation in {settings.home} is ready. Back up secrets/kek, apart from the data: without it all is "
        "lost. Back up secrets/signing.pem too, and hand out notary.vkey: with it, proofs are checked."
    )


def up(port: Annotated[int, typer.Option(help="port of the UI; 0: 3000 when free")] = 0) -> None:
    """Run the embedded store and Dagster until Ctrl-C."""
    from rod_pipeline.orchestration.serving import serving

    with serving(Settings.load(), port or None) as at:
        typer.echo(f"Dagster answers at {at.url}. Stop with Ctrl-C.")
        _until_interrupted()


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="exit after the summary; non-zero when anything is wrong")
    ] = False,
    home: Annotated[Path, typer.Option(help="folder of the demo; made anew each time")] = Path(".rod/demo"),
    scale: Annotated[float, typer.Option(help="1.0 is the whole country")] = 0.01,
) -> None:
    """Show the whole way of three deliveries, on synthetic data: two that go through, one that is refused."""
    from rod_pipeline.orchestration.demo import run_demo

    with run_demo(home, scale=scale) as outcome:
        if not once:
            typer.echo(f"\nLook around: {outcome.url} . Stop with Ctrl-C.")
            _until_interrupted()
    raise typer.Exit(0 if outcome.as_expected else 1)


def rights(role: Annotated[Role, typer.Argument(help="whose")]) -> None:
    """Print what an account of the store may do, as an IAM policy document, for these settings."""
    from rod_pipeline.store.rights import policy

    settings = Settings.load()
    typer.echo(json.dumps(policy(role, settings.store.bucket, settings.evidence.bucket), indent=2))


def _until_interrupted() -> None:
    try:
        signal.pause()
    except KeyboardInterrupt:
        typer.echo("Stopping.")
