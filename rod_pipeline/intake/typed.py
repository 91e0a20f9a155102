"""Strings to types, after validation.

Belongs here: converting the lossless table by what the contract declares, and counting what does not convert. Does not
belong here: judging values (``quality``); this comes after it.

A value that can't be converted is an error, never a silent null. One exception is lawful: a date whose day or month is
unknown (``00``) has no calendar date; it becomes null, and ``unknown_dates`` counts it. Codes stay strings.
"""

from collections.abc import Mapping

import polars as pl

from rod_pipeline.contracts.model import Column, ColumnType, Contract, DateNotation, Dialect
from rod_pipeline.intake.refusals import NotConverted

_DATES = {
    DateNotation.EEJJMMDD: (r"^[0-9]{8}$", "%Y%m%d", r"^[0-9]{4}(00[0-9]{2}|[0-9]{2}00)$"),
    DateNotation.DD_MM_JJJJ: (r"^[0-9]{2}-[0-9]{2}-[0-9]{4}$", "%d-%m-%Y", r"^(00-[0-9]{2}|[0-9]{2}-00)-[0-9]{4}$"),
    DateNotation.ISO: (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "%Y-%m-%d", r"^[0-9]{4}-(00-[0-9]{2}|[0-9]{2}-00)$"),
}
_TYPES: dict[ColumnType, type[pl.DataType]] = {
    ColumnType.BOOLEAN: pl.Boolean,
    ColumnType.INTEGER: pl.Int64,
    ColumnType.DECIMAL: pl.Float64,
    ColumnType.DATE: pl.Date,
}


def typed(frame: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """The table with Boolean, Int64, Float64 and Date where the contract says so; all else as it was, ``_row`` too.

    ``frame`` has the technical names. Collecting raises ``NotConverted`` with column and row number, at the
    first part that does not convert.
    """
    schema = frame.collect_schema()
    columns = [column for column in contract.columns if column.type in _TYPES and column.name in schema]
    out = pl.Schema({**schema, **{column.name: _TYPES[column.type]() for column in columns}})

    def convert(part: pl.DataFrame) -> pl.DataFrame:
        new = part.with_columns(converted(column, contract.dialect).alias(column.name) for column in columns)
        for column in columns:
            if new.get_column(column.name).null_count() > part.get_column(column.name).null_count():
                _refuse_failures(part, column, contract)
        return new

    return frame.map_batches(convert, streamable=True, schema=out)


def conversion_failures(frame: pl.LazyFrame, contract: Contract) -> Mapping[str, int]:
    """How many values of which column can't be converted; only columns that have any."""
    return _counts(
        frame, contract, {c.name: fails_conversion(c, contract.dialect) for c in contract.columns if c.type in _TYPES}
    )


def unknown_dates(frame: pl.LazyFrame, contract: Contract) -> Mapping[str, int]:
    """How many dates of which column have an unknown day or month, and become null; only columns that have any."""
    dates = [column for column in contract.columns if column.type is ColumnType.DATE]
    return _counts(frame, contract, {column.name: _unknown(column, contract.dialect) for column in dates})


def fails_conversion(column: Column, dialect: Dialect) -> pl.Expr:
    """Whether a filled value has not the column's type; never for codes, never for a date with an unknown day."""
    failed = pl.col(column.name).is_not_null() & converted(column, dialect).is_null()
    return failed & ~_unknown(column, dialect) if column.type is ColumnType.DATE else failed


def converted(column: Column, dialect: Dialect) -> pl.Expr:
    """The column in its type, null where a value has not that type."""
    text = pl.col(column.name)
    match column.type:
        case ColumnType.BOOLEAN:
            true, false = dialect.booleans
            return text.replace_strict({true: True, false: False}, default=None, return_dtype=pl.Boolean)
        case ColumnType.INTEGER:
            return pl.when(text.str.contains(r"^-?[0-9]+$")).then(text).cast(pl.Int64, strict=False)
        case ColumnType.DECIMAL:
            mark = "," if dialect.decimal == "," else r"\."
            number = pl.when(text.str.contains(rf"^-?[0-9]+({mark}[0-9]+)?$")).then(text)
            return number.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
        case ColumnType.DATE:
            shape, notation, _ = _DATES[dialect.dates]
            return pl.when(text.str.contains(shape)).then(text).str.to_date(notation, strict=False)
        case _:
            return text


def _counts(frame: pl.LazyFrame, contract: Contract, flags: Mapping[str, pl.Expr]) -> Mapping[str, int]:
    present = frame.collect_schema()
    sums = [flag.sum().alias(name) for name, flag in flags.items() if name in present]
    if not sums:
        return {}
    row = frame.select(sums).collect(engine="streaming").row(0, named=True)
    return {name: count for name, count in row.items() if count}


def _refuse_failures(part: pl.DataFrame, column: Column, contract: Contract) -> None:
    failed = part.select(fails_conversion(column, contract.dialect).fill_null(value=False)).to_series()
    count = int(failed.sum())
    if not count:
        return
    first = part.get_column("_row")[int(failed.arg_max() or 0)] if "_row" in part.columns else None
    where = "" if first is None else f" from record {first} on"
    raise NotConverted(
        f"Values of {contract.file}.{column.name} are no {column.type.value}: {count} in a part of the table{where}.",
        "The checks on this column should have refused the delivery before: see its validation report.",
    )


def _unknown(column: Column, dialect: Dialect) -> pl.Expr:
    return pl.col(column.name).str.contains(_DATES[dialect.dates][2])
