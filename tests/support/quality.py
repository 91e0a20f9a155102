"""A second, naive way of judging: row by row, in plain Python, sharing no code with the engine. And small tables."""

import datetime
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from rod_pipeline.contracts.model import Column, ColumnType, Contract, DateNotation, Dialect
from rod_pipeline.quality import checks as ask
from rod_pipeline.quality.suite import Expectation, Rule, Severity

Row = Mapping[str, str | None]
NAMES = ("nummer", "code", "ander", "getal", "cijfer", "begin", "einde", "vlag")


def contract(**dialect: object) -> Contract:
    """A small contract with a column of every type."""
    columns = (
        Column(name="nummer", header="Nummer", technical=True, type=ColumnType.PSEUDONYM, pattern="^[0-9A-Z]{3}$"),
        Column(name="code", header="Code", technical=True, type=ColumnType.CODE, nullable=False),
        Column(name="ander", header="Ander", technical=True, type=ColumnType.CODE),
        Column(name="getal", header="Getal", technical=True, type=ColumnType.INTEGER, minimum=0, maximum=60),
        Column(name="cijfer", header="Cijfer", technical=True, type=ColumnType.DECIMAL, minimum=-1.5, maximum=10),
        Column(name="begin", header="Begin", technical=True, type=ColumnType.DATE),
        Column(name="einde", header="Einde", technical=True, type=ColumnType.DATE),
        Column(name="vlag", header="Vlag", technical=True, type=ColumnType.BOOLEAN),
    )
    return Contract(
        file="inschrijvingen",
        version=1,
        title="Proef",
        grain="proef",
        members=("*",),
        key=("nummer", "code"),
        columns=columns,
        dialect=Dialect.model_validate(dialect),
    )


def frame(rows: Sequence[Row], names: Sequence[str] = NAMES) -> pl.LazyFrame:
    """Rows as the lossless table of text that validation reads."""
    data = {name: [row.get(name) for row in rows] for name in names}
    return (
        pl.LazyFrame(data, schema=dict.fromkeys(names, pl.String))
        .with_row_index("_row", offset=1)
        .select(pl.col("_row").cast(pl.Int64), *names)
    )


def expectation(rule: str, kind: str, severity: Severity = "blocking", **kwargs: Any) -> Expectation:
    """An expectation whose texts do not matter."""
    meta = Rule(
        id=rule,
        severity=severity,
        layer="value",
        cause="Nobody knows.",
        sentence=f"The rule {rule} holds.",
        zin=f"De regel {rule} klopt.",
        remedy="Look at the rule and ask.",
        source="test",
    )
    return Expectation(type=kind, kwargs=kwargs, meta=meta)


def naive(rows: Sequence[Row], of: Contract, check: ask.Check) -> int:
    """How many rows a check finds, one row at a time."""
    considered = [row for row in rows if holds(row, of, check.where)]
    match check:
        case ask.Rows():
            return len(considered)
        case ask.Repeated(columns):
            keys = [tuple(row[name] or None for name in columns) for row in considered]
            seen = Counter(key for key in keys if any(part is not None for part in key))
            return sum(times for times in seen.values() if times > 1)
        case ask.Deviating(column, within):
            groups: dict[tuple[str | None, ...], Counter[str]] = defaultdict(Counter)
            for row in considered:
                if row[column] and all(row[name] for name in within):
                    groups[tuple(row[name] for name in within)][row[column] or ""] += 1
            return sum(each.total() - max(each.values()) for each in groups.values())
    return sum(_breaks(row, of, check) for row in considered)


