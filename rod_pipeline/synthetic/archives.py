"""Zips around a delivery: plain, AES (WinZip's AE-2) and the old ZipCrypto.

Belongs here: writing archives as streams. Does not belong here: reading them (``intake.archive``). The standard library
reads ZipCrypto but does not write it, and that is what older tools send, so the cipher of PKWARE's APPNOTE (section
6.1) stands here; it protects nothing and is slow, so use it for small deliveries.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, Literal

import pyzipper

Archive = Literal["zip", "aes", "zipcrypto"]
_LEVEL = 1


@dataclass(frozen=True)
class Part:
    """A file of a delivery: its name and its bytes, made when they are asked for, once."""

    name: str
    chunks: Iterable[bytes]


def pack(parts: Iterable[Part], sink: BinaryIO, archive: Archive, password: bytes | None, when: date) -> None:
    """Write the parts into one zip, front to back. ``when`` becomes their time stamp, so that bytes can be repeated.

    ``aes`` and ``zipcrypto`` need a password. The salts of AES are random, so its bytes differ from run to run.
    """
    if archive != "zip" and not password:
        raise ValueError("an encrypted archive needs a password")
    stamp = (when.year, when.month, when.day, 12, 0, 0)
    if archive == "zipcrypto":
        _ZipCrypto(sink, password or b"", stamp).write(parts)
        return
    if archive == "aes":
        target = pyzipper.AESZipFile(sink, "w", compression=zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
        target.setpassword(password)
        target.setencryption(pyzipper.WZ_AES)
    else:
        target = zipfile.ZipFile(sink, "w", compression=zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
    with target:
        for part in parts:
            info = target.zipinfo_cls(part.name, stamp) if archive == "aes" else zipfile.ZipInfo(part.name, stamp)
            info.compress_type = zipfile.ZIP_DEFLATED
            with target.open(info, "w", force_zip64=True) as member:
                for chunk in part.chunks:
                    member.write(chunk)


def _crc_table() -> list[int]:
    table = []
    for number in range(256):
        value = number
        for _ in range(8):
            value = (value >> 1) ^ (0xEDB88320 if value & 1 else 0)
        table.append(value)
    return table


class _Cipher:
    """The three keys of the traditional encryption of PKWARE."""

    _table = _crc_table()

    def __init__(self, password: bytes) -> None:
        self._keys = [0x12345678, 0x23456789, 0x34567890]
        for byte in password:
            self._mix(byte)

    def _mix(self, byte: int) -> None:
        k0, k1, k2 = self._keys
        k0 = (k0 >> 8) ^ self._table[(k0 ^ byte) & 0xFF]
        k1 = ((k1 + (k0 & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        k2 = (k2 >> 8) ^ self._table[(k2 ^ (k1 >> 24)) & 0xFF]
        self._keys = [k0, k1, k2]

    def encrypt(self, data: bytes) -> bytes:
        out = bytearray(len(data))
        for place, byte in enumerate(data):
            mask = (self._keys[2] | 2) & 0xFFFF
            out[place] = byte ^ ((mask * (mask ^ 1)) >> 8 & 0xFF)
            self._mix(byte)
        return bytes(out)


class _ZipCrypto:
    """A zip whose members are deflated and encrypted, each with its sizes behind its data (flag bit 3)."""

    _FLAGS = 0b1001

    def __init__(self, sink: BinaryIO, password: bytes, stamp: tuple[int, int, int, int, int, int]) -> None:
        year, month, day, hour, minute, second = stamp
        self._sink = sink
        self._password = password
        self._time = hour << 11 | minute << 5 | second // 2
        self._date = (year - 1980) << 9 | month << 5 | day
        self._at = 0

    def write(self, parts: Iterable[Part]) -> None:
        directory = b""
        count = 0
        for part in parts:
            directory += self._member(part)
            count += 1
        start = self._at
        self._put(directory)
        self._put(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), start, 0))

    def _member(self, part: Part) -> bytes:
        name, begin = part.name.encode("ascii"), self._at
        self._put(
            struct.pack("<4s5H3L2H", b"PK\3\4", 20, self._FLAGS, 8, self._time, self._date, 0, 0, 0, len(name), 0)
        )
        self._put(name)
        cipher = _Cipher(self._password)
        # With bit 3 the last byte of the head is checked against the time, for the checksum isn't known yet.
        head = bytes([*range(11), self._time >> 8])
        packed, size, crc = 0, 0, 0
        for chunk, grown, checksum in _deflated(part.chunks):
            data = cipher.encrypt(head + chunk if head else chunk)
            head = b""
            self._put(data)
            packed, size, crc = packed + len(data), grown, checksum
        self._put(struct.pack("<4s3L", b"PK\7\x08", crc, packed, size))
        return (
            struct.pack(
                "<4s6H3L5H2L",
                b"PK\1\2",
                20,
                20,
                self._FLAGS,
                8,
                self._time,
                self._date,
                crc,
                packed,
                size,
                len(name),
                *(0, 0, 0, 0),
                0,
                begin,
            )
            + name
        )

    def _put(self, data: bytes) -> None:
        self._sink.write(data)
        self._at += len(data)


def _deflated(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Deflated pieces with the size and the checksum of all that went in so far."""
    deflate, size, crc = zlib.compressobj(6, zlib.DEFLATED, -15), 0, 0
    for chunk in chunks:
        size, crc = size + len(chunk), zlib.crc32(chunk, crc)
        yield deflate.compress(chunk), size, crc
    yield deflate.flush(), size, crc
