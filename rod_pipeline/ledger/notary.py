"""The notary: signs how far the ledger is, and publishes it where nobody can take it back.

Belongs here: when a checkpoint is signed and in which order things are written, proofs of entries, signing what is
drawn up about them. Does not belong here: formats (``checkpoint``, ``note``, ``proof``), the bucket
(``store.evidence``), reading what was published (``published``).

The notary is another person than the one who may erase: it needs to read the ledger, its signing key and the
credentials of the evidence bucket, and holds no key and no credentials of the data. It signs only what continues the
last checkpoint that it signed and every checkpoint that it finds published, and nothing while its clock stands before
what is already on record.

Killed at any instant it can be run again. What it signs it keeps first (``<home>/notary/last_checkpoint``), then the
entries go out, then the checkpoint; a kept checkpoint that isn't in the bucket goes out before anything new is signed.
Timestamps and cosignatures come after that. Which of them are missing is told by the bucket itself, where a checkpoint
lies without one; every run asks again for the newest of those.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

from rod_pipeline.clock import Clock
from rod_pipeline.errors import BlockedError, PermanentError, RodError
from rod_pipeline.ledger.catchup import check_not_behind, last_signed, local_file
from rod_pipeline.ledger.checkpoint import Checkpoint, sign_checkpoint
from rod_pipeline.ledger.erasure_rules import SKEW
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.note import BadKey, SigningKey, sign_note
from rod_pipeline.ledger.proof import verify_proof, write_proof
from rod_pipeline.ledger.published import KEYS_FILE, Published, PublishedLog, read_keys
from rod_pipeline.ledger.rows import leaf_bytes
from rod_pipeline.ledger.timestamp import load_certificates, request_timestamp
from rod_pipeline.ledger.witness import Witness, WitnessDisagrees, cosign
from rod_pipeline.store import evidence
from rod_pipeline.store.evidence import EvidenceStore
from rod_pipeline.store.faults import StoreUnreachable

_log = logging.getLogger(__name__)

# How many missing timestamps one run asks for: an authority is no place to catch up years at once.
_STAMPS = 20


class ClockRanBack(BlockedError):
    """The clock stands before what is already on record."""

    code = "ROD-NOTARY-01"


class NotOurKey(PermanentError):
    """The signing key isn't the one whose public half was handed out."""

    code = "ROD-NOTARY-02"


@dataclass(frozen=True, slots=True)
class Outstanding:
    """What a checkpoint should have and doesn't yet: over how many entries it is, and the code of what went wrong."""

    what: Literal["timestamp", "cosignature"]
    size: int
    code: str


