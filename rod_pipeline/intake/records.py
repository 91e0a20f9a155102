"""Bytes to frames of strings: where records begin and end, strictly, in constant memory.

Belongs here: cutting a stream into chunks at record ends, checking its structure byte by byte, and handing each chunk
to polars' own parser. Does not belong here: what the columns mean (``reader``), archives (``archive``).

polars parses fast but forgives: a short row becomes nulls, a blank line a row of nulls, a long last row is cut, a stray
quote swallows lines. So the structure is counted here first, on the bytes alone (record ends, separators per record,
quotes), and polars' row count is held against that count. A row may be refused; none is lost or repaired.

The notation is RFC 4180's with another separator: a quote opens at the start of a value only and closes at its end; a
quote inside a quoted value is doubled. Both kinds of line end are accepted and counted.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import polars as pl

from rod_pipeline.contracts.model import Dialect
from rod_pipeline.intake import bits
from rod_pipeline.intake.refusals import (
    ASK_DUO,
    BadQuoting,
    BlankRecord,
    ControlRecordWrong,
    FileIsEmpty,
    HasNulBytes,
    LoneCarriageReturn,
    NoRows,
    RowsLost,
    TooLong,
    WrongByteOrderMark,
    WrongColumnCount,
    WrongEncoding,
)

CHUNK_BYTES = 8 * 2**20
MAX_RECORD_BYTES = 2**20
MAX_VALUE_BYTES = 64 * 2**10
_READ_BYTES = 2**20

_BOM = b"\xef\xbb\xbf"
_LF, _CR = 10, 13


@dataclass(slots=True)
class _Chunk:
    """Whole records. ``ends`` are the positions of their line feeds; ``quoted``: there are quotes among them."""

    data: bytes
    ends: bits.Positions
    quoted: bool
    number: int

    @property
    def bytes(self) -> npt.NDArray[np.uint8]:
        return np.frombuffer(self.data, np.uint8)

    @property
    def lengths(self) -> bits.Positions:
        """Bytes in each record, its line feed excluded."""
        return np.diff(self.ends, prepend=-1) - 1

    def where(self, position: int) -> str:
        """Which record holds the byte at ``position``, in words."""
        return _name(self.number + int(np.searchsorted(self.ends, position)))

    def split(self, count: int) -> "tuple[_Chunk, _Chunk]":
        """The first ``count`` records, and the rest."""
        cut = int(self.ends[count - 1]) + 1 if count else 0
        return (
            _Chunk(self.data[:cut], self.ends[:count], self.quoted, self.number),
            _Chunk(self.data[cut:], self.ends[count:] - cut, self.quoted, self.number + count),
        )


def _name(number: int) -> str:
    return f"record {number}" if number else "the header"


@dataclass
class RecordStream:
    """The records of one file: ``header()`` first when the dialect has one, then ``frames(columns)`` once.

    ``stream`` is read once, front to back. Errors are the ROD-FILE errors of this module and whatever ``stream``
    raises. The counters are complete when ``frames`` has ended.
    """

    stream: BinaryIO
    dialect: Dialect
    chunk_bytes: int = CHUNK_BYTES
    rows: int = 0
    size: int = 0
    crlf_ends: int = 0
    lf_ends: int = 0
    final_newline: bool = True
    control_count: int | None = None
    has_bom: bool = False
    _buffer: bytearray = field(default_factory=bytearray, repr=False)
    _filled: int = 0
    _ended: bool = False
    _number: int = 0
    _only_utf8_so_far: bool = True
    _pending: _Chunk | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._number = 0 if self.dialect.header else 1
        self._fill(max(self.chunk_bytes, len(_BOM) + 1))
        start = bytes(self._buffer[: min(self._filled, len(_BOM))])
        if not start:
            raise FileIsEmpty("The file holds 0 bytes; a file that is left out looks different.", ASK_DUO)
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise WrongEncoding("The file is written in UTF-16.", f"Only utf-8 and cp1252 are read. {ASK_DUO}")
        self.has_bom = start.startswith(_BOM)
        if self.has_bom and self.dialect.encoding != "utf-8":
            raise WrongEncoding(f"The file is UTF-8; its contract says {self.dialect.encoding}.", ASK_DUO)
        if self.has_bom != self.dialect.bom:
            have, says = ("has a", "none") if self.has_bom else ("has no", "one")
            raise WrongByteOrderMark(f"The file {have} byte order mark; its contract says {says}.", ASK_DUO)
        if self.has_bom:
            self._take(len(_BOM))
        if not self._filled:
            raise FileIsEmpty("The file holds a byte order mark and nothing else.", ASK_DUO)

    def header(self) -> list[str]:
        """The values of the first record."""
        chunk = self._next_chunk()
        if chunk is None:
            raise ControlRecordWrong("The file holds a closing control record and no header.", ASK_DUO)
        first, rest = chunk.split(1)
        self._pending = rest if len(rest.ends) else None
        return self._values(first.data)

    def frames(self, columns: Sequence[str], numbers: str | None = None) -> Iterator[pl.DataFrame]:
        """The data records as frames of strings, in order; an empty value is null. Each record has all ``columns``.

        A column ``numbers`` counts them from 1.
        """
        while (chunk := self._pending or self._next_chunk()) is not None:
            self._pending = None
            self._check_columns(chunk, len(columns))
            frame = self._parse(chunk, columns, numbers)
            self.rows += frame.height
            yield frame
        if not self.rows:
            raise NoRows("The file holds a header or a control record, and no rows.", ASK_DUO)
        if self.dialect.control_record and self.control_count != self.rows:
            raise ControlRecordWrong(
                f"The closing control record counts {self.control_count} records; the file holds {self.rows}.", ASK_DUO
            )

    def forget(self) -> None:
        """Let go of what was read and not handed out; nothing is read any more."""
        self.stream, self._buffer, self._filled, self._pending, self._ended = BytesIO(), bytearray(), 0, None, True

    # -- cutting -----------------------------------------------------------------------------------------------------

    def _fill(self, wanted: int) -> None:
        """Read ``wanted`` bytes more, or all there are, behind what waits in the buffer."""
        while wanted > 0 and (part := self.stream.read(min(wanted, _READ_BYTES))):
            end = self._filled + len(part)
            if end > len(self._buffer):
                self._buffer.extend(bytes(end - len(self._buffer)))
            self._buffer[self._filled : end] = part
            self._filled = end
            self.size += len(part)
            wanted -= len(part)
        self._ended = wanted > 0

    def _take(self, count: int) -> bytes:
        """The first ``count`` bytes that wait in the buffer, which moves up."""
        with memoryview(self._buffer) as view:
            taken = bytes(view[:count])
            view[: self._filled - count] = view[count : self._filled]
        self._filled -= count
        return taken

    def _next_chunk(self) -> _Chunk | None:
        """The next whole records, checked; None at the end. With a control record the last one always waits."""
        while True:
            if self._ended and self._filled and self._buffer[self._filled - 1] != _LF:
                self.final_newline = False
                self._buffer[self._filled :] = b"\n"
                self._filled += 1
            ends, quoted = self._layout()
            ready = len(ends)
            if self.dialect.control_record and not self._ended:
                ready -= 1
            if ready > 0:
                break
            self._refuse_endless(ends, quoted)
            if self._ended:
                return None
            # A record longer than a chunk is looked at anew each time: so each time twice as much of it.
            self._fill(max(self.chunk_bytes, self._filled))
        if self._ended and self.dialect.control_record:
            self._refuse_endless(ends, quoted)
        taken = _Chunk(self._take(int(ends[ready - 1]) + 1), ends[:ready], quoted, self._number)
        if self._ended and self.dialect.control_record:
            taken, last = taken.split(ready - 1)
            self._read_control_record(last.data)
            if not len(taken.ends):
                return None
        self._check_bytes(taken)
        self._number += len(taken.ends)
        return taken

    def _layout(self) -> tuple[bits.Positions, bool]:
        """Where the records in the buffer end, and whether there is a quote in it."""
        raw, quote = np.frombuffer(self._buffer, np.uint8, self._filled), self.dialect.quote.encode()
        if not quote or self._buffer.find(quote, 0, self._filled) < 0:
            return bits.found(raw, _LF), False
        return bits.positions(bits.marks(raw, _LF) & ~self._inside(raw)), True

    def _inside(self, raw: npt.NDArray[np.uint8]) -> bits.Words:
        """The bytes within quotes, of a chunk that begins with a record."""
        return bits.within(bits.marks(raw, ord(self.dialect.quote)))

    def _refuse_endless(self, ends: bits.Positions, quoted: bool) -> None:
        """Refuse when what follows the last record end in the buffer can't become a record any more."""
        unended = self._filled - (int(ends[-1]) + 1 if len(ends) else 0)
        if not (self._ended and unended) and unended <= MAX_RECORD_BYTES:
            return
        where = _name(self._number + len(ends))
        if quoted and self._buffer.count(self.dialect.quote.encode(), 0, self._filled) % 2:
            raise BadQuoting(f"A quote that stands in {where} is not closed.", ASK_DUO)
        raise TooLong(f"{where.capitalize()} is longer than {MAX_RECORD_BYTES} bytes.", ASK_DUO)

    def _read_control_record(self, record: bytes) -> None:
        kind = self.dialect.control_record
        values = self._values(record)
        # Behind a carriage return that ends no line there could be more.
        lone = b"\r" in record.removesuffix(b"\n").removesuffix(b"\r")
        if lone or len(values) != 2 or values[0] != kind or not values[1].isascii() or not values[1].isdigit():
            raise ControlRecordWrong(
                f"The last record is no control record {kind} with a count: the file may be truncated.", ASK_DUO
            )
        self.control_count = int(values[1][:18])

    # -- checking ----------------------------------------------------------------------------------------------------

    def _check_bytes(self, chunk: _Chunk) -> None:
        """Bytes that no dialect allows, blank or endless records, line ends, quotes, encoding."""
        data, raw, ends, lengths = chunk.data, chunk.bytes, chunk.ends, chunk.lengths
        if (position := data.find(b"\0")) >= 0:
            raise HasNulBytes(f"A NUL byte stands in {chunk.where(position)}.", ASK_DUO)
        if chunk.quoted:
            self._check_quotes(chunk)
        if lengths.min() <= 1:
            blank = (lengths == 0) | ((lengths == 1) & (raw[ends - 1] == _CR))
            if blank.any():
                raise BlankRecord(
                    f"{_name(chunk.number + int(blank.argmax())).capitalize()} is a blank line "
                    f"({int(blank.sum())} in this part of the file).",
                    ASK_DUO,
                )
        if lengths.max() > MAX_RECORD_BYTES:
            where = _name(chunk.number + int(lengths.argmax())).capitalize()
            raise TooLong(f"{where} is longer than {MAX_RECORD_BYTES} bytes.", ASK_DUO)
        crlf = int(np.count_nonzero(raw[ends - 1] == _CR))
        if data.count(b"\r") != crlf:
            self._check_carriage_returns(chunk)
        self.crlf_ends += crlf
        self.lf_ends += len(ends) - crlf
        if not data.isascii():
            self._check_encoding(chunk)

    def _check_quotes(self, chunk: _Chunk) -> None:
        raw, quote, separator = chunk.bytes, ord(self.dialect.quote), ord(self.dialect.separator)
        at = np.flatnonzero(raw == quote)
        around = np.zeros(256, np.bool_)
        around[[separator, _LF, quote]] = True
        # Before the first byte stands the end of a record, as at the end of the chunk.
        bad_open = at[0::2][~around[raw[at[0::2] - 1]]]
        around[_CR] = True
        bad_close = at[1::2][~around[raw[at[1::2] + 1]]]
        if bad := [int(positions[0]) for positions in (bad_open, bad_close) if len(positions)]:
            raise BadQuoting(
                f"A quote in {chunk.where(min(bad))} stands inside a value; inside a quoted value it must be doubled.",
                ASK_DUO,
            )

    def _check_carriage_returns(self, chunk: _Chunk) -> None:
        raw = chunk.bytes
        at = np.flatnonzero(raw == _CR)
        lone = at[raw[at + 1] != _LF]
        if chunk.quoted:
            lone = lone[~bits.has(self._inside(raw), lone)]
        if len(lone):
            raise LoneCarriageReturn(
                f"A carriage return without line feed stands in {chunk.where(int(lone[0]))}.", ASK_DUO
            )

    def _check_encoding(self, chunk: _Chunk) -> None:
        encoding = self.dialect.encoding
        try:
            chunk.data.decode(encoding)
        except UnicodeDecodeError as error:
            raise WrongEncoding(f"A byte in {chunk.where(error.start)} is not {encoding}.", ASK_DUO) from None
        if encoding == "utf-8" or not self._only_utf8_so_far:
            return
        try:
            chunk.data.decode("utf-8")
        except UnicodeDecodeError:
            self._only_utf8_so_far = False
        else:
            position = next(index for index, byte in enumerate(chunk.data) if byte > 127)
            raise WrongEncoding(
                f"From {chunk.where(position)} on, the file is UTF-8; its contract says {encoding}.", ASK_DUO
            )

    def _check_columns(self, chunk: _Chunk, wanted: int) -> None:
        raw = chunk.bytes
        separators = bits.marks(raw, ord(self.dialect.separator))
        if chunk.quoted:
            separators &= ~self._inside(raw)
        counts = np.diff(bits.before(separators, chunk.ends), prepend=0) + 1
        wrong = counts != wanted
        if not wrong.any():
            return
        first = int(wrong.argmax())
        where = _name(chunk.number + first).capitalize()
        last = self._ended and not self.final_newline and not self._filled and first == len(counts) - 1
        cause = " It is the last and has no line end: the file looks truncated." if last else ""
        raise WrongColumnCount(
            f"{where} has {int(counts[first])} values where {wanted} columns are declared "
            f"({int(wrong.sum())} such records in this part of the file).{cause}",
            ASK_DUO,
        )

    # -- parsing -----------------------------------------------------------------------------------------------------

    def _values(self, record: bytes) -> list[str]:
        text = record.decode(self.dialect.encoding, errors="replace").removesuffix("\n").removesuffix("\r")
        rows = csv.reader(
            StringIO(text, newline=""),
            delimiter=self.dialect.separator,
            quotechar=self.dialect.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.dialect.quote else csv.QUOTE_NONE,
        )
        try:
            return next(rows, [""])
        except csv.Error:
            return [""]

    def _parse(self, chunk: _Chunk, columns: Sequence[str], numbers: str | None) -> pl.DataFrame:
        data, wanted = chunk.data, len(chunk.ends)
        if self.dialect.encoding != "utf-8" and not data.isascii():
            data = data.decode(self.dialect.encoding).encode()
        if data.startswith(_BOM):
            # polars takes one mark away at the start of whatever it is given; here it belongs to a value.
            data = _BOM + data
        try:
            frame = pl.read_csv(
                data,
                has_header=False,
                schema=dict.fromkeys(columns, pl.String),
                separator=self.dialect.separator,
                quote_char=self.dialect.quote or None,
                row_index_name=numbers,
                row_index_offset=chunk.number,
            )
        except pl.exceptions.PolarsError:
            raise RowsLost(
                f"The parser refused {_name(chunk.number)} to {_name(chunk.number + wanted - 1)}.", ASK_DUO
            ) from None
        if frame.height != wanted:
            raise RowsLost(
                f"Of {wanted} records from {_name(chunk.number)} on, the parser returned {frame.height}.", ASK_DUO
            )
        if int(chunk.lengths.max()) > MAX_VALUE_BYTES:
            longest = frame.select(pl.max_horizontal(pl.col(pl.String).str.len_bytes().fill_null(0))).to_series()
            if int(longest.max() or 0) > MAX_VALUE_BYTES:  # type: ignore[arg-type]
                where = _name(chunk.number + int(longest.arg_max() or 0)).capitalize()
                raise TooLong(f"{where} holds a value of more than {MAX_VALUE_BYTES} bytes.", ASK_DUO)
        if chunk.quoted and self.dialect.quote.encode() * 2 in data:
            texts = pl.col(pl.String)
            frame = frame.with_columns(pl.when(texts != "").then(texts))
        return frame
