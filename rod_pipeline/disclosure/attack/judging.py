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

from rod_pipeline.disclosure.attack.attacker import Attacker, Seen
from rod_pipeline.disclosure.attack.programs import Solver, fit
from rod_pipeline.disclosure.attack.readers import Own, own_parts
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
    others in the group are fewer than ``large``. ``span``: so many values must be possible. ``drift``: a figure that
    moved further since an earlier release is another one."""

    threshold: int
    span: int
    large: int
    outcomes: Collection[str]
    drift: int


@dataclass(frozen=True)
class Judgement:
    """Of one reader: keys of the cells that fail, and which hidden cells those are."""

    exact: frozenset[str]
    narrow: frozenset[str]
    unresolved: frozenset[str]
    failing: Bools


def true_values(public: System, truth: pl.DataFrame) -> Ints:
    """The true value of each hidden cell, -1 where it isn't known."""
    known = public.cells.join(
        released(truth).select("release", "cell", "n"), on=["release", "cell"], how="left", maintain_order="left"
    )
    return known["n"].fill_null(-1).to_numpy().astype(np.int64)


def begin(public: System, known: Ints, floor: Ints, drift: int, solver: Solver) -> tuple[System, Ints]:
    """A table that fits: the true one, and where that isn't known one that is near what is. With it the system in which
    drift was widened where a figure moved further: a reader who thinks less is wrong, not informed. He is taken to
    think that it moved at most ``drift`` further than it did: were it exactly as far, that bound would be the figure.

    ``floor``: the least that each hidden cell can be. Raises ``DoesNotAddUp`` when the truth doesn't fit its sums.
    """
    start = np.zeros(public.unknowns, dtype=np.int64)
    unlinked = np.append(floor, np.full(public.unknowns - public.hidden, -UNBOUNDED))
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
    loose = Bounds(np.where(sure, start, unlinked), np.where(sure, start, UNBOUNDED))
    try:
        start = fit(public, strict, start, solver)
    except DoesNotAddUp:
        start = fit(public, loose, start, solver)
    low, high = public.bounds.low, public.bounds.high
    bounds = Bounds(
        np.where(start < low, np.maximum(start - drift, unlinked), low), np.where(start > high, start + drift, high)
    )
    return replace(public, bounds=bounds), start


def _ends(public: System, link: int) -> tuple[int, int]:
    """The unknowns of now and then that a link ties."""
    row = public.rows_at[public.col_start[link]]
    ends = slice(public.row_start[row], public.row_start[row + 1])
    signs, unknowns = public.signs[ends], public.row_of[ends]
    cells = unknowns < public.hidden
    return int(unknowns[cells & (signs > 0)][0]), int(unknowns[cells & (signs < 0)][0])


