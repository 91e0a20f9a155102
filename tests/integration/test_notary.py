"""The notary: what it signs and publishes, what it refuses to sign, and what it can do without."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from rod_pipeline.clock import SystemClock
from rod_pipeline.ledger.catchup import local_file
from rod_pipeline.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from rod_pipeline.ledger.database import LedgerDatabase
from rod_pipeline.ledger.log import Ledger, LedgerForked
from rod_pipeline.ledger.notary import ClockRanBack, NotOurKey, Outstanding
from rod_pipeline.ledger.note import BadKey, SigningKey, VerifyingKey, open_note
from rod_pipeline.ledger.proof import verify_proof
from rod_pipeline.ledger.published import NotPublished
from rod_pipeline.ledger.standing import EvidenceAltered, standing, verify
from rod_pipeline.ledger.timestamp import load_certificates, verify_timestamp
from rod_pipeline.ledger.witness import WitnessDisagrees
from rod_pipeline.store import evidence
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.evidence import EvidenceConflict, EvidenceStore
from rod_pipeline.store.faults import StoreUnreachable
from tests.support.ledger import SetClock, announced
from tests.support.notary import Office, fresh_bucket
from tests.support.tsa import running_authority
from tests.support.witness import WitnessServer, running_witness

ROOT = Path(__file__).parents[2]
ORIGIN = "rod-pipeline.local/ledger"
PURGE = "0123456789abcdef"


def public_key(office: Office) -> VerifyingKey:
    return VerifyingKey.parse((office.home / "notary.vkey").read_text().strip())


def signing_key(office: Office) -> SigningKey:
    return SigningKey.from_file(ORIGIN, office.home / "secrets" / "signing.pem")


def bucket(office: Office) -> EvidenceStore:
    return office.open().evidence


def test_everything_in_the_ledger_is_published_and_can_be_proved(office: Office) -> None:
    office.happen(5)
    done = office.open().notary().publish()
    # The approval of the bucket's place is an entry as well.
    assert (done.size, done.added, done.outstanding) == (6, 6, ())
    office.happen(3)
    assert office.open().notary().publish().added == 3
    system = office.open()
    for seq in (1, 6, 7, 9):
        proof = system.notary().proof(seq)
        assert proof.size == (6 if seq <= 6 else 9)
        signed = verify_proof(proof.tlog_proof, system.ledger.leaf(seq), [public_key(office)])
        assert signed.checkpoint == open_checkpoint(proof.checkpoint, [public_key(office)]).checkpoint
        assert (signed.checkpoint.origin, signed.checkpoint.size) == (ORIGIN, proof.size)
        assert proof.timestamp is None


def test_nothing_new_is_published_when_nothing_happened(office: Office) -> None:
    office.happen(2)
    notary = office.open().notary()
    notary.publish()
    before = bucket(office).keys("")
    for again in (notary, office.open().notary()):
        assert again.publish().added == 0
    assert bucket(office).keys("") == before
    assert bucket(office).altered() == []


def test_the_published_entries_are_the_leaves_of_the_tree(office: Office) -> None:
    office.happen(3)
    office.open().notary().publish()
    office.happen(2)
    office.open().notary().publish()
    system = office.open()
    first, second = (system.evidence.get(evidence.entries_key(*span)) for span in ((1, 4), (5, 6)))
    assert (first + second).splitlines() == [system.ledger.leaf(seq) for seq in range(1, 7)]
    assert json.loads(second.splitlines()[0])["seq"] == 5


def test_an_entry_that_is_not_published_has_no_proof_yet(office: Office) -> None:
    office.happen(1)
    system = office.open()
    with pytest.raises(NotPublished):
        system.notary().proof(1)
    system.notary().publish()
    office.happen(1)
    with pytest.raises(NotPublished):
        system.notary().proof(3)


def test_a_text_is_signed_as_a_note(office: Office) -> None:
    notary = office.open().notary()
    assert open_note(notary.sign("Verklaard.\n"), [public_key(office)]).text == "Verklaard.\n"
    assert notary.vkey == str(public_key(office))


def test_evidence_of_a_purge_is_locked_away(office: Office) -> None:
    notary = office.open().notary()
    for _ in range(2):
        notary.store_evidence(PURGE, 1, "record.json", b"{}")
    with pytest.raises(EvidenceConflict):
        notary.store_evidence(PURGE, 1, "record.json", b"{ }")
    assert bucket(office).get(f"evidence/{PURGE}/0001/record.json") == b"{}"


def test_the_key_is_for_its_owner_only_and_shown_nowhere(office: Office) -> None:
    file = office.home / "secrets" / "signing.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    system = office.open()
    secret = file.read_text().splitlines()[1]
    notary = system.notary()
    notary.sign("x\n")
    assert secret not in repr(notary) + repr(notary.__dict__) + repr(system.settings)
    file.chmod(0o640)
    with pytest.raises(BadKey, match="can be read by others"):
        office.open().notary().sign("x\n")


def test_a_foreign_key_or_origin_signs_nothing(office: Office) -> None:
    office.happen(1)
    office.evidence = {"origin": "other.example/log"}
    with pytest.raises(NotOurKey):
        office.open().notary().publish()
    office.evidence = {}
    file = office.home / "secrets" / "signing.pem"
    file.write_bytes(SigningKey.generate(ORIGIN).to_pem())
    with pytest.raises(NotOurKey):
        office.open().notary().publish()
    assert bucket(office).keys("") == []


def test_a_clock_before_the_newest_entry_blocks_signing(office: Office) -> None:
    office.happen(1)
    office.open().approve_evidence_store()
    office.clock.move(hours=5)
    office.happen(1)
    office.clock.move(hours=-1)
    with pytest.raises(ClockRanBack):
        office.open().notary().publish()
    with pytest.raises(ClockRanBack):
        office.open().notary().sign("x\n")
    assert bucket(office).keys("") == []
    office.clock.move(hours=1)
    assert office.open().notary().publish().size == 3


def test_a_clock_before_the_last_checkpoint_blocks_signing(office: Office) -> None:
    office.happen(1)
    office.open().approve_evidence_store()
    office.clock.move(hours=5)
    office.open().notary().publish()
    office.clock.move(hours=-2)
    # The ledger takes this: its newest entry is five hours older than the checkpoint.
    office.happen(1)
    with pytest.raises(ClockRanBack):
        office.open().notary().publish()
    assert standing(office.open()).published == 2
    office.clock.move(hours=2)
    assert office.open().notary().publish().size == 3


def test_the_ledger_of_another_history_is_never_signed(office: Office) -> None:
    office.happen(2)
    shutil.copyfile(office.home / "ledger.db", office.home / "old.db")
    office.happen(2)
    office.open().notary().publish()
    signed = local_file(office.home).read_bytes()
    shutil.copyfile(office.home / "old.db", office.home / "ledger.db")
    office.happen(7)
    with pytest.raises(LedgerForked):
        office.open().notary().publish()
    # Neither what the bucket holds nor what was kept here is needed for that, either will do.
    local_file(office.home).unlink()
    with pytest.raises(LedgerForked):
        office.open().notary().publish()
    assert len(bucket(office).numbers(evidence.CHECKPOINTS)) == 1
    local_file(office.home).write_bytes(signed)
    office.notary = fresh_bucket(office.notary)
    EvidenceStore(office.notary, office.clock, years=1, lock="GOVERNANCE", embedded=True).ensure()
    with pytest.raises(LedgerForked):
        office.open().notary().publish()
    assert bucket(office).keys("") == []


def test_another_checkpoint_under_the_same_size_raises_the_alarm(office: Office) -> None:
    office.happen(3)
    system = office.open()
    system.approve_evidence_store()
    forged = sign_checkpoint(Checkpoint(ORIGIN, 4, bytes(32)), signing_key(office))
    system.evidence.put(evidence.checkpoint_key(4), forged)
    with pytest.raises(LedgerForked):
        office.open().notary().publish()


def test_entries_that_were_published_otherwise_raise_the_alarm(office: Office) -> None:
    office.happen(3)
    system = office.open()
    system.approve_evidence_store()
    system.evidence.put(evidence.entries_key(1, 4), b"{}\n")
    with pytest.raises(EvidenceConflict):
        office.open().notary().publish()
    assert bucket(office).numbers(evidence.CHECKPOINTS) == []


def test_a_bucket_that_can_not_be_reached_is_caught_up_later(office: Office) -> None:
    office.happen(2)
    real = office.notary
    office.notary = real.model_copy(update={"endpoint": "http://127.0.0.1:1"})
    with pytest.raises(StoreUnreachable):
        office.open().notary().publish()
    office.happen(1)
    office.notary = real
    assert office.open().notary().publish().size == 4


def test_timestamps_are_mended_when_the_authority_is_back(office: Office, tmp_path: Path) -> None:
    with running_authority(tmp_path / "tsa") as authority:
        office.happen(1)
        office.evidence = {"timestamp_url": "http://127.0.0.1:1", "timestamp_roots": authority.root_file}
        assert office.open().notary().publish().outstanding == (Outstanding("timestamp", 2, "ROD-SERVICE-02"),)
        office.happen(1)
        done = office.open().notary().publish()
        assert [one.size for one in done.outstanding] == [3, 2]
        assert standing(office.open()).outstanding == {"timestamp": [2, 3]}
        office.evidence["timestamp_url"] = authority.address
        assert office.open().notary().publish().outstanding == ()
        roots = load_certificates(authority.root_file)
        for seq in (1, 3):
            proof = office.open().notary().proof(seq)
            assert proof.timestamp is not None
            verify_timestamp(proof.timestamp, proof.checkpoint, roots)
        assert "2 of them have a timestamp that holds." in list(verify(office.open()))
    assert bucket(office).altered() == []


def test_a_timestamp_service_without_roots_is_outstanding(office: Office) -> None:
    office.happen(1)
    office.evidence = {"timestamp_url": "http://127.0.0.1:1"}
    assert office.open().notary().publish().outstanding == (Outstanding("timestamp", 2, "ROD-TIMESTAMP-04"),)


def test_a_witness_cosigns_and_is_caught_up(office: Office) -> None:
    server = WitnessServer([public_key(office)])
    with running_witness(server) as witness:
        office.evidence = {"witness_url": "http://127.0.0.1:1", "witness_key": str(witness.key)}
        office.happen(1)
        assert office.open().notary().publish().outstanding == (Outstanding("cosignature", 2, "ROD-SERVICE-02"),)
        office.happen(1)
        office.evidence["witness_url"] = witness.address
        assert office.open().notary().publish().outstanding == ()
        office.happen(1)
        assert office.open().notary().publish().outstanding == ()
        assert server.seen[ORIGIN].size == 4
        system = office.open()
        proof = system.notary().proof(4)
        signed = verify_proof(proof.tlog_proof, system.ledger.leaf(4), [public_key(office), witness.key])
        assert [cosignature.key for cosignature in signed.cosignatures] == [witness.key]
        assert open_checkpoint(proof.checkpoint, [public_key(office), witness.key]).cosignatures == ()
        assert "2 of them have a cosignature that holds." in list(verify(office.open()))


def test_a_witness_that_saw_another_history_raises_the_alarm(office: Office) -> None:
    server = WitnessServer([public_key(office)])
    with running_witness(server) as witness:
        office.evidence = {"witness_url": witness.address, "witness_key": str(witness.key)}
        server.seen[ORIGIN] = Checkpoint(ORIGIN, 1, hashlib.sha256(b"other").digest())
        office.happen(3)
        with pytest.raises(WitnessDisagrees):
            office.open().notary().publish()
    # Published it is all the same: the log is what it is.
    assert bucket(office).numbers(evidence.CHECKPOINTS) == [4]


def test_what_is_forged_in_the_bucket_is_found(office: Office) -> None:
    office.happen(2)
    office.open().notary().publish()
    assert len(list(verify(office.open()))) == 3
    client = bucket(office).client
    client.put_object(Bucket=office.notary.bucket, Key=evidence.checkpoint_key(3), Body=b"forged")
    with pytest.raises(EvidenceAltered):
        list(verify(office.open()))
    # What counts is what was written first: nobody is misled meanwhile.
    assert office.open().notary().proof(1).size == 3


@pytest.fixture
def today(tmp_path: Path, seaweed: StoreSettings, seaweed_notary: StoreSettings) -> Office:
    """An installation on the day of this machine, for processes that have no other clock."""
    return Office(tmp_path / "today", seaweed, seaweed_notary, SetClock(SystemClock().now()))


def test_the_notary_works_without_anything_of_the_data(today: Office, tmp_path: Path) -> None:
    """Only the right to read the ledger, the signing key and the credentials of the evidence bucket."""
    today.happen(3)
    today.open().approve_evidence_store()
    home = home_of_the_notary(today, tmp_path)
    done = publish_elsewhere(today, home, f"sqlite:///file:{today.home / 'ledger.db'}?mode=ro&uri=true")
    assert done.stdout == "Published: 4 entries more, 4 in all.\n"
    assert sorted(str(file.relative_to(home)) for file in home.rglob("*") if file.is_file()) == [
        "notary.vkey",
        "notary/last_checkpoint",
        "notary/lock",
        "secrets/signing.pem",
    ]
    assert today.open().notary().proof(4).size == 4


def test_a_role_that_may_only_read_is_enough_on_postgresql(today: Office, tmp_path: Path, postgres_url: str) -> None:
    today.ledger_url = postgres_url
    today.happen(2)
    today.open().approve_evidence_store()
    role = "reader" + os.urandom(4).hex()
    with psycopg2.connect(postgres_url.replace("+psycopg2", "")) as connection:
        grant = f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
        connection.cursor().execute(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'; {grant}")
    connection.close()
    reader = sa.make_url(postgres_url).set(username=role, password=role).render_as_string(hide_password=False)
    with pytest.raises(LedgerDatabase):
        Ledger(reader, today.clock).append(announced("2026-01"))
    done = publish_elsewhere(today, home_of_the_notary(today, tmp_path), reader)
    assert done.stdout == "Published: 3 entries more, 3 in all.\n"


def home_of_the_notary(office: Office, folder: Path) -> Path:
    """The folder of another account: the signing key and its public half, nothing else."""
    home = folder / "notary-home"
    (home / "secrets").mkdir(parents=True)
    for name in ("notary.vkey", "secrets/signing.pem"):
        shutil.copy(office.home / name, home / name)
    return home


def publish_elsewhere(office: Office, home: Path, ledger_url: str) -> "subprocess.CompletedProcess[str]":
    """``rod ledger publish`` as that account would run it, with nothing else in its environment."""
    environment = {
        "PATH": os.defpath,
        "ROD_HOME": str(home),
        "ROD_LEDGER_URL": ledger_url,
        "ROD_EVIDENCE__ENDPOINT": office.notary.endpoint,
        "ROD_EVIDENCE__BUCKET": office.notary.bucket,
        "ROD_EVIDENCE__ACCESS_KEY": office.notary.access_key.get_secret_value(),
        "ROD_EVIDENCE__SECRET_KEY": office.notary.secret_key.get_secret_value(),
    }
    command = "from rod_pipeline.cli.ledger import app; app(['publish'])"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done
