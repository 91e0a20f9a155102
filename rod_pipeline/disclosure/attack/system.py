"""What a reader has before him: printed figures, sums, and the unknowns that they leave.

Belongs here: reading the tables of a publication into one system of equations with bounds, for the public. Does not
belong here: what institutions know besides (``readers``), what follows from it (``ties``, ``bounds``, ``search``).

Every hidden cell is an unknown whole number. A sum of the list is an equation. A printed figure of an earlier delivery
and the present figure of the same cell are tied by a *link*: an unknown difference of at most ``drift`` either way. So
all that a reader knows is: equations, and a lowest and highest value for each unknown (Handbook on SDC, 2nd ed., 4.3
and 5.4: the intruder's *feasibility interval*; zeros printed as zeros make it narrower).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from rod_pipeline.errors import PermanentError

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

UNBOUNDED = 1 << 40
"""Stands for "no highest value" in arithmetic; far above any count, far below where it would overflow."""

CURRENT = ""
"""The release label of what is published now."""
DRIFT = 4
"""How far a reader thinks that the count of a cell moved between two deliveries, unless said otherwise."""


class DoesNotAddUp(PermanentError):
    """Printed figures contradict their sums, or a reader's own figures."""

    code = "ROD-DISCLOSURE-22"

    @classmethod
    def for_a_reader(cls) -> DoesNotAddUp:
        return cls(
            "No table fits what a reader is told: printed figures, sums and own figures contradict each other.",
            "Publish nothing. Make cells, sums and own figures anew from the same leaves.",
        )


@dataclass(frozen=True)
class Bounds:
    """A lowest and a highest value per unknown, ``UNBOUNDED`` where there is none."""

    low: Ints
    high: Ints

    def width(self) -> Ints:
        """How many whole values each unknown can have, less one."""
        return self.high - self.low


@dataclass(frozen=True)
class Equations:
    """Equations ``sum(sign * x) = right`` over unknowns, by row and by column.

    ``row_start``, ``row_of`` and ``signs`` hold each row's unknowns; ``col_start`` and ``rows_at`` each unknown's rows,
    ``signs_at`` its signs there. A sign is a whole number, not always one.
    """

    right: Ints
    row_start: Ints
    row_of: Ints
    signs: Ints
    col_start: Ints
    rows_at: Ints
    signs_at: Ints

    @property
    def unknowns(self) -> int:
        return len(self.col_start) - 1


@dataclass(frozen=True)
class System(Equations):
    """With ``bounds`` for everybody. Unknowns are the hidden cells in order of ``cells`` (release, cell), then the
    links."""

    cells: pl.DataFrame
    bounds: Bounds

    @property
    def hidden(self) -> int:
        """Number of unknowns that are cells."""
        return self.cells.height


def arranged(right: Ints, unknowns: int, row: Ints, unknown: Ints, sign: Ints) -> Equations:
    """Equations from entries: of which row, which unknown, with which sign."""
    by_row, by_col = np.lexsort((unknown, row)), np.lexsort((row, unknown))
    return Equations(
        right=right,
        row_start=np.searchsorted(row[by_row], np.arange(len(right) + 1)),
        row_of=unknown[by_row],
        signs=sign[by_row],
        col_start=np.searchsorted(unknown[by_col], np.arange(unknowns + 1)),
        rows_at=row[by_col],
        signs_at=sign[by_col],
    )


def released(table: pl.DataFrame) -> pl.DataFrame:
    """The table with a column ``release``: what has none is of now."""
    if "release" in table.columns:
        return table.with_columns(pl.col("release").fill_null(CURRENT))
    return table.with_columns(release=pl.lit(CURRENT))


def dimension(name: str) -> pl.Expr:
    """The code that a cell has for a dimension, null when it is a total over it."""
    return pl.col("cell").str.extract(rf"\|{name}=([^|]*)")


def with_outcome(outcomes: Collection[str]) -> pl.Expr:
    """Whether a cell is one side of an outcome: then it may be 0 although it is hidden."""
    return pl.any_horizontal([pl.lit(False), *(dimension(name).is_not_null() for name in sorted(outcomes))])


def floors(cells: pl.DataFrame, outcomes: Collection[str]) -> Ints:
    """The least that each hidden cell can be: zeros are printed, but for the sides of an outcome."""
    return 1 - cells.with_columns(side=with_outcome(outcomes))["side"].to_numpy().astype(np.int64)


