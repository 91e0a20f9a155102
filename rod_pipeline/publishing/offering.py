"""Which of the tables that could be published are worth protecting.

Belongs here: giving up a table before the costly search, and why a table isn't offered. Does not belong here: which
tables there could be (``marts.published``), protecting (``rod_pipeline.disclosure``).

A table most of which would be hidden informs nobody, and what must be hidden for its sake is taken from others. That
a table will end so can be seen beforehand: each small cell takes others with it, so the share of small cells says what
is coming (``most_small`` in ``policy.toml``). What isn't offered isn't in the list of cells at all: nobody is told
which of its cells there are. A table that was printed before stays, for what was told is known.

Two divisions of the same students, such as level and sector chamber, say something of the cells where they cross, which
have to be protected though no table shows them; so does an outcome of those who have another one, such as a fitting
diploma of those with a diploma; so does the difference of two measures over the same students (``between``). So a table
is given up as well when it meets one before it in too many small cells: tables stand in the order in which they are
wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from rod_pipeline.disclosure.cells import FAMILIES
from rod_pipeline.disclosure.policy import Policy
from rod_pipeline.disclosure.tables import UNKNOWN
from rod_pipeline.marts.published import NESTED, Nested, Offered
from rod_pipeline.publishing import between

_YES, _NO = "J", "N"


class Reason(StrEnum):
    """Why a table isn't offered."""

    EMPTY = "empty"
    UNGROUPED = "ungrouped"
    TOO_SMALL = "too small"
    TOO_SMALL_TOGETHER = "too small together"
    TOO_HIDDEN = "too much hidden"


@dataclass(frozen=True)
class NotOffered:
    """A table that isn't offered, and why."""

    table: Offered
    reason: Reason


def worth_protecting(
    offered: Sequence[Offered], counts: Mapping[str, pl.DataFrame], told: Collection[str], rules: Policy
) -> tuple[list[Offered], list[NotOffered]]:
    """Divide ``offered`` into what is protected and what is given up beforehand.

    ``counts``: leaves per measure (``marts.published.leaves``). ``told``: names of tables that were printed before.
    """
    kept: list[Offered] = []
    given_up: list[NotOffered] = []
    for one in sorted(offered, key=lambda table: table.name not in told):
        there = one.measure in counts and not counts[one.measure].is_empty()
        if there and not set(one.by) <= set(counts[one.measure].columns):
            given_up.append(NotOffered(one, Reason.UNGROUPED))
            continue
        share = small_share(one, counts[one.measure], rules) if there else None
        if share is None:
            given_up.append(NotOffered(one, Reason.EMPTY))
        elif one.name in told:
            kept.append(one)
        elif share > rules.most_small:
            given_up.append(NotOffered(one, Reason.TOO_SMALL))
        elif any(
            (small_share(also, counts[one.measure], rules) or 0) > rules.most_small
            for also in (*crossings(one, kept), *_told_within(one, kept))
        ) or between.too_small(one, kept, counts, rules):
            given_up.append(NotOffered(one, Reason.TOO_SMALL_TOGETHER))
        else:
            kept.append(one)
    return kept, given_up


def crossings(one: Offered, kept: Sequence[Offered]) -> Iterator[Offered]:
    """Where a table crosses those that are kept, as tables that nobody asked for (see ``disclosure.cells``)."""
    columns = set(one.by)
    for other in kept:
        same = (other.measure, other.outcome, other.within) == (one.measure, one.outcome, one.within)
        others = set(other.by)
        if same and any(columns - family == others - family for family in FAMILIES):
            crossing = columns | others
            if crossing not in (columns, others):
                yield one._replace(by=tuple(sorted(crossing)))


def _told_within(one: Offered, kept: Sequence[Offered]) -> Iterator[Offered]:
    """What a table tells besides, with those that are kept: an inner outcome of who has an outer one.

    Of what both are by, since a finer grouping tells of a coarser one.
    """
    outcomes = NESTED.get(one.measure, Nested()).outcomes
    for other in kept:
        told = {one.outcome, other.outcome}
        if other.measure != one.measure or len(told) < 2 or not told <= set(outcomes):
            continue
        outer, inner = (outcome for outcome in outcomes if outcome in told)
        within = tuple(dict.fromkeys((*one.within, *other.within, outer)))
        if inner not in within:
            both = [column for column in one.by if column in other.by]
            yield one._replace(by=(*both, inner), outcome=inner, within=within)


def small_share(one: Offered, leaves: pl.DataFrame, rules: Policy) -> float | None:
    """The share of a table's cells that are small by themselves; None when it has no cells.

    A lower bound of what will be hidden: what is small to an institution alone isn't counted.
    """
    within = [pl.col(column) == _YES for column in one.within]
    table = leaves.filter(pl.all_horizontal(pl.lit(True), *within)).with_columns(pl.col(one.by).fill_null(UNKNOWN))
    if table.is_empty():
        return None
    if one.outcome is None:
        cells = table.group_by(one.by).agg(pl.col("n").sum())
        small: pl.Expr = (pl.col("n") < rules.threshold).mean()
    else:
        rest = [column for column in one.by if column != one.outcome]
        sides = [
            pl.col("n").filter(pl.col(one.outcome) == side).sum().cast(pl.Int64).alias(side) for side in (_YES, _NO)
        ]
        cells = table.group_by(rest).agg(sides)
        tiny = pl.col(_YES) + pl.col(_NO) < rules.outcome_group
        each = [(pl.col(side) < rules.threshold) & ((pl.col(side) > 0) | tiny) for side in (_YES, _NO)]
        small = (each[0].mean() + each[1].mean()) / 2
    return float(cells.select(small).item())
