"""What of the ledger has been published, as whoever holds no secret can read and check it.

Belongs here: the published checkpoints and entries, and the keys that they are held against. Does not belong here:
publishing (``notary``), what follows for the ledger (``catchup``), where the objects lie (``store.evidence``).

Beside every checkpoint lies an object with the entries since the one before, so that from the bucket alone the whole
log can be rebuilt and every checkpoint be recomputed. It is named after the numbers of its first and last entry. Two
notaries that worked at the same time may have left objects that overlap: any of those that end where the checkpoint
ends will do, if the root comes out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import rfc8785

from rod_pipeline.errors import BlockedError, TransientError
from rod_pipeline.ledger.checkpoint import Checkpoint, open_checkpoint
from rod_pipeline.ledger.merkle import Frontier, leaf_hash
from rod_pipeline.ledger.note import BadKey, VerifyingKey
from rod_pipeline.ledger.rows import BEFORE, LedgerCorrupt, Row, decoded, read_leaf
from rod_pipeline.store import evidence
from rod_pipeline.store.evidence import EvidenceStore

KEYS_FILE = "notary.vkey"
"""The public keys of this log, in the folder of the installation: the one in use, then those that were."""


class EntriesDamaged(BlockedError):
    """The published entries don't add up to the checkpoint beside them."""

    code = "ROD-NOTARY-03"


class NotPublished(TransientError):
    """No checkpoint is published yet that takes in an entry."""

    code = "ROD-NOTARY-04"


class KeysMissing(BlockedError):
    """Something was published, and nobody here knows by whose key."""

    code = "ROD-NOTARY-05"


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint that a key of this log signed, and the signed note itself."""

    checkpoint: Checkpoint
    note: bytes


def read_keys(home: Path) -> tuple[VerifyingKey, ...]:
    """The public keys of the log of the installation in ``home``, the one in use first. Raises ``BadKey``."""
    try:
        lines = (home / KEYS_FILE).read_text("ascii").split()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError):
        raise BadKey(f"The file {KEYS_FILE} can't be read.", "Put back the public key that was handed out.") from None
    return tuple(map(VerifyingKey.parse, lines))


class PublishedLog:
    """The log as it stands in the evidence bucket. All methods raise the errors of ``store.faults`` as well."""

    def __init__(self, store: EvidenceStore, keys: tuple[VerifyingKey, ...]) -> None:
        self._store = store
        self._keys = keys

    def opened(self, note: bytes) -> Published:
        """A signed checkpoint, once its signature holds. Raises ``NoteRejected`` or ``KeysMissing``."""
        if not self._keys:
            raise KeysMissing(
                f"There are checkpoints of this log, but no {KEYS_FILE} to hold them against.",
                "Put back the public key that was handed out, from the backup or from somebody who holds a bundle.",
            )
        return Published(open_checkpoint(note, self._keys).checkpoint, note)

    def sizes(self) -> list[int]:
        """The sizes of all published checkpoints, in order."""
        return self._store.numbers(evidence.CHECKPOINTS)

    def newest(self, after: int = 0) -> Published | None:
        """The newest checkpoint, when it is over more than ``after`` entries. Raises as ``opened`` does."""
        sizes = self._store.numbers(evidence.CHECKPOINTS, after)
        return self.at(sizes[-1]) if sizes else None

    def at(self, size: int) -> Published:
        """The checkpoint over the first ``size`` entries. Raises ``ObjectMissing``, or as ``opened`` does."""
        published = self.opened(self._store.get(evidence.checkpoint_key(size)))
        if published.checkpoint.size != size:
            raise _damaged(size, "the checkpoint that lies there is of another size")
        return published

    def over(self, seq: int) -> Published:
        """The smallest checkpoint that takes in entry ``seq``. Raises ``NotPublished``, or as ``opened`` does."""
        sizes = self._store.numbers(evidence.CHECKPOINTS, seq - 1, limit=1)
        if not sizes:
            raise NotPublished(
                f"Entry {seq} of the ledger is in no published checkpoint yet.",
                "It comes with the next one: run `rod ledger publish`.",
            )
        return self.at(sizes[0])

    def missing(self, prefix: str, sizes: list[int]) -> list[int]:
        """Those of ``sizes`` without an object under ``prefix`` (``TIMESTAMPS``, ``COSIGNED``)."""
        there = set(self._store.numbers(prefix))
        return [size for size in sizes if size not in there]

    def rebuilt(self) -> Iterator[tuple[Published, list[Row]]]:
        """The whole log out of the bucket: each checkpoint with the entries since the one before, once its root fits.

        Raises ``EntriesDamaged``, ``LedgerTooNew``, or as ``opened`` does.
        """
        parts: dict[int, list[int]] = {}
        for key in self._store.keys(evidence.ENTRIES):
            first_seq, _, last_seq = key.removeprefix(evidence.ENTRIES).partition("_")
            parts.setdefault(int(last_seq), []).append(int(first_seq))
        newest, frontier = BEFORE, Frontier()
        for size in self.sizes():
            published = self.at(size)
            for first in sorted(parts.get(size, ()), reverse=True):
                if first > newest.seq + 1:
                    continue
                found = self._added(first, size, newest, frontier)
                if found is not None and found[1].root() == published.checkpoint.root:
                    break
            else:
                raise _damaged(size, "the entries beside it do not give its root, or are missing")
            rows, frontier = found
            newest = rows[-1]
            yield published, rows

    def _added(self, first: int, size: int, newest: Row, frontier: Frontier) -> tuple[list[Row], Frontier] | None:
        """The entries after ``newest`` in one object, and the tree with them; None when they are no such entries."""
        lines = self._store.get(evidence.entries_key(first, size)).split(b"\n")
        if lines.pop() != b"" or len(lines) != size - first + 1:
            return None
        rows: list[Row] = []
        for line in lines[newest.seq - first + 1 :]:
            try:
                row = read_leaf(line)
                decoded(row, rows[-1] if rows else newest)
            except (LedgerCorrupt, ValueError, TypeError, KeyError, rfc8785.CanonicalizationError):
                return None
            rows.append(row)
            frontier, _ = frontier.grown(leaf_hash(line))
        return rows, frontier


def _damaged(size: int, why: str) -> EntriesDamaged:
    return EntriesDamaged(
        f"What was published with the checkpoint over {size} entries is damaged: {why}.",
        "Nothing was taken over. The objects are locked: look for an older version of them, and for who wrote to this "
        "bucket besides the notary.",
    )
