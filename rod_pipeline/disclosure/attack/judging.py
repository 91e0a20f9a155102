"""Which cells a reader may not know, and whether he does.

Belongs here: the judgement of one reader, with the truth at hand. Does not belong here: reckoning (``search``), the
audit as a record (``audit``). The truth is used for three things: to know which counts of others are small, as a table
that fits to begin the search from, and to keep a reader from believing that a cell moved less than it did.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from rod_pipeline.disclosure.attack.programs import Solver, fit
from rod_pipeline.disclosure.attack.search import Search
from rod_pipeline.disclosure.attack.system import (
    CURRENT,
    UNBOUNDED,
    Bools,
    Bounds,
    DoesNotAddUp,
    Ints,
    System,
    released,
    with_outcome,
)


@dataclass(frozen=True)
class Smallness:
    """Counts of others from 1 up to ``threshold`` are small; so is 0 in a side of one of the ``outcomes`` when the
    others in the group are fewer than ``large``. ``span``: so many values must be possible."""

    threshold: int
    span: int
    large: int
    outcomes: Collection[str]


@dataclass(frozen=True)
class Judgement:
    """Of one reader: keys of cells that fail, which hidden cells those are, and bounds of all unknowns afterwards."""

    exact: frozenset[str]
    narrow: frozenset[str]
    unresolved: frozenset[str]
    failing: Bools
    bounds: Bounds


def true_values(public: System, truth: pl.DataFrame) -> Ints:
    """The true value of each hidden cell, -1 where it isn't known."""
    known = public.cells.join(
        released(truth).select("release", "cell", "n"), on=["release", "cell"], how="left", maintain_order="left"
    )
    return known["n"].fill_null(-1).to_numpy().astype(np.int64)


def begin(public: System, known: Ints, floor: Ints, solver: Solver) -> tuple[System, Ints]:
    """A table that fits: the true one, and where that isn't known one that is near what is. With it the system in which
    drift was widened to what moved further: a reader who thinks less is wrong, not informed.

    ``floor``: the least that each hidden cell can be. Raises ``DoesNotAddUp`` when the truth doesn't fit its sums.
    """
    start = np.zeros(public.unknowns, dtype=np.int64)
    start[: public.hidden] = np.where(known >= 0, known, floor)
    links = range(public.hidden, public.unknowns)
    ends = {link: _ends(public, link) for link in links}
    for now, then in ends.values():
        if known[then] < 0 <= known[now]:
            start[then] = max(floor[then], known[now])
    for link, (now, then) in ends.items():
        start[link] = start[now] - start[then]
    sure = np.zeros(public.unknowns, dtype=np.bool_)
    sure[: public.hidden] = known >= 0
    strict = Bounds(np.where(sure, start, public.bounds.low), np.where(sure, start, public.bounds.high))
    unlinked = np.append(floor, np.full(len(links), -UNBOUNDED))
    loose = Bounds(np.where(sure, start, unlinked), np.where(sure, start, UNBOUNDED))
    try:
        start = fit(public, strict, start, solver)
    except DoesNotAddUp:
        start = fit(public, loose, start, solver)
    bounds = Bounds(np.minimum(public.bounds.low, start), np.maximum(public.bounds.high, start))
    return replace(public, bounds=bounds), start


def _ends(public: System, link: int) -> tuple[int, int]:
    """The unknowns of now and then that a link ties."""
    row = public.rows_at[public.col_start[link]]
    ends = slice(public.row_start[row], public.row_start[row + 1])
    signs, unknowns = public.signs[ends], public.row_of[ends]
    cells = unknowns < public.hidden
    return int(unknowns[cells & (signs > 0)][0]), int(unknowns[cells & (signs < 0)][0])


def small_others(figures: pl.DataFrame, own: pl.DataFrame, reader: str | None, rules: Smallness) -> pl.DataFrame:
    """The cells whose count of others is small for a reader. ``figures``: release, cell, n (the truth), figure (what is
    printed of it). Returns release, cell, figure."""
    table = with_own(figures, own, reader).with_columns(others=pl.col("n") - pl.col("mine"))
    small = table.filter(pl.col("others").is_between(1, rules.threshold - 1))
    if rules.outcomes:
        sides = "|".join(sorted(rules.outcomes))
        nobody = table.filter((pl.col("others") == 0) & with_outcome(rules.outcomes)).with_columns(
            group=pl.col("cell").str.replace_all(rf"\|({sides})=[^|]*", "")
        )
        groups = table.select("release", group="cell", size="others")
        few = nobody.join(groups, on=["release", "group"], how="left").filter(
            pl.col("size").fill_null(1).is_between(1, rules.large - 1)
        )
        small = pl.concat([small, few.select(small.columns)])
    return small.select("release", "cell", "figure")


def with_own(cells: pl.DataFrame, own: pl.DataFrame, reader: str | None) -> pl.DataFrame:
    """The cells with ``mine``: how many of a reader's own are in each."""
    if reader is None:
        return cells.with_columns(mine=pl.lit(0, pl.Int64))
    mine = released(own).filter(pl.col("reader") == reader).select("release", "cell", mine=pl.col("n").cast(pl.Int64))
    return cells.join(mine, on=["release", "cell"], how="left", maintain_order="left").with_columns(
        pl.col("mine").fill_null(0)
    )


def judge(
    public: System,
    bounds: Bounds,
    start: Ints,
    known: Ints,
    small: pl.DataFrame,
    mine: Ints,
    told: Bools,
    search: Search,
    rules: Smallness,
) -> Judgement:
    """What a reader with these bounds works out of the cells that are ``small`` for him.

    ``start``: a table that fits; ``known``: true values, -1 where unknown; ``mine``: his own per hidden cell; ``told``:
    hidden cells that fail already. A hidden cell whose truth isn't known fails when it could be small. Raises
    ``DoesNotAddUp`` when no table fits what the reader knows.
    """
    marked = public.cells.join(
        small.select("release", "cell", small=True), on=["release", "cell"], how="left", maintain_order="left"
    )
    is_small = marked["small"].fill_null(False).to_numpy() | (known < 0)
    targets = np.flatnonzero(is_small & ~told)
    if ((start < bounds.low) | (start > bounds.high)).any():
        start = fit(public, bounds, start, search.solver)
    found = search.look(bounds, start, targets)
    width = found.high - found.low
    could = (known[targets] >= 0) | (found.low - mine[targets] < rules.threshold)
    few = could & (width < rules.span - 1)
    release, cell = (public.cells[name].to_list() for name in ("release", "cell"))

    def keys(which: Bools) -> frozenset[str]:
        at = targets[which].tolist()
        return frozenset(cell[i] if release[i] == CURRENT else f"{release[i]}: {cell[i]}" for i in at)

    printed = small.filter((pl.col("release") == CURRENT) & pl.col("figure").is_not_null())["cell"].to_list()
    low, high = bounds.low.copy(), bounds.high.copy()
    low[targets], high[targets] = found.low, found.high
    failing = np.zeros(public.hidden, dtype=np.bool_)
    failing[targets] = few | (could & ~found.settled)
    return Judgement(
        exact=keys(few & (width == 0)) | frozenset(printed),
        narrow=keys(few & (width > 0)),
        unresolved=keys(could & ~few & ~found.settled),
        failing=failing,
        bounds=Bounds(low, high),
    )
