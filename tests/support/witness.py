"""A witness of logs (C2SP tlog-witness): a real server that checks what it is sent, remembers it and cosigns.

Its memory is open, so that a test can let it know another history.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rod_pipeline.ledger.checkpoint import Checkpoint, open_checkpoint
from rod_pipeline.ledger.merkle import ProofRejected, verify_consistency
from rod_pipeline.ledger.note import NoteRejected, SigningKey, VerifyingKey, from_base64
from rod_pipeline.ledger.witness import Witness
from tests.support.ledger import NOON
from tests.support.serving import Reply, serving


@dataclass
class WitnessServer:
    """What the witness knows: which logs, and the newest checkpoint of each."""

    logs: list[VerifyingKey]
    key: SigningKey = field(default_factory=lambda: SigningKey.generate("witness.example/w1"))
    seen: dict[str, Checkpoint] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    instead: Callable[[Reply], Reply] = lambda reply: reply

    def answer(self, path: str, body: bytes) -> Reply:
        self.asked.append(body)
        return self.instead(self._answer(path, body))

    def _answer(self, path: str, body: bytes) -> Reply:
        head, _, note = body.partition(b"\n\n")
        old_line, *proof_lines = head.decode().split("\n")
        if path != "/prefix/add-checkpoint" or not old_line.startswith("old "):
            return Reply(400, b"")
        origin = note.decode().split("\n")[0]
        if origin not in {log.name for log in self.logs}:
            return Reply(404, b"")
        try:
            checkpoint = open_checkpoint(note, self.logs).checkpoint
        except NoteRejected:
            return Reply(403, b"")
        before = self.seen.get(origin)
        old = int(old_line.removeprefix("old "))
        if old > checkpoint.size:
            return Reply(400, b"")
        if old != (before.size if before else 0):
            return Reply(409, b"%d\n" % (before.size if before else 0), "text/x.tlog.size")
        proof = [from_base64(line) or b"" for line in proof_lines]
        try:
            if before is not None and before.size:
                verify_consistency(before.size, checkpoint.size, proof, before.root, checkpoint.root)
            elif proof:
                return Reply(422, b"")
        except ProofRejected:
            return Reply(422, b"")
        self.seen[origin] = checkpoint
        return Reply(200, self.key.cosign(checkpoint.text, NOON).encode())


@contextmanager
def running_witness(server: WitnessServer) -> Iterator[Witness]:
    """``server`` on a free port, as its clients know it."""
    with serving(server.answer) as address:
        yield Witness(f"{address}/prefix", server.key.cosigner)
