"""How a received file really looks: its dialect, its columns, and how its values fit a contract, in counts.

Belongs here: telling the dialect from the bytes and reading a file by what it is instead of by what its contract says.
Does not belong here: saying what differs (``check``), proposing a contract (``draft``), refusing (``intake.reader``).

A file is read twice: once to see how it begins and ends and what its bytes are, once by the reader's own records.
Nothing of a value is kept or returned but counts, and the codes of closed lists that may be told (``codes``).
"""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal, TypeVar

import polars as pl

from rod_pipeline.contracts.book import ContractBook
from rod_pipeline.contracts.codes import looks_like, under_the_floor
from rod_pipeline.contracts.model import Column, ColumnType, Contract, DateNotation, Dialect
from rod_pipeline.errors import RodError
from rod_pipeline.intake.identifiers import ContentScan, Finding, scan_header
from rod_pipeline.intake.reader import HeaderMatch
from rod_pipeline.intake.records import RecordStream
from rod_pipeline.intake.refusals import FileIsEmpty, shown_headers
from rod_pipeline.intake.typed import converted, fails_conversion

_HEAD_BYTES, _TAIL_BYTES, _READ_BYTES = 2**18, 2**12, 2**20
_SEPARATORS: tuple[Literal[";", "|", ",", "\t"], ...] = (";", "|", "\t", ",")
_BOOLEANS = (("J", "N"), ("1", "0"), ("true", "false"), ("ja", "nee"), ("Y", "N"))
_DATES = {
    DateNotation.EEJJMMDD: r"^\d{8}$",
    DateNotation.DD_MM_JJJJ: r"^\d{2}-\d{2}-\d{4}$",
    DateNotation.ISO: r"^\d{4}-\d{2}-\d{2}$",
}
Miss = Literal["empty", "type", "pattern", "values", "range"]
_T = TypeVar("_T")
_TEXT = "text"
_MOST_CODES = 100
"""A list that misses more codes than these isn't this column's list."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One file held against the contract of its kind.

    ``dialect`` is what the file has, and what the contract says where the file does not tell. ``headers`` is empty for
    a file without header. ``misses``: how many values of which column do not fit. ``stopped``: why reading ended early.
    ``codes``: per column with a closed list the unknown codes that may be told, each with its rows.
    """

    contract: Contract
    dialect: Dialect
    headers: tuple[str, ...]
    match: HeaderMatch
    width: int
    rows: int
    both_line_ends: bool
    misses: Mapping[tuple[str, Miss], int]
    identifiers: tuple[Finding, ...]
    stopped: RodError | None
    codes: Mapping[str, tuple[tuple[str, int], ...]]

    def column_at(self, position: int) -> Column | None:
        """The contract's column at a 1-based position of the file; None where it has none."""
        name = self.match.names[position - 1]
        return None if name is None else self.contract.column(name)

    def shown(self, position: int) -> str:
        """What to call the column at this position: undeclared headers only where they look like headers."""
        column = self.column_at(position)
        if column is not None:
            return repr(column.header)
        if not self.headers or not self.match.looks_like_header:
            return f"#{position} (not shown)"
        return dict(zip(self.match.unknown, shown_headers(self.headers, self.match.unknown), strict=True))[position]


@dataclass(frozen=True, slots=True)
class _Probe:
    """The bytes of a file, seen once from front to back."""

    head: bytes
    tail: bytes
    bom: bool
    encoding: Literal["utf-8", "cp1252"] | None
    crlf: int
    lf: int

    @classmethod
    def of(cls, stream: BinaryIO) -> "_Probe":
        head, tail, crlf, lf, last = b"", b"", 0, 0, b""
        decoder = codecs.getincrementaldecoder("utf-8")()
        ascii_only, utf8 = True, True
        while data := stream.read(_READ_BYTES):
            head += data[: max(_HEAD_BYTES - len(head), 0)]
            tail = (tail + data)[-_TAIL_BYTES:]
            lf += data.count(b"\n")
            crlf += data.count(b"\r\n") + (last == b"\r" and data[:1] == b"\n")
            last = data[-1:]
            ascii_only = ascii_only and data.isascii()
            utf8 = utf8 and _decodes(decoder, data)
        bom = head.startswith(codecs.BOM_UTF8)
        utf8 = utf8 and _decodes(decoder, b"", final=True)
        encoding: Literal["utf-8", "cp1252"] | None = None if ascii_only else "utf-8" if utf8 else "cp1252"
        return cls(head.removeprefix(codecs.BOM_UTF8), tail, bom, encoding, crlf, lf - crlf)


