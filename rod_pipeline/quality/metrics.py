"""What each metric of Great Expectations asks about rows.

Belongs here: metrics and row conditions, by the names that Great Expectations gives them, as our own checks. Does not
belong here: what a check means (``checks``), counting (``counting``), Great Expectations itself (``engine``): nothing
here imports it. Concept: metrics of Great Expectations 1.24. A metric that is not here raises: a rule never passes
because nobody counted it.
"""

from collections.abc import Callable
from typing import Any

from rod_pipeline.errors import PermanentError
from rod_pipeline.quality import checks as ask
from rod_pipeline.quality.checks import Check, Condition
from rod_pipeline.quality.values import season_day

COUNT = ".unexpected_count"
_ALWAYS = (0, 9999)
_NEVER_FETCHED = (".unexpected_values", ".condition")


class UnknownMetric(PermanentError):
    """A suite asks for something that the engine does not know how to count."""

    code = "ROD-QUALITY-02"


def question(name: str, domain: dict[str, Any], value: dict[str, Any], columns: tuple[str, ...]) -> object:
    """The metric ``name`` as a check to count, or as the answer itself where that is known without counting.

    ``domain``: what it is about; ``value``: its arguments; ``columns``: those of the table. Raises ``UnknownMetric``.
    """
    where = _condition(domain.get("row_condition"))
    if name == "table.columns":
        return list(columns)
    if name == "table.column_types":
        return [{"name": column, "type": "str"} for column in columns]
    if name == "table.row_count":
        return ask.Rows(where)
    if name.endswith(_NEVER_FETCHED) and name.rsplit(".", 1)[0] + COUNT in _COUNTED:
        return []
    if name.endswith(".filtered_row_count"):
        return ask.Rows(_both(where, _considered(domain)))
    if name in _COUNTED:
        return _COUNTED[name](domain, value, where)
    raise UnknownMetric(
        f"A suite asks for the metric {name!r}, which this engine can't count.",
        "Write the rule with another expectation, or teach rod_pipeline/quality/metrics.py to count it.",
    )


def counted(name: str, domain: dict[str, Any], value: dict[str, Any]) -> Check | None:
    """The question about rows that the metric ``name`` asks; None when it asks none. Raises ``UnknownMetric``."""
    return _COUNTED[name](domain, value, _condition(domain.get("row_condition"))) if name in _COUNTED else None


def _between(domain: dict[str, Any], value: dict[str, Any], where: Condition | None) -> Check:
    if value.get("strict_min") or value.get("strict_max"):
        raise UnknownMetric(
            "A range with strict bounds is not counted.", "Write the range with bounds that belong to it."
        )
    return ask.Outside(domain["column"], value.get("min_value"), value.get("max_value"), where)


def _valid_in_year(domain: dict[str, Any], value: dict[str, Any], where: Condition | None) -> Check:
    valid = tuple(
        (text, _ALWAYS[0] if first is None else first, _ALWAYS[1] if last is None else last)
        for text, (first, last) in value["valid"].items()
    )
    return ask.NotValidInYear(domain["column"], value["year_column"], valid, where)


def _apart(domain: dict[str, Any], value: dict[str, Any], where: Condition | None) -> Check:
    return ask.Apart(domain["column"], tuple(value["others"]), value.get("min_value"), value.get("max_value"), where)


def _in_season(domain: dict[str, Any], value: dict[str, Any], where: Condition | None) -> Check:
    return ask.OutsideSeason(
        domain["column"], value["year_column"], _season_day(value.get("first")), _season_day(value.get("last")), where
    )


def _season_day(written: str | None) -> int | None:
    try:
        return None if written is None else season_day(written)
    except ValueError:
        raise UnknownMetric("A day of a season can't be read.", "Write it as J-08-01 or J+1-07-31.") from None


