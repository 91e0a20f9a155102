"""The Merkle tree of RFC 6962: roots, proofs and their verification, as pure functions.

Belongs here: hashing, proofs, ``Frontier``. Does not belong here: where hashes are kept (``tree``), what a leaf is
(``rows``), who signs a root (``checkpoint``).

Hashing and the shape of proofs are those of RFC 6962 section 2.1; verification follows RFC 9162 sections 2.1.3.2 and
2.1.4.2, with one rule more: nothing is proved about an empty log, so a consistency proof from size 0 is refused (the
published cases of transparency-dev/merkle want that). All hashes are SHA-256, 32 bytes; leaves count from 0.

A *complete* subtree has ``2**level`` leaves, the first of which is a multiple of that; ``(level, index)`` names the one
from leaf ``index * 2**level`` on. It never changes when the log grows, so these are what is worth keeping.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from rod_pipeline.errors import PermanentError

EMPTY = sha256(b"").digest()
HASH_BYTES = 32

Nodes = Callable[[int, int], bytes]
"""The hash of the complete subtree at a level and index."""


class ProofRejected(PermanentError):
    """A proof doesn't show what it should show."""

    code = "ROD-PROOF-01"


class NotInTree(PermanentError):
    """A proof was asked for that no tree can give."""

    code = "ROD-PROOF-02"


@dataclass(frozen=True, slots=True)
class Node:
    """A complete subtree and its hash."""

    level: int
    index: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that is needed to go on growing a tree of ``size`` leaves: its largest complete subtrees, leftmost first."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def grown(self, leaf: bytes) -> tuple["Frontier", list[Node]]:
        """The frontier after the leaf with hash ``leaf``, and the subtrees that it completed, lowest first."""
        peaks, made = list(self.peaks), [Node(0, self.size, leaf)]
        while (node := made[-1]).index % 2:
            made.append(Node(node.level + 1, node.index // 2, node_hash(peaks.pop(), node.hash)))
        return Frontier(self.size + 1, (*peaks, made[-1].hash)), made

    def root(self) -> bytes:
        """The root of the tree."""
        if not self.peaks:
            return EMPTY
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: it never equals that of a node."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def peaks_of(size: int) -> list[tuple[int, int]]:
    """Level and index of the largest complete subtrees of a tree of ``size`` leaves, leftmost first."""
    return [(level, (size >> level) - 1) for level in reversed(range(size.bit_length())) if size >> level & 1]


def frontier_at(size: int, nodes: Nodes) -> Frontier:
    """The frontier of the first ``size`` leaves."""
    return Frontier(size, tuple(nodes(level, index) for level, index in peaks_of(size)))


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """The path from leaf ``index`` to the root of the first ``size`` leaves: RFC 6962, 2.1.1. Raises ``NotInTree``."""
    if not 0 <= index < size:
        raise not_in_tree()
    return _path(index, 0, size, nodes)


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """That the first ``old`` leaves are the beginning of the first ``new``: RFC 6962, 2.1.2. Raises ``NotInTree``."""
    if not 0 < old <= new:
        raise not_in_tree()
    return _subproof(old, 0, new, True, nodes)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """That the leaf with hash ``leaf`` is number ``index`` of the ``size`` leaves under ``root``.

    Raises ``ProofRejected``.
    """
    if not 0 <= index < size or not _are_hashes(leaf, *proof):
        raise _rejected("inclusion")
    node, last, hashed = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise _rejected("inclusion")
        if node & 1 or node == last:
            hashed = node_hash(step, hashed)
            node, last = _without_zeros(node, last)
        else:
            hashed = node_hash(hashed, step)
        node, last = node >> 1, last >> 1
    if last != 0 or hashed != root:
        raise _rejected("inclusion")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """That the ``old`` leaves under ``old_root`` are the first of the ``new`` ones under ``new_root``.

    Raises ``ProofRejected``.
    """
    if not 0 < old <= new or not _are_hashes(*proof):
        raise _rejected("consistency")
    if old == new:
        if proof or old_root != new_root:
            raise _rejected("consistency")
        return
    # A tree whose size is a power of two is a node of the larger one: the proof begins with it, unsaid.
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not steps:
        raise _rejected("consistency")
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    was = now = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise _rejected("consistency")
        if node & 1 or node == last:
            was, now = node_hash(step, was), node_hash(step, now)
            node, last = _without_zeros(node, last)
        else:
            now = node_hash(now, step)
        node, last = node >> 1, last >> 1
    if last != 0 or was != old_root or now != new_root:
        raise _rejected("consistency")


def _path(index: int, start: int, end: int, nodes: Nodes) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _left(end - start)
    if index < middle:
        return [*_path(index, start, middle, nodes), _range(middle, end, nodes)]
    return [*_path(index, middle, end, nodes), _range(start, middle, nodes)]


def _subproof(old: int, start: int, end: int, known: bool, nodes: Nodes) -> list[bytes]:
    """SUBPROOF of RFC 6962; ``known``: the verifier has the hash of the old tree and is not sent it."""
    if old == end:
        return [] if known else [_range(start, end, nodes)]
    middle = start + _left(end - start)
    if old <= middle:
        return [*_subproof(old, start, middle, known, nodes), _range(middle, end, nodes)]
    return [*_subproof(old, middle, end, False, nodes), _range(start, middle, nodes)]


def _range(start: int, end: int, nodes: Nodes) -> bytes:
    """The hash over the leaves from ``start`` to before ``end``, where ``start`` begins a subtree of the tree."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return nodes(level, start >> level)
    middle = start + _left(size)
    return node_hash(_range(start, middle, nodes), _range(middle, end, nodes))


def _left(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1


def _without_zeros(node: int, last: int) -> tuple[int, int]:
    while node and not node & 1:
        node, last = node >> 1, last >> 1
    return node, last


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)


def _rejected(what: str) -> ProofRejected:
    return ProofRejected(
        f"The proof of {what} does not hold.",
        "Don't rely on it: the entry, the proof or the checkpoint was changed, or they don't belong together. Ask for "
        "the original again.",
    )


def not_in_tree() -> NotInTree:
    """The error for an entry or a size that the log doesn't have."""
    return NotInTree(
        "A proof was asked for an entry or a size that the log does not have.",
        "Name an entry and sizes from 1 up to the size of the log, the older one first.",
    )
