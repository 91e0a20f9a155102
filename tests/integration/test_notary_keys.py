"""The signing key: made once, replaced without breaking what it signed, and finished when that is interrupted."""

from pathlib import Path

import pytest

from rod_pipeline.installation import AlreadyThere, make_signing_key, replace_signing_key
from rod_pipeline.ledger.notary import NotOurKey
from rod_pipeline.ledger.note import BadKey, VerifyingKey, open_note
from rod_pipeline.ledger.proof import verify_proof
from rod_pipeline.ledger.published import read_keys
from rod_pipeline.ledger.standing import verify
from tests.support.notary import Office

ORIGIN = "rod-pipeline.local/ledger"


def test_a_key_is_made_once(tmp_path: Path) -> None:
    vkey = make_signing_key(tmp_path, ORIGIN)
    secret = (tmp_path / "secrets" / "signing.pem").read_bytes()
    assert make_signing_key(tmp_path, ORIGIN) == vkey
    (tmp_path / "notary.vkey").unlink()
    assert make_signing_key(tmp_path, ORIGIN) == vkey
    assert (tmp_path / "notary.vkey").read_text() == vkey + "\n"
    assert (tmp_path / "secrets" / "signing.pem").read_bytes() == secret


def test_a_lost_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    make_signing_key(tmp_path, ORIGIN)
    (tmp_path / "secrets" / "signing.pem").unlink()
    with pytest.raises(AlreadyThere):
        make_signing_key(tmp_path, ORIGIN)
    with pytest.raises(BadKey):
        replace_signing_key(tmp_path, ORIGIN)


def test_what_the_old_key_signed_is_verified_after_it_was_replaced(office: Office) -> None:
    office.happen(2)
    office.open().notary().publish()
    (old,) = read_keys(office.home)
    note = replace_signing_key(office.home, ORIGIN)
    new, kept = read_keys(office.home)
    assert (kept, office.open().notary().vkey) == (old, str(new))
    # Whoever trusts the old key learns the new one from it.
    assert VerifyingKey.parse(open_note(note, [old]).text.split("\n")[1]) == new
    office.happen(1)
    system = office.open()
    system.notary().publish()
    for seq, key in ((1, old), (4, new)):
        verify_proof(system.notary().proof(seq).tlog_proof, system.ledger.leaf(seq), [key])
    assert len(list(verify(office.open()))) == 3


def test_a_replacement_that_was_interrupted_is_finished(office: Office) -> None:
    old_secret = (office.home / "secrets" / "signing.pem").read_bytes()
    (old,) = read_keys(office.home)
    replace_signing_key(office.home, ORIGIN)
    new, _ = read_keys(office.home)
    # As it lies there when the process is killed before the last step.
    (office.home / "secrets" / "signing.pem").rename(office.home / "secrets" / "signing.next.pem")
    (office.home / "secrets" / "signing.pem").write_bytes(old_secret)
    (office.home / "secrets" / "signing.pem").chmod(0o600)
    with pytest.raises(NotOurKey):
        office.open().notary().sign("x\n")
    replace_signing_key(office.home, ORIGIN)
    assert read_keys(office.home) == (new, old)
    assert open_note(office.open().notary().sign("x\n"), [new]).text == "x\n"
    assert not (office.home / "secrets" / "signing.next.pem").exists()
