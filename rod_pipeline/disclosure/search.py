"""Finding alternative tables: one small linear program each.

Belongs here: which neighbourhood is searched, and the solver. Does not belong here: what has to be found and what it may
cost (``opening``).

Minimise the price of what has to be hidden for it: ``sum price (u + w)`` with ``E (u - w) = 0``, ``u - w`` at the figure as
wanted and no figure beyond what the reader knows: the alternative table of Fischetti and Salazar (2001), for one figure.
Only figures near by may move. That is always valid; when it has no answer, or a dear one, farther ones may move too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import highspy
import numpy as np

from rod_pipeline.disclosure.equations import Equations

Room = Callable[[int], tuple[int, int]]
"""How far a figure may go down and up (both >= 0)."""
_WHOLE = 1e-6


class Search:
    """A solver that is used again and again. Deterministic: one thread, the same program gives the same answer."""

    def __init__(self, system: Equations) -> None:
        self._members = [members for members, _ in system.rows]
        self._columns: list[list[tuple[int, float]]] = [[] for _ in range(len(system.n))]
        for row, (members, factors) in enumerate(system.rows):
            for member, factor in zip(members, factors, strict=True):
                self._columns[member].append((row, float(factor)))
        self._solver = highspy.Highs()
        self._solver.silent()
        for option, value in (("threads", 1), ("presolve", "off"), ("solver", "simplex"), ("random_seed", 0)):
            self._solver.setOptionValue(option, value)

    def move(
        self, place: int, by: int, room: Room, price: Sequence[float], size: int
    ) -> tuple[float, Mapping[int, int]] | None:
        """The cheapest move that changes ``place`` by ``by`` among some ``size`` figures, with its price; None if none."""
        if by < -room(place)[0] or by > room(place)[1]:
            return None
        members = self._near(place, size, room)
        rows: dict[int, int] = {}
        start, index, value = [0], [], []
        cost, lower, upper, of = [], [], [], []
        for member in members:
            down, up = room(member)
            if member == place:
                down, up = max(-by, 0), max(by, 0)
            for sign, most in ((1, up), (-1, down)):
                if most:
                    for row, factor in self._columns[member]:
                        index.append(rows.setdefault(row, len(rows)))
                        value.append(sign * factor)
                    start.append(len(index))
                    cost.append(price[member])
                    lower.append(most if member == place else 0)
                    upper.append(most)
                    of.append(sign * (member + 1))
        solved = self._solve(len(rows), cost, lower, upper, start, index, value) if members else None
        if solved is None:
            return None
        found: dict[int, int] = {}
        for variable, steps in zip(of, np.rint(solved).astype(int).tolist(), strict=True):
            if steps:
                member = abs(variable) - 1
                found[member] = found.get(member, 0) + (steps if variable > 0 else -steps)
        found = {member: step for member, step in found.items() if step}
        return sum(price[member] * abs(step) for member, step in found.items()), found

    def _near(self, place: int, size: int, room: Room) -> list[int]:
        """The figures nearest ``place`` over the equations that can take part in a move, ``place`` first; [] if none."""
        seen, order, at = {place}, [place], 0
        spread: set[int] = set()
        while at < len(order) and len(order) < size:
            for row, _ in self._columns[order[at]]:
                if row not in spread:
                    spread.add(row)
                    for member in self._members[row]:
                        if member not in seen:
                            seen.add(member)
                            if room(member) != (0, 0):
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

    def _solve(
        self,
        rows: int,
        cost: list[float],
        lower: list[int],
        upper: list[int],
        start: list[int],
        index: list[int],
        value: list[float],
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
        count, zeros = len(cost), np.zeros(rows)
        self._solver.passModel(
            count, rows, len(index), 1, 1, 0.0,
            np.array(cost), np.array(lower, float), np.array(upper, float), zeros, zeros,
            np.array(start, np.int32), np.array(index, np.int32), np.array(value), np.zeros(count, np.int32),
        )  # fmt: skip
        solved = self._run()
        if solved is not None and (np.abs(solved - np.rint(solved)) > _WHOLE).any():
            every = np.arange(count, dtype=np.int32)
            self._solver.changeColsIntegrality(count, every, np.ones(count, np.uint8))
            solved = self._run()
        return solved

    def _run(self) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return np.array(self._solver.getSolution().col_value)
