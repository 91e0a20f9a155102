"""One file of a delivery to a lossless table of strings, by its contract.

Belongs here: holding the header against the contract, naming the columns, counting the rows handed out, and refusing
direct identifiers on the way. Does not belong here: records and bytes (``records``), judging values (``quality``),
types (``typed``).

Lossless: values are kept as they came, white space and leading zeros included. One thing is not kept apart: an empty
value and a quoted empty value are both null. Columns get their technical names and the order of the contract, whatever
order the file has; ``_row`` numbers the data records from 1 in the order of the file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO

import polars as pl
from polars.io.plugins import register_io_source

from rod_pipeline.contracts.model import Contract
from rod_pipeline.decree import Decree
from rod_pipeline.errors import RodError
from rod_pipeline.intake.identifiers import AGES_ON, ContentScan, refuse_identifiers, scan_header
from rod_pipeline.intake.records import CHUNK_BYTES, RecordStream
from rod_pipeline.intake.refusals import (
    ASK_DUO,
    MissingHeader,
    ReadTwice,
    RowsLost,
    UndeclaredColumns,
    WrongColumns,
    shown_headers,
    some,
)

ROW = "_row"


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What was read: data records, bytes, line ends of each kind (header included), and what else deviates mildly."""

    rows: int
    size: int
    crlf_ends: int
    lf_ends: int
    final_newline: bool
    reordered: bool
    control_count: int | None


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """A header held against a contract.

    ``names`` are the technical names in the order of the file, None where the contract has no such header; ``unknown``
    and ``double`` are 1-based positions, ``missing`` headers of the contract, ``reordered`` whether the rest stands in
    another order.
    """

    names: tuple[str | None, ...]
    missing: tuple[str, ...]
    unknown: tuple[int, ...]
    double: tuple[int, ...]
    reordered: bool

    @classmethod
    def of(cls, headers: Sequence[str], contract: Contract) -> "HeaderMatch":
        known = {column.header: column.name for column in contract.columns}
        names = tuple(known.get(header) for header in headers)
        first: dict[str, int] = {}
        double = tuple(i for i, name in enumerate(names, 1) if name is not None and first.setdefault(name, i) != i)
        return cls(
            names=names,
            missing=tuple(column.header for column in contract.columns if column.name not in first),
            unknown=tuple(i for i, name in enumerate(names, 1) if name is None),
            double=double,
            reordered=list(first) != [column.name for column in contract.columns if column.name in first],
        )

    @property
    def looks_like_header(self) -> bool:
        """Whether half of the declared headers are there; else the record may hold data and is not to be quoted."""
        known = len({name for name in self.names if name is not None})
        return 2 * known >= known + len(self.missing)


