"""Files made to break a reader, far larger than what they are made from; each is read in a process with limits.

``python -m tests.support.hostile NAME`` reads one of ``FILES`` and prints, as JSON, the code and the text of the
refusal, the rows read, and the peak memory. It dies after a minute of CPU time.
"""

import io
import json
import resource
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import Any, BinaryIO, cast

from tests.support.memory import peak_mib

from rod_pipeline.contracts.model import Contract
from rod_pipeline.errors import RodError
from rod_pipeline.intake.archive import members
from rod_pipeline.intake.reader import read_table
from tests.support.reader import contract

CPU_SECONDS = 60
MIB = 2**20
GIB = 2**30


class Stream(io.RawIOBase):
    """Bytes from an iterable, read once; nothing is kept."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks, self._left = iter(blocks), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._left = self._left or next(self._blocks, b"")
        data = self._left[: len(buffer)]
        self._left = self._left[len(data) :]
        buffer[: len(data)] = data
        return len(data)


def many(block: bytes, size: int) -> Iterator[bytes]:
    """About ``size`` bytes of ``block`` over and over, a megabyte at a time."""
    block *= max(MIB // len(block), 1)
    return repeat(block, size // len(block))


def after(head: bytes, blocks: Iterable[bytes], tail: bytes = b"") -> Iterator[bytes]:
    return chain([head], blocks, [tail] if tail else [])


HEAD = b"Aa;Bb;Cc\r\n1;2;3\r\n"


def zipped(entries: Iterable[tuple[bytes, bytes, int, int, int]], *, lie: int | None = None) -> Iterator[bytes]:
    """A zip of these: name, raw data, method, size inflated, checksum; ``lie`` is the size told instead."""
    at, directory, count = 0, [], 0
    for name, data, method, size, crc in entries:
        told = size if lie is None else lie
        common = struct.pack("<HHHHHIIIHH", 20, 0, method, 0, 0x21, crc, len(data), told, len(name), 0)
        yield b"PK\x03\x04" + common + name + data
        directory.append(b"PK\x01\x02\x14\x00" + common + struct.pack("<HHHII", 0, 0, 0, 0, at) + name)
        at += 30 + len(name) + len(data)
        count += 1
    held = b"".join(directory)
    if count >= 0xFFFF:
        yield held
        yield struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, len(held), at)
        yield struct.pack("<IIQI", 0x07064B50, 0, at + len(held), 1)
        yield struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, len(held), at, 0)
    else:
        yield held + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(held), at, 0)


def deflated(blocks: Iterable[bytes]) -> tuple[bytes, int, int]:
    """Raw deflate of the blocks, their size and checksum."""
    packer, crc, size, parts = zlib.compressobj(9, zlib.DEFLATED, -15), 0, 0, []
    for block in blocks:
        crc, size = zlib.crc32(block, crc), size + len(block)
        parts.append(packer.compress(block))
    return b"".join([*parts, packer.flush()]), size, crc


def bomb(size: int, lie: int | None = None) -> Iterator[bytes]:
    data, real, crc = deflated(many(b"1;2;3\r\n", size))
    return zipped([(b"inschrijving.csv", data, 8, real, crc)], lie=lie)


def overlapping() -> Iterator[bytes]:
    """Fifty names for the same bytes."""
    data, size, crc = deflated(many(b"1;2;3\r\n", 15 * MIB))
    whole = b"".join(zipped([(b"00.csv", data, 8, size, crc)]))
    entry = whole[36 + len(data) : -22]
    directory = b"".join(entry.replace(b"00.csv", b"%02d.csv" % i) for i in range(50))
    yield whole[: 36 + len(data)] + directory
    yield struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 50, 50, len(directory), 36 + len(data), 0)


def nested() -> Iterator[bytes]:
    inner = b"".join(bomb(64 * MIB))
    return zipped([(b"inschrijving.csv", inner, 0, len(inner), zlib.crc32(inner))])


def entries(count: int) -> Iterator[bytes]:
    return zipped((b"%d.csv" % i, b"x", 0, 1, 0x8CDC1683) for i in range(count))


def cut_zip() -> Iterator[bytes]:
    whole = b"".join(bomb(8 * MIB))
    yield whole[: len(whole) // 2]


PLAIN = contract("aa", "bb", "cc")
MAIL = b"x" * 64_000 + b"@"
"""What a search for a mail address takes the square of its length for."""

FILES: dict[str, tuple[Callable[[], Iterable[bytes]], str]] = {
    "a zip bomb": (lambda: bomb(256 * MIB), "ROD-ARCHIVE-08"),
    "a zip bomb that says it is small": (lambda: bomb(256 * MIB, lie=1000), "ROD-ARCHIVE-12"),
    "a zip in a zip": (nested, "ROD-ARCHIVE-04"),
    "fifty members of the same bytes": (overlapping, "ROD-ARCHIVE-08"),
    "a zip of 100,000 members": (lambda: entries(100_000), "ROD-ARCHIVE-08"),
    "half a zip": (cut_zip, "ROD-ARCHIVE-01"),
    "nothing": (lambda: [], "ROD-ARCHIVE-15"),
    "a header of 10,000,000 columns": (lambda: many(b"Kolom;", 60 * 10**6), "ROD-FILE-08"),
    "a header of the same name 340,000 times": (
        lambda: after(b"Bb;Cc", repeat(b";Aa", 340_000), b"\r\n1"),
        "ROD-FILE-14",
    ),
    "a header of 90,000 names": (
        lambda: after(
            b"Aa;Bb;Cc", (b";Naam%s" % bytes([97 + i % 26, 97 + i // 26 % 26]) for i in range(90_000)), b"\n1"
        ),
        "ROD-FILE-17",
    ),
    "a header of 200,000 identifiers": (
        lambda: after(b"Aa;Bb;Cc", repeat(b";BSN", 200_000), b"\r\n1"),
        "ROD-PRIVACY-01",
    ),
    "a value of a gigabyte": (lambda: after(HEAD + b"4;", many(b"x", GIB), b";6\r\n"), "ROD-FILE-08"),
    "a quoted value of a gigabyte": (lambda: after(HEAD + b'4;"', many(b"x\n", GIB), b'";6\r\n'), "ROD-FILE-07"),
    "a line that does not end": (lambda: after(HEAD, many(b"1;2;3;", 2 * GIB)), "ROD-FILE-08"),
    "a quote that does not close in 2 GiB": (lambda: after(HEAD + b'"', many(b"1;2;3\r\n", 2 * GIB)), "ROD-FILE-07"),
    "2 GiB of line feeds": (lambda: many(b"\n", 2 * GIB), "ROD-FILE-09"),
    "a header and 2 GiB of line feeds": (lambda: after(HEAD, many(b"\n", 2 * GIB)), "ROD-FILE-09"),
    "2 GiB of NULs": (lambda: many(b"\0", 2 * GIB), "ROD-ARCHIVE-14"),
    "rows and 2 GiB of NULs": (lambda: after(HEAD + b"1;2;3\n" * 1000 + b"\0\n", many(b"\0", 2 * GIB)), "ROD-FILE-05"),
    "2 GiB of separators": (lambda: after(HEAD, many(b";", 2 * GIB)), "ROD-FILE-08"),
    "2 GiB of quotes": (lambda: after(HEAD, many(b'"', 2 * GIB)), "ROD-FILE-07"),
    "2 GiB of carriage returns": (lambda: after(HEAD, many(b"\r", 2 * GIB)), "ROD-FILE-08"),
    "2 GiB of the wrong encoding": (lambda: after(HEAD, many(b"1;\xe9;3\r\n", 2 * GIB)), "ROD-FILE-03"),
    "values that look almost like mail addresses": (
        lambda: after(b"Aa;Bb;Cc\n", (b"%s%d;%s%d;%s%d\n" % ((MAIL, i) * 3) for i in range(900))),
        "",
    ),
    "a wrong last line after 300 MiB": (lambda: after(HEAD, many(b"1;2;x\r\n", 300 * MIB), b"4;5\r\n"), "ROD-FILE-06"),
}
"""A hostile file, and the code of its refusal; '' when it is to be read."""


def read(blocks: Iterable[bytes], by: Contract) -> int:
    """Open and read as intake does; returns the rows."""
    rows = 0
    for member in members(cast(BinaryIO, Stream(blocks)), name="inschrijving.csv"):
        table = read_table(member.open(), by)
        table.frame.sink_parquet(cast(io.BytesIO, _Nowhere()))
        rows += table.finish().rows
    return rows


class _Nowhere:
    closed = False

    def write(self, data: bytes) -> int:
        return len(data)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    blocks = FILES[sys.argv[1]][0]()
    code, text, rows = "", "", 0
    try:
        rows = read(blocks, PLAIN)
    except RodError as error:
        code, text = error.code, str(error)
    peak = peak_mib()
    print(json.dumps({"code": code, "text": text, "rows": rows, "mib": peak}))  # noqa: T201


if __name__ == "__main__":
    main()
