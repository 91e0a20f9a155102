"""The Merkle tree against the definitions of RFC 6962, section 2.1, written down here a second time, word for word."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.ledger.merkle import (
    EMPTY,
    Frontier,
    NotInTree,
    ProofRejected,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from tests.support.soak import examples

LEAVES = st.lists(st.binary(max_size=40), min_size=1, max_size=70)
# Of equal neighbours the proof of one is rightly that of the other too.
DISTINCT = st.lists(st.binary(max_size=40), min_size=1, max_size=70, unique=True)


def mth(d: list[bytes]) -> bytes:
    """MTH(D[n])."""
    if not d:
        return sha256(b"").digest()
    if len(d) == 1:
        return sha256(b"\x00" + d[0]).digest()
    k = largest_power_below(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: list[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(d) == 1:
        return []
    k = largest_power_below(len(d))
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: list[bytes], b: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b)."""
    if m == len(d):
        return [] if b else [mth(d)]
    k = largest_power_below(len(d))
    if m <= k:
        return [*subproof(m, d[:k], b), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


def largest_power_below(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


class Tree:
    """A tree that was grown leaf by leaf, with every complete subtree kept."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.kept: dict[tuple[int, int], bytes] = {}
        self.frontier = Frontier()
        for leaf in leaves:
            self.frontier, made = self.frontier.grown(leaf_hash(leaf))
            self.kept.update({(node.level, node.index): node.hash for node in made})

    def nodes(self, level: int, index: int) -> bytes:
        return self.kept[level, index]


@examples(40, soak=1000)
@given(LEAVES)
def test_a_tree_grown_leaf_by_leaf_has_the_root_of_the_definition_and_every_complete_subtree(
    leaves: list[bytes],
) -> None:
    tree = Tree(leaves)
    assert tree.frontier.root() == mth(leaves)
    expected = {
        (level, index): mth(leaves[index << level : (index + 1) << level])
        for level in range(7)
        for index in range(len(leaves) >> level)
    }
    assert tree.kept == expected
    for size in range(len(leaves) + 1):
        assert frontier_at(size, tree.nodes).root() == mth(leaves[:size])


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY == mth([])


def test_a_leaf_never_hashes_like_a_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != mth([b"a", b"b"])


@given(LEAVES, st.data())
def test_inclusion_proofs_are_those_of_the_definition_and_hold(leaves: list[bytes], data: st.DataObject) -> None:
    tree = Tree(leaves)
    size = data.draw(st.integers(1, len(leaves)))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, tree.nodes)
    assert proof == path(index, leaves[:size])
    verify_inclusion(leaf_hash(leaves[index]), index, size, proof, mth(leaves[:size]))


@given(LEAVES, st.data())
def test_consistency_proofs_are_those_of_the_definition_and_hold(leaves: list[bytes], data: st.DataObject) -> None:
    tree = Tree(leaves)
    new = data.draw(st.integers(1, len(leaves)))
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(old, new, tree.nodes)
    assert proof == subproof(old, leaves[:new], True)
    verify_consistency(old, new, proof, mth(leaves[:old]), mth(leaves[:new]))


def spoiled(proof: list[bytes], data: st.DataObject) -> list[bytes]:
    """``proof`` with one thing wrong in it."""
    place = data.draw(st.integers(0, len(proof)))
    ways = ["insert", "append a root", "short hash"]
    if place < len(proof):
        ways += ["flip", "drop", "double", "long hash"]
        if len(set(proof)) > 1:
            ways.append("reverse")
    way = data.draw(st.sampled_from(ways))
    before, this, after = proof[:place], proof[place : place + 1], proof[place + 1 :]
    match way:
        case "insert":
            return [*before, data.draw(st.sampled_from([EMPTY, b"", bytes(32)])), *this, *after]
        case "append a root":
            return [*proof, EMPTY]
        case "short hash":
            return [*proof[:-1], proof[-1][:-1]] if proof else [bytes(31)]
        case "flip":
            return [*before, flipped(this[0], data.draw(st.integers(0, 255))), *after]
        case "drop":
            return [*before, *after]
        case "double":
            return [*before, *this, *this, *after]
        case "long hash":
            return [*before, this[0] + b"\x00", *after]
        case _:
            return proof[::-1] if proof[::-1] != proof else [*proof, EMPTY]


def flipped(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@examples(40, soak=2000)
@given(DISTINCT, st.data())
def test_an_inclusion_proof_with_anything_wrong_in_it_is_refused(leaves: list[bytes], data: st.DataObject) -> None:
    size = len(leaves)
    index = data.draw(st.integers(0, size - 1))
    leaf, root, proof = leaf_hash(leaves[index]), mth(leaves), path(index, leaves)
    bit = data.draw(st.integers(0, 255))
    claims = [
        (flipped(leaf, bit), index, size, proof, root),
        (leaf, index, size, proof, flipped(root, bit)),
        (leaf, index, size, proof, EMPTY),
        (leaf, index, size, proof, b""),
        (leaf, index, size, spoiled(proof, data), root),
        (leaf, data.draw(st.integers(-3, 3 * size).filter(lambda other: other != index)), size, proof, root),
        (leaf, index, 0, proof, root),
        (leaf, index, index, proof, root),
        (leaf, index, 2 * size, proof, root),
        (leaf, index + size, 2 * size, proof, root),
        (leaf[:-1], index, size, proof, root),
    ]
    for claim in claims:
        with pytest.raises(ProofRejected):
            verify_inclusion(*claim)


@examples(40, soak=2000)
@given(DISTINCT, st.data())
def test_a_consistency_proof_with_anything_wrong_in_it_is_refused(leaves: list[bytes], data: st.DataObject) -> None:
    new = len(leaves)
    old = data.draw(st.integers(1, new))
    old_root, root, proof = mth(leaves[:old]), mth(leaves), subproof(old, leaves, True)
    bit = data.draw(st.integers(0, 255))
    claims = [
        (old, new, proof, flipped(old_root, bit), root),
        (old, new, proof, old_root, flipped(root, bit)),
        (old, new, spoiled(proof, data), old_root, root),
        (0, new, proof, EMPTY, root),
        (0, new, [], EMPTY, root),
        (0, 0, [], EMPTY, EMPTY),
        (-1, new, proof, old_root, root),
        (new + 1, new, proof, old_root, root),
        (old, 0, proof, old_root, root),
        (old, 2 * new, proof, old_root, root),
    ]
    if old < new:
        claims += [(old, new, proof, root, old_root), (new, new, proof, root, root), (old, new, [], old_root, root)]
    for claim in claims:
        with pytest.raises(ProofRejected):
            verify_consistency(*claim)


@given(LEAVES, st.data())
def test_another_history_of_the_same_length_is_refused(leaves: list[bytes], data: st.DataObject) -> None:
    old = data.draw(st.integers(1, len(leaves)))
    changed = list(leaves)
    changed[data.draw(st.integers(0, old - 1))] += b"!"
    with pytest.raises(ProofRejected):
        verify_consistency(old, len(leaves), subproof(old, changed, True), mth(leaves[:old]), mth(changed))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (5, 3)])
def test_no_proof_is_made_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(NotInTree):
        inclusion_proof(index, size, Tree([b"a", b"b", b"c"]).nodes)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 3), (3, 2), (-1, 3)])
def test_no_consistency_is_proved_from_nothing_or_backwards(old: int, new: int) -> None:
    with pytest.raises(NotInTree):
        consistency_proof(old, new, Tree([b"a", b"b", b"c"]).nodes)
