"""What came: a zip or a bare csv, decided by its first bytes, as a list of members that are read as streams.

Belongs here: refusing what is no delivery or a dangerous archive, and streaming members out of it. Does not belong
here: which member is which file (``matching``), what stands in a member (``records``, ``reader``).

A zip has its directory at the end, so its compressed bytes are held in memory (a memfd, never a file); members are
inflated as they are read. A bare csv is never held. Limits against decompression bombs follow the shape of DUO's files
(text, a handful of files), not the format's. WinZip's AES (AE-1 and AE-2) and the older ZipCrypto are read; the latter
at some 1.5 MB of zip a second, since it is deciphered byte by byte in Python.
"""

import copy
import io
import itertools
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO

import pyzipper

from rod_pipeline.errors import BlockedError, PermanentError, RefusedData
from rod_pipeline.intake.refusals import shown_name

MAX_MEMBERS = 64
MAX_DIRECTORY_BYTES = 2**20
MAX_ARCHIVE_BYTES = 4 * 2**30
MAX_MEMBER_BYTES = 32 * 2**30
MAX_TOTAL_BYTES = 64 * 2**30
MAX_RATIO = 300
"""Inflated to compressed. Code tables of DUO come to 10 to 60; deflate's own bound is 1032."""
_RATIO_FREE_BYTES = 16 * 2**20

_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _STRONG, _MASKED = 0x1, 0x40, 0x2000
_COPY_BYTES = 2**20
_FIRST_BYTES = 64 * 2**10
_LOCAL_HEADER_BYTES = 30
_UNSAFE_NAME = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)|[\\\x00-\x1f\x7f]")
_HTML = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|script|!--)", re.IGNORECASE)
_OTHER_TYPES = (
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!", "RAR"),
    (b"%PDF", "PDF"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"PAR1", "Parquet"),
)
_ASK_DUO = "Download it again; if it comes the same, ask DUO for a corrected file."


class CorruptArchive(PermanentError):
    """The zip is truncated or damaged."""

    code = "ROD-ARCHIVE-01"


class WrongPassword(BlockedError):
    """The password does not open the archive."""

    code = "ROD-ARCHIVE-02"


class PasswordNeeded(BlockedError):
    """The archive is encrypted and no password was given."""

    code = "ROD-ARCHIVE-03"


class NestedArchive(RefusedData):
    """An archive in the archive: what is in it is undeclared."""

    code = "ROD-ARCHIVE-04"


class UnsafeName(PermanentError):
    """A member's name leaves the archive: absolute, with .. or with control characters."""

    code = "ROD-ARCHIVE-05"


class DoubleMember(PermanentError):
    """Two members of one name."""

    code = "ROD-ARCHIVE-06"


class SpecialMember(PermanentError):
    """A symbolic link, device or the like."""

    code = "ROD-ARCHIVE-07"


class DecompressionBomb(PermanentError):
    """Too many members, too large, or blown up beyond what text compresses to."""

    code = "ROD-ARCHIVE-08"


class EmptyArchive(PermanentError):
    """An archive without a file."""

    code = "ROD-ARCHIVE-09"


class EmptyMember(PermanentError):
    """A file of 0 bytes in the archive; an absent file is another error."""

    code = "ROD-ARCHIVE-10"


class UnknownMethod(PermanentError):
    """Compressed or encrypted in a way that is not read here."""

    code = "ROD-ARCHIVE-11"


class BrokenMember(PermanentError):
    """A checksum or length of a member is wrong, found while it was read."""

    code = "ROD-ARCHIVE-12"


class WebPage(PermanentError):
    """An HTML page came instead of a file."""

    code = "ROD-ARCHIVE-13"


class NotADelivery(PermanentError):
    """Neither a zip nor text."""

    code = "ROD-ARCHIVE-14"


