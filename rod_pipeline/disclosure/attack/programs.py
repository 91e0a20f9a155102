"""Linear programs over a part of a equations: how far can one unknown move from a table that fits.

Belongs here: building and solving one program with HiGHS. Does not belong here: which part, for whom, and what the
answer means (``search``). A program is posed in the differences ``d = x - fit`` with a table that fits, so that nothing
moving (``d = 0``) is where the simplex method begins.

Two parts of a system are of use. With few *unknowns* and all their equations an answer is another table that fits, so
the unknown moves at least that far. With few *equations* and all their unknowns less is asked than holds, so it moves
at most that far. Over a whole system both are the same but for wholeness.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
import numpy.typing as npt

from rod_pipeline.disclosure.attack.system import UNBOUNDED, Bools, Bounds, DoesNotAddUp, Equations, Ints

Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-6
"""What HiGHS may be off; counts are whole, so nothing between two of them is near either."""

FAR = 1e6
"""What moving the unknown by one is worth beside moving another: as far as possible first, then as few as possible."""

WORTH = 1e3
"""The same where many unknowns are moved at once and none has to go the furthest."""

NODES = 5000
"""Branches after which an integer program is left unresolved: a number, not a time, so that every run says the same."""

MULTIPLES = (1, 2, 3, 4, 6)
"""Corners that aren't whole have small denominators in sums of ones."""


@dataclass(frozen=True)
class Part:
    """Some unknowns of a system and some equations over them; columns in compressed form. ``up`` and ``down`` are how
    far each may move."""

    unknowns: Ints
    start: Ints
    index: Ints
    sign: Ints
    rows: int
    up: Ints
    down: Ints


@dataclass(frozen=True)
class Answer:
    """How far the unknown moved, whether that is proven to be the furthest, and how all unknowns of the part moved."""

    reach: float
    proven: bool
    moved: Floats


