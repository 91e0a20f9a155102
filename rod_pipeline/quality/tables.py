"""The tables of one delivery, read as values.

Belongs here: from the lossless text of a file to what its contract says it is, so that files written in different
dialects can be held against each other; and the few forms that counting over them has. Does not belong here: rules.

A school year is a bit in a mask: what a student was in which years is a number, and a rule about two years is
arithmetic on it. So one pass that groups by student answers many rules, without a join.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from rod_pipeline.contracts.model import Column, ColumnType, Contract, Dialect, FileKind
from rod_pipeline.quality.values import date_key, number, present

FIRST_YEAR = 2010
"""The school year of bit 0; one outside the 31 from there on (the decree's are 2017 up to 2028) has no bit."""
YEARS = range(FIRST_YEAR, FIRST_YEAR + 31)
MASK = pl.UInt32


def school_year(year: int) -> str:
    """How files write the school year that begins in ``year``."""
    return f"{year}-{year + 1}"


_BITS = {school_year(year): 1 << (year - FIRST_YEAR) for year in YEARS}


@dataclass(frozen=True)
class Tables:
    """Tables of text under technical names, with the contract that each was read by."""

    frames: Mapping[FileKind, pl.LazyFrame]
    contracts: Mapping[FileKind, Contract]

    def has(self, file: FileKind, *columns: str) -> bool:
        """Whether the file is there and its contract has these columns."""
        if file not in self.frames or file not in self.contracts:
            return False
        return set(columns) <= {column.name for column in self.contracts[file].columns}

    def read(self, file: FileKind, *columns: str) -> pl.LazyFrame:
        """These columns as values: booleans, integers, decimals, dates as the integer yyyymmdd; all else as text.

        What does not read, and what is empty, is null.
        """
        contract = self.contracts[file]
        return self.frames[file].select(
            value(contract.column(name), contract.dialect).alias(name) for name in dict.fromkeys(columns)
        )


def value(column: Column, dialect: Dialect) -> pl.Expr:
    """The column as a value that another dialect's can be compared with."""
    text = pl.col(column.name)
    match column.type:
        case ColumnType.BOOLEAN:
            yes, no = dialect.booleans
            return pl.when(text == yes).then(pl.lit(True)).when(text == no).then(pl.lit(False))
        case ColumnType.INTEGER | ColumnType.DECIMAL:
            return number(text, column.type, dialect)
        case ColumnType.DATE:
            return date_key(text, dialect.dates)
        case ColumnType.CODE | ColumnType.PSEUDONYM:
            return present(text)


def bit(schooljaar: pl.Expr) -> pl.Expr:
    """The mask of a school year such as ``2025-2026``: its one bit, none for what is no school year."""
    return schooljaar.replace_strict(_BITS, default=0, return_dtype=MASK)


def where(condition: pl.Expr, mask: pl.Expr) -> pl.Expr:
    """The mask where the condition holds, none elsewhere."""
    return pl.when(condition).then(mask).otherwise(pl.lit(0, MASK))


def mask_of(years: Iterable[int]) -> int:
    """The mask of several school years."""
    return sum(1 << (year - FIRST_YEAR) for year in set(years) if year in YEARS)


def before(mask: pl.Expr) -> pl.Expr:
    """What held a year ago, seen from the year after: each year's bit moved to the next year."""
    return mask * pl.lit(2, MASK)


def after(mask: pl.Expr) -> pl.Expr:
    """What will hold a year later, seen from the year before it: each year's bit moved to the year before."""
    return mask // pl.lit(2, MASK)


def years_in(mask: pl.Expr) -> pl.Expr:
    """In how many school years it holds, over all rows."""
    return mask.bitwise_count_ones().cast(pl.Int64).sum()
