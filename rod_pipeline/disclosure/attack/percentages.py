"""What a printed percentage tells of the count behind it.

Belongs here: from percentage and group to the counts that it can stand for. Does not belong here: counts that are
printed themselves (``audit``). A percentage of a printed group is a count in disguise: 4.8 % of 62 is 3.
"""

from __future__ import annotations

import polars as pl


def counts_behind(decimals: int) -> tuple[pl.Expr, pl.Expr]:
    """Lowest and highest whole count that a percentage with so many decimals can stand for, from the columns
    ``percentage`` and ``n``; half up and half to even are both allowed for. Low above high: no count fits."""
    scale = 10**decimals
    printed = (pl.col("percentage") * scale).round().cast(pl.Int64)
    low = _up((2 * printed - 1) * pl.col("n"), 200 * scale)
    high = ((2 * printed + 1) * pl.col("n")).floordiv(200 * scale)
    return pl.max_horizontal(low, pl.lit(0)), pl.min_horizontal(high, pl.col("n"))


def telling(
    percentages: pl.DataFrame, decimals: int, threshold: int = 5, span: int = 4, large: int = 30
) -> pl.DataFrame:
    """The rows (cell, n, percentage) from which a small count can be read: fewer than ``span`` counts fit, and one of
    those is small or leaves a small count on the other side; in a group under ``large`` 0 is small as well."""
    low, high = counts_behind(decimals)
    least = pl.when(pl.col("n") < large).then(0).otherwise(1)
    of_side = (pl.col("low") < threshold) & (pl.col("high") >= least)
    of_rest = (pl.col("n") - pl.col("high") < threshold) & (pl.col("n") - pl.col("low") >= least)
    return (
        percentages.with_columns(low=low, high=high)
        .filter((pl.col("high") - pl.col("low") + 1 < span) & (of_side | of_rest))
        .select(percentages.columns)
    )


def _up(value: pl.Expr, by: int) -> pl.Expr:
    return -((-value).floordiv(by))