_COUNTED: dict[str, Callable[[dict[str, Any], dict[str, Any], Condition | None], Check]] = {
    "column_values.nonnull.unexpected_count": lambda d, _, where: ask.Missing(d["column"], where),
    "column_values.null.unexpected_count": lambda d, _, where: ask.Rows(_both(where, ask.Present(d["column"]))),
    "column_values.read_as_declared.unexpected_count": lambda d, _, where: ask.Unreadable(d["column"], where),
    "column_values.in_set.unexpected_count": lambda d, v, where: ask.NotIn(
        d["column"], tuple(v["value_set"]), where=where
    ),
    "column_values.not_in_set.unexpected_count": lambda d, v, where: ask.NotIn(
        d["column"], tuple(v["value_set"]), inside=True, where=where
    ),
    "column_values.match_regex.unexpected_count": lambda d, v, where: ask.NotMatching(d["column"], v["regex"], where),
    "column_values.between.unexpected_count": _between,
    "column_values.unique.unexpected_count": lambda d, _, where: ask.Repeated((d["column"],), where),
    "column_pair_values.a_greater_than_b.unexpected_count": lambda d, v, where: ask.NotAfter(
        d["column_A"], d["column_B"], bool(v.get("or_equal")), where
    ),
    "column_pair_values.equal.unexpected_count": lambda d, _, where: ask.Unequal(d["column_A"], d["column_B"], where),
    "column_pair_values.go_together.unexpected_count": lambda d, v, where: ask.PairNotIn(
        d["column_A"], d["column_B"], tuple((one, other) for one, other in v["value_pairs_set"]), where
    ),
    "column_values.valid_in_year.unexpected_count": _valid_in_year,
    "column_values.apart.unexpected_count": _apart,
    "column_values.in_season.unexpected_count": _in_season,
    "column_values.agree_within.unexpected_count": lambda d, v, where: ask.Deviating(
        d["column"], tuple(v["within"]), where
    ),
    "compound_columns.unique.unexpected_count": lambda d, _, where: ask.Repeated(tuple(d["column_list"]), where),
}


def _considered(domain: dict[str, Any]) -> Condition:
    """Which rows an expectation over several columns looks at; a way of ignoring rows that is not ours raises."""
    ignored = domain.get("ignore_row_if")
    if "column_A" in domain and ignored == "either_value_is_missing":
        return ask.Every((ask.Present(domain["column_A"]), ask.Present(domain["column_B"])))
    if "column_list" in domain and ignored == "all_values_are_missing":
        return ask.Some(tuple(ask.Present(name) for name in domain["column_list"]))
    raise UnknownMetric(
        f"An expectation over several columns ignores rows in a way that is not counted ({ignored!r}).",
        "Use either_value_is_missing for a pair of columns and all_values_are_missing for a compound key.",
    )


def _both(one: Condition | None, other: Condition) -> Condition:
    return other if one is None else ask.Every((one, other))


def _condition(given: Any) -> Condition | None:
    """A row condition of Great Expectations (its JSON form) as ours."""
    if given is None:
        return None
    form = given if isinstance(given, dict) else getattr(given, "dict", dict)()
    match form:
        case {"type": "comparison", "column": {"name": str(name)}, "operator": operator, "parameter": parameter}:
            values = tuple(parameter) if isinstance(parameter, list | tuple) else (parameter,)
            return ask.Compare(name, str(operator), values)  # type: ignore[arg-type]
        case {"type": "nullity", "column": {"name": str(name)}, "is_null": bool(is_null)}:
            return ask.Present(name, not is_null)
        case {"type": "and", "conditions": list(parts)}:
            return ask.Every(tuple(one for part in parts if (one := _condition(part)) is not None))
        case {"type": "or", "conditions": list(parts)}:
            return ask.Some(tuple(one for part in parts if (one := _condition(part)) is not None))
    raise UnknownMetric("A rule has a row condition that can't be read.", "Write it as a condition of GX 1.24 in JSON.")
