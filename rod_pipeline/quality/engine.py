"""Great Expectations over our own counting: the one module that knows its internals.

Belongs here: an execution engine that answers the metrics of a suite from ``checks``, and running a suite with it.
Does not belong here: which metric asks what (``metrics``), what a check means (``checks``), what a result means to us
(``report``).

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
from rod_pipeline.quality.checks import Check
from rod_pipeline.quality.counting import count
from rod_pipeline.quality.metrics import COUNT, counted, question
from rod_pipeline.quality.suite import Expectation, Suite

PROVED_ON = ("1.24.1",)
"""Versions of Great Expectations on which every count was held against the row-by-row reference."""

_COUNTS_ONLY = {"result_format": "BASIC", "exclude_unexpected_values": True, "partial_unexpected_count": 0}
ROW = "_row"
_LONG: dict[str, tuple[Callable[[str], Any], Callable[[Any], str]]] = {
    "value_set": (lambda token: [token], lambda given: given[0]),
    "value_pairs_set": (lambda token: [[token, token]], lambda given: given[0][0]),
    "valid": (lambda token: {token: [None, None]}, lambda given: next(iter(given))),
}
"""Arguments that may be long, and how a token takes their place and is read from it."""


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
            questions = {metric.id: self._question(metric) for metric in metrics_to_resolve}
            asked = [asks for asks in questions.values() if isinstance(asks, Check)]
            counts = count(self.frame, self.contract, asked)
        except Exception as failure:
            # Great Expectations logs what an engine raises and goes on: kept here, raised again by run_suite.
            self.failure = self.failure or failure
            raise
        return {metric: counts[asks] if isinstance(asks, Check) else asks for metric, asks in questions.items()}

    def _question(self, metric: MetricConfiguration) -> object:
        domain, value = dict(metric.metric_domain_kwargs), dict(metric.metric_value_kwargs)
        value |= {key: self.lists[token(value[key])] for key, (_, token) in _LONG.items() if key in value}
        return question(metric.metric_name, domain, value, self.columns)


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
    metric = f"{getattr(get_expectation_impl(expectation.type), 'map_metric', None)}{COUNT}"
    return counted(metric, dict(expectation.kwargs), dict(expectation.kwargs))


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
