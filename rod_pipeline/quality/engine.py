"""Great Expectations over our own counting: the one module that knows its internals.

Belongs here: an execution engine that answers the metrics of a suite from ``checks``, and running a suite with it.
Does not belong here: what a check means (``checks``), what a result means to us (``report``).

Great Expectations hands its engine a suite's metrics in a few rounds (``ExecutionEngine.resolve_metrics``, in its own
words the main entry point), all counts of broken rows in one of them. This engine counts that whole round at once.
It uses public names only: ``resolve_metrics``, ``Datasource.execution_engine_override``, ``Expectation.configuration``,
the decorator that registers a metric. None of it is a promised interface, so the version it was proved on is named here
and held by a test. A metric that this module does not know raises: a rule never passes because nobody counted it.

Results hold counts. No value of a row is ever fetched, so none can be in a result, whatever the result format.
Importing this module imports Great Expectations (seconds, hundreds of MB): import it where it is used.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Literal

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import pandas as pd
import polars as pl
from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.datasource.fluent.pandas_datasource import PandasDatasource
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation, ColumnPairMapExpectation
from great_expectations.expectations.expectation import Expectation as GxExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.metrics.map_metric_provider import (  # type: ignore[attr-defined]
    ColumnMapMetricProvider,
    ColumnPairMapMetricProvider,
    column_condition_partial,
    column_pair_condition_partial,
)
from great_expectations.expectations.registry import get_expectation_impl
from great_expectations.validator.metric_configuration import MetricConfiguration

from rod_pipeline.contracts.model import Contract
from rod_pipeline.errors import PermanentError
from rod_pipeline.quality import checks as ask
from rod_pipeline.quality.checks import Check, Condition
from rod_pipeline.quality.counting import count
from rod_pipeline.quality.suite import Expectation, Suite
from rod_pipeline.quality.values import season_day

PROVED_ON = ("1.24.1",)
"""Versions of Great Expectations on which every count was held against the row-by-row reference."""

_COUNTS_ONLY = {"result_format": "BASIC", "exclude_unexpected_values": True, "partial_unexpected_count": 0}
ROW = "_row"
_COUNT = ".unexpected_count"
_ALWAYS = (0, 9999)
_NEVER_FETCHED = (".unexpected_values", ".condition")
_LONG: dict[str, tuple[Callable[[str], Any], Callable[[Any], str]]] = {
    "value_set": (lambda token: [token], lambda given: given[0]),
    "value_pairs_set": (lambda token: [[token, token]], lambda given: given[0][0]),
    "valid": (lambda token: {token: [None, None]}, lambda given: next(iter(given))),
}
"""Arguments that may be long, and how a token takes their place and is read from it."""


class UnknownMetric(PermanentError):
    """A suite asks for something that the engine does not know how to count."""

    code = "ROD-QUALITY-02"


class ValidationBroke(PermanentError):
    """Great Expectations did not give a result for every expectation."""

    code = "ROD-QUALITY-03"


class TextEngine(PandasExecutionEngine):
    """Answers metrics about a table of text. ``about`` says which table, before a suite is run."""

    frame: pl.LazyFrame
    contract: Contract
    columns: tuple[str, ...]
    lists: Mapping[str, Any]
    failure: Exception | None = None

    def about(self, frame: pl.LazyFrame, contract: Contract, lists: Mapping[str, Any]) -> None:
        self.frame, self.contract, self.lists, self.failure = frame, contract, lists, None
        self.columns = tuple(name for name in frame.collect_schema().names() if name != ROW)

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[MetricConfiguration],
        metrics: Mapping[Any, Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> dict[Any, Any]:
        """One round: all counts together, the rest from what is known of the table."""
        try:
            questions = {metric.id: _question(metric, self.columns, self.lists) for metric in metrics_to_resolve}
            asked = [question for question in questions.values() if isinstance(question, Check)]
            counts = count(self.frame, self.contract, asked)
        except Exception as failure:
            # Great Expectations logs what an engine raises and goes on: kept here, raised again by run_suite.
            self.failure = self.failure or failure
            raise
        return {
            metric: counts[question] if isinstance(question, Check) else question
            for metric, question in questions.items()
        }


class TextDatasource(PandasDatasource):
    """A datasource whose only purpose is to bring the engine in."""

    execution_engine_override: ClassVar[type[TextEngine]] = TextEngine
    type: Literal["rod_text"] = "rod_text"  # type: ignore[assignment]


def _registered(metric: str, *value_keys: str) -> str:
    """Make a metric about one column known to Great Expectations; the engine answers it, so no body is ever reached."""

    class Provider(ColumnMapMetricProvider):
        condition_metric_name = metric
        condition_value_keys = value_keys

        @column_condition_partial(engine=TextEngine)
        def _pandas(cls, column: object, **_: object) -> object:
            raise NotImplementedError

    return metric


class PairsGoTogether(ColumnPairMapMetricProvider):
    """Great Expectations' own metric about pairs (``in_set``, 1.24.1) loses the row condition; this one keeps it."""

    condition_metric_name = "column_pair_values.go_together"
    condition_value_keys = ("value_pairs_set",)

    @column_pair_condition_partial(engine=TextEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column_A: object, column_B: object, **_: object) -> object:
        raise NotImplementedError