class Judge:
    """What is small for whom, and the judgement of what a reader found out."""

    def __init__(
        self,
        public: System,
        truth: pl.DataFrame,
        printed: pl.DataFrame,
        own: pl.DataFrame,
        rules: Smallness,
        attacker: Attacker,
        earlier: pl.DataFrame | None = None,
    ) -> None:
        """``truth``, ``printed``, ``own``, ``earlier``: as for ``audit``."""
        cells = released(truth).select("release", "cell", pl.col("n").cast(pl.Int64))
        unknown = public.cells.join(cells, on=["release", "cell"], how="anti").with_columns(n=pl.lit(-1, pl.Int64))
        at = ["release", "cell"]
        cells = pl.concat([cells, unknown.select(cells.columns)]).with_row_index("at")
        figures = released(printed).select(*at, figure="n")
        self._rules, self._n = rules, cells["n"].to_numpy()
        self._own = Own(cells, own)
        self._printed = cells.join(figures, on=at, how="left", maintain_order="left").select(
            (pl.col("release") == CURRENT) & pl.col("figure").is_not_null()
        ).to_series().to_numpy()  # fmt: skip
        self._hidden = public.cells.join(cells, on=at, how="left", maintain_order="left")["at"].to_numpy().astype(int)
        now = public.cells.select("cell").join(
            cells.filter(pl.col("release") == CURRENT), on="cell", how="left", maintain_order="left"
        )
        self._now = now["at"].fill_null(cells.height).to_numpy().astype(int)
        self._nobody_else = _nobody_else(public, own, rules, attacker)
        self._cell, self._release = cells["cell"].to_list(), cells["release"].to_list()
        sides = "|".join(sorted(rules.outcomes))
        whole = pl.col("cell").str.replace_all(rf"\|({sides})=[^|]*", "") if sides else pl.col("cell")
        side = cells.with_columns(side=with_outcome(rules.outcomes)).filter("side").select("at", "release", cell=whole)
        group = side.join(cells.select(*at, group="at"), on=at, how="left", maintain_order="left")
        self._side, self._group = (
            group[name].fill_null(len(self._n)).to_numpy().astype(int) for name in ("at", "group")
        )
        # Whose outcome a hidden cell is: an unknown of its own, or a figure that is printed.
        told = figures if earlier is None else pl.concat([figures, earlier.select(*at, figure="n")])
        of_now = cells.filter(pl.col("release") == CURRENT).select("cell", now="at")
        wholes = public.cells.select("release", cell=whole, side=with_outcome(rules.outcomes))
        for more, by in ((public.cells.with_row_index("unknown"), at), (told.unique(at), at), (of_now, ["cell"])):
            wholes = wholes.join(more, on=by, how="left", maintain_order="left")
        self._is_side = wholes["side"].to_numpy()
        self._whole, self._whole_now = (
            wholes[name].fill_null(none).to_numpy().astype(int)
            for name, none in (("unknown", public.hidden), ("now", cells.height))
        )
        self._whole_told = wholes["figure"].fill_null(0).to_numpy().astype(np.int64)

    def few_others(self, reader: str | None) -> Bools:
        """Of all cells whether the count of others is small for a reader."""
        others = self._n - self._own.everywhere(reader)
        small = (self._n >= 0) & (others >= 1) & (others < self._rules.threshold)
        # A group that is no cell is taken to be small.
        group = np.append(others, 1)[self._group]
        nobody = (self._n[self._side] >= 0) & (others[self._side] == 0) & (group >= 1) & (group < self._rules.large)
        small[self._side[nobody]] = True
        return small

    def asked(self, reader: str | None, few: Bools) -> Ints:
        """The hidden cells to look at: those with few others, and those whose truth isn't known."""
        asked = few[self._hidden] | (self._n[self._hidden] < 0)
        asked[self._nobody_else.get(reader or "", np.zeros(0, dtype=np.int64))] = False
        return np.flatnonzero(asked)

    def judged(self, reader: str | None, few: Bools, asked: Ints, seen: Seen) -> Judgement:
        """What ``seen`` of the cells that were ``asked`` comes to. A hidden cell whose truth isn't known fails when
        it could be small."""
        at, width, settled = self._hidden[asked], seen.bounds.width()[asked], seen.settled[asked]
        least = seen.bounds.low[asked]
        # Of an earlier release his own figures may not be given: then they are taken to be as large a part as now.
        mine = np.append(self._own.everywhere(reader), 0)
        now, mine_now = np.append(self._n, 0)[self._now[asked]], mine[self._now[asked]]
        part = (2 * mine_now * np.maximum(least, 0) + now) // (2 * np.maximum(now, 1))
        others = least - np.maximum(mine[at], part)
        # A figure that hasn't moved is of the same students: nobody else is in it then, as nobody is now.
        alone = (width == 0) & (now == least) & (others == 0) & ~self._is_side[asked]
        few_others = (others < self._rules.threshold) & ~alone & ~self._nobody_of_many(asked, seen, reader)
        could = (self._n[at] >= 0) | few_others
        lacking = could & (width < self._rules.span - 1)
        printed = np.flatnonzero(few & self._printed)
        failing = np.zeros(len(self._hidden), dtype=np.bool_)
        failing[asked] = lacking | (could & ~settled)
        return Judgement(
            exact=self._keys(np.append(at[lacking & (width == 0)], printed)),
            narrow=self._keys(at[lacking & (width > 0)]),
            unresolved=self._keys(at[could & ~lacking & ~settled]),
            failing=failing,
        )

    def _nobody_of_many(self, asked: Ints, seen: Seen, reader: str | None) -> Bools:
        """Whether it is sure of hidden cells that nobody is in them, and that their group is large without a reader's
        own: then the truth needn't be known to know that nothing is told of anybody."""
        mine = np.append(self._own.everywhere(reader), 0)[self._whole_now]
        least = np.maximum(np.append(seen.bounds.low, 0)[self._whole], self._whole_told)
        sure = self._is_side & (least - mine >= self._rules.large)
        nobody: Bools = sure[asked] & (seen.bounds.high[asked] == 0)
        return nobody

    def _keys(self, cells: Ints) -> frozenset[str]:
        named = ((self._release[at], self._cell[at]) for at in cells.tolist())
        return frozenset(cell if release == CURRENT else f"{release}: {cell}" for release, cell in named)


def _nobody_else(public: System, own: pl.DataFrame, rules: Smallness, attacker: Attacker) -> dict[str, Ints]:
    """Per reader the hidden cells of earlier releases of which it is certain that the others in it aren't few.

    How many of his own were in them needn't be known: in every table that fits, the others are as many as the cell is
    more than his own part of it.
    """
    parts = own_parts(public, own)
    agreed, others = attacker.apart(parts["at"].to_numpy(), parts["his"].to_numpy())
    sides = public.cells.with_columns(side=with_outcome(rules.outcomes))["side"].to_numpy()
    side = sides[parts["at"].to_numpy()]
    himself = (parts["at"] == parts["his"]).to_numpy()
    certain = agreed & (himself | ((others == 0) & ~side) | (others >= rules.threshold))
    return {
        str(reader): mine["at"].to_numpy()
        for (reader,), mine in parts.filter(pl.Series(certain)).partition_by("reader", as_dict=True).items()
    }
