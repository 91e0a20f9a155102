"""``rod contract``: hold received files against the contracts, and draft the next version.

Belongs here: arguments in, words out. Does not belong here: what differs (``contracts.check``), the draft
(``contracts.draft``). No value of a file is printed, only names and counts.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.check import Checked, absent_kinds
from rod_pipeline.contracts.check import check as check_files
from rod_pipeline.contracts.draft import draft as draft_contract
from rod_pipeline.contracts.draft import undeclared
from rod_pipeline.contracts.model import FILE_KINDS, FileKind
from rod_pipeline.settings import Settings
from rod_pipeline.store.secrets import read_code

app = typer.Typer(help="How files should look.", no_args_is_help=True)

_Files = Annotated[
    list[Path], typer.Argument(help="received files, csv or zip", exists=True, dir_okay=False, show_default=False)
]
_Kind = Annotated[
    str | None, typer.Option("--as", help=f"the kind of file, when its name does not tell: {', '.join(FILE_KINDS)}")
]
_Password = Annotated[bool, typer.Option(help="ask for the password of the zip")]
_PasswordFd = Annotated[int | None, typer.Option(help="read the password of the zip from this file descriptor")]


@app.command("list")
def list_() -> None:
    """List the contracts in force."""
    book = _book()
    table = Table("file", "version", "columns", "names of the file", "dialect")
    for kind in book.files():
        contract = book.get(kind)
        dialect = contract.dialect
        marks = [dialect.encoding, repr(dialect.separator), dialect.dates.value, "/".join(dialect.booleans)]
        table.add_row(
            kind, str(contract.version), str(len(contract.columns)), " ".join(contract.members), " ".join(marks)
        )
    Console().print(table)


@app.command()
def check(
    files: _Files, kind: _Kind = None, zip_password: _Password = False, zip_password_fd: _PasswordFd = None
) -> None:
    """Say exactly how received files differ from their contracts. Exits with 1 when anything differs."""
    book = _book()
    checked = check_files(files, book, _kind(kind), _password(zip_password, zip_password_fd))
    for one in checked:
        _tell(one, book)
    if any(one.packed for one in checked) and (absent := absent_kinds(checked, book)):
        typer.echo(f"The delivery lacks: {', '.join(absent)}.")
        raise typer.Exit(1)
    if any(one.differences for one in checked):
        raise typer.Exit(1)


@app.command()
def draft(
    files: _Files,
    kind: _Kind = None,
    out: Annotated[
        Path | None, typer.Option(help="folder for the drafts (<file>/<version>.toml); to the terminal otherwise")
    ] = None,
    zip_password: _Password = False,
    zip_password_fd: _PasswordFd = None,
) -> None:
    """Propose the next version of a contract from what came. It never assigns a rubriek: a person does."""
    failed = False
    for one in check_files(files, _book(), _kind(kind), _password(zip_password, zip_password_fd)):
        if one.observation is None:
            typer.echo(f"{one.name}: {'; '.join(one.differences)}.", err=True)
            failed = True
            continue
        contract, text = one.observation.contract, draft_contract(one.observation)
        if out is None:
            typer.echo(text)
        else:
            target = out / contract.file / f"{contract.version + 1}.toml"
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                raise typer.BadParameter(f"{target} is there already: move it away first", param_hint="--out")
            target.write_text(text, "utf-8")
            typer.echo(f"{one.name}: {target}")
        if count := undeclared(one.observation):
            typer.echo(f"{one.name}: {count} columns need a rubriek or a letter of the minister.", err=True)
    if failed:
        raise typer.Exit(1)


def _book() -> ContractBook:
    return ContractBook.load(Settings.load().contracts)


def _kind(name: str | None) -> FileKind | None:
    for kind in FILE_KINDS:
        if kind == name:
            return kind
    if name is not None:
        raise typer.BadParameter(f"use one of {', '.join(FILE_KINDS)}", param_hint="--as")
    return None


def _password(ask: bool, fd: int | None) -> bytes | None:
    return read_code(fd, "Password of the zip: ").encode() if ask or fd is not None else None


def _tell(one: Checked, book: ContractBook) -> None:
    about = "" if one.kind is None else f", as {one.kind} version {book.get(one.kind).version}"
    rows = "" if one.observation is None else f", {one.observation.rows} rows"
    typer.echo(f"{one.name}{about}{rows}: {'fits its contract' if not one.differences else 'differs'}")
    for difference in one.differences:
        typer.echo(f"  - {difference}")
    for note in one.accepted:
        typer.echo(f"  (accepted: {note})")
