"""Checks and conditions as expressions over a table of text.

Belongs here: for every check about one row, the Polars expression that says whether the row breaks it. Does not belong
here: what may be asked (``checks``), how a text reads as a value (``values``), how often it is asked (``counting``).

Many rules look at the same few things: whether a column has a value, the date that it reads as, whether it is one of
some codes. Polars works such an expression out for each rule again. So a ``Reading`` gives each of them a column of its
own, which ``prepared`` adds to the table once.
"""

from collections.abc import Hashable
from functools import reduce

import polars as pl

from rod_pipeline.contracts.model import Column, ColumnType, Contract
from rod_pipeline.quality.checks import (
    Apart,
    Check,
    CheckImpossible,
    Compare,
    Condition,
    Deviating,
    Every,
    Missing,
    NotAfter,
    NotIn,
    NotMatching,
    NotValidInYear,
    Outside,
    OutsideSeason,
    PairNotIn,
    Present,
    Repeated,
    Rows,
    Some,
    Unequal,
    Unreadable,
)
from rod_pipeline.quality.values import latest, ordered, present, reads

_YEAR = r"^([0-9]{4})"
NUMBERS = (ColumnType.INTEGER, ColumnType.DECIMAL)


def impossible(contract: Contract, why: str) -> CheckImpossible:
    """The error for a rule that can't be asked of this table; ``why`` goes on after "A rule for <file>"."""
    return CheckImpossible(
        f"A rule for {contract.file} {why}.", "Hold the suite of this file against its contract, and mend the rule."
    )


def column_of(contract: Contract, name: str) -> Column:
    """The declared column of this name; raises ``CheckImpossible``."""
    try:
        return contract.column(name)
    except KeyError:
        raise impossible(contract, f"names the column {name!r}, which its contract does not declare") from None


def stands_for(text: pl.Expr, texts: pl.Series, meanings: pl.Series) -> pl.Expr:
    """What each text stands for; null for what is none of ``texts``.

    Polars holds a column whole to replace its values, gigabytes of it; piece by piece it takes no more than a piece.
    """
    return text.map_batches(
        lambda piece: piece.replace_strict(texts, meanings, default=None, return_dtype=meanings.dtype),
        return_dtype=meanings.dtype,
        is_elementwise=True,
    )


