"""Signed notes: text with signatures under it, as C2SP's ``signed-note`` and ``tlog-cosignature`` say.

Belongs here: keys, signing and opening. Does not belong here: what the text says (``checkpoint``), where keys lie.

Two kinds of signature are known, both Ed25519 (RFC 8032): plain (0x01), over the text; and the cosignature of a witness
(0x04), over the text with the time before it. Base64 is taken only in its one canonical form, so that no bit of a
signature can be changed without breaking it.
"""

import re
import struct
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal, NoReturn, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from rod_pipeline.errors import PermanentError

Kind = Literal[1, 4]
PLAIN: Kind = 1
COSIGNATURE: Kind = 4

_DASH = "— "
_MOST_BYTES = 1 << 20
_MOST_SIGNATURES = 100
_STAMP = struct.Struct(">Q")


class NoteRejected(PermanentError):
    """A signed note is malformed, or no known key signed it, or a signature doesn't hold."""

    code = "ROD-NOTE-01"


class BadKey(PermanentError):
    """A key, or its name, is not what it should be."""

    code = "ROD-NOTE-02"


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key with its name; ``str`` gives it as a *vkey*, the form in which it is handed out."""

    name: str
    public: bytes
    kind: Kind = PLAIN

    def __post_init__(self) -> None:
        if not _is_name(self.name) or len(self.public) != 32 or self.kind not in (PLAIN, COSIGNATURE):
            raise _bad_key()

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """The key in ``<name>+<key id>+<base64>``. Raises ``BadKey``."""
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        material = from_base64(encoded)
        if not material or material[0] not in (PLAIN, COSIGNATURE):
            raise _bad_key()
        key = cls(name, material[1:], PLAIN if material[0] == PLAIN else COSIGNATURE)
        if key_id != key.key_id.hex():
            raise _bad_key()
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes([self.kind]) + self.public)}"

    @property
    def key_id(self) -> bytes:
        """Four bytes that, with the name, tell which key signed."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def verified(self, text: str, signature: bytes) -> "Signature":
        """The signature (without its key id) once it proves to be this key's over ``text``. Raises ``NoteRejected``."""
        at = None
        message = text.encode()
        if self.kind == COSIGNATURE:
            if len(signature) != _STAMP.size + 64:
                reject("a cosignature has not the right length")
            (seconds,) = _STAMP.unpack_from(signature)
            signature = signature[_STAMP.size :]
            message = _cosigned(message, seconds)
            try:
                at = datetime.fromtimestamp(seconds, UTC)
            except (ValueError, OverflowError, OSError):
                reject("a cosignature has a time outside the calendar")
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            reject("a signature of a known key does not hold")
        return Signature(self, at)


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that was verified: whose, and for a cosignature when."""

    key: VerifyingKey
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Note:
    """A text (with its final newline) and the known keys that signed it."""

    text: str
    signatures: tuple[Signature, ...]


class SigningKey:
    """A private Ed25519 key with its name. Shows nothing of the secret."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        """``name`` is an address without scheme, such as ``mbo-raad.example/ledger``. Raises ``BadKey``."""
        self._private = private
        self.name = name
        self._public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.verifier = VerifyingKey(name, self._public, PLAIN)
        self.cosigner = VerifyingKey(name, self._public, COSIGNATURE)

    def __repr__(self) -> str:
        return f"<SigningKey {self.name}>"

    @classmethod
    def generate(cls, name: str) -> Self:
        """A new key."""
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def from_bytes(cls, name: str, secret: bytes) -> Self:
        """The key in 32 raw bytes, or in an unencrypted PEM. Raises ``BadKey``."""
        try:
            if len(secret) == 32:
                return cls(name, Ed25519PrivateKey.from_private_bytes(secret))
            private = load_pem_private_key(secret, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _bad_key() from None
        if not isinstance(private, Ed25519PrivateKey):
            raise _bad_key()
        return cls(name, private)

    @classmethod
    def from_file(cls, name: str, path: Path) -> Self:
        """The key in a file that only its owner may read. Raises ``BadKey``."""
        try:
            if path.stat().st_mode & 0o077:
                raise BadKey(
                    "The file of the signing key can be read by others than its owner.", "Run chmod 600 on it."
                )
            return cls.from_bytes(name, path.read_bytes())
        except OSError:
            raise BadKey(
                "The file of the signing key isn't there or can't be read.",
                "Put the key where the settings say, readable by the account that signs.",
            ) from None

    def to_bytes(self) -> bytes:
        """The secret, 32 raw bytes, for the file that it is kept in."""
        return self._private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())

    def to_pem(self) -> bytes:
        """The secret as PKCS 8 in PEM, unencrypted."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, text: str) -> str:
        """The line of a plain signature over ``text``."""
        return _line(self.verifier, self._private.sign(text.encode()))

    def cosign(self, text: str, at: datetime) -> str:
        """The line of a cosignature: a witness saw ``text`` at ``at``, to the second."""
        seconds = int(at.timestamp())
        signed = self._private.sign(_cosigned(text.encode(), seconds))
        return _line(self.cosigner, _STAMP.pack(seconds) + signed)


