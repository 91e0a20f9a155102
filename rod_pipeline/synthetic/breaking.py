"""How a delivery is broken: small edits on frames, on formatted text, on bytes and on archives.

Belongs here: the edits, each for one layer of writing. Does not belong here: their catalogue (``faults``). Edits are
deterministic; they touch the first rows that they can, and no more than their fault says.
"""

import codecs
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import polars as pl

from rod_pipeline.contracts.model import Contract
from rod_pipeline.synthetic.archives import Part

FrameEdit = Callable[[Iterator[pl.DataFrame], Contract], Iterator[pl.DataFrame]]
ByteEdit = Callable[[Iterator[bytes]], Iterator[bytes]]
PartEdit = Callable[[Iterator[Part]], Iterator[Part]]

_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2)
_SURNAMES = ("Jansen", "de Vries", "Bakker", "Visser", "Smit", "Meijer", "de Boer", "Mulder", "Peters", "Hendriks")
_STREETS = ("Dorpsstraat", "Kerkstraat", "Stationsweg", "Molenlaan", "Schoolstraat", "Parklaan", "Havenkade")


def every(edit: Callable[[pl.DataFrame], pl.DataFrame]) -> FrameEdit:
    """Apply an edit to every block."""
    return lambda frames, contract: (edit(frame) for frame in frames)


def first(rows: int, edit: Callable[[pl.DataFrame], pl.DataFrame], where: pl.Expr | None = None) -> FrameEdit:
    """Apply an edit to the first ``rows`` rows (for which ``where`` holds), over the blocks."""

    def edited(frames: Iterator[pl.DataFrame], contract: Contract) -> Iterator[pl.DataFrame]:
        left = rows
        for frame in frames:
            if left <= 0:
                yield frame
                continue
            fits = pl.lit(True) if where is None else where.fill_null(False)
            chosen = fits & (fits.cast(pl.Int64).cum_sum() <= left)
            marked = frame.with_columns(chosen.alias("__chosen"))
            left -= int(marked["__chosen"].sum())
            changed = edit(frame)
            yield frame.select(
                pl.when(marked["__chosen"]).then(changed[name]).otherwise(pl.col(name)).alias(name)
                for name in frame.columns
            )

    return edited


