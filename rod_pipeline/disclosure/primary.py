"""Which figures tell of persons by themselves, and to whom.

Belongs here: the primary rules. Does not belong here: what has to be hidden besides (``protect``).

A figure is looked at as each reader sees it: an institution takes its own students off it and is left with those of
others (Handbook on SDC: the respondent as intruder). The rules are in ``policy.toml``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rod_pipeline.disclosure.equations import NOBODY, Equations, Ints
from rod_pipeline.disclosure.policy import Policy


@dataclass(frozen=True)
class Sensitive:
    """What has to stay unknown. Per unknown: ``to_all``: to the public, and to each reader without students in it, or
    in its group; ``to``: to these readers besides. ``benchmark``: a total over too few institutions, which isn't
    printed but may be derived. ``floor`` is what everybody knows to be the least that a hidden figure can be.
    """

    to_all: npt.NDArray[np.bool_]
    to: list[tuple[int, ...]]
    excused: list[frozenset[int]]
    benchmark: npt.NDArray[np.bool_]
    floor: Ints

    def small(self) -> npt.NDArray[np.bool_]:
        """The unknowns that are sensitive to anybody."""
        some: npt.NDArray[np.bool_] = np.fromiter((bool(readers) for readers in self.to), bool, len(self.to))
        return self.to_all | some


def sensitive(system: Equations, policy: Policy) -> Sensitive:
    """Apply the primary rules to each unknown.

    ``excused`` are the readers who know a figure that is sensitive to all, for nobody else is in it. A hidden figure is
    at least one, for zeros are printed; but of an outcome, zero may be hidden too.
    """
    n, group = system.n, system.group
    outcome = group != NOBODY
    whole = np.where(outcome, n[group], 0)
    # Nobody of nobody is no secret.
    tiny = outcome & (whole > 0) & (whole < policy.outcome_group)
    to_all = ((n > 0) | tiny) & (n < policy.threshold)
    to: list[tuple[int, ...]] = []
    excused: list[frozenset[int]] = []
    for place, (count, is_outcome) in enumerate(zip(n.tolist(), outcome.tolist(), strict=True)):
        own = system.own[place]
        in_group = system.own[group[place]] if is_outcome else own
        told, known = [], []
        for reader, known_group in in_group.items():
            others, group_others = count - own.get(reader, 0), int(whole[place]) - known_group
            least = 0 if is_outcome and 0 < group_others < policy.outcome_group else 1
            if least <= others < policy.threshold:
                told.append(reader)
            else:
                known.append(reader)
        to.append(tuple(sorted(told)))
        excused.append(frozenset(known) if to_all[place] else frozenset())
    return Sensitive(
        to_all=to_all,
        to=to,
        excused=excused,
        benchmark=_benchmark(system, policy),
        floor=np.where(outcome, 0, 1).astype(np.int64),
    )


def _benchmark(system: Equations, policy: Policy) -> npt.NDArray[np.bool_]:
    """Totals over too few institutions, unless those institutions' own figures are in the list and add up to it."""
    figures = system.names_one.copy()
    above = [
        (totals[0], [m for m in members if m != totals[0]])
        for members, factors in system.rows
        if len(totals := [m for m, factor in zip(members, factors, strict=True) if factor > 0]) == 1
    ]
    before = -1
    while before != (before := int(figures.sum())):
        for total, parts in above:
            if not figures[total] and figures[parts].all():
                figures[total] = True
    in_group = np.where(system.group != NOBODY, system.institutions[system.group], system.institutions)
    return np.logical_and(in_group < policy.min_institutions, ~figures)
