"""``rod contract``: which contracts there are, and how what came differs from them.

Belongs here: arguments in, words out. Does not belong here: what differs (``contracts.check``), the way to a next
version (``drift``). No value of a file is printed, only names, counts, and the codes of closed lists that may be told.
"""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from rod_pipeline.cli import drift
from rod_pipeline.cli.received import Kind, Password, PasswordFd, Received, received
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.book import draft_of
from rod_pipeline.contracts.model import Contract
from rod_pipeline.decree import load_decree
from rod_pipeline.settings import Settings

if TYPE_CHECKING:
    from rod_pipeline.contracts.check import Checked

app = typer.Typer(help="How files should look.", no_args_is_help=True)


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="older versions and drafts too")] = False,
) -> None:
    """List the contracts in force, and which marts understand each version."""
    settings = Settings.load()
    book = ContractBook.load(settings.contracts, load_decree(settings.decree))
    table = Table("file", "version", "columns", "names of the file", "dialect", "marts")
    table.columns[0].no_wrap = table.columns[-1].no_wrap = True
    for kind in book.files():
        *older, newest = book.versions(kind)
        for version in (*(older if every else ()), newest):
            contract = book.get(kind, version)
            state = "" if version == newest else " (older)"
            table.add_row(kind, f"{version}{state}", *_about(contract, book))
        if every and settings.contracts is not None and draft_of(settings.contracts, kind, newest + 1).is_file():
            table.add_row(kind, f"{newest + 1} (draft)", "", "", "", "see rod contract diff")
    Console().print(table)


def _about(contract: Contract, book: ContractBook) -> tuple[str, ...]:
    from rod_pipeline.marts.declared import understanding

    dialect = contract.dialect
    marks = [dialect.encoding, repr(dialect.separator), dialect.dates.value, "/".join(dialect.booleans)]
    marts = [f"NOT {mart}" if why else mart for mart, why in understanding(contract, book).items()]
    return str(len(contract.columns)), " ".join(contract.members), " ".join(marks), "\n".join(marts)


@app.command()
def check(
    what: Received, kind: Kind = None, zip_password: Password = False, zip_password_fd: PasswordFd = None
) -> None:
    """Say exactly how what was received differs from its contracts. Exits with 1 when anything differs."""
    from rod_pipeline.contracts.check import absent_kinds
    from rod_pipeline.contracts.check import check as check_files

    with received(what, zip_password, zip_password_fd) as came:
        checked = check_files(came.files, came.book, kind, came.password)
    for one in checked:
        _tell(one, came.book)
    if any(one.packed for one in checked) and (absent := absent_kinds(checked, came.book)):
        typer.echo(f"The delivery lacks: {', '.join(absent)}.")
        raise typer.Exit(1)
    if any(one.differences for one in checked):
        raise typer.Exit(1)


def _tell(one: "Checked", book: ContractBook) -> None:
    about = "" if one.kind is None else f", as {one.kind} version {book.get(one.kind).version}"
    rows = "" if one.observation is None else f", {one.observation.rows} rows"
    typer.echo(f"{one.name}{about}{rows}: {'fits its contract' if not one.differences else 'differs'}")
    for difference in one.differences:
        typer.echo(f"  - {difference}")
    for note in one.accepted:
        typer.echo(f"  (accepted: {note})")


drift.register(app)
