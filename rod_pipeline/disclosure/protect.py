"""Protecting a cell list: which cells are printed, which are hidden because they are small, which besides.

Belongs here: the way of a list through the parts, the proof at the end, and the outcome. Does not belong here: the
primary rules (``primary``), finding alternative tables (``opening``), the attack on the outcome (written by other
hands).

Suppression with two alternative tables for each small figure and reader: ADR 28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array

from rod_pipeline.disclosure.cells import CellList
from rod_pipeline.disclosure.equations import Equations, equations
from rod_pipeline.disclosure.moves import Alternatives
from rod_pipeline.disclosure.opening import Opening
from rod_pipeline.disclosure.policy import Policy
from rod_pipeline.disclosure.primary import Sensitive, sensitive
from rod_pipeline.disclosure.published import History, Published, history
from rod_pipeline.disclosure.report import PRINTED, SECONDARY, SMALL, WITHHELD, Report, level_of, report
from rod_pipeline.errors import PermanentError

_UNBOUND = 1_000_000


class CannotProtect(PermanentError):
    """A small count can't be kept open whatever else is hidden. ``cells``: all cells that are such a count."""

    code = "ROD-DISCLOSURE-03"

    def __init__(self, cells: tuple[str, ...]) -> None:
        super().__init__(
            f"{len(cells)} small counts can't be kept open, whatever else is hidden.",
            "Offer fewer tables: these cells can be worked out from the others by anybody.",
        )
        self.cells = cells


class ProofBroken(PermanentError):
    """An alternative table doesn't fit what is printed: a fault in the code."""

    code = "ROD-DISCLOSURE-04"


@dataclass(frozen=True)
class Protected:
    """``cells``: ``cell``, ``n``, ``state``, sorted by ``cell``. Restricted: it holds what is hidden.

    The states: ``printed``; ``small``, hidden by a primary rule; ``secondary``, hidden to protect another;
    ``withheld``, hidden because its level isn't offered or its school year stands as it was told before. ``n`` is what
    was told before where that stands.
    """

    cells: pl.DataFrame
    report: Report


def protect(
    cells: CellList, policy: Policy, earlier: Published | None = None, unseen: frozenset[str] = frozenset()
) -> Protected:
    """Decide the state of each cell, so that every hidden small count keeps ``policy.span`` possible values.

    That holds for the public and for each institution, from all that is printed together, and is proved before this
    returns. ``unseen``: levels that nobody prints, though sums tell of them. Raises ``CannotProtect``. The same list
    gives the same states, however its rows were sorted.
    """
    past = history(cells, earlier)
    new = _without(cells, past.standing["cell"])
    told = set(past.told["cell"].to_list())
    if new.cells.is_empty():
        return _with_standing(
            new.cells.select("cell", "n", state=pl.lit(PRINTED)), cells, past, policy, frozenset(), ()
        )
    system = equations(new)
    what = sensitive(system, policy)
    small = (what.small() | what.benchmark)[system.unknown]
    states = new.cells.select("cell", "n", pl.Series("state", np.where(small, SMALL, PRINTED).tolist()))
    levels = report(states, policy, frozenset(), told).dense - unseen
    found = None
    while True:
        states, strained, found = _protect(new, system, what, policy, past, (levels, unseen), found)
        dense = report(states, policy, levels, told).dense - unseen
        if dense <= levels:
            break
        levels |= dense
    return _with_standing(states, cells, past, policy, levels, strained)


def _with_standing(
    states: pl.DataFrame,
    cells: CellList,
    past: History,
    policy: Policy,
    levels: frozenset[str],
    strained: tuple[str, ...],
) -> Protected:
    """The outcome, with the school years that stand as they were told."""
    stands = past.standing.join(cells.cells.select("cell", now="n"), on="cell", how="left").select(
        "cell",
        pl.col("n").fill_null(pl.col("now")).fill_null(0),
        pl.when(pl.col("n").is_not_null()).then(pl.lit(PRINTED)).otherwise(pl.lit(WITHHELD)).alias("state"),
    )
    whole = pl.concat([states, stands]).sort("cell")
    printed_before = past.told.filter(pl.col("told").is_not_null()).select("cell")
    changed = whole.join(printed_before, on="cell").filter(pl.col("state") != PRINTED)["cell"].to_list()
    told = set(past.told["cell"].to_list())
    return Protected(whole, report(whole, policy, levels, told, tuple(changed), strained))


def printed(protected: Protected) -> pl.DataFrame:
    """All that may leave: ``cell`` and ``n``, null where hidden, for whatever reason; sorted by ``cell``."""
    shown = pl.when(pl.col("state") == PRINTED).then(pl.col("n"))
    return protected.cells.select("cell", shown.alias("n"))


def _without(cells: CellList, gone: pl.Series) -> CellList:
    """The list without some cells, and without the sums that they are in."""
    if gone.is_empty():
        return cells
    left_out = gone.to_frame("cell")
    broken = cells.sums.join(left_out, on="cell").select("equation").unique()
    return CellList(
        cells.cells.join(left_out, on="cell", how="anti").sort("cell"),
        cells.sums.join(broken, on="equation", how="anti").sort("equation", pl.col("sign").neg(), "cell"),
        cells.own.join(left_out, on="cell", how="anti").sort("cell", "reader"),
    )


@dataclass(frozen=True)
class _Found:
    """What one round leaves to the next, in which more levels are withheld: all that is hidden, and why it may be."""

    hidden: npt.NDArray[np.bool_]
    alternatives: Alternatives


