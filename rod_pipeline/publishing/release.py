"""Making a release, and handing its files out.

Belongs here: from disclosure control to sealed, registered files; reading them back. Does not belong here: refusing
(``proposal``), files (``files``).

A release rests sealed in the zone ``published`` under a key of its own: the database, the open files in one zip, and
the register of what was printed and how it adds up. It is never edited; the next one is another release, protected
against this one.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from rod_pipeline.deliveries import new_id
from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.publication import Published, PublishedTable
from rod_pipeline.ledger.publications import ReleaseState
from rod_pipeline.marts import groupings
from rod_pipeline.marts.database import LEASE as MARTS
from rod_pipeline.publishing import files, register
from rod_pipeline.publishing.proposal import Proposal, digest_of, refuse_unsafe
from rod_pipeline.publishing.shape import shaped

if TYPE_CHECKING:
    from rod_pipeline.system import System

Disclose = Callable[["System", register.Told | None], Proposal]
"""Disclosure control: from the restricted marts, and all that was printed before, to protected and audited tables."""

LEASE = "publishing"
"""Whoever makes a release holds this: what was printed before may not change under it."""
_DATABASE, _FILES = "database", "files"


class NoSuchRelease(PermanentError):
    """A release was asked for that was never made."""

    code = "ROD-PUBLISH-06"


def publish(system: System, disclose: Disclose) -> ReleaseState:
    """Have ``disclose`` protect and audit, and make a release of what it proposes.

    Raises what it raises; ``AuditMissing``, ``AuditUnclean``, ``AuditOfOther``, ``SmallCountPrinted`` (blocked), and
    then nothing was written; ``Undocumented``; ``Busy`` while somebody else publishes.
    """
    with system.ledger.exclusive(LEASE):
        proposal = disclose(system, register.earlier(system))
        refuse_unsafe(proposal)
        return _released(system, proposal)


def _released(system: System, proposal: Proposal) -> ReleaseState:
    release, audited = new_id(), digest_of(proposal.printed)
    about = files.Release(release, system.clock.now(), proposal.policy, proposal.definition, audited)
    tables = shaped(proposal)
    described = files.about_tables(tables, proposal, about, system.book)
    database = files.database(tables, described)
    opened = files.zipped_files(tables, described, about)
    # A mart database that is being built does away with every key that it can't place, so nobody builds one meanwhile.
    with system.ledger.exclusive(MARTS, patience=60 * system.settings.retention.drain_minutes):
        system.vault.create_key(release)
        try:
            copies = (
                _sealed(system, release, _DATABASE, database),
                _sealed(system, release, _FILES, opened),
                *(
                    system.vault.write_table(release, "published", name, table.lazy()).copy_id
                    for name, table in (
                        (register.NAME, register.of(proposal)),
                        (register.SUMS, register.sums_of(proposal)),
                    )
                ),
            )
            event = Published(
                release=release,
                copies=copies,
                deliveries=proposal.deliveries,
                tables=tuple(
                    PublishedTable(
                        name=table.name,
                        rows=table.frame.height,
                        hidden=table.hidden,
                        sha256=sha256(files.as_csv(table.frame)).hexdigest(),
                    )
                    for table in tables
                ),
                policy=proposal.policy,
                audited=audited,
            )
            system.ledger.append(event)
        except BaseException:
            system.vault.erase_scope(release, "unfinished")
            raise
    return system.ledger.state().releases[release]


def _sealed(system: System, release: str, name: str, content: bytes) -> str:
    with system.vault.write_raw(release, "published", name) as writer:
        writer.write(content)
    return writer.copy.copy_id


def find(system: System, release: str | None = None) -> ReleaseState:
    """A release, the newest by default. Raises ``NoSuchRelease``."""
    releases = system.ledger.state().releases
    if release is None and releases:
        return list(releases.values())[-1]
    if release is None or release not in releases:
        raise NoSuchRelease(
            "Nothing was published yet." if not releases else "There is no such release.",
            "See `rod published list`; the asset publishing/published makes a new one.",
        )
    return releases[release]


def read_tables(system: System, release: ReleaseState) -> Mapping[str, pl.DataFrame]:
    """Every table of a release by name, those about the tables too. Raises what the vault raises."""
    with zipfile.ZipFile(io.BytesIO(_opened(system, release, _FILES))) as archive:
        return {
            name.removeprefix(files.PARQUET).removesuffix(".parquet"): pl.read_parquet(archive.read(name))
            for name in archive.namelist()
            if name.startswith(files.PARQUET)
        }


def told_groups(system: System) -> Iterator[tuple[pl.DataFrame, Mapping[str, set[str]]]]:
    """Of each release its groupings, and the school years that it told by them; see ``regrouped``."""
    for release in system.ledger.state().releases.values():
        tables = read_tables(system, release)
        if (groups := tables.get(groupings.TABLE)) is not None:
            yield (
                groups,
                {
                    of: {
                        year
                        for frame in tables.values()
                        if {of, "schooljaar"} <= set(frame.columns)
                        for year in frame["schooljaar"].unique()
                    }
                    for of in groups["indeling"].unique()
                },
            )


def get(system: System, folder: Path, release: str | None = None) -> tuple[ReleaseState, tuple[Path, ...]]:
    """Write the files of a release, the newest by default, into ``folder``; returns the release and what was written.

    They are no personal data: whoever has them may pass them on. Raises ``NoSuchRelease`` and what the vault raises.
    """
    found = find(system, release)
    folder.mkdir(parents=True, exist_ok=True)
    written = [_put(folder / files.DATABASE, _opened(system, found, _DATABASE))]
    with zipfile.ZipFile(io.BytesIO(_opened(system, found, _FILES))) as archive:
        for name in archive.namelist():
            (folder / name).parent.mkdir(exist_ok=True)
            written.append(_put(folder / name, archive.read(name)))
    return found, tuple(written)


def _opened(system: System, release: ReleaseState, name: str) -> bytes:
    copies = system.ledger.state().copies
    (copy_id,) = (copy for copy in release.event.copies if copies[copy].name == name)
    with system.vault.open_raw(copy_id) as stream:
        return stream.read()


def _put(path: Path, content: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    draft.write_bytes(content)
    draft.replace(path)
    return path