def observe(open_file: Callable[[], BinaryIO], contract: Contract, book: ContractBook) -> Observation:
    """Look at a whole file. Raises ``FileIsEmpty``; what else is wrong with the file stands in the observation."""
    with open_file() as stream:
        probe = _Probe.of(stream)
    if not probe.head.strip():
        raise FileIsEmpty("The file holds nothing.", "Ask DUO for the file itself.")
    dialect = _guess_dialect(probe, contract)
    first = _rows(probe.head, dialect, 1)[0]
    headers = [first[0].removeprefix(dialect.header_prefix), *first[1:]] if dialect.header else []
    width = len(first)
    match = HeaderMatch.of(headers, contract) if headers else _by_position(width, contract)
    names = [
        name if name is not None and position not in match.double else f"#{position}"
        for position, name in enumerate(match.names, 1)
    ]
    scan, rows = ContentScan(contract), 0
    counts: Counter[tuple[str, Miss]] = Counter()
    unknown: dict[str, Counter[str]] = {}
    tests: Mapping[tuple[str, Miss], pl.Expr] = {}
    stopped: RodError | None = None
    known = [contract.column(name) for name in names if not name.startswith("#")]
    with open_file() as stream:
        try:
            records = RecordStream(stream, dialect)
            if dialect.header:
                records.header()
            for number, frame in enumerate(records.frames(names)):
                if number == 0:
                    dialect = _with_notations(dialect, frame, known)
                    tests = _tests(known, dialect, book)
                rows += frame.height
                scan.feed(frame)
                missed = {key: count for key, count in _count(frame, tests).items() if count}
                counts.update(missed)
                for name in (name for name, miss in missed if miss == "values"):
                    listed = book.value_list(contract.column(name).values or "").values
                    _collect(unknown.setdefault(name, Counter()), frame.get_column(name), listed)
        except RodError as error:
            stopped = error
    return Observation(
        contract=contract,
        dialect=dialect,
        headers=tuple(headers),
        match=match,
        width=width,
        rows=rows,
        both_line_ends=bool(probe.crlf and probe.lf),
        misses=counts,
        identifiers=(*scan_header(headers, contract), *scan.findings()),
        stopped=stopped,
        codes={
            name: told for name, found in unknown.items() if (told := under_the_floor(found, counts[name, "values"])[0])
        },
    )


def _decodes(decoder: codecs.IncrementalDecoder, data: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(data, final)
    except UnicodeDecodeError:
        return False
    return True


def _by_position(width: int, contract: Contract) -> HeaderMatch:
    """Without header, columns go by position, and only when there are as many as declared."""
    declared = [column.name for column in contract.columns]
    if width == len(declared):
        return HeaderMatch(tuple(declared), (), (), (), reordered=False)
    return HeaderMatch((None,) * width, (), tuple(range(1, width + 1)), (), reordered=False)


# -- dialect -----------------------------------------------------------------------------------------------------------


def _guess_dialect(probe: _Probe, contract: Contract) -> Dialect:
    """Separator, quotes, encoding, marks, header and control record; the notations of values follow later."""
    says = contract.dialect
    known = {column.header for column in contract.columns}
    base = says.model_copy(
        update={
            "encoding": probe.encoding or ("utf-8" if probe.bom else says.encoding),
            "bom": probe.bom,
            "newline": "\r\n" if probe.crlf > probe.lf else "\n" if probe.lf > probe.crlf else says.newline,
        }
    )

    def fitness(candidate: Dialect) -> tuple[int, float, bool]:
        rows = _rows(probe.head, candidate, 100)
        widths = Counter(len(row) for row in rows)
        width, often = widths.most_common(1)[0]
        headers = {value.removeprefix("#") for value in rows[0]}
        return len(headers & known), (often / len(rows)) * (width > 1), candidate.separator == says.separator

    quotes = ('"', "") if b'"' in probe.head else (says.quote,)
    candidates = [
        base.model_copy(update={"separator": separator, "quote": quote})
        for separator in _SEPARATORS
        for quote in quotes
    ]
    best = max(candidates, key=fitness)
    first = _rows(probe.head, best, 1)[0]
    header = _is_header(first, contract)
    last = _rows(probe.tail.rstrip(b"\r\n").rsplit(b"\n", 1)[-1], best, 1)
    return best.model_copy(
        update={
            "header": header,
            "header_prefix": ("#" if first[0].startswith("#") else "") if header else says.header_prefix,
            "control_record": "SLR" if last and last[0][0] == "SLR" and len(last[0]) == 2 else "",
        }
    )


def _rows(data: bytes, dialect: Dialect, most: int) -> list[list[str]]:
    """The first records, leniently; a cut last one is left out when there are more."""
    text = data.decode(dialect.encoding, errors="replace")
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.separator,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
    )
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row:
                rows.append(row)
            if len(rows) > most:
                break
    except csv.Error:
        pass
    return (rows[:most] if len(rows) > most else rows[:-1] or rows) or [[""]]