def setting(column: str, value: pl.Expr | str | date | bool | None) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Give a column another value."""
    expression = value if isinstance(value, pl.Expr) else pl.lit(value)
    return lambda frame: frame.with_columns(expression.cast(frame.schema[column]).alias(column))


def dropping(column: str) -> FrameEdit:
    """Leave a column out."""
    return every(lambda frame: frame.drop(column))


def adding(column: str, values: Callable[[int], list[str]]) -> FrameEdit:
    """Put an extra column behind the others; ``values`` gives that many of them."""
    return every(lambda frame: frame.with_columns(pl.Series(column, values(frame.height), dtype=pl.String)))


def replacing(column: str, values: Callable[[int], list[str]]) -> FrameEdit:
    """Give a column of text other values throughout."""
    return every(lambda frame: frame.with_columns(pl.Series(column, values(frame.height), dtype=pl.String)))


def repeating(rows: int) -> FrameEdit:
    """Put the first rows in twice."""

    def repeated(frames: Iterator[pl.DataFrame], contract: Contract) -> Iterator[pl.DataFrame]:
        left = rows
        for frame in frames:
            yield frame
            if left > 0:
                yield frame.head(left)
                left -= frame.height

    return repeated


def nothing(frames: Iterator[pl.DataFrame], contract: Contract) -> Iterator[pl.DataFrame]:
    """No rows at all."""
    for frame in frames:
        yield frame.clear()


def birth_dates(frames: Iterator[pl.DataFrame], contract: Contract) -> Iterator[pl.DataFrame]:
    """Dates some twenty years ago in a column of dates that the contract declares."""
    for frame in frames:
        days = pl.int_range(frame.height) * 7919 % 5000
        yield frame.with_columns(
            (pl.lit(date(1999, 3, 4)) + pl.duration(days=days)).alias("datum_uitschrijving_gepland")
        )


def second_main(frames: Iterator[pl.DataFrame], contract: Contract) -> Iterator[pl.DataFrame]:
    """Later periods of enrolments that are a hoofdinschrijving already, marked as another one."""
    again = (pl.col("datum_inschrijving") <= pl.col("peildatum")) & (pl.col("periode") > pl.col("peildatum"))
    flags = ("hoofdinschrijving_instelling", "hoofdinschrijving_mbo")
    return first(12, lambda frame: frame.with_columns(pl.lit(True).alias(name) for name in flags), again)(
        frames, contract
    )


def one_total_off(frames: Iterator[pl.DataFrame], contract: Contract) -> Iterator[pl.DataFrame]:
    """A control total over a file that counts other rows."""
    total = (pl.col("uitsplitsing") == "totaal") & (pl.col("bestand") == "inschrijvingen")
    return first(1, setting("aantal", pl.col("aantal") + 7), total)(frames, contract)


def breakdown_off(frames: Iterator[pl.DataFrame], contract: Contract) -> Iterator[pl.DataFrame]:
    """A control total of a breakdown that counts other rows."""
    level = (pl.col("uitsplitsing") == "niveau") & (pl.col("bestand") == "doorstroom")
    return first(1, setting("aantal", pl.col("aantal") + 3), level)(frames, contract)


def other_decimal(frames: Iterator[pl.DataFrame], contract: Contract) -> Iterator[pl.DataFrame]:
    """Formatted text with the decimal mark that the dialect doesn't have."""
    number = "6.5" if contract.dialect.decimal == "," else "6,5"
    return first(40, setting("gemiddeld_cijfer_vo", number))(frames, contract)


def other_status(frame: pl.DataFrame) -> pl.DataFrame:
    """Provisional for final, and the reverse."""
    return frame.with_columns(pl.when(pl.col("status") == "V").then(pl.lit("D")).otherwise(pl.lit("V")).alias("status"))


def unfunded(frames: Iterator[pl.DataFrame], contract: Contract) -> Iterator[pl.DataFrame]:
    """The largest institution, without one enrolment that is bekostigbaar, under a code that no funded one has."""
    chosen: str | None = None
    for frame in frames:
        chosen = chosen or frame["instellingscode"].value_counts(sort=True).sort("count", "instellingscode")[-1, 0]
        at = pl.col("instellingscode") == chosen
        yield frame.with_columns(
            pl.when(at).then(pl.lit("30ZZ")).otherwise(pl.col("instellingscode")).alias("instellingscode"),
            pl.when(at).then(False).otherwise(pl.col("bekostigbaar")).alias("bekostigbaar"),
        )


def bsns(count: int) -> list[str]:
    """Made-up numbers that pass the eleven-test, none of them in use: they begin with 9."""
    found: list[str] = []
    number = 90_000_012
    while len(found) < count:
        number += 13
        rest = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, str(number), strict=True)) % 11
        if rest < 10:
            found.append(f"{number}{rest}")
    return found


def surnames(count: int) -> list[str]:
    return [_SURNAMES[place % len(_SURNAMES)] for place in range(count)]


def addresses(count: int) -> list[str]:
    return [f"{_STREETS[place % len(_STREETS)]} {place % 180 + 1}" for place in range(count)]


def birthdays(count: int) -> list[str]:
    return [f"{date(2004, 1, 1) + timedelta(days=place * 37 % 2000):%d-%m-%Y}" for place in range(count)]


# Bytes: each gets the pieces of one file, and holds one of them at a time.


def _last(edit: Callable[[bytes], bytes]) -> ByteEdit:
    def edited(chunks: Iterator[bytes]) -> Iterator[bytes]:
        held = b""
        for chunk in chunks:
            if held:
                yield held
            held = chunk
        yield edit(held)

    return edited


