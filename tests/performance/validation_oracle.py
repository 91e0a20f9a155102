"""The rules of a suite as anybody would write them by hand in Polars: one lazy pass, no trick.

Frozen. This is the measure that the pipeline's own counting is held against, in cost and in outcome; a faster or a
cleverer oracle would be another measure. So it shares no code with ``rod_pipeline.quality``, and is changed only where
a suite brings a new type of expectation, or where it was wrong.

It counts the same: a missing value breaks no rule but that of presence; dates are DD-MM-JJJJ with 00 for an unknown
day or month, compared so that a doubt is no breach.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

_Kwargs = Mapping[str, Any]
_OPEN = (0, 9999)


class Oracle:
    """Counts the rows that break each expectation; ``kinds`` maps a column to its declared type."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._kinds = kinds

    def count(self, frame: pl.LazyFrame, expectations: Sequence[tuple[str, str, _Kwargs]]) -> dict[str, int]:
        """Rows that break each of ``(id, type, kwargs)``; expectations about the table as a whole are left out."""
        table, frame = frame, self._parsed(frame)
        sums: list[pl.Expr] = []
        keys: dict[str, pl.LazyFrame] = {}
        for name, kind, kwargs in expectations:
            if kind in ("expect_compound_columns_to_be_unique", "expect_column_values_to_be_unique"):
                keys[name] = self._repeated(frame if kwargs.get("row_condition") else table, kwargs)
            elif kind == "expect_column_values_to_agree_within":
                keys[name] = self._deviating(frame, kwargs)
            elif kind in _RULES:
                broken = _RULES[kind](self, kwargs)
                if (condition := kwargs.get("row_condition")) is not None:
                    broken = broken & self._condition(condition)
                sums.append(broken.sum().alias(name))
        totals = frame.select(sums).collect(engine="streaming").row(0, named=True)
        groups = {name: group.collect(engine="streaming").item() for name, group in keys.items()}
        return {name: int(count or 0) for name, count in (totals | groups).items()}

    def _parsed(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Dates and numbers read once, beside their text."""
        dates = [name for name, kind in self._kinds.items() if kind == "date"]
        numbers = [name for name, kind in self._kinds.items() if kind in ("integer", "decimal")]
        return frame.with_columns(
            *(self._read_date(name).alias(f"{name}.value") for name in dates),
            *(self._read_number(name).alias(f"{name}.value") for name in numbers),
        )

    def _repeated(self, frame: pl.LazyFrame, kwargs: _Kwargs) -> pl.LazyFrame:
        columns = kwargs.get("column_list") or [kwargs["column"]]
        if (condition := kwargs.get("row_condition")) is not None:
            frame = frame.filter(self._condition(condition))
        filled = frame.filter(~pl.all_horizontal(pl.col(name).is_null() for name in columns))
        return filled.group_by(columns).len().filter(pl.col("len") > 1).select(pl.col("len").sum())

    def _deviating(self, frame: pl.LazyFrame, kwargs: _Kwargs) -> pl.LazyFrame:
        within, column = list(kwargs["within"]), kwargs["column"]
        if (condition := kwargs.get("row_condition")) is not None:
            frame = frame.filter(self._condition(condition))
        each = frame.drop_nulls([*within, column]).group_by(*within, column).len()
        return each.group_by(within).agg(pl.col("len").sum() - pl.col("len").max()).select(pl.col("len").sum())

    def _condition(self, condition: _Kwargs) -> pl.Expr:
        match condition:
            case {"type": "and", "conditions": parts}:
                return pl.all_horizontal(self._condition(part) for part in parts)
            case {"type": "or", "conditions": parts}:
                return pl.any_horizontal(self._condition(part) for part in parts)
            case {"type": "nullity", "column": {"name": name}, "is_null": is_null}:
                return pl.col(name).is_null() if is_null else pl.col(name).is_not_null()
            case {"type": "comparison", "column": {"name": name}, "operator": operator, "parameter": value}:
                return self._compared(name, operator, value).fill_null(False)
        raise NotImplementedError(condition)

    def _compared(self, name: str, operator: str, value: Any) -> pl.Expr:
        column = pl.col(name)
        match operator:
            case "==":
                return column == value
            case "!=":
                return column != value
            case "IN":
                return column.is_in(value)
            case "NOT_IN":
                return ~column.is_in(value)
        bound = pl.lit(value)
        if self._kinds[name] == "date":
            bound = pl.date(value // 10_000, value // 100 % 100, value % 100)
        if self._kinds[name] in ("date", "integer", "decimal"):
            column = pl.col(f"{name}.value")
        return {"<": column < bound, "<=": column <= bound, ">": column > bound, ">=": column >= bound}[operator]

    def _read_date(self, name: str) -> pl.Expr:
        known = pl.col(name).str.replace(r"^00-00-", "01-01-").str.replace(r"^00-", "01-")
        return known.str.to_date("%d-%m-%Y", strict=False)

    def _latest(self, name: str) -> pl.Expr:
        first = pl.col(f"{name}.value")
        year_end = pl.date(first.dt.year(), 12, 31)
        return (
            pl.when(pl.col(name).str.starts_with("00-00-"))
            .then(year_end)
            .when(pl.col(name).str.starts_with("00-"))
            .then(first.dt.month_end())
            .otherwise(first)
        )

    def _read_number(self, name: str) -> pl.Expr:
        if self._kinds[name] == "decimal":
            column = pl.col(name)
            return (
                pl.when(column.str.contains(r"^-?[0-9]+(,[0-9]+)?$"))
                .then(column.str.replace(",", ".", literal=True))
                .cast(pl.Float64, strict=False)
            )
        return pl.col(name).cast(pl.Int64, strict=False)

    def _order_key(self, name: str, *, latest: bool) -> pl.Expr:
        if self._kinds[name] == "date":
            return self._latest(name) if latest else pl.col(f"{name}.value")
        return pl.col(f"{name}.value" if self._kinds[name] in ("integer", "decimal") else name)

    def _year(self, name: str) -> pl.Expr:
        return pl.col(name).str.extract("^([0-9]{4})").cast(pl.Int32)

    def _amount(self, name: str) -> pl.Expr:
        if self._kinds[name] == "date":
            return pl.col(f"{name}.value").dt.year()
        return pl.col(f"{name}.value") if self._kinds[name] in ("integer", "decimal") else self._year(name)

    def unreadable(self, kwargs: _Kwargs) -> pl.Expr:
        name = kwargs["column"]
        match self._kinds[name]:
            case "date" | "integer" | "decimal":
                return pl.col(name).is_not_null() & pl.col(f"{name}.value").is_null()
            case "boolean":
                return ~pl.col(name).is_in(["J", "N"])
        return pl.lit(False)

    def outside(self, kwargs: _Kwargs) -> pl.Expr:
        value, low, high = pl.col(f"{kwargs['column']}.value"), kwargs.get("min_value"), kwargs.get("max_value")
        too_low = value < low if low is not None else pl.lit(False)
        return too_low | (value > high if high is not None else pl.lit(False))

    def not_after(self, kwargs: _Kwargs) -> pl.Expr:
        later = self._order_key(kwargs["column_A"], latest=True)
        earlier = self._order_key(kwargs["column_B"], latest=False)
        return later < earlier if kwargs.get("or_equal") else later <= earlier

    def pair_not_in(self, kwargs: _Kwargs) -> pl.Expr:
        one, other = pl.col(kwargs["column_A"]), pl.col(kwargs["column_B"])
        allowed = ["|".join(pair) for pair in kwargs["value_pairs_set"]]
        return ~pl.concat_str(one, other, separator="|").is_in(allowed)

    def not_valid_in_year(self, kwargs: _Kwargs) -> pl.Expr:
        valid = kwargs["valid"]
        year = self._year(kwargs["year_column"])
        bounds = [
            pl.col(kwargs["column"]).replace_strict(
                list(valid),
                [_OPEN[end] if years[end] is None else years[end] for years in valid.values()],
                default=None,
                return_dtype=pl.Int32,
            )
            for end in (0, 1)
        ]
        return (year < bounds[0]) | (year > bounds[1])

    def apart(self, kwargs: _Kwargs) -> pl.Expr:
        rest, low, high = self._amount(kwargs["column"]), kwargs.get("min_value"), kwargs.get("max_value")
        for other in kwargs["others"]:
            rest = rest - self._amount(other)
        too_low = rest < low if low is not None else pl.lit(False)
        return too_low | (rest > high if high is not None else pl.lit(False))

    def outside_season(self, kwargs: _Kwargs) -> pl.Expr:
        def day(written: str) -> pl.Expr:
            later, month, day = re.fullmatch(r"J(?:\+([0-9]))?-([0-9]{2})-([0-9]{2})", written).groups()  # type: ignore[union-attr]
            return pl.date(self._year(kwargs["year_column"]) + int(later or 0), int(month), int(day))

        first, last = kwargs.get("first"), kwargs.get("last")
        early = self._latest(kwargs["column"]) < day(first) if first is not None else pl.lit(False)
        return early | (pl.col(f"{kwargs['column']}.value") > day(last) if last is not None else pl.lit(False))


_RULES: Mapping[str, Callable[[Oracle, _Kwargs], pl.Expr]] = {
    "expect_column_values_to_not_be_null": lambda _, kwargs: pl.col(kwargs["column"]).is_null(),
    "expect_column_values_to_be_null": lambda _, kwargs: pl.col(kwargs["column"]).is_not_null(),
    "expect_column_values_to_read_as_declared": Oracle.unreadable,
    "expect_column_values_to_be_in_set": lambda _, kwargs: ~pl.col(kwargs["column"]).is_in(kwargs["value_set"]),
    "expect_column_values_to_not_be_in_set": lambda _, kwargs: pl.col(kwargs["column"]).is_in(kwargs["value_set"]),
    "expect_column_values_to_match_regex": lambda _, kwargs: ~pl.col(kwargs["column"]).str.contains(kwargs["regex"]),
    "expect_column_values_to_be_between": Oracle.outside,
    "expect_column_pair_values_a_to_be_greater_than_b": Oracle.not_after,
    "expect_column_pair_values_to_be_equal": lambda _, k: pl.col(k["column_A"]) != pl.col(k["column_B"]),
    "expect_column_pair_values_to_go_together": Oracle.pair_not_in,
    "expect_column_less_others_to_be_between": Oracle.apart,
    "expect_column_dates_in_season": Oracle.outside_season,
    "expect_column_values_valid_in_year": Oracle.not_valid_in_year,
}
