"""How bytes are sealed: the key of one scope and what it can do.

Belongs here: the cryptographic primitives of a scope. Does not belong here: where keys rest and how they die
(``keyring``), which bytes belong together (``vault``).

Raw files are sealed with Tink's streaming AEAD (AES-256-GCM with HKDF, segments of 1 MiB): confidential, authentic, in
order, complete, and bound to the *associated data*, so that an object can't stand in for another. Tables are encrypted
Parquet under a 32-byte footer key alone: with column keys every other column would be plain, and with an AAD prefix
DuckDB could not read it.
"""

import io
import secrets
from collections.abc import Callable
from functools import cache
from typing import BinaryIO, NoReturn, Protocol, Self, cast

import tink
from tink import proto_keyset_format, secret_key_access, streaming_aead

from rod_pipeline.errors import PermanentError, RodError

FOOTER_KEY_BYTES = 32


class SealBroken(PermanentError):
    """Ciphertext is not what was sealed under this key for this place, or not all of it."""

    code = "ROD-KEY-06"


class Sink(Protocol):
    """Anything that takes bytes, all of them at once."""

    def write(self, data: bytes, /) -> int: ...


# Tink looks at every kind of key that it knows, each time it is asked.
_register = cache(streaming_aead.register)


class ScopeKey:
    """The key of one scope. Shows nothing, can't be pickled."""

    __slots__ = ("_footer_key", "_keyset")

    def __init__(self, keyset: tink.KeysetHandle, footer_key: bytes) -> None:
        self._keyset = keyset
        self._footer_key = footer_key

    @classmethod
    def generate(cls) -> Self:
        """A fresh key from the system's random source."""
        _register()
        template = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
        return cls(tink.new_keyset_handle(template), secrets.token_bytes(FOOTER_KEY_BYTES))

    @classmethod
    def from_bytes(cls, material: bytes) -> Self:
        """The key that ``to_bytes`` gave; raises ``SealBroken`` when it is none."""
        _register()
        try:
            keyset = proto_keyset_format.parse(material[FOOTER_KEY_BYTES:], secret_key_access.TOKEN)
        except tink.TinkError:
            raise _broken("A key is not a key.") from None
        return cls(keyset, material[:FOOTER_KEY_BYTES])

    def to_bytes(self) -> bytes:
        """The bare key material, for a keyring to wrap and for nobody else."""
        return self._footer_key + cast(bytes, proto_keyset_format.serialize(self._keyset, secret_key_access.TOKEN))

    @property
    def footer_key(self) -> bytes:
        """The 32-byte footer key of this scope's Parquet files."""
        return self._footer_key

    def seal(self, sink: Sink, aad: bytes) -> BinaryIO:
        """A stream whose plaintext arrives in ``sink`` as ciphertext.

        Closing it writes the end, without which the whole is void. An error that ``sink`` raises comes out as itself.
        """
        return cast(BinaryIO, io.BufferedWriter(_SealingStream(self._primitive(), sink, aad), 2**16))

    def open(self, source: BinaryIO, aad: bytes) -> BinaryIO:
        """The plaintext of ``source``, sequential; every byte it returns is authenticated.

        Reading raises ``SealBroken`` on any change, also on truncation, at the latest at the end: plaintext counts only
        when the end was reached. Errors of ``source`` come out as themselves. Closing it closes ``source``.
        """
        return cast(BinaryIO, io.BufferedReader(_OpeningStream(self._primitive(), source, aad), 2**16))

    def _primitive(self) -> streaming_aead.StreamingAead:
        return self._keyset.primitive(streaming_aead.StreamingAead)

    def __repr__(self) -> str:
        return "<ScopeKey>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled")


def _broken(happened: str) -> SealBroken:
    return SealBroken(
        happened,
        "It was changed, cut off, moved, or sealed under another key: don't use it. Compare it with the ledger, and "
        "have it looked into.",
    )


class KeepsError:
    """Stands between a foreign engine and our streams: what ours raise would come back as bare text."""

    closed = False

    def __init__(self, act: Callable[..., int | bytes]) -> None:
        self._act = act
        self.error: RodError | None = None

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def _do(self, argument: int | bytes) -> int | bytes:
        try:
            return self._act(argument)
        except RodError as error:
            self.error = error
            raise OSError("see the error that was kept") from None

    read = write = _do

    def close(self) -> None:
        # Tink closes what it writes to; whether the object is complete is not Tink's to say.
        return


class _SealingStream(io.RawIOBase):
    def __init__(self, primitive: streaming_aead.StreamingAead, sink: Sink, aad: bytes) -> None:
        super().__init__()
        self._sink = KeepsError(sink.write)
        self._inner = primitive.new_encrypting_stream(self._sink, aad)

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        try:
            # Tink copies what it is handed at once: small bites are four times as fast.
            return int(self._inner.write(memoryview(data)[: 2**16]))
        except tink.TinkError:
            raise self._sink.error or _broken("Sealing failed.") from None

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        try:
            self._inner.close()
        except tink.TinkError:
            raise self._sink.error or _broken("Sealing failed.") from None


class _OpeningStream(io.RawIOBase):
    def __init__(self, primitive: streaming_aead.StreamingAead, source: BinaryIO, aad: bytes) -> None:
        super().__init__()
        self._close_source, self._more = source.close, source.read
        self._source = KeepsError(source.read)
        self._inner = primitive.new_decrypting_stream(self._source, aad)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._inner.read(len(buffer))
        except tink.TinkError:
            raise self._source.error or _broken("Sealed bytes could not be opened.") from None
        if not data and len(buffer) and self._more(1):
            # Where content ends with a segment, Tink (1.16) doesn't look whether something comes after it.
            raise _broken("Something follows on sealed bytes.")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._close_source()
        super().close()
