"""Small publications of our own making, and every table that fits one, by counting them out."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import polars as pl

Leaf = tuple[tuple[str, str], ...]
"""Dimension and code, for every dimension."""


@dataclass(frozen=True)
class List:
    """A cell list: true counts, sums over cells, and per reader his own."""

    truth: dict[str, int]
    sums: list[list[tuple[str, int]]]
    own: dict[str, dict[str, int]]

    def tables(self, hidden: Collection[str]) -> dict[str, pl.DataFrame]:
        """As ``attack`` takes them."""
        printed = [(cell, None if cell in hidden else n) for cell, n in sorted(self.truth.items())]
        terms = [(number, *term) for number, equation in enumerate(self.sums) for term in equation]
        own = [(cell, reader, n) for reader, cells in self.own.items() for cell, n in cells.items()]
        return {
            "printed": pl.DataFrame(printed, {"cell": pl.String, "n": pl.Int64}, orient="row"),
            "sums": pl.DataFrame(terms, {"equation": pl.UInt32, "cell": pl.String, "sign": pl.Int8}, orient="row"),
            "own": pl.DataFrame(own, {"cell": pl.String, "reader": pl.String, "n": pl.Int64}, orient="row"),
        }

    def frame(self) -> pl.DataFrame:
        return pl.DataFrame(list(self.truth.items()), {"cell": pl.String, "n": pl.Int64}, orient="row")


def cell_of(codes: Mapping[str, str]) -> str:
    return "|".join(["n", *(f"{name}={code}" for name, code in sorted(codes.items()))])


def cross(leaves: Mapping[Leaf, int], outcome: str | None = None) -> List:
    """All combinations of codes and totals of every dimension; a total over one dimension is a sum. Combinations that
    nobody is in aren't cells, but for the other side of an ``outcome``, which is there with 0."""
    dimensions = [name for name, _ in next(iter(leaves))]
    codes = {name: sorted({dict(leaf)[name] for leaf in leaves}) for name in dimensions}
    counts: dict[tuple[str | None, ...], int] = {}
    for key in product(*([None, *codes[name]] for name in dimensions)):
        fitting = [
            n
            for leaf, n in leaves.items()
            if all(code in (None, dict(leaf)[name]) for name, code in zip(dimensions, key, strict=True))
        ]
        if sum(fitting):
            counts[key] = sum(fitting)
    if outcome is not None:
        place = dimensions.index(outcome)
        for key in list(counts):
            if key[place] is None:
                for side in codes[outcome]:
                    counts.setdefault((*key[:place], side, *key[place + 1 :]), 0)

    def name(key: tuple[str | None, ...]) -> str:
        return cell_of({d: code for d, code in zip(dimensions, key, strict=True) if code is not None})

    sums = []
    for key in counts:
        for place, dimension in enumerate(dimensions):
            if key[place] is None:
                parts = [(*key[:place], code, *key[place + 1 :]) for code in codes[dimension]]
                sums.append([(name(key), 1), *((name(part), -1) for part in parts if part in counts)])
    own: dict[str, dict[str, int]] = {}
    if "instellingscode" in dimensions:
        for leaf, n in leaves.items():
            mine = own.setdefault(dict(leaf)["instellingscode"], {})
            for chosen in product((False, True), repeat=len(dimensions)):
                cell = cell_of({d: code for (d, code), keep in zip(leaf, chosen, strict=True) if keep})
                mine[cell] = mine.get(cell, 0) + n
    return List({name(key): n for key, n in counts.items()}, sums, own)


def fits(
    made: List, hidden: Collection[str], reader: str | None = None, outcome: str | None = None, most: int = 40
) -> Iterator[dict[str, int]]:
    """Every whole table that fits what a reader is told, counted out: no cell above ``most``."""
    own = made.own.get(reader, {}) if reader is not None else {}
    low, high = {}, {}
    for cell in hidden:
        floor = 0 if outcome is not None and f"|{outcome}=" in cell else 1
        low[cell], high[cell] = max(floor, own.get(cell, 0)), most
        if reader is not None and f"|instellingscode={reader}" in cell:
            low[cell] = high[cell] = own.get(cell, 0)
    equations = []
    for equation in made.sums:
        right = -sum(sign * made.truth[cell] for cell, sign in equation if cell not in low)
        unknown = [(cell, sign) for cell, sign in equation if cell in low]
        equations.append((unknown, right))
    order = sorted(low, key=lambda cell: (-cell.count("|"), cell))
    yield from _filled({}, order, low, high, equations)


def _filled(
    table: dict[str, int],
    order: list[str],
    low: dict[str, int],
    high: dict[str, int],
    equations: list[tuple[list[tuple[str, int]], int]],
) -> Iterator[dict[str, int]]:
    if len(table) == len(order):
        yield dict(table)
        return
    cell = order[len(table)]
    least, most = low[cell], high[cell]
    for unknown, right in equations:
        if (cell, 1) not in unknown and (cell, -1) not in unknown:
            continue
        sign = 1 if (cell, 1) in unknown else -1
        rest_low = rest_high = 0
        for other, factor in unknown:
            if other != cell:
                ends = (table[other], table[other]) if other in table else (low[other], high[other])
                rest_low += min(factor * ends[0], factor * ends[1])
                rest_high += max(factor * ends[0], factor * ends[1])
        ends = sorted((sign * (right - rest_high), sign * (right - rest_low)))
        least, most = max(least, ends[0]), min(most, ends[1])
    for value in range(least, most + 1):
        table[cell] = value
        yield from _filled(table, order, low, high, equations)
        del table[cell]


def ranges(tables: Iterator[dict[str, int]]) -> dict[str, tuple[int, int]]:
    """Lowest and highest value of each cell over tables."""
    found: dict[str, tuple[int, int]] = {}
    for table in tables:
        for cell, value in table.items():
            low, high = found.get(cell, (value, value))
            found[cell] = min(low, value), max(high, value)
    return found
