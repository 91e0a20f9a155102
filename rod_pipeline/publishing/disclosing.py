"""Where publishing meets disclosure control: the one function that proposes what is published.

Belongs here: marts, cell list, protection, audit, proposal. Does not belong here: each of these steps.

Measures share no sums, so each has a list of its own. Protection keeps the provisional and the definitive figures of a
school year apart, so there the status stands in the key of a cell. Readers know that both are of the same students: in
what is audited and printed it doesn't.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from rod_pipeline.disclosure import attack, policy
from rod_pipeline.disclosure.cells import CellList, cell_list
from rod_pipeline.disclosure.policy import Policy
from rod_pipeline.disclosure.protect import Protected, printed, protect
from rod_pipeline.disclosure.published import Published
from rod_pipeline.disclosure.tables import Table as Selection
from rod_pipeline.disclosure.tables import dims, table_of
from rod_pipeline.marts.database import feeding
from rod_pipeline.marts.published import OFFERED, Offered, editions, figures_in_force, leaves
from rod_pipeline.publishing.auditing import audited
from rod_pipeline.publishing.cost import cost_of
from rod_pipeline.publishing.offering import NotOffered, Reason, worth_protecting
from rod_pipeline.publishing.proposal import Proposal, Table, digest_of
from rod_pipeline.publishing.register import YEAR_OF, Told

if TYPE_CHECKING:
    from rod_pipeline.system import System

DEFINITION = 1
"""Version of what the measures mean: what was printed under another one binds nothing."""
_YEAR = ["measure", "schooljaar"]
_STATUS = r"\|status=[^|]*"


@dataclass(frozen=True)
class Audited:
    """What the audit said, tied to the figures that it is of (``proposal.digest_of``)."""

    clean: bool
    digest: str


def disclose(system: System, earlier: Told | None) -> Proposal:
    """Propose protected and audited tables from the restricted marts of all living deliveries.

    ``earlier``: all that was printed before. Raises what reading the marts raises, and ``CannotProtect`` when a small
    count can't be kept open.
    """
    marts = figures_in_force(system)
    return propose(
        {name: frame for name, frame in leaves(marts).items() if frame.height},
        editions(marts),
        tuple(one.delivery_id for one in feeding(system.ledger.state())),
        earlier,
    )


def propose(
    counts: Mapping[str, pl.DataFrame],
    speaks: pl.DataFrame,
    deliveries: tuple[str, ...],
    earlier: Told | None,
    tables: Sequence[Offered] = OFFERED,
) -> Proposal:
    """The proposal from leaves per measure (``marts.published.leaves``); see ``disclose`` and ``Proposal``."""
    rules = policy.load()
    before = None if earlier is None else earlier.under(DEFINITION)
    kept, not_offered = worth_protecting(tables, counts, _told_before(tables, before), rules)
    known = _published(before)
    lists = {
        measure: _cells(
            measure,
            _with_status(counts[measure], measure, speaks),
            [_selection(one) for one in kept if one.measure == measure],
            {column for one in kept if one.measure == measure for column in one.within},
        )
        for measure in dict.fromkeys(one.measure for one in kept)
    }
    protected = {measure: protect(cells, rules, known) for measure, cells in lists.items()}
    offered = [one for one in kept if protected[one.measure].report.offers(_selection(one))]
    not_offered += [NotOffered(one, Reason.TOO_HIDDEN) for one in kept if one not in offered]
    told, truth, sums, own = _together(lists, protected)
    clean = audited(truth, told, sums, own, _rules_of_audit(rules, tables), before)
    return Proposal(
        declared=tuple(_read_as(one) for one in offered),
        tables={one.name: _table(one, told) for one in offered},
        printed=told,
        sums=sums,
        speaks=speaks,
        deliveries=deliveries,
        policy=f"{rules.threshold}-{rules.span}-{rules.min_institutions}",
        definition=DEFINITION,
        audit=Audited(clean, digest_of(told)),
        cost=cost_of([one.report for one in protected.values()], not_offered),
    )


def _cells(measure: str, leaves: pl.DataFrame, tables: Sequence[Selection], populations: set[str]) -> CellList:
    """The cell list of a measure, without the outcomes that nobody outside a population can have.

    Who doesn't leave is in no table of leavers and has no outcome as one: such a cell is zero by definition for every
    institution, and would be taken for "nobody of a few".
    """
    whole = cell_list({measure: leaves}, tables)
    sides = sorted(populations | {one.outcome for one in tables if one.outcome is not None})
    codes = [pl.col("cell").str.extract(rf"\|{column}=([^|]*)", 1).alias(column) for column in sides]
    outside = pl.any_horizontal(pl.lit(False), *(pl.col(column) == "N" for column in sorted(populations)))
    of_all = whole.cells.with_columns(codes).filter(outside.fill_null(False))
    never = of_all.filter(pl.col("n").sum().over(sides) == 0).select("cell") if sides else of_all.select("cell")
    return CellList(*(frame.join(never, on="cell", how="anti") for frame in (whole.cells, whole.sums, whole.own)))


def _together(
    lists: Mapping[str, CellList], protected: Mapping[str, Protected]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """What is printed and what is true of all measures, how it adds up, and what is whose; without the status."""
    told = pl.concat([printed(one) for one in protected.values()])
    truth = pl.concat([one.cells.select("cell", "n") for one in protected.values()])
    shift, sums = 0, []
    for cells in lists.values():
        sums.append(cells.sums.with_columns((pl.col("equation") + shift).cast(pl.UInt32)))
        shift += int(cells.sums["equation"].n_unique())
    own = pl.concat([cells.own for cells in lists.values()])
    return (_without_status(told), _without_status(truth), _keyless(pl.concat(sums)), _without_status(own))


def _selection(one: Offered) -> Selection:
    return Selection(one.name, one.measure, (*one.by, *one.within, "status"), one.outcome)


def _read_as(one: Offered) -> Table:
    return Table(
        one.name, one.measure, one.by, one.outcome, tuple((column, "J") for column in one.within), one.reads_as
    )


def _table(one: Offered, told: pl.DataFrame) -> pl.DataFrame:
    """A table from the printed cells: the columns ``by``, ``n``, ``afgeschermd``."""
    whole = table_of(told, Selection(one.name, one.measure, (*one.by, *one.within), one.outcome))
    of = [pl.col(column) == "J" for column in one.within]
    return whole.filter(pl.all_horizontal(pl.lit(True), *of)).select(*one.by, "n", "afgeschermd")


def _with_status(frame: pl.DataFrame, measure: str, speaks: pl.DataFrame) -> pl.DataFrame:
    return frame.join(speaks.filter(measure=measure).select("schooljaar", "status"), on="schooljaar", how="left")


def _keyless(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("cell").str.replace(_STATUS, ""))


def _without_status(cells: pl.DataFrame) -> pl.DataFrame:
    return _keyless(cells).sort("cell")


def _told_before(tables: Sequence[Offered], earlier: Told | None) -> set[str]:
    """The tables of which something was told before."""
    if earlier is None:
        return set()
    levels = set(earlier.cells.select(pl.col("cell").str.replace_all(r"=[^|]*", "").unique()).to_series())
    return {one.name for one in tables if f"{one.measure}|{dims((*one.by, *one.within))}" in levels}


def _published(earlier: Told | None) -> Published | None:
    """The register as protection knows it: with the status in the keys."""
    if earlier is None or earlier.cells.is_empty():
        return None
    keys = [_key(cell, status) for cell, status in earlier.cells.select("cell", "status").iter_rows()]
    cells = earlier.cells.select("release", pl.Series("cell", keys, pl.String), "n", "definition")
    measures = earlier.cells.select(YEAR_OF[0]).unique().to_series()
    return Published(cells, dict.fromkeys(measures, DEFINITION))


def _key(cell: str, status: str) -> str:
    measure, *dims = cell.split("|")
    return "|".join([measure, *sorted([*dims, f"status={status}"], key=lambda dim: dim.partition("=")[0])])


def _rules_of_audit(rules: Policy, tables: Sequence[Offered]) -> attack.Rules:
    return attack.Rules(
        threshold=rules.threshold,
        span=rules.span,
        large=rules.outcome_group,
        drift=rules.drift,
        outcomes=tuple(sorted({one.outcome for one in tables if one.outcome is not None})),
    )
