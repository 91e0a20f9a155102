"""``rod ledger …``: sign and publish the ledger, verify it, replace its key, have an old copy catch up.

Belongs here: arguments in, words out.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from rod_pipeline.errors import PermanentError
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

app = typer.Typer(no_args_is_help=True)


class NothingToMove(PermanentError):
    """The ledger was to be moved, but not where, or there is none."""

    code = "ROD-LEDGER-11"


@app.command()
def key() -> None:
    """Make the signing key when there is none, and show the public key that proofs are checked with."""
    from rod_pipeline.installation import make_signing_key

    settings = Settings.load()
    typer.echo(make_signing_key(settings.home, settings.evidence.origin))


@app.command(name="replace-key")
def replace_key() -> None:
    """Make a new signing key and destroy the old one; shows a note about it, signed by the old key, to hand out."""
    from rod_pipeline.installation import replace_signing_key

    settings = Settings.load()
    typer.echo(replace_signing_key(settings.home, settings.evidence.origin).decode(), nl=False)


@app.command(name="set-clock")
def set_clock(
    now: Annotated[
        datetime, typer.Option(prompt="What time is it in UTC, by a clock that you trust? (2026-11-30T14:05)")
    ],
) -> None:
    """Say on record that the newest entries were written by a clock that stood ahead; then everything goes on."""
    from rod_pipeline.retention.clockguard import set_clock_right

    with System.open(Settings.load()) as system:
        right = set_clock_right(system, now.replace(tzinfo=now.tzinfo or UTC))
    typer.echo(f"On record. Entries with a later time than now count as made since {right:%Y-%m-%d %H:%M} UTC.")
    typer.echo("See `rod retention forecast`: terms that they began end earlier now. Tell the privacy officer.")


@app.command()
def move() -> None:
    """Bring the ledger of this installation's folder over to the database that the settings name now."""
    from rod_pipeline.clock import SystemClock
    from rod_pipeline.ledger.log import Ledger

    settings = Settings.load()
    old = settings.ledger_file
    if settings.ledger_url is None or not old.is_file():
        raise NothingToMove(
            "There is no ledger to move: the settings name no other database, or this folder has no ledger.",
            "Stop everything of this installation, say in `ledger_url` where the ledger is to be, and run this where "
            "it was kept until now.",
        )
    head = Ledger(f"sqlite:///{old}", SystemClock()).hand_over(Ledger(settings.ledger(), SystemClock()))
    typer.echo(f"The {head.size} entries are in the new database, under the same root hash; the old one is closed.")


@app.command()
def publish() -> None:
    """Sign how far the ledger is and publish it. Needs only the ledger, the signing key and the evidence bucket."""
    with System.open(Settings.load()) as system:
        done = system.notary().publish()
    if done.added:
        typer.echo(f"Published: {done.added} entries more, {done.size} in all.")
    else:
        typer.echo(f"Nothing new: all {done.size} entries are published.")
    _tell_outstanding([(one.what, one.size, one.code) for one in done.outstanding])


@app.command()
def status() -> None:
    """How far the ledger is, how far that is published, and which timestamps and cosignatures are outstanding."""
    from rod_pipeline.ledger.standing import standing

    with System.open(Settings.load()) as system:
        now = standing(system)
    typer.echo(f"The ledger has {now.entries} entries, of which {now.published} are published.")
    if now.published > now.entries:
        typer.echo("The ledger is behind: an old copy was put back. Run `rod ledger catch-up`.")
    elif now.entries > now.published:
        typer.echo("Publish the others: `rod ledger publish`.")
    if not now.stamps:
        typer.echo("No timestamp service is set (evidence.timestamp_url): when a checkpoint was made, only we say.")
    if not now.witnesses:
        typer.echo("No witness is set (evidence.witness_url): that there is only one history, only we say.")
    _tell_outstanding([(what, size, None) for what, sizes in now.outstanding.items() for size in sizes])


@app.command(name="catch-up")
def catch_up() -> None:
    """Take over from the evidence bucket what the ledger lacks after an old backup was put back."""
    from rod_pipeline.ledger.catchup import catch_up as catch_up_ledger

    with System.open(Settings.load()) as system:
        added = catch_up_ledger(system)
        size = system.ledger_as_found.tree_head().size
    typer.echo(f"{added} entries were taken over; the ledger has {size} entries and continues what was published.")


@app.command()
def newer(
    size: Annotated[int, typer.Argument(help="the size of the checkpoint that an outsider has", min=1)],
    out: Annotated[Path, typer.Option(help="folder to write checkpoint.note and consistency.txt to")],
) -> None:
    """Write the newest published checkpoint, and the proof that it continues one that an outsider has."""
    from base64 import b64encode

    from rod_pipeline.ledger.published import NotPublished, PublishedLog, read_keys

    with System.open(Settings.load()) as system:
        newest = PublishedLog(system.evidence, read_keys(system.settings.home)).newest(size)
        if newest is None:
            raise NotPublished(
                f"No checkpoint over more than {size} entries is published.", "Publish: `rod ledger publish`."
            )
        proof = system.ledger.consistency(size, newest.checkpoint.size)
    out.mkdir(parents=True, exist_ok=True)
    (out / "checkpoint.note").write_bytes(newest.note)
    (out / "consistency.txt").write_text("".join(b64encode(step).decode() + "\n" for step in proof), "ascii")
    typer.echo(f"The checkpoint over {newest.checkpoint.size} entries and its proof are in {out}.")


@app.command()
def export(file: Annotated[Path, typer.Argument(help="the zip to write")]) -> None:
    """Write every published entry and its signed checkpoint into one zip, without personal data, for an outsider."""
    from rod_pipeline.audit.extract import export as make

    with System.open(Settings.load()) as system:
        made = make(system)
    file.write_bytes(made.content)
    typer.echo(f"{file} holds {made.size} entries. Hand over the verifying key by another way (`rod ledger key`).")


@app.command()
def verify() -> None:
    """Recompute everything: the tree, every published checkpoint from its entries, all signatures and timestamps."""
    from rod_pipeline.ledger.standing import verify as verify_ledger

    with System.open(Settings.load()) as system:
        for sentence in verify_ledger(system):
            typer.echo(sentence)


def _tell_outstanding(outstanding: list[tuple[str, int, str | None]]) -> None:
    for what in ("timestamp", "cosignature"):
        sizes = [size for kind, size, _ in outstanding if kind == what]
        codes = sorted({code for kind, _, code in outstanding if kind == what and code})
        if sizes:
            newest = f"the newest over {max(sizes)} entries"
            because = f" ({', '.join(codes)})" if codes else ""
            typer.echo(f"Outstanding: the {what} of {len(sizes)} checkpoints, {newest}{because}. It is asked again.")
