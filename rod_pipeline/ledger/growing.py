"""A mapping that a state shares with the one before it.

Belongs here: the mapping. Does not belong here: what is in it (``state``).

Each entry of the ledger makes a new state, and older states stay as they were. Copying a mapping for that costs more
the longer the ledger is; a hash trie shares all but a handful of its nodes. It has no order of its own, so the keys are
kept beside it in the order of their arrival.
"""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from rpds import HashTrieMap, Queue

V = TypeVar("V")


class GrowingMap(Mapping[str, V], Generic[V]):
    """A read-only mapping in the order in which its keys arrived; ``with_`` gives a new one at a flat cost."""

    __slots__ = ("_keys", "_values")

    def __init__(self) -> None:
        """Empty."""
        self._values: HashTrieMap[str, V] = HashTrieMap()
        self._keys: Queue[str] = Queue()

    def with_(self, key: str, value: V) -> "GrowingMap[V]":
        """This mapping and ``key``; a key that is there already keeps its place and gets another value."""
        grown: GrowingMap[V] = GrowingMap()
        grown._values = self._values.insert(key, value)
        grown._keys = self._keys if key in self._values else self._keys.enqueue(key)
        return grown

    def __getitem__(self, key: str) -> V:
        return self._values[key]

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"GrowingMap({dict(self)!r})"
