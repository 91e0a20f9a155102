"""A backup of what can't be made again and lies in no bucket: the keyring, the ledger, public key and declaration.

Belongs here: making one, and putting it back on an empty installation. Does not belong here: the key-encryption key
and the signing key, which people keep apart from it; access codes, which die when they have served; data; erasing again
what came back (``retention.restoring``), which follows on a restore.

The keys in it are wrapped, and the ledger holds no personal data. Still it is a copy by which an erased delivery might
be read again, for as long as it lives: so only a backup that the settings declare with its days is made, and no
certificate says VOLLEDIG before these have passed.
"""

import os
import re
import sqlite3
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zipfile import BadZipFile, ZipFile

from rod_pipeline.actors import FILE as ACTORS
from rod_pipeline.errors import BlockedError, PermanentError
from rod_pipeline.ledger.catchup import catch_up
from rod_pipeline.retention.evidence.verifieer import zipped
from rod_pipeline.store.keyring import LocalKeyring

if TYPE_CHECKING:
    from rod_pipeline.system import System

_LEDGER, _KEYS = "ledger.db", "keys"
_FILES = ("notary.vkey", "notary/last_checkpoint", "notary/succession", "declaration.toml", "rod.toml", ACTORS)
_KEY_FILE = re.compile(rf"{_KEYS}/([0-9a-f]{{16}}\.(key|gone)|kek\.mark)")


class BackupUndeclared(BlockedError):
    """A backup was to be made that the settings don't know, so that no erasure would wait for its end."""

    code = "ROD-BACKUP-01"


class NoBackup(PermanentError):
    """A file is no backup of an installation."""

    code = "ROD-BACKUP-02"


class NotEmpty(PermanentError):
    """A backup was to be put back where an installation is."""

    code = "ROD-BACKUP-03"


def back_up(system: "System", name: str) -> bytes:
    """The backup called ``name`` as one zip. A ledger in PostgreSQL and keys in OpenBao aren't in it:
    those have backups of their own.

    Raises ``BackupUndeclared``, and errors of the keyring.
    """
    if name not in {backup.name for backup in system.settings.retention.backups}:
        raise BackupUndeclared(
            "The settings declare no backup of that name.",
            "Declare it under retention.backups, with the days for which each copy of it is kept; then make it.",
        )
    home, members = system.settings.home, []
    # The ledger first: a key that it doesn't know does no harm, and one that it knows and isn't there loses a delivery.
    if system.settings.ledger_url is None:
        members.append((_LEDGER, _copied(home / _LEDGER)))
    if isinstance(system.keyring, LocalKeyring):
        members += [(f"{_KEYS}/{file}", content) for file, content in system.keyring.files().items()]
    members += [(file, (home / file).read_bytes()) for file in _FILES if (home / file).exists()]
    return zipped(members)


class PutBack(NamedTuple):
    """What is there again: keys, and entries that were published after the backup was made."""

    keys: int
    entries: int


def put_back(system: "System", content: bytes) -> PutBack:
    """Put a backup back into an installation that has no ledger and no keys, and have its ledger catch up at once.

    A ledger that doesn't know the newest tombstones would let what was erased be used again. So without the evidence
    bucket nothing is put back. The key-encryption key has to be there; of the other files what is there stays. Raises
    ``NotEmpty``, ``NoBackup``, ``MissingSecret``, ``WrongKek``, and what ``catch_up`` raises.
    """
    home = system.settings.home
    if (home / _LEDGER).exists() or any((home / _KEYS).glob("*.key")):
        raise NotEmpty(
            "There is a ledger or a keyring here already.",
            "Nothing was changed. Put a backup back on an empty installation, with its key-encryption key in place.",
        )
    kek = system.settings.key_encryption_key().get_secret_value()
    written: list[Path] = []
    try:
        for name, data in _members(content).items():
            file = home / name
            if not file.exists() or name.startswith(_KEYS):
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                written.append(file)
                file.write_bytes(data)
                file.chmod(0o600)
        local = system.settings.keyring.kind == "local"
        keys = len((LocalKeyring(home / _KEYS, kek) if local else system.keyring).traces())
        return PutBack(keys, catch_up(system))
    except BaseException:
        for file in written:
            file.unlink(missing_ok=True)
        raise


def write_backup(file: Path, content: bytes) -> None:
    """Write a backup for its owner only, whole or not at all."""
    draft = file.with_name(f".{file.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as written:
        written.write(content)
        written.flush()
        os.fsync(written.fileno())
    draft.replace(file)


def _members(content: bytes) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    try:
        with ZipFile(BytesIO(content)) as archive:
            for name in archive.namelist():
                if name != _LEDGER and name not in _FILES and not _KEY_FILE.fullmatch(name):
                    raise BadZipFile
                members[name] = archive.read(name)
    except (BadZipFile, ValueError, NotImplementedError, EOFError, OSError):
        members = {}
    if f"{_KEYS}/kek.mark" not in members:
        raise NoBackup("The file is no backup of an installation, or is damaged.", "Use another one.") from None
    return members


def _copied(database: Path) -> bytes:
    """A SQLite database as it is at one instant, while others write to it."""
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(":memory:")) as copy,
    ):
        source.backup(copy)
        return copy.serialize()