def gathered(start: Ints, items: Ints, which: Ints) -> Ints:
    """The items of each of ``which``, one after the other."""
    counts = start[which + 1] - start[which]
    offsets = np.repeat(start[which] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    return items[offsets + np.arange(len(offsets))]


def part(equations: Equations, bounds: Bounds, fit: Ints, unknowns: Ints, rows: Bools | None = None) -> Part:
    """The part with these unknowns and, of their equations, those in ``rows`` (all without it)."""
    counts = equations.col_start[unknowns + 1] - equations.col_start[unknowns]
    at = gathered(equations.col_start, equations.rows_at, unknowns)
    sign = gathered(equations.col_start, equations.signs_at, unknowns)
    of = np.repeat(np.arange(len(unknowns)), counts)
    if rows is not None:
        keep = rows[at]
        at, sign, of = at[keep], sign[keep], of[keep]
    distinct, local = np.unique(at, return_inverse=True)
    start = np.searchsorted(of, np.arange(len(unknowns) + 1))
    up, down = bounds.high[unknowns] - fit[unknowns], fit[unknowns] - bounds.low[unknowns]
    return Part(unknowns, start, local, sign, len(distinct), up, down)


class _Quiet(highspy.Highs):
    """HiGHS announces itself on standard output when its callbacks are set up; none is used."""

    def enableCallbacks(self) -> None:
        pass


PRIMAL = 4
"""Nothing moves (d = 0) is feasible, and so is the last answer when another is asked for."""

DUAL = 1
"""Where many unknowns are to move, moving all of them is best, and far from feasible: that is mended row by row."""


def _highs(strategy: int = PRIMAL) -> highspy.Highs:
    """Single-threaded and with its options fixed, so that the same program has the same answer."""
    highs = _Quiet()  # type: ignore[no-untyped-call]
    for option, value in (
        ("output_flag", False),
        ("threads", 1),
        ("random_seed", 0),
        ("presolve", "off"),
        ("solver", "simplex"),
        ("simplex_strategy", strategy),
        ("mip_max_nodes", NODES),
        ("mip_rel_gap", 0.0),
    ):
        highs.setOptionValue(option, value)
    return highs


class Solver:
    """Programs over parts; each begins anew."""

    def __init__(self) -> None:
        self._highs, self._dual = _highs(), _highs(DUAL)

    def together(self, part: Part, at: Ints, direction: Ints, most: Ints) -> Floats:
        """How all move when as many as can be of the unknowns ``at`` move in their directions, ``most`` at most, and as
        little else as possible."""
        up, down = _ceiling(part.up), _ceiling(part.down)
        cost_up, cost_down = np.ones(len(up)), np.ones(len(down))
        for towards, away, cost, way in ((up, down, cost_up, direction > 0), (down, up, cost_down, direction < 0)):
            towards[at[way]], away[at[way]] = np.minimum(towards[at[way]], most[way]), 0.0
            cost[at[way]] = -WORTH
        zero = np.zeros(len(up))
        right = np.zeros(part.rows)
        answer = self._run(part, (cost_up, cost_down), ((zero, up), (zero, down)), right, False, self._dual)
        return zero if answer is None else answer[0]

    def furthest(self, part: Part, at: int, direction: int, most: int, *, near: bool, whole: bool = False) -> Answer:
        """The furthest that unknown ``at`` of the part can move in a direction, ``most`` at most; ``near`` moves as
        little else as possible, ``whole`` in whole numbers."""
        up, down = _ceiling(part.up), _ceiling(part.down)
        towards, away = (up, down) if direction > 0 else (down, up)
        towards[at], away[at] = min(float(most), towards[at]), 0.0
        cost = np.full(len(part.unknowns), 1.0 if near else 0.0)
        cost_up, cost_down = cost, cost.copy()
        (cost_up if direction > 0 else cost_down)[at] = -FAR
        zero = np.zeros(len(up))
        answer = self._run(part, (cost_up, cost_down), ((zero, up), (zero, down)), np.zeros(part.rows), whole)
        if answer is None:
            return Answer(0.0, False, zero)
        moved, proven = answer
        return Answer(float(abs(moved[at])), proven, moved)

    def fitting(self, part: Part, lacking: Ints, *, whole: bool) -> Floats | None:
        """The smallest moves after which the part's equations, that lack so much now, hold within bounds."""
        ones = np.ones(len(part.unknowns))
        up = (np.maximum(0, -part.down).astype(np.float64), np.maximum(0.0, _ceiling(part.up)))
        down = (np.maximum(0, -part.up).astype(np.float64), np.maximum(0.0, _ceiling(part.down)))
        answer = self._run(part, (ones, ones), (up, down), lacking.astype(np.float64), whole)
        return None if answer is None else answer[0]

    def _run(
        self,
        part: Part,
        cost: tuple[Floats, Floats],
        bounds: tuple[tuple[Floats, Floats], tuple[Floats, Floats]],
        right: Floats,
        whole: bool,
        highs: highspy.Highs | None = None,
    ) -> tuple[Floats, bool] | None:
        """Moves of the best solution and whether it is proven to be best; None when there is none."""
        highs, count = highs or self._highs, len(part.unknowns)
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = 2 * count, part.rows
        program.col_cost_ = np.concatenate(cost)
        program.col_lower_ = np.concatenate([bounds[0][0], bounds[1][0]])
        program.col_upper_ = np.concatenate([bounds[0][1], bounds[1][1]])
        program.row_lower_ = program.row_upper_ = right
        program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        program.a_matrix_.start_ = np.concatenate([part.start, part.start[1:] + part.start[-1]])
        program.a_matrix_.index_ = np.concatenate([part.index, part.index])
        program.a_matrix_.value_ = np.concatenate([part.sign, -part.sign]).astype(np.float64)
        if whole:
            program.integrality_ = [highspy.HighsVarType.kInteger] * (2 * count)
        highs.clearSolver()
        highs.passModel(program)
        highs.run()
        status = highs.getModelStatus()
        info = highs.getInfo()
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return None
        values = np.array(highs.getSolution().col_value, dtype=np.float64)
        return values[:count] - values[count:], status == highspy.HighsModelStatus.kOptimal


class Whole:
    """Programs over a whole system; each begins where the last one ended."""

    def __init__(self, equations: Equations) -> None:
        self._equations = equations
        self._model: highspy.Highs | None = None
        self._bounds: Bounds | None = None
        self._asked: int | None = None

    def furthest(self, bounds: Bounds, fit: Ints, target: int, direction: int, *, whole: bool = False) -> Answer:
        """The furthest that an unknown can move from ``fit`` in a direction, ``inf`` when there is no end to it."""
        model = self._loaded(bounds)
        if self._asked is not None:
            model.changeColCost(self._asked, 0.0)
        model.changeColCost(target, -float(direction))
        self._asked = target
        every = np.arange(self._equations.unknowns, dtype=np.int32)
        kind = highspy.HighsVarType.kInteger if whole else highspy.HighsVarType.kContinuous
        if whole:
            model.changeColsIntegrality(len(every), every, np.full(len(every), kind))
        model.run()
        status = model.getModelStatus()
        values = np.array(model.getSolution().col_value, dtype=np.float64) - fit
        found = model.getInfo().primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        if whole:
            model.changeColsIntegrality(len(every), every, np.full(len(every), highspy.HighsVarType.kContinuous))
        if status == highspy.HighsModelStatus.kUnbounded:
            return Answer(np.inf, True, np.zeros(len(every)))
        if not found:
            return Answer(0.0, False, np.zeros(len(every)))
        return Answer(abs(float(values[target])), status == highspy.HighsModelStatus.kOptimal, values)

    def _loaded(self, bounds: Bounds) -> highspy.Highs:
        """The model with these bounds."""
        low, high = -_ceiling(-bounds.low), _ceiling(bounds.high)
        if self._model is None:
            equations = self._equations
            program = highspy.HighsLp()
            program.num_col_, program.num_row_ = equations.unknowns, len(equations.right)
            program.col_cost_ = np.zeros(equations.unknowns)
            program.col_lower_, program.col_upper_ = low, high
            program.row_lower_ = program.row_upper_ = equations.right.astype(np.float64)
            program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
            program.a_matrix_.start_ = equations.col_start
            program.a_matrix_.index_ = equations.rows_at
            program.a_matrix_.value_ = equations.signs_at.astype(np.float64)
            self._model = _highs()
            self._model.passModel(program)
        elif self._bounds is not bounds:
            every = np.arange(self._equations.unknowns, dtype=np.int32)
            self._model.changeColsBounds(len(every), every, low, high)
        self._bounds = bounds
        return self._model


def _ceiling(values: Ints) -> Floats:
    return np.where(values >= UNBOUNDED // 2, highspy.kHighsInf, values.astype(np.float64))


def as_whole(moved: Floats, group: Ints) -> Ints:
    """A whole multiple of the moves of each group, the smallest; 0 where there is none. ``group``: a number per move.

    Any multiple of a group that shares no equation with others keeps all equations as they are.
    """
    whole = np.zeros(len(moved), dtype=np.int64)
    lacking = np.ones(int(group.max(initial=-1)) + 1, dtype=np.bool_)
    for multiple in MULTIPLES:
        rounded = np.rint(moved * multiple)
        off = np.zeros(len(lacking))
        np.maximum.at(off, group, np.abs(moved * multiple - rounded))
        now = lacking & (off <= TOLERANCE * 10)
        whole[now[group]] = rounded[now[group]]
        lacking &= ~now
    return whole


def fit(equations: Equations, bounds: Bounds, near: Ints, solver: Solver) -> Ints:
    """A whole table within bounds that fits every equation, as near as can be. Raises ``DoesNotAddUp`` without one."""
    if not equations.unknowns:
        return near
    every = np.arange(equations.unknowns)
    whole = part(equations, bounds, near, every)
    lacking = equations.right - np.add.reduceat(equations.signs * near[equations.row_of], equations.row_start[:-1])
    rows = np.unique(equations.rows_at)
    for must_be_whole in (False, True):
        moved = solver.fitting(whole, lacking[rows], whole=must_be_whole)
        if moved is None:
            break
        rounded = np.rint(moved)
        if np.abs(moved - rounded).max() <= TOLERANCE * 10:
            return near + rounded.astype(np.int64)
    raise DoesNotAddUp(
        "No table of whole numbers fits what a reader is told.",
        "Publish nothing. Make cells, sums and own figures anew from the same leaves.",
    )
