"""The audit of a publication: no count of one to four of others may be had from it, by any reader.

Belongs here: the outcome as a record, and what it is of. Does not belong here: which cells fail (``judging``),
reckoning intervals (``attacking``, ``search``), refusing what isn't clean (``publishing``).

A cell *fails* for a reader when the count of others in it, so without his own students, is small, and what he can work
out leaves fewer than ``span`` whole values for it: then it tells more than a sign for "fewer than five" would (besluit
55352791, voorschrift 3b: what leaves can't qualify as personal data). In a side of an outcome nobody is a small count
too, when the group of others is small: that all of a few did the same is a fact about each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import polars as pl

from rod_pipeline.disclosure.attack.attacker import Attacker
from rod_pipeline.disclosure.attack.judging import Judge, Smallness, begin, true_values
from rod_pipeline.disclosure.attack.programs import Solver
from rod_pipeline.disclosure.attack.system import DRIFT, DoesNotAddUp, floors, system

MODEL = 4
"""Version of the reader model of ``docs/explanation/attacker.md``; an audit by another model is no audit."""


@dataclass(frozen=True)
class Rules:
    """The numbers of the policy that an audit holds against; ``outcomes`` are dimensions, ``large`` is the size from
    which nobody on one side of an outcome is no small count, ``drift`` how far a reader thinks a count was revised."""

    threshold: int = 5
    span: int = 4
    large: int = 30
    drift: int = DRIFT
    outcomes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReaderAudit:
    """What one reader (null: the public) can work out. ``targets``: number of cells with a small count of others.
    ``exact``, ``narrow`` (fewer values than the span), ``unresolved`` (couldn't be decided): keys of failing cells, of
    an institution those that the public can't tell as well; a cell of an earlier release is ``release: cell``."""

    reader: str | None
    targets: int
    exact: tuple[str, ...] = ()
    narrow: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return not (self.exact or self.narrow or self.unresolved)


@dataclass(frozen=True)
class Audit:
    """The outcome, and what it is of. ``contradicts``: readers for whom no table fits, so that nothing is known of
    them. ``revised``: cells printed now and before whose figures differ by a small count: no failure, but told."""

    printed: str
    sums: str
    earlier: tuple[str, ...]
    rules: Rules
    readers: tuple[ReaderAudit, ...]
    contradicts: tuple[str, ...] = ()
    revised: tuple[str, ...] = ()
    model: int = MODEL

    @property
    def clean(self) -> bool:
        return not self.contradicts and all(reader.clean for reader in self.readers)

    def record(self) -> dict[str, object]:
        """As JSON: keys of cells and numbers of cells, no count of persons."""
        return {**asdict(self), "clean": self.clean}


def digest(table: pl.DataFrame) -> str:
    """SHA-256 over the rows of a table in one order: the same for the same content, however it is sorted."""
    columns = sorted(table.columns)
    lines = table.select(
        pl.concat_str([pl.col(name).cast(pl.String).fill_null("\x00") for name in columns], separator="\x1f").alias(
            "line"
        )
    )["line"].sort()
    told = hashlib.sha256("\x1f".join(columns).encode())
    for line in lines:
        told.update(b"\x1e" + line.encode())
    return told.hexdigest()


def audit(
    truth: pl.DataFrame,
    printed: pl.DataFrame,
    sums: pl.DataFrame,
    own: pl.DataFrame,
    readers: Sequence[str | None],
    rules: Rules,
    earlier: pl.DataFrame | None = None,
) -> Audit:
    """Look at a publication as each reader does. ``truth``: cell, n (and ``release`` for earlier ones, as far as
    known); the rest as for ``attack``. The public is always a reader.

    The truth says which cells are small, and is a table that fits to begin from; no reader is given it. Where it isn't
    known of an earlier release, every hidden cell there that could be small is taken to be.
    """
    told = Audit(
        printed=digest(printed),
        sums=digest(sums),
        earlier=() if earlier is None else tuple(sorted(earlier["release"].unique().to_list())),
        rules=rules,
        readers=(),
        revised=_revised(printed, earlier, rules),
    )
    small = Smallness(rules.threshold, rules.span, rules.large, rules.outcomes, rules.drift)
    try:
        public = system(printed, sums, earlier, rules.drift, rules.outcomes)
        known, solver = true_values(public, truth), Solver()
        public, start = begin(public, known, floors(public.cells, rules.outcomes), rules.drift, solver)
        attacker = Attacker(public, start, own, rules.span, solver)
    except DoesNotAddUp:
        return replace(told, contradicts=("public",))
    judge = Judge(public, truth, printed, own, small, attacker, earlier)
    results: list[ReaderAudit] = []
    contradicts: list[str] = []
    failing, open_to_all = np.zeros(public.hidden, dtype=np.bool_), frozenset[str]()
    for reader in [None, *sorted({reader for reader in readers if reader is not None})]:
        few = judge.few_others(reader)
        asked = judge.asked(reader, few)
        asked = asked[~failing[asked]]
        try:
            seen = attacker.look(reader, asked)
        except DoesNotAddUp:
            contradicts.append(str(reader))
            continue
        found = judge.judged(reader, few, asked, seen)
        cells = (tuple(sorted(keys - open_to_all)) for keys in (found.exact, found.narrow, found.unresolved))
        results.append(ReaderAudit(reader, int(few.sum()), *cells))
        if reader is None:
            failing, open_to_all = found.failing, found.exact
    return replace(told, readers=tuple(results), contradicts=tuple(contradicts))


def _revised(printed: pl.DataFrame, earlier: pl.DataFrame | None, rules: Rules) -> tuple[str, ...]:
    """The cells that are printed now and before, with figures that differ by a small count."""
    if earlier is None:
        return ()
    both = earlier.join(printed.select("cell", now="n"), on="cell").with_columns(by=(pl.col("now") - pl.col("n")).abs())
    return tuple(sorted(set(both.filter(pl.col("by").is_between(1, rules.threshold - 1))["cell"].to_list())))