def _protect(
    cells: CellList,
    system: Equations,
    what: Sensitive,
    policy: Policy,
    past: History,
    not_shown: tuple[frozenset[str], frozenset[str]],
    found: _Found | None,
) -> tuple[pl.DataFrame, tuple[str, ...], _Found | None]:
    """``cell``, ``n``, ``state``; the cells that stay open only beyond the drift; and what the next round begins from.

    ``not_shown``: the levels that are withheld, and those that are unseen.

    Moves stay moves when more is hidden, so a round needn't find again what the one before found.
    """
    keys = cells.cells.select("cell", "n")
    small = what.small() | what.benchmark
    told = keys.select("cell").join(past.told.with_columns(known=True), on="cell", how="left", maintain_order="left")
    known = told["known"].fill_null(False).to_numpy()
    hidden_before = np.zeros(len(system.n), bool)
    hidden_before[system.unknown[known & told["told"].is_null().to_numpy()]] = True
    not_offered = np.zeros(len(system.n), bool)
    level = level_of(keys["cell"])
    withheld, unseen = (level.is_in(list(levels)).to_numpy() & ~known for levels in not_shown)
    not_offered[system.unknown[withheld]] = True
    # A figure that nobody prints may be one that is printed elsewhere.
    nowhere = ~np.isin(system.unknown, system.unknown[~unseen]) & unseen
    not_offered[system.unknown[nowhere]] = True
    out = withheld | nowhere
    printed_then = [(int(system.unknown[at]), n) for at, n in enumerate(told["told"].to_list()) if n is not None]
    true_then = keys.select("cell").join(past.then, on="cell", how="left", maintain_order="left")["n"].to_list()
    before = [*printed_then, *((int(system.unknown[at]), n) for at, n in enumerate(true_then) if n is not None)]
    hidden = small | hidden_before | not_offered
    bounds = _bounds(system, what, before, policy.drift)
    alternatives = Alternatives(system, what, bounds, policy.span) if found is None else found.alternatives
    begin = hidden if found is None else hidden | found.hidden
    work = Opening(system, alternatives, bounds, begin.tolist(), {place for place, _ in printed_then}, policy.span)
    strained = work.serve()
    work.reopen(np.flatnonzero(np.array(work.hidden) & ~hidden).tolist())
    if strained and (closed := work.serve_beyond(strained, _bounds(system, what, [], policy.drift))):
        raise CannotProtect(tuple(keys["cell"].filter(pl.Series(np.isin(system.unknown, closed)))))
    is_hidden = np.array(work.hidden)
    _prove(cells, system, alternatives, is_hidden)
    state = np.where(small, SMALL, np.where(hidden_before | is_hidden, SECONDARY, PRINTED))[system.unknown]
    state[out & (state != SMALL)] = WITHHELD
    where = np.isin(system.unknown, strained)
    stretched = tuple(keys["cell"].filter(pl.Series(where)))
    # Moves beyond the drift are for the strained alone: then the next round begins anew.
    return (
        keys.with_columns(pl.Series("state", state.tolist())),
        stretched,
        None if stretched else _Found(is_hidden, alternatives),
    )


def _bounds(system: Equations, what: Sensitive, before: Iterable[tuple[int, int]], drift: int) -> list[tuple[int, int]]:
    """What everybody knows of each figure if it is hidden: at least, at most. ``before``: unknowns, and what they were.

    A figure of which there was another before has moved at most ``drift``, a reader thinks: he knows that one, or ties
    to it what he knows of it. Where it moved further he is wrong, and thinks that it moved ``drift`` further at most.
    Cells that are one figure now may have been several: each binds it.
    """
    bounds = [(least, _UNBOUND) for least in what.floor.tolist()]
    for place, figure in before:
        count, (least, most) = int(system.n[place]), bounds[place]
        low = figure - drift if count >= figure - drift else count - drift
        high = figure + drift if count <= figure + drift else count + drift
        bounds[place] = max(least, low), min(most, high)
    return bounds


def _prove(
    cells: CellList,
    system: Equations,
    alternatives: Alternatives,
    hidden: npt.NDArray[np.bool_],
) -> None:
    """Hold every alternative table against the sums of the list itself. Raises ``ProofBroken``.

    Each must add up, touch nothing that is printed, and keep every small figure open to every reader.
    """
    moves = alternatives.living()
    of = [number for number, move in enumerate(moves) for _ in move.by]
    places = [place for move in moves for place in move.by]
    steps = [step for move in moves for step in move.by.values()]
    shape = (len(moves), len(system.n))
    unknowns = csr_array((np.array(steps, np.int64), (np.array(of, np.int64), np.array(places, np.int64))), shape=shape)
    each = cells.sums.join(cells.cells.select("cell").with_row_index("at"), on="cell")
    count = cells.cells.height
    rows = int(cells.sums["equation"].max() or 0) + 1 if cells.sums.height else 0  # type: ignore[arg-type]
    entries = (each["sign"].to_numpy().astype(np.int64), (each["equation"].to_numpy(), each["at"].to_numpy()))
    sums = csr_array(entries, shape=(rows, count))
    spread = csr_array((np.ones(count, np.int64), (system.unknown, np.arange(count))), shape=(len(system.n), count))
    sound = not np.abs((unknowns @ spread) @ sums.T).sum() and hidden[places].all()
    closed = [place for place in alternatives.through if not alternatives.is_open(place)]
    if not sound or closed:
        raise ProofBroken(
            "An alternative table doesn't fit what would be printed." if not sound else "A small count isn't open.",
            "Nothing is published. This is a fault in rod_pipeline/disclosure: report it with the seed of the list.",
        )
