"""A log and its witness, over a real connection (C2SP tlog-witness)."""

import socket
from pathlib import Path

import pytest

from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from rod_pipeline.ledger.events import KeyCreated
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.note import SigningKey
from rod_pipeline.ledger.service import ServiceAddress, ServiceUnreachable
from rod_pipeline.ledger.witness import Witness, WitnessDisagrees, WitnessRefuses, cosign
from tests.support import ledger as make
from tests.support.serving import Reply
from tests.support.witness import WitnessServer, running_witness

LOG = SigningKey.from_bytes("example.org/log", bytes(range(32)))


class Log:
    """A ledger that signs checkpoints of itself."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger(f"sqlite:///{path}", make.SetClock())

    def grow(self, by: int) -> tuple[bytes, Checkpoint]:
        """``by`` entries more, and the checkpoint after them."""
        self.ledger.append(*(KeyCreated(scope=new_id(), keyring="local") for _ in range(by)))
        checkpoint = Checkpoint(LOG.name, *self.ledger.tree_head())
        return sign_checkpoint(checkpoint, LOG), checkpoint


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "ledger.db")


def test_a_witness_cosigns_what_continues_what_it_saw(log: Log) -> None:
    server = WitnessServer([LOG.verifier])
    known = 0
    with running_witness(server) as witness:
        for by in (1, 1, 5, 1, 30):
            note, checkpoint = log.grow(by)
            cosigned = cosign(note, checkpoint, known, log.ledger.consistency, witness)
            opened = open_checkpoint(cosigned, [LOG.verifier, witness.key])
            assert opened.checkpoint == checkpoint == server.seen[LOG.name]
            assert [(one.key, one.at) for one in opened.cosignatures] == [(witness.key, make.NOON)]
            known = checkpoint.size
    assert len(server.asked) == 5


def test_a_checkpoint_can_be_sent_twice(log: Log) -> None:
    note, checkpoint = log.grow(3)
    with running_witness(WitnessServer([LOG.verifier])) as witness:
        once = cosign(note, checkpoint, 0, log.ledger.consistency, witness)
        assert cosign(note, checkpoint, 3, log.ledger.consistency, witness) == once
        assert cosign(note, checkpoint, 0, log.ledger.consistency, witness) == once


def test_a_log_that_forgot_how_far_the_witness_is_learns_it_from_the_witness(log: Log) -> None:
    server = WitnessServer([LOG.verifier])
    with running_witness(server) as witness:
        cosign(*log.grow(3), 0, log.ledger.consistency, witness)
        for forgotten in (0, 1):
            note, checkpoint = log.grow(4)
            cosigned = cosign(note, checkpoint, forgotten, log.ledger.consistency, witness)
            assert open_checkpoint(cosigned, [LOG.verifier, witness.key]).cosignatures
    assert len(server.asked) == 5


def test_a_witness_that_saw_another_history_does_not_cosign(log: Log, tmp_path: Path) -> None:
    other = Log(tmp_path / "other.db")
    server = WitnessServer([LOG.verifier])
    with running_witness(server) as witness:
        cosign(*other.grow(5), 0, other.ledger.consistency, witness)
        for by in (5, 4):
            with pytest.raises(WitnessDisagrees, match="another history"):
                cosign(*log.grow(by), 5, log.ledger.consistency, witness)


def test_a_witness_that_saw_more_shows_that_an_older_copy_was_put_back(log: Log, tmp_path: Path) -> None:
    server = WitnessServer([LOG.verifier])
    with running_witness(server) as witness:
        note, checkpoint = log.grow(3)
        cosign(*log.grow(2), 0, log.ledger.consistency, witness)
        with pytest.raises(WitnessDisagrees, match="seen 5 entries, the checkpoint has 3"):
            cosign(note, checkpoint, 3, log.ledger.consistency, witness)


def test_a_witness_that_was_not_told_of_the_log_refuses_for_good(log: Log) -> None:
    note, checkpoint = log.grow(1)
    for logs, why in (
        ([], "does not know this log"),
        ([SigningKey.generate(LOG.name).verifier], "does not know the key"),
    ):
        with running_witness(WitnessServer(logs)) as witness, pytest.raises(WitnessRefuses, match=why):
            cosign(note, checkpoint, 0, log.ledger.consistency, witness)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"thank you\n",
        b"\xff\xfe\n",
        SigningKey.generate("witness.example/w1").cosign("other\n1\n\n", make.NOON).encode(),
    ],
)
def test_an_answer_without_the_right_cosignature_is_refused(log: Log, body: bytes) -> None:
    server = WitnessServer([LOG.verifier], instead=lambda _: Reply(200, body))
    with running_witness(server) as witness, pytest.raises(WitnessRefuses, match=r"no cosignature|no text"):
        cosign(*log.grow(1), 0, log.ledger.consistency, witness)


def test_a_cosignature_of_another_checkpoint_is_refused_and_strangers_are_dropped(log: Log) -> None:
    note, checkpoint = log.grow(1)
    server = WitnessServer([LOG.verifier])
    stranger = SigningKey.generate("stranger.example").cosign(checkpoint.text, make.NOON).encode()
    server.instead = lambda reply: Reply(200, stranger + reply.body)
    with running_witness(server) as witness:
        cosigned = cosign(note, checkpoint, 0, log.ledger.consistency, witness)
        assert b"stranger" not in cosigned
        server.instead = lambda reply: Reply(200, server.key.cosign("other\n1\nroot\n", make.NOON).encode())
        with pytest.raises(WitnessRefuses, match="no cosignature"):
            cosign(note, checkpoint, 1, log.ledger.consistency, witness)


@pytest.mark.parametrize("said", [b"", b"much\n", b"-1\n", b"1" * 30, "٣\n".encode()])
def test_a_conflict_that_says_no_size_is_refused(log: Log, said: bytes) -> None:
    server = WitnessServer([LOG.verifier], instead=lambda _: Reply(409, said))
    with running_witness(server) as witness, pytest.raises(WitnessRefuses, match="how far"):
        cosign(*log.grow(1), 0, log.ledger.consistency, witness)


def test_a_witness_that_keeps_changing_its_mind_is_asked_twice_at_most(log: Log) -> None:
    server = WitnessServer([LOG.verifier], instead=lambda _: Reply(409, b"1\n"))
    with running_witness(server) as witness, pytest.raises(WitnessDisagrees):
        cosign(*log.grow(2), 0, log.ledger.consistency, witness)
    assert len(server.asked) == 2


@pytest.mark.parametrize("reply", [Reply(500, b""), Reply(503, b""), Reply(429, b""), Reply(200, b"x" * 2**20)])
def test_a_witness_in_trouble_is_a_passing_failure(log: Log, reply: Reply) -> None:
    server = WitnessServer([LOG.verifier], instead=lambda _: reply)
    with running_witness(server) as witness, pytest.raises(ServiceUnreachable) as caught:
        cosign(*log.grow(1), 0, log.ledger.consistency, witness)
    assert caught.value.kind == "transient"
    assert witness.address not in str(caught.value)


def test_a_witness_that_is_away_is_a_passing_failure(log: Log) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    witness = Witness(address, SigningKey.generate("witness.example/w1").cosigner)
    with pytest.raises(ServiceUnreachable):
        cosign(*log.grow(1), 0, log.ledger.consistency, witness)


@pytest.mark.parametrize(
    "address",
    [
        "http://witness.example",
        "http://127.0.0.1.example",
        "ftp://127.0.0.1",
        "https://name:word@witness.example",
        "https://",
        "witness",
        "",
    ],
)
def test_only_https_is_asked_and_this_machine(log: Log, address: str) -> None:
    witness = Witness(address, SigningKey.generate("witness.example/w1").cosigner)
    with pytest.raises(ServiceAddress) as caught:
        cosign(*log.grow(1), 0, log.ledger.consistency, witness)
    assert "word" not in str(caught.value).replace("password", "")


def test_a_witness_has_a_key_for_cosignatures() -> None:
    with pytest.raises(WitnessRefuses, match="not one for cosignatures"):
        Witness("https://witness.example", SigningKey.generate("witness.example/w1").verifier)
