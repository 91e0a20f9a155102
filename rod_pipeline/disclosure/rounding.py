"""Small count rounding: the other way to protect, for cubes that are filtered freely.

Belongs here: rounding the finest cells of a cube. Does not belong here: suppression (``protect``); no figure is given
both ways, for the exact figure of one would undo the other.

Every finest cell of 1 to ``base - 1`` becomes 0 or ``base``, all others stay: so every sum over any filter is 0 or at
least ``base``, and whatever is added up adds up (Langsrud and Heldal, SmallCountRounding). Which become ``base`` is
chosen one by one, so that the margins of one and two columns stay near what they were. The totals are not those of the
delivery.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl
from scipy.sparse import csr_array, vstack

from rod_pipeline.disclosure.policy import Policy
from rod_pipeline.disclosure.tables import UNKNOWN, Table
from rod_pipeline.errors import PermanentError


class BothWays(PermanentError):
    """A measure was asked for rounded while its exact figures are published."""

    code = "ROD-DISCLOSURE-05"


def rounded(
    measure: str, leaves: pl.DataFrame, by: Sequence[str], policy: Policy, exact: Sequence[Table]
) -> pl.DataFrame:
    """The cube of ``measure`` by ``by``: ``by`` and ``n``, without empty cells, sorted by ``by``.

    ``exact`` are the tables published by suppression. Raises ``BothWays`` when one of them is of the same measure.
    """
    if both := sorted(table.name for table in exact if table.measure == measure):
        raise BothWays(
            f"The exact figures of {measure} are published in {', '.join(both)}.",
            "Give it one way: leave those tables out, or the cube.",
        )
    cube = leaves.group_by(pl.col(by).fill_null(UNKNOWN)).agg(pl.col("n").sum()).sort(by)
    small = (pl.col("n") > 0) & (pl.col("n") < policy.threshold)
    inner = cube.filter(small)
    up = _chosen(inner, by, policy.threshold)
    raised = inner.with_columns(n=pl.Series(np.where(up, policy.threshold, 0)))
    return pl.concat([cube.filter(~small), raised]).filter(pl.col("n") > 0).sort(by)


def _chosen(inner: pl.DataFrame, by: Sequence[str], base: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which small cells become ``base``: as many as the sum of all asks for, each time the one that mends most."""
    up = np.zeros(inner.height, bool)
    if not inner.height:
        return up
    margins = [way for size in (1, 2) for way in combinations(by, size)]
    member = vstack([_margin(inner, way) for way in margins], format="csr")
    cells = member.T.tocsr()
    n = inner["n"].to_numpy()
    # What raising a cell adds to the squares of the deviations, but for a constant: the sum over its margins.
    gain = (cells @ -(member @ n)).astype(np.float64)
    for _ in range(round(int(n.sum()) / base)):
        chosen = int(np.argmin(gain))
        up[chosen], gain[chosen] = True, np.inf
        rows = cells.indices[cells.indptr[chosen] : cells.indptr[chosen + 1]]
        for row in rows:
            gain[member.indices[member.indptr[row] : member.indptr[row + 1]]] += base
    return up


def _margin(inner: pl.DataFrame, way: Sequence[str]) -> csr_array:
    group = inner.select(pl.struct(way).rank("dense")).to_series().to_numpy().astype(np.int64) - 1
    one = np.ones(len(group), np.int64)
    return csr_array((one, (group, np.arange(len(group)))), shape=(int(group.max()) + 1, len(group)))
