"""Checkpoints: the signed statement of how far a log is and what its root is, as C2SP's ``tlog-checkpoint`` says.

Belongs here: writing, signing, opening. Does not belong here: keys and signatures (``note``), when a checkpoint is
made, where it is kept, who is asked to cosign (``witness``).

Stricter than the format: a checkpoint has no extension lines, the name of the log's key is its origin, and a log of
size 0 has the root of the empty tree.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from rod_pipeline.ledger.merkle import EMPTY, HASH_BYTES
from rod_pipeline.ledger.note import (
    PLAIN,
    Signature,
    SigningKey,
    VerifyingKey,
    from_base64,
    open_note,
    reject,
    sign_note,
    to_base64,
)

_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``root`` is the root hash over the first ``size`` entries of the log called ``origin``."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed: three lines."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The checkpoint in a note's text. Raises ``NoteRejected``."""
        match text.split("\n"):
            case [origin, size, encoded_root, ""]:
                root = from_base64(encoded_root)
            case _:
                reject("a checkpoint has three lines, no more and no fewer")
        if not origin or not re.fullmatch(r"0|[1-9][0-9]{0,18}", size) or int(size) > _LARGEST:
            reject("the checkpoint's origin or size is not written as it should be")
        if root is None or len(root) != HASH_BYTES or (int(size) == 0 and root != EMPTY):
            reject("the checkpoint's root is no root hash")
        return cls(origin, int(size), root)


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint that its log signed, and the cosignatures of known witnesses."""

    checkpoint: Checkpoint
    log: VerifyingKey
    cosignatures: tuple[Signature, ...]


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """The signed note. ``key`` has the log's origin for a name. Raises ``NoteRejected``."""
    if key.name != checkpoint.origin:
        reject("the signing key belongs to another log")
    return sign_note(Checkpoint.parse(checkpoint.text).text, key)


def open_checkpoint(note: bytes, verifiers: Iterable[VerifyingKey]) -> SignedCheckpoint:
    """The checkpoint in ``note``, signed by the log of its origin, ``verifiers`` being logs and witnesses.

    Raises ``NoteRejected``.
    """
    opened = open_note(note, verifiers)
    checkpoint = Checkpoint.parse(opened.text)
    for signature in opened.signatures:
        if signature.key.kind == PLAIN and signature.key.name == checkpoint.origin:
            witnesses = tuple(other for other in opened.signatures if other.at is not None)
            return SignedCheckpoint(checkpoint, signature.key, witnesses)
    reject("the log that it speaks of did not sign it")
