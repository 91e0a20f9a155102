"""Planting breaches of a rule in a clean table: one way per type of expectation, and none for a type nobody thought of.

A breach is planted in rows that the rule looks at: a clean row that meets the rule's condition serves as the template,
its cells under the condition's columns are copied to the chosen rows, and the judged cells are then spoilt.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl

from expectations.loader import columns_of
from rod_pipeline.contracts.model import Column, ColumnType, Contract
from rod_pipeline.quality import checks as ask
from rod_pipeline.quality.suite import Expectation
from tests.support.quality import holds, read
from tests.support.rules import condition_of

Cells = dict[str, str | None]
ODD = "~~~~"
"""A text that is no value of anything: no type, pattern or list of ours has it."""


def plant(frame: pl.DataFrame, contract: Contract, rule: Expectation, rows: Sequence[int]) -> pl.DataFrame:
    """``frame`` with a breach of ``rule`` in ``rows`` (numbers from 0). Raises ``KeyError`` for a type unheard of.

    A rule about groups of rows may also change some rows right after the last one: the majority that others leave.
    """
    planter = PLANTERS[rule.type]
    template = _template(frame, contract, rule)
    kept = {name: template[name] for name in _in(rule.kwargs.get("row_condition"))}
    spoilt = planter(dict(rule.kwargs), contract, template)
    cells: dict[int, Cells] = {row: kept | spoilt for row in rows}
    if planter is _beside_most:
        most = {name: template[name] for name in columns_of(rule)}
        cells |= dict.fromkeys(range(max(rows) + 1, max(rows) + 2 + len(rows)), most)
    return _with(frame, cells)


def _with(frame: pl.DataFrame, cells: Mapping[int, Cells]) -> pl.DataFrame:
    names = {name for changed in cells.values() for name in changed}
    columns = {name: frame[name].to_list() for name in names}
    for row, changed in cells.items():
        for name, value in changed.items():
            columns[name][row] = value
    return frame.with_columns(pl.Series(name, values, dtype=pl.String) for name, values in columns.items())


def _template(frame: pl.DataFrame, contract: Contract, rule: Expectation) -> Cells:
    """A row that the rule looks at, with as many of its columns filled as the condition allows."""
    condition = condition_of(rule)
    spoken_of = sorted(columns_of(rule))
    distinct = frame.unique(spoken_of, maintain_order=True) if spoken_of else frame
    fitting = [row for row in distinct.iter_rows(named=True) if holds(row, contract, condition)]
    if fitting:
        return max(fitting, key=lambda row: sum(bool(row[name]) for name in spoken_of))
    return frame.row(0, named=True) | _forced(condition, contract)


def _forced(condition: ask.Condition | None, contract: Contract) -> Cells:
    """Cells that meet a condition that no clean row meets."""
    match condition:
        case ask.Every(parts):
            return {name: value for part in parts for name, value in _forced(part, contract).items()}
        case ask.Compare(name, "==" | "IN", values):
            return {name: _written(contract.column(name), str(values[0]), contract)}
        case ask.Compare(name, "<", (bound,)) if contract.column(name).type is ColumnType.DATE:
            return {name: _date(date(int(bound) // 10_000 - 1, 9, 1))}
        case ask.Present(name, expected):
            return {name: ODD if expected else None}
    raise AssertionError(f"no clean row meets {condition}, and nothing here can make one")


def _written(column: Column, value: str, contract: Contract) -> str:
    yes, no = contract.dialect.booleans
    return {"J": yes, "N": no}[value] if column.type is ColumnType.BOOLEAN else value


def _date(day: date) -> str:
    return f"{day:%d-%m-%Y}"


def _number(value: float) -> str:
    return f"{value:g}".replace(".", ",")


def _of_amount(column: Column, amount: float) -> str:
    """A text of a column that counts for ``amount`` (see ``checks.Apart``)."""
    if column.type in (ColumnType.INTEGER, ColumnType.DECIMAL):
        return _number(amount)
    if column.type is ColumnType.DATE:
        return _date(date(int(amount), 9, 1))
    return f"{int(amount):04d}-{int(amount) + 1:04d}"


def _missing(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    return {kwargs["column"]: None}


def _filled(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    return {kwargs["column"]: ODD}


def _unmatched(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    return {kwargs["column"]: ODD * 50}


def _outside_set(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    column = contract.column(kwargs["column"])
    if column.type is ColumnType.BOOLEAN:
        (other,) = {"J", "N"} - set(kwargs["value_set"])
        return {column.name: _written(column, other, contract)}
    return {column.name: ODD}


def _inside_set(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    column = contract.column(kwargs["column"])
    return {column.name: _written(column, kwargs["value_set"][0], contract)}


def _beyond(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    return {kwargs["column"]: _number(high + 1 if high is not None else low - 1)}


def _same(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    fixed = _in(kwargs.get("row_condition"))
    return {name: ODD for name in kwargs.get("column_list", [kwargs.get("column")]) if name not in fixed}


def _in(condition: Any) -> set[str]:
    if isinstance(condition, dict):
        named = condition.get("column")
        return {named["name"]} if isinstance(named, dict) else _in(condition.get("conditions"))
    return {name for part in condition or [] for name in _in(part)}


def _exchanged(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    day = date(2024, 9, 1)
    return {kwargs["column_A"]: _date(day), kwargs["column_B"]: _date(day + timedelta(days=1))}


def _different(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    return {kwargs["column_A"]: template[kwargs["column_A"]] or "~~", kwargs["column_B"]: ODD}


def _unpaired(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    """The first pair of values, each of which the rule judges, that do not go together."""
    left, right = (contract.column(kwargs[name]) for name in ("column_A", "column_B"))
    allowed = [tuple(pair) for pair in kwargs["value_pairs_set"]]
    for one in dict.fromkeys(pair[0] for pair in allowed):
        for other in dict.fromkeys(pair[1] for pair in allowed):
            if (one, other) not in allowed:
                return {left.name: _written(left, one, contract), right.name: _written(right, other, contract)}
    raise AssertionError("every pair is allowed")


def _expired(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    value, last = next((value, last) for value, (_, last) in kwargs["valid"].items() if last is not None)
    return {kwargs["column"]: value, kwargs["year_column"]: f"{last + 1}-{last + 2}"}


def _too_far(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    typical = {ColumnType.INTEGER: "1", ColumnType.DECIMAL: "0,1", ColumnType.DATE: "01-09-2024"}
    others = {name: typical.get(contract.column(name).type, "2024-2025") for name in kwargs["others"]}
    whole = sum(_amount(contract.column(name), text, contract) for name, text in others.items())
    high, low = kwargs.get("max_value"), kwargs.get("min_value")
    column = contract.column(kwargs["column"])
    return {column.name: _of_amount(column, whole + (high + 1 if high is not None else low - 1)), **others}


def _amount(column: Column, text: str, contract: Contract) -> float:
    if column.type in (ColumnType.INTEGER, ColumnType.DECIMAL):
        return float(read(text, column, contract.dialect))
    return int(text[-4:]) if column.type is ColumnType.DATE else int(text[:4])


def _out_of_season(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    day = date(2030, 1, 1) if kwargs.get("last") else date(2019, 1, 1)
    return {kwargs["year_column"]: "2024-2025", kwargs["column"]: _date(day)}


def _beside_most(kwargs: dict[str, Any], contract: Contract, template: Cells) -> Cells:
    within = {name: template[name] for name in kwargs["within"]}
    return {**within, kwargs["column"]: ODD}


Planter = Callable[[dict[str, Any], Contract, Cells], Cells]
PLANTERS: Mapping[str, Planter] = {
    "expect_column_values_to_not_be_null": _missing,
    "expect_column_values_to_be_null": _filled,
    "expect_column_values_to_read_as_declared": _filled,
    "expect_column_values_to_match_regex": _unmatched,
    "expect_column_values_to_be_in_set": _outside_set,
    "expect_column_values_to_not_be_in_set": _inside_set,
    "expect_column_values_to_be_between": _beyond,
    "expect_column_values_to_be_unique": _same,
    "expect_compound_columns_to_be_unique": _same,
    "expect_column_pair_values_a_to_be_greater_than_b": _exchanged,
    "expect_column_pair_values_to_be_equal": _different,
    "expect_column_pair_values_to_go_together": _unpaired,
    "expect_column_values_valid_in_year": _expired,
    "expect_column_less_others_to_be_between": _too_far,
    "expect_column_dates_in_season": _out_of_season,
    "expect_column_values_to_agree_within": _beside_most,
}
"""How each type of expectation is broken. A suite with another type fails its test until there is a way here."""
