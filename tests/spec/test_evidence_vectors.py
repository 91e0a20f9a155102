"""The one-file verifier against vectors that others published; ``test_published_vectors`` says which and where from.

It doesn't share a line with the ledger's own proofs, so both are held against them.
"""

import os
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from rod_pipeline.retention.evidence.verifieer import Key, Wrong, grown, opened, root_of, stamp
from tests.spec.test_published_vectors import blocks, merkle_cases

FOLDER = Path(os.environ.get("PUBLISHED_VECTORS", "not given"))
TSA = FOLDER / "rfc3161-client/test/fixtures"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="PUBLISHED_VECTORS names no folder with vectors; test_published_vectors says what"
)


def raw(text: str | None) -> bytes:
    return b64decode(text or "")


def refuses(kind: str, case: dict[str, Any]) -> bool:
    proof = [raw(step) for step in case["proof"] or []]
    try:
        if kind == "inclusion":
            return root_of(raw(case["leafHash"]), case["leafIdx"], case["treeSize"], proof) != raw(case["root"])
        grown(case["size1"], raw(case["root1"]), case["size2"], raw(case["root2"]), proof)
    except Wrong:
        return True
    return False


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_every_merkle_case_ends_as_published(kind: str) -> None:
    cases = merkle_cases(kind)
    assert len(cases) == 98
    for case in cases:
        assert refuses(kind, case) == case["wantErr"], case["desc"]


def test_the_signed_note_of_the_specification_is_verified() -> None:
    page = (FOLDER / "C2SP/signed-note.md").read_text("utf-8")
    (vkey,) = re.findall(r"^    (\S+\+[0-9a-f]{8}\+\S+)$", page, re.MULTILINE)
    example = blocks("signed-note.md")[-1].encode()
    assert opened(example, [Key(vkey)]) == ("This is an example message.\n", None)
    for place in range(len(example)):
        with pytest.raises(Wrong):
            opened(example[:place] + bytes([example[place] ^ 1]) + example[place + 1 :], [Key(vkey)])


def certificates(file: Path) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
    found = x509.load_pem_x509_certificates(file.read_bytes())
    return [one for one in found if one.issuer == one.subject], [one for one in found if one.issuer != one.subject]


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
    file = TSA / token
    payload = file.with_name("payload")
    data = payload.read_bytes() if payload.exists() else b"hello"
    roots, between = certificates(file.with_name("ts_chain.pem"))
    assert stamp(file.read_bytes(), data, between, roots).isoformat() == f"{at}+00:00"


def test_a_timestamp_whose_signer_is_not_the_first_certificate_is_accepted() -> None:
    root = x509.load_der_x509_certificate((TSA / "identrust/ts_chain.pem").read_bytes())
    assert stamp((TSA / "identrust/issue-104.tsr").read_bytes(), b"hello", [], [root])


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
    roots, between = certificates(TSA / chain / "ts_chain.pem")
    with pytest.raises(Wrong):
        stamp((TSA / token).read_bytes(), data, between, roots)
