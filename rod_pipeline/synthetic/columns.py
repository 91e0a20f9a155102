"""Turning arrays of numbers into the typed columns of a contract.

Belongs here: gathering codes, dates with nulls, what several files share. Does not belong here: which rows a file has.
Columns are built once per block under their technical names; ``fit`` puts them in the order of the contract.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import polars as pl

from rod_pipeline.contracts.model import ColumnType, Contract
from rod_pipeline.errors import PermanentError
from rod_pipeline.synthetic.careers import NEVER, Bools, Careers, days
from rod_pipeline.synthetic.moments import Moment
from rod_pipeline.synthetic.world import Floats, Ints

DTYPES: Mapping[ColumnType, type[pl.DataType]] = {
    ColumnType.CODE: pl.String,
    ColumnType.PSEUDONYM: pl.String,
    ColumnType.BOOLEAN: pl.Boolean,
    ColumnType.INTEGER: pl.Int64,
    ColumnType.DECIMAL: pl.Float64,
    ColumnType.DATE: pl.Date,
}
LEVELS = ("MBO-1", "MBO-2", "MBO-3", "MBO-4")
_SPACE = 10**12


class NothingToFillWith(PermanentError):
    """A contract asks for a column, not nullable, that the generator knows nothing about."""

    code = "ROD-SYNTHETIC-01"


def codes(values: Sequence[str], index: Ints, present: Bools | None = None) -> pl.Series:
    """``values[index]`` as text, null where ``present`` is false."""
    series = pl.Series(values, dtype=pl.String)
    if present is None:
        return series.gather(index)
    picked = pl.Series(np.where(present, index, -1), dtype=pl.Int64)
    return series.gather(picked.set(picked < 0, None))


def dates(days: Ints) -> pl.Series:
    """Days since 1970-01-01 as dates, ``NEVER`` as null."""
    series = pl.Series(days, dtype=pl.Int32)
    return series.set(series == NEVER, None).cast(pl.Date)


def numbers(values: Ints, present: Bools | None = None) -> pl.Series:
    """Whole numbers, null where ``present`` is false."""
    series = pl.Series(values, dtype=pl.Int64)
    return series if present is None else series.set(pl.Series(~present), None)


def decimals(values: Floats, present: Bools | None = None) -> pl.Series:
    """Numbers with three decimals, null where ``present`` is false."""
    series = pl.Series(np.round(values, 3), dtype=pl.Float64)
    return series if present is None else series.set(pl.Series(~present), None)


def flags(values: Bools, present: Bools | None = None) -> pl.Series:
    """Booleans, null where ``present`` is false."""
    series = pl.Series(values, dtype=pl.Boolean)
    return series if present is None else series.set(pl.Series(~present), None)


def repeat(text: str, count: int) -> pl.Series:
    return pl.repeat(text, count, dtype=pl.String, eager=True)


def school_year(year: int) -> str:
    return f"{year}-{year + 1}"


_SCHOOL_YEARS = [school_year(number) for number in range(1990, 2070)]


@lru_cache(maxsize=8)
def _mixing(seed: int) -> tuple[int, int]:
    a, b = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(3,)))).integers(
        10**9, 5 * 10**10, 2
    )
    factor = int(a) | 1
    return (factor if factor % 5 else factor + 2), int(b) * 17 % _SPACE


def pseudonyms(seed: int, numbers_: Ints) -> pl.Series:
    """The sectornummer of each person: 12 digits, leading zeros and all, never twice the same."""
    factor, shift = _mixing(seed)
    mixed = pl.Series((numbers_.astype(np.int64) * factor + shift) % _SPACE, dtype=pl.Int64)
    return mixed.cast(pl.String).str.zfill(12)


def technical(moment: Moment, year: Ints) -> dict[str, pl.Series]:
    """The technical data that every row carries; ``year`` is the school year of each row."""
    count = len(year)
    return {
        "schooljaar": school_years(year),
        "peildatum": dates(days(year, 10, 1)),
        "prikdatum": pl.repeat(moment.prikdatum, count, dtype=pl.Date, eager=True),
        "status": codes(("D", moment.status), (year >= moment.current).astype(np.int64)),
    }


def school_years(year: Ints, present: Bools | None = None) -> pl.Series:
    """School years as text, null where ``present`` is false."""
    return codes(_SCHOOL_YEARS, np.maximum(year - 1990, 0), present)


def gender(careers: Careers, rows: Ints) -> pl.Series:
    """M, V, and O for one in a thousand."""
    index = np.where(careers.spare[rows, 9] < 0.001, 2, 1 - careers.male[rows])
    return codes(("M", "V", "O"), index)


def fit(columns: Mapping[str, pl.Series], contract: Contract) -> pl.DataFrame:
    """The columns in the order and types of the contract; an unknown nullable column is null throughout."""
    height = len(next(iter(columns.values())))
    fitted = []
    for column in contract.columns:
        dtype = DTYPES[column.type]
        series = columns.get(column.name)
        if series is None:
            if not column.nullable:
                raise NothingToFillWith(
                    f"The generator has nothing for the column {column.name} of {contract.file}.",
                    "Let the contract allow empty values, or teach the generator the column.",
                )
            series = pl.Series([None], dtype=dtype).new_from_index(0, height)
        fitted.append((series if series.dtype == dtype else series.cast(dtype)).alias(column.name))
    return pl.DataFrame(fitted)
