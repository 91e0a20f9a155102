"""The cell list of a delivery: every cell of every table once, and how cells add up.

Belongs here: which cells there are, the sums between them, and what each institution knows of them. Does not belong
here: which cells are hidden.

A cell is named by its measure and the codes that it is about; whatever isn't named is a total. So the same cell has one
state in whatever table it stands. Hierarchies aren't told but seen: a column that is the same throughout each cell of a
grain belongs to that grain (a functional dependency), so crebo < BC < SG < HG, crebo < sector chamber and institution <
region < country follow from the leaves, with every accidental one, of which a reader could make use as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from rod_pipeline.disclosure.tables import UNKNOWN, Table, TableUnfit

READER = "instellingscode"
FAMILIES: tuple[frozenset[str], ...] = (
    frozenset({"opleidingscode", "code_bc", "code_sg", "code_hg", "sectorkamer", "bedrijfstakgroep", "niveau"}),
    frozenset({READER, "regio"}),
)
"""Columns that group the same things in several ways. Two such groupings overlap in ways that everybody knows, so the
cells where they overlap are in the list even when no table shows them."""
YEAR = ("schooljaar", "status")
"""Columns that tell which release of which school year a cell is of."""
_SIDES = ("J", "N")


@dataclass(frozen=True)
class CellList:
    """``cells``: ``cell`` ("measure|dim=code|dim=code", dims sorted by name), ``n``, ``institutions`` (with students in
    it), ``group`` (the cell of all whose outcome this is one side of; null where it is no outcome); sorted by ``cell``.

    ``sums``: ``equation``, ``cell``, ``sign`` (+1 total, -1 part): per equation sign x n adds up to 0. ``own``:
    ``cell``, ``reader`` (instellingscode), ``n`` > 0: how many of a cell are a reader's own students. Restricted: it
    holds counts under five.
    """

    cells: pl.DataFrame
    sums: pl.DataFrame
    own: pl.DataFrame


@dataclass(frozen=True)
class _Grain:
    """One way to divide the leaves: named by ``by``, and dividing by all of ``closure`` as well."""

    by: tuple[str, ...]
    closure: frozenset[str]


def cell_list(leaves: Mapping[str, pl.DataFrame], tables: Sequence[Table]) -> CellList:
    """All cells of ``tables``, with those where tables meet, from ``leaves`` (per measure: codes and ``n`` > 0).

    A null code is "onbekend". Outcome cells are there at zero too. Raises ``TableUnfit`` when a table asks for a
    measure or column that the leaves lack, or the leaves have no institution.
    """
    parts = [
        _of_measure(measure, leaves[measure], [table for table in tables if table.measure == measure])
        for measure in sorted({table.measure for table in tables})
        if _known(measure, leaves)
    ]
    cells = pl.concat([part.cells for part in parts]).sort("cell")
    own = pl.concat([part.own for part in parts]).sort("cell", "reader")
    shift, sums = 0, []
    for part in parts:
        sums.append(part.sums.with_columns((pl.col("equation") + shift).cast(pl.UInt32)))
        shift += part.sums["equation"].n_unique()
    return CellList(cells, pl.concat(sums), own)


def _known(measure: str, leaves: Mapping[str, pl.DataFrame]) -> bool:
    if measure not in leaves:
        raise TableUnfit(f"There are no leaves of the measure {measure}.", "Give them, or leave its tables out.")
    return True


def _of_measure(measure: str, leaves: pl.DataFrame, tables: Sequence[Table]) -> CellList:
    used = sorted({column for table in tables for column in table.by} | {READER})
    if absent := [column for column in used if column not in leaves.columns]:
        raise TableUnfit(
            f"The leaves of {measure} have no column {', '.join(absent)}.", "Add it, or change the tables."
        )
    frame = leaves.with_columns(pl.col(used).fill_null(UNKNOWN)).group_by(used).agg(pl.col("n").sum())
    if frame.select(pl.any_horizontal(pl.col(used).str.contains("|", literal=True).any())).item():
        raise TableUnfit(f"A code in the leaves of {measure} has a '|' in it.", "Codes have none: mend the leaves.")
    outcomes = frozenset(table.outcome for table in tables if table.outcome is not None)
    if others := [column for column in sorted(outcomes) if not set(frame[column].unique()) <= set(_SIDES)]:
        raise TableUnfit(
            f"The outcome {', '.join(others)} of {measure} has other codes than J and N.", "Mend the leaves."
        )
    frame = frame.with_columns(
        pl.col(c).cast(pl.Enum(_SIDES if c in outcomes else frame[c].unique().sort())) for c in used
    )
    grains = _grains(frame, tables, outcomes)
    counted = {grain: _count(measure, frame, grain, outcomes) for grain in grains}
    cells = pl.concat([cells.select("cell", "n", "institutions", "group") for cells, _ in counted.values()])
    own = pl.concat([own for _, own in counted.values()])
    return CellList(cells, _sums(measure, grains, {grain: cells for grain, (cells, _) in counted.items()}), own)


def _closure(frame: pl.DataFrame, by: frozenset[str], outcomes: frozenset[str]) -> frozenset[str]:
    """``by`` and each column that has one code throughout every group of it."""
    group, others = sorted(by - outcomes), [c for c in frame.columns if c not in by | outcomes | {"n"}]
    if not others:
        return by
    codes = frame.select(*group, pl.col(others).to_physical())
    checks = [(pl.col(c).min() == pl.col(c).max()).alias(c) for c in others]
    single = (codes.group_by(group).agg(checks) if group else codes.select(checks)).select(pl.col(others).all())
    return by | {c for c in others if single[c].item()}


def _grains(frame: pl.DataFrame, tables: Sequence[Table], outcomes: frozenset[str]) -> list[_Grain]:
    """The grains of the tables, of their groups where they show an outcome, and where two of them meet or overlap."""
    asked = {frozenset(table.by) for table in tables}
    asked |= {by - outcomes for by in asked}
    closures: dict[frozenset[str], frozenset[str]] = {}

    def closure(by: frozenset[str]) -> frozenset[str]:
        if by not in closures:
            closures[by] = _closure(frame, by, outcomes)
        return closures[by]

    while True:
        known = {closure(by) for by in asked}
        new: set[frozenset[str]] = set()
        for one, two in combinations(sorted(asked, key=sorted), 2):
            meet = closure(one) & closure(two)
            if meet not in known:
                new.add(_shortest(meet, closure))
            if any(one - family == two - family for family in FAMILIES) and closure(one | two) not in known:
                new.add(_shortest(one | two, closure))
        for by in sorted(new, key=sorted):  # one name for each closure
            if closure(by) not in known:
                known.add(closure(by))
                asked.add(by)
        if not new:
            return [_Grain(tuple(sorted(by)), closure(by)) for by in sorted(asked, key=sorted)]


def _shortest(by: frozenset[str], closure: Callable[[frozenset[str]], frozenset[str]]) -> frozenset[str]:
    """The fewest columns of ``by`` that name the same cells; the year stays, however many there are in the leaves."""
    kept, whole = by, closure(by)
    for column in sorted(by - set(YEAR)):
        if closure(kept - {column}) >= whole:
            kept -= {column}
    return kept


def _count(
    measure: str, frame: pl.DataFrame, grain: _Grain, outcomes: frozenset[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The cells of one grain, with the columns of its closure, and what institutions have in them."""
    by, rest = list(grain.by), sorted(grain.closure - set(grain.by))
    group = [column for column in by if column not in outcomes]
    key = _key(measure, by)
    n, institutions = pl.col("n").sum(), pl.col(READER).n_unique().cast(pl.Int64).alias("institutions")
    if READER in by:
        institutions = pl.lit(1, pl.Int64).alias("institutions")
    totals = [pl.col(c).first() for c in rest]
    cells = frame.group_by(by).agg(n, institutions, *totals) if by else frame.select(n, institutions, *totals)
    own = frame.group_by(list(dict.fromkeys([*by, READER]))).agg(n)
    if len(group) < len(by):
        whole = frame.group_by(group).agg(totals) if group else frame.select(pl.lit(0).alias("all"), *totals)
        for column in sorted(set(by) - set(group)):
            whole = whole.join(pl.DataFrame({column: pl.Series(_SIDES, dtype=pl.Enum(_SIDES))}), how="cross")
        cells = whole.join(cells.select(*by, "n", "institutions"), on=by, how="left", nulls_equal=True).with_columns(
            pl.col("n", "institutions").fill_null(0), _key(measure, group).alias("group")
        )
    else:
        cells = cells.with_columns(pl.lit(None, pl.String).alias("group"))
    return cells.with_columns(key.alias("cell")), own.select(
        key.alias("cell"), pl.col(READER).cast(pl.String).alias("reader"), "n"
    )


