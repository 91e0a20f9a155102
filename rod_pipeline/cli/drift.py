"""``rod contract draft``, ``revert``, ``diff`` and ``accept``: from what came to the next version of a contract.

Belongs here: arguments in, words out. Does not belong here: the draft (``contracts.draft``), what changed
(``contracts.diff``), what may be put in force (``contracts.accept``). No value of a file is printed, only names,
counts, and the codes of closed lists that may be told.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from rod_pipeline.cli.received import File, Kind, Password, PasswordFd, Received, received
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.accept import Reviewed
from rod_pipeline.contracts.book import draft_of
from rod_pipeline.contracts.check import check as check_files
from rod_pipeline.contracts.diff import changes, rules_on
from rod_pipeline.contracts.draft import drafts, reverted, undeclared
from rod_pipeline.contracts.errors import NoSuchContract
from rod_pipeline.contracts.model import Contract
from rod_pipeline.decree import load_decree
from rod_pipeline.errors import PermanentError
from rod_pipeline.settings import Settings

_MOST_RULES = 8


class NoFolder(PermanentError):
    """Contracts of one's own are asked for, but no folder for them is set."""

    code = "ROD-CONTRACT-10"


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    for command in (draft, revert, diff, accept):
        app.command()(command)


def draft(
    what: Received,
    kind: Kind = None,
    out: Annotated[
        Path | None, typer.Option(help="folder for the drafts; the folder of contracts otherwise, else the terminal")
    ] = None,
    zip_password: Password = False,
    zip_password_fd: PasswordFd = None,
) -> None:
    """Propose the next version of each contract that what came differs from. It assigns no rubriek: a person does."""
    folder, failed = out or Settings.load().contracts, False
    with received(what, zip_password, zip_password_fd) as came:
        checked = check_files(came.files, came.book, kind, came.password)
    for one in checked:
        if one.observation is None:
            typer.echo(f"{one.name}: {'; '.join(one.differences)}.", err=True)
            failed = True
            continue
        if not one.differences:
            typer.echo(f"{one.name}: fits its contract")
            continue
        for path, text in drafts(one.observation, came.book, came.decree, folder or Path()).items():
            if folder is None:
                typer.echo(text)
                continue
            _refuse_written(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            typer.echo(f"{one.name}: {path}")
        if count := undeclared(one.observation):
            typer.echo(f"{one.name}: {count} columns need a rubriek or a letter of the minister.", err=True)
    if failed:
        raise typer.Exit(1)


def revert(
    file: File,
    version: Annotated[int, typer.Argument(help="the earlier version that was right")],
) -> None:
    """Propose a next version that says again what an earlier one said, after one that was accepted wrongly."""
    from rod_pipeline.marts.declared import marts_on

    settings = Settings.load()
    folder, book = _folder(settings), ContractBook.load(settings.contracts, load_decree(settings.decree))
    right, newest = book.get(file, version), book.get(file)
    if version == newest.version:
        raise typer.BadParameter(f"version {version} of {file} is in force already")
    path = draft_of(folder, file, newest.version + 1)
    _refuse_written(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    marts = [mart.name for mart in marts_on(file) if mart.declares(right)]
    path.write_text(reverted(right, newest.version + 1, marts), "utf-8")
    typer.echo(f"{path} says what version {version} said. See `rod contract diff {file}`, then accept it.")


def diff(
    file: File,
    old: Annotated[int | None, typer.Argument(help="a version; the one in force, or before it, otherwise")] = None,
    new: Annotated[
        int | None, typer.Argument(help="a later version; the draft, or the one in force, otherwise")
    ] = None,
) -> None:
    """Say what changed between two versions of a contract, and which rules and marts that touches.

    Without versions: between the one in force and its reviewed draft, or else the one before it and the one in force.
    """
    settings = Settings.load()
    decree = load_decree(settings.decree)
    book = ContractBook.load(settings.contracts, decree)
    versions, newer = book.versions(file), book
    folder = settings.contracts
    if new is None and folder is not None and draft_of(folder, file, versions[-1] + 1).is_file():
        newer = Reviewed.find(folder, file, book, decree).book
    later = newer.get(file, new)
    before = [version for version in versions if version < later.version]
    if old is None and not before:
        raise NoSuchContract(
            f"There is one version of {file}, and no draft of a next.", "Make a draft: `rod contract draft`."
        )
    _tell(book.get(file, before[-1] if old is None else old), later, book, newer)


def accept(
    file: File,
    yes: Annotated[bool, typer.Option("--yes", help="don't ask")] = False,
) -> None:
    """Put a reviewed draft in force. Refuses while a column has no rubriek and no letter of the minister."""
    from expectations.loader import suite_for
    from rod_pipeline.marts.declared import refuse_wrongly_named

    settings = Settings.load()
    folder, decree = _folder(settings), load_decree(settings.decree)
    book = ContractBook.load(folder, decree)
    reviewed = Reviewed.find(folder, file, book, decree)
    suite_for(reviewed.contract, reviewed.book)
    refuse_wrongly_named(reviewed.contract, reviewed.book)
    _tell(book.get(file), reviewed.contract, book, reviewed.book)
    if not yes:
        typer.confirm("Put it in force for every delivery that is read from now on?", abort=True)
    for path in reviewed.put_in_force():
        typer.echo(f"In force: {path}")
    typer.echo("Rerun the delivery (`rod rerun`); put the version and its reason under version control; tell DUO.")


def _folder(settings: Settings) -> Path:
    if settings.contracts is None:
        raise NoFolder(
            "There is no folder for contracts of your own.", 'Make one, and name it in the settings: contracts = "…".'
        )
    return settings.contracts


def _refuse_written(path: Path) -> None:
    if path.exists():
        raise typer.BadParameter(f"{path} is there already: accept it, or remove it first")


def _tell(old: Contract, new: Contract, book: ContractBook, newer: ContractBook) -> None:
    from rod_pipeline.marts.declared import marts_on, understanding

    found = changes(old, new, book.value_list, newer.value_list)
    typer.echo(f"{new.file}: from version {old.version} to version {new.version}")
    before, after = _rules(old, book), _rules(new, newer)
    group = ""
    for change in found:
        if change.group != group:
            group = change.group
            typer.echo(f"{group[0].upper()}{group[1:]}")
        typer.echo(f"  - {change.said}")
        if rules := rules_on(change.columns, before, after):
            more = f" and {len(rules) - _MOST_RULES} more" if len(rules) > _MOST_RULES else ""
            typer.echo(f"      rules: {', '.join(rules[:_MOST_RULES])}{more}")
        if marts := [mart.name for mart in marts_on(new.file) if mart.uses[new.file] & set(change.columns)]:
            typer.echo(f"      marts: {', '.join(marts)}")
    if not found:
        typer.echo("Nothing changed.")
    for mart, why in understanding(new, newer).items():
        typer.echo(f"Mart {mart}: {why or f'understands version {new.version}'}")


def _rules(contract: Contract, book: ContractBook) -> Mapping[str, frozenset[str]]:
    from expectations.derived import derived_from
    from expectations.loader import columns_of, written_for

    found = (*derived_from(contract, book.value_list), *written_for(contract.file))
    return {expectation.meta.id: columns_of(expectation) for expectation in found}
