"""What a mart is: a declared, pure transformation of one delivery, with an account of every row that it reads.

Belongs here: the shape of such a declaration. Does not belong here: the marts themselves (a module each, its ``MART``),
their list (``declared``), building (``build``).

A mart counts the rows of one file, its ``file``; where a column comes from another file, a row of that one is looked up
and counts nothing by itself. Formula, source and purpose stand in the declaration once, and are shown wherever the mart
is: with the asset, in the database, in the docs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import polars as pl

if TYPE_CHECKING:
    from rod_pipeline.contracts.book import ContractBook
    from rod_pipeline.contracts.model import Contract, FileKind

Frames = Mapping["FileKind", pl.LazyFrame]
"""Validated, typed tables of one delivery, by kind of file."""
Purpose = Literal["onderzoek", "verantwoording"]
"""The two purposes of voorschrift 3a."""
BOTH: tuple[Purpose, ...] = ("onderzoek", "verantwoording")


@dataclass(frozen=True)
class Described:
    """What stands in the mart database over deliveries: what it holds, formula, source, its columns with their meaning.

    It holds what the marts hold: restricted, for the same purposes.
    """

    name: str
    about: str
    formula: str
    source: str
    columns: Mapping[str, str]
    purposes: tuple[Purpose, ...] = BOTH


@dataclass(frozen=True)
class MartColumn:
    """A column of a mart: what it means, and which columns it comes from.

    A source is a column of the file whose rows the mart counts, or, of another file, ``file.column``. Of a dimension
    ``by`` is the column of the prepared rows that it is grouped by.
    """

    name: str
    dtype: pl.DataType | type[pl.DataType]
    description: str
    sources: tuple[str, ...]
    by: str = ""


def dimension(name: str, description: str, *sources: str, by: str | None = None) -> MartColumn:
    """A column by which is counted: by its first source, or ``by``; of the same name unless told otherwise."""
    sources = sources or (name,)
    return MartColumn(name, pl.String, description, sources, by or sources[0].rpartition(".")[2])


def number(name: str, description: str, *sources: str) -> MartColumn:
    """A column of counts."""
    return MartColumn(name, pl.Int64, description, sources)


@dataclass(frozen=True, eq=False)
class Mart:
    """The declaration of a mart.

    ``about``: what it holds, in a sentence. ``file``: the file whose rows it counts. ``contracts``: the contract
    versions that its code was written for, of each file that it reads. ``left_out``: why a row of ``file`` does not
    count: the first reason that holds for it; a row without any counts. ``totals``: what columns of numbers must add up
    to, each an aggregation over the rows that count, written apart from the formula, so that a row that the formula
    loses shows. ``table``: the formula; its result has ``columns``, one row per group that counts anything, sorted by
    group. It holds counts under five: restricted, never published as it is.
    """

    name: str
    about: str
    file: FileKind
    contracts: Mapping[FileKind, tuple[int, ...]]
    formula: str
    source: str
    columns: tuple[MartColumn, ...]
    left_out: Mapping[str, pl.Expr]
    totals: Mapping[str, pl.Expr]
    table: Callable[[Frames], pl.LazyFrame]
    purposes: tuple[Purpose, ...] = BOTH

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """The columns by which is counted."""
        return tuple(column.name for column in self.columns if column.dtype == pl.String)

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """The columns of counts."""
        return tuple(column.name for column in self.columns if column.dtype == pl.Int64)

    @cached_property
    def uses(self) -> Mapping[FileKind, frozenset[str]]:
        """The columns that it uses, per kind of file."""
        found: dict[FileKind, set[str]] = {file: set() for file in self.contracts}
        for column in self.columns:
            for name in column.sources:
                file, source = self.origin(name)
                found[file].add(source)
        return MappingProxyType({file: frozenset(names) for file, names in found.items()})

    def origin(self, source: str) -> tuple[FileKind, str]:
        """The file and the column that a source names."""
        for file in self.contracts:
            if source.startswith(f"{file}."):
                return file, source.removeprefix(f"{file}.")
        return self.file, source

    def accounts(self, frame: pl.LazyFrame) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        """What becomes of the rows of ``file``: one row of ``read`` and ``left_out``, and one row of ``totals``."""
        reason = pl.coalesce(pl.when(holds).then(pl.lit(name)) for name, holds in self.left_out.items())
        counted = pl.col("__reason").is_null()
        with_reason = frame.with_columns(reason.alias("__reason"))
        return (
            with_reason.select(
                pl.len().alias("read"), *((pl.col("__reason") == name).sum().alias(name) for name in self.left_out)
            ),
            with_reason.filter(counted).select(total.alias(name) for name, total in self.totals.items()),
        )

    def declares(self, contract: Contract) -> bool:
        """Whether the mart's code names this version, or a person named the mart in it."""
        return contract.version in self.contracts.get(contract.file, ()) or self.name in contract.marts

    def lacks(self, contract: Contract, book: ContractBook) -> tuple[str, ...]:
        """The columns that the mart uses and the contract lacks, or has in another type than the mart knows."""
        known = book.get(contract.file, max(self.contracts[contract.file]))
        there = {column.name: column.type for column in contract.columns}
        return tuple(
            column.name
            for column in known.columns
            if column.name in self.uses[contract.file] and there.get(column.name) is not column.type
        )


def counted_by(frame: pl.LazyFrame, columns: tuple[MartColumn, ...], *numbers: pl.Expr) -> pl.LazyFrame:
    """``frame`` grouped by the dimensions among ``columns``, sorted."""
    by = [column for column in columns if column.dtype == pl.String]
    return (
        frame.group_by([pl.col(c.by).cast(pl.String).alias(c.name) for c in by])
        .agg(numbers)
        .sort([c.name for c in by], nulls_last=True)
    )


def tally(holds: pl.Expr, name: str) -> pl.Expr:
    """How many rows of a group something holds for; where it isn't known it doesn't."""
    return holds.fill_null(False).sum().cast(pl.Int64).alias(name)


def yes_no(holds: pl.Expr) -> pl.Expr:
    """``J``, ``N``, or null where it isn't known: a flag as a dimension."""
    return pl.when(holds).then(pl.lit("J")).when(~holds).then(pl.lit("N"))
