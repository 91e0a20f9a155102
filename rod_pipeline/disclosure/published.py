"""What was told before: it can't be untold.

Belongs here: the register of what was published from earlier deliveries, and what follows from it for a new list. Does
not belong here: where the register is kept (the ledger and the published generations).

A school year of a measure is told twice: provisional, and definitive. While it is provisional its figures stand as they
were first told: what a correction of 1-4 students would tell by the difference isn't told. The definitive release keeps
hidden what was hidden, and prints what was printed unless it has become small. Of a figure that is hidden now a reader
thinks that it is within ``drift`` of what it was: of what was printed in the provisional release, or of what he knows
of one that was hidden there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from rod_pipeline.disclosure.cells import YEAR, CellList
from rod_pipeline.disclosure.report import level_of

_STATUS = r"\|status=[^|]*"
_COUNTS = {"cell": pl.String, "n": pl.Int64}


@dataclass(frozen=True)
class Published:
    """``cells``: ``release`` (sorts in time), ``cell``, ``n`` (null: hidden), ``definition``: what left, per release.

    ``definitions``: the version of each measure's definition now. What was told under another one is another figure and
    binds nothing. A measure that isn't named there is as it was in its last release.

    ``then``: ``cell`` of the new list, ``n``: what was true, as far as it is still known, when another figure of it was
    told or hidden. Restricted.
    """

    cells: pl.DataFrame
    definitions: Mapping[str, int] = field(default_factory=dict)
    then: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_COUNTS))

    def last(self) -> pl.DataFrame:
        """``cell``, ``n``: what was told last of each cell that means the same now, sorted by ``cell``."""
        measure = pl.col("cell").str.extract(r"^([^|]*)", 1)
        now = measure.replace_strict(self.definitions, default=None, return_dtype=pl.Int64)
        newest = pl.col("definition").sort_by("release").last().over(measure)
        return (
            self.cells.filter(pl.col("definition") == now.fill_null(newest))
            .sort("release", "cell")
            .group_by("cell", maintain_order=True)
            .agg(pl.col("n").last())
            .sort("cell")
        )


@dataclass(frozen=True)
class History:
    """What a list has to keep to. ``standing``: the cells of school years whose figures stand (``cell``, ``n`` as
    told); ``told``: for the other cells ``cell``, ``told`` (the figure as printed before, null: hidden).
    ``then``: as in ``Published``.
    """

    standing: pl.DataFrame
    told: pl.DataFrame
    then: pl.DataFrame


def history(cells: CellList, earlier: Published | None) -> History:
    """Hold a cell list against the register."""
    none = pl.DataFrame(schema=_COUNTS)
    if earlier is None or earlier.cells.is_empty():
        return History(none, none.rename({"n": "told"}), none)
    last = earlier.last()
    year = pl.concat_str(
        pl.col("cell").str.extract(r"^([^|]*)", 1),
        *(pl.col("cell").str.extract(rf"\|{c}=([^|]*)", 1).fill_null("") for c in YEAR),
        separator="|",
    ).alias("year")
    ours, last = (
        frame.select("cell", "n", year, level_of(frame["cell"]).alias("level")) for frame in (cells.cells, last)
    )
    both = ours.join(last.select("cell", told="n"), on="cell", how="left")
    # What isn't in a table was told to be zero.
    both = both.join(last.select("year", "level", zero=pl.lit(0, pl.Int64)).unique(), on=["year", "level"], how="left")
    in_register = pl.col("cell").is_in(last["cell"].to_list())
    both = both.with_columns(told=pl.when(in_register).then(pl.col("told")).otherwise(pl.col("zero")))
    gone = last.join(ours, on="cell", how="anti").join(ours.select("year").unique(), on="year")
    revised = pl.concat(
        [both.filter(pl.col("told") != pl.col("n")).select("year"), gone.filter(pl.col("n") > 0).select("year")]
    ).unique()
    standing = pl.concat(
        [both.join(revised, on="year").select("cell", n="told"), gone.join(revised, on="year").select("cell", "n")]
    )
    # Nothing that sums connect with a year that stands is told anew: by the difference it would tell of that year.
    while True:
        touched = cells.sums.join(standing, on="cell", how="semi").select("equation").unique()
        across = cells.sums.join(touched, on="equation", how="semi").join(standing, on="cell", how="anti")
        if across.is_empty():
            break
        more = both.join(across, on="cell", how="semi").select("cell", n="told")
        standing = pl.concat([standing, more])
    standing = standing.sort("cell")
    other = last.with_columns(base=pl.col("cell").str.replace(_STATUS, "")).select("base", before="cell", told="n")
    rest = ours.join(standing, on="cell", how="anti").with_columns(base=pl.col("cell").str.replace(_STATUS, ""))
    # Hidden in one of the releases is hidden; printed in both is as the definitive one has it.
    told = (
        rest.join(other, on="base", how="inner")
        .sort("cell", "before")
        .group_by("cell", maintain_order=True)
        .agg(pl.when(pl.col("told").is_not_null().all()).then(pl.col("told").first()).alias("told"))
        .sort("cell")
    )
    return History(standing, told, earlier.then)
