"""``rod evidence``: the evidence of purges, for whoever asks for it.

Belongs here: arguments in, words out. Does not belong here: drawing evidence up (``retention.evidence``).
"""

from pathlib import Path
from typing import Annotated

import typer

from rod_pipeline.settings import Settings
from rod_pipeline.system import System

app = typer.Typer(help="The evidence of purges: list it, hand it over, check it.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List the purges that evidence was drawn up of, with their outcome."""
    with System.open(Settings.load()) as system:
        for purge in system.ledger.state().purges.values():
            if purge.attested is None or purge.attested_at is None:
                continue
            typer.echo(
                f"{purge.purge_id}  serial {purge.attested.serial}  {purge.attested_at:%Y-%m-%d}  "
                f"{purge.attested.outcome.replace('_', ' '):<11}  {', '.join(purge.keys)}"
            )


@app.command()
def bundle(
    purge: Annotated[str, typer.Argument(help="id of the purge, from `rod evidence list`")],
    out: Annotated[Path, typer.Option(help="file to write the bundle to")],
    serial: Annotated[int | None, typer.Option(help="an earlier record of the purge; the newest otherwise")] = None,
) -> None:
    """Write the bundle of a purge: record, proof, certificate, verifier and how-to in one zip, signed by the notary."""
    from rod_pipeline.retention.evidence.bundle import bundle_of

    with System.open(Settings.load()) as system:
        content = bundle_of(system, purge, serial)
    out.write_bytes(content)
    typer.echo(f"{out} holds {len(content)} bytes. Hand over the verifying key by another way than the bundle.")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="a bundle")],
    key: Annotated[
        str | None, typer.Option(help="verifying key of the log, or a file with it; this installation's otherwise")
    ] = None,
) -> None:
    """Check a bundle as an outsider would; exits with 0 (holds), 1 (does not hold) or 2 (could not be checked)."""
    from rod_pipeline.ledger.published import KEYS_FILE
    from rod_pipeline.retention.evidence import verifieer

    key = key or str(Settings.load().home / KEYS_FILE)
    raise typer.Exit(verifieer.main([str(file), "--sleutel", key]))
