"""One publication, looked at by one reader after the other.

Belongs here: what each reader begins from, and what of the one before helps the next. Does not belong here: how the
tables of a publication become a system (``system``), what of the outcome is a failure (``judging``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rod_pipeline.disclosure.attack.bounds import narrowed
from rod_pipeline.disclosure.attack.programs import Solver, fit
from rod_pipeline.disclosure.attack.readers import Own, Readers
from rod_pipeline.disclosure.attack.search import Search
from rod_pipeline.disclosure.attack.system import Bools, Bounds, Ints, System
from rod_pipeline.disclosure.attack.ties import bundled


@dataclass(frozen=True)
class Seen:
    """For each hidden cell: bounds that no reckoning made narrower, and whether it was settled (see ``Found``)."""

    bounds: Bounds
    settled: Bools


class Attacker:
    """``look`` is asked for the public first: what the public finds, institutions begin from."""

    def __init__(self, public: System, start: Ints, own: pl.DataFrame, enough: int | None, solver: Solver) -> None:
        """``start``: a table that fits what the public knows. ``enough``: so many possible values settle a cell."""
        self._hidden, self._solver = public.hidden, solver
        self._bundles = bundled(public, start)
        self._search = Search(self._bundles.equations, enough, solver)
        self._readers = Readers(public, Own(public.cells, own))
        self._public = narrowed(self._bundles.equations, self._bundles.bounds(public.bounds))

    def apart(self, one: Ints, other: Ints) -> tuple[Bools, Ints]:
        """Of pairs of hidden cells: whether all tables agree on how much more one is than the other, and how much that
        is."""
        bundle, sign, shift = self._bundles.bundle, self._bundles.sign, self._bundles.shift
        agreed = (bundle[one] == bundle[other]) & (sign[one] == sign[other])
        return agreed, shift[one] - shift[other]

    def look(self, reader: str | None, asked: Ints) -> Seen:
        """What a reader finds of the hidden cells that are ``asked``. Raises ``DoesNotAddUp`` when no table fits
        what he knows."""
        bundles, bounds = self._bundles, self._public
        if reader is not None:
            mine = bundles.bounds(self._readers.bounds(reader))
            both = Bounds(np.maximum(mine.low, bounds.low), np.minimum(mine.high, bounds.high))
            bounds = narrowed(bundles.equations, both)
        start = np.zeros(bundles.equations.unknowns, dtype=np.int64)
        if ((bounds.low > 0) | (bounds.high < 0)).any():
            start = fit(bundles.equations, bounds, start, self._solver)
        found = self._search.look(bounds, start, bundles.holding(asked))
        if reader is None:
            self._public = narrowed(bundles.equations, found.bounds)
        every = bundles.unbundled(found.bounds)
        cells = slice(self._hidden)
        return Seen(Bounds(every.low[cells], every.high[cells]), bundles.each(found.settled, np.bool_(True))[cells])
