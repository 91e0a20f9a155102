"""Where a byte stands in a chunk, one bit for each byte: the arithmetic under ``records``.

Belongs here: marking, counting and pairing bytes, 64 at a time. Does not belong here: what they mean (``records``).

The bit of the byte at ``i`` is bit ``i % 64`` of word ``i // 64``; there is one bit at least beyond the last byte. The
prefix xor over bits is how simdjson finds what is quoted (Langdale and Lemire, 2019, doi:10.1007/s00778-019-00578-5),
here by shifts instead of a carry-less product.
"""

from typing import cast

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]

_BLOCK_BYTES = 2**18
"""What fits the processor's cache."""


def marks(raw: npt.NDArray[np.uint8], byte: int) -> Words:
    """A bit for each ``byte`` in ``raw``."""
    bits = np.zeros((len(raw) // 64 + 1) * 8, np.uint8)
    for start in range(0, len(raw), _BLOCK_BYTES):
        packed = np.packbits(raw[start : start + _BLOCK_BYTES] == byte, bitorder="little")
        bits[start // 8 : start // 8 + len(packed)] = packed
    return bits.view("<u8")


def found(raw: npt.NDArray[np.uint8], byte: int) -> Positions:
    """Where ``byte`` stands in ``raw``, in order."""
    some = [
        np.flatnonzero(raw[start : start + _BLOCK_BYTES] == byte) + start for start in range(0, len(raw), _BLOCK_BYTES)
    ]
    return np.concatenate(some) if some else np.zeros(0, np.int64)


def within(quotes: Words) -> Words:
    """A bit from each opening quote up to its closing one, which has none; up to the end when it is not closed."""
    inside = quotes.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        inside ^= inside << np.uint64(shift)
    counts = np.bitwise_count(quotes).astype(np.uint64)
    odd = (np.cumsum(counts) - counts) & np.uint64(1)
    inside ^= np.uint64(0) - odd
    return inside


def positions(words: Words) -> Positions:
    """Where the bits are, in order; best when they are few."""
    bits = words.view(np.uint8)
    some = np.flatnonzero(bits)
    row, column = np.nonzero(np.unpackbits(bits[some], bitorder="little").reshape(-1, 8))
    return cast(Positions, some[row] * 8 + column)


def before(words: Words, at: Positions) -> Positions:
    """How many bits stand before each of these positions."""
    counts = np.bitwise_count(words)
    whole = np.cumsum(counts, dtype=np.int64) - counts
    word, bit = at // 64, (at % 64).astype(np.uint64)
    below = (np.uint64(1) << bit) - np.uint64(1)
    return whole[word] + np.bitwise_count(words[word] & below)


def has(words: Words, at: Positions) -> npt.NDArray[np.bool_]:
    """Whether the bit at each of these positions is set."""
    return cast(npt.NDArray[np.bool_], (words[at // 64] >> (at % 64).astype(np.uint64)) & np.uint64(1) != 0)
