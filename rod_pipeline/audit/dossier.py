"""The dossier: one zip that answers an auditor (besluit 55352791, voorschrift 3i).

Belongs here: what goes into one, drawing it up, registering it in the ledger. Does not belong here: what the tables
say, checking one without this project (``controleer``).

It is drawn up from the first so many entries of the ledger. The tables follow from these, the decree and the day
alone, so whoever has the entries can draw them up again and compare. The rest (cover, versions, bundles that were
locked away) stands with its digest in ``inhoud.json``, whose digest is in the ledger: an event that comes after what
it tells of. No personal data goes in: the ledger has none, and numbers of persons or rows under five are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, requires, version
from itertools import takewhile
from pathlib import Path
from platform import python_version
from re import fullmatch, match
from typing import TYPE_CHECKING, NamedTuple

import rfc8785

from rod_pipeline.audit.account import Account
from rod_pipeline.audit.controls import control_tables
from rod_pipeline.audit.cover import Head, cover_html, cover_pdf
from rod_pipeline.audit.deliveries import delivery_tables
from rod_pipeline.audit.holdings import day_of
from rod_pipeline.audit.leaving import leaving_tables
from rod_pipeline.audit.oversight import oversight_tables
from rod_pipeline.audit.tables import Table, as_csv, as_json, dictionary
from rod_pipeline.decree import Decree
from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.events import Entry
from rod_pipeline.ledger.oversight import DossierMade, Reader, Why
from rod_pipeline.retention.evidence.bundle import BUNDLE
from rod_pipeline.retention.evidence.verifieer import zipped
from rod_pipeline.store.evidence import evidence_key

if TYPE_CHECKING:
    from rod_pipeline.system import System

CONTENTS = "inhoud.json"
SCHEMA = "rod-dossier/v1"
FOLDER = "tabellen"
_HERE = Path(__file__).parent
Files = list[tuple[str, bytes]]


class NothingToTell(PermanentError):
    """A dossier was asked of a ledger without entries, or of a day that lies after its newest one."""

    code = "ROD-DOSSIER-01"


class BadRequest(PermanentError):
    """A dossier was asked for under a reference, or of a day, that can't be one."""

    code = "ROD-DOSSIER-02"


@dataclass(frozen=True, slots=True)
class Request:
    """For whom a dossier is, why, their reference, and of which day (None: that of the newest entry)."""

    reader: Reader
    why: Why
    reference: str | None = None
    day: date | None = None

    @classmethod
    def of(cls, reader: Reader, why: Why, reference: str | None = None, at: str | None = None) -> Request:
        """A request as a person typed it: ``at`` is ``YYYY-MM-DD``, empty is none. Raises ``BadRequest``."""
        if reference and not fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", reference):
            raise BadRequest(
                "The reference holds more than letters, digits, dots and dashes.",
                "Give the reference of their letter, without a name and without text: it stands in the ledger.",
            )
        try:
            day = date.fromisoformat(at) if at else None
        except ValueError:
            raise BadRequest("The day is no date.", "Write it as 2026-09-01.") from None
        return cls(reader, why, reference or None, day)


class Made(NamedTuple):
    """A dossier that was drawn up and registered."""

    dossier: str
    file: Path
    size: int
    sha256: str


def make(system: System, request: Request) -> Made:
    """Draw up a dossier of the ledger as it is now, register it, and write it to the folder ``dossiers``.

    Raises ``NothingToTell``; errors of the ledger, and of the evidence store, whose bundles it encloses.
    """
    head_ = system.ledger.tree_head()
    entries = tuple(takewhile(lambda entry: entry.seq <= head_.size, system.ledger.entries()))
    if not entries or (request.day is not None and request.day > day_of(entries[-1].at)):
        raise NothingToTell(
            "There is nothing to draw a dossier up from: no entry, or none up to that day.",
            "Name a day up to that of the newest entry of the ledger (`rod ledger status`).",
        )
    software, lock = versions()
    head = Head(
        origin=system.settings.evidence.origin,
        size=head_.size,
        root=head_.root.hex(),
        at=entries[-1].at,
        day=request.day or day_of(entries[-1].at),
        reader=request.reader,
        why=request.why,
        reference=request.reference,
        software=version("rod-pipeline"),
        lock=lock,
    )
    account = Account.of(entries)
    content, contents = build(head, account, system.decree, software, tuple(_bundles(system, account)))
    made = DossierMade(
        dossier=contents[:16],
        size=head.size,
        root=head.root,
        day=head.day.isoformat(),
        contents=contents,
        sha256=sha256(content).hexdigest(),
        reader=head.reader,
        why=head.why,
        reference=head.reference,
        software=head.software,
        lock=head.lock,
        actor=system.actor(),
    )
    # On record before it is there: what left is never unknown.
    system.ledger.append(made)
    folder = system.settings.home / "dossiers"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"dossier-{head.day.isoformat()}-{made.dossier}.zip"
    file.write_bytes(content)
    return Made(made.dossier, file, head.size, made.sha256)