def _key(measure: str, by: Sequence[str]) -> pl.Expr:
    return pl.concat_str([pl.lit(measure), *(pl.concat_str(pl.lit(f"|{c}="), pl.col(c).cast(pl.String)) for c in by)])


def _sums(measure: str, grains: Sequence[_Grain], cells: Mapping[_Grain, pl.DataFrame]) -> pl.DataFrame:
    """How the cells of each grain add up to those of the grains next above it."""
    first: dict[frozenset[str], _Grain] = {}
    pairs: list[tuple[_Grain, _Grain]] = []
    for grain in grains:
        if grain.closure in first:
            pairs.append((first[grain.closure], grain))  # the same cells under two names
        else:
            first[grain.closure] = grain
    for above, below in ((a, b) for a in first for b in first if a < b):
        if not any(above < between < below for between in first):
            pairs.append((first[above], first[below]))
    sums, shift = [], 0
    for coarse, fine in pairs:
        parts = (
            cells[fine]
            .select(_key(measure, coarse.by).alias("total"), "cell")
            .with_columns((pl.col("total").rank("dense") - 1 + shift).cast(pl.UInt32).alias("equation"))
        )
        totals = parts.select("equation", pl.col("total").alias("cell")).unique()
        sums += [
            parts.select("equation", "cell", pl.lit(-1, pl.Int8).alias("sign")),
            totals.select("equation", "cell", pl.lit(1, pl.Int8).alias("sign")),
        ]
        shift += totals.height
    if not sums:
        return pl.DataFrame(schema={"equation": pl.UInt32, "cell": pl.String, "sign": pl.Int8})
    return pl.concat(sums).sort("equation", pl.col("sign").neg(), "cell")
