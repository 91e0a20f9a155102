"""What was received, as commands about contracts name it: a delivery, or files on disk.

Belongs here: the arguments that name it, and opening it. Does not belong here: what is done with it (``contract``,
``drift``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FileKind
from rod_pipeline.decree import Decree, load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

if TYPE_CHECKING:
    from rod_pipeline.contracts.check import Source

_KEY = re.compile(r"[0-9]{4}-[0-9]{2}(-r[0-9]+)?")


Received = Annotated[
    list[str],
    typer.Argument(help="a delivery, as 2025-12, or files that you downloaded, csv or zip", show_default=False),
]
Kind = Annotated[FileKind | None, typer.Option("--as", help="the kind of file, when its name does not tell")]
File = Annotated[FileKind, typer.Argument(help="the kind of file", show_default=False)]
Password = Annotated[bool, typer.Option(help="ask for the password of the zip")]
PasswordFd = Annotated[int | None, typer.Option(help="read the password of the zip from this file descriptor")]


@dataclass(frozen=True, slots=True)
class Came:
    """What was received, ready to be read, with the contracts in force and the decree."""

    files: tuple[Source, ...]
    password: bytes | None
    book: ContractBook
    decree: Decree


@contextmanager
def received(what: Sequence[str], ask: bool, fd: int | None) -> Iterator[Came]:
    """Open a delivery's sealed raw files, in memory and on the record, or files on disk, while the block lasts."""
    settings = Settings.load()
    password = _password(ask, fd)
    if len(what) == 1 and _KEY.fullmatch(what[0]) and not Path(what[0]).exists():
        from rod_pipeline.intake.looking import sealed_files

        with System.open(settings) as system, sealed_files(system, DeliveryKey.parse(what[0])) as (files, known):
            yield Came(files, password or known, system.book, system.decree)
        return
    from rod_pipeline.contracts.check import on_disk

    paths = [Path(name) for name in what]
    if missing := [path for path in paths if not path.is_file()]:
        raise typer.BadParameter(f"{missing[0]} is no file, and no delivery's key either")
    decree = load_decree(settings.decree)
    yield Came(on_disk(paths), password, ContractBook.load(settings.contracts, decree), decree)


def _password(ask: bool, fd: int | None) -> bytes | None:
    from rod_pipeline.store.secrets import read_code

    return read_code(fd, "Password of the zip: ").encode() if ask or fd is not None else None
