"""The cell list as numbers: unknowns, equations between them, and what each reader knows of an unknown.

Belongs here: turning the frames of ``cells`` into arrays, cells that are one and the same figure made one unknown. Does
not belong here: which unknowns are hidden.

A total of one part is that part: both are one unknown, or each would be hidden on its own account for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from rod_pipeline.disclosure.cells import FAMILIES, READER, CellList

Ints = npt.NDArray[np.int64]
NOBODY = -1
"""The reader who knows no student: the public."""


@dataclass(frozen=True)
class Equations:
    """Per cell ``unknown``: its number. Per unknown ``n``; ``group``: the unknown of all whose outcome it is one side
    of (-1: none); ``institutions``; ``named``: the reader whose own figure it is, or ``NOBODY``; ``names_one``: whether
    a cell of it names an institution; ``weight``: cells that are this figure; ``depth``: 0 for what has no parts;
    ``own``: reader -> own students. ``rows`` has per equation its unknowns and coefficients, ``needed`` whether it says
    something that the others don't, ``touching`` per unknown its equations. ``readers`` are the codes of the
    institutions, by number.
    """

    unknown: Ints
    n: Ints
    group: Ints
    institutions: Ints
    named: Ints
    names_one: npt.NDArray[np.bool_]
    weight: Ints
    depth: Ints
    own: list[dict[int, int]]
    rows: list[tuple[tuple[int, ...], tuple[int, ...]]]
    needed: npt.NDArray[np.bool_]
    touching: list[list[int]]
    readers: list[str]


def equations(cells: CellList) -> Equations:
    """The arrays of a cell list; unknowns are numbered in the order of their first cell."""
    keys = cells.cells["cell"]
    number = pl.DataFrame({"cell": keys, "index": pl.int_range(len(keys), eager=True)})
    sums = cells.sums.join(number, on="cell").sort("equation", "index")
    of, index, sign = (sums[c].to_numpy().astype(np.int64) for c in ("equation", "index", "sign"))
    unknown, rows = _merged(len(keys), of, index, sign)
    first = np.unique(unknown, return_index=True)[1]
    count = len(first)

    readers = sorted(set(cells.own["reader"].to_list()))
    reader_number = {code: place for place, code in enumerate(readers)}
    own: list[dict[int, int]] = [{} for _ in range(count)]
    owned = cells.own.join(number, on="cell").sort("index", "reader")
    for place, code, n in zip(
        unknown[owned["index"].to_numpy()].tolist(), owned["reader"].to_list(), owned["n"].to_list(), strict=True
    ):
        own[place][reader_number[code]] = n
    named = np.full(count, NOBODY, np.int64)
    for place, code in zip(unknown.tolist(), _whose(cells), strict=True):
        if code is not None and code in reader_number:
            named[place] = reader_number[code]
    names_one = np.zeros(count, bool)
    names_one[unknown[keys.str.contains(f"|{READER}=", literal=True).to_numpy()]] = True
    touching: list[list[int]] = [[] for _ in range(count)]
    for row, (members, _) in enumerate(rows):
        for member in members:
            touching[member].append(row)
    depth = _depth(count, rows)
    frame = cells.cells
    whole = frame.select("group").join(number, left_on="group", right_on="cell", how="left", maintain_order="left")
    group = np.full(count, NOBODY, np.int64)
    outcomes = np.flatnonzero(whole["index"].is_not_null().to_numpy())
    group[unknown[outcomes]] = unknown[whole["index"].drop_nulls().to_numpy()]
    return Equations(
        unknown=unknown,
        n=frame["n"].to_numpy().astype(np.int64)[first],
        group=group,
        institutions=frame["institutions"].to_numpy().astype(np.int64)[first],
        named=named,
        names_one=names_one,
        weight=np.bincount(unknown, minlength=count).astype(np.int64),
        depth=depth,
        own=own,
        rows=rows,
        needed=_needed(depth.tolist(), rows),
        touching=touching,
        readers=readers,
    )


def _whose(cells: CellList) -> list[str | None]:
    """The institution whose own figure a cell is: that it names, or that everybody knows to be alone in its region."""
    frame, owned = (
        frame.select("cell", pl.col("cell").str.extract(r"^([^|]*)", 1).alias("measure"), *more)
        for frame, more in ((cells.cells, ()), (cells.own, ("reader",)))
    )
    whose = pl.col("cell").str.extract(rf"\|{READER}=([^|]*)", 1)
    told = frame.with_columns(whose.alias("whose"))
    for column in sorted(FAMILIES[1] - {READER}):
        code = pl.col("cell").str.extract(rf"\|{column}=([^|]*)", 1).alias("code")
        alone = (
            owned.with_columns(code)
            .drop_nulls("code")
            .group_by("measure", "code")
            .agg(pl.col("reader").first().alias("one"), pl.col("reader").n_unique().alias("readers"))
            .filter(pl.col("readers") == 1)
            .select("measure", "code", "one")
        )
        told = (
            told.with_columns(code)
            .join(alone, on=["measure", "code"], how="left", maintain_order="left")
            .with_columns(pl.col("whose").fill_null(pl.col("one")))
            .drop("code", "one")
        )
    return told["whose"].to_list()


def _merged(
    count: int, of: Ints, index: Ints, sign: Ints
) -> tuple[Ints, list[tuple[tuple[int, ...], tuple[int, ...]]]]:
    """The unknown of each cell, and the equations that are left, each once."""
    parent = list(range(count))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    starts = np.flatnonzero(np.r_[True, of[1:] != of[:-1]]) if len(of) else np.empty(0, np.int64)
    sizes = np.diff(np.r_[starts, len(of)])
    for start in starts[sizes == 2].tolist():
        one, two = sorted((root(int(index[start])), root(int(index[start + 1]))))
        parent[two] = one
    roots = np.array([root(place) for place in range(count)], np.int64)
    unknown = np.unique(roots, return_inverse=True)[1].astype(np.int64)
    rows: dict[tuple[tuple[int, ...], tuple[int, ...]], None] = {}
    members, signs = unknown[index].tolist(), sign.tolist()
    for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
        if size == 2:
            continue
        row: dict[int, int] = {}
        for place in range(start, start + size):
            row[members[place]] = row.get(members[place], 0) + signs[place]
        kept = sorted((member, factor) for member, factor in row.items() if factor)
        if kept:
            rows[tuple(member for member, _ in kept), tuple(factor for _, factor in kept)] = None
    return unknown, list(rows)


def _depth(count: int, rows: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> Ints:
    """How many sums lie below an unknown, by the longest way."""
    above: list[tuple[int, list[int]]] = []
    for members, factors in rows:
        totals = [member for member, factor in zip(members, factors, strict=True) if factor > 0]
        # Nobody of an outcome has no parts, nor has what is left of a sum whose other figures are one.
        if len(totals) == 1 and len(members) > 1:
            above.append((totals[0], [member for member in members if member != totals[0]]))
    depth = np.zeros(count, np.int64)
    for _ in range(32):
        before = depth.copy()
        for total, parts in above:
            depth[total] = max(depth[total], depth[parts].max() + 1)
        if np.array_equal(before, depth):
            break
    return depth


def _needed(depth: list[int], rows: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> npt.NDArray[np.bool_]:
    """Which equations don't follow from others: a total that is the same parts in two ways is told once, the short way.

    What has no parts gets a random number, a total that of its first sum: another sum of it that gives the same number
    says nothing new (but for one case in 2^64, which the proof at the end would find).
    """
    numbers = np.random.default_rng(0).integers(0, 2**63, len(depth)).tolist()
    needed = np.ones(len(rows), np.bool_)
    told: set[int] = set()
    totals = [
        (depth[above[0]], len(members), row, above[0])
        for row, (members, factors) in enumerate(rows)
        if len(above := [m for m, factor in zip(members, factors, strict=True) if factor == 1]) == 1
        and sum(factor > 0 for factor in factors) == 1
    ]
    for _, _, row, total in sorted(totals):
        members, factors = rows[row]
        parts = zip(members, factors, strict=True)
        number = -sum(factor * numbers[member] for member, factor in parts if member != total) % 2**64
        if total not in told:
            told.add(total)
            numbers[total] = number
        elif numbers[total] == number:
            needed[row] = False
    return needed
