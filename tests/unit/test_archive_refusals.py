"""What comes is opened by what it is, not by its name, and every dangerous or damaged archive has its own refusal."""

import io
import random
import stat
import struct
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import pytest
import pyzipper

from rod_pipeline.errors import RodError
from rod_pipeline.intake import archive
from rod_pipeline.intake.archive import members
from tests.support.hostile import entries

CSV = b"Aa;Bb\r\n" + b"".join(b"%d;waarde\r\n" % i for i in range(5000))


class Sequential(io.RawIOBase):
    """A stream that can only be read on, a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(memoryview(buffer)[:777])

    def seek(self, *_: Any) -> int:
        raise AssertionError("not seekable")


def sequential(data: bytes) -> BinaryIO:
    return Sequential(data)  # type: ignore[return-value]


def plain_zip(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return out.getvalue()


def aes_zip(files: Mapping[str, bytes], password: bytes, bits: int = 256) -> bytes:
    out = io.BytesIO()
    with pyzipper.AESZipFile(out, "w", compression=pyzipper.ZIP_DEFLATED) as made:
        made.setpassword(password)
        made.setencryption(pyzipper.WZ_AES, nbits=bits)
        for name, data in files.items():
            made.writestr(name, data)
    return out.getvalue()


def zipcrypto_zip(name: str, data: bytes, password: bytes) -> bytes:
    """A stored member under ZipCrypto; written here because Python only reads it."""
    crc = zipfile.crc32(data)
    header = keys_encrypt(password, bytes(11) + bytes([crc >> 24]) + data)
    raw = name.encode()
    common = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 0x21, crc, len(header), len(data), len(raw), 0)
    local = b"PK\x03\x04" + common + raw
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + raw
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(header), 0)
    return local + header + central + end


def keys_encrypt(password: bytes, plain: bytes) -> bytes:
    """The stream cipher of APPNOTE 6.1.5, the other way round."""
    table = [zipfile._gen_crc(i) for i in range(256)]  # type: ignore[attr-defined]
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = (keys[0] >> 8) ^ table[(keys[0] ^ byte) & 0xFF]
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = (keys[2] >> 8) ^ table[(keys[2] ^ (keys[1] >> 24)) & 0xFF]

    for byte in password:
        update(byte)
    out = bytearray()
    for byte in plain:
        k = keys[2] | 2
        out.append(byte ^ (((k * (k ^ 1)) >> 8) & 0xFF))
        update(byte)
    return bytes(out)


def opened(data: bytes, password: bytes | None = None) -> dict[str, bytes]:
    return {member.name: member.open().read() for member in members(sequential(data), password)}


def refused(data: bytes, error: type[RodError], password: bytes | None = None) -> str:
    with pytest.raises(error) as caught:
        opened(data, password)
    assert type(caught.value) is error
    assert "waarde" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_gives_its_files(method: int) -> None:
    files = {"map/a.csv": CSV, "b.txt": b"x"}
    assert opened(plain_zip({"map/": b"", **files}, method)) == files
    assert [member.size for member in members(sequential(plain_zip(files)))] == [len(CSV), 1]


def test_a_bare_csv_is_one_member_whatever_its_name() -> None:
    (member,) = members(sequential(CSV), name="lijst.zip")
    assert (member.name, member.size) == ("lijst.zip", None)
    assert member.open().read() == CSV
    with pytest.raises(archive.BrokenMember):
        member.open()


@pytest.mark.parametrize("bits", [128, 192, 256])
def test_aes_opens_with_the_password(bits: int) -> None:
    data = aes_zip({"a.csv": CSV}, b"sesam", bits)
    assert opened(data, b"sesam") == {"a.csv": CSV}
    refused(data, archive.WrongPassword, b"sesem")
    refused(data, archive.PasswordNeeded)
    refused(data, archive.PasswordNeeded, b"")


def test_zipcrypto_opens_with_the_password() -> None:
    data = zipcrypto_zip("a.csv", CSV, b"sesam")
    assert opened(data, b"sesam") == {"a.csv": CSV}
    refused(data, archive.PasswordNeeded)


def test_a_wrong_zipcrypto_password_is_one_error_even_when_its_check_passes() -> None:
    """One password in 256 passes the format's own check; the content then tells."""
    data = zipcrypto_zip("a.csv", b"kort", b"sesam")
    for number in range(600):
        refused(data, archive.WrongPassword, b"%d" % number)


