"""Counting the rows that break a rule, in few vectorised passes over a lossless table of text.

Belongs here: answering many checks at once with counts alone. Does not belong here: what may be asked (``checks``), the
expression of a check (``breaking``), which rows they are (``detail``).

A check about one column is asked of that column's *distinct values* and weighted by how often each occurs: a regular
expression runs a few thousand times, not millions. Parquet is columnar, so a column is read once, alone, in bounded
memory. So are checks that compare columns, where few values occur together. What spans columns otherwise, or a column
whose values hardly repeat, is answered in streaming passes over the rows; what it has to read or match there is looked
up among the distinct values. Rows that have a key in common are sought among the hashes of all keys first: what is left
is compared as text, so that the answer rests on no hash. No value of the data leaves this module, in an answer or in an
error.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import reduce
from math import prod
from operator import xor
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from rod_pipeline.contracts.model import Column, ColumnType, Contract
from rod_pipeline.quality.breaking import Reading, column_of, impossible, stands_for
from rod_pipeline.quality.checks import (
    Apart,
    Check,
    Compare,
    Condition,
    Deviating,
    NotAfter,
    NotMatching,
    NotValidInYear,
    OneColumn,
    Outside,
    OutsideSeason,
    PairNotIn,
    Repeated,
    Rows,
    Unreadable,
    columns_of,
)

_T = TypeVar("_T", bound=Check | Compare)
_Compared = Apart | NotAfter | NotValidInYear | OutsideSeason | PairNotIn
"""Checks that read or look up each of several columns."""
_COMBINATIONS = 1 << 20
"""Columns are grouped together only when at most so many combinations are possible: that bounds memory."""
_KEPT = 1 << 16
"""So many combinations are kept, for questions about fewer of their columns."""
_ROWS = "__rows"
_NOT_THERE = "names a column that the table does not have"
_AT_ONCE = 8
_PLACE_BITS = 16
_BATCH = 1 << 18


def count(frame: pl.LazyFrame, contract: Contract, checks: Iterable[Check]) -> Mapping[Check, int]:
    """How many rows of ``frame`` each check finds.

    ``frame`` holds the contract's columns as String under their technical names, one row per record. Raises
    ``CheckImpossible``, which quotes rules and never data.
    """
    table = Table(frame, contract)
    distinct: dict[tuple[str, ...], list[Check]] = defaultdict(list)
    by_row: list[Check] = []
    deviating: dict[tuple[tuple[str, ...], Condition | None], list[Deviating]] = defaultdict(list)
    unconditional: dict[Check, Check] = {}
    asked_for = dict.fromkeys(checks)
    there = frame.collect_schema().names()
    for name in {name: None for check in asked_for for name in columns_of(check)}:
        if column_of(contract, name).name not in there:
            raise impossible(contract, _NOT_THERE)
    answers: dict[Check, int] = {}
    with told_without_data(contract):
        # The widest groups first: what occurs together tells what occurs alone.
        for check in asked_for:
            if isinstance(check, Deviating):
                deviating[check.within, check.where].append(check)
        for alike in sorted(deviating.values(), key=len, reverse=True):
            answers |= table.beside_most(alike)
        for check in asked_for:
            if check in answers or check == Rows():
                continue
            if isinstance(check, Repeated):
                answers[check] = table.repeated(check)
            elif table.is_told_by_values(check):
                distinct[tuple(sorted(set(columns_of(check))))].append(check)
            elif isinstance(check, OneColumn) and table.repeats(check.column):
                # Most rules hold everywhere: then no row has to be asked whether it meets the condition.
                unconditional[check] = replace(check, where=None)
                distinct[check.column,].append(unconditional[check])
            else:
                by_row.append(check)
        if Rows() in asked_for:
            answers[Rows()] = table.rows()
        for names in sorted(distinct, key=len, reverse=True):
            answers |= table.over_distinct(names, distinct[names])
        answers |= {check: 0 for check, anywhere in unconditional.items() if not answers[anywhere]}
        answers |= table.over_rows([*by_row, *(check for check in unconditional if check not in answers)])
    return {check: answers[check] for check in asked_for}


@contextmanager
def told_without_data(contract: Contract) -> Iterator[None]:
    """Errors of Polars as ``CheckImpossible``: their own text may quote a value, so the kind alone is told."""
    try:
        yield
    except pl.exceptions.ColumnNotFoundError:
        raise impossible(contract, _NOT_THERE) from None
    except pl.exceptions.PolarsError:
        raise impossible(contract, "could not be computed") from None


class Table:
    """A table of text and what was already learnt about it."""

    def __init__(self, frame: pl.LazyFrame, contract: Contract) -> None:
        self.frame = frame
        self.contract = contract
        self._distinct: dict[tuple[str, ...], pl.DataFrame] = {}
        self._empty: dict[str, bool] = {}

    def repeats(self, name: str) -> bool:
        """Whether distinct values are few beside rows; pseudonyms hardly repeat, so grouping them saves nothing."""
        return column_of(self.contract, name).type is not ColumnType.PSEUDONYM

    def is_told_by_values(self, check: Check) -> bool:
        """Whether a check is best asked of the distinct values of its columns, or of what occurs together."""
        names = set(columns_of(check))
        if not all(map(self.repeats, names)):
            return False
        if isinstance(check, _Compared):
            return prod(self.distinct(name).height for name in names) <= _COMBINATIONS
        return isinstance(check, OneColumn) and check.where is None

    def distinct(self, *names: str) -> pl.DataFrame:
        """The distinct values of a column, or of columns together, with how often each occurs (``__rows``)."""
        wanted = tuple(sorted(names))
        if wanted in self._distinct:
            return self._distinct[wanted]
        wider = [known for of, known in self._distinct.items() if set(wanted) < set(of)]
        if wider:
            found = min(wider, key=len).group_by(wanted).agg(pl.col(_ROWS).sum())
        else:
            found = self.frame.group_by(wanted).agg(pl.len().cast(pl.Int64).alias(_ROWS)).collect(engine="streaming")
        if len(wanted) == 1 or found.height <= _KEPT:
            self._distinct[wanted] = found
        return found

    def has_empty(self, name: str) -> bool:
        """Whether a column holds empty text somewhere."""
        if name not in self._empty:
            self._empty[name] = "" in self.distinct(name)[name]
        return self._empty[name]

    def over_distinct(self, names: tuple[str, ...], checks: list[Check]) -> dict[Check, int]:
        """Checks about the same columns, asked of their distinct values."""
        read = Reading(self.contract)
        weighed = [
            (read.finds(check).cast(pl.Int64) * pl.col(_ROWS)).sum().alias(str(at)) for at, check in enumerate(checks)
        ]
        values = read.prepared(self.distinct(*names).lazy(), pl.col(_ROWS))
        return _answers(checks, values.select(weighed).collect())

    def over_rows(self, checks: list[Check]) -> dict[Check, int]:
        """Checks about any columns, asked of every row; in passes over few columns each, which bounds memory."""
        answers: dict[Check, int] = {}
        for some in by_columns(checks):
            read = LookingUp(self)
            sums = [read.finds(check).sum().alias(str(at)) for at, check in enumerate(some)]
            answers |= _answers(some, read.prepared(self.frame).select(sums).collect(engine="streaming"))
        return answers

    def rows(self) -> int:
        """How many rows there are."""
        return int(self.frame.select(pl.len()).collect(engine="streaming").item())

    def repeated(self, check: Repeated) -> int:
        """How many rows share their key with another one."""
        suspects = self._suspects(check)
        if suspects is None:
            return 0
        groups = suspects.group_by(check.columns).agg(pl.len().alias(_ROWS)).filter(pl.col(_ROWS) > 1)
        return int(groups.select(pl.col(_ROWS).sum()).collect(engine="streaming").item() or 0)

    def sharing(self, check: Repeated, *keep: pl.Expr) -> pl.LazyFrame:
        """The rows that share their key with another one, with ``keep``."""
        suspects = self._suspects(check, *keep)
        if suspects is None:
            return self.frame.select(*keep).clear()
        return suspects.filter(pl.len().over(check.columns) > 1)

    def _suspects(self, check: Repeated, *keep: pl.Expr) -> pl.LazyFrame | None:
        """The rows whose key has a hash that other rows have too; whether the key is the same is told by its text."""
        read = LookingUp(self)
        keys = [read.text(name) for name in check.columns]
        considered = read.holds(check.where) & pl.any_horizontal(key.is_not_null() for key in keys)
        rows = read.prepared(self.frame, *keep).filter(considered).with_columns(_hash(keys).alias("__hash"))
        twice = _beside(self._ordered(rows.select("__hash")), lambda apart: apart == 0)
        return rows.filter(pl.col("__hash").is_in(twice.implode())) if len(twice) else None

    def beside_most(self, checks: list[Deviating]) -> dict[Check, int]:
        """Checks with the same ``within`` and condition: one pass over the rows, to the few combinations there are."""
        within = list(checks[0].within)
        found = self._combined(checks)
        answers: dict[Check, int] = {}
        for check in checks:
            each = found.drop_nulls(check.column).group_by(*within, check.column).agg(pl.col(_ROWS).sum())
            beside = each.group_by(within).agg(pl.col(_ROWS).sum() - pl.col(_ROWS).max())
            answers[check] = int(beside[_ROWS].sum())
        return answers

    def deviating(self, check: Deviating, *keep: pl.Expr) -> pl.LazyFrame:
        """The rows with another value than most rows of their group have, with ``keep``."""
        most = (
            self._combined([check])
            .drop_nulls(check.column)
            .sort(_ROWS, check.column, descending=[True, False])
            .group_by(check.within, maintain_order=True)
            .agg(pl.col(check.column).first().alias("__most"))
        )
        rows = self._within([check], self.frame, *keep).filter(pl.col(check.column).is_not_null())
        joined = rows.join(most.lazy(), on=list(check.within), how="inner", maintain_order="left")
        return joined.filter(pl.col(check.column) != pl.col("__most"))

    def _combined(self, checks: list[Deviating]) -> pl.DataFrame:
        """How often each combination of the columns occurs; groups without two values of one may be left out."""
        names = list(dict.fromkeys([*checks[0].within, *(check.column for check in checks)]))
        if all(map(self.repeats, names)) and set(columns_of(checks[0].where)) <= set(names):
            rows, weight = self._within(checks, self.distinct(*names).lazy(), pl.col(_ROWS)), pl.col(_ROWS).sum()
        else:
            rows, weight = self._within(checks, self.frame), pl.len().cast(pl.Int64).alias(_ROWS)
            if all(self.repeats(check.column) for check in checks):
                rows = self._differing(rows, checks)
        return rows.group_by(names).agg(weight).collect(engine="streaming")

    def _differing(self, rows: pl.LazyFrame, checks: list[Deviating]) -> pl.LazyFrame:
        """Of the rows those under whose hash of ``within`` more than one combination of values occurs.

        A million pseudonyms are sorted as hashes in a fraction of the time that they are grouped in as text. Values are
        told apart by their places among the distinct ones, never by a hash, so every row that deviates is among these.
        """
        place, combinations = pl.lit(0, pl.UInt64), 1
        for check in checks:
            values = self.distinct(check.column)[check.column].drop_nulls()
            places = pl.Series(range(1, len(values) + 1), dtype=pl.UInt64)
            at = stands_for(pl.col(check.column), values, places).fill_null(0)
            place, combinations = place + at * combinations, combinations * (len(values) + 1)
        if combinations > 1 << _PLACE_BITS:
            return rows
        hashed = _hash([pl.col(name) for name in checks[0].within]) & pl.lit((1 << 64 - _PLACE_BITS) - 1, pl.UInt64)
        paired = (hashed * pl.lit(1 << _PLACE_BITS, pl.UInt64) + place).alias("__pair")
        differing = _beside(self._ordered(rows.select(paired)), lambda apart: (apart > 0) & (apart >> _PLACE_BITS == 0))
        return rows.filter(hashed.is_in((differing // (1 << _PLACE_BITS)).implode()))

    def _ordered(self, numbers: pl.LazyFrame) -> npt.NDArray[np.uint64]:
        """A column of numbers of 64 bits in order. It is held once: at ten million rows every copy is 80 MB."""
        found, filled = np.empty(self.rows(), np.uint64), 0
        for batch in numbers.collect_batches(chunk_size=_BATCH, maintain_order=False, engine="streaming"):
            found[filled : filled + batch.height] = batch.to_series().to_numpy()
            filled += batch.height
        found = found[:filled]
        found.sort()
        return found

    def _within(self, checks: list[Deviating], frame: pl.LazyFrame, *keep: pl.Expr) -> pl.LazyFrame:
        """The rows of ``frame`` that checks with the same ``within`` and condition look at."""
        read = LookingUp(self)
        filled = pl.all_horizontal(read.text(name).is_not_null() for name in checks[0].within)
        considered = read.holds(checks[0].where) & filled
        for check in checks:
            read.text(check.column)
        return read.prepared(frame, *keep).filter(considered)


class LookingUp(Reading):
    """Checks over rows, with what has to be read or matched looked up among the distinct values of a column."""

    def __init__(self, table: Table) -> None:
        super().__init__(table.contract)
        self._table = table

    def breaks(self, check: Check) -> pl.Expr:
        if isinstance(check, Unreadable | NotMatching | Outside) and self._table.repeats(check.column):
            return self._one_of(check.column, check, Reading.breaks)
        return super().breaks(check)

    def compares(self, condition: Compare) -> pl.Expr:
        if condition.operator in ("<", "<=", ">", ">=") and self._table.repeats(condition.column):
            return self._one_of(condition.column, condition, Reading.compares)
        return super().compares(condition)

    def _one_of(self, name: str, asked: _T, expression: Callable[[Reading, _T], pl.Expr]) -> pl.Expr:
        """Whether the text is one of those for which the expression is true."""
        read = Reading(self.contract)
        true = expression(read, asked)
        found = read.prepared(self._table.distinct(name).lazy()).filter(true).select(name).collect()[name]
        return self._share(1, asked, self.text(name).is_in(found.implode()))

    def text(self, name: str) -> pl.Expr:
        column = self._column(name)
        if self._table.repeats(name) and not self._table.has_empty(name):
            return self._share(0, name, pl.col(column.name))
        return super().text(name)

    def _key(self, column: Column) -> pl.Expr:
        return self._looked_up(column, super()._key(column))

    def _year(self, column: Column) -> pl.Expr:
        return self._looked_up(column, super()._year(column))

    def _looked_up(self, column: Column, read: pl.Expr) -> pl.Expr:
        if not self._table.repeats(column.name):
            return read
        known = self._table.distinct(column.name).select(pl.col(column.name), read.alias("__read")).drop_nulls()
        return stands_for(pl.col(column.name), known[column.name], known["__read"])


def _hash(keys: Sequence[pl.Expr]) -> pl.Expr:
    return reduce(xor, (key.hash(seed) for seed, key in enumerate(keys)))


def _beside(
    ordered: npt.NDArray[np.uint64], wanted: Callable[[npt.NDArray[np.uint64]], npt.NDArray[np.bool_]]
) -> pl.Series:
    """The numbers that differ from the one before them as ``wanted`` says of the xor of the two."""
    found = [np.zeros(0, np.uint64)]
    for start in range(1, len(ordered), _BATCH):
        these = ordered[start : start + _BATCH]
        found.append(these[wanted(these ^ ordered[start - 1 : start - 1 + len(these)])])
    return pl.Series(np.concatenate(found))


def by_columns(checks: Iterable[Check]) -> Iterator[list[Check]]:
    """Checks that look at the same columns together, about ``_AT_ONCE`` columns at a time: that bounds memory."""
    some: list[Check] = []
    names: set[str] = set()
    for check in sorted(checks, key=lambda one: sorted(columns_of(one))):
        if some and len(names | set(columns_of(check))) > _AT_ONCE:
            yield some
            some, names = [], set()
        some.append(check)
        names |= set(columns_of(check))
    if some:
        yield some


def _answers(checks: list[Check], totals: pl.DataFrame) -> dict[Check, int]:
    return {check: int(total or 0) for check, total in zip(checks, totals.row(0), strict=True)}