def _breaks(row: Row, of: Contract, check: ask.Check) -> bool:
    match check:
        case ask.Missing(name):
            return not row[name]
        case ask.Unreadable(name):
            return bool(row[name]) and read(row[name], of.column(name), of.dialect) is None
        case ask.NotIn(name, values, inside):
            return bool(row[name]) and (_written(row[name], name, of) in values) == inside
        case ask.NotMatching(name, pattern):
            return bool(row[name]) and re.search(pattern.replace("$", r"\Z"), row[name]) is None
        case ask.Outside(name, minimum, maximum):
            value = read(row[name], of.column(name), of.dialect) if row[name] else None
            return value is not None and not (
                (minimum is None or value >= minimum) and (maximum is None or value <= maximum)
            )
        case ask.NotAfter(later, earlier, or_equal):
            if not row[later] or not row[earlier]:
                return False
            one = read(row[later], of.column(later), of.dialect)
            other = read(row[earlier], of.column(earlier), of.dialect)
            if one is None or other is None:
                return False
            if of.column(later).type is ColumnType.DATE:
                one = _at_latest(one)
            return one < other if or_equal else one <= other
        case ask.Unequal(left, right):
            return bool(row[left]) and bool(row[right]) and row[left] != row[right]
        case ask.PairNotIn(left, right, pairs):
            pair = (_written(row[left] or "", left, of), _written(row[right] or "", right, of))
            return bool(row[left]) and bool(row[right]) and pair not in pairs
        case ask.NotValidInYear(name, year_column, valid):
            year = (row[year_column] or "")[:4]
            known = {value: (first, last) for value, first, last in valid}
            if row[name] not in known or not re.fullmatch("[0-9]{4}", year):
                return False
            first, last = known[row[name]]
            return not first <= int(year) <= last
        case ask.Apart(name, others, minimum, maximum):
            amounts = [_amount(row[each], of.column(each), of.dialect) for each in (name, *others)]
            if any(amount is None for amount in amounts):
                return False
            left = amounts[0]
            for amount in amounts[1:]:
                left -= amount
            return (minimum is not None and left < minimum) or (maximum is not None and left > maximum)
        case ask.OutsideSeason(name, year_column, first, last):
            day = read(row[name], of.column(name), of.dialect) if row[name] else None
            year = (row[year_column] or "")[:4]
            if day is None or not re.fullmatch("[0-9]{4}", year):
                return False
            early = first is not None and _at_latest(day) < _season(int(year), first)
            return early or (last is not None and day > _season(int(year), last))
    raise AssertionError(check)


def _amount(text: str | None, column: Column, dialect: Dialect) -> Any:
    if not text:
        return None
    if column.type in (ColumnType.INTEGER, ColumnType.DECIMAL):
        return read(text, column, dialect)
    if column.type is ColumnType.DATE:
        day = read(text, column, dialect)
        return None if day is None else day[0]
    return int(text[:4]) if re.fullmatch("[0-9]{4}", text[:4]) else None


def _season(year: int, bound: int) -> tuple[int, int, int]:
    return year + bound // 10_000, bound % 10_000 // 100, bound % 100


def holds(row: Row, of: Contract, condition: ask.Condition | None) -> bool:
    """Whether a row meets a condition, by the naive reading."""
    match condition:
        case None:
            return True
        case ask.Every(parts):
            return all(holds(row, of, part) for part in parts)
        case ask.Some(parts):
            return any(holds(row, of, part) for part in parts)
        case ask.Present(name, expected):
            return bool(row[name]) == expected
        case ask.Compare(name, "==" | "IN", values):
            return bool(row[name]) and _written(row[name], name, of) in values
        case ask.Compare(name, "!=" | "NOT_IN", values):
            return bool(row[name]) and _written(row[name], name, of) not in values
        case ask.Compare(name, operator, (bound,)):
            value = read(row[name], of.column(name), of.dialect) if row[name] else None
            if value is None:
                return False
            if of.column(name).type is ColumnType.DATE:
                value = value[0] * 10_000 + value[1] * 100 + value[2]
            return {"<": value < bound, "<=": value <= bound, ">": value > bound, ">=": value >= bound}[operator]
    raise AssertionError(condition)


def _written(text: str, name: str, of: Contract) -> str:
    if of.column(name).type is ColumnType.BOOLEAN:
        yes, no = of.dialect.booleans
        return {yes: "J", no: "N"}.get(text, f"not {text}")
    return text


def read(text: str, column: Column, dialect: Dialect) -> Any:
    """The value of a text, or None where it does not read; dates as (year, month, day) with 0 for unknown."""
    match column.type:
        case ColumnType.INTEGER:
            return int(text) if re.fullmatch("-?[0-9]{1,18}", text) else None
        case ColumnType.DECIMAL:
            whole, mark, part = text.partition(dialect.decimal)
            if not re.fullmatch("-?[0-9]{1,15}", whole) or (mark and not re.fullmatch("[0-9]{1,15}", part)):
                return None
            return float(f"{whole}.{part or 0}")
        case ColumnType.BOOLEAN:
            return text if text in dialect.booleans else None
        case ColumnType.DATE:
            return _date(text, dialect.dates)
    return text


def _date(text: str, notation: DateNotation) -> tuple[int, int, int] | None:
    if not text.isascii():
        return None
    if notation is DateNotation.EEJJMMDD:
        parts = [text[:4], text[4:6], text[6:]]
    else:
        parts = text.split("-")
        parts = parts[::-1] if notation is DateNotation.DD_MM_JJJJ else parts
    if [len(part) for part in parts] != [4, 2, 2] or not all(part.isdigit() for part in parts):
        return None
    year, month, day = (int(part) for part in parts)
    if month == 0 and day != 0:
        return None
    try:
        datetime.date(year, month or 1, day or 1)
    except ValueError:
        return None
    return year, month, day


def _at_latest(day: tuple[int, int, int]) -> tuple[int, int, int]:
    return day[0], day[1] or 99, day[2] or 99