class NothingCame(PermanentError):
    """0 bytes came."""

    code = "ROD-ARCHIVE-15"


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the delivery. ``size`` is in bytes as the archive says it; None for a bare csv.

    ``open`` gives a plain stream, front to back, that checks length and checksum at its end. A member of a zip can be
    opened again; a bare csv once.
    """

    name: str
    size: int | None
    _source: "_Zip | _Bare" = field(repr=False)

    def open(self) -> BinaryIO:
        return self._source.open(self)


def members(stream: BinaryIO, password: bytes | None = None, *, name: str = "delivery.csv") -> Iterator[Member]:
    """The files in what came, checked before any of them is read; ``name`` is what a bare csv is called.

    ``stream`` is read front to back and stays open for a bare csv. Directories are passed over. The memory that holds
    a zip is freed with the last member. Raises the ROD-ARCHIVE errors.
    """
    start = _read_fully(stream, 4096)
    if not start:
        raise NothingCame("0 bytes came.", _ASK_DUO)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return iter(_Zip(start, stream, password).members())
    _refuse_type(start, "What came")
    return iter([Member(name, None, _Bare(start, stream))])


def _refuse_type(start: bytes, what: str) -> None:
    if _HTML.match(start):
        raise WebPage(
            f"{what} is a web page, not a file.",
            "Open the link in a browser: it may ask to log in, or have expired. Ask DUO for a new link.",
        )
    kind = next((kind for magic, kind in _OTHER_TYPES if start.startswith(magic)), None)
    utf16 = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    if kind is not None or (b"\0" in start and not utf16):
        raise NotADelivery(f"{what} is neither a zip nor a csv ({kind or 'binary data'}).", _ASK_DUO)


class _Bare:
    """A csv without archive: the bytes that were looked at, then the rest of the stream."""

    def __init__(self, start: bytes, stream: BinaryIO) -> None:
        self._start, self._stream, self._opened = start, stream, False

    def open(self, member: Member) -> BinaryIO:
        if self._opened:
            raise BrokenMember(f"{shown_name(member.name)} was opened twice.", "Open the raw file again to read again.")
        self._opened = True
        return io.BufferedReader(_Chained(self._start, self._stream), _COPY_BYTES)


class _Chained(io.RawIOBase):
    def __init__(self, start: bytes, stream: BinaryIO) -> None:
        self._start, self._stream = start, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        data = self._start[: len(buffer)]
        self._start = self._start[len(data) :]
        data = data or self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _MemoryFile(io.FileIO):
    """Anonymous memory that goes when nothing refers to it any more."""

    def __init__(self) -> None:
        super().__init__(os.memfd_create("rod-archive", os.MFD_CLOEXEC), "w+")

    def __del__(self) -> None:
        self.close()


class _Zip:
    """An opened archive whose directory has been checked."""

    def __init__(self, start: bytes, stream: BinaryIO, password: bytes | None) -> None:
        memory = _MemoryFile()
        self._size = 0
        while start:
            self._size += len(start)
            if self._size > MAX_ARCHIVE_BYTES:
                raise DecompressionBomb(f"The archive is larger than {MAX_ARCHIVE_BYTES} bytes.", _ASK_DUO)
            memory.write(start)
            start = stream.read(_COPY_BYTES)
        self._password = password or None
        _check_directory(memory)
        try:
            self._zip = pyzipper.AESZipFile(memory)
            infos = self._zip.infolist()
        except Exception:
            raise CorruptArchive("The zip is truncated or damaged: its directory can't be read.", _ASK_DUO) from None
        self._infos = {info.filename: info for info in _checked(infos, self._size)}

    def members(self) -> Sequence[Member]:
        found = [Member(name, info.file_size, self) for name, info in self._infos.items()]
        for member in found:
            self._look_into(member)
        return found

    def _look_into(self, member: Member) -> None:
        shown = shown_name(member.name)
        with self.open(member) as stream:
            start = stream.read(4096)
        if start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
            raise NestedArchive(f"{shown} is an archive within the archive.", "Ask DUO for the files themselves.")
        _refuse_type(start, shown)

    def open(self, member: Member) -> BinaryIO:
        info, shown = self._infos[member.name], shown_name(member.name)
        encrypted = bool(info.flag_bits & _ENCRYPTED)
        if encrypted and self._password is None:
            raise PasswordNeeded(f"{shown} is encrypted.", "Give its password with `rod zip-password`, then rerun.")
        # zipfile cuts off what is longer than declared, and AE-2 has no checksum to show it: let one byte more by.
        info, size = copy.copy(info), info.file_size
        info.file_size = size + 1
        try:
            opened = self._zip.open(info, pwd=self._password if encrypted else None)
            # A wrong password passes ZipCrypto's own check once in 256 times, and then shows as damage at the start.
            first = opened.read(_FIRST_BYTES) if encrypted else b""
        except Exception:
            if encrypted:
                raise WrongPassword(
                    f"The password does not open {shown}, or its start is damaged.",
                    "Check the password with DUO, give it with `rod zip-password`, then rerun.",
                ) from None
            raise CorruptArchive(f"{shown} can't be opened: the zip is damaged.", _ASK_DUO) from None
        return io.BufferedReader(_Inflated(first, opened, size, shown), _COPY_BYTES)


class _Inflated(io.RawIOBase):
    """A member's content; a wrong checksum, length or authentication code is an error at its end."""

    def __init__(self, first: bytes, opened: BinaryIO, size: int, shown: str) -> None:
        self._first, self._opened, self._left, self._shown = first, opened, size, shown

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        try:
            data = self._first[: len(buffer)] or self._opened.read(len(buffer))
        except Exception:
            raise BrokenMember(f"{self._shown} is damaged: its checksum or coding is wrong.", _ASK_DUO) from None
        self._first = self._first[len(data) :]
        self._left -= len(data)
        if self._left < 0 or (not data and self._left):
            raise BrokenMember(f"{self._shown} has another length than the archive says.", _ASK_DUO)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._opened.close()
        super().close()


