"""Small secrets at rest: the link of a delivery, its access code, the password of an archive.

Belongs here: sealing a secret in a file of its own, finding it again, removing it; and asking a person for one. Does
not belong here: the keys that delivery data is sealed with (``keyring``), or when a code dies (``intake``).

Each secret is one file, mode 0600, in a folder of mode 0700, named after its scope and its name. It is sealed with
AES-256-GCM under a key of its own, derived with HKDF-SHA256 (RFC 5869) from the key-encryption key and a random salt.
Scope, name and expiry are authenticated with it: a file that was renamed, or whose expiry was changed, doesn't open.

What removing does: it unlinks the file and makes that lasting. It does not overwrite, because on journalling file
systems, SSDs and snapshots overwriting changes other blocks than the ones that held the secret. So remains of the
*sealed* file may outlive it in blocks or backups, and open to whoever has the key-encryption key too.
"""

import getpass
import os
import re
import secrets
import stat
import struct
import warnings
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rod_pipeline.errors import PermanentError

_MAGIC = b"ROD secret 1\n"
_SALT, _NONCE, _EXPIRY = 16, 12, 8
_HEADER = len(_MAGIC) + _SALT + _NONCE + _EXPIRY
_LARGEST = 2**16
_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,63}")
_SEALED = re.compile(r"(?P<scope>[a-z0-9_]+)\.(?P<name>[a-z0-9_]+)\.sealed")
_LONGEST_CODE = 256


class SecretMissing(PermanentError):
    """There is no such secret."""

    code = "ROD-SECRET-01"


class SecretUnreadable(PermanentError):
    """The seal does not open: another key-encryption key, or a file that was changed, renamed or cut off."""

    code = "ROD-SECRET-02"


class SecretExposed(PermanentError):
    """The folder or the file belongs to somebody else, can be reached by others, or is no plain folder or file."""

    code = "ROD-SECRET-03"


class BadSecret(PermanentError):
    """What was to be kept, or the name for it, or the key to seal it with, is not fit for it."""

    code = "ROD-SECRET-04"


class BadCode(PermanentError):
    """What was entered can't be a code."""

    code = "ROD-SECRET-05"


class NoTerminal(PermanentError):
    """A code must be asked for, but there is nobody to ask without showing it."""

    code = "ROD-SECRET-06"


