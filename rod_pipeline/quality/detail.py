"""Where a broken rule is broken, as far as that may be told.

Belongs here: for the rules that were found broken, the first rows, the institutions and the codes of a closed list, in
one more pass over the columns that these rules look at. Does not belong here: whether a rule is broken (``counting``).

Any breakdown of "n of N rows break rule R" obeys the floor of five (DESIGN 14.10): no count below five is told, and
none can be worked out, since what is left over beside the counts that are told is nothing, or five or more. A value is
told only when it is a BRIN by its form, or looks like a code of the closed list that it isn't on: anything else in
those columns could be anything, a person's name too.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

import polars as pl

from rod_pipeline.contracts.codes import FLOOR, looks_like, under_the_floor
from rod_pipeline.contracts.model import Contract
from rod_pipeline.quality.checks import Check, Deviating, NotIn, Repeated
from rod_pipeline.quality.counting import LookingUp, Table, by_columns, told_without_data
from rod_pipeline.quality.report import Detail

INSTITUTION = "instellingscode"
_BRIN = r"^[0-9]{2}[A-Z]{2}$"
_FIRST = 5
_BATCH = 100_000


def details(
    frame: pl.LazyFrame, contract: Contract, broken: Iterable[Check], closed: Collection[Check] = ()
) -> Mapping[Check, Detail]:
    """Where each of the ``broken`` checks finds its rows.

    ``frame`` is as in ``counting.count``; rows are numbered by its ``_row``, or not told when it has none. ``closed``
    are those checks whose list is a closed one, so that a code beside it may be told. Raises ``CheckImpossible``.
    """
    checks = list(dict.fromkeys(broken))
    found = {check: _Found() for check in checks}
    with told_without_data(contract):
        table = Table(frame, contract)
        for some, rows in _rows_of(table, checks):
            for batch in rows.collect_batches(chunk_size=_BATCH, engine="streaming"):
                for at, check in enumerate(some):
                    found[check].add(batch.filter(pl.col(f"__breaks{at}")))
        return {
            check: found[check].told(_codes(table, check) if check in closed and isinstance(check, NotIn) else {})
            for check in checks
        }


class _Found:
    """What is known so far of the rows that break a rule."""

    def __init__(self) -> None:
        self._first: list[int] = []
        self._places: Counter[str] = Counter()
        self._total = 0

    def add(self, rows: pl.DataFrame) -> None:
        self._total += rows.height
        self._first = sorted([*self._first, *rows["__row"].drop_nulls().bottom_k(_FIRST)])[:_FIRST]
        places = rows["__place"].drop_nulls().value_counts(name="__times")
        self._places.update(dict(places.iter_rows()))

    def told(self, codes: Mapping[str, int]) -> Detail:
        institutions, elsewhere = under_the_floor(self._places, self._total)
        return Detail(
            first_rows=tuple(self._first),
            institutions=institutions,
            elsewhere=elsewhere,
            codes=under_the_floor(codes, self._total)[0],
        )


def _rows_of(table: Table, checks: list[Check]) -> Iterator[tuple[list[Check], pl.LazyFrame]]:
    """The rows that checks look at: number (``__row``), BRIN (``__place``), and for each check ``__breaks<n>``."""
    names = table.frame.collect_schema().names()
    row = pl.col("_row").cast(pl.Int64) if "_row" in names else pl.lit(None, pl.Int64)
    place = pl.lit(None, pl.String)
    if INSTITUTION in names:
        place = pl.when(pl.col(INSTITUTION).str.contains(_BRIN)).then(pl.col(INSTITUTION))
    keep = (row.alias("__row"), place.alias("__place"))
    grouped = [check for check in checks if isinstance(check, Repeated | Deviating)]
    for check in grouped:
        rows = table.sharing(check, *keep) if isinstance(check, Repeated) else table.deviating(check, *keep)
        yield [check], rows.select("__row", "__place", pl.lit(True).alias("__breaks0"))
    for some in by_columns(check for check in checks if check not in grouped):
        read = LookingUp(table)
        breaks = [read.finds(check).alias(f"__breaks{at}") for at, check in enumerate(some)]
        yield some, read.prepared(table.frame, *keep).select("__row", "__place", *breaks)


def _codes(table: Table, check: NotIn) -> Mapping[str, int]:
    """The values that are none of a closed list, as far as they look like codes of it, and their rows."""
    read = LookingUp(table)
    broken = read.finds(check)
    rows = read.prepared(table.frame).filter(broken).group_by(check.column).agg(pl.len())
    return {
        code: times
        for code, times in rows.collect(engine="streaming").iter_rows()
        if times >= FLOOR and looks_like(code, check.values)
    }
