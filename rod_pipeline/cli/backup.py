"""``rod backup`` and ``rod restore``: the keyring and the ledger, kept and put back.

Belongs here: arguments in, words out.
"""

from pathlib import Path
from typing import Annotated

import typer

from rod_pipeline.settings import Settings
from rod_pipeline.system import System


def register(root: typer.Typer) -> None:
    """Add these commands to ``root``."""
    root.command()(backup)
    root.command()(restore)


def backup(
    name: Annotated[str, typer.Argument(help="its name in the settings (retention.backups)", show_default=False)],
    out: Annotated[Path, typer.Option(help="the file to write")],
) -> None:
    """Write keyring, ledger, public key and declaration into one file. Keys that wrap or sign are not in it."""
    from rod_pipeline.backup import back_up, write_backup

    with System.open(Settings.load()) as system:
        write_backup(out, back_up(system, name))
        days = next(each.days for each in system.settings.retention.backups if each.name == name)
    typer.echo(f"{out} is written. Remove it within {days} days: certificates of erasures count on that.")


def restore(file: Annotated[Path, typer.Argument(help="a backup that `rod backup` made")]) -> None:
    """Put a backup back on an empty installation, whose key-encryption key is in place; its ledger catches up."""
    from rod_pipeline.backup import put_back

    with System.open(Settings.load()) as system:
        done = put_back(system, file.read_bytes())
    typer.echo(f"{done.keys} keys are there again, and the ledger with {done.entries} entries of after the backup.")
    typer.echo("Now run `rod recover`: what was erased since the backup is erased again. Start nothing before that.")