def test_a_password_that_is_not_needed_does_no_harm() -> None:
    assert opened(plain_zip({"a.csv": CSV}), b"sesam") == {"a.csv": CSV}


def test_a_truncated_zip() -> None:
    data = plain_zip({"a.csv": CSV})
    for cut in (5, 100, len(data) - 30, len(data) - 1):
        refused(data[:cut], archive.CorruptArchive)


def test_a_zip_in_a_zip() -> None:
    inner = plain_zip({"a.csv": CSV})
    assert "archive within" in refused(plain_zip({"a.csv": CSV, "b.csv": inner}), archive.NestedArchive)


@pytest.mark.parametrize("name", ["../a.csv", "a/../../b.csv", "/etc/a.csv", "C:\\a.csv", "..\\a.csv", "a\n.csv", ".."])
def test_names_that_leave_the_archive(name: str) -> None:
    assert "\n" not in refused(plain_zip({name: CSV}), archive.UnsafeName)


def test_double_names() -> None:
    with pytest.warns(UserWarning):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as made:
            made.writestr("a.csv", CSV)
            made.writestr("a.csv", CSV)
    refused(out.getvalue(), archive.DoubleMember)
    refused(plain_zip({"a.csv": CSV, "A.CSV": CSV}), archive.DoubleMember)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_special_files(kind: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        info = zipfile.ZipInfo("a.csv")
        info.external_attr = (kind | 0o644) << 16
        made.writestr(info, b"/etc/passwd")
    refused(out.getvalue(), archive.SpecialMember)


def test_too_many_members() -> None:
    refused(plain_zip({f"{i}.csv": b"x" for i in range(65)}), archive.DecompressionBomb)


def test_a_directory_of_absurd_size_is_not_read() -> None:
    assert "directory holds 20000 members" in refused(b"".join(entries(20_000)), archive.DecompressionBomb)


def test_a_declared_bomb() -> None:
    refused(plain_zip({"a.csv": bytes(40 * 2**20)}), archive.DecompressionBomb)


def test_a_bomb_that_lies_about_its_size_is_cut_off() -> None:
    data = bytearray(plain_zip({"a.csv": b"a" * (40 * 2**20)}))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 1000)
    refused(bytes(data), archive.BrokenMember)


def test_a_member_shorter_than_declared() -> None:
    data = bytearray(plain_zip({"a.csv": CSV}))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", len(CSV) + 1)
    refused(bytes(data), archive.BrokenMember)


def test_members_within_each_other() -> None:
    """A member whose bytes hold another member, both in the directory: the way to a bomb without nesting."""
    inner = plain_zip({"b.csv": CSV}, zipfile.ZIP_STORED)
    split = inner.index(b"PK\x01\x02")
    prefix = b"Aa;Bb\r\n"
    data = plain_zip({"a.csv": prefix + inner[:split]}, zipfile.ZIP_STORED)
    at = data.rindex(b"PK\x01\x02")
    entry = bytearray(inner[split : inner.index(b"PK\x05\x06")])
    entry[42:46] = struct.pack("<I", 30 + len("a.csv") + len(prefix))
    directory = data[at : data.rindex(b"PK\x05\x06")] + bytes(entry)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 2, 2, len(directory), at, 0)
    assert "share bytes" in refused(data[:at] + directory + end, archive.CorruptArchive)


