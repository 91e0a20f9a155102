"""What each reader can work out of a publication.

Belongs here: ``attack``, from the tables of a publication to an interval per reader and hidden cell. Does not belong
here: which of these are failures (``audit``). Own mathematics and own code beside the part that protects; the way is
the audit of the Handbook on SDC (2nd ed., 4.3.4), with bounds in whole numbers, zeros that are known, and readers who
know their own students.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import polars as pl

from rod_pipeline.disclosure.attack.attacker import Attacker, Seen
from rod_pipeline.disclosure.attack.programs import Solver, fit
from rod_pipeline.disclosure.attack.system import DRIFT, UNBOUNDED, system

SCHEMA = {
    "reader": pl.String,
    "release": pl.String,
    "cell": pl.String,
    "low": pl.Int64,
    "high": pl.Int64,
    "settled": pl.Boolean,
}


def attack(
    printed: pl.DataFrame,
    sums: pl.DataFrame,
    own: pl.DataFrame,
    readers: Sequence[str | None],
    earlier: pl.DataFrame | None = None,
    drift: int = DRIFT,
    outcomes: Collection[str] = (),
    enough: int | None = 4,
) -> pl.DataFrame:
    """The whole values that each hidden cell can have, for each reader (null: the public) and ``release`` ("": now).

    ``printed``: cell, n (null: hidden). ``sums``: equation, cell, sign. ``own``: cell, reader, n. ``earlier``: release,
    cell, n (null: hidden) of what was published before under the same definition, or elsewhere; perhaps with a column
    ``drift`` of its own. ``sums`` and ``own`` may have a column ``release`` to speak of those. ``outcomes``: dimensions
    of which a side may be 0 although it is hidden.

    Every hidden cell has a row for the public; for an institution only what it can narrow further. ``low`` and
    ``high`` are exact where fewer than ``enough`` values are possible and everywhere when it is None; elsewhere the
    values between them are not excluded, and at least ``enough`` are possible. ``high`` is null where there is no end.
    ``settled`` is false where that could not be decided. Raises ``DoesNotAddUp`` when no table fits.
    """
    public = system(printed, sums, earlier, drift, outcomes)
    solver = Solver()
    start = fit(public, public.bounds, np.zeros(public.unknowns, dtype=np.int64), solver)
    attacker = Attacker(public, start, own, enough, solver)
    results = [pl.DataFrame(schema=SCHEMA)]
    everybody: Seen | None = None
    for reader in sorted(readers, key=lambda one: one or ""):
        seen = attacker.look(reader, np.arange(public.hidden))
        low, high, settled = seen.bounds.low, seen.bounds.high, seen.settled
        shown = np.ones(public.hidden, dtype=np.bool_)
        if reader is None:
            everybody = seen
        elif everybody is not None:
            narrower = (low > everybody.bounds.low) | (high < everybody.bounds.high)
            shown = narrower | (everybody.settled & ~settled)
        results.append(
            public.cells.with_columns(reader=pl.lit(reader, pl.String), low=low, high=high, settled=settled)
            .filter(shown)
            .with_columns(high=pl.when(pl.col("high") < UNBOUNDED // 2).then(pl.col("high")))
            .select(*SCHEMA)
        )
    return pl.concat(results)
