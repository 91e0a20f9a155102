"""Broken files without end, the same ones each time: a number is a file.

Whole files in every dialect and archives of each kind are broken as files get broken: bits flip, ends are cut off,
parts are doubled or taken from another file, encodings are mixed, quotes lose their partner, line ends change, headers
are edited, values grow huge. ``outcome`` reads one by the real readers and holds what they return against a naive
reading by Python's own csv module: read whole and right, or refused with a code.
"""

import csv
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from rod_pipeline.contracts.model import Contract
from rod_pipeline.errors import RodError
from rod_pipeline.intake.archive import members
from rod_pipeline.intake.records import CHUNK_BYTES
from tests.support.reader import contract, read, write_csv
from tests.unit.test_archive_refusals import aes_zip, plain_zip, sequential, zipcrypto_zip

MARKER = "77777"
"""Part of many values; no refusal may hold it."""
PASSWORD = b"sesam"
READ = "read whole"

_DIALECTS: tuple[dict[str, Any], ...] = (
    {},
    {"bom": True, "header_prefix": "#"},
    {"quote": "", "header": False, "control_record": "SLR"},
    {"separator": "|", "quote": "", "newline": "\n"},
    {"separator": ",", "newline": "\n", "control_record": "SLR"},
    {"separator": "\t", "encoding": "cp1252"},
    {"header": False},
)
_COLUMNS = ("sectornummer", "geslacht", "opmerking", "aantal")
_ODD = (
    b'"', b'""', b";", b",", b"|", b"\t", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b"\xff", b"\xe9", b"\xc3\xa9", b"\xc3",
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80", b"\x81", b"\x1a", b"\x0c", b" ", b"#",
    b"\xe2\x80\xa8", b"\xc2\x85", b"SLR", b"SLR;3\r\n", b"=1+1", b"\\", b"'", b"PK\x03\x04", b"<html>", b"\x1f\x8b",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken file: its bytes, the contract to read it by, how large the chunks are, and whether it came as it is."""

    data: bytes
    by: Contract
    chunk_bytes: int
    archive: bool


@dataclass(frozen=True, slots=True)
class _Whole:
    data: bytes
    by: Contract


@cache
def _tables() -> tuple[_Whole, ...]:
    found = []
    for number, dialect in enumerate(_DIALECTS):
        by = contract(*_COLUMNS, dialect=dialect)
        for rows in (3, 40):
            odd = ["é", "x y", "ß-", "a"] if by.dialect.quote == "" else ["é;", 'a"b', "c\nd", "ß,|\t"]
            table = [
                [f"{MARKER}{i:04d}", "MVO"[i % 3], odd[i % 4] if i % 5 else None, str(i * 3) if i % 7 else None]
                for i in range(1, rows + 1)
            ]
            headers = [column.header for column in by.columns] if by.dialect.header else None
            found.append(_Whole(write_csv(table, by.dialect, headers, quote_all=number % 3 == 1), by))
    return tuple(found)


@cache
def _archives() -> tuple[_Whole, ...]:
    found = []
    for whole in _tables()[::2]:
        files = {"inschrijving.csv": whole.data, "map/diplomas.csv": b"Aa;Bb\r\n1;2\r\n" * 20}
        packed = (plain_zip(files), plain_zip(files, 0), aes_zip(files, PASSWORD))
        found += [_Whole(data, whole.by) for data in packed]
        found.append(_Whole(zipcrypto_zip("inschrijving.csv", whole.data, PASSWORD), whole.by))
    return tuple(found)


def broken(number: int) -> Broken:
    """The broken file of this number; but for the clock in a zip and the salts of AES always the same."""
    rng = random.Random(number)
    archive = rng.random() < 0.25
    whole = rng.choice(_archives() if archive else _tables())
    data = whole.data
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        data = rng.choice(_BREAKS)(rng, data, whole)
    return Broken(data, whole.by, rng.choice((61, 700, CHUNK_BYTES)), archive)


def naive(data: bytes, by: Contract) -> list[tuple[str | None, ...]]:
    """The rows as Python's csv module reads them, in the contract's order; any error of Python's for a file that isn't
    well-formed."""
    dialect = by.dialect
    text = data.decode(dialect.encoding)
    if dialect.bom:
        text = text.removeprefix("\ufeff")
    rows = list(
        csv.reader(
            io.StringIO(text, newline=""),
            delimiter=dialect.separator,
            quotechar=dialect.quote or None,
            quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
            strict=True,
        )
    )
    names = [column.name for column in by.columns]
    order = names
    if dialect.header:
        header = rows.pop(0)
        header[0] = header[0].removeprefix(dialect.header_prefix)
        order = [{column.header: column.name for column in by.columns}[text] for text in header]
    if dialect.control_record:
        rows.pop()
    return [tuple(row[order.index(name)] or None for name in names) for row in rows]


def outcome(case: Broken) -> str:
    """``READ``, or the code of the refusal. Anything else is an exception: a crash, a row lost, a value told."""
    try:
        if case.archive:
            found = {member.name: member.open().read() for member in members(sequential(case.data), PASSWORD)}
            if case.data.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
                known = {data for whole in _tables() for data in (whole.data, b"Aa;Bb\r\n1;2\r\n" * 20)}
                assert set(found.values()) <= known, "an archive gave what was never in one"
            for name, data in found.items():
                if "inschrijving" in name:
                    _held(data, case)
        else:
            _held(case.data, case)
    except RodError as error:
        assert error.code.startswith("ROD-")
        assert MARKER not in str(error), "a refusal tells a value"
        return error.code
    return READ


def _held(data: bytes, case: Broken) -> None:
    frame, report = read(data, case.by, chunk_bytes=case.chunk_bytes)
    expected = naive(data, case.by)
    assert frame.drop("_row").rows() == expected, "other rows than the naive reading has"
    assert frame.get_column("_row").to_list() == list(range(1, len(expected) + 1))
    assert report.rows == len(expected)


# -- how files get broken ----------------------------------------------------------------------------------------------

_Break = Callable[[random.Random, bytes, _Whole], bytes]


def _at(rng: random.Random, data: bytes) -> int:
    return rng.randrange(len(data) + 1)


def _range(rng: random.Random, data: bytes, most: int = 400) -> tuple[int, int]:
    start = _at(rng, data)
    return start, min(start + rng.randrange(most), len(data))


def _flip(rng: random.Random, data: bytes, _: _Whole) -> bytes:
    changed = bytearray(data)
    for _n in range(rng.choice((1, 1, 2, 8, 40))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _insert(rng: random.Random, data: bytes, _: _Whole) -> bytes:
    at = _at(rng, data)
    return data[:at] + rng.choice(_ODD) * rng.choice((1, 1, 1, 2, 50)) + data[at:]


def _replace(rng: random.Random, data: bytes, _: _Whole) -> bytes:
    at = _at(rng, data)
    return data[:at] + rng.choice(_ODD) + data[at + 1 :]


def _truncate(rng: random.Random, data: bytes, _: _Whole) -> bytes:
    return data[: _at(rng, data)] if rng.random() < 0.7 else data[_at(rng, data) :]


def _remove(rng: random.Random, data: bytes, _: _Whole) -> bytes:
    start, end = _range(rng, data)
    return data[:start] + data[end:]


def _double(rng: random.Random, data: bytes, _: _Whole) -> bytes:
    start, end = _range(rng, data, rng.choice((20, 400, 5000)))
    return data[:end] + data[start:end] * rng.choice((1, 1, 3)) + data[end:]


def _splice(rng: random.Random, data: bytes, _: _Whole) -> bytes:
    other = rng.choice(rng.choice((_tables(), _archives()))).data
    start, end = _range(rng, other, 5000)
    at = _at(rng, data)
    return data[:at] + other[start:end] + (data[at:] if rng.random() < 0.7 else b"")


def _swap_lines(rng: random.Random, data: bytes, _: _Whole) -> bytes:
    lines = data.splitlines(keepends=True)
    rng.shuffle(lines)
    return b"".join(lines)


def _other_ends(rng: random.Random, data: bytes, _: _Whole) -> bytes:
    old, new = rng.sample((b"\r\n", b"\n", b"\r", b"\n\r", b"\r\r\n"), 2)
    return data.replace(old, new, rng.choice((-1, 1, 3)))


def _other_encoding(rng: random.Random, data: bytes, whole: _Whole) -> bytes:
    start, end = (0, len(data)) if rng.random() < 0.4 else _range(rng, data, 2000)
    text = data[start:end].decode(whole.by.dialect.encoding, "ignore")
    encoding = rng.choice(
        ("utf-8", "cp1252", "latin-1", "utf-16", "utf-16-le", "utf-8-sig", "cp037", "utf-32", "utf-7")
    )
    return data[:start] + text.encode(encoding, "replace") + data[end:]


def _unquote(rng: random.Random, data: bytes, _: _Whole) -> bytes:
    places = [i for i, byte in enumerate(data) if byte == 34]
    if not places:
        return _insert(rng, data, _)
    at = rng.choice(places)
    return data[:at] + data[at + 1 :]


def _huge(rng: random.Random, data: bytes, _: _Whole) -> bytes:
    at = _at(rng, data)
    size = rng.choice((65_530, 65_537, 70_000, 1_048_570, 1_100_000) if rng.random() < 0.2 else (300, 5000, 65_537))
    return data[:at] + rng.choice((b"x", b"1", b'"', b";", b"\n", b"\0", b"\r", b" ", b"\xc3\xa9")) * size + data[at:]


def _edit_header(rng: random.Random, data: bytes, whole: _Whole) -> bytes:
    line, end, rest = data.partition(b"\n")
    separator = whole.by.dialect.separator.encode()
    names = line.rstrip(b"\r").split(separator)
    act = rng.randrange(6)
    if act == 0:
        rng.shuffle(names)
    elif act == 1:
        names.append(rng.choice((b"Schoenmaat", b"BSN", b"", MARKER.encode(), names[0])))
    elif act == 2:
        names.pop(rng.randrange(len(names)))
    elif act == 3:
        names = [name.upper() for name in names]
    elif act == 4:
        names = [name + b" " for name in names]
    else:
        times = rng.choice((2, 500))
        names *= times if len(line) < 10_000 else 2
    return separator.join(names) + b"\r" * line.endswith(b"\r") + end + rest


def _pad(rng: random.Random, data: bytes, _: _Whole) -> bytes:
    filler = rng.choice((b"\n", b"\r\n", b"\0", b" ", b"\x1a", b";;;\r\n", b"\xef\xbb\xbf")) * rng.choice((1, 2, 1000))
    return filler + data if rng.random() < 0.4 else data + filler


_BREAKS: tuple[_Break, ...] = (
    _flip, _flip, _insert, _insert, _replace, _replace, _truncate, _remove, _double, _splice, _swap_lines, _other_ends,
    _other_encoding, _unquote, _huge, _edit_header, _pad,
)  # fmt: skip
