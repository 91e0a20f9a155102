"""Which tables are published: selections of cells.

Belongs here: naming a table, and taking it from what is printed. Does not belong here: counting (``cells``) and hiding
(``protect``).
"""

import re
from dataclasses import dataclass

import polars as pl

from rod_pipeline.errors import PermanentError

UNKNOWN = "onbekend"
"""The code of what isn't known."""


class TableUnfit(PermanentError):
    """A table asks for what the leaves can't give."""

    code = "ROD-DISCLOSURE-02"


@dataclass(frozen=True)
class Table:
    """One published table: the cells of ``measure`` named by the columns ``by``; over all other columns it is a total.

    ``outcome`` is the column among ``by`` whose two sides are an outcome, such as a diploma or none: 0 counts as small
    there.
    """

    name: str
    measure: str
    by: tuple[str, ...]
    outcome: str | None = None

    def __post_init__(self) -> None:
        if self.outcome is not None and self.outcome not in self.by:
            raise TableUnfit(
                f"The outcome {self.outcome} of table {self.name} isn't one of its columns.", "Add it to `by`."
            )


def table_of(printed: pl.DataFrame, table: Table) -> pl.DataFrame:
    """A table from what may leave: ``table.by``, ``n`` (null where hidden), ``afgeschermd``; sorted by ``table.by``.

    ``printed`` has the columns ``cell`` and ``n``. Cells that aren't there are zero.
    """
    columns = sorted(table.by)
    pattern = "".join(["^", re.escape(table.measure), *(rf"\|{re.escape(c)}=([^|]*)" for c in columns), "$"])
    codes = [pl.col("cell").str.extract(pattern, group + 1).alias(c) for group, c in enumerate(columns)]
    return (
        printed.filter(pl.col("cell").str.contains(pattern))
        .select(*codes, "n", pl.col("n").is_null().alias("afgeschermd"))
        .select(*table.by, "n", "afgeschermd")
        .sort(table.by)
    )
