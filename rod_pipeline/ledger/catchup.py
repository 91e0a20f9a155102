"""A ledger that is behind what was published does nothing until it has caught up.

Belongs here: holding the ledger against published checkpoints, and taking over from the evidence bucket what an old
backup lacks. Does not belong here: publishing (``notary``), reading the bucket (``published``).

Whoever puts back an old backup of the ledger would forget tombstones, and what was erased could come back to life. The
newest signed checkpoint says how far the log had come, and it lies where a backup doesn't reach. Entries that were made
after the last checkpoint and lost with the machine can't be missed by anybody: publish after every batch.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rod_pipeline.errors import BlockedError, TransientError
from rod_pipeline.ledger.checkpoint import Checkpoint, open_checkpoint
from rod_pipeline.ledger.log import Ledger, TreeHead, forked
from rod_pipeline.ledger.merkle import ProofRejected, verify_consistency
from rod_pipeline.ledger.published import Published, PublishedLog, read_keys
from rod_pipeline.ledger.rows import Row
from rod_pipeline.store.faults import AccessRefused, BucketMissing

if TYPE_CHECKING:
    from rod_pipeline.system import System

_log = logging.getLogger(__name__)


class LedgerBehind(BlockedError):
    """Less is in the ledger than was published: an old copy of it was put back."""

    code = "ROD-LEDGER-08"


def local_file(home: Path) -> Path:
    """Where the notary keeps the last checkpoint that it signed."""
    return home / "notary" / "last_checkpoint"


def last_signed(home: Path, log: PublishedLog) -> Published | None:
    """The last checkpoint that was signed here. Raises ``NoteRejected`` or ``KeysMissing``."""
    try:
        return log.opened(local_file(home).read_bytes())
    except FileNotFoundError:
        return None


def check_not_behind(ledger: Ledger, published: Iterable[Checkpoint]) -> None:
    """See that the ledger continues each of these checkpoints; only reads.

    Raises ``LedgerBehind`` or ``LedgerForked``, and what reading the ledger raises.
    """
    head = ledger.tree_head()
    for checkpoint in published:
        if checkpoint.size > head.size:
            raise LedgerBehind(
                f"The ledger has {head.size} entries, and {checkpoint.size} were published: an old copy was put back.",
                "Nothing is done until it has caught up: run `rod ledger catch-up`. Don't delete the ledger.",
            )
        if checkpoint.size == 0:
            continue
        proof = ledger.consistency(checkpoint.size, head.size)
        try:
            verify_consistency(checkpoint.size, head.size, proof, checkpoint.root, head.root)
        except ProofRejected:
            raise forked(checkpoint.size) from None


def refuse_old_copy(home: Path, ledger: Ledger) -> None:
    """Raise unless ``ledger`` continues the checkpoint that was last signed here; every process asks that at its start.

    Where the notary is another machine nothing was signed here, and ``refuse_if_behind`` is what asks.
    """
    keys = read_keys(home)
    if keys and local_file(home).exists():
        check_not_behind(ledger, [open_checkpoint(local_file(home).read_bytes(), keys).checkpoint])


def refuse_if_behind(system: "System") -> None:
    """Raise ``LedgerBehind`` or ``LedgerForked`` when the ledger isn't what was published of it.

    Asks the checkpoint that was last signed here and, when it can be reached, the evidence bucket; what can't be
    reached holds nothing up. Without a key of a notary nothing was published by this installation.
    """
    home, keys = system.settings.home, read_keys(system.settings.home)
    log = PublishedLog(system.evidence, keys)
    known = last_signed(home, log) if keys else None
    if known is not None:
        check_not_behind(system.ledger_as_found, [known.checkpoint])
    try:
        newest = log.newest(known.checkpoint.size if known else 0)
    except (TransientError, AccessRefused, BucketMissing) as error:
        _log.warning("The published checkpoints can't be asked now (%s).", error.code)
        return
    if newest is not None:
        check_not_behind(system.ledger_as_found, [newest.checkpoint])


def catch_up(system: "System") -> int:
    """Take over from the evidence bucket what the ledger lacks; returns how many entries. Can be run twice.

    Everything published is verified first, from the first entry on. Raises ``LedgerForked`` when the ledger holds
    something else than was published, ``EntriesDamaged``, and the errors of the store and the ledger; in each case
    nothing was written.
    """
    ledger = system.ledger_as_found
    size = ledger.tree_head().size
    newest: Checkpoint | None = None
    rows: list[Row] = []
    for published, added in PublishedLog(system.evidence, read_keys(system.settings.home)).rebuilt():
        newest = published.checkpoint
        rows += [row for row in added if row.seq > size]
    if newest is not None and rows:
        ledger.restore(rows, TreeHead(newest.size, newest.root))
    elif newest is not None:
        check_not_behind(ledger, [newest])
    return len(rows)
