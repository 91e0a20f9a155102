"""Where two measures count the same students: the difference of their figures is a count too.

Belongs here: at which groupings two measures are both told, their differences as cells that no table shows, and one
list of what hangs together. Does not belong here: which measures count the same students (``BETWEEN`` in
``marts.published``), hiding (``disclosure``).

A school with 310 graduates, of whom 308 stand in the jaarresultaat, has two who earned their diploma after leaving. A
list that knows one measure alone prints both figures. So measures that are told of the same students are one list, in
which the difference stands as a cell of its own: hidden, for nobody prints it, and kept open where it is small. Where
there is no difference the two figures are one. Only figures of the same school year and status are compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from rod_pipeline.disclosure.cells import CellList
from rod_pipeline.disclosure.policy import Policy
from rod_pipeline.disclosure.tables import UNKNOWN
from rod_pipeline.disclosure.tables import Table as Selection
from rod_pipeline.marts.published import BETWEEN, OFFERED, Offered, Side
from rod_pipeline.publishing import keys

_Pair = tuple[Side, Side]
_Grouping = frozenset[str]
_OUTCOMES = frozenset(one.outcome for one in OFFERED)
APART = "~"
"""Between the measures in the name of a difference."""
_SUMS = {"equation": pl.UInt32, "cell": pl.String, "sign": pl.Int8}


def levels(measure: str, tables: Sequence[Offered]) -> tuple[Selection, ...]:
    """The levels of a measure at which it is held against another one: ``tables`` are those of all measures."""
    found = {
        tuple(sorted(_columns(side, grouping)))
        for pair in BETWEEN
        for grouping in _both(pair, tables)
        for side in pair
        if side.measure == measure
    }
    return tuple(Selection("|".join(columns), measure, columns) for columns in sorted(found))


def together(lists: Mapping[str, CellList], tables: Sequence[Offered]) -> list[CellList]:
    """Lists per measure, those that hang together as one with their differences.

    The levels that ``levels`` asks for are in the lists, with the status of the school year among the columns.
    """
    pairs = [(number, pair) for number, pair in enumerate(BETWEEN) if {side.measure for side in pair} <= set(lists)]
    asked = {number: _both(pair, tables) for number, pair in pairs}
    known = _Known.of(
        lists, {_level(side, grouping) for number, pair in pairs for grouping in asked[number] for side in pair}
    )
    ties = [
        (pair, tied)
        for number, pair in pairs
        if (tied := _tied(_name(pair, number), pair, known, asked[number])) is not None
    ]
    parts: list[set[str]] = [{measure} for measure in lists]
    for pair, _ in ties:
        joined = [part for part in parts if part & {side.measure for side in pair}]
        parts = [part for part in parts if part not in joined] + [set().union(*joined)]
    found = []
    for part in sorted(parts, key=sorted):
        differences = [tied for pair, tied in ties if pair[0].measure in part]
        found.append(_one([*(lists[measure] for measure in sorted(part)), *differences]))
    return found


def apart(sums: pl.DataFrame, truth: pl.DataFrame, own: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The differences that stand in ``sums``, by the figures that they are of: ``cell``, ``n``; ``cell``, ``reader``,
    ``n``."""
    rests = sums.filter(keys.MEASURE.str.contains(APART, literal=True)).select("equation", rest="cell").unique("rest")
    both = rests
    for side, sign in (("total", 1), ("part", -1)):
        of = sums.join(rests, left_on=["equation", "cell"], right_on=["equation", "rest"], how="anti")
        of = of.filter(sign=sign).join(truth, on="cell")
        both = both.join(
            of.select("equation", pl.col("cell").alias(side), pl.col("n").alias(f"n_{side}")), on="equation"
        )
    both = both.with_columns(d=pl.col("n_total") - pl.col("n_part"))
    return both.select(cell="rest", n="d"), _own_of_rest(both, own)


def too_small(one: Offered, kept: Sequence[Offered], counts: Mapping[str, pl.DataFrame], rules: Policy) -> bool:
    """Whether a table, with those that are kept, tells differences of which more than ``most_small`` would be small."""
    for pair in BETWEEN:
        if one.measure not in {side.measure for side in pair} or not {side.measure for side in pair} <= set(counts):
            continue
        for grouping in _both(pair, [*kept, one]) - _both(pair, kept):
            ours, others = (_counted(side, grouping, counts[side.measure]) for side in pair)
            differ = ours.join(others, on=sorted(grouping), suffix="_of_other")
            apart = (pl.col("n") - pl.col("n_of_other")).abs()
            if (differ.select(apart.is_between(1, rules.threshold - 1).mean()).item() or 0) > rules.most_small:
                return True
    return False


def _counted(side: Side, grouping: _Grouping, leaves: pl.DataFrame) -> pl.DataFrame:
    columns = [pl.col(column).fill_null(UNKNOWN).alias(name) for name, column in _named(side, grouping).items()]
    return leaves.filter(**side.codes).group_by(columns).agg(pl.col("n").sum())


def _both(pair: _Pair, tables: Sequence[Offered]) -> set[_Grouping]:
    """The groupings at which both sides are told: what is told of a finer one is told of a coarser one."""
    found = {one & other for one in _told(pair[0], tables) for other in _told(pair[1], tables)}
    while more := {one & other for one in found for other in found} - found:
        found |= more
    return found


def _told(side: Side, tables: Sequence[Offered]) -> Iterator[_Grouping]:
    """What the cells of a side are told by, in the names that both sides have."""
    for table in tables:
        if table.measure != side.measure or not set(side.codes) <= {*table.by, *table.within}:
            continue
        if any(side.codes.get(column) != "J" for column in table.within):
            continue
        by = set(table.by) - set(side.codes)
        yield frozenset(side.named.get(column, column) for column in by)
        yield frozenset(side.named.get(column, column) for column in by - {table.outcome})


