"""What the PLEIO stand-in has on offer: files, their codes, the sessions of visitors.

Belongs here: the data behind the stand-in, and the index of a folder that it serves. Does not belong here: answering
requests (``pleio_handlers``), the catalogue of deviations (``pleio_scenarios``).
"""

import json
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from rod_pipeline.synthetic.pleio_scenarios import SCENARIOS, Turn

_INDEX = "index.json"
_BLOCK = 2**18

Source = bytes | Path | Callable[[], Iterable[bytes]]
"""What is served: bytes, a file, or a callable that gives the pieces of a file that is never whole in memory."""


@dataclass
class Offer:
    """A file under a link: its code, how often and how long that serves, and what has happened to it so far."""

    source: Source = field(repr=False)
    code: str = field(repr=False)
    scenario: tuple[Turn, ...]
    name: str
    uses: int | None = None
    expires_at: datetime | None = None
    wrong: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def size(self) -> int | None:
        if isinstance(self.source, bytes):
            return len(self.source)
        return self.source.stat().st_size if isinstance(self.source, Path) else None

    def pieces(self) -> Iterator[bytes]:
        if isinstance(self.source, bytes):
            for start in range(0, len(self.source), _BLOCK):
                yield self.source[start : start + _BLOCK]
        elif isinstance(self.source, Path):
            with self.source.open("rb") as file:
                while block := file.read(_BLOCK):
                    yield block
        else:
            yield from self.source()


@dataclass
class Session:
    """A visitor: the token of its forms, and the links that it gave the right code for."""

    csrf: str = field(default_factory=lambda: secrets.token_hex(16))
    open: set[str] = field(default_factory=set)


def link_path(ident: str, name: str) -> str:
    return f"/file/download/{ident}/{quote(name)}"


def place(
    folder: Path, file: str, code: str, scenario: str = "ok", name: str | None = None, uses: int | None = None
) -> str:
    """Put a file of ``folder`` on offer in its index; returns the path of its link. A running server notices."""
    index = folder / _INDEX
    entries = json.loads(index.read_text("utf-8")) if index.exists() else {}
    ident, name = secrets.token_hex(16), name or file
    SCENARIOS[scenario]
    entries[ident] = {"file": file, "code": code, "scenario": scenario, "name": name, "uses": uses}
    draft = index.with_suffix(f".{ident}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as target:
        json.dump(entries, target, indent=1)
    draft.replace(index)
    return link_path(ident, name)


def read_index(folder: Path) -> dict[str, Offer]:
    """What the index of ``folder`` offers, by the id in the link; nothing when there is no index."""
    index = folder / _INDEX
    entries = json.loads(index.read_text("utf-8")) if index.exists() else {}
    return {
        ident: Offer(folder / e["file"], e["code"], SCENARIOS[e["scenario"]], e["name"], e["uses"])
        for ident, e in entries.items()
    }
