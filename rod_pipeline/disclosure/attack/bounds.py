"""Interval arithmetic: what each equation by itself says of each unknown in it, until nothing changes.

Belongs here: bounds that follow without a linear program. Does not belong here: what only several equations together
say (``ties``, ``programs``). Sound in any case, since it only takes away values that can't be; the method is
*bounds propagation* of constraint programming.
"""

from __future__ import annotations

import numpy as np

from rod_pipeline.disclosure.attack.system import UNBOUNDED, Bounds, DoesNotAddUp, Equations, Ints

ROUNDS = 200
"""Intervals may close in by one each round, for ever in the worst case; what is left then is for the programs."""


def narrowed(equations: Equations, start: Bounds) -> Bounds:
    """The bounds after each equation has had its say. Raises ``DoesNotAddUp`` when no value is left for an unknown."""
    low, high = start.low, start.high
    at, up, size = equations.row_of, equations.signs > 0, np.abs(equations.signs)
    for _ in range(ROUNDS):
        least, most = np.where(up, low[at], -high[at]), np.where(up, high[at], -low[at])
        at_most, at_least = _room(equations, least, size, 1), -_room(equations, -most, size, -1)
        new_low, new_high = low.copy(), high.copy()
        np.maximum.at(new_low, at, np.where(up, at_least, -at_most))
        np.minimum.at(new_high, at, np.where(up, at_most, -at_least))
        if (new_low > new_high).any():
            raise DoesNotAddUp.for_a_reader()
        if np.array_equal(new_low, low) and np.array_equal(new_high, high):
            break
        low, high = new_low, new_high
    return Bounds(low, high)


def _room(equations: Equations, least: Ints, size: Ints, way: int) -> Ints:
    """The most that each term's unknown can be when the others in its row are at their least; all of it turned round
    when ``way`` is -1."""
    if not len(least):
        return least
    counts, begin = np.diff(equations.row_start), equations.row_start[:-1]
    is_open = least <= -UNBOUNDED
    finite = np.where(is_open, 0, least * size)
    others = np.repeat(way * equations.right - np.add.reduceat(finite, begin), counts) + finite
    others_open = np.repeat(np.add.reduceat(is_open.astype(np.int64), begin), counts) - is_open > 0
    return np.where(others_open, UNBOUNDED, others // size)
