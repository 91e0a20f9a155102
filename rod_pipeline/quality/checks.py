"""Counting the rows that break a rule, in few vectorised passes over a lossless table of text.

Belongs here: the questions that can be asked of a table (a closed set of frozen *checks*) and answering many of them
at once with counts alone. Does not belong here: which rules a file has (``expectations``), Great Expectations
(``engine``).

A check about one column is asked of that column's *distinct values* and weighted by how often each occurs: a regular
expression runs a few thousand times, not millions. Parquet is columnar, so a column is read once, alone, in bounded
memory. What spans columns, or a column whose values hardly repeat, is answered in one streaming pass over the rows.
No value of the data ever leaves this module, in an answer or in an error.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import polars as pl

from rod_pipeline.contracts.model import Column, ColumnType, Contract
from rod_pipeline.errors import PermanentError
from rod_pipeline.quality.values import ordered, present, reads

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "IN", "NOT_IN"]

_YEAR = r"^([0-9]{4})"


class CheckImpossible(PermanentError):
    """A rule asks what this table cannot answer: an unknown column, or a pattern that is no regular expression."""

    code = "ROD-QUALITY-01"


@dataclass(frozen=True, slots=True)
class Compare:
    """Column against constants. ``<`` and its like compare by value: numbers, or dates given as ``yyyymmdd``."""

    column: str
    operator: Operator
    values: tuple[str | int | float, ...]


@dataclass(frozen=True, slots=True)
class Present:
    """Whether a column has a value."""

    column: str
    expected: bool = True


@dataclass(frozen=True, slots=True)
class Every:
    """All conditions hold."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one condition holds."""

    conditions: tuple["Condition", ...]


Condition = Compare | Present | Every | Some


