"""``rod announce``, ``drop``, ``rows``, ``rerun``, ``open``: a delivery from the command line.

Belongs here: reading arguments and secrets, and telling what happened. Secrets are asked for without echo or read from
a file descriptor; never an argument, never the environment.
"""

import re
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

_Key = Annotated[str, typer.Argument(help="the delivery, as 2025-12 or 2025-12-r2", show_default=False)]
_Moment = Annotated[
    datetime | None,
    typer.Option(help="when DUO placed or sent it, if known (UTC); the term of seven years starts there"),
]
_Password = Annotated[bool, typer.Option(help="ask for the password of the zip as well")]
_PasswordFd = Annotated[int | None, typer.Option(help="read the password of the zip from this file descriptor")]


class Purpose(StrEnum):
    """What restricted data may be opened for."""

    ONDERZOEK = "onderzoek"
    VERANTWOORDING = "verantwoording"
    BEHEER = "beheer"


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    for command in (announce, drop, zip_password, rows, rerun, refuse):
        app.command()(command)
    app.command(name="open")(open_)


def announce(
    key: _Key,
    link: Annotated[list[str], typer.Option(help="the link that DUO sent; give it more than once for more files")],
    code_fd: Annotated[int | None, typer.Option(help="read the access code from this file descriptor")] = None,
    zip_password: _Password = False,
    zip_password_fd: _PasswordFd = None,
    moment: _Moment = None,
) -> None:
    """Announce a delivery that lies in PLEIO. The access code is asked for; it goes, encrypted, to the secret store."""
    from rod_pipeline.intake.announcing import announce as announce_delivery

    with System.open(Settings.load()) as system:
        delivery_id = announce_delivery(
            system,
            DeliveryKey.parse(key),
            link,
            _secret("Access code: ", code_fd),
            archive_password=_password(zip_password, zip_password_fd),
            moment=_utc(moment),
        )
    typer.echo(f"Delivery {key} is announced (intake {delivery_id}); the sensor starts its run within half a minute.")


def drop(
    key: _Key,
    files: Annotated[list[Path], typer.Argument(help="the files that you downloaded", show_default=False)],
    zip_password: _Password = False,
    zip_password_fd: _PasswordFd = None,
    moment: _Moment = None,
) -> None:
    """Hand over files that you downloaded yourself. They are sealed into the store at once."""
    from rod_pipeline.intake.announcing import drop as drop_files

    with System.open(Settings.load()) as system:
        delivery_id = drop_files(
            system,
            DeliveryKey.parse(key),
            files,
            archive_password=_password(zip_password, zip_password_fd),
            moment=_utc(moment),
        )
    what = "1 file of" if len(files) == 1 else f"{len(files)} files of"
    typer.echo(f"Sealed in the store: {what} {key} (intake {delivery_id}). The sensor starts its run.")
    typer.echo("Your own downloads are copies too: remove them now, and empty the wastebasket.")


def zip_password(
    key: _Key, fd: Annotated[int | None, typer.Option(help="read it from this file descriptor")] = None
) -> None:
    """Give the password of a delivery's zip, or a better one. It goes, encrypted, to the secret store; then rerun."""
    from rod_pipeline.intake.announcing import give_archive_password

    with System.open(Settings.load()) as system:
        give_archive_password(system, DeliveryKey.parse(key), _secret("Password of the zip: ", fd))
    typer.echo(f"The password is in the secret store; rerun {key}.")


def rows(key: _Key) -> None:
    """How many rows of a delivery came to each step, from file to mart database. Exits with 1 where rows are lost."""
    from rod_pipeline.marts.reconciliation import chain

    with System.open(Settings.load()) as system:
        steps = chain(system.ledger.state(), system.intake(DeliveryKey.parse(key)))
    table = Table("of", "step", "rows", "")
    table.columns[2].justify = "right"
    for step in steps:
        count = "not counted" if step.rows is None else f"{step.rows:,}"
        table.add_row(step.what, step.step, count, "" if step.agrees else "DIFFERS")
    Console().print(table)
    if not all(step.agrees for step in steps):
        raise typer.Exit(1)


def rerun(key: _Key) -> None:
    """Run a delivery again and wait for it; what was done is found done. Exits with 1 when it fails."""
    from rod_pipeline.orchestration.launching import run_delivery

    settings, delivery = Settings.load(), DeliveryKey.parse(key)
    System.open(settings).intake(delivery)
    if failures := run_delivery(settings, delivery):
        for text in failures:
            typer.echo(text, err=True)
        raise typer.Exit(1)
    typer.echo(f"Delivery {key} went through.")


def refuse(
    key: _Key,
    confirm: Annotated[
        str, typer.Option(prompt="Type the key of the delivery once more to erase what came", help="the key once more")
    ],
) -> None:
    """Decide that a delivery that failed isn't kept: its copies are erased now, key first, and a notice is drafted."""
    from rod_pipeline.intake.refusing import refuse_by_decision

    if confirm != key:
        typer.echo("The two keys differ; nothing was erased.", err=True)
        raise typer.Exit(1)
    with System.open(Settings.load()) as system:
        delivery_id = refuse_by_decision(system, DeliveryKey.parse(key))
    typer.echo(f"What came as {key} (intake {delivery_id}) is erased. The notice is in the folder notices.")


_SHOWN = 40
"""Rows of a result that the terminal shows."""
_FROM_ELSEWHERE = re.compile("read_(csv|parquet|ipc|json|ndjson)", re.IGNORECASE)
"""What Polars' SQL would open besides the tables that it is given."""


def open_(
    sql: Annotated[str, typer.Argument(help="one query on the restricted marts, or on the tables of one delivery")],
    purpose: Annotated[Purpose, typer.Option(help="what for (voorschrift 3a); beheer is looking after the pipeline")],
    delivery: Annotated[
        str | None, typer.Option(help="query its validated person-level tables, such as doorstroom, instead of marts")
    ] = None,
) -> None:
    """Query the restricted marts. What you see may be traceable to persons; each opening is in the ledger."""
    from rod_pipeline.analysis import open_tables
    from rod_pipeline.marts.database import open_database

    if delivery is not None:
        import polars as pl

        if _FROM_ELSEWHERE.search(sql):
            raise typer.BadParameter("a query reads the tables of the delivery, and no file or address")
        with (
            open_tables(delivery, purpose.value) as tables,
            pl.Config(tbl_rows=_SHOWN, tbl_cols=-1),
        ):
            try:
                typer.echo(str(pl.SQLContext(tables).execute(sql, eager=True)))
            except pl.exceptions.PolarsError as error:
                raise _no_answer(error) from None
        return
    import duckdb

    with System.open(Settings.load()) as system, open_database(system, system.actor(), purpose.value) as connection:
        try:
            relation = connection.sql(sql)
            typer.echo(str(relation) if relation is not None else "done")
        except duckdb.Error as error:
            raise _no_answer(error) from None


def _no_answer(error: Exception) -> typer.BadParameter:
    """What is wrong with a query, in the words of who read it; without the plan that Polars adds."""
    return typer.BadParameter(str(error).partition("\n\nResolved plan")[0], param_hint="the query")


def _secret(prompt: str, fd: int | None) -> str:
    from rod_pipeline.store.secrets import read_code

    return read_code(fd, prompt)


def _password(asked: bool, fd: int | None) -> str | None:
    return _secret("Password of the zip: ", fd) if asked or fd is not None else None


def _utc(moment: datetime | None) -> datetime | None:
    from datetime import UTC

    return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC)