def _named(side: Side, grouping: _Grouping) -> dict[str, str]:
    """What a side calls the columns of a grouping."""
    of = {name: column for column, name in side.named.items()}
    return {name: of.get(name, name) for name in sorted(grouping)}


def _columns(side: Side, grouping: _Grouping) -> set[str]:
    return {*_named(side, grouping).values(), *side.codes}


def _at(column: str) -> str:
    """What a column is called in the name of a difference: which is a count, and no side of an outcome."""
    return f"bij_{column}" if column in _OUTCOMES else column


def _level(side: Side, grouping: _Grouping) -> str:
    return keys.level_of(side.measure, (*_columns(side, grouping), keys.STATUS))


@dataclass(frozen=True)
class _Known:
    """What lists have at the levels that are held against each other: by level, ``cell``, ``n``; ``cell``, ``reader``,
    ``n``."""

    cells: Mapping[str, pl.DataFrame]
    own: Mapping[str, pl.DataFrame]

    @classmethod
    def of(cls, lists: Mapping[str, CellList], levels: Collection[str]) -> _Known:
        cells, own = (
            pl.concat(frame.with_columns(keys.LEVEL).filter(pl.col("level").is_in(list(levels))) for frame in frames)
            for frames in (
                [one.cells.select("cell", "n") for one in lists.values()],
                [one.own.select("cell", "reader", "n") for one in lists.values()],
            )
        )
        return cls(*({str(frame["level"][0]): frame for frame in all_.partition_by("level")} for all_ in (cells, own)))

    def figures(self, side: Side, grouping: _Grouping) -> pl.DataFrame:
        """The cells of a side at a grouping: ``cell``, ``n``, the columns of the grouping, the status."""
        codes = [keys.code(column) == code for column, code in side.codes.items()]
        columns = [keys.code(column).alias(name) for name, column in _named(side, grouping).items()]
        at = self.cells[_level(side, grouping)].filter(*codes)
        return at.select("cell", "n", *columns, keys.code(keys.STATUS))


def _name(pair: _Pair, number: int) -> str:
    """The measure, so to say, of the differences of a pair."""
    return APART.join((pair[0].measure, pair[1].measure, str(number)))


def _tied(name: str, pair: _Pair, known: _Known, groupings: set[_Grouping]) -> CellList | None:
    """The differences of a pair as cells, with their sums; None where the two aren't told together."""
    parts = [
        _differences(name, pair, known, grouping)
        for grouping in sorted(groupings, key=sorted)
        if all(_level(side, grouping) in known.cells for side in pair)
    ]
    return _one(parts) if any(one.sums.height for one in parts) else None


def _differences(name: str, pair: _Pair, known: _Known, grouping: _Grouping) -> CellList:
    by = [*sorted(grouping), keys.STATUS]
    one, other = (known.figures(side, grouping) for side in pair)
    both = one.join(other, on=by, suffix="_other").with_columns(d=pl.col("n") - pl.col("n_other"))
    cell = pl.when(pl.col("d") != 0).then(keys.named(name, {_at(column): pl.col(column) for column in by}))
    less = pl.col("d") < 0
    both = both.sort(by).select(
        "d",
        rest=cell,
        total=pl.when(less).then("cell_other").otherwise("cell"),
        part=pl.when(less).then("cell").otherwise("cell_other"),
        equation=pl.int_range(pl.len(), dtype=pl.UInt32),
    )
    own = _own_of_rest(both, pl.concat(known.own[_level(side, grouping)] for side in pair))
    readers = own.group_by("cell").agg(institutions=pl.len().cast(pl.Int64))
    cells = both.filter(pl.col("d") != 0).select(cell="rest", n=pl.col("d").abs())
    cells = cells.join(readers, on="cell", how="left").select(
        "cell", "n", pl.col("institutions").fill_null(0), group=pl.lit(None, pl.String)
    )
    sums = pl.concat(
        both.select("equation", pl.col(column).alias("cell"), pl.lit(sign, pl.Int8).alias("sign")).drop_nulls()
        for column, sign in (("total", 1), ("part", -1), ("rest", -1))
    )
    return CellList(cells.sort("cell"), sums.sort("equation", pl.col("sign").neg(), "cell"), own)


def _own_of_rest(both: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """How many of a difference are a reader's own: never more than it counts."""
    told = [
        both.drop_nulls("rest")
        .join(own, left_on=column, right_on="cell")
        .select("rest", "d", "reader", (pl.col("n") * sign).alias("n"))
        for column, sign in (("total", 1), ("part", -1))
    ]
    of = pl.concat(told).group_by("rest", "d", "reader").agg(pl.col("n").sum())
    bounded = of.select(pl.col("rest").alias("cell"), "reader", pl.min_horizontal("n", pl.col("d").abs()).alias("n"))
    return bounded.filter(pl.col("n") > 0).sort("cell", "reader")


def _one(lists: Sequence[CellList]) -> CellList:
    """Lists as one list, the equations numbered on."""
    shift, sums = 0, [pl.DataFrame(schema=_SUMS)]
    for one in lists:
        sums.append(one.sums.with_columns((pl.col("equation") + shift).cast(pl.UInt32)))
        shift += int(one.sums["equation"].max()) + 1 if one.sums.height else 0  # type: ignore[arg-type]
    cells = pl.concat([one.cells for one in lists]).sort("cell")
    return CellList(cells, pl.concat(sums), pl.concat([one.own for one in lists]).sort("cell", "reader"))
