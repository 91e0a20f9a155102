"""Finding alternative tables: one small linear program each.

Belongs here: which neighbourhood is searched, at what price, and the solver. Does not belong here: what has to be found
(``protect``).

Minimise the price of what has to be hidden for it: ``sum price (u + w)`` with ``E (u - w) = 0``, ``u - w`` at the figure as
wanted and no figure below what the reader knows (Fischetti and Salazar's alternative tables, one at a time). Only figures
near by may move; when there is no answer, farther ones too. That is always valid, only dearer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import highspy
import numpy as np

from rod_pipeline.disclosure.equations import Equations

SIZES = (160, 700, 4_000, 1_000_000)
"""How many figures may move, by attempt."""
_WHOLE = 1e-6


class Search:
    """A solver that is used again and again. ``price`` of each unknown is 0 when hidden already."""

    def __init__(self, system: Equations) -> None:
        self._rows, self._touching = system.rows, system.touching
        self._solver = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("presolve", "off"), ("solver", "simplex")):
            self._solver.setOptionValue(option, value)

    def near(self, place: int, size: int, barred: Callable[[int], bool]) -> list[int]:
        """The figures nearest ``place`` over the equations, at most about ``size``, ``place`` first."""
        seen, order, at = {place}, [place], 0
        rows_seen: set[int] = set()
        while at < len(order) and len(order) < size:
            for row in self._touching[order[at]]:
                if row not in rows_seen:
                    rows_seen.add(row)
                    for member in self._rows[row][0]:
                        if member not in seen:
                            seen.add(member)
                            if not barred(member):
                                order.append(member)
            at += 1
        return order

    def move(
        self,
        place: int,
        by: int,
        room: Callable[[int], tuple[int, int]],
        price: Sequence[float],
        size: int,
    ) -> tuple[float, Mapping[int, int]] | None:
        """The cheapest move that changes ``place`` by ``by``; ``room`` is how far a figure may go down and up."""
        order = self.near(place, size, lambda member: room(member) == (0, 0))
        rows: dict[int, int] = {}
        start, index, value, cost, lower, upper = [0], [], [], [], [], []
        number = {member: at for at, member in enumerate(order)}
        for member in order:
            down, up = room(member)
            column = []
            for row in self._touching[member]:
                at = rows.setdefault(row, len(rows))
                members, factors = self._rows[row]
                column.append((at, float(factors[members.index(member)])))
            for sign, most in ((1.0, up), (-1.0, down)):
                if member == place:
                    most = abs(by) if sign * by > 0 else 0
                    lower.append(float(most))
                else:
                    lower.append(0.0)
                upper.append(float(most))
                cost.append(price[member])
                for at, factor in column:
                    index.append(at)
                    value.append(sign * factor)
                start.append(len(index))
        del number
        count = len(cost)
        zeros = np.zeros(len(rows))
        self._solver.passModel(
            count, len(rows), len(index), 1, 1, 0.0,
            np.array(cost), np.array(lower), np.array(upper), zeros, zeros,
            np.array(start, np.int32), np.array(index, np.int32), np.array(value), np.zeros(count, np.int32),
        )  # fmt: skip
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        solved = np.array(self._solver.getSolution().col_value)
        if (np.abs(solved - np.rint(solved)) > _WHOLE).any():
            whole = np.ones(count, np.int32)
            self._solver.changeColsIntegrality(count, np.arange(count, dtype=np.int32), whole.astype(np.uint8))
            self._solver.run()
            if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
                return None
            solved = np.array(self._solver.getSolution().col_value)
        steps = np.rint(solved).astype(int).reshape(-1, 2)
        net = (steps[:, 0] - steps[:, 1]).tolist()
        found = {member: step for member, step in zip(order, net, strict=True) if step}
        return float(self._solver.getInfo().objective_function_value), found
