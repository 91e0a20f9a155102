"""Finding moves: small linear programs in the neighbourhood of one figure.

Belongs here: which figures may take part, the program, its answer in whole numbers. Does not belong here: what a figure
costs and who may see what (``opening``).

The program asks: change this figure by so much, keep every sum as it is, at the least price. Its columns are steps up
and steps down of each figure, bounded by what a reader knows: the attacker's programs of Fischetti and Salazar (2001),
for one figure. Only figures near by may move. That is always valid; when it has no answer, or a dear one, farther ones
may move too. Writing a program down would cost more than solving it: so it is done with whole arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import highspy
import numpy as np
import numpy.typing as npt

from rod_pipeline.disclosure.equations import Equations, Ints

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

Rooms = Callable[[Ints], tuple[Ints, Ints]]
"""How far each of some figures may go down and up (both >= 0)."""
WHOLE = 10_000_000
"""As a number of figures: all that there are."""
_WHOLE = 1e-6
_ATTEMPTS, _DEARER = 4, 8.0
_MULTIPLES = (1, 2, 3, 4)
"""Corners that aren't whole have small denominators in sums of ones."""
_OPTIONS = (("output_flag", False), ("threads", 1), ("presolve", "off"), ("solver", "simplex"), ("random_seed", 0))
_CONTINUOUS, _INTEGER = highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger


