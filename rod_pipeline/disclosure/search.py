"""Finding alternative tables: one small linear program each.

Belongs here: which neighbourhood is searched, and the solver. Does not belong here: what has to be found and what it
may cost (``opening``).

Minimise the price of what has to be hidden for it: ``sum price (u + w)`` with ``E (u - w) = 0``, ``u - w`` at the
figure as wanted and no figure beyond what the reader knows: the alternative table of Fischetti and Salazar (2001), for
one figure. Only figures near by may move. That is always valid; when it has no answer, or a dear one, farther ones may
move too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import highspy
import numpy as np
import numpy.typing as npt

from rod_pipeline.disclosure.equations import Equations

Rooms = Mapping[int, tuple[int, int]]
"""How far each figure may go down and up (both >= 0)."""
_WHOLE = 1e-6
_OPTIONS = (("output_flag", False), ("threads", 1), ("presolve", "off"), ("solver", "simplex"), ("random_seed", 0))
_CONTINUOUS, _INTEGER = highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger


class Search:
    """A solver that is used again and again. Deterministic: one thread, the same programs give the same answers."""

    def __init__(self, system: Equations) -> None:
        self._members: list[Iterable[int]] = [members for members, _ in system.rows]
        self._columns: list[list[tuple[int, float]]] = [[] for _ in range(len(system.n))]
        for row, (members, factors) in enumerate(system.rows):
            for member, factor in zip(members, factors, strict=True):
                self._columns[member].append((row, float(factor)))
        # The class beneath ``highspy.Highs``: that one announces itself on standard output, and waits in a thread.
        self._solver = highspy._core._Highs()
        for option, value in _OPTIONS:
            self._solver.setOptionValue(option, value)

    def moves(
        self,
        place: int,
        ways: Sequence[int],
        rooms: Rooms,
        price: Sequence[float],
        size: int,
        among: Sequence[Iterable[int]] | None = None,
    ) -> Iterator[tuple[float, dict[int, int]]]:
        """For each of ``ways`` that is possible: the cheapest move, among some ``size`` figures, that changes ``place``
        by that much, and its price. ``among``: per equation the unknowns that may take part (all).
        """
        down, up = rooms[place]
        ways = [by for by in ways if -down <= by <= up]
        members = self._near(place, size, rooms, among or self._members) if ways else []
        if not members:
            return
        rows: dict[int, int] = {}
        start, index, value = [0], [], []
        cost, upper, of = [], [], []
        for member in members:
            down, up = rooms[member]
            for sign, most in ((1, up), (-1, down)):
                if most or member == place:
                    for row, factor in self._columns[member]:
                        index.append(rows.setdefault(row, len(rows)))
                        value.append(sign * factor)
                    start.append(len(index))
                    cost.append(price[member])
                    upper.append(most)
                    of.append((member, sign))
        count, zeros = len(cost), np.zeros(len(rows))
        self._solver.passModel(
            count, len(rows), len(index), 1, 1, 0.0,
            np.array(cost), np.zeros(count), np.array(upper, float), zeros, zeros,
            np.array(start, np.int32), np.array(index, np.int32), np.array(value), np.zeros(count, np.int32),
        )  # fmt: skip
        for by in ways:  # the first two columns are those of ``place``
            self._solver.changeColBounds(0, max(by, 0), max(by, 0))
            self._solver.changeColBounds(1, max(-by, 0), max(-by, 0))
            solved = self._run(count)
            if solved is None:
                continue
            found: dict[int, int] = {}
            for variable, steps in enumerate(np.rint(solved).astype(int).tolist()):
                if steps:
                    member, sign = of[variable]
                    found[member] = found.get(member, 0) + sign * steps
            found = {member: step for member, step in found.items() if step}
            yield sum(price[member] * abs(step) for member, step in found.items()), found

    def _run(self, count: int) -> npt.NDArray[np.float64] | None:
        """The solution in whole numbers: of the linear program where it is whole, or else of the integer one."""
        solved = self._solution()
        if solved is not None and (np.abs(solved - np.rint(solved)) > _WHOLE).any():
            every = np.arange(count, dtype=np.int32)
            self._solver.changeColsIntegrality(count, every, np.full(count, _INTEGER))
            solved = self._solution()
            self._solver.changeColsIntegrality(count, every, np.full(count, _CONTINUOUS))
        return solved

    def _solution(self) -> npt.NDArray[np.float64] | None:
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return np.array(self._solver.getSolution().col_value)

    def _near(self, place: int, size: int, rooms: Rooms, inside: Sequence[Iterable[int]]) -> list[int]:
        """The figures nearest ``place`` over the sums that can take part in a move, ``place`` first; [] if none."""
        seen, order, at = {place}, [place], 0
        spread: set[int] = set()
        while at < len(order) and len(order) < size:
            for row, _ in self._columns[order[at]]:
                if row not in spread:
                    spread.add(row)
                    for member in inside[row]:
                        if member not in seen:
                            seen.add(member)
                            if rooms[member] != (0, 0):
                                order.append(member)
            at += 1
        held: dict[int, list[int]] = {}
        for member in order:
            for row, _ in self._columns[member]:
                held.setdefault(row, []).append(member)
        # What stands alone in an equation can't move; what it leaves alone by that can't either.
        left = {row: len(inside) for row, inside in held.items()}
        alone = [row for row, count in left.items() if count == 1]
        gone: set[int] = set()
        while alone:
            row = alone.pop()
            if left[row] == 1:
                member = next(member for member in held[row] if member not in gone)
                if member == place:
                    return []
                gone.add(member)
                for other, _ in self._columns[member]:
                    left[other] -= 1
                    if left[other] == 1:
                        alone.append(other)
        return [member for member in order if member not in gone]
