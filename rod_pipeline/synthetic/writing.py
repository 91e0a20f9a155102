"""Frames to the bytes of a file, in any dialect that a contract can declare.

Belongs here: formatting and encoding. Does not belong here: which rows there are (``population``), archives
(``archives``). Text is formatted column by column in polars and written per block, so memory doesn't grow.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping

import polars as pl

from rod_pipeline.contracts.model import Contract, DateNotation, Dialect
from rod_pipeline.errors import PermanentError

_DATES: Mapping[DateNotation, str] = {
    DateNotation.EEJJMMDD: "%Y%m%d",
    DateNotation.DD_MM_JJJJ: "%d-%m-%Y",
    DateNotation.ISO: "%Y-%m-%d",
}
_BOM = b"\xef\xbb\xbf"
_COMMA = ","

TextEdit = Callable[[Iterator[pl.DataFrame], Contract], Iterator[pl.DataFrame]]
HeaderEdit = Callable[[list[str]], list[str]]
CountEdit = Callable[[int], int]


class ImpossibleDialect(PermanentError):
    """A dialect in which values could not be told apart."""

    code = "ROD-SYNTHETIC-03"


DIALECTS: Mapping[str, Dialect | None] = {
    "contract": None,
    "grondslag": Dialect(
        quote="", dates=DateNotation.EEJJMMDD, booleans=("1", "0"), header=False, control_record="SLR"
    ),
    "obo": Dialect(separator="|", quote="", newline="\n", dates=DateNotation.ISO, booleans=("true", "false")),
    "vsv": Dialect(header_prefix="#", bom=True),
    "opendata": Dialect(separator=",", newline="\n", decimal=".", dates=DateNotation.ISO),
    "cijfers": Dialect(encoding="cp1252", separator="\t", dates=DateNotation.EEJJMMDD),
}
"""Named dialects, each after a real file of DUO: GRONDSLAG_IP_MBO, OBO, VSV, open data, the 1cijferbestanden."""


def formatted(frame: pl.DataFrame, dialect: Dialect) -> pl.DataFrame:
    """All columns as the text that goes into the file; null stays null."""
    yes, no = (pl.lit(text) for text in dialect.booleans)
    columns = []
    for name, dtype in frame.schema.items():
        column = pl.col(name)
        if dtype == pl.Date:
            column = column.dt.to_string(_DATES[dialect.dates])
        elif dtype == pl.Boolean:
            column = pl.when(column).then(yes).when(~column).then(no).alias(name)
        elif dtype == pl.Float64:
            column = column.cast(pl.String)
            if dialect.decimal == _COMMA:
                column = column.str.replace(".", _COMMA, literal=True)
        elif dtype != pl.String:
            column = column.cast(pl.String)
        columns.append(column)
    return frame.select(columns)


def write(
    frames: Iterable[pl.DataFrame],
    contract: Contract,
    *,
    header: HeaderEdit = lambda headers: headers,
    text: TextEdit | None = None,
    count: CountEdit = lambda rows: rows,
) -> Iterator[bytes]:
    """The file in pieces of one block each; the hooks are for faults, after formatting.

    ``frames`` are typed, in the contract's columns; a column that the contract doesn't declare gets its own name as
    header. Raises ``ImpossibleDialect`` before the first byte.
    """
    dialect = contract.dialect
    if dialect.separator == _COMMA and not dialect.quote:
        raise ImpossibleDialect(
            "A comma separates the values and nothing quotes them, while values hold commas.",
            "Choose another separator, or let the dialect quote.",
        )
    known = {column.name: column.header for column in contract.columns}
    texts: Iterator[pl.DataFrame] = (formatted(frame, dialect) for frame in frames)
    if text is not None:
        texts = text(texts, contract)
    rows, begun = 0, False
    for frame in texts:
        if not begun:
            begun = True
            yield _start(header([known.get(name, name) for name in frame.columns]), dialect)
        rows += frame.height
        yield encoded(frame, dialect)
    if not begun:
        yield _start(header(list(known.values())), dialect)
    if dialect.control_record:
        record = f"{dialect.control_record}{dialect.separator}{count(rows)}{dialect.newline}"
        yield record.encode(dialect.encoding)


def encoded(frame: pl.DataFrame, dialect: Dialect) -> bytes:
    """The records of a formatted frame."""
    target = io.BytesIO()
    # Only a comma can stand within our values, and quoting on demand costs a look at each of them.
    frame.write_csv(
        target,
        include_header=False,
        separator=dialect.separator,
        line_terminator=dialect.newline,
        quote_char=dialect.quote or '"',
        quote_style="necessary" if dialect.separator == _COMMA else "never",
    )
    data = target.getvalue()
    return data if dialect.encoding == "utf-8" else data.decode().encode(dialect.encoding)


def _start(headers: list[str], dialect: Dialect) -> bytes:
    mark = _BOM if dialect.bom else b""
    if not dialect.header:
        return mark
    special = (dialect.separator, dialect.quote or dialect.separator)
    shown = [
        f"{dialect.quote}{name}{dialect.quote}" if dialect.quote and any(sign in name for sign in special) else name
        for name in headers
    ]
    line = dialect.header_prefix + dialect.separator.join(shown) + dialect.newline
    return mark + line.encode(dialect.encoding)
