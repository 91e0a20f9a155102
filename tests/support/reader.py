"""Small contracts and hand-made files for the tests of reading."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from rod_pipeline.contracts.model import Column, ColumnType, Contract, Dialect
from rod_pipeline.intake.reader import ReadReport, read_table


def column(name: str, header: str | None = None, type: str = "code", **more: Any) -> Column:
    return Column(name=name, header=header or name.capitalize(), technical=True, type=ColumnType(type), **more)


def contract(*columns: Column | str, dialect: dict[str, Any] | None = None, **more: Any) -> Contract:
    """A contract of file kind ``inschrijvingen`` with these columns; a plain name is a code column."""
    return Contract(
        file="inschrijvingen",
        version=1,
        title="test",
        grain="test",
        members=("*inschrijving*.csv",),
        dialect=Dialect(**(dialect or {})),
        columns=tuple(column(one) if isinstance(one, str) else one for one in columns),
        **more,
    )


def write_csv(
    rows: Iterable[Sequence[str | None]],
    dialect: Dialect,
    headers: Sequence[str] | None = None,
    *,
    newline: str | None = None,
    final_newline: bool = True,
    quote_all: bool = False,
) -> bytes:
    """A file in this dialect, written by Python's own csv module."""
    out = io.StringIO()
    writer = csv.writer(
        out,
        delimiter=dialect.separator,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_NONE if not dialect.quote else csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL,
        lineterminator=newline or dialect.newline,
    )
    rows = list(rows)
    if headers is not None:
        writer.writerow([dialect.header_prefix + headers[0], *headers[1:]])
    for row in rows:
        writer.writerow(["" if value is None else value for value in row])
    if dialect.control_record:
        writer.writerow([dialect.control_record, len(rows)])
    text = out.getvalue()
    if not final_newline:
        text = text.removesuffix(newline or dialect.newline)
    return (b"\xef\xbb\xbf" if dialect.bom else b"") + text.encode(dialect.encoding)


def read(data: bytes, by: Contract, **more: Any) -> tuple[pl.DataFrame, ReadReport]:
    """The whole table in ``data``, and the report."""
    table = read_table(io.BytesIO(data), by, **more)
    frame = table.frame.collect(engine="streaming")
    return frame, table.finish()
