"""The canary: remembers what was ever stored, and looks for it in the raw bytes of files.

Belongs here: windows of ciphertext, values in the clear in the forms that software writes them in, and finding any of
them. Does not belong here: what should be found (``life`` for the simulation, tests for everything else).

Of ciphertext nothing is known beforehand and nothing compresses, so a few windows of 32 bytes of each object stand for
it: whoever keeps a piece of an object that takes in a window, is found. Looked at are files as the file system gives
them. Blocks that no file owns any more aren't: nobody can read those without the disk itself, and they hold ciphertext
of which the key is gone.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.objects import ObjectStore, ObjectWriter

WINDOW = 32
_EVERY = 1 << 14
_BLOCK = 1 << 22
_HEAD = 8


@dataclass
class Canary:
    """What to look for: ``sealed`` maps the key of an object to windows of it, ``plain`` a value to its forms."""

    sealed: dict[str, list[bytes]] = field(default_factory=dict)
    plain: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def remember(self, object_key: str, content: bytes) -> None:
        """Take windows of ``content``, a part of an object as it goes to the store."""
        last = len(content) - WINDOW
        if last < 0:
            return
        at = {last // 2, last, *range(min(64, last), last, _EVERY)}
        self.sealed.setdefault(object_key, []).extend(content[place : place + WINDOW] for place in sorted(at))

    def plant(self, values: Iterable[str]) -> None:
        """Look for these values, of eight characters at least, wherever they stand in the clear."""
        self.plain |= {value: tuple(forms(value)) for value in values}

    def needles(self) -> Mapping[bytes, str]:
        """Everything to look for, and what it is of: the key of an object, or ``clear`` for a value."""
        found = {window: key for key, windows in self.sealed.items() for window in windows}
        return found | {form: "clear" for every in self.plain.values() for form in every}


def forms(value: str) -> Iterator[bytes]:
    """The bytes that a text may have in a file: plain, in two bytes a letter, in hexadecimal, in base64 wherever."""
    plain = value.encode()
    yield from (plain, value.encode("utf-16-le"), plain.hex().encode(), plain.hex().upper().encode())
    for shift in range(3):
        # The letters that no neighbour has a share in.
        coded = base64.b64encode(b"\0" * shift + plain + b"\0" * 2)
        yield coded[-(-shift * 4 // 3) : (shift + len(plain)) * 4 // 3]


class Scanner:
    """Looks for many needles at once. Each has eight bytes at least."""

    def __init__(self, needles: Mapping[bytes, str]) -> None:
        self._by_head: dict[bytes, list[tuple[bytes, str]]] = {}
        # Which first three bytes are worth a second look.
        self._worth = np.zeros(1 << 24, dtype=bool)
        for needle, label in needles.items():
            if len(needle) < _HEAD:
                raise ValueError("a needle needs eight bytes")
            self._by_head.setdefault(needle[:_HEAD], []).append((needle, label))
            self._worth[int.from_bytes(needle[:3], "little")] = True
        self._longest = max(map(len, needles), default=_HEAD)

    def labels(self, content: bytes) -> set[str]:
        """What of the needles stands in ``content``."""
        if len(content) < _HEAD:
            return set()
        octets = np.frombuffer(content, dtype=np.uint8)
        heads = octets[:-2].astype(np.uint32)
        heads |= octets[1:-1].astype(np.uint32) << 8
        heads |= octets[2:].astype(np.uint32) << 16
        found = set()
        for place in np.flatnonzero(self._worth[heads]).tolist():
            for needle, label in self._by_head.get(content[place : place + _HEAD], ()):
                if content.startswith(needle, place):
                    found.add(label)
        return found

    def files(self, folders: Iterable[Path]) -> dict[str, set[str]]:
        """For each needle's label that was found, the files under the folders that hold it; names of files count."""
        found: dict[str, set[str]] = {}
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                if not path.is_file() or path.is_symlink():
                    continue
                name = str(path.relative_to(folder))
                for label in self.labels(name.encode()) | self._labels_of(path):
                    found.setdefault(label, set()).add(name)
        return found

    def _labels_of(self, path: Path) -> set[str]:
        found: set[str] = set()
        rest = b""
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                found |= self.labels(rest + block)
                rest = (rest + block)[-(self._longest - 1) :]
        return found


class RememberingStore(ObjectStore):
    """A bucket of which every object that is written through it is remembered."""

    def __init__(self, settings: StoreSettings, canary: Canary) -> None:
        super().__init__(settings)
        self._canary = canary

    def create(self, key: str) -> ObjectWriter:
        """A writer of a new object, remembered unless it only probes the store."""
        return ObjectWriter(self, key) if key.startswith("probe/") else _RememberingWriter(self, key, self._canary)


class _RememberingWriter(ObjectWriter):
    def __init__(self, store: ObjectStore, key: str, canary: Canary) -> None:
        super().__init__(store, key)
        self._canary = canary
        self._seen = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take ``data``; returns its length."""
        self._seen += memoryview(data).cast("B")
        if len(self._seen) >= _BLOCK:
            self._take()
        return super().write(data)

    def complete(self) -> None:
        """Make the object exist."""
        self._take()
        super().complete()

    def abort(self) -> None:
        """Forget everything; what was sent may have rested in the store for a while."""
        self._take()
        super().abort()

    def _take(self) -> None:
        self._canary.remember(self.key, bytes(self._seen))
        self._seen.clear()
