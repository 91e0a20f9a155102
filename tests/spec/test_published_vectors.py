"""The ledger's proofs against vectors that others published: what they accept we accept, what they refuse we refuse.

The vectors are not part of this project. ``PUBLISHED_VECTORS`` names a folder with checkouts of

| folder | repository | proved with commit | licence |
|---|---|---|---|
| ``merkle`` | transparency-dev/merkle | 417fb0c314750d94e53942e9f92e79b6d35915db | Apache-2.0 |
| ``C2SP`` | C2SP/C2SP | 5ba5ee830903e91240fc6f9f3a7a9293d49e69c9 | BSD-1-Clause |
| ``json-canonicalization`` | cyberphone/json-canonicalization | 19d51d7fe467d4706a3ff08adf8a748f29fc21e0 | Apache-2.0 |
| ``rfc3161-client`` | trailofbits/rfc3161-client | 886f40b23e1abd9c4c621d3f7f95601688522f05 | Apache-2.0 |

Without it these tests are skipped; the same rules are held against the definitions in ``test_merkle_tree``,
``test_ledger_notes``, ``test_ledger_checkpoints``, ``test_ledger_rows`` and ``test_timestamps``.
"""

import json
import os
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.x509 import load_der_x509_certificate

from rod_pipeline.errors import RodError
from rod_pipeline.ledger.checkpoint import Checkpoint
from rod_pipeline.ledger.merkle import ProofRejected, verify_consistency, verify_inclusion
from rod_pipeline.ledger.note import NoteRejected, VerifyingKey, open_note
from rod_pipeline.ledger.timestamp import TimestampRejected, load_certificates, verify_timestamp

FOLDER = Path(os.environ.get("PUBLISHED_VECTORS", "not given"))

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="PUBLISHED_VECTORS names no folder with vectors; test_published_vectors says what"
)


def merkle_cases(kind: str) -> list[dict[str, Any]]:
    return [json.loads(file.read_bytes()) for file in sorted((FOLDER / "merkle/testdata" / kind).rglob("*.json"))]


def raw(text: str | None) -> bytes:
    return b64decode(text or "")


@pytest.mark.parametrize(("kind", "cases", "refusals"), [("inclusion", 98, 92), ("consistency", 98, 92)])
def test_every_merkle_case_ends_as_published(kind: str, cases: int, refusals: int) -> None:
    ended: list[bool] = []
    for case in merkle_cases(kind):
        proof = [raw(step) for step in case["proof"] or []]
        try:
            if kind == "inclusion":
                verify_inclusion(raw(case["leafHash"]), case["leafIdx"], case["treeSize"], proof, raw(case["root"]))
            else:
                roots = raw(case["root1"]), raw(case["root2"])
                verify_consistency(case["size1"], case["size2"], proof, *roots)
            refused = False
        except ProofRejected:
            refused = True
        assert refused == case["wantErr"], case["desc"]
        ended.append(refused)
    assert (len(ended), sum(ended)) == (cases, refusals)


def blocks(page: str) -> list[str]:
    """The indented or fenced examples of a specification."""
    return re.findall(r"^```\n(.*?)^```", (FOLDER / "C2SP" / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_the_signed_note_of_the_specification_is_verified() -> None:
    page = (FOLDER / "C2SP/signed-note.md").read_text("utf-8")
    (vkey,) = re.findall(r"^    (\S+\+[0-9a-f]{8}\+\S+)$", page, re.MULTILINE)
    key = VerifyingKey.parse(vkey)
    assert str(key) == vkey
    example = blocks("signed-note.md")[-1].encode()
    assert open_note(example, [key]).text == "This is an example message.\n"
    for place in range(len(example)):
        with pytest.raises(NoteRejected):
            open_note(example[:place] + bytes([example[place] ^ 1]) + example[place + 1 :], [key])


@pytest.mark.parametrize("page", ["signed-note.md", "tlog-checkpoint.md", "tlog-cosignature.md"])
def test_the_examples_are_well_formed_and_trusted_only_with_their_keys(page: str) -> None:
    """Their public keys are not published: what can be seen is that they are refused for that reason alone."""
    with pytest.raises(NoteRejected, match="none of the keys"):
        open_note(blocks(page)[0].encode(), [])


def test_the_checkpoint_of_the_specification_is_read() -> None:
    text = blocks("tlog-checkpoint.md")[0].rpartition("\n\n")[0] + "\n"
    checkpoint = Checkpoint.parse(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text == text


def test_the_canonical_form_is_that_of_the_reference() -> None:
    folder = FOLDER / "json-canonicalization/testdata"
    names = sorted(file.name for file in (folder / "input").glob("*.json"))
    assert len(names) == 6
    for name in names:
        given = json.loads((folder / "input" / name).read_bytes())
        assert rfc8785.dumps(given) == (folder / "output" / name).read_bytes(), name


TSA = "rfc3161-client/test/fixtures"


@pytest.mark.parametrize(
    ("token", "at"),
    [
        ("test_tsa/response.tsr", "2024-10-08T15:40:32"),
        ("sigstage/response-sha256.tsr", "2025-05-09T11:58:55"),
        ("sigstage/response-sha384.tsr", "2025-05-09T11:58:55"),
        ("sigstage/response-sha512.tsr", "2025-05-09T11:58:56"),
        ("sigstage/response-no-embedded-cert.tsr", "2025-06-18T08:13:02"),
        ("sigstore.mock/response-expired.tsr", "2023-02-01T00:00:00"),
    ],
)
def test_a_good_timestamp_is_accepted(token: str, at: str) -> None:
    """The last one was made by an authority whose certificate has ended since: it held at the time."""
    file = FOLDER / TSA / token
    payload = file.with_name("payload")
    data = payload.read_bytes() if payload.exists() else b"hello"
    found = verify_timestamp(file.read_bytes(), data, load_certificates(file.with_name("ts_chain.pem")))
    assert found.isoformat() == f"{at}+00:00"


def test_a_timestamp_whose_signer_is_not_the_first_certificate_is_accepted() -> None:
    folder = FOLDER / TSA / "identrust"
    root = load_der_x509_certificate((folder / "ts_chain.pem").read_bytes())
    assert verify_timestamp((folder / "issue-104.tsr").read_bytes(), b"hello", [root])


@pytest.mark.parametrize(
    ("token", "chain", "data"),
    [
        ("sigstage/response-invalid-signature.tsr", "sigstage", b"hello"),
        ("test_tsa/response-injected-certs.tsr", "test_tsa", b"hello"),
        ("test_tsa/other_response.tsr", "test_tsa", b"hello"),
        ("test_tsa/response.tsr", "sigstage", b"hello"),
        ("test_tsa/response.tsr", "test_tsa", b"hello!"),
    ],
)
def test_a_bad_timestamp_is_refused(token: str, chain: str, data: bytes) -> None:
    certificates = load_certificates(FOLDER / TSA / chain / "ts_chain.pem")
    with pytest.raises(TimestampRejected) as caught:
        verify_timestamp((FOLDER / TSA / token).read_bytes(), data, certificates)
    assert isinstance(caught.value, RodError)
