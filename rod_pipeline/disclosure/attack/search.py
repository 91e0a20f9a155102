"""The search for what each hidden cell can be, for one reader after the other.

Belongs here: keeping what was found and asking only for what isn't. Does not belong here: what counts as a failure
(``audit``). A *move* is a set of whole changes that leaves every equation as it is. From a table that fits, it can be
made so many times up and down as the bounds of a reader let it; so one move shows at once that all cells in it can
have other values, and a move that was found for one reader is tried for all others before anything is reckoned anew.
That a move is one is checked in whole numbers, not taken from a solver.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from rod_pipeline.disclosure.attack.programs import TOLERANCE, Answer, Floats, Solver, Whole, as_whole, gathered, part
from rod_pipeline.disclosure.attack.system import UNBOUNDED, Bools, Bounds, Equations, Ints

SIZES = (80, 400, 2000)
"""Unknowns (or equations) of the parts that are tried before the whole system."""

MOST_AT_ONCE, SHARE_AT_ONCE = 256, 24
"""Targets that are moved at once: at most so many, and one of so many unknowns. The fewer, the less do they get in each
other's way, and the more programs there are."""

TURNS = 4
"""How often that is tried: to one side, to the other, and both again."""

SIGNS = (1, -1)
"""Of the two sides to which an unknown can move: up, down."""


@dataclass(frozen=True)
class Found:
    """For each unknown: bounds that no reckoning made narrower, and whether it was settled: either as many values as
    asked for are possible, or the bounds are exact. What was no target has the bounds that it had."""

    bounds: Bounds
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


@dataclass
class _Sight:
    """What is known for one reader while his targets are looked at: how far each unknown was seen to move from the
    table that fits (``reach``: up, down; grows), and how far it moves at most (``most``; shrinks)."""

    bounds: Bounds
    fit: Ints
    reach: tuple[Ints, Ints]
    most: tuple[Ints, Ints]

    @property
    def free(self) -> Bools:
        return self.bounds.low < self.bounds.high

    def limit(self, target: int, side: int, answer: Answer, goal: int) -> None:
        """An answer that is proven and falls short of its goal is the most."""
        if answer.proven and answer.reach < goal - TOLERANCE:
            self.most[side][target] = min(self.most[side][target], int(np.floor(answer.reach + TOLERANCE)))