def build(
    head: Head, account: Account, decree: Decree, software: bytes, bundles: Sequence[tuple[str, bytes]]
) -> tuple[bytes, str]:
    """The zip, and the digest of its table of contents. The same arguments give the same bytes."""
    tables = tables_of(account, decree, head.day)
    names = [name for name, _ in bundles]
    files: Files = [
        ("LEESMIJ.txt", (_HERE / "LEESMIJ.txt").read_bytes()),
        ("dossier.pdf", cover_pdf(head, tables, names, decree)),
        ("dossier.html", cover_html(head, tables, names, decree)),
        *derived(tables),
        ("software.json", software),
        *bundles,
        ("controleer.py", (_HERE / "controleer.py").read_bytes()),
        ("verifieer.py", (_HERE.parent / "retention" / "evidence" / "verifieer.py").read_bytes()),
    ]
    contents = rfc8785.dumps(
        {
            "schema": SCHEMA,
            "origin": head.origin,
            "size": head.size,
            "root": head.root,
            "day": head.day.isoformat(),
            "reader": head.reader,
            "why": head.why,
            "reference": head.reference,
            "software": head.software,
            "lock": head.lock,
            "files": [{"name": n, "bytes": len(data), "sha256": sha256(data).hexdigest()} for n, data in files],
        }
    )
    return zipped([(CONTENTS, contents), *files]), sha256(contents).hexdigest()


def tables_of(account: Account, decree: Decree, day: date) -> tuple[Table, ...]:
    """Every table of a dossier, in its order."""
    return (
        *control_tables(decree),
        *delivery_tables(account, decree, day),
        *leaving_tables(account),
        *oversight_tables(account),
    )


def derived(tables: Sequence[Table]) -> Files:
    """The files that follow from the ledger alone, by which a dossier is held against it."""
    return [
        ("datapackage.json", dictionary(tables, FOLDER)),
        ("tabellen.json", as_json(tables)),
        *((f"{FOLDER}/{table.name}.csv", as_csv(table)) for table in tables),
    ]


def differing(members: dict[str, bytes], entries: Iterable[Entry], decree: Decree, day: date) -> list[str]:
    """The names of files in a dossier that don't follow from ``entries``, which are those that it is drawn up from."""
    expected = dict(derived(tables_of(Account.of(entries), decree, day)))
    return [name for name, data in expected.items() if members.get(name) != data]


def versions() -> tuple[bytes, str | None]:
    """What runs here, as JSON: this software, Python, its direct dependencies; and the digest of the lock (or None)."""
    found: dict[str, str] = {}
    for requirement in requires("rod-pipeline") or ():
        name = match(r"[A-Za-z0-9._-]+", requirement)
        assert name is not None
        try:
            found[name[0]] = version(name[0])
        except PackageNotFoundError:
            continue
    lock = lock_digest()
    said = {"rod-pipeline": version("rod-pipeline"), "python": python_version(), "lock_sha256": lock, "packages": found}
    return rfc8785.dumps(said), lock


def lock_digest() -> str | None:
    """SHA-256 of requirements.lock, which comes with the package or lies beside it in a checkout."""
    for folder in (_HERE.parent, _HERE.parents[1]):
        if (folder / "requirements.lock").is_file():
            return sha256((folder / "requirements.lock").read_bytes()).hexdigest()
    return None


def _bundles(system: System, account: Account) -> Iterator[tuple[str, bytes]]:
    """The bundle of the newest record of each purge, as it was locked away; one that wasn't yet is left out."""
    for purge in account.state.purges.values():
        if purge.attested is not None:
            key = evidence_key(purge.purge_id, purge.attested.serial, BUNDLE)
            found = system.evidence.find(key)
            if found is not None:
                yield f"bewijs/{purge.purge_id}-{purge.attested.serial}.zip", found
