"""Asking a witness to cosign a checkpoint, as C2SP's ``tlog-witness`` says.

Belongs here: the call ``add-checkpoint`` and what its answers mean. Does not belong here: when it is asked, where the
cosignature is kept, how the log proves its consistency (``log``).

A witness remembers the newest checkpoint that it cosigned and cosigns only what continues it: without one, whoever owns
both the key and the store of a log could show two histories. It can be the privacy officer's own machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rod_pipeline.errors import BlockedError, PermanentError
from rod_pipeline.ledger.checkpoint import Checkpoint
from rod_pipeline.ledger.note import COSIGNATURE, NoteRejected, VerifyingKey, open_note, to_base64
from rod_pipeline.ledger.service import Answer, post

Consistency = Callable[[int, int], Sequence[bytes]]
"""The proof that the first so many entries begin the first so many: ``Ledger.consistency``."""


class WitnessRefuses(PermanentError):
    """A witness doesn't know this log or its key, or gives an answer that can't be used."""

    code = "ROD-WITNESS-01"


class WitnessDisagrees(BlockedError):
    """A witness has seen another history of this log, or more of it."""

    code = "ROD-WITNESS-02"


@dataclass(frozen=True, slots=True)
class Witness:
    """Where a witness is asked (its submission prefix) and the key of its cosignatures."""

    address: str
    key: VerifyingKey
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        if self.key.kind != COSIGNATURE:
            raise _refuses("its key is not one for cosignatures")


def cosign(note: bytes, checkpoint: Checkpoint, known: int, consistency: Consistency, witness: Witness) -> bytes:
    """The signed checkpoint ``note`` with the cosignature of ``witness`` under it.

    ``checkpoint`` is what ``note`` says, ``known`` the size that the witness cosigned last as far as is known, else 0:
    the witness says so itself when it knows better. Can be repeated. Raises ``WitnessRefuses``, ``WitnessDisagrees``,
    ``ServiceAddress``, ``ServiceUnreachable``; and what ``consistency`` raises.
    """
    answer = _add(note, checkpoint, known, consistency, witness)
    if answer.status == 409:
        answer = _add(note, checkpoint, _size(answer.body, checkpoint), consistency, witness)
    if answer.status in (409, 422):
        raise _disagrees("it holds another history, or its memory changed while it was asked")
    if answer.status != 200:
        raise _refuses(
            {404: "it does not know this log", 403: "it does not know the key of this log"}.get(
                answer.status, f"it answers with status {answer.status}"
            )
        )
    return note + _cosignature(answer.body, checkpoint, witness).encode()


def _add(note: bytes, checkpoint: Checkpoint, old: int, consistency: Consistency, witness: Witness) -> Answer:
    if old > checkpoint.size:
        raise _disagrees(f"it has seen {old} entries, the checkpoint has {checkpoint.size}")
    proof = consistency(old, checkpoint.size) if old else []
    head = "\n".join([f"old {old}", *map(to_base64, proof), "", ""])
    address = witness.address.rstrip("/") + "/add-checkpoint"
    return post(address, head.encode() + note, "text/plain; charset=utf-8", witness.ca_file)


def _size(body: bytes, checkpoint: Checkpoint) -> int:
    text = body.removesuffix(b"\n")
    if not text.isdigit() or len(text) > 19:
        raise _refuses("it does not say how far it has seen this log")
    return int(text)


def _cosignature(body: bytes, checkpoint: Checkpoint, witness: Witness) -> str:
    """The line of the witness' own cosignature; what else it sent is dropped."""
    try:
        lines = body.decode().splitlines(keepends=True)
    except UnicodeDecodeError:
        raise _refuses("its answer is no text") from None
    for line in lines:
        try:
            open_note(f"{checkpoint.text}\n{line}".encode(), [witness.key])
        except NoteRejected:
            continue
        return line
    raise _refuses("its answer holds no cosignature by the key that was agreed on")


def _refuses(why: str) -> WitnessRefuses:
    return WitnessRefuses(
        f"The witness does not cosign: {why}.",
        "Settle with whoever runs the witness: it needs the origin and the vkey of this log, and the settings here "
        "need its address and its vkey for cosignatures.",
    )


def _disagrees(why: str) -> WitnessDisagrees:
    return WitnessDisagrees(
        f"The witness does not cosign, the log is not what it saw before: {why}.",
        "Stop and find out: an older copy of the ledger was put back, two installations sign as the same log, or the "
        "ledger was changed. Compare with the newest published checkpoint.",
    )
