"""Provisional figures beside the definitive ones: how far a provisional figure was from what it became.

Belongs here: joining what was printed while a school year was provisional to what is printed now that it is definitive.
Does not belong here: what may be printed of either (``rod_pipeline.disclosure``), the restricted view of the same name
(``marts.across``).

Every row follows from two printed figures: where either is hidden, nothing stands here. How much it changed is told in
per cent, for a change of one to four students is a figure under five.
"""

from __future__ import annotations

import polars as pl

from rod_pipeline.publishing import keys
from rod_pipeline.publishing.proposal import Proposal, Table, cell_keys
from rod_pipeline.publishing.register import Told

NAME = "voorlopig_definitief"
FIGURES = ("voorlopig", "definitief", "verandering")
_LAST = (*FIGURES, "afgeschermd", "levering")


def provisional(earlier: Told | None) -> pl.DataFrame:
    """What was told last of each cell while its school year was provisional: ``cell``, ``n`` (null: hidden)."""
    if earlier is None:
        return pl.DataFrame(schema={"cell": pl.String, "n": pl.Int64})
    cells = earlier.cells.filter(status="V").sort("release", "cell")
    return cells.group_by("cell", maintain_order=True).agg(pl.col("n").last()).sort("cell")


def revised(proposal: Proposal) -> pl.DataFrame | None:
    """The figures of school years that are definitive now and were told before: ``tabel``, the columns of all tables
    (null: it is no column of that table), ``FIGURES``, ``afgeschermd``, ``levering``. None when there are none.
    """
    parts = [one for table in proposal.declared if (one := _of(table, proposal)).height]
    if not parts:
        return None
    whole = pl.concat(parts, how="diagonal")
    columns = sorted(set(whole.columns) - {"tabel", "schooljaar", *_LAST})
    return whole.select("tabel", "schooljaar", *columns, *_LAST).sort("tabel", "schooljaar", *columns)


def _of(table: Table, proposal: Proposal) -> pl.DataFrame:
    codes = dict(table.within)
    level = keys.level_of(table.measure, (*table.by, *codes))
    then = proposal.provisional.filter(
        keys.LEVEL.eq(level), *(keys.code(column) == code for column, code in codes.items())
    )
    final = proposal.speaks.filter(measure=table.measure, status="D").select("schooljaar", "levering")
    frame = proposal.tables[table.name]
    now = frame.select(cell_keys(table, frame).alias("cell"), definitief="n", now=True)
    years = [
        one.select(keys.code("schooljaar")).unique().join(final, on="schooljaar", how="semi") for one in (then, now)
    ]
    both = now.join(then.select("cell", voorlopig="n", then=True), on="cell", how="full", coalesce=True)
    both = both.with_columns(keys.code(column) for column in table.by).join(final, on="schooljaar")
    for year in years:
        both = both.join(year, on="schooljaar", how="semi")
    # What isn't in a table was told to be zero.
    both = both.with_columns(
        pl.when(pl.col("then")).then("voorlopig").otherwise(0), pl.when(pl.col("now")).then("definitief").otherwise(0)
    )
    told = pl.all_horizontal(pl.col("voorlopig", "definitief").is_not_null())
    was, became = pl.col("voorlopig"), pl.col("definitief")
    return both.select(
        pl.lit(table.name).alias("tabel"),
        *table.by,
        pl.when(told).then(was).cast(pl.Int64).alias("voorlopig"),
        pl.when(told).then(became).cast(pl.Int64).alias("definitief"),
        pl.when(told & (was > 0)).then((100 * (became - was) / was).round(1)).alias("verandering"),
        told.not_().alias("afgeschermd"),
        "levering",
    )
