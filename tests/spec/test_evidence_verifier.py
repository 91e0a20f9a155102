"""What the verifier believes, and above all what it doesn't: hostile, foreign, damaged and simulated bundles.

The formats are those of C2SP (signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof) and PKWARE's zip.
"""

import io
import json
import random
import re
import struct
import zipfile
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from rod_pipeline.audit import controleer
from rod_pipeline.ledger.checkpoint import Checkpoint, sign_checkpoint
from rod_pipeline.ledger.erasure import PlaceLeft
from rod_pipeline.ledger.merkle import leaf_hash
from rod_pipeline.ledger.note import SigningKey, sign_note, to_base64
from rod_pipeline.ledger.proof import write_proof
from rod_pipeline.retention.evidence import Evidence, attest, find, verifieer
from rod_pipeline.retention.evidence.bundle import make_bundle
from rod_pipeline.retention.evidence.verifieer import CONTENTS, NEEDED, OPTIONAL, zipped
from rod_pipeline.system import System
from tests.support.evidence import (
    Installation,
    at_the_end_of_the_term,
    bundled,
    counted,
    erased,
    members,
    proved,
    repacked,
    signing_key,
)
from tests.support.ledger import SetClock, announced

Checked = Callable[..., tuple[int, str]]
Bundle = tuple[bytes, str]
ORIGIN = "bewijs.rod.example/grootboek"


def purged(folder: Path, origin: str = ORIGIN, **how: object) -> tuple[Installation, Evidence]:
    installation = Installation(folder, SetClock(), origin)
    at_the_end_of_the_term(installation)
    plan = erased(installation, ["2025-12"], **how)  # type: ignore[arg-type]
    attest(cast(System, installation), plan.purge_id)
    return installation, find(cast(System, installation), plan.purge_id)


def test_a_bundle_as_it_was_made_holds(evidence_bundle: Bundle, checked: Checked) -> None:
    code, said = checked(*evidence_bundle)
    assert code == 0, said
    assert "HET BEWIJS KLOPT:" in said and "VOLLEDIG" in said
    assert said.count("✓") == 6 and "✗" not in said
    assert "tijdstempel: uitstaand" in said and "getuigen: niet gecontroleerd" in said


def test_the_key_may_come_from_a_file(evidence_bundle: Bundle, checked: Checked, tmp_path: Path) -> None:
    bundle, vkey = evidence_bundle
    (tmp_path / "sleutel.txt").write_text(f"\ufeff{vkey}\r\n", encoding="utf-8")
    assert checked(bundle, str(tmp_path / "sleutel.txt"))[0] == 0


def test_any_unzip_can_open_a_bundle(evidence_bundle: Bundle) -> None:
    files = members(evidence_bundle[0])
    assert set(files) == NEEDED | {"tijdstempel-uitstaand.txt"}
    assert set(files) <= NEEDED | OPTIONAL
    with zipfile.ZipFile(io.BytesIO(evidence_bundle[0])) as archive:
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


def test_one_changed_bit_in_any_kind_of_byte_is_found(evidence_bundle: Bundle, checked: Checked) -> None:
    """Every byte of every header and of the directory, and a sample of every file: first, last, and some between."""
    bundle, vkey = evidence_bundle
    chance = random.Random(20251117)
    places: set[int] = set()
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        start = archive.start_dir
        for entry in archive.infolist():
            data = entry.header_offset + 30 + len(entry.filename)
            places |= {*range(entry.header_offset, data), data, data + entry.file_size - 1}
            places |= {chance.randrange(data, data + entry.file_size) for _ in range(5)}
    places |= set(range(start, len(bundle)))
    for place in sorted(places):
        changed = bytearray(bundle)
        changed[place] ^= 1 << chance.randrange(8)
        code, said = checked(bytes(changed), vkey)
        assert code == 1, f"byte {place}: {said}"
        assert "HET BEWIJS KLOPT NIET" in said and "Uitkomst" not in said, said