class ExpectColumnPairValuesToGoTogether(ColumnPairMapExpectation):
    """The values of two columns are one of the pairs in ``value_pairs_set``, where both have a value."""

    value_pairs_set: Sequence[Sequence[str]]
    ignore_row_if: Literal["either_value_is_missing"] = "either_value_is_missing"

    map_metric = PairsGoTogether.condition_metric_name
    success_keys = ("value_pairs_set", "ignore_row_if", "mostly")


class ExpectColumnValuesToReadAsDeclared(ColumnMapExpectation):
    """Each value reads as the type that the contract declares for its column, in the contract's notation."""

    map_metric = _registered("column_values.read_as_declared")


class ExpectColumnValuesValidInYear(ColumnMapExpectation):
    """Each value that ``valid`` knows holds in the year of its row (``expect_column_values_valid_in_year``).

    ``valid``: value -> [first year, last year], both included, null for no bound; ``year_column``: the column whose
    text begins with the year, as a school year does. Values that ``valid`` does not know are not judged.
    """

    year_column: str
    valid: Mapping[str, Sequence[int | None]]

    map_metric = _registered("column_values.valid_in_year", "year_column", "valid")
    success_keys = ("year_column", "valid", "mostly")


class ExpectColumnLessOthersToBeBetween(ColumnMapExpectation):
    """``column`` less all ``others`` lies between the bounds (``checks.Apart`` says what each column counts for)."""

    others: Sequence[str]
    min_value: float | None = None
    max_value: float | None = None

    map_metric = _registered("column_values.apart", "others", "min_value", "max_value")
    success_keys = ("others", "min_value", "max_value", "mostly")


class ExpectColumnDatesInSeason(ColumnMapExpectation):
    """Each date lies between ``first`` and ``last`` of the year of its row; one of them may be left out.

    The bounds are written ``J-08-01`` and ``J+1-07-31``, where J is the year that the text of ``year_column`` begins
    with.
    """

    year_column: str
    first: str | None = None
    last: str | None = None

    map_metric = _registered("column_values.in_season", "year_column", "first", "last")
    success_keys = ("year_column", "first", "last", "mostly")


class ExpectColumnValuesToAgreeWithin(ColumnMapExpectation):
    """All rows with the same values of the columns ``within`` have the same value; the few beside the most are told."""

    within: Sequence[str]

    map_metric = _registered("column_values.agree_within", "within")
    success_keys = ("within", "mostly")