class SecretStore:
    """Sealed secrets in ``folder``, which is made when it isn't there. ``kek`` has at least 32 bytes.

    Scopes and names are of ``[a-z0-9_]``, up to 64 characters. Safe for readers beside a writer; of two writers of
    the same secret the last one wins. Removing is never refused, even where reading is.
    """

    def __init__(self, folder: Path, kek: bytes) -> None:
        if len(kek) < 32:
            raise BadSecret(
                "The key-encryption key is shorter than 32 bytes.", "Hand over the key that was made for it."
            )
        self._folder = folder
        self._kek = kek

    def __repr__(self) -> str:
        return "SecretStore()"

    def put(self, scope: str, name: str, value: bytes, expires_at: datetime | None = None) -> None:
        """Keep ``value``, in the place of what was there. ``expires_at`` (aware) is when ``expire`` will remove it.

        When this returns the secret survives a crash; when it is killed the old value is there, or the new one. Raises
        ``BadSecret`` for more than 64 KiB, ``SecretExposed``.
        """
        if len(value) > _LARGEST:
            raise BadSecret(
                f"The secret has {len(value)} bytes, more than {_LARGEST}.", "This store is for small ones."
            )
        file = self._file(scope, name)
        self._make_folder()
        draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}.draft")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as target:
                target.write(self._seal(scope, name, value, expires_at))
                target.flush()
                os.fsync(target.fileno())
            draft.replace(file)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        self._sync_folder()

    def get(self, scope: str, name: str) -> bytes:
        """The secret; raises ``SecretMissing``, ``SecretUnreadable``, ``SecretExposed``. An expiry is not looked at."""
        sealed = self._read(self._file(scope, name))
        header, body = sealed[:_HEADER], sealed[_HEADER:]
        value = None
        if len(header) == _HEADER and header.startswith(_MAGIC):
            salt, nonce = header[len(_MAGIC) :][:_SALT], header[len(_MAGIC) + _SALT :][:_NONCE]
            with suppress(InvalidTag):
                value = self._cipher(salt).decrypt(nonce, body, _bound(header, scope, name))
        if value is None:
            raise SecretUnreadable(
                f"The secret {name!r} can't be opened with this key-encryption key.",
                "Hand over the key that it was sealed with; if that is lost, announce the delivery again.",
            )
        return value

    def exists(self, scope: str, name: str) -> bool:
        """Whether there is such a secret; whether it opens is for ``get`` to find out."""
        return self._file(scope, name).exists()

    def delete(self, scope: str, name: str) -> bool:
        """Remove a secret, with drafts of it that a killed writer left; tells whether it was there. See the module."""
        file = self._file(scope, name)
        was_there = file.exists()
        self._remove([file, *(draft for draft in self._files() if draft.name.startswith(f".{file.name}."))])
        return was_there

    def forget(self, scope: str) -> None:
        """Remove all secrets of a scope, drafts included."""
        start = self._file(scope, "x").name.removesuffix("x.sealed")
        self._remove([file for file in self._files() if file.name.startswith((start, f".{start}"))])

    def count(self, scope: str) -> int:
        """How many secrets of a scope there are, drafts included."""
        found = (_SEALED.match(file.name.removeprefix(".")) for file in self._files())
        return sum(match["scope"] == scope for match in found if match)

    def scopes(self) -> frozenset[str]:
        """The scopes that have a secret, or a draft of one."""
        found = (_SEALED.match(file.name.removeprefix(".")) for file in self._files())
        return frozenset(match["scope"] for match in found if match)

    def expire(self, now: datetime) -> tuple[tuple[str, str], ...]:
        """Remove the secrets whose expiry is ``now`` or before it; returns their scopes and names.

        The expiry is read without opening the seal, so that a secret dies on time even when its key is gone.
        """
        gone = []
        for file in self._files():
            match = _SEALED.fullmatch(file.name)
            if match is not None and file.is_file() and 0 < _expiry(file) <= now.timestamp():
                self.delete(match["scope"], match["name"])
                gone.append((match["scope"], match["name"]))
        return tuple(sorted(gone))

    def rewrap(self, kek: bytes) -> int:
        """Seal every secret under another key-encryption key, expiry as it was; returns how many there are.

        Can be killed and run again, with the same two keys. Raises ``SecretUnreadable`` for one that neither opens.
        """
        new, count = SecretStore(self._folder, kek), 0
        for file in list(self._files()):
            match = _SEALED.fullmatch(file.name)
            if match is None:
                continue
            scope, name, expiry = match["scope"], match["name"], _expiry(file)
            try:
                new.get(scope, name)
            except SecretUnreadable:
                expires = datetime.fromtimestamp(expiry, UTC) if expiry else None
                new.put(scope, name, self.get(scope, name), expires)
            count += 1
        return count

    def _file(self, scope: str, name: str) -> Path:
        if not _NAME.fullmatch(scope) or not _NAME.fullmatch(name):
            raise BadSecret(
                "The scope or name of a secret holds other characters than a-z, 0-9 and _.", "Mend the call."
            )
        return self._folder / f"{scope}.{name}.sealed"

    def _files(self) -> Iterator[Path]:
        if self._folder.exists():
            yield from sorted(self._folder.iterdir())

    def _remove(self, files: list[Path]) -> None:
        if not self._folder.exists():
            return
        for file in files:
            file.unlink(missing_ok=True)
        self._sync_folder()

    def _make_folder(self) -> None:
        if not self._folder.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_folder()

    def _check_folder(self) -> None:
        about = self._folder.lstat()
        if not stat.S_ISDIR(about.st_mode) or _open_to_others(about):
            raise SecretExposed(
                "The folder of the secrets is not a folder that only its owner can reach.",
                "Make it a real folder of the account that runs this, with mode 0700.",
            )

    def _read(self, file: Path) -> bytes:
        handle = None
        if self._folder.exists():
            self._check_folder()
            with suppress(FileNotFoundError):
                handle = _open_plain(file)
        if handle is None:
            raise SecretMissing("There is no such secret.", "Announce the delivery again with its link and code.")
        with os.fdopen(handle, "rb") as source:
            about = os.fstat(source.fileno())
            if not stat.S_ISREG(about.st_mode) or _open_to_others(about):
                raise _exposed()
            return source.read(_HEADER + _LARGEST + 16 + 1)

    def _sync_folder(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _seal(self, scope: str, name: str, value: bytes, expires_at: datetime | None) -> bytes:
        salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
        expiry = 0 if expires_at is None else max(1, int(expires_at.astimezone(UTC).timestamp()))
        header = _MAGIC + salt + nonce + struct.pack(">Q", expiry)
        return header + self._cipher(salt).encrypt(nonce, value, _bound(header, scope, name))

    def _cipher(self, salt: bytes) -> AESGCM:
        return AESGCM(HKDF(SHA256(), 32, salt, b"rod_pipeline/store/secrets/1").derive(self._kek))


def _bound(header: bytes, scope: str, name: str) -> bytes:
    return header + f"{scope}/{name}".encode()


def _expiry(file: Path) -> int:
    """Seconds since 1970, UTC; 0 for never, and for a file that is gone or cut off."""
    stated = b""
    with suppress(OSError), file.open("rb") as source:
        stated = source.read(_HEADER)[_HEADER - _EXPIRY :]
    return int(struct.unpack(">Q", stated)[0]) if len(stated) == _EXPIRY else 0


def _open_to_others(about: os.stat_result) -> bool:
    return about.st_uid != os.geteuid() or bool(stat.S_IMODE(about.st_mode) & 0o077)


def _open_plain(file: Path) -> int:
    """Open a file that is no symbolic link; FIFOs don't make it wait."""
    try:
        return os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError:
        pass
    raise _exposed()


def _exposed() -> SecretExposed:
    return SecretExposed(
        "A sealed secret is not a file that only its owner can read.",
        "Find out who changed that; then set mode 0600, or announce the delivery again with a new code.",
    )


def read_code(fd: int | None, prompt: str = "Access code: ") -> str:
    """A secret from a person: asked for on the terminal without echo, or read from an open file descriptor to its end.

    Never from arguments or the environment, which other processes can see. One line end is taken off, nothing else.
    Raises ``NoTerminal``; ``BadCode`` when it is empty, longer than 256 characters, no UTF-8 or has control characters.
    """
    entered = _asked(prompt) if fd is None else _read_descriptor(fd)
    code = entered.removesuffix("\n").removesuffix("\r") if entered is not None else None
    if code is None or any(ord(char) < 32 or 127 <= ord(char) < 160 for char in code):
        raise BadCode("What was entered holds characters that no code has.", "Enter the code alone, on one line.")
    if not code.strip() or len(code) > _LONGEST_CODE:
        raise BadCode(f"A code has between 1 and {_LONGEST_CODE} characters.", "Enter the code from DUO's message.")
    return code


def _asked(prompt: str) -> str:
    entered = None
    with warnings.catch_warnings(), suppress(getpass.GetPassWarning, EOFError, OSError):
        # It warns just before it would read with echo.
        warnings.simplefilter("error", getpass.GetPassWarning)
        entered = getpass.getpass(prompt)
    if entered is None:
        raise NoTerminal(
            "The code must be entered unseen, but there is no terminal.",
            "Run this in a terminal, or hand the code over through a file descriptor.",
        )
    return entered


def _read_descriptor(fd: int) -> str | None:
    """The text behind a descriptor; None when it is no UTF-8. Reads no further than a code can be long."""
    data, readable = b"", False
    with suppress(OSError):
        while len(data) <= 4 * _LONGEST_CODE + 2 and (block := os.read(fd, 4096)):
            data += block
        readable = True
    if not readable:
        raise NoTerminal(f"File descriptor {fd} can't be read.", "Open it for reading, as in 3<file.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
