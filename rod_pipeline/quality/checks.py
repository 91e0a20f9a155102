"""The questions that can be asked of a lossless table of text: which rows break a rule.

Belongs here: a closed set of frozen *checks* and the conditions that limit them to some rows. Does not belong here: how
they are answered (``breaking``, ``counting``, ``detail``), which rules a file has (``expectations``), Great
Expectations (``engine``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rod_pipeline.errors import PermanentError

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "IN", "NOT_IN"]


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
"""To add a question about one row: its class here, its columns in ``columns_of``, its expression in
``breaking.Reading.breaks``, the metric that asks it in ``metrics._COUNTED`` (with an expectation there, if Great
Expectations has none), and its naive reading in the tests."""


def columns_of(asked: Check | Condition | None) -> Iterator[str]:
    """The columns that a check or a condition looks at; one may come twice."""
    match asked:
        case None | Rows(None):
            return
        case Every(conditions) | Some(conditions):
            for condition in conditions:
                yield from columns_of(condition)
            return
        case Compare(column) | Present(column):
            yield column
            return
        case Missing(column) | Unreadable(column) | NotIn(column) | NotMatching(column) | Outside(column):
            yield column
        case NotAfter(one, other) | Unequal(one, other) | PairNotIn(one, other):
            yield from (one, other)
        case NotValidInYear(one, other) | OutsideSeason(one, other):
            yield from (one, other)
        case Apart(column, others) | Deviating(column, others):
            yield from (column, *others)
        case Repeated(columns):
            yield from columns
    yield from columns_of(asked.where)
