"""Protecting a cell list: which cells are printed, which are hidden because they are small, which besides.

Belongs here: the order of the work, and its outcome. Does not belong here: the rules (``primary``), the alternative
tables (``moves``, ``search``), the attack (written by other hands, ``attack``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from rod_pipeline.disclosure.cells import CellList
from rod_pipeline.disclosure.equations import NOBODY, Equations, equations
from rod_pipeline.disclosure.moves import Alternatives
from rod_pipeline.disclosure.policy import Policy
from rod_pipeline.disclosure.primary import Sensitive, sensitive
from rod_pipeline.disclosure.search import SIZES, Search
from rod_pipeline.errors import PermanentError

_EASE = 0.02
"""The price of moving what is hidden already: short moves before long ones."""
_UP = 1_000_000


class CannotProtect(PermanentError):
    """A small count can't be kept open whatever is hidden."""

    code = "ROD-DISC-03"


@dataclass(frozen=True)
class Protected:
    """``cells``: ``cell``, ``n``, ``state`` (printed, small, secondary), sorted by ``cell``. Restricted."""

    cells: pl.DataFrame
    report: pl.DataFrame


@dataclass(frozen=True)
class Published:
    cells: pl.DataFrame


def protect(cells: CellList, policy: Policy, earlier: Published | None = None) -> Protected:
    """Decide the state of each cell."""
    system = equations(cells)
    what = sensitive(system, policy)
    small = what.small()
    hidden = small | what.benchmark
    ceiling = np.full(len(system.n), _UP, np.int64)
    alternatives = Alternatives(system, what, what.floor, ceiling, policy.span)
    work = _Work(system, what, ceiling, alternatives, hidden.tolist())
    n = system.n.tolist()
    for place in sorted(np.flatnonzero(small).tolist(), key=lambda p: (-int(system.depth[p]), -n[p], p)):
        work.open(place)
    state = np.where(small | what.benchmark, "small", np.where(np.array(work.hidden), "secondary", "printed"))
    states = cells.cells.select("cell", "n").with_columns(pl.Series("state", state[system.unknown].tolist()))
    return Protected(states, states.group_by("state").len())


def printed(protected: Protected) -> pl.DataFrame:
    """All that may leave: ``cell`` and ``n``, null where hidden."""
    shown = pl.when(pl.col("state") == "printed").then(pl.col("n"))
    return protected.cells.select("cell", shown.alias("n"))


class _Work:
    def __init__(
        self, system: Equations, what: Sensitive, ceiling: np.ndarray, alternatives: Alternatives, hidden: list[bool]
    ) -> None:
        self.hidden = hidden
        self.alternatives = alternatives
        self._search = Search(system)
        self._system, self._n, self._floor = system, system.n.tolist(), what.floor.tolist()
        self._named, self._span = system.named.tolist(), alternatives._span
        self._ceiling = ceiling.tolist()
        self._base = [
            weight * (1 + math.log2(1 + n)) * (5 if depth else 1) * (1 + (place * 0.6180339887 % 1) / 1000)
            for place, (n, weight, depth) in enumerate(
                zip(self._n, system.weight.tolist(), system.depth.tolist(), strict=True)
            )
        ]
        self._price = [_EASE if h else price for h, price in zip(hidden, self._base, strict=True)]
        self.solved = 0

    def open(self, place: int) -> None:
        for _ in range(100):
            missing = self.alternatives.open_to(place)
            if not missing:
                return
            readers = [NOBODY] if NOBODY in missing else list(missing)
            low = max(missing[reader][0] for reader in readers)
            high = min(missing[reader][1] for reader in readers)
            found = self._cheapest(place, readers, low, high)
            if found is None and len(readers) > 1:
                found = self._cheapest(place, readers[:1], *missing[readers[0]])
            if found is None:
                break
            for member in found:
                if not self.hidden[member]:
                    self.hidden[member] = True
                    self._price[member] = _EASE
            self.alternatives.add(found)
        raise CannotProtect("A small count can't be kept open.", "Offer fewer tables.")

    def _cheapest(self, place: int, readers: list[int], low: int, high: int) -> dict[int, int] | None:
        rooms: dict[int, tuple[int, int]] = {}
        own, barred = self._system.own, set(readers) - {NOBODY}

        def room(member: int) -> tuple[int, int]:
            if member not in rooms:
                if self._named[member] in barred:
                    rooms[member] = (0, 0)
                else:
                    least = max([self._floor[member], *(own[member].get(reader, 0) for reader in barred)])
                    rooms[member] = (max(self._n[member] - least, 0), self._ceiling[member] - self._n[member])
            return rooms[member]

        wanted = self._span - 1
        ways = [low + wanted]
        if high - wanted >= -room(place)[0]:
            ways.append(high - wanted)
        for size in SIZES:
            best: tuple[float, dict[int, int]] | None = None
            for by in ways:
                self.solved += 1
                found = self._search.move(place, by, room, self._price, size)
                if found is not None and (best is None or found[0] < best[0]):
                    best = found
            if best is not None:
                return best[1]
        return None