@dataclass(frozen=True, slots=True)
class Missing:
    """Rows without a value in ``column``."""

    column: str
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Rows whose value does not read as the type that the contract declares, in its notation."""

    column: str
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class NotIn:
    """Rows whose value is not one of ``values`` (or, ``inside``, is one of them)."""

    column: str
    values: tuple[str, ...]
    inside: bool = False
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class NotMatching:
    """Rows whose value does not match ``pattern`` (a search: anchor it to mean the whole value)."""

    column: str
    pattern: str
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Outside:
    """Rows whose number lies outside ``minimum`` and ``maximum``; what does not read as a number isn't counted."""

    column: str
    minimum: float | None
    maximum: float | None
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class NotAfter:
    """Rows where ``later`` certainly lies before ``earlier`` (or on it, unless ``or_equal``), both having a value."""

    later: str
    earlier: str
    or_equal: bool = True
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Unequal:
    """Rows where two columns differ, both having a value."""

    left: str
    right: str
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class PairNotIn:
    """Rows where both columns have a value and the two together are none of ``pairs``."""

    left: str
    right: str
    pairs: tuple[tuple[str, str], ...]
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class NotValidInYear:
    """Rows whose value is known, but not for the year of the row.

    ``valid``: value, first and last year in which it holds, both included. The year is the four digits that the text of
    ``year_column`` begins with: of school year 2024-2025 it is 2024. A value that ``valid`` does not know and a year
    that does not read are not counted: those are rules of their own.
    """

    column: str
    year_column: str
    valid: tuple[tuple[str, int, int], ...]
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Apart:
    """Rows where ``column`` less all ``others`` lies outside ``minimum`` and ``maximum``.

    A number counts by its value, a date by its calendar year, any other text by the four digits that it begins with: of
    school year 2024-2025 that is 2024. Rows where one of them is missing or does not read are not counted.
    """

    column: str
    others: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class OutsideSeason:
    """Rows whose date certainly lies before ``first`` or after ``last`` of the year of the row (None: no bound).

    The bounds are ``mmdd``, with 10 000 added for each year later: 1 August up to 31 July of the next year is 801 and
    10 731. The year is read as in ``NotValidInYear``; rows without one are not counted.
    """

    column: str
    year_column: str
    first: int | None
    last: int | None
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Deviating:
    """Rows whose value is not the one that most rows with the same values of ``within`` have.

    Where two values are equally frequent, the one that sorts first counts as that of most. Rows without a value in
    ``column`` or in one of ``within`` are left out.
    """

    column: str
    within: tuple[str, ...]
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Repeated:
    """Rows that share their combination of ``columns`` with another row; rows without any of them are left out."""

    columns: tuple[str, ...]
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows (that meet the condition)."""

    where: Condition | None = None


OneColumn = Missing | Unreadable | NotIn | NotMatching | Outside
Check = (
    OneColumn | NotAfter | Unequal | PairNotIn | NotValidInYear | Apart | OutsideSeason | Deviating | Repeated | Rows
)
"""To add a question about one row: its class here, its expression in ``_Reading.breaks``, the metric that asks it in
``engine._COUNTED`` (with an expectation there, if Great Expectations has none), and its naive reading in the tests."""


def count(frame: pl.LazyFrame, contract: Contract, checks: Iterable[Check]) -> Mapping[Check, int]:
    """How many rows of ``frame`` each check finds.

    ``frame`` holds the contract's columns as String under their technical names, one row per record. Raises
    ``CheckImpossible``, which quotes rules and never data.
    """
    table = _Table(frame, contract)
    per_column: dict[str, list[OneColumn]] = defaultdict(list)
    by_row: list[Check] = []
    repeated: list[Repeated] = []
    deviating: dict[tuple[tuple[str, ...], Condition | None], list[Deviating]] = defaultdict(list)
    for check in dict.fromkeys(checks):
        if isinstance(check, Repeated):
            repeated.append(check)
        elif isinstance(check, Deviating):
            deviating[check.within, check.where].append(check)
        elif isinstance(check, OneColumn) and check.where is None and table.repeats(check.column):
            per_column[check.column].append(check)
        else:
            by_row.append(check)
    answers: dict[Check, int] = {}
    try:
        for name, asked in per_column.items():
            answers |= table.over_distinct_values(name, asked)
        answers |= table.over_rows(by_row)
        for check in repeated:
            answers[check] = table.in_groups(check)
        for alike in deviating.values():
            answers |= table.beside_most(alike)
    except pl.exceptions.ColumnNotFoundError:
        raise _impossible(contract, "names a column that the table does not have") from None
    except pl.exceptions.PolarsError:
        # The cause may quote a value of the data: what went wrong is told by the kind of error alone.
        raise _impossible(contract, "could not be computed") from None
    return answers


def _impossible(contract: Contract, why: str) -> CheckImpossible:
    return CheckImpossible(
        f"A rule for {contract.file} {why}.", "Hold the suite of this file against its contract, and mend the rule."
    )


def _column(contract: Contract, name: str) -> Column:
    try:
        return contract.column(name)
    except KeyError:
        raise _impossible(contract, f"names the column {name!r}, which its contract does not declare") from None


class _Table:
    """A table of text and what was already learnt about it."""

    def __init__(self, frame: pl.LazyFrame, contract: Contract) -> None:
        self.frame = frame
        self.contract = contract
        self._distinct: dict[str, pl.DataFrame] = {}

    def repeats(self, name: str) -> bool:
        """Whether distinct values are few beside rows; pseudonyms hardly repeat, so grouping them saves nothing."""
        return _column(self.contract, name).type is not ColumnType.PSEUDONYM

    def distinct(self, name: str) -> pl.DataFrame:
        """The distinct values of a column with how often each occurs (``__rows``)."""
        if name not in self._distinct:
            grouped = self.frame.group_by(name).agg(pl.len().cast(pl.Int64).alias("__rows"))
            self._distinct[name] = grouped.collect(engine="streaming")
        return self._distinct[name]

    def over_distinct_values(self, name: str, checks: list[OneColumn]) -> dict[Check, int]:
        read = _Reading(self.contract)
        weighed = [
            (read.breaks(check).fill_null(False).cast(pl.Int64) * pl.col("__rows")).sum().alias(str(at))
            for at, check in enumerate(checks)
        ]
        totals = self.distinct(name).select(weighed).row(0)
        return {check: int(total or 0) for check, total in zip(checks, totals, strict=True)}

    def over_rows(self, checks: list[Check]) -> dict[Check, int]:
        if not checks:
            return {}
        read = _LookingUp(self)
        sums = [self._sum(check, read).alias(str(at)) for at, check in enumerate(checks)]
        totals = self.frame.select(sums).collect(engine="streaming").row(0)
        return {check: int(total or 0) for check, total in zip(checks, totals, strict=True)}

    def in_groups(self, check: Repeated) -> int:
        keys = [present(pl.col(_column(self.contract, name).name)) for name in check.columns]
        groups = (
            self.frame.filter(
                _LookingUp(self).holds(check.where) & pl.any_horizontal(key.is_not_null() for key in keys)
            )
            .select(keys)
            .group_by(check.columns)
            .agg(pl.len().alias("__rows"))
            .filter(pl.col("__rows") > 1)
            .select(pl.col("__rows").sum())
        )
        return int(groups.collect(engine="streaming").item() or 0)

    def beside_most(self, checks: list[Deviating]) -> dict[Check, int]:
        """Checks with the same ``within`` and condition: one pass over the rows, to the few combinations there are."""
        within = list(checks[0].within)
        names = list(dict.fromkeys([*within, *(check.column for check in checks)]))
        texts = [present(pl.col(_column(self.contract, name).name)) for name in names]
        found = (
            self.frame.filter(_LookingUp(self).holds(checks[0].where))
            .select(texts)
            .filter(pl.all_horizontal(pl.col(within).is_not_null()))
            .group_by(names)
            .agg(pl.len().cast(pl.Int64).alias("__rows"))
            .collect(engine="streaming")
        )
        answers: dict[Check, int] = {}
        for check in checks:
            each = found.drop_nulls(check.column).group_by(*within, check.column).agg(pl.col("__rows").sum())
            beside = each.group_by(within).agg(pl.col("__rows").sum() - pl.col("__rows").max())
            answers[check] = int(beside["__rows"].sum())
        return answers

    @staticmethod
    def _sum(check: Check, read: "_Reading") -> pl.Expr:
        if isinstance(check, Rows):
            return pl.len() if check.where is None else read.holds(check.where).sum()
        return (read.breaks(check) & read.holds(check.where)).fill_null(False).sum()


class _Reading:
    """Checks and conditions as expressions over a table of text."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    def text(self, name: str) -> pl.Expr:
        return present(pl.col(_column(self.contract, name).name))

    def key(self, name: str, *, at_latest: bool = False) -> pl.Expr:
        """The column as something with an order (``values.ordered``)."""
        return ordered(_column(self.contract, name), self.contract.dialect, at_latest=at_latest)

    def year(self, name: str) -> pl.Expr:
        """The year that a text begins with."""
        return self.text(name).str.extract(_YEAR).cast(pl.Int32)

    def amount(self, name: str) -> pl.Expr:
        """The column as a number to reckon with (``Apart``)."""
        kind = _column(self.contract, name).type
        if kind in (ColumnType.INTEGER, ColumnType.DECIMAL):
            return self.key(name)
        return self.key(name) // 10_000 if kind is ColumnType.DATE else self.year(name)

    def breaks(self, check: Check) -> pl.Expr:
        """Whether a row breaks the rule; null counts as no."""
        match check:
            case Missing(name):
                return self.text(name).is_null()
            case Unreadable(name):
                kind = _column(self.contract, name).type
                readable = reads(self.text(name), kind, self.contract.dialect)
                return self.text(name).is_not_null() & ~readable.fill_null(False)
            case NotIn(name, values, inside):
                found = self.is_in(name, values)
                return found if inside else ~found
            case NotMatching(name, pattern):
                return ~self.text(name).str.contains(pattern)
            case Outside(name, minimum, maximum):
                low = self.key(name) < minimum if minimum is not None else pl.lit(False)
                high = self.key(name) > maximum if maximum is not None else pl.lit(False)
                return low | high
            case NotAfter(later, earlier, or_equal):
                upper, lower = self.key(later, at_latest=True), self.key(earlier)
                return upper < lower if or_equal else upper <= lower
            case Unequal(left, right):
                return self.text(left) != self.text(right)
            case PairNotIn(left, right, pairs):
                allowed: dict[str, list[str]] = defaultdict(list)
                for one, other in pairs:
                    allowed[one].append(other)
                found = [self.is_in(left, (one,)) & self.is_in(right, tuple(others)) for one, others in allowed.items()]
                return self.text(left).is_not_null() & self.text(right).is_not_null() & ~pl.any_horizontal(*found)
            case NotValidInYear(name, year_column, valid):
                year = self.year(year_column)
                values, first, last = zip(*valid, strict=True)
                text = self.text(name)
                since = text.replace_strict(pl.Series(values), pl.Series(first), default=None, return_dtype=pl.Int32)
                until = text.replace_strict(pl.Series(values), pl.Series(last), default=None, return_dtype=pl.Int32)
                return (year < since) | (year > until)
            case Apart(name, others, minimum, maximum):
                rest = reduce(lambda one, other: one - other, map(self.amount, (name, *others)))
                low = rest < minimum if minimum is not None else pl.lit(False)
                high = rest > maximum if maximum is not None else pl.lit(False)
                return low | high
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
                return self._compared(condition).fill_null(False)

    def is_in(self, name: str, values: tuple[str | int | float, ...]) -> pl.Expr:
        """Membership of the text. Rules write booleans as J and N, whatever the dialect of the file."""
        texts = [str(value) for value in values]
        if _column(self.contract, name).type is ColumnType.BOOLEAN:
            written = dict(zip(("J", "N"), self.contract.dialect.booleans, strict=True))
            texts = [written[text] for text in texts if text in written]
        return self.text(name).is_in(texts) if texts else pl.when(self.text(name).is_not_null()).then(False)

    def _compared(self, condition: Compare) -> pl.Expr:
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


class _LookingUp(_Reading):
    """The same over rows, with dates and numbers read once per distinct value and looked up from there."""

    def __init__(self, table: _Table) -> None:
        super().__init__(table.contract)
        self._table = table

    def key(self, name: str, *, at_latest: bool = False) -> pl.Expr:
        column = _column(self.contract, name)
        if column.type not in (ColumnType.DATE, ColumnType.INTEGER, ColumnType.DECIMAL):
            return super().key(name)
        read = ordered(column, self.contract.dialect, at_latest=at_latest)
        known = self._table.distinct(name).select(pl.col(name), read.alias("__key")).drop_nulls()
        return pl.col(name).replace_strict(
            known[name], known["__key"], default=None, return_dtype=known.schema["__key"]
        )
