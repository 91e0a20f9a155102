"""Everything personal goes in and out here.

Belongs here: the one order in which a copy comes to be and is read. Does not belong here: what the copies are for
(``ledger`` says, the domain decides), how they are erased (``erasing``), how bytes are sealed (``sealing``), stored
(``objects``) and named (``layout``).

A copy comes to be in one order, whatever is in it: the territory guard approved the place today; the copy stands in the
ledger; its bytes go out sealed, to a key that nothing was ever written to; it is read back from the store and agrees,
byte for byte and under its key; the ledger says so. Killed at any instant, this leaves at most a registered copy and
sealed bytes that nobody reads, and ``sweep`` removes both. What lies under a tombstone is neither read nor written.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO, cast

from rod_pipeline.deliveries import new_id
from rod_pipeline.errors import BlockedError, PermanentError, RodError
from rod_pipeline.ledger.events import CopyRegistered, CopyVerified, KeyCreated, TerritoryApproved
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.state import CopyState, LedgerState
from rod_pipeline.ledger.vocabulary import Zone
from rod_pipeline.store import layout, probe, scratch
from rod_pipeline.store.erasing import CopyUnavailable, Eraser, Ground
from rod_pipeline.store.keyring import KeyGone, Keyring
from rod_pipeline.store.objects import ObjectStore, ObjectWriter, pieces
from rod_pipeline.store.sealing import KeepsError, ScopeKey
from rod_pipeline.store.territory import TerritoryGuard

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Copy", "CopyUnavailable", "Ground", "RawWriter", "Vault"]

_log = logging.getLogger(__name__)


class CopyDamaged(PermanentError):
    """What the store gives back is not what was written."""

    code = "ROD-STORE-11"


class TableUnwritable(PermanentError):
    """A table could not be computed or written."""

    code = "ROD-STORE-13"


class TombstonedScope(PermanentError):
    """The ledger has a tombstone on what was to be read or written."""

    code = "ROD-STORE-14"


class ErasedCameBack(BlockedError):
    """Something is in the store or the keyring again that had been erased for good."""

    code = "ROD-STORE-15"


@dataclass(frozen=True, slots=True)
class Copy:
    """A verified copy. ``size`` in bytes and ``sha256`` are of the ciphertext; ``rows`` of a table, else None."""

    copy_id: str
    size: int
    sha256: str
    object_key: str
    rows: int | None = None


class RawWriter:
    """Takes the bytes of one raw copy. ``copy`` is there once the block that gave it was left."""

    def __init__(self, sealed: BinaryIO) -> None:
        self._sealed = sealed
        self._copy: Copy | None = None

    def write(self, data: bytes) -> int:
        """Seal ``data`` and send it on its way; returns its length. Raises the errors of the store."""
        return self._sealed.write(data)

    @property
    def copy(self) -> Copy:
        """The finished copy; raises ``CopyUnavailable`` while there is none."""
        if self._copy is None:
            raise CopyUnavailable("The copy is not finished.", "Ask for it after the block in which it is written.")
        return self._copy


@dataclass(slots=True)
class _Draft:
    copy_id: str
    object_key: str
    key: ScopeKey
    writer: ObjectWriter
    copy: Copy | None = field(default=None)


class Vault(Eraser):
    """Sealed copies in one store, under the keys of one keyring, on the record of one ledger.

    Safe to share between threads as far as its parts are; one process per run is what it is made for.
    """

    def __init__(self, objects: ObjectStore, keyring: Keyring, ledger: Ledger, guard: TerritoryGuard) -> None:
        super().__init__(objects, keyring, ledger)
        self._guard = guard
        self._approved_on: date | None = None

    def create_key(self, scope: str) -> None:
        """See that ``scope`` has its key, and that the ledger knows. Can be run twice.

        Raises ``TombstonedScope``, ``KeyGone``.
        """
        state = self._ledger.state()
        _refuse_tombstoned(state, scope)
        known = state.keys.get(scope)
        if known == "destroyed":
            # Also when a backup brought the keyring's file back.
            raise KeyGone(
                "The key of this scope was destroyed.", "A correction is a new delivery with a key of its own."
            )
        if known is None:
            # First on the record, so that no key exists that an erasure would pass by.
            self._ledger.append(KeyCreated(scope=scope, keyring=self._keyring.name))
        if self._ledger.state().copies_of(scope):
            self._keyring.get(scope)
        else:
            self._keyring.create(scope)

    @contextlib.contextmanager
    def write_raw(self, scope: str, zone: Zone, name: str) -> Iterator[RawWriter]:
        """Write one raw copy in a stream of bounded memory: ``with vault.write_raw(…) as writer: writer.write(…)``.

        Leaving the block completes the copy, reads it back to its authenticated end and has it verified in the ledger;
        ``writer.copy`` is there after that. An exception in the block undoes everything and passes on.
        """
        with self._new_copy(scope, zone, name, self._reread_raw) as draft:
            sealed = draft.key.seal(draft.writer, _aad(draft.object_key))
            raw = RawWriter(sealed)
            yield raw
            sealed.close()
        raw._copy = draft.copy

    def write_table(self, scope: str, zone: Zone, name: str, frame: pl.LazyFrame) -> Copy:
        """Compute ``frame`` in a stream, straight into an encrypted Parquet object; returns the verified copy.

        Raises ``TableUnwritable`` when polars can't compute it (its own text may quote data, so it is not passed on);
        errors that the frame's Python sources raise come out as themselves.
        """
        # Here and below: most commands open a vault and no table, and shouldn't wait for polars.
        from polars.exceptions import PolarsError
        from polars.io.parquet import ParquetEncryptionProperties

        with self._new_copy(scope, zone, name, self._reread_table) as draft:
            sink = KeepsError(draft.writer.write)
            failure: RodError | None = None
            try:
                frame.sink_parquet(
                    cast(io.BytesIO, sink),
                    # Smallest and largest of each column cost a sixth of the writing, and nobody asks for them.
                    statistics=False,
                    compression="zstd",
                    compression_level=1,
                    encryption=ParquetEncryptionProperties(footer_key=draft.key.footer_key),
                )
            except PolarsError as error:
                failure = sink.error or TableUnwritable(
                    f"Table {name} could not be computed ({type(error).__name__}).",
                    "The rows don't fit what the code expects of them after validation: it needs a look.",
                )
            # Raised out here, so that not even its context holds polars' own text.
            if failure is not None:
                raise failure
        return cast(Copy, draft.copy)

    def copy(self, copy_id: str) -> Copy:
        """A verified copy of the past, as its writer saw it; without ``rows``. Raises ``CopyUnavailable``."""
        known = self._verified(copy_id)
        return Copy(copy_id, known.size or 0, known.sha256 or "", known.object_key)

    def is_there(self, copy_id: str) -> bool:
        """Whether the store has an object of the size that was written. Raises ``CopyUnavailable``."""
        known = self._verified(copy_id)
        return self._objects.size(known.object_key) == known.size

    def open_raw(self, copy_id: str) -> BinaryIO:
        """The plaintext of a raw copy: a sequential stream, authenticated up to what was read.

        Only a stream read to its end is known to be whole. Close it. Raises ``CopyUnavailable``, ``KeyGone``;
        reading raises ``SealBroken`` and the errors of the store.
        """
        copy = self._verified(copy_id)
        key = self._keyring.get(copy.scope)
        return key.open(self._objects.open(copy.object_key), _aad(copy.object_key))

    @contextlib.contextmanager
    def scan_table(self, copy_id: str) -> Iterator[pl.LazyFrame]:
        """A table as a LazyFrame, for the length of the block. Its ciphertext is held in memory, decrypted on the fly.

        Raises ``CopyUnavailable``, ``KeyGone``, ``CopyDamaged``.
        """
        import polars as pl
        from polars.io.parquet import ParquetDecryptionProperties

        copy = self._verified(copy_id)
        key = self._keyring.get(copy.scope)
        with self._in_memory(copy.object_key, copy.size, copy.sha256) as path:
            yield pl.scan_parquet(path, decryption=ParquetDecryptionProperties(footer_key=key.footer_key))

    @contextlib.contextmanager
    def _new_copy(self, scope: str, zone: Zone, name: str, reread: Callable[[_Draft], int | None]) -> Iterator[_Draft]:
        """The one order in which a copy comes to be; see the top of this module."""
        self._approve()
        _refuse_tombstoned(self._ledger.state(), scope)
        key = self._keyring.get(scope)
        copy_id = new_id()
        object_key = layout.object_key(zone, scope, name, copy_id)
        self._ledger.append(
            CopyRegistered(
                copy_id=copy_id, scope=scope, zone=zone, name=name, store=self._objects.name, object_key=object_key
            )
        )
        draft = _Draft(copy_id, object_key, key, self._objects.create(object_key))
        try:
            yield draft
            draft.writer.complete()
            rows = reread(draft)
            size, digest = draft.writer.size, draft.writer.sha256
            self._ledger.append(CopyVerified(copy_id=copy_id, size=size, sha256=digest))
        except BaseException:
            self._undo(draft)
            raise
        draft.copy = Copy(copy_id, size, digest, object_key, rows)

    def _undo(self, draft: _Draft) -> None:
        """As far as it can be done now; what is left is swept at the next start."""
        try:
            draft.writer.abort()
            self.erase([draft.copy_id], "unfinished")
        except RodError as error:
            _log.warning("A copy that failed could not be removed now (%s); it is swept later.", error.code)

    def _approve(self) -> None:
        """Once a day: the guard's approval, on the record, a store that keeps its promises, and nothing come back."""
        today = self._guard.today()
        if self._approved_on == today:
            return
        scratch.claim()
        place = self._guard.approve(self._objects.settings, self._objects.client)
        known = self._ledger.state().territory.get(place.store)
        if known is None or known.approval.proof != place.proof:
            self._ledger.append(
                TerritoryApproved(
                    store=place.store,
                    host=place.host,
                    region=place.region,
                    country=place.country,
                    basis=place.basis,
                    policy=place.policy,
                    proof=place.proof,
                )
            )
        probe.prove(self._objects)
        if revived := self.revived():
            raise ErasedCameBack(
                f"What was erased came back: something of {len(revived)} deliveries or mart databases is there again.",
                "Nothing is read or written until it is erased again: run `rod recover`. Then find what brought it.",
            )
        self._approved_on = today

    def _verified(self, copy_id: str) -> CopyState:
        """A copy that may be read now."""
        self._approve()
        state = self._ledger.state()
        copy = self._here(state.copies.get(copy_id))
        _refuse_tombstoned(state, copy.scope)
        if state.keys.get(copy.scope) == "destroyed" or copy.status != "verified":
            raise CopyUnavailable(
                f"A copy in {copy.zone} can't be read: it is {copy.status}, its key {state.keys.get(copy.scope)}.",
                "Only a verified copy under a living key is read. Run the step again that makes it.",
            )
        return copy

    def _reread_raw(self, draft: _Draft) -> None:
        source = _Hashing(self._objects.open(draft.object_key))
        with draft.key.open(cast(BinaryIO, source), _aad(draft.object_key)) as plain:
            for _ in pieces(plain):
                pass
        _agree(source.size, source.digest.hexdigest(), draft.writer.size, draft.writer.sha256)

    def _reread_table(self, draft: _Draft) -> int:
        import polars as pl
        from polars.exceptions import PolarsError
        from polars.io.parquet import ParquetDecryptionProperties

        with self._in_memory(draft.object_key, draft.writer.size, draft.writer.sha256) as path:
            properties = ParquetDecryptionProperties(footer_key=draft.key.footer_key)
            try:
                return int(pl.scan_parquet(path, decryption=properties).select(pl.len()).collect().item())
            except PolarsError:
                raise _damaged("Its footer can't be opened.") from None

    @contextlib.contextmanager
    def _in_memory(self, object_key: str, size: int | None, digest: str | None) -> Iterator[str]:
        """The ciphertext of an object in anonymous memory, as a path, once it agrees with ``size`` and ``digest``."""
        handle = os.memfd_create("rod", os.MFD_CLOEXEC)
        try:
            with _Hashing(self._objects.open(object_key)) as source, open(handle, "wb", closefd=False) as memory:
                for piece in pieces(cast(BinaryIO, source)):
                    memory.write(piece)
            _agree(source.size, source.digest.hexdigest(), size, digest)
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)


class _Hashing(AbstractContextManager["_Hashing"]):
    """A stream of bytes that keeps count and digest of what was read."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = 0
        self.digest = sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self.size += len(data)
        self.digest.update(data)
        return data

    def close(self) -> None:
        self._stream.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def _refuse_tombstoned(state: LedgerState, scope: str) -> None:
    if (stone := state.tombstone_of(scope)) is not None:
        raise TombstonedScope(
            f"Delivery {stone.key} was erased on purpose: its tombstone is {stone.purge_id}.",
            "There is nothing to mend. Nothing of it is read or written any more; a correction has a key of its own.",
        )


def _agree(size: int, digest: str, expected_size: int | None, expected_digest: str | None) -> None:
    if (size, digest) != (expected_size, expected_digest):
        raise _damaged(f"It has {size} bytes where {expected_size} were written, or other bytes.")


def _damaged(detail: str) -> CopyDamaged:
    return CopyDamaged(
        f"The store gives back something else than what was written. {detail}",
        "Don't use it. Look at the store's own state and logs; then run the step again, which writes a new copy.",
    )


def _aad(object_key: str) -> bytes:
    """What a sealed object is bound to: its own place."""
    return b"rod:" + object_key.encode()
