"""Where the keys of scopes rest, and how they die.

Belongs here: the keyring port and the local keyring. Does not belong here: the one in OpenBao (``openbao``), what a key
does (``sealing``), when a key has to die (``retention``), that it died (``ledger``).

Every scope has one key; destroying it makes everything under it unreadable, also what lies in backups, replicas and
blocks that were never overwritten. So the keyring lies outside every bucket and every backup set of the data, and a
destroyed key can't be made again: a marker without key material stays behind.

The local keyring is a folder for its owner only: one file per scope, wrapped with AES-256-GCM under the environment's
key-encryption key (KEK), the scope as associated data. It protects against whoever gets the folder without the KEK, not
against the owner of the machine. Overwriting before unlinking is a courtesy to plain disks; on SSDs and copy-on-write
volumes what counts is that the KEK is elsewhere, and that it is rotated or destroyed when the folder may have leaked.
"""

import contextlib
import fcntl
import hmac
import os
import re
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rod_pipeline.deliveries import is_id
from rod_pipeline.errors import BlockedError, PermanentError
from rod_pipeline.store.sealing import ScopeKey

_MAGIC = b"ROD-KEY1"
_NONCE_BYTES = 12
_MARK = "kek.mark"
# A key file, or a draft of one that a killed process left.
_TRACE = re.compile(r"(?P<scope>[0-9a-f]{16})\.key")


class KeyGone(PermanentError):
    """The key was destroyed, on purpose and for ever."""

    code = "ROD-KEY-01"


class KeyMissing(BlockedError):
    """There is no key for a scope, and no sign that it was ever destroyed."""

    code = "ROD-KEY-02"


class KeyUnreadable(BlockedError):
    """A key file was damaged, or belongs to another scope."""

    code = "ROD-KEY-03"


class KeyStillThere(PermanentError):
    """A key was to be destroyed and can still be found."""

    code = "ROD-KEY-04"


class WrongKek(BlockedError):
    """The keyring was made under another key-encryption key."""

    code = "ROD-KEY-05"


class Keyring(Protocol):
    """Keys by scope (an opaque id). A destroyed scope never gets a key again."""

    name: ClassVar[Literal["local", "openbao"]]

    def create(self, scope: str) -> ScopeKey:
        """The key of ``scope``, made if it has none. Raises ``KeyGone``."""
        ...

    def get(self, scope: str) -> ScopeKey:
        """The key of ``scope``. Raises ``KeyGone``, ``KeyMissing`` or ``KeyUnreadable``."""
        ...

    def exists(self, scope: str) -> bool:
        """Whether ``scope`` has a key now."""
        ...

    def traces(self) -> Mapping[str, int]:
        """For each scope how many things hold, or may hold, key material of it; drafts count as well."""
        ...

    def destroy(self, scope: str) -> None:
        """Destroy the key of ``scope`` and verify that it is gone. Can be run twice. Raises ``KeyStillThere``."""
        ...