class Reading:
    """Checks and conditions as expressions over ``prepared`` of a table of text."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._shared: tuple[dict[Hashable, pl.Expr], dict[Hashable, pl.Expr]] = ({}, {})

    def prepared(self, frame: pl.LazyFrame, *keep: pl.Expr) -> pl.LazyFrame:
        """A table with the columns that the expressions given so far rest on, and with ``keep``."""
        texts, derived = (list(level.values()) for level in self._shared)
        return frame.select(*keep, *texts).with_columns(*derived)

    def finds(self, check: Check) -> pl.Expr:
        """Whether a row is one that the check counts: true or false, never null."""
        if isinstance(check, Rows):
            return self.holds(check.where)
        return (self.breaks(check) & self.holds(check.where)).fill_null(False)

    def breaks(self, check: Check) -> pl.Expr:
        """Whether a row breaks the rule, its condition left aside; null counts as no."""
        match check:
            case Missing(name):
                return self.text(name).is_null()
            case Unreadable(name):
                kind = self._column(name).type
                readable = reads(self.text(name), kind, self.contract.dialect)
                return self.text(name).is_not_null() & ~readable.fill_null(False)
            case NotIn(name, values, inside):
                found = self.is_in(name, values)
                return found if inside else ~found
            case NotMatching(name, pattern):
                return ~self.text(name).str.contains(pattern)
            case Outside(name, minimum, maximum):
                return _outside(self.key(name), minimum, maximum)
            case NotAfter(later, earlier, or_equal):
                upper, lower = self.key(later, at_latest=True), self.key(earlier)
                return upper < lower if or_equal else upper <= lower
            case Unequal(left, right):
                return self.text(left) != self.text(right)
            case PairNotIn(left, right, pairs):
                return self._pair_not_in(left, right, pairs)
            case NotValidInYear(name, year_column, valid):
                texts, first, last = (pl.Series(part) for part in zip(*valid, strict=True))
                since, until = (stands_for(self.text(name), texts, bounds.cast(pl.Int32)) for bounds in (first, last))
                return (self.year(year_column) < since) | (self.year(year_column) > until)
            case Apart(name, others, minimum, maximum):
                rest = reduce(lambda one, other: one - other, map(self.amount, (name, *others)))
                return _outside(rest, minimum, maximum)
            case OutsideSeason(name, year_column, opens, closes):
                begin = self.year(year_column) * 10_000
                early = self.key(name, at_latest=True) < begin + opens if opens is not None else pl.lit(False)
                late = self.key(name) > begin + closes if closes is not None else pl.lit(False)
                return early | late
            case Deviating() | Repeated() | Rows():
                raise AssertionError("not a question about one row")

    def holds(self, condition: Condition | None) -> pl.Expr:
        """Whether a row meets a condition: true or false, never null."""
        match condition:
            case None:
                return pl.lit(True)
            case Every(conditions):
                return reduce(lambda one, other: one & other, map(self.holds, conditions))
            case Some(conditions):
                return reduce(lambda one, other: one | other, map(self.holds, conditions))
            case Present(name, expected):
                return self.text(name).is_not_null() if expected else self.text(name).is_null()
            case Compare():
                return self.compares(condition).fill_null(False)

    def text(self, name: str) -> pl.Expr:
        """The text of a column; null where it has none."""
        column = self._column(name)
        return self._share(0, name, present(pl.col(column.name)))

    def key(self, name: str, *, at_latest: bool = False) -> pl.Expr:
        """The column as something with an order (``values.ordered``); of a partly unknown date the latest, if asked."""
        column = self._column(name)
        if column.type is not ColumnType.DATE and column.type not in NUMBERS:
            return self.text(name)
        self.text(name)
        key = self._share(1, (name, "key"), self._key(column))
        return latest(key) if at_latest and column.type is ColumnType.DATE else key

    def year(self, name: str) -> pl.Expr:
        """The year that a text begins with."""
        self.text(name)
        return self._share(1, (name, "year"), self._year(self._column(name)))

    def amount(self, name: str) -> pl.Expr:
        """The column as a number to reckon with (``Apart``)."""
        kind = self._column(name).type
        if kind in NUMBERS:
            return self.key(name)
        return self.key(name) // 10_000 if kind is ColumnType.DATE else self.year(name)

    def is_in(self, name: str, values: tuple[str | int | float, ...]) -> pl.Expr:
        """Membership of the text. Rules write booleans as J and N, whatever the dialect of the file."""
        texts = [written for value in values if (written := self._written(name, value)) is not None]
        text = self.text(name)
        found = text.is_in(texts) if texts else pl.when(text.is_not_null()).then(False)
        return self._share(1, (name, "in", tuple(texts)), found)

    def compares(self, condition: Compare) -> pl.Expr:
        """A comparison; null where there is nothing to compare."""
        name, values = condition.column, condition.values
        if condition.operator in ("==", "IN"):
            return self.is_in(name, values)
        if condition.operator in ("!=", "NOT_IN"):
            return ~self.is_in(name, values)
        key, (bound,) = self.key(name), values
        match condition.operator:
            case "<":
                return key < bound
            case "<=":
                return key <= bound
            case ">":
                return key > bound
        return key >= bound

    def _pair_not_in(self, left: str, right: str, pairs: tuple[tuple[str, str], ...]) -> pl.Expr:
        # The length of the first text tells where it ends, so that no two pairs are the same text.
        one, other = self.text(left), self.text(right)
        both = pl.concat_str(one.str.len_bytes().cast(pl.String), pl.lit(":"), one, other)
        allowed = []
        for pair in pairs:
            first, second = self._written(left, pair[0]), self._written(right, pair[1])
            if first is not None and second is not None:
                allowed.append(f"{len(first.encode())}:{first}{second}")
        return ~both.is_in(allowed) if allowed else both.is_not_null()

    def _written(self, name: str, value: str | int | float) -> str | None:
        """How a rule's value stands in this file; None where it can't."""
        if self._column(name).type is not ColumnType.BOOLEAN:
            return str(value)
        return dict(zip(("J", "N"), self.contract.dialect.booleans, strict=True)).get(str(value))

    def _key(self, column: Column) -> pl.Expr:
        return ordered(column, self.contract.dialect)

    def _year(self, column: Column) -> pl.Expr:
        return pl.col(column.name).str.extract(_YEAR).cast(pl.Int32)

    def _share(self, level: int, what: Hashable, expression: pl.Expr) -> pl.Expr:
        """The name under which ``prepared`` gives an expression: texts keep theirs, what rests on them gets one."""
        shared = self._shared[level]
        if what not in shared:
            name = str(what) if level == 0 else f"__{len(shared)}"
            shared[what] = expression.alias(name)
        return pl.col(shared[what].meta.output_name())

    def _column(self, name: str) -> Column:
        return column_of(self.contract, name)


def _outside(value: pl.Expr, minimum: float | None, maximum: float | None) -> pl.Expr:
    low = value < minimum if minimum is not None else pl.lit(False)
    return low | (value > maximum if maximum is not None else pl.lit(False))