@pytest.mark.parametrize("added", ["— iemand AAAAAAAA\n", "Dit bewijs is ingetrokken.\n"])
def test_nothing_can_be_added_below_the_signature_of_the_contents(
    evidence_bundle: Bundle, checked: Checked, added: str
) -> None:
    """A signed note may have other signatures, which a reader passes over; the contents of a bundle may not."""
    bundle, vkey = evidence_bundle
    files = members(bundle)
    files[CONTENTS] += added.encode()
    code, said = checked(repacked(files), vkey)
    assert code == 1 and "aangevuld of verplaatst" in said, said


def test_the_contents_stand_where_they_were_put(evidence_bundle: Bundle, checked: Checked) -> None:
    bundle, vkey = evidence_bundle
    files = members(bundle)
    first = {CONTENTS: files.pop(CONTENTS), **files}
    code, said = checked(zipped(list(first.items())), vkey)
    assert code == 1 and "aangevuld of verplaatst" in said, said


@pytest.mark.parametrize("name", sorted(NEEDED - {CONTENTS, "sleutel.vkey"}))
def test_a_changed_file_is_found_though_the_zip_is_made_anew(
    evidence_bundle: Bundle, checked: Checked, name: str
) -> None:
    bundle, vkey = evidence_bundle
    files = members(bundle)
    files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])
    code, said = checked(repacked(files), vkey)
    assert code == 1 and "een bestand is niet dat uit de inhoudsopgave" in said


def test_what_another_key_signed_is_worth_nothing(evidence_bundle: Bundle, checked: Checked) -> None:
    bundle, vkey = evidence_bundle
    forger = signing_key(ORIGIN, seed=9)
    files = members(bundle)
    files["sleutel.vkey"] = f"{forger.verifier}\n".encode()
    forged = repacked(files, forger)
    code, said = checked(forged, vkey)
    assert code == 1 and "dezelfde naam maar een andere sleutel" in said
    # The key in the bundle is never believed; only who trusts the forger's key sees its signature.
    code, said = checked(forged, str(forger.verifier))
    assert code == 1 and "✓ de inhoudsopgave" in said and "✗ het logboek tekende het controlepunt" in said


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("record.json", (b'"VOLLEDIG"', b'"TE_LAAT"'), "van een andere verklaring"),
        ("boeking.json", (b'"VOLLEDIG"', b'"TE_LAAT"'), "spreken elkaar tegen"),
        ("boeking.json", (b'"attested"', b'"drained"'), "van een andere verklaring"),
        ("boeking.json", (b'"serial":1', b'"serial":2'), "spreken elkaar tegen"),
        ("boeking.json", (b'"seq":72', b'"seq":71'), "staat niet op die plaats"),
        ("boeking.json", (b'"seq":72', b'"seq": 72'), "niet zoals zij zijn gemaakt"),
        ("boeking.tlog-proof", (b"index 71", b"index 70"), "staat niet op die plaats"),
        ("boeking.tlog-proof", (b"index 71", b"index 7100"), "buiten het logboek"),
        ("boeking.tlog-proof", (b"@v1", b"@v2"), "misvormd"),
    ],
)
def test_even_the_notary_cannot_put_together_what_does_not_belong(
    evidence_bundle: Bundle, checked: Checked, name: str, change: tuple[bytes, bytes], why: str
) -> None:
    """The contents are signed anew with the true key; record, entry, proof and checkpoint still bear each other out."""
    bundle, vkey = evidence_bundle
    files = members(bundle)
    assert files[name].count(change[0]) >= 1
    files[name] = files[name].replace(*change)
    code, said = checked(repacked(files, signing_key(ORIGIN)), vkey)
    assert code == 1 and why in said, said
    assert "Uitkomst" not in said


def test_a_record_of_another_purge_does_not_fit_the_entry(
    evidence_bundle: Bundle, checked: Checked, tmp_path: Path
) -> None:
    bundle, vkey = evidence_bundle
    _, other = purged(tmp_path, purge_id="e" * 16)
    files = members(bundle)
    files["record.json"] = other.record.canonical()
    code, said = checked(repacked(files, signing_key(ORIGIN)), vkey)
    assert code == 1 and "van een andere verklaring" in said


