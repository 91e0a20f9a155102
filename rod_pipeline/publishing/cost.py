"""What protection cost: per table what is printed and hidden, which tables aren't offered, which figures had to go.

Belongs here: counting it, and which of it may be seen by whom. Does not belong here: deciding it
(``rod_pipeline.disclosure``, ``offering``), how a page of it looks (``page``).

A report about protection can undo it: how many students are hidden in a table is a sum of hidden counts, and which
hidden cells are small is what the one sign for both keeps back. So whatever is published here follows from printed
figures alone (``coverage``, ``changes``): it tells nothing that they don't. Within the house, who watches the runs sees
for each level how many cells are small and how many are hidden for others' sake, where both are many (``split``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from rod_pipeline.disclosure.report import Report
from rod_pipeline.publishing import keys
from rod_pipeline.publishing.offering import NotOffered, Reason
from rod_pipeline.publishing.proposal import Proposal, Table

MANY = 10
"""From so many cells of either kind on it is told how many are small and how many are hidden besides."""
REASONS: Mapping[Reason, str] = {
    Reason.EMPTY: "er zijn geen gegevens voor",
    Reason.UNGROUPED: "de indeling is niet ingevuld",
    Reason.TOO_SMALL: "te veel aantallen zijn klein",
    Reason.TOO_SMALL_TOGETHER: "te veel aantallen zijn klein waar zij een andere tabel kruist",
    Reason.TOO_HIDDEN: "te veel aantallen moeten worden afgeschermd",
}
_NUMBERS = ("cells", "printed", "small", "secondary", "withheld")
_LEVELS = {"level": pl.String, **dict.fromkeys(_NUMBERS, pl.Int64)}


@dataclass(frozen=True)
class Cost:
    """``levels``: per level of the cell list the numbers of cells (``_LEVELS``; for the house). ``changed``: keys of
    cells printed before and hidden now. ``strained``: how many small cells a reader of both releases might narrow.
    """

    levels: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_LEVELS))
    not_offered: tuple[NotOffered, ...] = ()
    changed: tuple[str, ...] = ()
    strained: int = 0


def cost_of(reports: Sequence[Report], not_offered: Sequence[NotOffered]) -> Cost:
    """The cost of a release from the reports of protection; keys without the status."""
    levels = pl.concat([pl.DataFrame(schema=_LEVELS), *(one.levels.select(list(_LEVELS)) for one in reports)])
    changed = pl.Series([cell for one in reports for cell in one.changed], dtype=pl.String)
    return Cost(
        levels.with_columns(pl.col("level").str.replace(rf"\|{keys.STATUS}(\||$)", "${1}")).sort("level"),
        tuple(sorted(not_offered, key=lambda one: one.table.name)),
        tuple(changed.to_frame("cell").select(keys.without(keys.STATUS)).to_series().unique().sort()),
        sum(len(one.strained) for one in reports),
    )


def split(cost: Cost) -> pl.DataFrame:
    """For the house: ``level``, ``cells``, ``printed``, ``hidden``, and where both are many ``small``, ``besides``."""
    besides = pl.col("secondary") + pl.col("withheld")
    many = (pl.col("small") >= MANY) & (besides >= MANY)
    return cost.levels.select(
        "level",
        "cells",
        "printed",
        hidden=pl.col("cells") - pl.col("printed"),
        small=pl.when(many).then("small"),
        besides=pl.when(many).then(besides),
    )


def coverage(proposal: Proposal) -> pl.DataFrame:
    """Per table, offered or not: ``tabel``, ``maat``, ``indeling``, ``aangeboden``, ``reden``, ``rijen``, ``getoond``,
    ``afgeschermd``, ``aandeel`` (per cent of students that stand in a printed figure).

    The share is worked out from printed figures alone: null where the national total of some year isn't printed.
    """
    offered = [
        (
            one.name,
            one.known_as,
            ",".join(one.by),
            True,
            None,
            frame.height,
            frame.height - frame["n"].null_count(),
            frame["n"].null_count(),
            _share(one, proposal),
        )
        for one in proposal.declared
        for frame in [proposal.tables[one.name]]
    ]
    others = [
        (
            one.table.name,
            one.table.reads_as or one.table.measure,
            ",".join(one.table.by),
            False,
            REASONS[one.reason],
            None,
            None,
            None,
            None,
        )
        for one in proposal.cost.not_offered
    ]
    text, count = pl.String(), pl.Int64()
    schema = {
        "tabel": text,
        "maat": text,
        "indeling": text,
        "aangeboden": pl.Boolean(),
        "reden": text,
        "rijen": count,
        "getoond": count,
        "afgeschermd": count,
        "aandeel": pl.Float64(),
    }
    return pl.DataFrame([*offered, *others], schema=schema, orient="row").sort("tabel")


def _share(one: Table, proposal: Proposal) -> float | None:
    """The share of students in the printed cells of a table, of the printed totals of its years."""
    outcome = () if one.outcome is None else (one.outcome,)
    wholes = [
        other
        for other in proposal.declared
        if (other.measure, other.within, other.outcome) == (one.measure, one.within, one.outcome)
        and other.by == ("schooljaar", *outcome)
    ]
    if not wholes or "schooljaar" not in one.by:
        return None
    total = pl.when(pl.col("n").is_not_null().all()).then(pl.col("n").sum())
    years = proposal.tables[wholes[0].name].group_by("schooljaar").agg(total.alias("total"))
    of_all, printed = years["total"], int(proposal.tables[one.name]["n"].sum())
    if of_all.null_count() or not of_all.sum():
        return None
    return round(100 * printed / int(of_all.sum()), 1)


def changes(proposal: Proposal) -> pl.DataFrame:
    """The cells of tables that were printed before and are hidden now: ``maat``, ``schooljaar``, ``indeling``."""
    cells = pl.DataFrame({"cell": proposal.cost.changed}, schema={"cell": pl.String}).with_columns(*keys.YEAR_OF)
    rest = keys.without("schooljaar").str.replace(r"^[^|]*", "").str.strip_prefix("|")
    return cells.select(
        pl.col("measure").alias("maat"), "schooljaar", rest.str.replace_all("|", ", ", literal=True).alias("indeling")
    ).sort(pl.all())
