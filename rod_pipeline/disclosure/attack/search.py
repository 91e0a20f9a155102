"""The search for what each hidden cell can be, for one reader after the other.

Belongs here: keeping what was found and asking only for what isn't. Does not belong here: what counts as a failure
(``audit``). A *move* is a set of whole changes that leaves every equation as it is. From a table that fits, it can be
made so many times up and down as the bounds of a reader let it; so one move shows at once that all cells in it can
have other values, and a move that was found for one reader is tried for all others before anything is reckoned anew.
That a move is one is checked in whole numbers, not taken from a solver.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rod_pipeline.disclosure.attack.programs import TOLERANCE, Solver, as_whole, gathered, part
from rod_pipeline.disclosure.attack.system import UNBOUNDED, Bools, Bounds, Ints, System

SIZES = (80, 400)
"""Unknowns (or equations) of the parts that are tried before the whole system."""


@dataclass(frozen=True)
class Found:
    """For each target: lowest and highest value that no reckoning excludes; what is shown to be possible; per target
    whether it was settled: either as many values as asked are shown, or low and high are exact."""

    low: Ints
    high: Ints
    shown: Ints
    settled: Bools


@dataclass
class Moves:
    """The pool of moves."""

    _start: list[int] = field(default_factory=lambda: [0])
    _at: list[Ints] = field(default_factory=list)
    _by: list[Ints] = field(default_factory=list)
    _known: set[bytes] = field(default_factory=set)

    def add(self, at: Ints, by: Ints) -> None:
        key = at.tobytes() + by.tobytes()
        if key not in self._known:
            self._known.add(key)
            self._start.append(self._start[-1] + len(at))
            self._at.append(at)
            self._by.append(by)

    def reach(self, bounds: Bounds, fit: Ints) -> tuple[Ints, Ints]:
        """How far up and down each unknown gets by some move of the pool."""
        up, down = np.zeros(len(fit), dtype=np.int64), np.zeros(len(fit), dtype=np.int64)
        if self._at:
            at, by = np.concatenate(self._at), np.concatenate(self._by)
            start = np.array(self._start)
            forth, back = (np.minimum.reduceat(times, start[:-1]) for times in _times(bounds, fit, at, by))
            _spread(up, down, at, by, *(np.repeat(times, np.diff(start)) for times in (forth, back)))
        return up, down


def _times(bounds: Bounds, fit: Ints, at: Ints, by: Ints) -> tuple[Ints, Ints]:
    """How often each change can be made forth and back within bounds."""
    above, below = bounds.high[at] - fit[at], fit[at] - bounds.low[at]
    size = np.abs(by)
    return np.where(by > 0, above, below) // size, np.where(by > 0, below, above) // size


def _spread(up: Ints, down: Ints, at: Ints, by: Ints, forth: Ints, back: Ints) -> None:
    size = np.abs(by)
    np.maximum.at(up, at, np.where(by > 0, forth, back) * size)
    np.maximum.at(down, at, np.where(by > 0, back, forth) * size)


class Search:
    """What can be found out in one system; keeps its moves from reader to reader."""

    def __init__(self, system: System, enough: int | None) -> None:
        """``enough``: so many possible values settle a cell; None asks for all of them."""
        self._system = system
        self._need = UNBOUNDED if enough is None else enough - 1
        self._moves = Moves()
        self.solver = Solver()

    def look(self, bounds: Bounds, fit: Ints, targets: Ints, exact: bool = True) -> Found:
        """What each target can be within bounds that were narrowed, given a table that fits. Without ``exact`` it is
        enough to know of a cell that it can't have as many values as asked."""
        up, down = self._moves.reach(bounds, fit)
        most_up, most_down = bounds.high - fit, fit - bounds.low
        settled = np.zeros(len(targets), dtype=np.bool_)
        free = bounds.low < bounds.high
        for number, target in enumerate(targets.tolist()):
            settled[number] = self._settle(target, bounds, fit, free, (up, down), (most_up, most_down), exact)
        return Found(
            low=(fit - most_down)[targets],
            high=(fit + most_up)[targets],
            shown=(up + down + 1)[targets],
            settled=settled,
        )

    def _settle(
        self,
        target: int,
        bounds: Bounds,
        fit: Ints,
        free: Bools,
        reach: tuple[Ints, Ints],
        most: tuple[Ints, Ints],
        exact: bool,
    ) -> bool:
        """Whether all is known that is asked of a target; ``reach`` grows and ``most`` shrinks on the way."""

        def done() -> bool:
            known = all(reach[side][target] == most[side][target] for side in (0, 1))
            too_few = not exact and most[0][target] + most[1][target] < self._need
            return known or too_few or reach[0][target] + reach[1][target] >= self._need

        if done():
            return True
        sizes = (*SIZES, system_size) if (system_size := self._system.unknowns) > SIZES[0] else (system_size,)
        for size in sizes if self._need < UNBOUNDED else (system_size,):
            if self._try(target, bounds, fit, free, reach, most, size, done):
                return True
        return self._whole(target, bounds, fit, free, reach, most, done)

    def _try(self, target, bounds, fit, free, reach, most, size, done) -> bool:  # type: ignore[no-untyped-def]
        system = self._system
        unknowns = self._around(target, free, size)
        everything = size >= system.unknowns
        inner = part(system, bounds, fit, unknowns)
        at = int(np.searchsorted(unknowns, target))
        for side, direction in ((0, 1), (1, -1)):
            other = reach[1 - side][target]
            goal = min(int(most[side][target]), self._need - int(other))
            if goal <= reach[side][target]:
                continue
            answer = self.solver.furthest(inner, at, direction, goal, near=True)
            self._take(unknowns, answer.moved, bounds, fit, reach)
            if everything and answer.proven and answer.reach < goal - TOLERANCE:
                most[side][target] = min(most[side][target], int(np.floor(answer.reach + TOLERANCE)))
            if done():
                return True
        if everything:
            return False
        rows = self._rows_around(target, size)
        wide = np.unique(gathered(system.row_start, system.row_of, np.flatnonzero(rows)))
        wide = wide[free[wide]]
        outer = part(system, bounds, fit, wide, rows)
        at = int(np.searchsorted(wide, target))
        for side, direction in ((0, 1), (1, -1)):
            goal = min(int(most[side][target]), self._need)
            answer = self.solver.furthest(outer, at, direction, goal, near=False)
            if answer.proven and answer.reach < goal - TOLERANCE:
                most[side][target] = min(most[side][target], int(np.floor(answer.reach + TOLERANCE)))
            if done():
                return True
        return False

    def _whole(self, target, bounds, fit, free, reach, most, done) -> bool:  # type: ignore[no-untyped-def]
        """By integer programs over the whole component, with a limit on branches."""
        unknowns = self._around(target, free, self._system.unknowns)
        inner = part(self._system, bounds, fit, unknowns)
        at = int(np.searchsorted(unknowns, target))
        for side, direction in ((0, 1), (1, -1)):
            goal = min(int(most[side][target]), self._need)
            if goal <= reach[side][target]:
                continue
            answer = self.solver.furthest(inner, at, direction, goal, near=False, whole=True)
            self._take(unknowns, answer.moved, bounds, fit, reach)
            if answer.proven:
                most[side][target] = min(most[side][target], max(reach[side][target], round(answer.reach)))
            if done():
                return True
        return done()

    def _take(self, unknowns: Ints, moved: np.ndarray, bounds: Bounds, fit: Ints, reach: tuple[Ints, Ints]) -> None:  # type: ignore[type-arg]
        """Keep the moves of an answer when they are whole and leave every equation as it is."""
        whole = as_whole(moved)
        if whole is None or not whole.any():
            return
        whole = whole // np.gcd.reduce(whole)
        nonzero = np.flatnonzero(whole)
        at, by = unknowns[nonzero], whole[nonzero]
        counts = self._system.col_start[at + 1] - self._system.col_start[at]
        rows = gathered(self._system.col_start, self._system.rows_at, at)
        change = gathered(self._system.col_start, self._system.signs_at, at) * np.repeat(by, counts)
        distinct, local = np.unique(rows, return_inverse=True)
        balance = np.zeros(len(distinct), dtype=np.int64)
        np.add.at(balance, local, change)
        if balance.any():
            return
        self._moves.add(at, by)
        forth, back = (times.min() for times in _times(bounds, fit, at, by))
        _spread(*reach, at, by, np.full(len(at), forth), np.full(len(at), back))

    def _around(self, target: int, free: Bools, size: int) -> Ints:
        """About ``size`` free unknowns around a target, sorted: those in its equations, then those most of whose
        equations are already touched. With a size of all, its connected component."""
        system = self._system
        chosen = np.array([target])
        if size >= system.unknowns:
            seen = np.zeros(system.unknowns, dtype=np.bool_)
            seen[target] = True
            while len(chosen):
                rows = np.unique(gathered(system.col_start, system.rows_at, chosen))
                cells = np.unique(gathered(system.row_start, system.row_of, rows))
                chosen = cells[free[cells] & ~seen[cells]]
                seen[chosen] = True
            return np.flatnonzero(seen)
        for _ in range(3):
            rows = np.unique(gathered(system.col_start, system.rows_at, chosen))
            touches = gathered(system.row_start, system.row_of, rows)
            cells, touched = np.unique(touches[free[touches]], return_counts=True)
            share = touched / (system.col_start[cells + 1] - system.col_start[cells])
            share[np.isin(cells, chosen)] = 2.0
            if len(cells) > size:
                cells = cells[np.argsort(-share, kind="stable")[:size]]
            if len(cells) == len(chosen):
                break
            chosen = np.sort(cells)
        return chosen

    def _rows_around(self, target: int, size: int) -> Bools:
        """The equations of a target, of the unknowns in those, and so on, shortest first, up to about ``size``."""
        system = self._system
        picked = np.zeros(len(system.right), dtype=np.bool_)
        cells = np.array([target])
        for _ in range(3):
            rows = np.unique(gathered(system.col_start, system.rows_at, cells))
            rows = rows[~picked[rows]]
            length = system.row_start[rows + 1] - system.row_start[rows]
            rows = rows[np.argsort(length, kind="stable")[: max(1, size - int(picked.sum()))]]
            picked[rows] = True
            if picked.sum() >= size or not len(rows):
                break
            cells = np.unique(gathered(system.row_start, system.row_of, rows))
        return picked
