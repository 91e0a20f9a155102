"""Where publishing meets disclosure control: the one function that proposes what is published.

Belongs here: marts, cell list, protection, audit, proposal. Does not belong here: each of these steps.

Measures that count the same students share a list (``between``), others have one of their own. In the lists the status
of a school year is a dimension; in what is audited and printed it isn't (``keys``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from rod_pipeline.disclosure import attack, policy
from rod_pipeline.disclosure.cells import CellList, cell_list
from rod_pipeline.disclosure.policy import Policy
from rod_pipeline.disclosure.protect import CannotProtect, Protected, printed, protect
from rod_pipeline.disclosure.published import Published
from rod_pipeline.disclosure.tables import Table as Selection
from rod_pipeline.disclosure.tables import table_of
from rod_pipeline.marts.database import feeding
from rod_pipeline.marts.groupings import groupings
from rod_pipeline.marts.published import (
    NESTED,
    OFFERED,
    Nested,
    Offered,
    editions,
    figures_in_force,
    figures_of,
    leaves,
)
from rod_pipeline.publishing import between, keys, register
from rod_pipeline.publishing.auditing import audited
from rod_pipeline.publishing.cost import cost_of
from rod_pipeline.publishing.offering import NotOffered, Reason, worth_protecting
from rod_pipeline.publishing.outcomes import meeting, settled
from rod_pipeline.publishing.past import Counted, Counts, told_anew
from rod_pipeline.publishing.proposal import Proposal, Table, digest_of
from rod_pipeline.publishing.register import Told
from rod_pipeline.publishing.regrouped import refuse_regrouped
from rod_pipeline.publishing.release import told_groups
from rod_pipeline.publishing.revisions import provisional

if TYPE_CHECKING:
    from rod_pipeline.system import System

DEFINITION = 1
"""Version of what the measures mean: what was printed under another one binds nothing."""


@dataclass(frozen=True)
class Audited:
    """What the audit said, tied to the figures that it is of (``proposal.digest_of``)."""

    clean: bool
    digest: str
    failing: tuple[str, ...] = ()


def disclose(system: System, earlier: Told | None) -> Proposal:
    """Propose protected and audited tables from the restricted marts of all living deliveries.

    ``earlier``: all that was printed before. Raises what reading the marts raises, ``Regrouped``, and ``CannotProtect``
    when a small count can't be kept open without tables that were told before.
    """
    groups = groupings(system.settings.groupings)
    for then, told in told_groups(system):
        refuse_regrouped(groups, then, told)
    state = system.ledger.state()
    deliveries = feeding(state)
    counts, speaks = _counts(figures_in_force(system), groups)

    @cache
    def counted(release: str) -> Counts | None:
        of = register.published(state, release).deliveries
        living = [one for one in deliveries if one.delivery_id in of]
        return _counts(figures_of(system, living), groups) if living else None

    proposal = propose(counts, speaks, tuple(one.delivery_id for one in deliveries), earlier, counted=counted)
    used = {column for one in proposal.declared for column in one.by}
    return replace(proposal, groups=groups.filter(pl.col("indeling").is_in(list(used))))


def _counts(marts: Mapping[str, pl.DataFrame], groups: pl.DataFrame) -> Counts:
    return {name: frame for name, frame in leaves(marts, groups).items() if frame.height}, editions(marts)


def propose(
    counts: Mapping[str, pl.DataFrame],
    speaks: pl.DataFrame,
    deliveries: tuple[str, ...],
    earlier: Told | None,
    tables: Sequence[Offered] = OFFERED,
    counted: Counted | None = None,
) -> Proposal:
    """The proposal from leaves per measure (``marts.published.leaves``); see ``disclose`` and ``Proposal``.

    ``counted``: what earlier releases were counted from, as far as it is still there.
    """
    rules = policy.load()
    before = None if earlier is None else earlier.under(DEFINITION)
    told_before = _told_before(tables, before)
    worth, not_offered = worth_protecting(tables, counts, told_before, rules)
    published = _published(before, speaks, counted)
    kept = worth
    while True:
        lists = between.together(_cell_lists(counts, speaks, kept, before), kept)
        try:
            protected = [protect(cells, rules, published, _unseen(cells, kept)) for cells in lists]
            break
        except CannotProtect as stuck:
            kept = _fewer(kept, stuck, told_before)
    offered = [one for one in kept if all(part.report.offers(_selection(one)) for part in protected)]
    not_offered += [NotOffered(one, Reason.TOO_HIDDEN) for one in worth if one not in offered]
    told, truth, sums, own = _together(lists, protected, {_level(one) for one in offered})
    failing = audited(truth, told, sums, own, speaks, _rules_of_audit(rules, tables), before, counted)
    return Proposal(
        declared=tuple(_read_as(one) for one in offered),
        tables={one.name: _table(one, told) for one in offered},
        printed=told,
        sums=sums,
        speaks=speaks,
        deliveries=deliveries,
        policy=f"{rules.threshold}-{rules.span}-{rules.min_institutions}",
        definition=DEFINITION,
        audit=Audited(not failing, digest_of(told), failing),
        cost=cost_of([one.report for one in protected], not_offered),
        provisional=provisional(before),
    )


def _cell_lists(
    counts: Mapping[str, pl.DataFrame], speaks: pl.DataFrame, kept: Sequence[Offered], before: Told | None
) -> dict[str, CellList]:
    """The cell list of each measure of which a table is kept."""
    return {
        measure: _cells(
            measure,
            _with_its_status(counts[measure], measure, speaks),
            kept,
            _withdrawn(measure, counts[measure], kept, before),
        )
        for measure in dict.fromkeys(one.measure for one in kept)
    }


def _fewer(kept: Sequence[Offered], stuck: CannotProtect, told_before: Collection[str]) -> list[Offered]:
    """The tables without those that give a small count away: of each such count, of the tables that it stands in (or
    that it is a difference of) the one that is wanted least. Raises ``stuck`` where all of these were told before.
    """
    cells = pl.DataFrame({"cell": stuck.cells}).select(keys.LEVEL, keys.MEASURE).unique(maintain_order=True)
    free = [one for one in kept if one.name not in told_before]
    gone: set[Offered] = set()
    for level, measure in cells.iter_rows():
        showing = [one for one in free if keys.level_of(one.measure, (*one.by, *one.within, keys.STATUS)) == level]
        gone.update((showing or [one for one in free if one.measure in measure.split(between.APART)])[-1:])
    if not gone:
        raise stuck
    return [one for one in kept if one not in gone]


def _cells(measure: str, leaves: pl.DataFrame, kept: Sequence[Offered], withdrawn: Sequence[Selection]) -> CellList:
    """The cell list of a measure: its tables, where they meet, where they are held against other measures, what was
    told before, and nothing that can't be by definition. ``kept``: the tables of all measures."""
    nested, tables = NESTED.get(measure, Nested()), [one for one in kept if one.measure == measure]
    unseen = (*meeting(tables, nested), *between.levels(measure, kept), *withdrawn)
    whole = cell_list({measure: leaves}, [*map(_selection, tables), *map(_with_status, unseen)])
    return settled(whole, nested, tables)


