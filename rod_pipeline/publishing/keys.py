"""Names of published cells, taken apart and put together.

Belongs here: expressions over the column ``cell``, whose text is ``measure|dim=code|dim=code``, dimensions sorted by
name (``disclosure.cells``), and the dimension that tells a provisional school year from a definitive one. Does not
belong here: what a dimension means.

Protection keeps the provisional and the definitive figures of a school year apart, so in its lists the status is a
dimension. Readers know that both are of the same students: in what is printed, registered and audited it isn't there.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rod_pipeline.disclosure.tables import UNKNOWN

CELL = pl.col("cell")
STATUS = "status"
MEASURE = CELL.str.extract(r"^([^|]*)", 1).alias("measure")
LEVEL = CELL.str.replace_all(r"=[^|]*", "").alias("level")
"""The measure and the dimensions of a cell, without the codes."""


def code(dimension: str, cell: pl.Expr = CELL) -> pl.Expr:
    """The code of a dimension, under its name; null where a cell is a total over it."""
    return cell.str.extract(rf"\|{dimension}=([^|]*)", 1).alias(dimension)


YEAR = ["measure", "schooljaar"]
YEAR_OF = (MEASURE, code("schooljaar"))
"""Of which measure and school year a cell is, as columns ``YEAR``."""


def without(dimension: str, cell: pl.Expr = CELL) -> pl.Expr:
    """The name without a dimension."""
    return cell.str.replace(rf"\|{dimension}=[^|]*", "")


def named(measure: str, codes: Mapping[str, pl.Expr]) -> pl.Expr:
    """The name of the cell with these codes; a null code is "onbekend"."""
    parts = [pl.format(f"|{dimension}={{}}", codes[dimension].fill_null(UNKNOWN)) for dimension in sorted(codes)]
    return pl.concat_str(pl.lit(measure), *parts)


def extended(dimension: str, codes: pl.Expr, cell: pl.Expr = CELL) -> pl.Expr:
    """The name with one dimension more, in its place."""
    dims = cell.str.split("|").list.slice(1)
    first = pl.element().str.extract(r"^([^=]*)", 1) < dimension
    before, after = dims.list.eval(pl.element().filter(first)), dims.list.eval(pl.element().filter(~first))
    added = pl.concat_list(pl.format(f"{dimension}={{}}", codes))
    return pl.concat_list(cell.str.split("|").list.first(), before, added, after).list.join("|")


def level_of(measure: str, dimensions: tuple[str, ...]) -> str:
    """The level of cells with these dimensions, as ``LEVEL`` has it."""
    return "|".join([measure, *sorted(dimensions)])
