"""What was told before: it can't be untold.

Belongs here: the register of what was published from earlier deliveries, and what follows from it for a new list. Does
not belong here: where the register is kept (the ledger and the published generations).

A school year of a measure is told twice: provisional, and definitive. While it is provisional its figures stand as they
were first told: what a correction of 1-4 students would tell by the difference isn't told. The definitive release keeps
hidden what was hidden, and prints what was printed unless it has become small. A figure that was printed in the
provisional release and is hidden now is thought by a reader to be within ``drift`` of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from rod_pipeline.disclosure.cells import CellList

_STATUS = r"\|status=[^|]*"
_YEAR = ("schooljaar", "status")


@dataclass(frozen=True)
class Published:
    """``cells``: ``release`` (sorts in time), ``cell``, ``n`` (null: hidden), ``definition``: what left, per release.

    ``definitions``: the version of each measure's definition now. What was told under another one is another figure and
    binds nothing. A measure that isn't named there is as it was in its last release.
    """

    cells: pl.DataFrame
    definitions: Mapping[str, int] = field(default_factory=dict)

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
    """

    standing: pl.DataFrame
    told: pl.DataFrame


def history(cells: CellList, earlier: Published | None) -> History:
    """Hold a cell list against the register."""
    none = pl.DataFrame(schema={"cell": pl.String, "n": pl.Int64})
    if earlier is None or earlier.cells.is_empty():
        return History(none, none.rename({"n": "told"}))
    last = earlier.last()
    year = pl.concat_str(
        pl.col("cell").str.extract(r"^([^|]*)", 1),
        *(pl.col("cell").str.extract(rf"\|{c}=([^|]*)", 1).fill_null("") for c in _YEAR),
        separator="|",
    ).alias("year")
    ours = cells.cells.select("cell", "n", year)
    same = ours.join(last.rename({"n": "told"}), on="cell", how="inner")
    revised = same.filter(pl.col("told").is_not_null() & (pl.col("told") != pl.col("n"))).select("year").unique()
    gone = last.with_columns(year).join(ours.select("year").unique(), on="year").join(ours, on="cell", how="anti")
    revised = pl.concat([revised, gone.filter(pl.col("n").is_not_null()).select("year").unique()]).unique()
    stands = ours.join(revised, on="year").select("cell")
    standing = stands.join(last, on="cell", how="left").sort("cell")
    other = last.with_columns(base=pl.col("cell").str.replace(_STATUS, "")).select("base", before="cell", told="n")
    rest = ours.join(stands, on="cell", how="anti").with_columns(base=pl.col("cell").str.replace(_STATUS, ""))
    # Hidden in one of the releases is hidden; printed in both is as the definitive one has it.
    told = (
        rest.join(other, on="base", how="inner")
        .sort("cell", "before")
        .group_by("cell", maintain_order=True)
        .agg(pl.when(pl.col("told").is_not_null().all()).then(pl.col("told").first()).alias("told"))
        .sort("cell")
    )
    return History(standing, told)