def test_a_simulation_is_refused_under_the_key_of_the_real_log_and_the_other_way_round(
    evidence_bundle: Bundle, checked: Checked, tmp_path: Path
) -> None:
    bundle, vkey = evidence_bundle
    (tmp_path / "simulatie").mkdir()
    installation, evidence = purged(tmp_path / "simulatie", "bewijs.rod.example/simulatie/grootboek")
    simulated, simulated_vkey = bundled_of(installation, evidence)
    code, said = checked(simulated, vkey)
    assert code == 1 and "dit is een SIMULATIE" in said
    code, said = checked(bundle, simulated_vkey)
    assert code == 1 and "sleutel is die van een SIMULATIE" in said
    code, said = checked(simulated, simulated_vkey)
    assert code == 0 and "LET OP: dit is een SIMULATIE" in said


def test_a_simulated_record_in_the_real_log_is_refused(checked: Checked, tmp_path: Path) -> None:
    """Whoever attests a simulation in the real log is found out by the record itself."""
    installation, _ = purged(tmp_path, "bewijs.rod.example/simulatie/grootboek")
    key = signing_key(ORIGIN)
    evidence = find(cast(System, installation), "f" * 16)
    proof = proved(installation, evidence.entry.seq, key)
    bundle = make_bundle(evidence, installation.decree, proof, [key.verifier], lambda text: sign_note(text, key))
    code, said = checked(bundle, str(key.verifier))
    assert code == 1 and "✗ de verklaring hoort bij dit logboek: dit is een SIMULATIE" in said


def bundled_of(installation: Installation, evidence: Evidence) -> Bundle:
    state = installation.ledger.state()
    return bundled(installation, state.purges[evidence.record.purge_id].plan)


def test_an_incomplete_erasure_is_told_as_such(checked: Checked, tmp_path: Path) -> None:
    until = datetime(2033, 1, 20, tzinfo=UTC)
    left = {
        ("2025-12", "backups"): PlaceLeft(place="backups", counts=counted(backups=2), until=until),
        ("2025-12", "processor"): PlaceLeft(place="processor", counts=counted(declarations=1)),
    }
    code, said = checked(*bundled_of(*purged(tmp_path, left=left)))
    assert code == 0
    assert "Uitkomst volgens verklaring ffffffffffffffff-1: ONVOLLEDIG" in said
    assert "Reservekopieën: 2 reservekopieën, tot 2033-01-20" in said
    assert "Verwerker: 1 ontbrekende verklaring van wissing, zonder bekende einddatum" in said


def test_a_witness_counts_when_it_signed_this_checkpoint(tmp_path: Path, checked: Checked) -> None:
    installation, evidence = purged(tmp_path)
    key, witness = signing_key(ORIGIN), signing_key("getuige.example/w1", seed=5)
    head = installation.ledger.tree_head()
    text = Checkpoint(ORIGIN, head.size, head.root).text
    at = datetime(2032, 12, 15, 8, tzinfo=UTC)
    other = Checkpoint(ORIGIN, head.size, bytes(32)).text

    def bundle_with(*lines: str) -> bytes:
        proof = proved(installation, evidence.entry.seq, key, *lines)
        return make_bundle(evidence, installation.decree, proof, [key.verifier], lambda said: sign_note(said, key))

    vkey, known = str(key.verifier), str(witness.cosigner)
    code, said = checked(bundle_with(witness.cosign(text, at)), vkey, "--getuige", known)
    assert "Getuige getuige.example/w1, vingerafdruk:" in said
    assert code == 0 and "getuige.example/w1 zag dit controlepunt op 15-12-2032 08:00:00 UTC" in said
    code, said = checked(bundle_with(), vkey, "--getuige", known)
    assert code == 1 and "✗ getuigen" in said
    code, said = checked(bundle_with(witness.cosign(other, at)), vkey, "--getuige", known)
    assert code == 1 and "de handtekening van getuige.example/w1 klopt niet" in said