def run_suite(frame: pl.LazyFrame, contract: Contract, suite: Suite) -> ExpectationSuiteValidationResult:
    """Hold a table against its suite.

    ``frame``: the contract's columns as String (``_row`` may stand beside them). Returns an ordinary result with one
    entry per expectation, counts only. Raises ``CheckImpossible``, ``UnknownMetric`` or ``ValidationBroke``.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    datasource = TextDatasource(name="lossless_text")
    context.add_datasource(datasource=datasource)
    asset = datasource.add_dataframe_asset(contract.file)
    batch = asset.add_batch_definition_whole_dataframe(f"v{contract.version}").get_batch({"dataframe": pd.DataFrame()})
    engine: TextEngine = datasource.get_execution_engine()
    lists: dict[str, Any] = {}
    engine.about(frame, contract, lists)
    short = [_short(expectation, lists) for expectation in suite.expectations]
    with _configurations_kept():
        # A validation definition would serialise suite and result once more, into a store in memory that nobody reads.
        gx_suite = gx.ExpectationSuite(name=suite.name, expectations=short)
        result = batch.validate(gx_suite, result_format=_COUNTS_ONLY)
    if engine.failure is not None:
        raise engine.failure from None
    if len(result.results) != len(suite.expectations) or any(_raised(one.exception_info) for one in result.results):
        raise ValidationBroke(
            f"Great Expectations did not judge every rule for {contract.file}.",
            f"Compare its version ({gx.__version__}) with the proved ones ({', '.join(PROVED_ON)}).",
        )
    declared = {expectation.meta.id: expectation for expectation in suite.expectations}
    for one in result.results:
        one.expectation_config = _in_full(one.expectation_config, declared)
    return result


_configuration: Callable[[GxExpectation], ExpectationConfiguration] = vars(GxExpectation)["configuration"].fget
_kept: ContextVar[dict[int, tuple[GxExpectation, ExpectationConfiguration]] | None] = ContextVar("kept", default=None)


def _known_configuration(expectation: GxExpectation) -> ExpectationConfiguration:
    kept = _kept.get()
    if kept is None:
        return _configuration(expectation)
    if id(expectation) not in kept:
        # With the expectation itself, so that no other one gets its id meanwhile.
        kept[id(expectation)] = (expectation, _configuration(expectation))
    return kept[id(expectation)][1]


GxExpectation.configuration = property(_known_configuration)  # type: ignore[method-assign, assignment]


@contextmanager
def _configurations_kept() -> Iterator[None]:
    """Work the configuration of each expectation out once for all that the block does.

    Great Expectations makes it anew at each look, some ninety times per expectation, which was a third of a run.
    Nothing changes an expectation while a suite runs.
    """
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def check_of(expectation: Expectation) -> Check | None:
    """The question about rows that an expectation asks; None when it is about the table as a whole."""
    metric = f"{getattr(get_expectation_impl(expectation.type), 'map_metric', None)}{_COUNT}"
    kwargs = dict(expectation.kwargs)
    return _COUNTED[metric](kwargs, kwargs, _condition(kwargs.get("row_condition"))) if metric in _COUNTED else None


def _short(expectation: Expectation, lists: dict[str, Any]) -> dict[str, Any]:
    """An expectation as Great Expectations runs it: a long list of values is a token, which the engine looks up.

    Great Expectations copies, hashes and serialises each argument some eighty times, which would cost most of a run.
    """
    kwargs = dict(expectation.kwargs)
    for name, (shape, _) in _LONG.items():
        if name in kwargs:
            token = f"list {len(lists)}"
            lists[token] = kwargs[name]
            kwargs[name] = shape(token)
    return {"type": expectation.type, "kwargs": kwargs, "meta": {"id": expectation.meta.id}}


def _in_full(ran: Any, declared: Mapping[str, Expectation]) -> ExpectationConfiguration:
    """The expectation that ran as it was declared, for the result to show."""
    expectation = declared[ran.meta["id"]]
    return ExpectationConfiguration(
        type=expectation.type,
        kwargs=dict(ran.kwargs) | dict(expectation.kwargs),
        meta=expectation.meta.model_dump(mode="json"),
        description=expectation.meta.sentence,
        severity=FailureSeverity.CRITICAL if expectation.meta.severity == "blocking" else FailureSeverity.WARNING,
        id=ran.id,
    )


def _raised(info: dict[str, Any] | None) -> bool:
    """Whether an expectation's result is an exception: one flag, or one flag per failed metric."""
    if not info:
        return False
    flags = [info] if "raised_exception" in info else list(info.values())
    return any(flag["raised_exception"] if isinstance(flag, dict) else True for flag in flags)


def _question(metric: MetricConfiguration, columns: tuple[str, ...], lists: Mapping[str, Any]) -> object:
    """A metric as a check to count, or as the answer itself where that is known without counting."""
    name, domain, value = metric.metric_name, dict(metric.metric_domain_kwargs), dict(metric.metric_value_kwargs)
    value |= {key: lists[token(value[key])] for key, (_, token) in _LONG.items() if key in value}
    where = _condition(domain.get("row_condition"))
    if name == "table.columns":
        return list(columns)
    if name == "table.column_types":
        return [{"name": column, "type": "str"} for column in columns]
    if name == "table.row_count":
        return ask.Rows(where)
    if name.endswith(_NEVER_FETCHED) and name.rsplit(".", 1)[0] + _COUNT in _COUNTED:
        return []
    if name.endswith(".filtered_row_count"):
        return ask.Rows(_both(where, _considered(domain)))
    if name in _COUNTED:
        return _COUNTED[name](domain, value, where)
    raise UnknownMetric(
        f"A suite asks for the metric {name!r}, which this engine can't count.",
        "Write the rule with another expectation, or teach rod_pipeline/quality/engine.py to count it.",
    )


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