class LocalKeyring:
    """A folder of wrapped keys. Nothing is cached: a destroyed key is dead in every process at its next ``get``."""

    name: ClassVar[Literal["local", "openbao"]] = "local"

    def __init__(self, folder: Path, kek: bytes) -> None:
        """Open the keyring in ``folder``, making it when there is none. ``kek`` is 32 bytes. Raises ``WrongKek``."""
        if len(kek) != 32:
            raise WrongKek(
                "The key-encryption key has not 32 bytes.", "Hand over the key that this keyring was made with."
            )
        self._folder = folder
        self._aead = AESGCM(kek)
        self._mark = _mark_of(kek)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        with self._locked():
            self._recognise()

    def __repr__(self) -> str:
        return "<LocalKeyring>"

    @staticmethod
    def opens(folder: Path, kek: bytes) -> bool:
        """Whether the keyring in ``folder`` is known to be under this KEK."""
        mark = folder / _MARK
        return mark.exists() and hmac.compare_digest(mark.read_text().strip(), _mark_of(kek))

    def create(self, scope: str) -> ScopeKey:
        """The key of ``scope``, made if it has none. Raises ``KeyGone``; ``WrongKek`` when the KEK was replaced."""
        with self._locked():
            # Whoever was running while the KEK was replaced would make a key that nobody can open.
            self._recognise()
            if not self._gone(scope).exists() and not self._file(scope).exists():
                self._put(self._file(scope), _wrapped(self._aead, scope, ScopeKey.generate().to_bytes()))
        return self.get(scope)

    def get(self, scope: str) -> ScopeKey:
        """The key of ``scope``. Raises ``KeyGone``, ``KeyMissing`` or ``KeyUnreadable``."""
        if self._gone(scope).exists():
            raise gone()
        try:
            raw = self._file(scope).read_bytes()
        except FileNotFoundError:
            raise KeyMissing(
                "The keyring has no key for a scope that should have one.",
                "Put the keyring's own backup back, or check that this is the keyring of this environment.",
            ) from None
        try:
            return ScopeKey.from_bytes(_unwrapped(self._aead, scope, raw))
        except (InvalidTag, ValueError):
            self._recognise()
            raise KeyUnreadable(
                "A key file was damaged or exchanged.",
                "Put the keyring's own backup back. Without this key its delivery is lost, as if erased.",
            ) from None

    def exists(self, scope: str) -> bool:
        """Whether ``scope`` has a key now."""
        return self._file(scope).exists() and not self._gone(scope).exists()

    def traces(self) -> Mapping[str, int]:
        """For each scope how many files hold, or may hold, key material of it; drafts of a killed creation count."""
        found = (_TRACE.search(file.name) for file in self._folder.iterdir())
        return Counter(match["scope"] for match in found if match)

    def destroy(self, scope: str) -> None:
        """Destroy the key of ``scope`` and verify that it is gone. Can be run twice. Raises ``KeyStillThere``."""
        with self._locked():
            if not self._gone(scope).exists():
                self._put(self._gone(scope), b"")
            for file in self._traces(scope):
                with file.open("r+b") as handle:
                    handle.write(secrets.token_bytes(file.stat().st_size))
                    handle.flush()
                    os.fsync(handle.fileno())
                file.unlink()
            self._sync()
        left = self._traces(scope)
        try:
            self.get(scope)
        except KeyGone:
            if not left:
                return
        raise KeyStillThere(
            "A key was destroyed, but something of it can still be found in the keyring.",
            "Check who else writes to the folder of the keyring; then erase again.",
        )

    def _traces(self, scope: str) -> list[Path]:
        found = ((_TRACE.search(file.name), file) for file in self._folder.iterdir())
        return [file for match, file in found if match and match["scope"] == scope]

    def files(self) -> dict[str, bytes]:
        """What a backup of the keyring consists of, at one instant: wrapped keys and marks, by file name."""
        with self._locked():
            names = sorted(file.name for file in self._folder.iterdir() if not file.name.startswith("."))
            return {name: (self._folder / name).read_bytes() for name in names}

    @staticmethod
    def rewrapped(folder: Path, old: bytes, new: bytes) -> int:
        """Wrap every key of the keyring in ``folder``, if there is one, under another KEK; returns how many there are.

        Can be killed and run again, with the same two KEKs; with twice the same one it proves that every key opens.
        Raises ``KeyUnreadable`` for a key that neither opens: then the mark is still that of the old one.
        """
        if not folder.exists():
            return 0
        return LocalKeyring(folder, new if LocalKeyring.opens(folder, new) else old)._rewrap(new)

    def _rewrap(self, kek: bytes) -> int:
        """This object then opens nothing any more. What a killed creation left is removed: it never sealed anything."""
        new = LocalKeyring.__new__(LocalKeyring)
        new._folder, new._aead, new._mark = self._folder, AESGCM(kek), _mark_of(kek)
        with self._locked():
            for draft in [file for file in self._folder.iterdir() if file.name.startswith(".") and ".key" in file.name]:
                draft.unlink()
            scopes = sorted(file.stem for file in self._folder.glob("*.key"))
            for scope in scopes:
                raw = self._file(scope).read_bytes()
                try:
                    _unwrapped(new._aead, scope, raw)
                except InvalidTag:
                    material = self.get(scope).to_bytes()
                    self._put(self._file(scope), _wrapped(new._aead, scope, material))
            self._put(self._folder / _MARK, new._mark.encode())
        return len(scopes)

    def _recognise(self) -> None:
        """Refuse a KEK that would make a keyring of two halves."""
        mark = self._folder / _MARK
        if not mark.exists():
            if any(self._folder.glob("*.key")):
                raise WrongKek("The keyring has lost its mark of the key-encryption key.", "Put its backup back.")
            self._put(mark, self._mark.encode())
        if not hmac.compare_digest(mark.read_text().strip(), self._mark):
            raise WrongKek(
                "The keyring was made under another key-encryption key.",
                "Hand over the key that this keyring was made with; with another one its deliveries can't be read.",
            )

    def _file(self, scope: str) -> Path:
        return self._folder / f"{checked(scope)}.key"

    def _gone(self, scope: str) -> Path:
        return self._folder / f"{checked(scope)}.gone"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time makes or destroys."""
        with (self._folder / ".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _put(self, path: Path, content: bytes) -> None:
        """Write a new file for the owner only, whole and on disk, or not at all."""
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        self._sync()

    def _sync(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def gone() -> KeyGone:
    """What a keyring raises for a destroyed key."""
    return KeyGone(
        "The key was destroyed: what it sealed can't be read any more, and nothing new is sealed for it.",
        "There is nothing to do. What you look for was erased, with evidence in the ledger.",
    )


def checked(scope: str) -> str:
    """``scope``, if it is an opaque id. Raises ``KeyMissing``."""
    if not is_id(scope):
        raise KeyMissing("A scope is an opaque id of 16 hexadecimal digits.", "Ask the ledger for the id.")
    return scope


def _mark_of(kek: bytes) -> str:
    """What tells one KEK from another, and nothing about either."""
    return hmac.digest(kek, b"rod keyring mark v1", "sha256")[:8].hex()


def _wrapped(aead: AESGCM, scope: str, material: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _MAGIC + nonce + aead.encrypt(nonce, material, _aad(scope))


def _unwrapped(aead: AESGCM, scope: str, raw: bytes) -> bytes:
    """The key material in a file. Raises ``InvalidTag``."""
    if raw[:8] != _MAGIC or len(raw) < 8 + _NONCE_BYTES + 16:
        raise InvalidTag
    return aead.decrypt(raw[8 : 8 + _NONCE_BYTES], raw[8 + _NONCE_BYTES :], _aad(scope))


def _aad(scope: str) -> bytes:
    return b"rod key v1:" + scope.encode()
