"""Signed notes, cosignatures and their keys (C2SP signed-note and tlog-cosignature)."""

from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rod_pipeline.ledger.note import BadKey, NoteRejected, SigningKey, VerifyingKey, open_note, sign_note
from tests.support.ledger import NOON

KEY = SigningKey.from_bytes("example.org/log", bytes(range(32)))
OTHER = SigningKey.from_bytes("example.org/log", bytes(range(1, 33)))
WITNESS = SigningKey.from_bytes("witness.example/w1", bytes(range(2, 34)))
TEXT = "Een tekst.\n\nMet een lege regel en een é.\n"


def test_what_was_signed_is_read_back_with_the_key_that_signed() -> None:
    note = open_note(sign_note(TEXT, KEY), [OTHER.verifier, KEY.verifier])
    assert note.text == TEXT
    assert [(signature.key, signature.at) for signature in note.signatures] == [(KEY.verifier, None)]


def test_a_witness_says_when_it_saw_the_text() -> None:
    at = NOON + timedelta(seconds=7, microseconds=900_000)
    data = sign_note(TEXT, KEY) + WITNESS.cosign(TEXT, at).encode()
    known = [KEY.verifier, WITNESS.cosigner]
    assert [(s.key, s.at) for s in open_note(data, known).signatures] == [
        (KEY.verifier, None),
        (WITNESS.cosigner, NOON + timedelta(seconds=7)),
    ]


def test_signatures_by_unknown_keys_are_ignored_whatever_they_hold() -> None:
    stranger = f"— example.org/log {b64encode(bytes(4) + b'x' * 3000).decode()}\n".encode()
    data = sign_note(TEXT, KEY) + stranger + OTHER.sign(TEXT).encode() + WITNESS.sign(TEXT).encode()
    assert len(open_note(data, [KEY.verifier]).signatures) == 1


def test_a_note_that_no_known_key_signed_is_refused() -> None:
    for known in ([], [OTHER.verifier], [KEY.cosigner]):
        with pytest.raises(NoteRejected, match="none of the keys"):
            open_note(sign_note(TEXT, KEY), known)


def test_a_false_signature_of_a_known_key_condemns_a_note_that_another_key_signed() -> None:
    false = KEY.sign("Een andere tekst.\n").encode()
    with pytest.raises(NoteRejected, match="does not hold"):
        open_note(sign_note(TEXT, WITNESS) + false, [WITNESS.verifier, KEY.verifier])


def test_a_cosignature_is_bound_to_its_time() -> None:
    line = WITNESS.cosign(TEXT, NOON)
    name, _, encoded = line.removeprefix("— ").strip().partition(" ")
    raw = bytearray(b64decode(encoded))
    raw[11] ^= 1
    with pytest.raises(NoteRejected, match="does not hold"):
        open_note(f"{TEXT}\n— {name} {b64encode(raw).decode()}\n".encode(), [WITNESS.cosigner])


def test_a_key_signs_as_what_it_is_only() -> None:
    plain = f"{TEXT}\n{KEY.sign(TEXT)}"
    cosigned = f"{TEXT}\n{KEY.cosign(TEXT, NOON)}"
    assert KEY.verifier.key_id != KEY.cosigner.key_id
    for note, key in ((plain, KEY.cosigner), (cosigned, KEY.verifier)):
        with pytest.raises(NoteRejected):
            open_note(note.encode(), [key])


def test_every_changed_bit_is_found() -> None:
    data = f"{TEXT}\n{KEY.sign(TEXT)}".encode()
    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            with pytest.raises(NoteRejected):
                open_note(bytes(changed), [KEY.verifier])


LINE = KEY.sign(TEXT)
LAST_SIX_BITS = LINE.strip()[-1]


@pytest.mark.parametrize(
    "malformed",
    {
        "nothing": "",
        "no signature": TEXT,
        "no blank line": TEXT.replace("\n\n", "\n") + LINE,
        "no signature after the blank line": TEXT + "\n",
        "no newline at the end": f"{TEXT}\n{LINE}".rstrip("\n"),
        "a line after the signatures": f"{TEXT}\n{LINE}text\n",
        "a hyphen for the dash": f"{TEXT}\n{LINE}".replace("—", "-"),
        "no space after the dash": f"{TEXT}\n{LINE}".replace("— ", "—"),
        "no name": f"{TEXT}\n{LINE}".replace("example.org/log", ""),
        "a plus in a name": f"{TEXT}\n{LINE}— a+b {'A' * 12}\n",
        "a space in a name": f"{TEXT}\n{LINE}— a\u00a0b {'A' * 12}\n",
        "a signature of four bytes": f"{TEXT}\n{LINE}— other {b64encode(bytes(4)).decode()}\n",
        "no signature behind a name": f"{TEXT}\n{LINE}— other\n",
        "no base64": f"{TEXT}\n{LINE}— other ****\n",
        "base64 without its end": f"{TEXT}\n{LINE}".replace("=", ""),
        "a tab": f"\t{TEXT}\n{LINE}",
        "a carriage return": f"{TEXT}\n{LINE}".replace("\n", "\r\n"),
        "a null": f"{TEXT}\x00\n\n{LINE}",
    }.items(),
    ids=lambda item: item[0],
)
def test_a_malformed_note_is_refused(malformed: tuple[str, str]) -> None:
    with pytest.raises(NoteRejected):
        open_note(malformed[1].encode(), [KEY.verifier])