@dataclass(frozen=True, slots=True)
class Publication:
    """How far the ledger is published: ``size`` entries, of which ``added`` by this call."""

    size: int
    added: int
    outstanding: tuple[Outstanding, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """That an entry is in a published checkpoint.

    ``checkpoint`` is the note as the log signed it, and what ``timestamp`` (an RFC 3161 token, or None) was given over;
    ``tlog_proof`` is a proof file that holds the same checkpoint, with the signature of the witness if there is one.
    """

    seq: int
    size: int
    checkpoint: bytes
    tlog_proof: bytes
    timestamp: bytes | None


@dataclass(frozen=True, slots=True)
class Services:
    """Who vouches for checkpoints besides the log itself: an RFC 3161 authority with its certificates, a witness."""

    timestamp_url: str | None = None
    timestamp_roots: Path | None = None
    witness: Witness | None = None


class Notary:
    """The notary of one log. Reads the signing key when it first signs."""

    def __init__(
        self,
        home: Path,
        ledger: Ledger,
        store: EvidenceStore,
        clock: Clock,
        *,
        origin: str,
        key_file: Path,
        approve: Callable[[], None],
        services: Services,
    ) -> None:
        """``approve`` raises unless evidence may rest in ``store`` today; ``origin`` is the name of the log."""
        self._home = home
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._origin = origin
        self._key_file = key_file
        self._approve = approve
        self._services = services
        self._keys = read_keys(home)
        self._published = PublishedLog(store, self._keys)

    @property
    def vkey(self) -> str:
        """The public key in use, as it is handed out. Raises ``BadKey`` when there is none yet."""
        if not self._keys:
            raise BadKey(f"This installation has no {KEYS_FILE}.", "Make its signing key: run `rod ledger key`.")
        return str(self._keys[0])

    def publish(self) -> Publication:
        """Sign and publish what was added to the ledger since the last checkpoint. Can be run twice, or killed.

        A timestamp or cosignature that can't be had is outstanding; the next call asks again. Raises ``LedgerBehind``,
        ``LedgerForked``, ``EvidenceConflict``, ``ClockRanBack``, ``WitnessDisagrees``, ``NotOurKey``, ``BadKey``;
        errors of the territory guard and the ledger; and errors of the store, all of which leave something that the
        next call goes on with.
        """
        with self._alone():
            self._approve()
            head = self._ledger.tree_head()
            newest = self._published.newest()
            signed = last_signed(self._home, self._published)
            check_not_behind(self._ledger, [known.checkpoint for known in (newest, signed) if known is not None])
            before = size = newest.checkpoint.size if newest is not None else 0
            if signed is not None and signed.checkpoint.size > size:
                self._release(signed, size)
                size = signed.checkpoint.size
            if head.size > size:
                self._refuse_early_clock(size)
                checkpoint = Checkpoint(self._origin, head.size, head.root)
                signed = Published(checkpoint, sign_checkpoint(checkpoint, self._key))
                _keep(local_file(self._home), signed.note)
                self._release(signed, size)
                size = head.size
            return Publication(size, size - before, (*self._stamp(), *self._have_cosigned()))

    def proof(self, seq: int) -> Proof:
        """That entry ``seq`` is in the smallest published checkpoint that takes it in. Needs no signing key.

        Raises ``NotPublished``, ``LedgerForked``, ``LedgerBehind``, and errors of the store.
        """
        published = self._published.over(seq)
        size = published.checkpoint.size
        check_not_behind(self._ledger, [published.checkpoint])
        cosigned = self._store.find(evidence.cosigned_key(size)) or published.note
        tlog_proof = write_proof(seq - 1, self._ledger.inclusion(seq, size), cosigned)
        verify_proof(tlog_proof, self._ledger.leaf(seq), self._keys)
        timestamp = self._store.find(evidence.timestamp_key(size))
        return Proof(seq, size, published.note, tlog_proof, timestamp)

    def sign(self, text: str) -> bytes:
        """``text``, which ends in a newline, as a note signed by this log's key.

        Raises ``ClockRanBack``, ``NotOurKey``, ``BadKey``, ``NoteRejected``.
        """
        self._refuse_early_clock(0)
        return sign_note(text, self._key)

    def store_evidence(self, purge_id: str, serial: int, name: str, content: bytes) -> None:
        """Lock a document of a purge into the evidence bucket. The same bytes can be stored twice.

        Raises ``EvidenceConflict``, ``BadObjectKey``, and errors of the guard and the store.
        """
        self._approve()
        self._store.put(evidence.evidence_key(purge_id, serial, name), content)

    @cached_property
    def _key(self) -> SigningKey:
        key = SigningKey.from_file(self._origin, self._key_file)
        if str(key.verifier) != self.vkey:
            raise NotOurKey(
                f"The signing key, or the origin {self._origin} in the settings, is not that of {KEYS_FILE}.",
                "Put back the key and the origin that belong together: proofs that were handed out rest on them.",
            )
        return key

    def _refuse_early_clock(self, published: int) -> None:
        now = self._clock.now().astimezone(UTC)
        known: list[tuple[str, datetime | None]] = [("the newest entry of the ledger", self._ledger.state().at)]
        if published:
            written = self._store.written_at(evidence.checkpoint_key(published))
            known.append(("the last checkpoint", written))
        for what, at in known:
            if at is not None and now < at - SKEW:
                raise ClockRanBack(
                    f"The clock stands {at - now} before {what}: nothing is signed.",
                    "Set this machine's clock right (chronyc tracking, timedatectl) and publish again. If the clock is "
                    "right, that was written by a machine whose clock was wrong: have it looked at.",
                )

    def _release(self, signed: Published, before: int) -> None:
        """Write the entries after ``before``, then the checkpoint over them: who sees that finds all of it."""
        size = signed.checkpoint.size
        lines = []
        for entry in self._ledger.entries(after=before):
            if entry.seq > size:
                break
            lines.append(leaf_bytes(entry) + b"\n")
        self._store.put(evidence.entries_key(before + 1, size), b"".join(lines))
        self._store.put(evidence.checkpoint_key(size), signed.note)

    def _stamp(self) -> Iterator[Outstanding]:
        """Have checkpoints without a timestamp stamped, the newest first; yields those that stay without."""
        address, roots = self._services.timestamp_url, self._services.timestamp_roots
        if address is None:
            return
        without = self._published.missing(evidence.TIMESTAMPS, self._published.sizes())
        code = "ROD-TIMESTAMP-04" if roots is None else None
        for number, size in enumerate(reversed(without)):
            if roots is not None and code is None and number < _STAMPS:
                try:
                    note = self._published.at(size).note
                    token = request_timestamp(address, note, load_certificates(roots))
                    self._store.create(evidence.timestamp_key(size), token)
                    continue
                except StoreUnreachable:
                    raise
                except RodError as error:
                    # The next checkpoints would meet the same; one try in a run is enough.
                    code = error.code
                    _log.warning("A checkpoint got no timestamp (%s); it is asked for again.", code)
            yield Outstanding("timestamp", size, code or "")

    def _have_cosigned(self) -> Iterator[Outstanding]:
        """Have the newest checkpoint cosigned: that vouches for all before it. Yields it when it stays without."""
        witness = self._services.witness
        newest = self._published.newest()
        if witness is None or newest is None:
            return
        size = newest.checkpoint.size
        cosigned = self._store.numbers(evidence.COSIGNED)
        if cosigned and cosigned[-1] >= size:
            return
        known = cosigned[-1] if cosigned else 0
        try:
            note = cosign(newest.note, newest.checkpoint, known, self._ledger.consistency, witness)
        except WitnessDisagrees:
            raise
        except RodError as error:
            _log.warning("The newest checkpoint was not cosigned (%s); the witness is asked again.", error.code)
            yield Outstanding("cosignature", size, error.code)
            return
        self._store.create(evidence.cosigned_key(size), note)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time publishes from this folder; the others wait."""
        folder = self._home / "notary"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _keep(file: Path, content: bytes) -> None:
    """Replace a file, whole or not at all, and see that it is on the disk."""
    draft = file.with_suffix(".new")
    with draft.open("wb") as written:
        written.write(content)
        written.flush()
        os.fsync(written.fileno())
    draft.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
