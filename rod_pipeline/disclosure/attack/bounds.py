"""Interval arithmetic: what each equation by itself says of each unknown in it, until nothing changes.

Belongs here: bounds that follow without a linear program. Does not belong here: what only several equations together
say (``elimination``, ``programs``). Sound in any case, since it only takes away values that can't be; the method is
*bounds propagation* of constraint programming.
"""

from __future__ import annotations

import numpy as np

from rod_pipeline.disclosure.attack.system import UNBOUNDED, Bounds, DoesNotAddUp, Ints, System

ROUNDS = 200
"""Intervals may close in by one each round, for ever in the worst case; what is left then is for the programs."""


def narrowed(system: System, start: Bounds) -> Bounds:
    """The bounds after each equation has had its say. Raises ``DoesNotAddUp`` when no value is left for an unknown."""
    low, high = start.low.copy(), start.high.copy()
    rows = np.repeat(np.arange(len(system.right)), np.diff(system.row_start))
    up, at = system.signs > 0, system.row_of
    for _ in range(ROUNDS):
        low_at, high_at = low[at], high[at]
        least = np.where(up, low_at, -high_at)
        most = np.where(up, high_at, -low_at)
        room = _room(system, rows, least, most)
        new_low, new_high = low.copy(), high.copy()
        np.maximum.at(new_low, at, np.where(up, room[0], -room[1]))
        np.minimum.at(new_high, at, np.where(up, room[1], -room[0]))
        if (new_low > new_high).any():
            raise DoesNotAddUp(
                "No table fits what a reader is told: printed figures, sums and own figures contradict each other.",
                "Publish nothing. Make cells, sums and own figures anew from the same leaves.",
            )
        if np.array_equal(new_low, low) and np.array_equal(new_high, high):
            break
        low, high = new_low, new_high
    return Bounds(low, high)


def _room(system: System, rows: Ints, least: Ints, most: Ints) -> tuple[Ints, Ints]:
    """Between which values each term must lie, given the least and the most that the others in its row can be."""
    limits = []
    for extreme, open_end in ((most, UNBOUNDED), (least, -UNBOUNDED)):
        is_open = np.abs(extreme) >= UNBOUNDED
        finite = np.where(is_open, 0, extreme)
        total = np.add.reduceat(finite, system.row_start[:-1]) if len(finite) else finite
        opened = np.add.reduceat(is_open.astype(np.int64), system.row_start[:-1]) if len(finite) else finite
        others_open = (opened[rows] - is_open) > 0
        limits.append(np.where(others_open, -open_end, system.right[rows] - total[rows] + finite))
    return limits[0], limits[1]
