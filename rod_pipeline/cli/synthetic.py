"""``rod synthetic``: synthetic deliveries, whole and broken, from the command line.

Belongs here: reading arguments and the password, and showing tables. Does not belong here: the generator
(``rod_pipeline.synthetic``). The password of an archive comes from a file descriptor or is asked for.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(help="Synthetic deliveries, whole and broken.", no_args_is_help=True)

_Scale = Annotated[float, typer.Option(help="1.0 is the whole country: half a million students a school year")]
_Seed = Annotated[int, typer.Option(help="another seed is another country; the same seed gives the same persons")]


class Packing(StrEnum):
    """How the five files are put together."""

    ZIP = "zip"
    AES = "aes"
    ZIPCRYPTO = "zipcrypto"
    NONE = "none"


@app.command()
def deliver(
    key: Annotated[str, typer.Argument(help="the delivery, as 2025-12 or 2025-12-r2", show_default=False)],
    out: Annotated[Path, typer.Option(help="folder for what is made", show_default=False)],
    scale: _Scale = 0.01,
    seed: _Seed = 1,
    dialect: Annotated[
        str, typer.Option(help="how the files are written: contract, or one of the named ones")
    ] = "contract",
    archive: Annotated[Packing, typer.Option(help="one zip, an encrypted one, or five files")] = Packing.ZIP,
    fault: Annotated[str | None, typer.Option(help="what is wrong with it; see rod synthetic faults")] = None,
    password_fd: Annotated[
        int | None, typer.Option(help="read the password of the zip from this file descriptor")
    ] = None,
) -> None:
    """Write a delivery as DUO would put it in PLEIO. The same seed, scale and key give the same files."""
    from rod_pipeline.contracts import ContractBook
    from rod_pipeline.contracts.model import FILE_KINDS
    from rod_pipeline.deliveries import DeliveryKey
    from rod_pipeline.synthetic.delivery import write_delivery
    from rod_pipeline.synthetic.population import Population
    from rod_pipeline.synthetic.writing import DIALECTS

    delivery = DeliveryKey.parse(key)
    if dialect not in DIALECTS:
        raise typer.BadParameter(f"use one of: {', '.join(DIALECTS)}", param_hint="--dialect")
    chosen = DIALECTS[dialect]
    encrypted: Literal["aes", "zipcrypto"] | None = (
        "aes" if archive is Packing.AES else "zipcrypto" if archive is Packing.ZIPCRYPTO else None
    )
    paths = write_delivery(
        out,
        delivery,
        population=Population(seed, scale),
        book=ContractBook.load(),
        dialects=None if chosen is None else dict.fromkeys(FILE_KINDS, chosen),
        archive=encrypted or ("zip" if archive is Packing.ZIP else None),
        password=_password(password_fd) if encrypted else None,
        fault=fault,
    )
    for path in paths:
        typer.echo(f"{path}  {path.stat().st_size:,} bytes")


@app.command()
def faults() -> None:
    """Show what can be wrong with a delivery, and which error or rule must refuse it."""
    from rod_pipeline.synthetic.faults import FAULTS

    table = Table("fault", "file", "what is wrong", "refused by", box=None, pad_edge=False)
    for fault in FAULTS.values():
        expected = ", ".join(fault.expect) or "nothing in a delivery"
        table.add_row(fault.name, fault.file or ("archive" if fault.needs_archive else "all"), fault.what, expected)
    Console().print(table)


@app.command()
def summary(
    key: Annotated[str, typer.Argument(help="the delivery that is measured")] = "2025-12",
    scale: _Scale = 0.05,
    seed: _Seed = 1,
) -> None:
    """Hold the synthetic country against the published figures."""
    from rod_pipeline.contracts import ContractBook
    from rod_pipeline.deliveries import DeliveryKey
    from rod_pipeline.synthetic.population import Population
    from rod_pipeline.synthetic.summary import Figure, summarise

    def shown(figure: Figure, value: float | None) -> str:
        if value is None:
            return "-"
        return f"{value:.1%}" if figure.unit == "share" else f"{value:,.0f}"

    words = {True: "yes", False: "NO", None: ""}
    table = Table("figure", box=None, pad_edge=False)
    for column in ("published", "here", "within tolerance"):
        table.add_column(column, justify="right")
    for figure in summarise(Population(seed, scale), DeliveryKey.parse(key), ContractBook.load()):
        values = (shown(figure, figure.published), shown(figure, figure.measured))
        table.add_row(figure.name, *values, words[figure.agrees])
    Console().print(table)
    typer.echo(f"Counts of students are scaled up from scale {scale:g}; rows are not. Sources: synthetic/published.py.")


@app.command()
def truth(
    key: Annotated[str, typer.Argument(help="the delivery whose marts are made")] = "2025-12",
    scale: _Scale = 0.05,
    seed: _Seed = 1,
) -> None:
    """Hold the marts of a synthetic delivery against published tables, each within the tolerance that is stated."""
    import polars as pl

    from rod_pipeline.contracts import ContractBook
    from rod_pipeline.deliveries import DeliveryKey
    from rod_pipeline.marts.declared import MARTS
    from rod_pipeline.marts.plausible import as_table, held_against_published, steps
    from rod_pipeline.synthetic.moments import moment_of
    from rod_pipeline.synthetic.population import DATA_FILES, Population, iter_file

    delivery, population, book = DeliveryKey.parse(key), Population(seed, scale), ContractBook.load()
    frames = {kind: pl.concat(iter_file(kind, delivery, population, book)).lazy() for kind in DATA_FILES}
    tables = {mart.name: mart.table(frames).collect(engine="streaming") for mart in MARTS}
    provided = pl.DataFrame({"levering": [key], "moment": [moment_of(delivery).prikdatum]})
    moments = provided.with_columns(pl.col("moment").cast(pl.Datetime("us", "UTC")))
    tables["stromen"] = steps({key: frames["doorstroom"]}, moments)
    figures = held_against_published(tables, scale)
    typer.echo(as_table(figures))
    typer.echo(f"\nCounts are scaled up from scale {scale:g}. Sources: synthetic/published.py.")


def _password(descriptor: int | None) -> bytes:
    if descriptor is None:
        return str(typer.prompt("Password of the archive", hide_input=True, confirmation_prompt=True)).encode()
    with os.fdopen(descriptor, "rb", closefd=False) as stream:
        return stream.read().rstrip(b"\r\n")