def test_a_newer_checkpoint_has_to_go_on_from_this_one(tmp_path: Path, checked: Checked) -> None:
    installation, evidence = purged(tmp_path)
    key = signing_key(ORIGIN)
    bundle, vkey = bundled_of(installation, evidence)
    old = installation.ledger.tree_head()
    installation.ledger.append(*(announced(key) for key in ("2026-08", "2026-12", "2027-08")))
    new = installation.ledger.tree_head()
    newer, proof = tmp_path / "nieuwer.note", tmp_path / "consistentie.txt"
    steps = installation.ledger.consistency(old.size, new.size)
    proof.write_text("".join(f"{to_base64(step)}\n" for step in steps))
    newer.write_bytes(sign_checkpoint(Checkpoint(ORIGIN, new.size, new.root), key))
    more = ("--nieuwer", str(newer), "--consistentie", str(proof))
    code, said = checked(bundle, vkey, *more)
    assert code == 0 and f"het logboek groeide tot {new.size} boekingen" in said
    newer.write_bytes(sign_checkpoint(Checkpoint(ORIGIN, new.size, bytes(32)), key))
    code, said = checked(bundle, vkey, *more)
    assert code == 1 and "geen voortzetting" in said
    assert checked(bundle, vkey, "--nieuwer", str(newer))[0] == 2


def test_a_key_that_was_changed_meanwhile_goes_with_the_old_one(tmp_path: Path, checked: Checked) -> None:
    """The old key signed the checkpoint, the new one the contents: both have to be known."""
    installation, evidence = purged(tmp_path)
    old, new = signing_key(ORIGIN), signing_key(ORIGIN, seed=8)
    proof = proved(installation, evidence.entry.seq, old)
    keys = [new.verifier, old.verifier]
    bundle = make_bundle(evidence, installation.decree, proof, keys, lambda text: sign_note(text, new))
    file = tmp_path / "sleutels.txt"
    file.write_text(f"{new.verifier}\n{old.verifier}\n")
    assert checked(bundle, str(file))[0] == 0
    for alone in keys:
        assert checked(bundle, str(alone))[0] == 1


def hostile() -> dict[str, tuple[bytes, str]]:
    def made(**how: object) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", **how) as archive:  # type: ignore[call-overload]
            archive.writestr("LEESMIJ.txt", b"0" * (1 << 20))
        return out.getvalue()

    full = [(name, b"x") for name in sorted(NEEDED)]
    big = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 0x21, 0, 2**32 - 1, 2**32 - 1, 11, 0) + b"LEESMIJ.txt"
    return {
        "nothing": (b"", "geen zip"),
        "text": (b"geen zip maar tekst", "geen zip"),
        "an empty zip": (b"PK\x05\x06" + bytes(18), "geen zip"),
        "compressed, a bomb": (made(compression=zipfile.ZIP_DEFLATED), "opnieuw ingepakt"),
        "a foreign zip": (made(), "ontbreekt een bestand"),
        "a path that leads out": (zipped([("../../etc/passwd", b"x"), *full]), "niet in hoort"),
        "an absolute path": (zipped([("/tmp/x", b"x"), *full]), "niet in hoort"),
        "a name with an escape": (zipped([("\x1b[2Jx", b"x"), *full]), "niet in hoort"),
        "the same name twice": (zipped([*full, ("record.json", b"y")]), "twee keer"),
        "something before": (b"#!/bin/sh\n" + zipped(full), "geen zip"),
        "something after": (zipped(full) + b"\n", "byte voor byte"),
        "a size that is not there": (big + b"x" * 100, "afgekapt"),
        "a header cut short": (zipped(full)[:20], "afgekapt"),
        "files without sense": (zipped(full), "misvormd"),
        "larger than any bundle": (b"PK\x03\x04" + bytes(64 * 2**20), "groter dan"),
    }