def sign_note(text: str, key: SigningKey) -> bytes:
    """``text`` as a note, signed by ``key``. It ends in a newline and holds no other control characters."""
    if not text.endswith("\n") or _has_controls(text):
        reject("its text does not end in a newline, or holds control characters")
    return f"{text}\n{key.sign(text)}".encode()


def open_note(data: bytes, verifiers: Iterable[VerifyingKey]) -> Note:
    """The text of a note that at least one of ``verifiers`` signed.

    Signatures by other keys are ignored; one by a known key that doesn't hold condemns the note. Raises
    ``NoteRejected``.
    """
    if len(data) > _MOST_BYTES:
        reject("it is larger than a note may be")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        reject("it is no UTF-8")
    before, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or _has_controls(whole):
        reject("it has no signatures, does not end in a newline, or holds control characters")
    text = before + "\n"
    known = {(key.name, key.key_id): key for key in verifiers}
    found: dict[VerifyingKey, Signature] = {}
    signatures = [_parsed(line) for line in lines[:-1].split("\n")]
    if len(signatures) > _MOST_SIGNATURES:
        reject("it has more signatures than a note may have")
    for name, signature in signatures:
        key = known.get((name, signature[:4]))
        if key is not None:
            verified = key.verified(text, signature[4:])
            found.setdefault(key, verified)
    if not found:
        reject("none of the keys that are trusted signed it")
    return Note(text, tuple(found.values()))


def reject(why: str) -> NoReturn:
    """Raise ``NoteRejected``."""
    raise NoteRejected(
        f"The signed note is refused: {why}.",
        "Don't rely on it. Compare the key with the one that was handed over, and ask for the original note again.",
    )


def to_base64(data: bytes) -> str:
    """Base64 as C2SP's formats have it: the standard alphabet, padded."""
    return b64encode(data).decode()


def from_base64(text: str) -> bytes | None:
    """The bytes in canonical base64, or None when it is no such thing."""
    try:
        data = b64decode(text, validate=True)
    except (NotBase64, ValueError):
        return None
    return data if to_base64(data) == text else None


def _parsed(line: str) -> tuple[str, bytes]:
    name, _, rest = line.removeprefix(_DASH).partition(" ")
    signature = from_base64(rest)
    if not line.startswith(_DASH) or not _is_name(name) or signature is None or len(signature) < 5:
        reject("a signature line is malformed")
    return name, signature


def _line(key: VerifyingKey, signature: bytes) -> str:
    return f"{_DASH}{key.name} {to_base64(key.key_id + signature)}\n"


def _cosigned(text: bytes, seconds: int) -> bytes:
    return b"cosignature/v1\ntime %d\n" % seconds + text


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(char.isspace() for char in name) and not _has_controls(name)


def _has_controls(text: str) -> bool:
    return re.search(r"[\x00-\x09\x0b-\x1f]", text) is not None


def _bad_key() -> BadKey:
    return BadKey(
        "A key for signing or verifying notes can't be used.",
        "Hand over an Ed25519 key as it was given out: a vkey (name+id+base64), or a private key of 32 bytes or in "
        "PEM, under a name without spaces and without a plus sign.",
    )