def _last_record(data: bytes) -> tuple[int, int]:
    """Where the last record begins and ends, its line end not counted."""
    end = len(data.rstrip(b"\r\n"))
    return data.rfind(b"\n", 0, end) + 1, end


def _cut_record(data: bytes) -> bytes:
    start, end = _last_record(data)
    return data[: start + max(1, (end - start) // 3)]


def _nul_record(data: bytes) -> bytes:
    _, end = _last_record(data)
    return data[:end] + b"\0\0" + data[end:]


def _quoted_record(data: bytes) -> bytes:
    start, _ = _last_record(data)
    return data[:start] + b'"' + data[start:]


truncated = _last(_cut_record)
"""Stop in the middle of the last record."""
with_nul = _last(_nul_record)
"""NUL bytes within the last value."""
with_open_quote = _last(_quoted_record)
"""A quote at the start of the last record that is never closed."""
with_blank_line = _last(lambda data: data + data[_last_record(data)[1] :])
"""An empty line at the end."""


def emptied(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """0 bytes."""
    for _ in chunks:
        pass
    yield b""


def as_utf16(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Another encoding altogether, with its mark."""
    encoder = codecs.getincrementalencoder("utf-16")()
    for chunk in chunks:
        yield encoder.encode(chunk.decode())


def without_header(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The first line left out; it is a piece of its own."""
    next(chunks, None)
    yield from chunks


# Files: each gets the files of a delivery.


def without(kind: str) -> PartEdit:
    """Leave a file out; it is made all the same, so that its control totals stay."""

    def left(parts: Iterator[Part]) -> Iterator[Part]:
        for part in parts:
            if f"_{kind}_" not in part.name:
                yield part
                continue
            for _ in part.chunks:
                pass

    return left


def twice(kind: str) -> PartEdit:
    """Put a file in a second time, under a second name."""

    def doubled(parts: Iterator[Part]) -> Iterator[Part]:
        for part in parts:
            if f"_{kind}_" not in part.name:
                yield part
                continue
            data = b"".join(part.chunks)
            yield Part(part.name, [data])
            yield Part(part.name.replace(".csv", "_nieuw.csv"), [data])

    return doubled


def with_stranger(parts: Iterator[Part]) -> Iterator[Part]:
    """Add a file that no contract names."""
    yield from parts
    yield Part("ROD_BO_verzuim.csv", [b"Sectornummer;Verzuimdagen\r\n000000000001;3\r\n"])


def with_archive(parts: Iterator[Part]) -> Iterator[Part]:
    """Put an archive beside the files."""
    yield from parts
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr(zipfile.ZipInfo("bijlage.csv", (2025, 12, 1, 0, 0, 0)), "a;b\r\n1;2\r\n")
    yield Part("ROD_BO_bijlage.zip", [inner.getvalue()])


# Archives: each gets the bytes of a finished zip.


def cut(data: bytes) -> bytes:
    """The first two thirds: the directory at the end is lost."""
    return data[: len(data) * 2 // 3]


def damaged(data: bytes) -> bytes:
    """Some bytes in the middle of the first member turned over; the directory is whole."""
    middle = len(data) // 5
    return data[:middle] + bytes(byte ^ 0xFF for byte in data[middle : middle + 64]) + data[middle + 64 :]


def html(data: bytes) -> bytes:
    """A login page under status 200, as a portal gives to who is not logged in."""
    return (
        b'<!DOCTYPE html>\n<html lang="nl"><head><title>Inloggen</title></head>\n'
        b'<body><form method="post"><input name="code"></form></body></html>\n'
    )


def bomb(data: bytes) -> bytes:
    """A small archive that would grow a thousandfold."""
    sink = io.BytesIO()
    info = zipfile.ZipInfo("ROD_BO_inschrijvingen.csv", (2025, 12, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(sink, "w", compresslevel=9) as archive, archive.open(info, "w") as member:
        for _ in range(128):
            member.write(b"0" * 2**20)
    return sink.getvalue()
