"""Checkpoints and the proofs that lead to them (C2SP tlog-checkpoint and tlog-proof)."""

import pytest

from rod_pipeline.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from rod_pipeline.ledger.merkle import EMPTY, Frontier, ProofRejected, inclusion_proof, leaf_hash
from rod_pipeline.ledger.note import NoteRejected, SigningKey, sign_note, to_base64
from rod_pipeline.ledger.proof import ProofMalformed, parse_proof, verify_proof, write_proof
from tests.support.ledger import NOON

LOG = SigningKey.from_bytes("example.org/log", bytes(range(32)))
WITNESS = SigningKey.from_bytes("witness.example/w1", bytes(range(1, 33)))
KNOWN = [LOG.verifier, WITNESS.cosigner]
LEAVES = [b"nul", b"een", b"twee", b"drie", b"vier"]
ROOT = to_base64(bytes(32))


def _grown() -> tuple[Frontier, dict[tuple[int, int], bytes]]:
    frontier, kept = Frontier(), dict[tuple[int, int], bytes]()
    for leaf in LEAVES:
        frontier, made = frontier.grown(leaf_hash(leaf))
        kept.update({(node.level, node.index): node.hash for node in made})
    return frontier, kept


FRONTIER, NODES = _grown()
CHECKPOINT = Checkpoint("example.org/log", 5, FRONTIER.root())
NOTE = sign_checkpoint(CHECKPOINT, LOG)


def proof_of(index: int, note: bytes = NOTE) -> bytes:
    return write_proof(index, inclusion_proof(index, 5, lambda level, at: NODES[level, at]), note)


def test_a_checkpoint_is_three_lines_and_is_read_back() -> None:
    assert CHECKPOINT.text == f"example.org/log\n5\n{to_base64(FRONTIER.root())}\n"
    opened = open_checkpoint(NOTE + WITNESS.cosign(CHECKPOINT.text, NOON).encode(), KNOWN)
    assert opened.checkpoint == CHECKPOINT
    assert opened.log == LOG.verifier
    assert [(witness.key, witness.at) for witness in opened.cosignatures] == [(WITNESS.cosigner, NOON)]


def test_a_checkpoint_is_signed_by_its_own_log_only() -> None:
    with pytest.raises(NoteRejected, match="another log"):
        sign_checkpoint(CHECKPOINT, WITNESS)
    by_another = sign_note(CHECKPOINT.text, WITNESS)
    with pytest.raises(NoteRejected, match="did not sign it"):
        open_checkpoint(by_another, [LOG.verifier, WITNESS.verifier])
    witnessed_only = f"{CHECKPOINT.text}\n{WITNESS.cosign(CHECKPOINT.text, NOON)}".encode()
    with pytest.raises(NoteRejected, match="did not sign it"):
        open_checkpoint(witnessed_only, KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "example.org/log\n5\n",
        f"example.org/log\n5\n{ROOT}\nan extension\n",
        f"\n5\n{ROOT}\n",
        f"example.org/log\n05\n{ROOT}\n",
        f"example.org/log\n+5\n{ROOT}\n",
        f"example.org/log\n-5\n{ROOT}\n",
        f"example.org/log\n 5\n{ROOT}\n",
        f"example.org/log\n٥\n{ROOT}\n",
        f"example.org/log\n\n{ROOT}\n",
        f"example.org/log\n{2**63}\n{ROOT}\n",
        f"example.org/log\n0\n{ROOT}\n",
        f"example.org/log\n5\n{ROOT[:-1]}\n",
        f"example.org/log\n5\n{ROOT.replace('=', '')}\n",
        f"example.org/log\n5\n{to_base64(bytes(31))}\n",
        f"example.org/log\n5\n{ROOT} \n",
        "example.org/log\n5\n\n",
    ],
)
def test_a_text_that_is_no_checkpoint_is_refused_though_the_log_signed_it(text: str) -> None:
    with pytest.raises(NoteRejected):
        open_checkpoint(sign_note(text, LOG), [LOG.verifier])


def test_the_checkpoint_of_an_empty_log_can_be_signed() -> None:
    empty = Checkpoint("example.org/log", 0, EMPTY)
    assert open_checkpoint(sign_checkpoint(empty, LOG), [LOG.verifier]).checkpoint == empty


@pytest.mark.parametrize("index", range(5))
def test_a_proof_file_proves_its_entry_and_no_other(index: int) -> None:
    proof = proof_of(index)
    assert proof.startswith(f"c2sp.org/tlog-proof@v1\nindex {index}\n".encode())
    assert proof.endswith(NOTE)
    assert verify_proof(proof, LEAVES[index], KNOWN).checkpoint == CHECKPOINT
    for other in range(5):
        if other != index:
            with pytest.raises(ProofRejected):
                verify_proof(proof, LEAVES[other], KNOWN)


def test_every_changed_bit_of_a_proof_file_is_found() -> None:
    proof = proof_of(3)
    for place in range(len(proof)):
        for bit in range(8):
            changed = bytearray(proof)
            changed[place] ^= 1 << bit
            with pytest.raises((ProofMalformed, ProofRejected, NoteRejected)):
                verify_proof(bytes(changed), LEAVES[3], KNOWN)


def test_extra_data_is_read_and_trusted_by_nobody() -> None:
    proof = proof_of(3).replace(b"index", b"extra " + to_base64(b"iets").encode() + b"\nindex", 1)
    assert parse_proof(proof).extra == b"iets"
    assert verify_proof(proof, LEAVES[3], KNOWN).checkpoint == CHECKPOINT
    assert parse_proof(proof_of(3)).extra is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@v1", "@v2"),
        ("index 3", "index 03"),
        ("index 3", "index -3"),
        ("index 3", "index"),
        ("index 3\n", ""),
        ("index 3", "index 3\nextra aWV0cw=="),
        ("index 3", "extra iets!\nindex 3"),
        ("index 3", "index 3\n" + to_base64(bytes(31))),
        ("index 3", "index 3\n*"),
        ("index 3", "index 3\né"),
        ("index 3", "index 3" + f"\n{ROOT}" * 63),
        ("index 3", "index 3\r"),
        ("\n\n", "\n"),
        ("c2sp", "\nc2sp"),
    ],
)
def test_a_file_that_is_no_proof_is_refused(old: str, new: str) -> None:
    with pytest.raises((ProofMalformed, NoteRejected)):
        verify_proof(proof_of(3).decode().replace(old, new, 1).encode(), LEAVES[3], KNOWN)