@pytest.mark.parametrize("case", sorted(hostile()))
def test_a_hostile_file_is_refused_in_words(evidence_bundle: Bundle, checked: Checked, case: str) -> None:
    bundle, why = hostile()[case]
    code, said = checked(bundle, evidence_bundle[1])
    assert code == 1 and why in said, said
    assert "\x1b" not in said and "Traceback" not in said


def test_a_bundle_cut_short_anywhere_is_refused(evidence_bundle: Bundle, checked: Checked) -> None:
    bundle, vkey = evidence_bundle
    chance = random.Random(7)
    for length in [0, 1, 3, 29, len(bundle) - 1, len(bundle) - 22, *(chance.randrange(len(bundle)) for _ in range(40))]:
        code, said = checked(bundle[:length], vkey)
        assert code == 1 and ("afgekapt" in said or "geen zip" in said), said


@pytest.mark.parametrize(
    "inner",
    [
        b"[" * 100_000,
        b'{"outcome":' + b"9" * 10_000 + b"}",
        b"null",
        b"\xff\xfe",
        b'{"a":1,"a":1}',
        b'{"a":NaN}',
        b"{}",
    ],
)
def test_hostile_json_under_a_good_signature_is_refused(
    evidence_bundle: Bundle, checked: Checked, inner: bytes
) -> None:
    bundle, vkey = evidence_bundle
    for name in ("record.json", "boeking.json"):
        files = members(bundle)
        files[name] = inner
        code, said = checked(repacked(files, signing_key(ORIGIN)), vkey)
        assert code == 1 and "Traceback" not in said


@pytest.mark.parametrize("key", ["x", "a+b+c", "naam+00000000+AAAA", "/nergens/sleutel.txt"])
def test_without_a_usable_key_nothing_is_checked(evidence_bundle: Bundle, checked: Checked, key: str) -> None:
    code, said = checked(evidence_bundle[0], key)
    assert code == 2 and "Er kon niet worden gecontroleerd" in said and "✓" not in said


def test_the_contents_note_is_no_checkpoint(evidence_bundle: Bundle, checked: Checked) -> None:
    """The same key signs both, so neither may pass for the other."""
    bundle, vkey = evidence_bundle
    files = members(bundle)
    files["controlepunt.note"] = files[CONTENTS]
    code, said = checked(repacked(files, signing_key(ORIGIN)), vkey)
    assert code == 1 and "✗ het logboek tekende het controlepunt" in said
    files = members(bundle)
    files[CONTENTS] = files["controlepunt.note"]
    code, said = checked(repacked(files), vkey)
    assert code == 1 and "✗ de inhoudsopgave" in said


def test_the_proof_has_to_lead_to_the_checkpoint_beside_it(
    evidence_bundle: Bundle, checked: Checked, tmp_path: Path
) -> None:
    bundle, vkey = evidence_bundle
    installation, evidence = purged(tmp_path)
    installation.ledger.append(announced("2026-08"))
    head = installation.ledger.tree_head()
    note = sign_checkpoint(Checkpoint(ORIGIN, head.size, head.root), signing_key(ORIGIN))
    files = members(bundle)
    path = installation.ledger.inclusion(evidence.entry.seq, head.size)
    files["boeking.tlog-proof"] = write_proof(evidence.entry.seq - 1, path, note)
    code, said = checked(repacked(files, signing_key(ORIGIN)), vkey)
    assert code == 1 and "hoort bij een ander controlepunt" in said


def test_an_entry_that_stands_elsewhere_than_it_says_is_refused(evidence_bundle: Bundle, checked: Checked) -> None:
    """A log that holds the entry alone, first, though it says that it is another one: a second history."""
    bundle, vkey = evidence_bundle
    files = members(bundle)
    root = leaf_hash(files["boeking.json"])
    files["controlepunt.note"] = sign_checkpoint(Checkpoint(ORIGIN, 1, root), signing_key(ORIGIN))
    files["boeking.tlog-proof"] = write_proof(0, [], files["controlepunt.note"])
    code, said = checked(repacked(files, signing_key(ORIGIN)), vkey)
    assert code == 1 and "staat niet op die plaats" in said


