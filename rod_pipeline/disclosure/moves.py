"""Alternative tables: what proves that a hidden figure stays open.

Belongs here: moves, for whom they hold, and how far each takes a figure. Does not belong here: finding them
(``search``).

A move is a whole-number vector z with E z = 0 that touches hidden figures only: x + k z is then a whole table that fits
all that is printed, for each k that keeps it above what a reader knows. One move so gives alternatives in both
directions, for every figure that it touches. A reader knows his own figures, so a move that touches one of them is none
for him.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from rod_pipeline.disclosure.equations import NOBODY, Equations
from rod_pipeline.disclosure.primary import Sensitive

_FAR = 1_000_000


@dataclass(frozen=True)
class Move:
    """``by``: unknown -> step. ``reach``: how many steps back (<= 0) and forth (>= 0) are possible for whom it touches
    none of; ``held``: the same for readers whom it touches more closely.
    """

    by: Mapping[int, int]
    reach: tuple[int, int]
    held: Mapping[int, tuple[int, int]]


class Alternatives:
    """The moves found so far, and what they leave open."""

    def __init__(self, system: Equations, sensitive: Sensitive, bounds: Sequence[tuple[int, int]], span: int) -> None:
        self.moves: list[Move] = []
        self._n, self._bounds = system.n.tolist(), bounds
        self._system, self._sensitive, self._wanted = system, sensitive, span - 1
        self._named = system.named.tolist()
        self._small = sensitive.small().tolist()
        self.through: dict[int, list[int]] = {place: [] for place, small in enumerate(self._small) if small}
        self._opening: dict[int, dict[int, Mapping[int, tuple[int, int]]]] = {place: {} for place in self.through}
        self._using: dict[int, list[int]] = {}
        self._dropped: set[int] = set()
        self._proof: dict[int, tuple[int, ...]] = {}
        self._proving: dict[int, set[int]] = {}

    def add(self, by: Mapping[int, int]) -> Move:
        """Keep a move."""
        shared = gcd(*by.values())
        by = {place: step // shared for place, step in by.items()}
        move = self.measured(by)
        back, forth = move.reach
        for place, step in by.items():
            where = self.through if self._small[place] else self._using
            where.setdefault(place, []).append(len(self.moves))
            if self._small[place] and abs(step) * (forth - back) >= self._wanted:
                self._opening[place][len(self.moves)] = move.held
        self.moves.append(move)
        return move

    def measured(self, by: Mapping[int, int]) -> Move:
        """A move with how far it goes for whom."""
        named, own = self._named, self._system.own
        back = forth = _FAR
        rooms: list[tuple[int, int, int]] = []
        for place, step in by.items():
            least, most = self._bounds[place]
            down, up = self._n[place] - least, most - self._n[place]
            size = abs(step)
            rooms.append((place, step, size))
            if step > 0:
                back, forth = min(back, down // size), min(forth, up // size)
            else:
                back, forth = min(back, up // size), min(forth, down // size)
        held: dict[int, tuple[int, int]] = {}
        for place in by:
            if named[place] != NOBODY:
                held[named[place]] = (0, 0)
        for place, step, size in rooms:
            count = self._n[place]
            for reader, students in own[place].items():
                room = (count - students) // size
                if room >= (back if step > 0 else forth):
                    continue
                least, most = held.get(reader, (-back, forth))
                held[reader] = (max(least, -room), most) if step > 0 else (least, min(most, room))
        return Move(by, (-back, forth), held)

    def widen(self, bounds: Sequence[tuple[int, int]]) -> None:
        """Take other bounds for the moves to come."""
        self._bounds = bounds

    def living(self) -> list[Move]:
        """The moves over figures that are hidden still."""
        return [move for index, move in enumerate(self.moves) if index not in self._dropped]

    def using(self, place: int) -> list[int]:
        """The moves that touch a figure that isn't small."""
        return self._using.get(place, [])

    def resting_on(self, moves: Iterable[int]) -> list[int]:
        """The small figures whose proof has one of these moves."""
        return sorted({place for index in moves for place in self._proving.get(index, ())})

    def prove(self, places: Iterable[int]) -> None:
        """Choose the moves that prove of open figures that they are: what else goes needn't be looked at."""
        for place in places:
            for index in self._proof.get(place, ()):
                self._proving[index].discard(place)
            self._proof[place] = self._proof_of(place)
            for index in self._proof[place]:
                self._proving.setdefault(index, set()).add(place)

    def _proof_of(self, place: int) -> tuple[int, ...]:
        """Moves that open a figure by themselves, to everybody between them; without such, all that go through it."""
        proof: list[int] = []
        held: set[int] | None = None
        for index, closer in self._opening[place].items():
            left = set(closer) if held is None else held.intersection(closer)
            if held is None or len(left) < len(held):
                proof.append(index)
                held = left
            if not held:
                return tuple(proof)
        return tuple(self.through[place])

    def drop(self, moves: Iterable[int]) -> None:
        """Forget moves: a figure that they touch is going to be printed."""
        rested = self.resting_on(moves)
        for index in moves:
            self._dropped.add(index)
            for place in self.moves[index].by:
                if self._small[place]:
                    self.through[place].remove(index)
                    self._opening[place].pop(index, None)
                else:
                    self._using[place].remove(index)
        self.prove(rested)

    def open_to(self, place: int, without: Container[int] = ()) -> dict[int, tuple[int, int]]:
        """The readers for whom a figure isn't open enough yet, and how far below (<= 0) and above (>= 0) it can be."""
        if not (doubtful := self._doubtful(place, without)):
            return {}
        moves = self._through(place, without)
        reaches = ((reader, self._reach(moves, reader)) for reader in doubtful)
        return {reader: reach for reader, reach in reaches if reach is not None}

    def is_open(self, place: int, without: Container[int] = ()) -> bool:
        """Whether a figure is open enough to everybody."""
        if not (doubtful := self._doubtful(place, without)):
            return True
        moves = self._through(place, without)
        return all(self._reach(moves, reader) is None for reader in doubtful)

    def _through(self, place: int, without: Container[int]) -> list[tuple[int, Move]]:
        moves = (self.moves[index] for index in self.through[place] if index not in without)
        return [(move.by[place], move) for move in moves]

    def _doubtful(self, place: int, without: Container[int]) -> list[int]:
        """From whom a figure has to be kept, the public first, but for those to whom some move opens it by itself, and
        for institutions to whom it is as open as to the public.
        """
        held: set[int] | None = None
        for index, closer in self._opening[place].items():
            if index not in without:
                held = set(closer) if held is None else held.intersection(closer)
                if not held:
                    return []
        told = self._sensitive.to[place]
        if not self._sensitive.to_all[place]:
            return [reader for reader in told if held is None or reader in held]
        if held is None:
            readers = {
                reader for index in self.through[place] if index not in without for reader in self.moves[index].held
            }
            readers.update(told)
        else:
            readers = held
        readers = readers.difference(self._sensitive.excused[place], (self._named[place],))
        return sorted(readers | {NOBODY} if held is None else readers)

    def _reach(self, moves: list[tuple[int, Move]], reader: int) -> tuple[int, int] | None:
        """How far a reader's possible values go below and above the count; None when that is far enough."""
        low = high = 0
        for step, move in moves:
            back, forth = move.held.get(reader, move.reach)
            if step < 0:
                back, forth = forth, back
            low, high = min(low, step * back), max(high, step * forth)
            if high - low >= self._wanted:
                return None
        return low, high
