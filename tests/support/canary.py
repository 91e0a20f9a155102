"""A delivery full of markers in an installation of its own, written in clear or as in production, and the look for it.

``marked`` is one whose every pseudonym is a marker. ``in_clear`` takes sealing and compression away, in this process
alone, so that there is something to find. ``recorded`` remembers windows of every object that is written, ``killed``
does a stage in a process that is killed, and ``traces`` says in which files anything of it stands.
"""

import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast
from unittest import mock

import polars as pl

from rod_pipeline.simulation import canary
from rod_pipeline.simulation.canary import Canary, RememberingStore, Scanner
from rod_pipeline.store import probe, scratch
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.sealing import ScopeKey, Sink
from tests.support import killing
from tests.support.forked import ended
from tests.support.leaks import MARKER, Table, edited

_GZIP = b"\x1f\x8b\x08"
_MOST = 1 << 26


def marked(content: bytes) -> bytes:
    """A delivery with a marker for each pseudonym, the same one in each file: ``MARKER`` and six digits."""
    found: dict[str, str] = {}

    def replace(rows: Table) -> None:
        at = rows[0].index("Sectornummer")
        for row in rows[1:]:
            row[at] = found.setdefault(row[at], f"{MARKER}{len(found):06d}") if row[at] else ""

    kinds = ("inschrijvingen", "diplomas", "doorstroom", "mbo_hbo")
    return edited(content, dict.fromkeys(kinds, replace))


class _Passing:
    """Lets through what it is given, as a sealing stream would if it sealed nothing."""

    def __init__(self, sink: Sink) -> None:
        self.write = sink.write

    def close(self) -> None:
        """Nothing is held back."""


@contextmanager
def in_clear() -> Iterator[None]:
    """Whatever this process writes to the store meanwhile, it writes without sealing and without compression."""
    sink, scan = pl.LazyFrame.sink_parquet, pl.scan_parquet

    def unencrypted(frame: pl.LazyFrame, to: Any, **_: object) -> None:
        sink(frame, to, compression="uncompressed")

    def undecrypted(path: str, *, decryption: object) -> pl.LazyFrame:
        return scan(path)

    with (
        mock.patch.object(ScopeKey, "seal", lambda self, to, aad: cast(BinaryIO, _Passing(to))),
        mock.patch.object(ScopeKey, "open", lambda self, source, aad: source),
        mock.patch.object(pl.LazyFrame, "sink_parquet", unencrypted),
        mock.patch.object(pl, "scan_parquet", undecrypted),
    ):
        yield


class _Filed(Canary):
    """A canary whose memory outlives its process."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def remember(self, object_key: str, content: bytes) -> None:
        super().remember(object_key, content)
        with self._file.open("a") as lines:
            lines.write(json.dumps([object_key, [window.hex() for window in self.sealed.get(object_key, ())]]) + "\n")


@contextmanager
def recorded(memory: Canary) -> Iterator[None]:
    """Every object that this process writes is remembered."""
    with mock.patch("rod_pipeline.system.ObjectStore", partial(RememberingStore, canary=memory)):
        yield


def die(
    environment: Mapping[str, str], store: tuple[str, str], file: Path, clear: bool, what: Mapping[str, Any]
) -> None:
    """What a process does that is to be killed in a stage (``killing.main``). What it writes is noted in ``file``."""
    canary._BLOCK = 1 << 14
    # Its promises were proved when the installation was first used; the calls to count are those of the delivery.
    probe._proved.add(store)
    with recorded(_Filed(file)), in_clear() if clear else ExitStack():
        killing.main(environment, what)


def killed(
    environment: Mapping[str, str], store: StoreSettings, file: Path, clear: bool, memory: Canary, **what: object
) -> int:
    """Do a stage in a process of its own that kills itself; returns how it ended. ``memory`` learns what it wrote."""
    this = (store.endpoint, store.bucket)
    how = ended(die, dict(environment), this, file, clear, what)
    for line in file.read_text().splitlines() if file.exists() else ():
        key, windows = json.loads(line)
        memory.sealed.setdefault(key, []).extend(map(bytes.fromhex, windows))
    return how


def traces(memory: Canary, folders: Iterable[Path], more: Mapping[str, bytes] = {}) -> dict[str, set[str]]:
    """What of ``memory`` stands in which file under the folders, in ``more``, or in this process' folder in memory.

    Files as the file system gives them, and what is compressed in them by gzip, as SeaweedFS does: blocks that no file
    owns any more are nobody's to read without the disk itself, and aren't looked at.
    """
    scanner = Scanner(memory.needles())
    places = [*folders, *scratch.ROOT.glob(f"rod-{os.getpid()}-*")]
    found = scanner.files(places)
    for folder in places:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                for label in _inside(scanner, path.read_bytes()):
                    found.setdefault(label, set()).add(str(path.relative_to(folder)))
    for name, content in more.items():
        for label in scanner.labels(content) | set(_inside(scanner, content)):
            found.setdefault(label, set()).add(name)
    return found


def _inside(scanner: Scanner, content: bytes) -> Iterator[str]:
    """What stands in the gzip streams in ``content``."""
    at = content.find(_GZIP)
    while at >= 0:
        with suppress(zlib.error):
            yield from scanner.labels(zlib.decompressobj(31).decompress(content[at : at + _MOST], _MOST))
        at = content.find(_GZIP, at + 1)
