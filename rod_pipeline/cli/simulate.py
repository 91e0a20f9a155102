"""``rod simulate``: living through the decree in a minute or two.

Belongs here: arguments in, words out.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command()(simulate)


def simulate(
    until: Annotated[
        str, typer.Option(help="the month in which it ends; up to 2036-01 everything is erased")
    ] = "2036-01",
    withdrawn: Annotated[
        bool, typer.Option("--withdrawn", help="only the life in which the decree is withdrawn half-way")
    ] = False,
    home: Annotated[
        Path | None, typer.Option(help="keep everything in this folder, made anew: picture, certificates, ledger")
    ] = None,
) -> None:
    """Live through the decree on a clock of its own: six moments, what goes wrong, and every erasure, with proof.

    Everything runs as in a real installation, on synthetic data, in a folder of its own that is removed again. At the
    end the raw bytes of everything are looked through, and every certificate is verified. Exits with 1 when anything
    went otherwise than it should.
    """
    from rod_pipeline.simulation.run import WIDTH
    from rod_pipeline.simulation.run import simulate as run

    if re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", until) is None:
        raise typer.BadParameter("name a month, as 2036-01", param_hint="--until")
    console = Console(highlight=False)
    # A narrower terminal wraps lines; a table that is squeezed can't be read at all.
    console.width = max(console.width, WIDTH)
    console.print("This is a SIMULATION: its certificates prove nothing about real data, and say so.\n")
    year, month = map(int, until.split("-"))
    result = run(datetime(year, month, 1, tzinfo=UTC), console, home=home, only="withdrawn" if withdrawn else None)
    if result.kept is not None:
        console.print(f"The picture is {result.kept / 'timeline.png'}; certificates lie in certificates/ of each life.")
    raise typer.Exit(0 if result.as_expected else 1)
