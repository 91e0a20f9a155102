"""An extract of the ledger for an outsider: every entry up to a published checkpoint, and that checkpoint.

Belongs here: making it. Does not belong here: publishing (``ledger.notary``), what somebody checks with it
(``controleer``). It holds what lies beside the published checkpoints as well: no personal data.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from rod_pipeline.audit.controleer import CHECKPOINT, ENTRIES
from rod_pipeline.ledger.catchup import check_not_behind
from rod_pipeline.ledger.events import Entry
from rod_pipeline.ledger.published import NotPublished, PublishedLog, read_keys
from rod_pipeline.ledger.rows import BEFORE, decoded, leaf_bytes, read_leaf
from rod_pipeline.retention.evidence.verifieer import zipped
from rod_pipeline.store import evidence

if TYPE_CHECKING:
    from rod_pipeline.system import System


class Extract(NamedTuple):
    """The zip, and how many entries are in it."""

    content: bytes
    size: int


def export(system: "System") -> Extract:
    """The entries up to the newest published checkpoint, with the cosignature of the witness when there is one.

    Raises ``NotPublished``, ``LedgerBehind``, ``LedgerForked``, and errors of the evidence store.
    """
    published = PublishedLog(system.evidence, read_keys(system.settings.home)).newest()
    if published is None:
        raise NotPublished("Nothing of the ledger is published yet.", "Publish it: `rod ledger publish`.")
    check_not_behind(system.ledger_as_found, [published.checkpoint])
    size = published.checkpoint.size
    note = system.evidence.find(evidence.cosigned_key(size)) or published.note
    lines = [leaf_bytes(entry) + b"\n" for entry in system.ledger.entries() if entry.seq <= size]
    return Extract(zipped([(ENTRIES, b"".join(lines)), (CHECKPOINT, note)]), size)


def entries_of(leaves: list[bytes]) -> Iterator[Entry]:
    """The entries of an extract, read with distrust. Raises ``LedgerCorrupt``, ``LedgerTooNew`` or ``ValueError``."""
    before = BEFORE
    for leaf in leaves:
        row = read_leaf(leaf)
        yield decoded(row, before)
        before = row