@pytest.mark.parametrize("name", [CONTENTS, "controlepunt.note"])
def test_not_even_an_idle_bit_of_a_signature_can_change(evidence_bundle: Bundle, checked: Checked, name: str) -> None:
    """The last character of base64 with padding has bits that mean nothing; another one there reads the same."""
    bundle, vkey = evidence_bundle
    files = members(bundle)
    assert files[name].endswith(b"=\n")
    last = files[name][-3:-2]
    other = next(
        char
        for char in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        if bytes([char]) != last and b64decode(b"AA" + bytes([char]) + b"=") == b64decode(b"AA" + last + b"=")
    )
    files[name] = files[name][:-3] + bytes([other]) + files[name][-2:]
    code, said = checked(repacked(files, None if name == CONTENTS else signing_key(ORIGIN)), vkey)
    assert code == 1 and "base64 in die niet is zoals zij is gemaakt" in said


def test_a_checkpoint_that_speaks_of_another_log_is_refused(evidence_bundle: Bundle, checked: Checked) -> None:
    bundle, vkey = evidence_bundle
    files = members(bundle)
    text = files["controlepunt.note"].decode().rpartition("\n\n")[0] + "\n"
    files["controlepunt.note"] = sign_note(text.replace(ORIGIN, "elders.example/log"), signing_key(ORIGIN))
    code, said = checked(repacked(files, signing_key(ORIGIN)), vkey)
    assert code == 1 and "van een ander logboek" in said


def test_a_plain_signature_is_no_cosignature(evidence_bundle: Bundle, checked: Checked) -> None:
    bundle, vkey = evidence_bundle
    key: SigningKey = signing_key(ORIGIN)
    code, _ = checked(bundle, vkey, "--getuige", str(key.cosigner))
    assert code == 1


def test_what_the_verifier_shows_is_what_the_record_says(evidence_bundle: Bundle, checked: Checked) -> None:
    bundle, vkey = evidence_bundle
    record = json.loads(members(bundle)["record.json"])
    said = checked(bundle, vkey)[1]
    assert record["record_id"] in said
    for delivery in record["deliveries"]:
        assert delivery["key"] in said and delivery["deadline"][:10] in said


def test_what_the_bundle_holds_of_a_proof_is_what_the_notary_gave(tmp_path: Path) -> None:
    installation, evidence = purged(tmp_path)
    key = signing_key(ORIGIN)
    proof = replace(proved(installation, evidence.entry.seq, key), timestamp=b"stamp")
    bundle = make_bundle(evidence, installation.decree, proof, [key.verifier], lambda text: sign_note(text, key), b"ch")
    files = members(bundle)
    assert files["tijdstempel.tsr"] == b"stamp" and files["tijdstempel-keten.pem"] == b"ch"
    assert files["controlepunt.note"] == proof.checkpoint and files["boeking.tlog-proof"] == proof.tlog_proof
    assert "tijdstempel-uitstaand.txt" not in files


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "dit ontbreekt: bundel, --sleutel"),
        (["b.zip"], "dit ontbreekt: --sleutel"),
        (["b.zip", "--sleutel"], "bij --sleutel hoort een waarde"),
        (["b.zip", "--sleutel", "k", "--sleutle", "k"], "dit is onbekend: --sleutle k"),
    ],
    ids=["nothing", "no key", "no value", "unknown"],
)
def test_a_command_that_is_wrong_is_told_in_dutch(
    given: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        verifieer.main(given)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("gebruik: ") and f"Er kon niet worden gecontroleerd: {why} (" in said
    assert not re.search(r"usage|error|argument|required|expected", said)


@pytest.mark.parametrize("program", [verifieer, controleer], ids=["verifieer", "controleer"])
def test_the_explanation_is_dutch_too(program: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and "toont deze uitleg" in said and "--sleutel" in said
    assert not re.search(r"usage|options|arguments|show this", said)