class Search:
    """What can be found out in one system; keeps its moves from reader to reader."""

    def __init__(self, system: Equations, enough: int | None, solver: Solver) -> None:
        """``enough``: so many possible values settle a cell; None asks for all of them."""
        self._system = system
        self._need = UNBOUNDED if enough is None else enough - 1
        self._moves = Moves()
        self._solver = solver
        self._whole = Whole(system)

    def look(self, bounds: Bounds, fit: Ints, targets: Ints) -> Found:
        """What each target can be within bounds that were narrowed, given a table that fits."""
        most = (bounds.high - fit, fit - bounds.low)
        sight = _Sight(bounds, fit, self._moves.reach(bounds, fit), most)
        alone = np.diff(self._system.col_start) == 0  # in no equation: any value within its bounds will do
        for reach, limit in zip(sight.reach, most, strict=True):
            reach[alone] = limit[alone]
        if self._need < UNBOUNDED:
            self._show_together(targets, sight)
        settled = self._is_settled(sight)
        for target in targets[~settled[targets]].tolist():
            settled[target] = self._settle(target, sight)
        return Found(Bounds(fit - most[1], fit + most[0]), settled)

    def _is_settled(self, sight: _Sight) -> Bools:
        (up, down), (most_up, most_down) = sight.reach, sight.most
        settled: Bools = (up + down >= self._need) | ((up == most_up) & (down == most_down))
        return settled

    def _show_together(self, targets: Ints, sight: _Sight) -> None:
        """Move many targets at once, each as far as is enough, first to the side where it has most room."""
        free = np.flatnonzero(sight.free)
        size = min(MOST_AT_ONCE, 1 + len(free) // SHARE_AT_ONCE)
        up, down = sight.most
        left = targets[(up + down >= self._need)[targets]]
        for turn in range(TURNS):
            left = left[~self._is_settled(sight)[left]]
            for number in range(blocks := -(-len(left) // size)):
                self._move(left[number::blocks], free, (up >= down) == (turn % 2 == 0), sight)

    def _move(self, targets: Ints, free: Ints, upwards: Bools, sight: _Sight) -> None:
        """Move targets up or down."""
        goals = []
        for side in (0, 1):
            goal = np.minimum(sight.most[side], self._need - sight.reach[1 - side])
            goals.append(np.where(goal > sight.reach[side], goal, 0)[targets])
        up = upwards[targets]
        goal = np.where(up, *goals)
        at, way = np.searchsorted(free, targets[goal > 0]), np.where(up, *SIGNS)[goal > 0]
        if len(at):
            whole = part(self._system, sight.bounds, sight.fit, free)
            self._take(free, self._solver.together(whole, at, way, goal[goal > 0]), sight)

    def _settle(self, target: int, sight: _Sight) -> bool:
        """Whether all is known that is asked of a target, after the cheapest reckoning that tells it."""

        def done() -> bool:
            up, down = (int(side[target]) for side in sight.reach)
            most_up, most_down = (int(side[target]) for side in sight.most)
            return up + down >= self._need or (up == most_up and down == most_down)

        if done():
            return True
        steps = [self._among_all, self._in_whole_numbers]
        if self._need < UNBOUNDED and self._system.unknowns > SIZES[0]:
            small = [partial(step, size=size) for size in SIZES for step in (self._among_few, self._of_few)]
            steps = [*small, *(partial(self._among_few, size=size, whole=True) for size in SIZES[1:]), *steps]
        return any(done() for step in steps for _ in step(target, sight))

    def _among_few(self, target: int, sight: _Sight, size: int, *, whole: bool = False) -> Iterator[None]:
        """With few unknowns moving; in whole numbers it is enough to get there, however much else moves."""
        unknowns, all_there_are = self._around(target, sight.free, size)
        few = part(self._system, sight.bounds, sight.fit, unknowns)
        at = int(np.searchsorted(unknowns, target))
        for side, goal in self._goals(target, sight):
            answer = self._solver.furthest(few, at, SIGNS[side], goal, near=not whole, whole=whole)
            self._take(unknowns, answer.moved, sight)
            if all_there_are:
                sight.limit(target, side, answer, goal)
            yield

    def _of_few(self, target: int, sight: _Sight, size: int) -> Iterator[None]:
        """With few equations asked for."""
        rows = self._rows_around(target, size)
        unknowns = np.unique(gathered(self._system.row_start, self._system.row_of, np.flatnonzero(rows)))
        unknowns = unknowns[sight.free[unknowns]]
        few = part(self._system, sight.bounds, sight.fit, unknowns, rows)
        at = int(np.searchsorted(unknowns, target))
        for side, _ in self._goals(target, sight):
            goal = min(int(sight.most[side][target]), self._need)
            sight.limit(target, side, self._solver.furthest(few, at, SIGNS[side], goal, near=False), goal)
            yield

    def _among_all(self, target: int, sight: _Sight) -> Iterator[None]:
        """With everything, fractions allowed."""
        for side, goal in self._goals(target, sight):
            answer = self._whole.furthest(sight.bounds, sight.fit, target, SIGNS[side])
            if answer.reach == np.inf:
                sight.reach[side][target] = sight.most[side][target]
            else:
                self._take(np.arange(len(answer.moved)), answer.moved, sight)
                sight.limit(target, side, answer, max(goal, int(sight.most[side][target])))
            yield

    def _in_whole_numbers(self, target: int, sight: _Sight) -> Iterator[None]:
        """With everything, in whole numbers, with a limit on branches."""
        for side, goal in self._goals(target, sight):
            answer = self._whole.furthest(sight.bounds, sight.fit, target, SIGNS[side], whole=True)
            self._take(np.arange(len(answer.moved)), answer.moved, sight)
            sight.limit(target, side, answer, max(goal, int(sight.most[side][target])))
            yield

    def _goals(self, target: int, sight: _Sight) -> Iterator[tuple[int, int]]:
        """The sides that are still open, each with how far is far enough, as it is by then."""
        for side in (0, 1):
            goal = min(int(sight.most[side][target]), self._need - int(sight.reach[1 - side][target]))
            if goal > sight.reach[side][target]:
                yield side, goal

    def _take(self, unknowns: Ints, moved: Floats, sight: _Sight) -> None:
        """Keep the moves of an answer that are whole and leave every equation as it is. What shares no equation is a
        move of its own."""
        moving = np.abs(moved) > TOLERANCE
        at, system = unknowns[moving], self._system
        if not len(at):
            return
        counts = system.col_start[at + 1] - system.col_start[at]
        rows, local = np.unique(gathered(system.col_start, system.rows_at, at), return_inverse=True)
        signs, of = gathered(system.col_start, system.signs_at, at), np.repeat(np.arange(len(at)), counts)
        touch = csr_array((signs, (of, local)), shape=(len(at), len(rows)))
        both = len(at) + len(rows)
        graph = csr_array((np.ones(len(of), dtype=np.int8), (of, local + len(at))), shape=(both, both))
        group = connected_components(graph, directed=False)[1][: len(at)]
        by = as_whole(moved[moving], group)
        broken = np.zeros(len(at) + len(rows), dtype=np.bool_)
        broken[group[by == 0]] = True
        broken[group[of[(by @ touch != 0)[local]]]] = True
        for move in np.unique(group[~broken[group]]).tolist():
            here = group == move
            self._keep(at[here], by[here] // np.gcd.reduce(by[here]), sight)

    def _keep(self, at: Ints, by: Ints, sight: _Sight) -> None:
        self._moves.add(at, by)
        forth, back = (times.min() for times in _times(sight.bounds, sight.fit, at, by))
        _spread(*sight.reach, at, by, np.full(len(at), forth), np.full(len(at), back))

    def _around(self, target: int, free: Bools, size: int) -> tuple[Ints, bool]:
        """At most about ``size`` free unknowns around a target, sorted: those in its equations, and so on, first those
        most of whose equations are touched already; and whether those are all that the target hangs together with."""
        system = self._system
        chosen = np.array([target])
        while True:
            rows = np.unique(gathered(system.col_start, system.rows_at, chosen))
            touches = gathered(system.row_start, system.row_of, rows)
            cells, touched = np.unique(touches[free[touches]], return_counts=True)
            if len(cells) == len(chosen):
                return chosen, True
            if len(cells) > size:
                share = touched / (system.col_start[cells + 1] - system.col_start[cells])
                share[np.searchsorted(cells, chosen)] = 2.0
                return np.sort(cells[np.argsort(-share, kind="stable")[:size]]), False
            chosen = cells

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