def test_a_note_that_is_no_utf8_or_too_large_is_refused() -> None:
    note = sign_note(TEXT, KEY)
    crowd = b"".join(SigningKey.generate(f"s{n}").sign(TEXT).encode() for n in range(16))
    assert open_note(note + crowd, [KEY.verifier]), "a note with sixteen more signatures has to be accepted"
    for data in (note.replace(b"\xc3\xa9", b"\xe9"), note + LINE.encode() * 200, b"x" * 2**20 + note):
        with pytest.raises(NoteRejected):
            open_note(data, [KEY.verifier])


def test_only_text_that_can_be_read_back_is_signed() -> None:
    for text in ("", "no newline", "a tab\t\n"):
        with pytest.raises(NoteRejected):
            sign_note(text, KEY)


def test_a_vkey_says_name_key_and_kind_and_is_read_back() -> None:
    for key in (KEY.verifier, KEY.cosigner):
        assert VerifyingKey.parse(str(key)) == key
    assert str(KEY.verifier) != str(KEY.cosigner)
    assert str(KEY.verifier).startswith("example.org/log+")


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.org/log",
        str(KEY.verifier).replace("example.org/log", "example.org/lag"),
        str(KEY.verifier).replace("example.org/log", ""),
        str(KEY.verifier).replace("example.org/log", "example org/log"),
        str(KEY.verifier)[:-1],
        str(KEY.verifier) + "=",
        f"example.org/log+{KEY.verifier.key_id.hex().upper()}+" + str(KEY.verifier).split("+", 2)[2],
        "example.org/log+00000000+" + str(KEY.verifier).split("+", 2)[2],
        "example.org/log+00000000+" + b64encode(b"\x02" + bytes(32)).decode(),
        "example.org/log+00000000+" + b64encode(b"\x01" + bytes(31)).decode(),
    ],
)
def test_a_vkey_with_anything_wrong_in_it_is_refused(vkey: str) -> None:
    with pytest.raises(BadKey):
        VerifyingKey.parse(vkey)


def test_a_signing_key_is_kept_in_a_file_for_its_owner_only(tmp_path: Path) -> None:
    for secret in (KEY.to_bytes(), KEY.to_pem()):
        file = tmp_path / "key"
        file.touch(0o600)
        file.write_bytes(secret)
        assert SigningKey.from_file(KEY.name, file).verifier == KEY.verifier
        file.chmod(0o640)
        with pytest.raises(BadKey, match="others than its owner"):
            SigningKey.from_file(KEY.name, file)
        file.unlink()
    with pytest.raises(BadKey, match="isn't there"):
        SigningKey.from_file(KEY.name, tmp_path / "nowhere")


def test_what_is_no_ed25519_key_is_refused_without_showing_it() -> None:
    for secret in (b"", bytes(31), b"secret" * 9, KEY.to_pem()[:-40]):
        with pytest.raises(BadKey) as caught:
            SigningKey.from_bytes("log", secret)
        assert "secret" not in str(caught.value)
    for name in ("", "a b", "a+b", "a\nb"):
        with pytest.raises(BadKey):
            SigningKey.generate(name)


def test_a_signing_key_shows_nothing_of_its_secret() -> None:
    shown = f"{KEY!r} {KEY} {vars(KEY)}"
    assert KEY.to_bytes().hex() not in shown
    assert repr(KEY.to_bytes()) not in shown
    assert b64encode(KEY.to_bytes()).decode() not in shown


def test_a_time_that_no_calendar_has_is_refused() -> None:
    far = WITNESS.cosign(TEXT, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert open_note(f"{TEXT}\n{far}".encode(), [WITNESS.cosigner])
    raw = bytearray(b64decode(far.split()[-1]))
    raw[4:12] = b"\xff" * 8
    with pytest.raises(NoteRejected):
        open_note(f"{TEXT}\n— {WITNESS.name} {b64encode(raw).decode()}\n".encode(), [WITNESS.cosigner])
