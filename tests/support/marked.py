"""Deliveries whose values are markers, and that break every rule: for looking whether one gets out.

``marked`` replaces every pseudonym by a marker that has the form of one. ``spoilt`` goes on from there: a breach of
each rule about rows is planted, by a marker where the judged cell may hold any text, and six rows are markers
throughout. ``as_edits`` writes such tables over those of a synthetic delivery. ``CODE_LIKE`` is a marker that looks
like a code; it stands in columns whose codes may not be told, because no closed list has them.
"""

from collections.abc import Callable, Mapping
from functools import cache

import polars as pl

from rod_pipeline.contracts.model import FILE_KINDS, Column, ColumnType, FileKind
from tests.support.leaks import MARKER, Table
from tests.support.planting import ODD, plant
from tests.support.rules import BOOK, clean, expectations, is_about_rows

CODE_LIKE = "QX7ZW9"
THROUGHOUT = f"~{MARKER}~"
_ROWS = 6


@cache
def marked(key: str = "2025-12") -> Mapping[FileKind, pl.DataFrame]:
    """A clean delivery in which each student's pseudonym is a marker, the same one wherever the student is."""
    frames = clean(key=key)
    found = pl.concat([frame["sectornummer"] for kind, frame in frames.items() if "sectornummer" in frame.columns])
    names = found.unique().drop_nulls().sort()
    new = pl.Series([f"{MARKER}{number:05}" for number in range(len(names))])
    return {
        kind: frame.with_columns(pl.col("sectornummer").replace_strict(names, new, default=None))
        if "sectornummer" in frame.columns
        else frame
        for kind, frame in frames.items()
    }


@cache
def spoilt(key: str = "2025-12") -> Mapping[FileKind, pl.DataFrame]:
    """``marked``, with breaches of every rule about rows of every file."""
    return {kind: _spoilt(kind, frame) for kind, frame in marked(key).items()}


def _spoilt(kind: FileKind, frame: pl.DataFrame) -> pl.DataFrame:
    contract = BOOK.get(kind)
    rules = [each for each in expectations(kind).values() if is_about_rows(each)]
    room = frame.height - 3 * _ROWS
    each = max(1, min(3, room // (3 * len(rules))))
    for at, rule in enumerate(rules):
        first = at * 3 * each % (room - 3 * each)
        frame = plant(frame, contract, rule, range(first, first + each))
    names = [column.name for column in contract.columns]
    row = pl.int_range(pl.len())
    throughout = row >= pl.len() - _ROWS
    code_like = (row >= pl.len() - 2 * _ROWS) & ~throughout
    untold = [column.name for column in contract.columns if not _may_be_told(column)]
    return frame.with_columns(
        pl.when(throughout)
        .then(pl.lit(THROUGHOUT))
        .otherwise(pl.col(name).str.replace(ODD, THROUGHOUT, literal=True))
        .alias(name)
        for name in names
    ).with_columns(pl.when(code_like).then(pl.lit(CODE_LIKE)).otherwise(pl.col(name)).alias(name) for name in untold)


def within_the_decree(frames: Mapping[FileKind, pl.DataFrame]) -> Mapping[FileKind, pl.DataFrame]:
    """The same, with markers for school years that the decree doesn't allow: for those a delivery is erased at once."""
    begin = pl.col("schooljaar").str.extract(r"^([0-9]{4})-[0-9]{4}$").cast(pl.Int32)
    year = pl.when(begin < 2022).then(pl.lit(THROUGHOUT)).otherwise(pl.col("schooljaar")).alias("schooljaar")
    return {kind: frame if kind == "doorstroom" else frame.with_columns(year) for kind, frame in frames.items()}


def _may_be_told(column: Column) -> bool:
    """Whether a value of this column may be told when it is frequent and looks like a code: one of a closed list."""
    closed = column.values is not None and not BOOK.value_list(column.values).open
    return closed or column.type is ColumnType.PSEUDONYM


def as_edits(frames: Mapping[FileKind, pl.DataFrame]) -> dict[str, Callable[[Table], None]]:
    """Edits (see ``leaks.edited``) that put these tables in the place of those that a delivery has."""

    def put(kind: FileKind) -> Callable[[Table], None]:
        names = {column.header: column.name for column in BOOK.get(kind).columns}

        def edit(rows: Table) -> None:
            columns = [frames[kind][names[header]].fill_null("").to_list() for header in rows[0]]
            rows[1:] = [list(row) for row in zip(*columns, strict=True)]

        return edit

    return {kind: put(kind) for kind in FILE_KINDS if kind in frames}
