"""Keeping every small figure open: what is hidden besides, and its reopening where it proves needless.

Belongs here: the order in which figures are served, what hiding costs, and the two passes. Does not belong here: what a
reader knows (``moves``) and the linear programs (``search``).

First pass: figures are served one after the other, totals first, then from large to small; for the public first, then
for each institution that the moves found so far say nothing to. Second pass: what was hidden early is often not needed
once all has been hidden; the dearest is tried first, with other moves over what is hidden already.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from itertools import islice

import numpy as np

from rod_pipeline.disclosure.equations import NOBODY, Equations, Ints
from rod_pipeline.disclosure.moves import Alternatives
from rod_pipeline.disclosure.search import WHOLE, Rooms, Search

SIZES = (120, 500, 1_500, 4_000, WHOLE)
"""How many figures may move, by attempt."""
_CLOSE = 300
"""The same when a figure is served anew by what is hidden already: the wider, the more is printed again, and the
slower.
"""
_EASE = 0.02
"""The price of moving what is hidden already: short moves before long ones."""
_TOTAL = 1.5
"""How much dearer a figure is than its parts: more is read from it."""
_DEAR = 50.0
"""From this price on, a cheaper move is sought one size farther."""
_FARTHEST = 1_500
"""A move among so many figures isn't bettered: a program of all figures of a national list lasts too long."""
_STANDING = 1_000.0
"""What was printed before is hidden only when nothing else helps."""
_TURNS = 64
_EFFORT = 60_000
"""How many programs the second pass may take: a bound on its time that doesn't depend on the machine. Beyond it only
what nothing rests on is printed again. National lists take 14,000 to 22,000."""