def _unseen(cells: CellList, kept: Sequence[Offered]) -> frozenset[str]:
    """The levels that no table shows: nothing is printed of them, so hiding them costs nobody anything."""
    shown = [keys.level_of(one.measure, (*one.by, *one.within, keys.STATUS)) for one in kept]
    levels = cells.cells.select(keys.LEVEL).to_series().unique()
    return frozenset(levels.filter(~levels.is_in(shown)))


def _withdrawn(
    measure: str, leaves: pl.DataFrame, kept: Sequence[Offered], earlier: Told | None
) -> tuple[Selection, ...]:
    """What was told of a measure in tables that aren't offered any more.

    It stays known, so it stays in the list; it isn't shown. Left out, it would look like figures that became zero, and
    its school years would stand as they were told, every newer table of them withheld.
    """
    if earlier is None:
        return ()
    levels = earlier.cells.select(keys.LEVEL, keys.MEASURE).filter(measure=measure)["level"].unique().sort()
    gone = [level for level in levels if level not in {_level(one) for one in kept}]
    named = [tuple(level.split("|")[1:]) for level in gone]
    return tuple(Selection("|".join(by), measure, by) for by in named if set(by) <= set(leaves.columns))


def _together(
    lists: Sequence[CellList], protected: Sequence[Protected], shown: set[str]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """What is printed and what is true of all measures, how it adds up, and what is whose; without the status.

    Of levels that no table shows, nothing is printed: what crosses, and what isn't offered.
    """
    every = _keyless(pl.concat([printed(one) for one in protected]))
    told = every.filter(keys.LEVEL.is_in(list(shown)))
    truth = pl.concat([one.cells.select("cell", "n") for one in protected])
    shift, sums = 0, []
    for cells, found in zip(lists, protected, strict=True):
        sums.append(_of_now(cells, found).with_columns((pl.col("equation") + shift).cast(pl.UInt32)))
        shift += int(cells.sums["equation"].max() or 0) + 1  # type: ignore[arg-type]
    own = pl.concat([cells.own for cells in lists])
    return told.sort("cell"), _keyless(truth).sort("cell"), _keyless(pl.concat(sums)), _keyless(own).sort("cell")


def _of_now(cells: CellList, found: Protected) -> pl.DataFrame:
    """The sums of a list without those that aren't so in the figures as they are told.

    Of a school year that stands as it was told before, the figures are those of then, and so is how they add up and
    differ from others: that stands in the register. Any other sum that isn't so is a fault, and the audit's to find.
    """
    of = cells.sums.with_columns(*keys.YEAR_OF).join(found.cells.select("cell", "n"), on="cell", how="left")
    now = found.cells.join(cells.cells.select("cell", now="n"), on="cell", how="left").with_columns(*keys.YEAR_OF)
    stands = now.filter(pl.col("n").ne_missing(pl.col("now"))).select(keys.YEAR).unique()
    left = (pl.col("sign") * pl.col("n")).sum()
    wrong = (
        of.group_by("equation")
        .agg(left.alias("left"), pl.col("n").null_count().alias("unknown"), pl.col("measure").n_unique().alias("of"))
        .filter(pl.col("of") > 1, (pl.col("left") != 0) | (pl.col("unknown") > 0))
    )
    gone = pl.concat([frame.select("equation") for frame in (wrong, of.join(stands, on=keys.YEAR, how="semi"))])
    return cells.sums.join(gone, on="equation", how="anti")


def _selection(one: Offered) -> Selection:
    return _with_status(Selection(one.name, one.measure, (*one.by, *one.within), one.outcome))


def _with_status(one: Selection) -> Selection:
    return replace(one, by=(*one.by, keys.STATUS))


def _read_as(one: Offered) -> Table:
    return Table(
        one.name, one.measure, one.by, one.outcome, tuple((column, "J") for column in one.within), one.reads_as
    )


def _table(one: Offered, told: pl.DataFrame) -> pl.DataFrame:
    """A table from the printed cells: the columns ``by``, ``n``, ``afgeschermd``."""
    whole = table_of(told, Selection(one.name, one.measure, (*one.by, *one.within), one.outcome))
    of = [pl.col(column) == "J" for column in one.within]
    return whole.filter(pl.all_horizontal(pl.lit(True), *of)).select(*one.by, "n", "afgeschermd")


def _with_its_status(frame: pl.DataFrame, measure: str, speaks: pl.DataFrame) -> pl.DataFrame:
    return frame.join(speaks.filter(measure=measure).select("schooljaar", "status"), on="schooljaar", how="left")


def _keyless(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(keys.without(keys.STATUS).alias("cell"))


def _level(one: Offered) -> str:
    return keys.level_of(one.measure, (*one.by, *one.within))


def _told_before(tables: Sequence[Offered], earlier: Told | None) -> set[str]:
    """The tables of which something was told before."""
    if earlier is None:
        return set()
    levels = set(earlier.cells.select(keys.LEVEL.unique()).to_series())
    return {one.name for one in tables if _level(one) in levels}


def _published(earlier: Told | None, speaks: pl.DataFrame, counted: Counted | None) -> Published | None:
    """The register as protection knows it: with the status in the keys, and with what was true of what it tells."""
    if earlier is None or earlier.cells.is_empty():
        return None
    cells = earlier.cells.select(
        "release", keys.extended(keys.STATUS, pl.col(keys.STATUS)).alias("cell"), "n", "definition"
    )
    measures = earlier.cells.select(keys.MEASURE).unique().to_series()
    published = Published(cells, dict.fromkeys(measures, DEFINITION))
    return published if counted is None else replace(published, then=told_anew(earlier, speaks, counted))


def _rules_of_audit(rules: Policy, tables: Sequence[Offered]) -> attack.Rules:
    return attack.Rules(
        threshold=rules.threshold,
        span=rules.span,
        large=rules.outcome_group,
        drift=rules.drift,
        outcomes=tuple(sorted({one.outcome for one in tables if one.outcome is not None})),
    )