def test_a_bomb_beside_a_large_honest_file() -> None:
    honest = random.Random(1).randbytes(2**20).hex().encode()
    assert "'b.csv'" in refused(plain_zip({"a.csv": honest, "b.csv": b"0" * 40 * 2**20}), archive.DecompressionBomb)


def test_an_empty_archive_and_an_empty_member() -> None:
    refused(plain_zip({}), archive.EmptyArchive)
    refused(plain_zip({"map/": b""}), archive.EmptyArchive)
    assert "'b.csv'" in refused(plain_zip({"a.csv": CSV, "b.csv": b""}), archive.EmptyMember)
    refused(b"", archive.NothingCame)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unknown_compression(method: int) -> None:
    assert str(method) in refused(plain_zip({"a.csv": CSV}, method), archive.UnknownMethod)


@pytest.mark.parametrize("flag", [0x40, 0x2000])
def test_unknown_encryption(flag: int) -> None:
    data = bytearray(plain_zip({"a.csv": CSV}))
    at = data.index(b"PK\x01\x02")
    data[at + 8 : at + 10] = struct.pack("<H", flag)
    refused(bytes(data), archive.UnknownMethod)


def test_aes_that_is_not_marked_as_encrypted_is_not_handed_out_as_it_stands() -> None:
    data = bytearray(aes_zip({"a.csv": b"kort"}, b"sesam"))
    at = data.index(b"PK\x01\x02")
    data[at + 8 : at + 10] = b"\0\0"
    refused(bytes(data), archive.UnknownMethod, b"sesam")


@pytest.mark.parametrize("size", [1, len(CSV) // 2, len(CSV) - 1, len(CSV) + 1])
@pytest.mark.parametrize("packed", [aes_zip({"a.csv": CSV}, b"sesam"), plain_zip({"a.csv": CSV}, zipfile.ZIP_STORED)])
def test_another_length_than_declared_is_never_cut_to_it(size: int, packed: bytes) -> None:
    data = bytearray(packed)
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", size)
    with pytest.raises((archive.BrokenMember, archive.WrongPassword)):
        opened(bytes(data), b"sesam")


def test_method_99_without_its_key() -> None:
    data = bytearray(plain_zip({"a.csv": CSV}))
    at = data.index(b"PK\x01\x02")
    data[at + 10 : at + 12] = struct.pack("<H", 99)
    refused(bytes(data), archive.UnknownMethod)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damage_in_the_middle_shows_while_reading(method: int) -> None:
    data = bytearray(plain_zip({"a.csv": CSV}, method))
    data[len(data) // 2] ^= 0xFF
    refused(bytes(data), archive.BrokenMember)


def test_damage_under_aes_shows_while_reading() -> None:
    data = bytearray(aes_zip({"a.csv": CSV * 40}, b"sesam"))
    data[-300] ^= 0xFF
    refused(bytes(data), archive.BrokenMember, b"sesam")


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><html>", b"\xef\xbb\xbf\n <html lang='nl'>", b"<HTML>", b"<!-- x --><html>"]
)
def test_a_web_page_is_no_delivery(page: bytes) -> None:
    refused(page, archive.WebPage)
    assert "'a.csv'" in refused(plain_zip({"a.csv": page}), archive.WebPage)


@pytest.mark.parametrize("start", [b"\x1f\x8b\x08", b"%PDF-1.7", b"7z\xbc\xaf\x27\x1c", b"\x7fELF\0\0", b"PAR1"])
def test_other_types_are_no_delivery(start: bytes) -> None:
    refused(start + CSV, archive.NotADelivery)


def test_a_member_can_be_opened_again_and_others_meanwhile() -> None:
    one, two = members(sequential(plain_zip({"a.csv": CSV, "b.csv": CSV[::-1]})))
    with one.open() as first, two.open() as second:
        assert first.read(10) == CSV[:10]
        assert second.read() == CSV[::-1]
        assert first.read() == CSV[10:]
    assert one.open().read() == CSV
