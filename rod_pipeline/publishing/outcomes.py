"""Populations and outcomes that lie in each other: which cells there are by definition, and whose outcome each is.

Belongs here: the levels at which results over the same students meet, cells that nobody can be in, the group that an
outcome tells of. Does not belong here: how a measure is defined (``marts.published``), hiding (``disclosure``).

A fitting diploma is a diploma: who has the leavers with a diploma and those with a fitting one has those whose diploma
doesn't fit, by subtraction. The cell list knows only sums that it was shown, so the levels where results meet are put
in it, though no table prints them. And "nobody of a few" is a secret only where somebody could have been: who stays has
no outcome as a leaver.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, product

import polars as pl

from rod_pipeline.disclosure.cells import CellList
from rod_pipeline.disclosure.tables import Table as Selection
from rod_pipeline.marts.published import Nested, Offered
from rod_pipeline.publishing import keys

_SIDES = ("J", "N")


def meeting(tables: Sequence[Offered], nested: Nested) -> tuple[Selection, ...]:
    """Where tables of one measure meet: at each grouping, all populations and outcomes that are told of it together.

    What is told of a finer grouping is told of a coarser one, by adding up. With each level come those of the groups
    whose outcome an inner outcome is: a side of an outcome that nobody has is a cell only where its group is one.
    """
    outcomes = [one for one in nested.outcomes if one in {table.outcome for table in tables}]
    sides = {one: frozenset(filter(None, (*one.within, one.outcome))) for one in tables}
    groupings = {frozenset(one.by) - {one.outcome} for one in tables}
    while more := {one & two for one in groupings for two in groupings} - groupings:
        groupings |= more
    found: set[frozenset[str]] = set()
    for grouping in groupings:
        told = {sides[one] for one in tables if grouping <= set(one.by)}
        every = grouping.union(*told)
        if len(told) > 1:
            inner = outcomes[1:]
            found |= {every.difference(some) for size in range(len(inner) + 1) for some in combinations(inner, size)}
    found |= {frozenset({*one.by, *one.within}) - {one.outcome} for one in tables if {*one.within} & {*outcomes}}
    levels = sorted(sorted(columns) for columns in found - {frozenset({*one.by, *one.within}) for one in tables})
    return tuple(Selection("|".join(columns), tables[0].measure, tuple(columns)) for columns in levels)


def settled(cells: CellList, nested: Nested, tables: Sequence[Offered]) -> CellList:
    """A cell list without the cells that nobody can be in, and with the group that each outcome tells of.

    ``tables``: those of the measure that are in the list.
    """
    outcomes = [one for one in nested.outcomes if one in {table.outcome for table in tables}]
    populations = {column for one in tables for column in one.within} - set(outcomes)
    sides = sorted(populations | set(outcomes))
    if not outcomes or len(sides) < 2:
        return cells
    every = cells.cells.with_columns(keys.code(column).alias(column) for column in sides)
    told = every.filter(pl.col("n") > 0).select(sides).drop_nulls().unique()
    can = _Combinations(sides, populations, nested, set(told.rows()))
    combinations = every.select(sides).unique()
    judged = pl.DataFrame(
        [(*row, *can.judged(dict(zip(sides, row, strict=True)), outcomes)) for row in combinations.iter_rows()],
        schema={
            **dict.fromkeys(sides, pl.String),
            "possible": pl.Boolean,
            "narrow": pl.Struct(dict.fromkeys(sides, pl.String)),
            "wide": pl.Struct(dict.fromkeys(sides, pl.String)),
        },
        orient="row",
    )
    every = every.join(judged, on=sides, how="left", nulls_equal=True).with_columns(
        _renamed(sides, "narrow"), _renamed(sides, "wide")
    )
    narrow = pl.when(pl.col("narrow").is_in(every["cell"].to_list())).then("narrow")
    every = every.with_columns(pl.coalesce(narrow, "wide").alias("group"))
    # Of what is no outcome, nothing is known to be there that isn't.
    kept = every.filter(pl.col("possible") & (pl.col("group").is_not_null() | (pl.col("n") > 0)))
    return CellList(
        kept.select(cells.cells.columns).sort("cell"),
        *(frame.join(kept, on="cell", how="semi", maintain_order="left") for frame in (cells.sums, cells.own)),
    )


class _Combinations:
    """Which codes of populations and outcomes can be together: those of whole combinations that somebody can have.

    Outside a population a combination is one only if anybody in the list has it: who stays has no outcome as a leaver.
    """

    def __init__(
        self, sides: Sequence[str], populations: Collection[str], nested: Nested, told: Collection[tuple[str, ...]]
    ) -> None:
        every = (dict(zip(sides, codes, strict=True)) for codes in product(_SIDES, repeat=len(sides)))
        self._whole = [
            one
            for one in every
            if not any(never.items() <= one.items() for never in nested.never)
            and (all(one[column] == "J" for column in populations) or tuple(one[side] for side in sides) in told)
        ]

    def _can_be(self, codes: Mapping[str, str]) -> bool:
        return any(codes.items() <= one.items() for one in self._whole)

    def judged(
        self, codes: Mapping[str, str | None], outcomes: Sequence[str]
    ) -> tuple[bool, dict[str, str | None] | None, dict[str, str | None] | None]:
        """Whether anybody can have these codes, and whose outcome they are: of the narrowest group, and of a wider one.

        The inner outcome is what they tell, of the group without it; None when they tell none.
        """
        given = {side: code for side, code in codes.items() if code is not None}
        if not self._can_be(given):
            return False, None, None
        for depth, outcome in reversed(list(enumerate(outcomes))):
            other = {"J": "N", "N": "J"}.get(given.get(outcome, ""))
            if other is not None and self._can_be({**given, outcome: other}):
                wide = {side: code for side, code in given.items() if side not in outcomes[depth:]}
                narrow = wide | {outer: code for outer in outcomes[:depth] if (code := self._only(given, outer))}
                return True, dict.fromkeys(codes) | narrow, dict.fromkeys(codes) | wide
        return True, None, None

    def _only(self, given: Mapping[str, str], side: str) -> str | None:
        """The one code of a side that goes with these; None when both do."""
        found = {one[side] for one in self._whole if given.items() <= one.items()}
        return found.pop() if len(found) == 1 else None


def _renamed(sides: Sequence[str], group: str) -> pl.Expr:
    """The name of a cell with the codes of a group in the place of its own; null where there is none."""
    name = keys.CELL
    for side in sides:
        code, name = pl.col(group).struct.field(side), keys.without(side, name)
        name = pl.when(code.is_null()).then(name).otherwise(keys.extended(side, code, name))
    return pl.when(pl.col(group).is_not_null()).then(name).alias(group)