def _is_header(first: Sequence[str], contract: Contract) -> bool:
    """Known headers tell; else a record is a header when all its values look like names and none stands twice."""
    headers = [first[0].removeprefix("#"), *first[1:]]
    if HeaderMatch.of(headers, contract).looks_like_header:
        return True
    shown = shown_headers(headers, range(1, len(headers) + 1))
    return len(set(headers)) == len(headers) and not shown[0].endswith("(not shown)")


def _with_notations(dialect: Dialect, frame: pl.DataFrame, columns: Sequence[Column]) -> Dialect:
    """The notations that most values have; those of the contract where no value tells."""

    def most(kind: ColumnType, candidates: Mapping[_T, pl.Expr], default: _T) -> _T:
        names = [column.name for column in columns if column.type is kind]
        if not names:
            return default
        text = frame.select(pl.concat_list(names).explode().drop_nulls().alias(_TEXT))
        counts = {one: int(text.select(test.sum()).item()) for one, test in candidates.items()}
        best = max(counts, key=lambda one: (counts[one], one == default))
        return best if counts[best] else default

    value = pl.col(_TEXT)
    return dialect.model_copy(
        update={
            "dates": most(ColumnType.DATE, {k: value.str.contains(v) for k, v in _DATES.items()}, dialect.dates),
            "booleans": most(ColumnType.BOOLEAN, {pair: value.is_in(pair) for pair in _BOOLEANS}, dialect.booleans),
            "decimal": most(
                ColumnType.DECIMAL,
                {",": value.str.contains(r"^-?\d+,\d+$"), ".": value.str.contains(r"^-?\d+\.\d+$")},
                dialect.decimal,
            ),
        }
    )


# -- values ------------------------------------------------------------------------------------------------------------


def _tests(columns: Sequence[Column], dialect: Dialect, book: ContractBook) -> Mapping[tuple[str, Miss], pl.Expr]:
    """For each column and each thing that it declares, whether a value breaks it."""
    tests: dict[tuple[str, Miss], pl.Expr] = {}
    for column in columns:
        value, number = pl.col(column.name), converted(column, dialect)
        if not column.nullable:
            tests[column.name, "empty"] = value.is_null()
        if column.type not in (ColumnType.CODE, ColumnType.PSEUDONYM):
            tests[column.name, "type"] = fails_conversion(column, dialect)
        if column.pattern is not None:
            tests[column.name, "pattern"] = ~value.str.contains(column.pattern)
        if column.values is not None and not (known := book.value_list(column.values)).open:
            tests[column.name, "values"] = ~value.is_in(known.values)
        if column.minimum is not None or column.maximum is not None:
            low, high = column.minimum, column.maximum
            below = pl.lit(value=False) if low is None else number < low
            tests[column.name, "range"] = below | (pl.lit(value=False) if high is None else number > high)
    return tests


def _collect(found: Counter[str], column: pl.Series, listed: Sequence[str]) -> None:
    """Add what looks like a code of the list and isn't in it to ``found``; no more than ``_MOST_CODES`` codes."""
    values = column.filter(column.is_not_null() & ~column.is_in(listed)).value_counts(name="rows")
    for value, rows in values.iter_rows():
        if looks_like(value, listed) and (value in found or len(found) < _MOST_CODES):
            found[value] += rows


def _count(frame: pl.DataFrame, tests: Mapping[tuple[str, Miss], pl.Expr]) -> Mapping[tuple[str, Miss], int]:
    if not tests:
        return {}
    row = frame.select(test.sum().alias(str(place)) for place, test in enumerate(tests.values())).row(0)
    return dict(zip(tests, map(int, row), strict=True))