def _check_directory(memory: BinaryIO) -> None:
    """Refuse a directory of absurd size before it is read: each entry takes a kilobyte of memory.

    By the function that finds the directory for ``AESZipFile`` too, so that both look at the same one.
    """
    try:
        end = pyzipper.zipfile._EndRecData(memory)
    except Exception:
        return  # a damaged one is refused when it is read
    if end and end[pyzipper.zipfile._ECD_SIZE] > MAX_DIRECTORY_BYTES:
        raise DecompressionBomb(
            f"The archive's directory holds {end[pyzipper.zipfile._ECD_ENTRIES_TOTAL]} members in "
            f"{end[pyzipper.zipfile._ECD_SIZE]} bytes; {MAX_MEMBERS} members are the most.",
            _ASK_DUO,
        )


def _checked(infos: Sequence[pyzipper.ZipInfo], archive_bytes: int) -> list[pyzipper.ZipInfo]:
    """The files among the directory's entries, after every check that needs the directory alone."""
    if len(infos) > MAX_MEMBERS:
        raise DecompressionBomb(f"The archive holds {len(infos)} members; {MAX_MEMBERS} is the most.", _ASK_DUO)
    seen: set[str] = set()
    files = []
    for info in infos:
        shown = shown_name(info.orig_filename)
        if _UNSAFE_NAME.search(info.orig_filename) or not PurePosixPath(info.filename).name:
            raise UnsafeName(f"{shown} is no name for a file in a delivery.", _ASK_DUO)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise SpecialMember(f"{shown} is a link or a special file.", _ASK_DUO)
        if info.filename.casefold() in seen:
            raise DoubleMember(f"{shown} stands in the archive twice.", _ASK_DUO)
        seen.add(info.filename.casefold())
        if info.filename.endswith("/"):
            continue
        _check_method(info, shown)
        if info.file_size == 0:
            raise EmptyMember(f"{shown} holds 0 bytes.", _ASK_DUO)
        files.append(info)
    if not files:
        raise EmptyArchive("The archive holds no file.", _ASK_DUO)
    _check_sizes(files, archive_bytes)
    return files


def _check_method(info: pyzipper.ZipInfo, shown: str) -> None:
    if info.compress_type not in (_STORED, _DEFLATED):
        raise UnknownMethod(f"{shown} is compressed or encrypted by method {info.compress_type}.", _ASK_DUO)
    encrypted, aes = info.flag_bits & _ENCRYPTED, info.wz_aes_version is not None
    known = not aes or (info.wz_aes_version in (1, 2) and info.wz_aes_strength in (1, 2, 3))
    if info.flag_bits & (_STRONG | _MASKED) or not known or (aes and not encrypted):
        raise UnknownMethod(f"{shown} is encrypted by a method that is not read here.", _ASK_DUO)


def _check_sizes(files: Sequence[pyzipper.ZipInfo], archive_bytes: int) -> None:
    total = sum(info.file_size for info in files)
    for info in files:
        blown_up = info.file_size > max(_RATIO_FREE_BYTES, MAX_RATIO * info.compress_size)
        if info.file_size > MAX_MEMBER_BYTES or blown_up:
            raise DecompressionBomb(
                f"{shown_name(info.filename)} would grow from {info.compress_size} to {info.file_size} bytes.", _ASK_DUO
            )
    if total > MAX_TOTAL_BYTES or total > max(_RATIO_FREE_BYTES, MAX_RATIO * archive_bytes):
        raise DecompressionBomb(f"The archive would grow from {archive_bytes} to {total} bytes.", _ASK_DUO)
    placed = sorted(files, key=lambda info: info.header_offset)
    for info, following in itertools.pairwise(placed):
        if info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size > following.header_offset:
            raise CorruptArchive("Two members of the zip share bytes.", _ASK_DUO)


def _read_fully(stream: BinaryIO, count: int) -> bytes:
    parts = b""
    while len(parts) < count and (part := stream.read(count - len(parts))):
        parts += part
    return parts
