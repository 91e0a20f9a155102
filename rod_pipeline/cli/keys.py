"""``rod keys …``: replacing the keys of an installation.

Belongs here: arguments in, words out. The signing key is replaced by ``rod ledger replace-key``.
"""

import typer

from rod_pipeline.settings import Settings

app = typer.Typer(no_args_is_help=True)


@app.callback()
def keys() -> None:
    """Replace the keys of an installation."""


@app.command("rotate-kek")
def rotate_kek() -> None:
    """Replace the key-encryption key and destroy the old one. Stop everything else first; killed, run it again."""
    from rod_pipeline.installation import replace_kek

    settings = Settings.load()
    done = replace_kek(settings)
    typer.echo(f"A new key-encryption key wraps {done.keys} keys and {done.secrets} secrets.")
    if not done.declaration:
        typer.echo("There is no declaration of place that was signed with the old one.")
    typer.echo(
        f"Back up {settings.kek_path} now, apart from the data, then make a new backup of keys: older ones of either "
        "are of no use any more. Destroy the old key wherever it was kept."
    )
