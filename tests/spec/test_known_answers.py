"""Known answers that others published as examples in their standards: short facts, each with its source.

The eight leaves and the roots over the first one to eight of them are those of the reference tests of Certificate
Transparency (RFC 6962), which transparency-dev/merkle's cases are built on. Those cases refuse the same ways of being
wrong that are tried here on every proof; the whole collection is run by ``test_published_vectors``.
The signed note is the example of Go's ``sumdb/note``, on which C2SP's signed-note rests.
"""

from collections.abc import Iterator

import pytest
import rfc8785

from rod_pipeline.ledger.merkle import (
    ProofRejected,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)
from rod_pipeline.ledger.note import NoteRejected, VerifyingKey, open_note

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(root)
    for root in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]


def node(level: int, index: int) -> bytes:
    """The hash of a complete subtree of the eight leaves."""
    if level == 0:
        return leaf_hash(LEAVES[index])
    return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))


def spoilt(proof: list[bytes], root: bytes) -> Iterator[list[bytes]]:
    """The ways in which a proof is made wrong in the published cases."""
    for place in range(len(proof)):
        yield [*proof[:place], bytes([proof[place][0] ^ 0x10]) + proof[place][1:], *proof[place + 1 :]]
        yield [*proof[:place], b"", *proof[place + 1 :]]
    if proof:
        yield []
        yield proof[:-1]
        yield proof[1:]
    yield [*proof, b""]
    yield [*proof, root]
    yield [root, *proof]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_and_inclusion_proofs_of_rfc_6962(size: int) -> None:
    root = ROOTS[size - 1]
    for index in range(size):
        leaf, proof = leaf_hash(LEAVES[index]), inclusion_proof(index, size, node)
        verify_inclusion(leaf, index, size, proof, root)
        for other in spoilt(proof, root):
            with pytest.raises(ProofRejected):
                verify_inclusion(leaf, index, size, other, root)
        for wrong in (index - 1, index + 1, index ^ 2, size, -1):
            if wrong != index:
                with pytest.raises(ProofRejected):
                    verify_inclusion(leaf, wrong, size, proof, root)
        for leaf_, root_ in ((b"", root), (leaf, b""), (leaf, leaf_hash(b"x")), (leaf_hash(b"x"), root)):
            with pytest.raises(ProofRejected):
                verify_inclusion(leaf_, index, size, proof, root_)


def test_the_consistency_proofs_of_rfc_6962() -> None:
    for new in range(1, 9):
        for old in range(1, new + 1):
            proof, roots = consistency_proof(old, new, node), (ROOTS[old - 1], ROOTS[new - 1])
            verify_consistency(old, new, proof, *roots)
            for other in spoilt(proof, roots[1]):
                with pytest.raises(ProofRejected):
                    verify_consistency(old, new, other, *roots)
            for old_, new_ in ((0, new), (new + 1, new), (-1, new), (old, 0)):
                with pytest.raises(ProofRejected):
                    verify_consistency(old_, new_, proof, *roots)
            with pytest.raises(ProofRejected):
                verify_consistency(old, new, proof, leaf_hash(b"x"), roots[1])


def test_the_note_of_gos_sumdb() -> None:
    key = VerifyingKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    note = f"{text}\n— PeterNeumann {signature}\n"
    assert open_note(note.encode(), [key]).text == text
    with pytest.raises(NoteRejected):
        open_note(note.replace("answer", "Answer").encode(), [key])


def test_the_canonical_form_of_rfc_8785() -> None:
    """Section 3.2.2 and 3.2.3: literals, numbers, strings and the order of names, by UTF-16 code units."""
    given = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    assert (
        rfc8785.dumps(given)
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )
    with pytest.raises(rfc8785.CanonicalizationError):
        rfc8785.dumps({"n": 2**53})
