"""The Merkle tree of the ledger: where its hashes are kept, and the proofs that are read from them.

Belongs here: the table of complete subtrees, filling it, proofs that agree with the log. Does not belong here: the
arithmetic (``merkle``), the leaves (``rows``), transactions and replay (``log``).

The table ``ledger_nodes`` holds ``level, idx, hash`` of every complete subtree (RFC 6962), two rows per entry in the
long run, written in the transaction that appends the entry. It serves to answer quickly and is no source: whoever
replays the log knows the true root, and a proof that doesn't lead there isn't given out.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import sqlalchemy as sa

from rod_pipeline.ledger.database import NODES
from rod_pipeline.ledger.merkle import (
    HASH_BYTES,
    Frontier,
    Node,
    Nodes,
    ProofRejected,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from rod_pipeline.ledger.rows import LedgerCorrupt, corrupt

T = TypeVar("T")


class TreeHead(NamedTuple):
    """How many entries the log has, and the root hash over them."""

    size: int
    root: bytes


def stored_size(connection: sa.Connection) -> int:
    """For how many entries hashes are stored."""
    last = connection.scalar(sa.select(sa.func.max(NODES.c.idx)).where(NODES.c.level == 0))
    return 0 if last is None else int(last) + 1


def store(connection: sa.Connection, nodes: Sequence[Node]) -> None:
    """Add complete subtrees, each level in order."""
    if nodes:
        connection.execute(sa.insert(NODES), [{"level": n.level, "idx": n.index, "hash": n.hash} for n in nodes])


def complete(connection: sa.Connection, now: Frontier, leaves: Callable[[int], Sequence[bytes]]) -> None:
    """Store what is missing up to ``now``: an entry written by an earlier version of this software has no hashes.

    ``leaves`` gives the hashes of the next leaves from an index on, some at a time. Raises ``LedgerCorrupt`` when the
    stored tree is larger than the log, or disagrees.
    """
    size = stored_size(connection)
    if size == now.size:
        return
    if size > now.size:
        raise corrupt(f"The stored tree of the ledger has {size} leaves, the ledger {now.size} entries.")
    frontier = _agreeing(lambda: _read(connection, lambda nodes: frontier_at(size, nodes)))
    while frontier.size < now.size:
        nodes: list[Node] = []
        for leaf in leaves(frontier.size):
            frontier, made = frontier.grown(leaf)
            nodes += made
        store(connection, nodes)
    if frontier != now:
        raise _disagreement()


def inclusion(connection: sa.Connection, leaf: bytes, index: int, size: int, now: Frontier) -> list[bytes]:
    """The proof that the leaf with hash ``leaf`` is number ``index`` of the first ``size``, ``now`` being the tree now.

    Raises ``NotInTree``; ``LedgerCorrupt`` when the stored tree doesn't lead to the root of ``now``.
    """

    def proved() -> list[bytes]:
        proof = _read(connection, lambda nodes: inclusion_proof(index, size, nodes))
        verify_inclusion(leaf, index, size, proof, _root(connection, size, now))
        return proof

    return _agreeing(proved)


def consistency(connection: sa.Connection, old: int, new: int, now: Frontier) -> list[bytes]:
    """The proof that the first ``old`` leaves begin the first ``new``, ``now`` being the tree now.

    Raises as ``inclusion`` does.
    """

    def proved() -> list[bytes]:
        proof = _read(connection, lambda nodes: consistency_proof(old, new, nodes))
        verify_consistency(old, new, proof, _root(connection, old, now), _root(connection, new, now))
        return proof

    return _agreeing(proved)


def compare(connection: sa.Connection, nodes: Sequence[Node]) -> None:
    """Hold the stored hashes against true ones. Raises ``LedgerCorrupt``."""
    stored = _fetch(connection, [(node.level, node.index) for node in nodes])
    for node in nodes:
        if stored.get((node.level, node.index)) != node.hash:
            raise corrupt(f"The stored tree of the ledger does not agree with entry {(node.index + 1) << node.level}.")


def _root(connection: sa.Connection, size: int, now: Frontier) -> bytes:
    """The root over the first ``size`` leaves; raises ``ProofRejected`` when the stored tree gives a false one."""
    if size == now.size:
        return now.root()
    root, proof = _read(
        connection, lambda nodes: (frontier_at(size, nodes).root(), consistency_proof(size, now.size, nodes))
    )
    verify_consistency(size, now.size, proof, root, now.root())
    return root


def _read(connection: sa.Connection, work: Callable[[Nodes], T]) -> T:
    """What ``work`` makes of the stored hashes, in one query. Raises ``KeyError`` when one is missing.

    ``work`` runs twice, first to see which hashes it asks for, so these must not depend on what they are.
    """
    asked: set[tuple[int, int]] = set()

    def ask(level: int, index: int) -> bytes:
        asked.add((level, index))
        return bytes(HASH_BYTES)

    work(ask)
    found = _fetch(connection, asked)
    return work(lambda level, index: found[level, index])


def _fetch(connection: sa.Connection, wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    by_level: dict[int, list[int]] = {}
    for level, index in wanted:
        by_level.setdefault(level, []).append(index)
    if not by_level:
        return {}
    # A part for each level: that way both databases go by the index, which they don't for a list of pairs.
    parts = [sa.select(NODES).where(NODES.c.level == level, NODES.c.idx.in_(idx)) for level, idx in by_level.items()]
    rows = connection.execute(sa.union_all(*parts))
    return {(level, index): bytes(hashed) for level, index, hashed in rows}


def _agreeing(work: Callable[[], T]) -> T:
    try:
        return work()
    except (KeyError, ProofRejected):
        raise _disagreement() from None


def _disagreement() -> LedgerCorrupt:
    return corrupt("The stored tree of the ledger does not agree with its entries.")
