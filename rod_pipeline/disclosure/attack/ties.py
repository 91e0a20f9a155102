"""Unknowns that can only move together, taken as one: the same system with far fewer unknowns and equations.

Belongs here: what follows from equations of two unknowns, and the way there and back. Does not belong here: what can be
worked out of the smaller system (``bounds``, ``search``).

An equation of two unknowns *ties* them: when one moves by one, so does the other. Most equations of a well protected
table are of that kind, so what is found of one cell is found of many. In linear programming that is *aggregation*, a
step of presolving (Andersen and Andersen 1995); here it is made in whole numbers, and loses nothing.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from rod_pipeline.disclosure.attack.system import UNBOUNDED, Bounds, DoesNotAddUp, Equations, Ints, arranged

STILL = -1
"""The bundle of an unknown that no table moves."""

T = TypeVar("T", np.int64, np.bool_)

Ties = tuple[Ints, Ints, Ints]
"""Of each tie: one unknown, the other, and 1 when both move the same way, -1 when they move opposite ways."""


@dataclass(frozen=True)
class Bundles:
    """Unknowns in *bundles*, and the ``equations`` of those: ``x = sign * bundle + shift``. Of the
    table from which they were made all bundles are 0."""

    equations: Equations
    bundle: Ints
    sign: Ints
    shift: Ints

    def bounds(self, of: Bounds) -> Bounds:
        """What bounds of unknowns say of bundles. Raises ``DoesNotAddUp`` when no value is left for one."""
        up, moving = self.sign > 0, self.bundle != STILL
        below = np.where(of.low <= -UNBOUNDED, -UNBOUNDED, of.low - self.shift)
        above = np.where(of.high >= UNBOUNDED, UNBOUNDED, of.high - self.shift)
        low, high = (np.full(self.equations.unknowns, end) for end in (-UNBOUNDED, UNBOUNDED))
        np.maximum.at(low, self.bundle[moving], np.where(up, below, -above)[moving])
        np.minimum.at(high, self.bundle[moving], np.where(up, above, -below)[moving])
        if (low > high).any() or ((below > 0) | (above < 0))[~moving].any():
            raise DoesNotAddUp.for_a_reader()
        return Bounds(low, high)

    def unbundled(self, of: Bounds) -> Bounds:
        """The bounds of unknowns, given those of bundles."""
        low, high = (self.each(ends, np.int64(0)) for ends in (of.low, of.high))
        up = self.sign > 0
        return Bounds(np.where(up, low, -high) + self.shift, np.where(up, high, -low) + self.shift)

    def each(self, of_bundle: npt.NDArray[T], of_still: T) -> npt.NDArray[T]:
        """For each unknown what there is for its bundle."""
        wide: npt.NDArray[T] = np.append(of_bundle, of_still)
        return wide[self.bundle]

    def holding(self, unknowns: Ints) -> Ints:
        """The bundles that unknowns are in, each once."""
        bundles: Ints = np.setdiff1d(self.bundle[unknowns], STILL)
        return bundles


def bundled(equations: Equations, fit: Ints) -> Bundles:
    """Equations with tied unknowns taken together. ``fit``: a table that fits; all bundles are 0 in it."""
    signs, starts = equations.signs, equations.row_start
    whole = csr_array((signs, equations.row_of, starts), shape=(len(equations.right), equations.unknowns))
    bundle, sign = np.arange(equations.unknowns), np.ones(equations.unknowns, dtype=np.int64)
    left = _distinct(whole)
    while True:
        ties, still = _ties(left)
        if not len(ties[0]) and not len(still):
            break
        into, way = (
            np.append(each, end) for each, end in zip(_joined(left.shape[1], ties, still), (STILL, 0), strict=True)
        )
        bundle, sign = into[bundle], sign * way[bundle]
        left = _distinct(whole @ _spread(bundle, sign))
    row, unknown = left.nonzero()
    small = arranged(np.zeros(left.shape[0], dtype=np.int64), left.shape[1], row, unknown, left.data)
    return Bundles(small, bundle, sign, fit)


def _joined(count: int, ties: Ties, still: Ints) -> tuple[Ints, Ints]:
    """The bundle of each unknown, and which way it moves with it, 0 in none.

    Each unknown stands twice, once for either way; a tie joins the ways that go together. Who is joined with his own
    opposite can't move.
    """
    one, other, way = ties
    crossed = np.where(way > 0, 0, count)
    tied = (np.r_[one, one + count], np.r_[other + crossed, other + count - crossed])
    graph = csr_array((np.ones(len(tied[0]), dtype=np.int8), tied), shape=(2 * count, 2 * count))
    _, group = connected_components(graph, directed=False)
    first = np.full(2 * count, count)
    np.minimum.at(first, group, np.tile(np.arange(count), 2))
    leader, fixed = first[group[:count]], np.zeros(count, dtype=np.bool_)
    fixed[leader[still]] = True
    fixed |= group[:count] == group[count:]
    moves = ~fixed[leader]
    bundle = np.full(count, STILL)
    bundle[moves] = np.unique(leader[moves], return_inverse=True)[1]
    return bundle, np.where(group[:count] == group[leader], 1, -1) * moves


def _ties(equations: csr_array) -> tuple[Ties, Ints]:
    """The ties that follow from equations, and the unknowns that stand alone in one.

    What stands in one equation only is tied to another such when all else in both equations is the same.
    """
    counts, begin = np.diff(equations.indptr), equations.indptr[:-1]
    still = equations.indices[begin[counts == 1]]
    two = begin[counts == 2]
    signs = equations.data[two] * equations.data[two + 1]
    plain = np.abs(signs) == 1
    ties = [(equations.indices[two][plain], equations.indices[two + 1][plain], -signs[plain])]
    single = (np.bincount(equations.indices, minlength=equations.shape[1]) == 1)[equations.indices]
    single &= np.abs(equations.data) == 1
    row = np.repeat(np.arange(len(counts)), counts)
    only = np.isin(row, np.flatnonzero(np.bincount(row[single], minlength=len(counts)) == 1)) & (counts[row] > 2)
    alone, rest = only & single, only & ~single
    if rest.any():
        shape = equations.shape
        others = csr_array((equations.data[rest], (row[rest], equations.indices[rest])), shape=shape)
        same, way = _same(others)
        leader, way = same[row[alone]], way[row[alone]] * equations.data[alone]
        unknown = np.zeros(shape[0], dtype=np.int64)
        unknown[row[alone]] = equations.indices[alone]
        sign = np.zeros(shape[0], dtype=np.int64)
        sign[row[alone]] = way
        other = leader != row[alone]
        ties.append((equations.indices[alone][other], unknown[leader[other]], way[other] * sign[leader[other]]))
    one, other, way = (np.concatenate(each) for each in zip(*ties, strict=True))
    return (one, other, way), still


def _same(rows: csr_array) -> tuple[Ints, Ints]:
    """For each row the first row that is the same or its opposite, and which of both it is (1 or -1) to a row that
    begins with a positive sign."""
    first, way = np.arange(rows.shape[0]), np.ones(rows.shape[0], dtype=np.int64)
    seen: dict[tuple[bytes, bytes], int] = {}
    for row, (begin, end) in enumerate(itertools.pairwise(rows.indptr.tolist())):
        if begin < end:
            way[row] = 1 if rows.data[begin] > 0 else -1
            key = rows.indices[begin:end].tobytes(), (rows.data[begin:end] * way[row]).tobytes()
            first[row] = seen.setdefault(key, row)
    return first, way


def _distinct(equations: csr_array) -> csr_array:
    """Each equation that asks something, once."""
    equations.eliminate_zeros()
    equations.sort_indices()
    first, _ = _same(equations)
    return equations[(first == np.arange(len(first))) & (np.diff(equations.indptr) > 0)]


def _spread(bundle: Ints, sign: Ints) -> csr_array:
    """By which bundle each unknown moves, and which way."""
    moving = np.flatnonzero(bundle != STILL)
    shape = (len(bundle), int(bundle.max(initial=STILL)) + 1)
    return csr_array((sign[moving], (moving, bundle[moving])), shape=shape, dtype=np.int64)