class Search:
    """A solver that is used again and again. Deterministic: one thread, the same programs give the same answers."""

    def __init__(self, system: Equations) -> None:
        count = len(system.n)
        sizes = np.array([len(members) for members, _ in system.rows], np.int64)
        self._row_start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._row_of = np.array([member for members, _ in system.rows for member in members], np.int64)
        factors = np.array([factor for _, factors in system.rows for factor in factors], np.float64)
        rows = np.repeat(np.arange(len(sizes)), sizes)
        by_column = np.lexsort((rows, self._row_of))
        self._rows_at, self._factors_at = rows[by_column], factors[by_column]
        self._col_start = np.searchsorted(self._row_of[by_column], np.arange(count + 1))
        self._needed = system.needed
        self._seen = np.zeros(count, np.bool_)
        self._touched = np.zeros(len(sizes), np.bool_)
        self._number = np.zeros(max(count, len(sizes)), np.int64)
        self.solved = 0
        # The class beneath ``highspy.Highs``: that one announces itself on standard output, and waits in a thread.
        self._solver = highspy._core._Highs()
        for option, value in _OPTIONS:
            self._solver.setOptionValue(option, value)

    def write(self, places: Ints, size: int, rooms: Rooms, price: Floats) -> None:
        """Write down the program of some ``size`` figures around ``places``: what ``moves`` goes on from."""
        self._members, self._rows, self._factors, self._counts, height = self._columns(
            self._near(places, size, rooms, price)
        )
        count = len(self._members)
        self._whole = size >= WHOLE
        self._column = {place: column for column, place in enumerate(self._members.tolist())}
        if not count:
            return
        cost = price[self._members]
        self._cost = np.concatenate([cost, cost])
        starts, size = np.cumsum(self._counts) - self._counts, len(self._rows)
        zeros, nothing = np.zeros(height), np.zeros(2 * count)
        self._solver.passModel(
            2 * count, height, 2 * size, 1, 1, 0.0, self._cost, nothing, nothing, zeros, zeros,
            np.concatenate([starts, starts + size]).astype(np.int32),
            np.concatenate([self._rows, self._rows]).astype(np.int32),
            np.concatenate([self._factors, -self._factors]),
            np.zeros(2 * count, np.int32),
        )  # fmt: skip
        self._height, self._every = height, np.arange(2 * count, dtype=np.int32)

    def moves(
        self, place: int, ways: Sequence[int], rooms: Rooms, price: Floats
    ) -> Iterator[tuple[float, dict[int, int]]]:
        """For each of ``ways`` that is possible: the cheapest move in the program that changes ``place`` by that much,
        and its price.
        """
        at = self._column.get(place)
        if at is None:
            return
        members, count = self._members, len(self._members)
        down, up = rooms(members)
        if not (ways := [by for by in ways if -down[at] <= by <= up[at]]):
            return
        highest = np.concatenate([up, down]).astype(np.float64)
        highest[[at, count + at]] = 0
        cost = price[members]
        if not np.array_equal(cost, self._cost[:count]):
            self._cost = np.concatenate([cost, cost])
            self._solver.changeColsCost(2 * count, self._every, self._cost)
        self._solver.changeColsBounds(2 * count, self._every, np.zeros(2 * count), highest)
        self._solver.clearSolver()  # the answer mustn't depend on what was asked before
        highest[[at, count + at]] = up[at], down[at]
        for by in ways:
            self._solver.changeColBounds(at, max(by, 0), max(by, 0))
            self._solver.changeColBounds(count + at, max(-by, 0), max(-by, 0))
            if (solved := self._in_whole_numbers(highest)) is None:
                continue
            steps = solved[:count] - solved[count:]
            if np.bincount(self._rows, self._factors * np.repeat(steps, self._counts), self._height).any():
                continue  # not balanced in whole numbers: no move
            moved = np.flatnonzero(steps)
            yield (
                float(cost[moved] @ np.abs(steps[moved])),
                dict(zip(members[moved].tolist(), steps[moved].tolist(), strict=True)),
            )

    def _in_whole_numbers(self, highest: Floats) -> Ints | None:
        """The solution, or a multiple of it that there is room for, in whole numbers.

        Where it isn't whole, what isn't is made dearer; the program of all figures is tried as an integer program at
        last, which may last a thousand times as long.
        """
        raised, every = self._cost, self._every
        solved = self._solution()
        for _ in range(_ATTEMPTS):
            if solved is None or (whole := _multiple(solved, highest)) is not None:
                break
            raised = np.where(np.abs(solved - np.rint(solved)) > _WHOLE, _DEARER * raised + 1.0, raised)
            self._solver.changeColsCost(len(every), every, raised)
            solved = self._solution()
        if raised is not self._cost:
            self._solver.changeColsCost(len(every), every, self._cost)
        if solved is not None and whole is None and self._whole:
            self._solver.changeColsIntegrality(len(every), every, np.full(len(every), _INTEGER))
            solved = self._solution()
            self._solver.changeColsIntegrality(len(every), every, np.full(len(every), _CONTINUOUS))
            whole = None if solved is None else _multiple(solved, highest)
        return None if solved is None else whole

    def _solution(self) -> Floats | None:
        self.solved += 1
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return np.array(self._solver.getSolution().col_value)

    def _near(self, places: Ints, size: int, rooms: Rooms, price: Floats) -> Ints:
        """``places`` and the figures nearest them that can move: those in their sums, in the sums of these, and so on;
        of the last ring first those most of whose sums are in reach, then the cheapest."""
        frontier = places
        chosen, total, touched = [frontier], len(places), []
        self._seen[places] = True
        while True:
            rows = _gathered(self._col_start, self._rows_at, frontier)
            rows = self._once(rows[~self._touched[rows]])
            self._touched[rows] = True
            touched.append(rows)
            cells = _gathered(self._row_start, self._row_of, rows)
            cells = self._once(cells[~self._seen[cells]])
            down, up = rooms(cells)
            cells = cells[(down > 0) | (up > 0)]
            if not len(cells):
                break
            if total + len(cells) > size:
                counts = self._col_start[cells + 1] - self._col_start[cells]
                inside = self._touched[_gathered(self._col_start, self._rows_at, cells)]
                share = np.add.reduceat(inside.astype(np.int64), np.cumsum(counts) - counts) / counts
                chosen.append(cells[np.lexsort((cells, price[cells], -share))[: size - total]])
                break
            self._seen[cells] = True
            chosen.append(cells)
            total += len(cells)
            frontier = cells
        members = np.concatenate(chosen)
        self._seen[members] = False
        self._touched[np.concatenate(touched)] = False
        return members

    def _once(self, items: Ints) -> Ints:
        """Each item once: faster than sorting."""
        order = np.arange(len(items))
        self._number[items] = order
        first: Ints = items[self._number[items] == order]
        return first

    def _columns(self, members: Ints) -> tuple[Ints, Ints, Floats, Ints, int]:
        """The columns of a program over ``members``: those that can move, their rows (numbered from 0), factors there,
        and number of rows each; and how many rows.

        What stands alone in an equation can't move; what it leaves alone by that can't either.
        """
        counts = self._col_start[members + 1] - self._col_start[members]
        at = _positions(self._col_start, members, counts)
        rows, factors = self._rows_at[at], self._factors_at[at]
        names = self._once(rows)
        height = len(names)
        self._number[names] = np.arange(height)
        rows = self._number[rows]
        of = np.repeat(np.arange(len(members)), counts)
        alive = np.ones(len(members), np.bool_)
        while len(rows):
            alone = (np.bincount(rows, minlength=height) == 1)[rows]
            if not alone.any():
                break
            alive[of[alone]] = False
            kept = alive[of]
            rows, factors, of = rows[kept], factors[kept], of[kept]
        said = self._needed[names[rows]]
        rows, factors, of = rows[said], factors[said], of[said]
        names = self._once(rows)
        self._number[names] = np.arange(len(names))
        counts = np.bincount(of, minlength=len(alive))[alive]
        return members[alive], self._number[rows], factors, counts, len(names)


def _multiple(solved: Floats, highest: Floats) -> Ints | None:
    """The least multiple that is whole and that there is room for; None without one."""
    for multiple in _MULTIPLES:
        whole = np.rint(solved * multiple)
        if np.abs(solved * multiple - whole).max() <= _WHOLE * multiple and (multiple == 1 or (whole <= highest).all()):
            return whole.astype(np.int64)
    return None


def _positions(start: Ints, which: Ints, counts: Ints) -> Ints:
    """Where the items of each of ``which`` stand, one after the other."""
    offsets = np.repeat(start[which] - (np.cumsum(counts) - counts), counts)
    return offsets + np.arange(len(offsets))


def _gathered(start: Ints, items: Ints, which: Ints) -> Ints:
    return items[_positions(start, which, start[which + 1] - start[which])]