class RawTable:
    """One file as a table of strings that is read once.

    ``frame`` has the contract's columns as String and ``_row`` as Int64, in constant memory when it is sunk. Reading it
    to its end raises the ROD-FILE error of the first record that is no part of the contract,
    or ROD-PRIVACY when a direct identifier stands in it; then ``finish`` gives the report.
    """

    def __init__(
        self, records: RecordStream, order: Sequence[str], contract: Contract, on: date, numbers: bool
    ) -> None:
        self._records = records
        self._order = order
        self._contract = contract
        self._on = on
        self._reordered = list(order) != [column.name for column in contract.columns]
        self._started = False
        self._finished = False
        schema: dict[str, pl.DataType] = {ROW: pl.Int64()} if numbers else {}
        schema |= {column.name: pl.String() for column in contract.columns}
        self._columns = list(schema)
        self.frame: pl.LazyFrame = register_io_source(self._read, schema=schema, explain_name=contract.file)

    def finish(self) -> ReadReport:
        """The report, once the frame was read to its end; raises ``RowsLost`` when it was not."""
        records = self._records
        if not self._finished:
            raise RowsLost(f"{self._contract.file} was not read to its end.", "Rerun; report it when it happens again.")
        return ReadReport(
            rows=records.rows,
            size=records.size,
            crlf_ends=records.crlf_ends,
            lf_ends=records.lf_ends,
            final_newline=records.final_newline,
            reordered=self._reordered,
            control_count=records.control_count,
        )

    def _read(
        self, columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        if self._started:
            raise ReadTwice(f"The frame of {self._contract.file} was read twice.", "Open the file again to read again.")
        self._started = True
        # polars never lets go of this generator, nor of an error that passed: neither may lead to rows of the file.
        try:
            yield from self._frames(columns, predicate, rows)
        except RodError as error:
            error.__context__ = None
            raise error.with_traceback(None) from None
        finally:
            self._records.forget()

    def _frames(self, columns: list[str] | None, predicate: pl.Expr | None, rows: int | None) -> Iterator[pl.DataFrame]:
        scan = ContentScan(self._contract, on=self._on)
        done = 0
        # The parser numbers them: a column of another make would have polars copy all others into its chunks.
        for frame in self._records.frames(self._order, ROW):
            scan.feed(frame)
            done += frame.height
            out = frame.select(columns if columns is not None else self._columns).with_columns(
                pl.col(pl.UInt32).cast(pl.Int64)
            )
            if rows is not None:
                out = out.head(max(rows - (done - frame.height), 0))
            yield out if predicate is None else out.filter(predicate)
            if rows is not None and done >= rows:
                return
        refuse_identifiers(scan.findings())
        self._finished = True


def read_table(
    stream: BinaryIO,
    contract: Contract,
    *,
    row_numbers: bool = True,
    ages_on: date = AGES_ON,
    chunk_bytes: int = CHUNK_BYTES,
    decree: Decree | None = None,
) -> RawTable:
    """The table in ``stream``; its header is read and judged at once, its records when the frame is consumed.

    ``ages_on`` is the date at which a column of dates is judged to be birth dates. Raises the ROD-FILE errors, and
    ROD-PRIVACY for a header that names a direct identifier; before any other complaint about the header. A column that
    the contract doesn't declare but ``decree`` names waits for a person; any other is data that may not be kept.
    """
    records = RecordStream(stream, contract.dialect, chunk_bytes)
    declared = [column.name for column in contract.columns]
    if not contract.dialect.header:
        refuse_identifiers(scan_header([column.header for column in contract.columns], contract))
        return RawTable(records, declared, contract, ages_on, row_numbers)
    headers = strip_prefix(records.header(), contract)
    refuse_identifiers(scan_header(headers, contract))
    match = HeaderMatch.of(headers, contract)
    _refuse_columns(match, headers, contract, decree)
    return RawTable(records, [name for name in match.names if name is not None], contract, ages_on, row_numbers)


def strip_prefix(headers: list[str], contract: Contract) -> list[str]:
    """The headers without the prefix that the dialect puts before the first; raises ``MissingHeader``."""
    prefix = contract.dialect.header_prefix
    if not headers[0].startswith(prefix):
        raise MissingHeader(f"The header of {contract.file} does not begin with {prefix!r}.", ASK_DUO)
    return [headers[0].removeprefix(prefix), *headers[1:]]


def _refuse_columns(match: HeaderMatch, headers: Sequence[str], contract: Contract, decree: Decree | None) -> None:
    if not (match.missing or match.unknown or match.double):
        return
    if not match.looks_like_header:
        found = len(contract.columns) - len(match.missing)
        raise MissingHeader(
            f"The first record of {contract.file} holds {found} of the {len(contract.columns)} declared headers: "
            "it is no header, or one of another file.",
            ASK_DUO,
        )
    parts = [
        ("not declared", shown_headers(headers, match.unknown)),
        ("missing", [repr(header) for header in match.missing]),
        ("double", [repr(headers[i - 1]) for i in match.double]),
    ]
    text = "; ".join(f"{what}: {', '.join(some(names))}" for what, names in parts if names)
    # As many new names as missing ones may be declared columns renamed, as far as anybody can tell: a person looks
    # first. One more, and something undeclared has come for certain; but for names of the annex, whole or with
    # something behind them: what was split off a rubriek falls under the decree as well.
    strange = [at for at in match.unknown if decree is None or decree.named_by(headers[at - 1]) is None]
    error = UndeclaredColumns if len(strange) > len(match.missing) else WrongColumns
    raise error(
        f"The columns of {contract.file} differ from its contract (version {contract.version}): {text}.",
        ASK_DUO
        if error is UndeclaredColumns
        else "Ask DUO what changed. If columns were renamed or split lawfully, draft the next version of the contract "
        "(`rod contract draft`), have it reviewed, and rerun; if the delivery may not be kept, `rod refuse` erases it.",
    )