class Opening:
    """``hidden`` per unknown, as it grows; ``alternatives`` prove it."""

    def __init__(
        self,
        system: Equations,
        alternatives: Alternatives,
        bounds: Sequence[tuple[int, int]],
        hidden: Sequence[bool],
        standing: Container[int],
        span: int,
    ) -> None:
        self.hidden, self.alternatives = list(hidden), alternatives
        self._span = span
        self._search = Search(system)
        self._system = system
        n = system.n.tolist()
        self._rooms_are(bounds)
        self._value = [
            weight * (1 + math.log2(1 + count)) * _TOTAL**depth * (1 + (place * 0.6180339887 % 1) / 1_000)
            * (_STANDING if place in standing else 1.0)
            for place, (count, weight, depth) in enumerate(
                zip(n, system.weight.tolist(), system.depth.tolist(), strict=True)
            )
        ]  # fmt: skip
        self._price = np.where(self.hidden, _EASE, self._value)
        self._touching = system.touching
        self._written: tuple[int, int, bool] | None = None
        self._hidden_in = [{member for member in members if self.hidden[member]} for members, _ in system.rows]
        self._loose = np.array([self.hidden[p] and not self._stuck(p) for p in range(len(n))], np.bool_)
        self._order = sorted(alternatives.through, key=lambda p: (-int(system.depth[p]), -n[p], p))

    def _rooms_are(self, bounds: Sequence[tuple[int, int]]) -> None:
        """How far each figure may go down and up for the public, and by reader."""
        least, most = np.array(bounds, np.int64).T
        self._down, self._up = self._system.n - least, most - self._system.n
        self._known: dict[int, tuple[Ints, Ints]] = {}

    def _hide(self, place: int, hidden: bool) -> None:
        self.hidden[place] = hidden
        self._loose[place] = hidden
        for row in self._touching[place]:
            inside = self._hidden_in[row]
            if hidden:
                inside.add(place)
            else:
                inside.discard(place)
            if len(inside) <= 2:
                for member in inside:
                    self._loose[member] = not self._stuck(member)

    def _stuck(self, place: int) -> bool:
        """Whether a hidden figure is the only one in a sum: then it can't move without hiding another."""
        return any(len(self._hidden_in[row]) < 2 for row in self._touching[place])

    def serve(self) -> list[int]:
        """Hide what is needed for each small figure; gives those that nothing could open."""
        return [place for place in self._order if not self._served(place)]

    def serve_beyond(self, places: Sequence[int], bounds: Sequence[tuple[int, int]]) -> list[int]:
        """The same for ``places`` with wider bounds, of which the others make no use."""
        self._rooms_are(bounds)
        self.alternatives.widen(bounds)
        return [place for place in places if not self._served(place)]

    def _served(self, place: int) -> bool:
        for _ in range(_TURNS):
            if not (missing := self.alternatives.open_to(place)):
                return True
            if (found := self._found(place, missing)) is None:
                return False
            for member in found:
                if not self.hidden[member]:
                    self._hide(member, True)
                    self._price[member] = _EASE
            self.alternatives.add(found)
        return False

    def reopen(self, places: Sequence[int], most: int = 30) -> None:
        """Print again those of ``places`` without which every small figure stays open, the dearest first.

        A place is left alone when more than ``most`` small figures would have to be served anew.
        """
        self.alternatives.prove(self.alternatives.through)
        self._until = self._search.solved + _EFFORT
        for place in sorted(places, key=lambda p: (-self._value[p], p)):
            resting = frozenset(self.alternatives.using(place))
            self._hide(place, False)
            closed = (p for p in self.alternatives.resting_on(resting) if not self.alternatives.is_open(p, resting))
            short = list(islice(closed, most + 1))
            if len(short) <= most and self._served_anew(short, resting):
                self.alternatives.drop(resting)
            else:
                self._hide(place, True)

    def _served_anew(self, places: Sequence[int], without: frozenset[int]) -> bool:
        """Serve figures by what is hidden already."""
        if not all(self._loose[place] for place in places):
            return False
        for place in places:
            for _ in range(_TURNS):
                if not (missing := self.alternatives.open_to(place, without)):
                    break
                if self._search.solved > self._until or (found := self._first(place, missing)) is None:
                    return False
                self.alternatives.add(found)
            else:
                return False
        return True

    def _first(self, place: int, missing: dict[int, tuple[int, int]]) -> dict[int, int] | None:
        """The first move over what is hidden that opens ``place`` to the public; when it is, to all readers who miss it
        at once, or to one. The program of the figure before is tried first: writing one down costs as much as solving.
        """
        around = (place, _CLOSE, True)
        while True:
            if self._written is not None and self._written[2]:
                for readers, reach in _wanted(missing):
                    moves = self._search.moves(place, self._ways(reach), self._rooms(readers, True), self._price)
                    if found := next(moves, None):
                        return found[1]
            if self._written == around:
                return None
            self._write(*around)

    def _write(self, place: int, size: int, hidden_only: bool) -> None:
        """Write a program down, unless it is the last one written: it serves all readers, and what is hidden since."""
        if self._written != (place, size, hidden_only):
            self._search.write(np.array([place]), size, self._rooms([], hidden_only), self._price)
            self._written = place, size, hidden_only

    def _found(self, place: int, missing: dict[int, tuple[int, int]]) -> dict[int, int] | None:
        """The cheapest move that opens ``place`` to the public; when it is, to all readers who miss it at once, or to
        one.
        """
        wanted = _wanted(missing)
        for readers, reach in wanted:
            best: tuple[float, dict[int, int]] | None = None
            for size in SIZES if readers is wanted[-1][0] else SIZES[:2]:
                self._write(place, size, False)
                tried = best
                for way in self._search.moves(place, self._ways(reach), self._rooms(readers, False), self._price):
                    if best is None or way[0] < best[0]:
                        best = way
                if best is not None and (tried is not None or best[0] < _DEAR or size >= _FARTHEST):
                    break
            if best is not None:
                return best[1]
        return None

    def _ways(self, reach: tuple[int, int]) -> tuple[int, int]:
        """By how much a figure has to change that goes so far below and above already."""
        low, high = reach
        return low + self._span - 1, high - self._span + 1

    def _rooms(self, readers: list[int], hidden_only: bool) -> Rooms:
        """How far figures may move for these readers."""
        known = [self._known_to(reader) for reader in readers]

        def rooms(cells: Ints) -> tuple[Ints, Ints]:
            down, up = self._down[cells], self._up[cells]
            for least, most in known:
                down, up = np.minimum(down, least[cells]), np.minimum(up, most[cells])
            if hidden_only:
                loose = self._loose[cells]
                down, up = down * loose, up * loose
            return down, up

        return rooms

    def _known_to(self, reader: int) -> tuple[Ints, Ints]:
        if reader not in self._known:
            own = np.array([students.get(reader, 0) for students in self._system.own], np.int64)
            others = self._system.named != reader
            down = np.minimum(self._down, self._system.n - own)
            self._known[reader] = np.where(others, down, 0), np.where(others, self._up, 0)
        return self._known[reader]


def _wanted(missing: dict[int, tuple[int, int]]) -> list[tuple[list[int], tuple[int, int]]]:
    """For whom a figure is to be opened, first to last, and how far it goes for them."""
    if NOBODY in missing:
        return [([], missing[NOBODY])]
    one = next(iter(missing))
    if len(missing) == 1:
        return [([one], missing[one])]
    low, high = max(reach[0] for reach in missing.values()), min(reach[1] for reach in missing.values())
    return [(list(missing), (low, high)), ([one], missing[one])]
