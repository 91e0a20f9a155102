"""What protection costs, per level.

Belongs here: counting states. Does not belong here: deciding them. A level is a measure and the columns that name its
cells; the shares and numbers here are of cells and of many students, so the report may be shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rod_pipeline.disclosure.policy import Policy
from rod_pipeline.disclosure.tables import Table

PRINTED, SMALL, SECONDARY, WITHHELD = "printed", "small", "secondary", "withheld"


@dataclass(frozen=True)
class Report:
    """``levels``: ``level``, ``cells``, ``printed``, ``small``, ``secondary``, ``withheld``, ``hidden_share`` of cells,
    ``hidden_students`` (share), ``offered``; sorted by ``level``. ``dense``: the levels of which too much would be
    hidden. ``changed``: cells printed in an earlier release and hidden now. ``strained``: small cells that a reader who
    holds both releases can narrow, if he is sure that no figure moved further than the drift.
    """

    levels: pl.DataFrame
    dense: frozenset[str]
    changed: tuple[str, ...] = ()
    strained: tuple[str, ...] = ()

    def offers(self, table: Table) -> bool:
        """Whether a table is printed at all: its level isn't mostly hidden."""
        level = "|".join([table.measure, *sorted(table.by)])
        return not self.levels.filter(pl.col("level") == level, ~pl.col("offered")).height


def level_of(cells: pl.Series) -> pl.Series:
    """The level of each cell: its key without the codes."""
    return cells.str.replace_all(r"=[^|]*", "")


def report(
    states: pl.DataFrame,
    policy: Policy,
    withheld: frozenset[str],
    told: set[str],
    changed: tuple[str, ...] = (),
    strained: tuple[str, ...] = (),
) -> Report:
    """Count ``states`` (``cell``, ``n``, ``state``) per level. A level that was told before is offered anyway."""
    hidden = pl.col("state") != PRINTED
    levels = (
        states.with_columns(level=level_of(states["cell"]), told=pl.col("cell").is_in(list(told)))
        .group_by("level")
        .agg(
            pl.len().cast(pl.Int64).alias("cells"),
            *(
                (pl.col("state") == state).sum().cast(pl.Int64).alias(state)
                for state in (PRINTED, SMALL, SECONDARY, WITHHELD)
            ),
            hidden.mean().alias("hidden_share"),
            (pl.col("n").filter(hidden).sum() / pl.col("n").sum()).alias("hidden_students"),
            pl.col("told").any(),
        )
        .sort("level")
    )
    dense = levels.filter(~pl.col("told"), pl.col("hidden_share") > policy.most_hidden)["level"]
    return Report(
        levels.drop("told").with_columns(~pl.col("level").is_in(list(withheld)).alias("offered")),
        frozenset(dense.to_list()),
        changed,
        strained,
    )
