"""Sealed bytes come back whole, or not at all."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.errors import TransientError
from rod_pipeline.store.sealing import ScopeKey, SealBroken
from tests.support.soak import examples

KEY = ScopeKey.generate()
SIZES = st.one_of(st.integers(0, 100), st.integers(2**20 - 200, 2**20 + 200), st.integers(0, 3 * 2**20))


class Kept(io.BytesIO):
    def close(self) -> None:
        pass


def seal(content: bytes, piece: int = 2**20, aad: bytes = b"a") -> bytes:
    target = Kept()
    with KEY.seal(target, aad) as stream:
        for start in range(0, len(content), piece):
            stream.write(content[start : start + piece])
    return target.getvalue()


def unseal(sealed: bytes, piece: int = 2**20, aad: bytes = b"a", key: ScopeKey = KEY) -> bytes:
    with key.open(io.BytesIO(sealed), aad) as stream:
        return b"".join(iter(lambda: stream.read(piece), b""))


@examples(15, soak=1000)
@given(SIZES, st.integers(1000, 2**21), st.integers(1000, 2**21))
def test_there_and_back_in_any_pieces(size: int, written: int, read: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    assert unseal(seal(content[:size], written), read) == content[:size]


@examples(15, soak=1000)
@given(st.data(), SIZES)
def test_one_changed_bit_is_found(data: st.DataObject, size: int) -> None:
    sealed = bytearray(seal(bytes(size)))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealBroken):
        unseal(bytes(sealed))


@examples(15, soak=1000)
@given(st.data(), SIZES)
def test_a_missing_or_an_added_end_is_found(data: st.DataObject, size: int) -> None:
    sealed = seal(bytes(size))
    keep = data.draw(st.one_of(st.integers(0, len(sealed) - 1), st.sampled_from([0, min(2**20, len(sealed) - 1)])))
    with pytest.raises(SealBroken):
        unseal(sealed[:keep])
    with pytest.raises(SealBroken):
        unseal(sealed + b"\0")


@pytest.mark.parametrize("segments", [1, 2, 3])
def test_an_end_added_to_whole_segments_is_found(segments: int) -> None:
    """Found by a soak: the bytes of the header and of a tag per segment taken off, the last segment is full."""
    size = segments * (2**20 - 16) - 40
    sealed = seal(bytes(size))
    assert len(sealed) == segments * 2**20
    assert unseal(sealed) == bytes(size)
    for added in (b"\0", bytes(1000), sealed):
        with pytest.raises(SealBroken):
            unseal(sealed + added)


def test_another_place_or_key_opens_nothing() -> None:
    sealed = seal(b"content", aad=b"a")
    with pytest.raises(SealBroken):
        unseal(sealed, aad=b"b")
    with pytest.raises(SealBroken):
        unseal(sealed, key=ScopeKey.generate())


def test_the_same_content_never_looks_the_same() -> None:
    assert seal(b"content") != seal(b"content")


class Broke(TransientError):
    code = "ROD-TEST-02"


class Failing(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def read(self, _: int = -1) -> bytes:
        raise Broke("The connection broke.", "Wait.")

    def write(self, _: object) -> int:
        raise Broke("The connection broke.", "Wait.")


def test_errors_of_the_other_end_come_out_as_themselves() -> None:
    with pytest.raises(Broke):
        KEY.open(Failing(), b"a").read()  # type: ignore[arg-type]
    with pytest.raises(Broke):
        seal_into(Failing())


def seal_into(target: Failing) -> None:
    with KEY.seal(target, b"a") as stream:  # type: ignore[arg-type]
        stream.write(bytes(3 * 2**20))