def system(
    printed: pl.DataFrame, sums: pl.DataFrame, earlier: pl.DataFrame | None, drift: int, outcomes: Collection[str]
) -> System:
    """The public's system. ``printed``: cell, n (null: hidden). ``sums``: equation, cell, sign, and release if of an
    earlier one. ``earlier``: release, cell, n. A cell that only stands in sums is hidden.

    Raises ``DoesNotAddUp`` when an equation without unknowns doesn't hold.
    """
    figures = released(printed).select("release", "cell", pl.col("n").cast(pl.Int64))
    if earlier is not None:
        figures = pl.concat([figures, earlier.select("release", "cell", pl.col("n").cast(pl.Int64))])
    terms = released(sums).select("release", "equation", "cell", pl.col("sign").cast(pl.Int64))
    unseen = terms.select("release", "cell").unique().join(figures, on=["release", "cell"], how="anti")
    figures = pl.concat([figures, unseen.with_columns(n=pl.lit(None, pl.Int64))]).unique(["release", "cell"])
    cells = figures.filter(pl.col("n").is_null()).select("release", "cell").sort("release", "cell")
    cells = cells.with_row_index("unknown").with_columns(pl.col("unknown").cast(pl.Int64))
    terms = terms.join(figures, on=["release", "cell"], how="left").join(cells, on=["release", "cell"], how="left")
    equations = terms.group_by("release", "equation").agg(
        right=-(pl.col("sign") * pl.col("n")).sum(), unknowns=pl.col("unknown").count()
    )
    if equations.filter((pl.col("unknowns") == 0) & (pl.col("right") != 0)).height:
        raise DoesNotAddUp(
            "Printed figures don't add up to their printed totals.",
            "Publish nothing. The cells and the sums are not of the same table; make both anew.",
        )
    rows = (
        equations.filter(pl.col("unknowns") > 0)
        .sort("release", "equation")
        .with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64))
    )
    entries = (
        terms.filter(pl.col("unknown").is_not_null())
        .join(rows.select("release", "equation", "row"), on=["release", "equation"])
        .select("row", "unknown", "sign")
    )
    bounds = Bounds(floors(cells, outcomes), np.full(cells.height, UNBOUNDED, dtype=np.int64))
    right = rows["right"].to_numpy().astype(np.int64)
    if earlier is not None:
        trust = earlier.select(
            "release", "cell", drift=pl.col("drift") if "drift" in earlier.columns else pl.lit(drift)
        )
        entries, bounds, right = _linked(figures, cells, entries, bounds, right, trust, drift)
    row, unknown, sign = (entries[name].to_numpy().astype(np.int64) for name in ("row", "unknown", "sign"))
    together = arranged(right, len(bounds.low), row, unknown, sign)
    return System(**vars(together), cells=cells.select("release", "cell"), bounds=bounds)


def _linked(
    figures: pl.DataFrame,
    cells: pl.DataFrame,
    entries: pl.DataFrame,
    bounds: Bounds,
    right: Ints,
    trust: pl.DataFrame,
    drift: int,
) -> tuple[pl.DataFrame, Bounds, Ints]:
    """With a link between each cell of now and the same cell in each earlier release, where one of both is hidden."""
    known = figures.join(cells, on=["release", "cell"], how="left")
    now = known.filter(pl.col("release") == CURRENT).select("cell", n_now="n", now="unknown")
    # What only stands in the sums of an earlier release is tied as what was printed hidden there.
    then = known.filter(pl.col("release") != CURRENT).join(trust, on=["release", "cell"], how="left")
    then = then.with_columns(pl.col("drift").fill_null(drift))
    pairs = then.join(now, on="cell").sort("cell", "release")
    low, high = bounds.low.copy(), bounds.high.copy()
    for unknown, figure in (("now", "n"), ("unknown", "n_now")):
        tied = pairs.filter(pl.col(unknown).is_not_null() & pl.col(figure).is_not_null())
        at, near, apart = tied[unknown].to_numpy(), tied[figure].to_numpy(), tied["drift"].to_numpy()
        np.maximum.at(low, at, near - apart)
        np.minimum.at(high, at, near + apart)
    both = pairs.filter(pl.col("now").is_not_null() & pl.col("unknown").is_not_null())
    row = np.arange(both.height) + len(right)
    link = np.arange(both.height) + len(low)
    more = pl.concat(
        pl.DataFrame({"row": row, "unknown": at, "sign": np.full(both.height, sign)})
        for at, sign in ((both["now"].to_numpy(), 1), (both["unknown"].to_numpy(), -1), (link, -1))
    )
    apart = both["drift"].to_numpy().astype(np.int64)
    bounds = Bounds(np.concatenate([low, -apart]), np.concatenate([high, apart]))
    right = np.concatenate([right, np.zeros(both.height, dtype=np.int64)])
    return pl.concat([entries, more.cast(entries.schema)]), bounds, right
