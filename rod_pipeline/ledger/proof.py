"""Proofs that an outsider checks offline: an entry is in the log of a signed checkpoint (C2SP's ``tlog-proof``).

Belongs here: the file ``.tlog-proof``, writing and verifying. Does not belong here: hashes (``merkle``), signatures
(``note``), what else goes into a bundle (``retention``).

    c2sp.org/tlog-proof@v1
    index <number of the leaf, from 0>
    <base64 hash>            none or more, from the leaf's neighbour up

    <the signed checkpoint>
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.checkpoint import SignedCheckpoint, open_checkpoint
from rod_pipeline.ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from rod_pipeline.ledger.note import VerifyingKey, from_base64, to_base64

_HEADER = "c2sp.org/tlog-proof@v1"
_MOST_BYTES = 1 << 21
_MOST_HASHES = 63


class ProofMalformed(PermanentError):
    """A file is no proof."""

    code = "ROD-PROOF-03"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a proof file says; nothing of it is verified yet. ``extra`` never is: it is whatever somebody wrote."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None


def write_proof(index: int, path: Sequence[bytes], checkpoint: bytes) -> bytes:
    """The proof file: leaf ``index`` (from 0), its inclusion proof, and the signed checkpoint that it leads to."""
    lines = [_HEADER, f"index {index}", *map(to_base64, path), "", ""]
    return "\n".join(lines).encode() + checkpoint


def parse_proof(data: bytes) -> Proof:
    """What the file says. Raises ``ProofMalformed``."""
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        _malformed()
    if len(data) > _MOST_BYTES or not blank or lines.pop(0) != _HEADER:
        _malformed()
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = from_base64(lines.pop(0).removeprefix("extra "))
        if extra is None:
            _malformed()
    index = re.fullmatch(r"index (0|[1-9][0-9]{0,18})", lines.pop(0)) if lines else None
    path = tuple(map(from_base64, lines))
    if index is None or len(path) > _MOST_HASHES:
        _malformed()
    hashes = tuple(step for step in path if step is not None and len(step) == HASH_BYTES)
    if len(hashes) != len(path):
        _malformed()
    return Proof(int(index[1]), hashes, checkpoint, extra)


def verify_proof(data: bytes, leaf: bytes, verifiers: Iterable[VerifyingKey]) -> SignedCheckpoint:
    """The checkpoint of a log that holds ``leaf`` (the entry's bytes), ``verifiers`` being logs and witnesses.

    How many witnesses are enough is the caller's rule. Raises ``ProofMalformed``, ``NoteRejected``, ``ProofRejected``.
    """
    proof = parse_proof(data)
    signed = open_checkpoint(proof.checkpoint, verifiers)
    verify_inclusion(leaf_hash(leaf), proof.index, signed.checkpoint.size, proof.path, signed.checkpoint.root)
    return signed


def _malformed() -> NoReturn:
    raise ProofMalformed(
        "The file is no proof of a log (c2sp.org/tlog-proof@v1).", "Ask for the original file: it was cut or changed."
    )
