"""Where publishing meets disclosure control: the one function that proposes what is published.

Belongs here: marts, cell list, protection, audit, proposal. Does not belong here: each of these steps.

Protection keeps the provisional and the definitive figures of a school year apart, so there the status stands in the
key of a cell. Readers know that both are of the same students: in what is audited and printed it doesn't.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from rod_pipeline.disclosure import attack, policy
from rod_pipeline.disclosure.cells import CellList, cell_list
from rod_pipeline.disclosure.policy import Policy
from rod_pipeline.disclosure.protect import printed, protect
from rod_pipeline.disclosure.published import Published
from rod_pipeline.disclosure.tables import Table as Selection
from rod_pipeline.disclosure.tables import table_of
from rod_pipeline.marts.database import feeding
from rod_pipeline.marts.published import OFFERED, Offered, editions, figures_in_force, leaves
from rod_pipeline.publishing import register
from rod_pipeline.publishing.proposal import Proposal, Table, digest_of

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


def disclose(system: System, earlier: pl.DataFrame | None) -> Proposal:
    """Propose protected and audited tables from the restricted marts of all living deliveries.

    ``earlier``: all that was printed before (``register.SCHEMA``). Raises what reading the marts raises, and
    ``CannotProtect`` when a small count can't be kept open.
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
    earlier: pl.DataFrame | None,
) -> Proposal:
    """The proposal from leaves per measure (``marts.published.leaves``); see ``disclose`` and ``Proposal``."""
    rules = policy.load()
    offered = [one for one in OFFERED if one.measure in counts]
    cells = cell_list(_with_status(counts, speaks), [_selection(one) for one in offered])
    protected = protect(cells, rules, _told(earlier))
    told = _without_status(printed(protected))
    truth = _without_status(protected.cells.select("cell", "n"))
    clean = _audited(cells, truth, told, rules, earlier).clean
    tables = {one.name: _table(one, told) for one in offered if protected.report.offers(_selection(one))}
    return Proposal(
        declared=tuple(_read_as(one) for one in offered if one.name in tables),
        tables=tables,
        printed=told,
        speaks=speaks,
        deliveries=deliveries,
        policy=f"{rules.threshold}-{rules.span}-{rules.min_institutions}",
        definition=DEFINITION,
        audit=Audited(clean, digest_of(told)),
    )


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


def _with_status(counts: Mapping[str, pl.DataFrame], speaks: pl.DataFrame) -> dict[str, pl.DataFrame]:
    status = speaks.select(*_YEAR, "status")
    return {
        name: frame.join(status.filter(measure=name).drop("measure"), on="schooljaar", how="left")
        for name, frame in counts.items()
    }


def _without_status(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.with_columns(pl.col("cell").str.replace(_STATUS, "")).sort("cell")


def _told(earlier: pl.DataFrame | None) -> Published | None:
    """The register as protection knows it: with the status in the keys."""
    if earlier is None:
        return None
    keys = [_key(cell, status) for cell, status in earlier.select("cell", "status").iter_rows()]
    cells = earlier.select("release", pl.Series("cell", keys, pl.String), "n", "definition")
    return Published(cells, {name: DEFINITION for (name,) in earlier.select(register.YEAR_OF[0]).unique().iter_rows()})


def _key(cell: str, status: str) -> str:
    measure, *dims = cell.split("|")
    return "|".join([measure, *sorted([*dims, f"status={status}"], key=lambda dim: dim.partition("=")[0])])


def _audited(
    cells: CellList, truth: pl.DataFrame, told: pl.DataFrame, rules: Policy, earlier: pl.DataFrame | None
) -> attack.Audit:
    """What every reader can work out of these figures: the public, and each institution."""
    own = _without_status(cells.own)
    return attack.audit(
        truth,
        told,
        cells.sums.with_columns(pl.col("cell").str.replace(_STATUS, "")),
        own,
        [None, *own["reader"].unique().sort()],
        attack.Rules(
            threshold=rules.threshold,
            span=rules.span,
            large=rules.outcome_group,
            drift=rules.drift,
            outcomes=tuple(sorted({one.outcome for one in OFFERED if one.outcome is not None})),
        ),
        None if earlier is None else earlier.select("release", "cell", "n"),
    )
