"""How a text reads as the value that a contract declares.

Belongs here: Polars expressions that turn the lossless text of a file into keys that can be compared, by the contract's
dialect. Does not belong here: deciding that a file is wrong (``checks``), where the text comes from (``intake``).

A value that does not read becomes null, never an error: that it does not read is a rule of its own. The notations are
those of DUO's Programma van Eisen mbo: an unknown day, or an unknown day and month, is written ``00``.
"""

import re

import polars as pl

from rod_pipeline.contracts.model import Column, ColumnType, DateNotation, Dialect

_DATE_SHAPES: dict[DateNotation, tuple[str, int, int, int]] = {
    DateNotation.EEJJMMDD: (r"^[0-9]{8}$", 0, 4, 6),
    DateNotation.DD_MM_JJJJ: (r"^[0-9]{2}-[0-9]{2}-[0-9]{4}$", 6, 3, 0),
    DateNotation.ISO: (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", 0, 5, 8),
}
_INTEGER = r"^-?[0-9]{1,18}$"
_DECIMAL = {",": r"^-?[0-9]{1,15}(?:,[0-9]{1,15})?$", ".": r"^-?[0-9]{1,15}(?:\.[0-9]{1,15})?$"}
_SEASON = re.compile(r"J(\+[0-9])?-([0-9]{2})-([0-9]{2})")
_UNKNOWN_DAY, _UNKNOWN_MONTH = 99, 9900


def present(text: pl.Expr) -> pl.Expr:
    """The text, with an empty one taken as missing (null)."""
    return pl.when(text != "").then(text)


def date_key(text: pl.Expr, notation: DateNotation) -> pl.Expr:
    """The date as the integer ``yyyymmdd``; ``00`` for an unknown day or month is kept. Null where it does not read."""
    shape, year_at, month_at, day_at = _DATE_SHAPES[notation]
    digits = pl.when(text.str.contains(shape)).then(text)
    year = digits.str.slice(year_at, 4).cast(pl.Int32, strict=False)
    month = digits.str.slice(month_at, 2).cast(pl.Int32, strict=False)
    day = digits.str.slice(day_at, 2).cast(pl.Int32, strict=False)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = (
        pl.when(month.is_in([4, 6, 9, 11]))
        .then(30)
        .when(month == 2)
        .then(pl.when(leap).then(29).otherwise(28))
        .otherwise(31)
    )
    exists = (year > 0) & (month <= 12) & (day <= last) & ((month > 0) | (day == 0))
    return pl.when(exists).then(year * 10_000 + month * 100 + day)


def latest(key: pl.Expr) -> pl.Expr:
    """The latest date that a key can mean: an unknown day or month counts as later than any known one."""
    day_unknown = (key % 100 == 0).cast(pl.Int32) * _UNKNOWN_DAY
    month_unknown = (key % 10_000 == 0).cast(pl.Int32) * _UNKNOWN_MONTH
    return key + day_unknown + month_unknown


def number(text: pl.Expr, kind: ColumnType, dialect: Dialect) -> pl.Expr:
    """The value as a 64-bit integer, or as a 64-bit float for a decimal. Null where it does not read."""
    if kind is ColumnType.DECIMAL:
        return (
            pl.when(text.str.contains(_DECIMAL[dialect.decimal]))
            .then(text.str.replace(dialect.decimal, ".", literal=True))
            .cast(pl.Float64, strict=False)
        )
    return pl.when(text.str.contains(_INTEGER)).then(text).cast(pl.Int64, strict=False)


def reads(text: pl.Expr, kind: ColumnType, dialect: Dialect) -> pl.Expr:
    """Whether the text reads as its declared type; codes and pseudonyms always do."""
    match kind:
        case ColumnType.INTEGER:
            return text.str.contains(_INTEGER)
        case ColumnType.DECIMAL:
            return text.str.contains(_DECIMAL[dialect.decimal])
        case ColumnType.BOOLEAN:
            return text.is_in(list(dialect.booleans))
        case ColumnType.DATE:
            return date_key(text, dialect.dates).is_not_null()
        case ColumnType.CODE | ColumnType.PSEUDONYM:
            return text.is_not_null()


def ordered(column: Column, dialect: Dialect) -> pl.Expr:
    """The column as a key with an order: numbers and dates by value, booleans, codes and pseudonyms by their text.

    A partly unknown date counts as the earliest that it can mean (``latest`` makes it the latest).
    """
    text = present(pl.col(column.name))
    if column.type is ColumnType.DATE:
        return date_key(text, dialect.dates)
    if column.type in (ColumnType.INTEGER, ColumnType.DECIMAL):
        return number(text, column.type, dialect)
    return text


def season_day(written: str) -> int:
    """A day of a season as ``mmdd``, and 10 000 for each year later: ``J+1-07-31`` is 10 731. Raises ``ValueError``."""
    found = _SEASON.fullmatch(written)
    if found is None:
        raise ValueError("no day of a season")
    years, month, day = found.groups()
    return int(years or 0) * 10_000 + int(month) * 100 + int(day)
