"""The rules of a file without Great Expectations: as checks to count, and small clean tables to count them in."""

from collections.abc import Mapping
from functools import cache

import polars as pl
from great_expectations.expectations.registry import get_expectation_impl

from expectations import suite_for
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FileKind
from rod_pipeline.quality import checks as ask
from rod_pipeline.quality import counting, engine
from rod_pipeline.quality.suite import Expectation
from rod_pipeline.synthetic.population import Population
from tests.support.synthetic import tables, zipped

BOOK = ContractBook.load()
KEY = "2025-12"


@cache
def clean(seed: int = 1, scale: float = 0.001, key: str = KEY) -> Mapping[FileKind, pl.DataFrame]:
    """A synthetic delivery without fault, as text under technical names."""
    return tables(zipped(key, Population(seed=seed, scale=scale), BOOK), BOOK)


@cache
def expectations(kind: FileKind) -> Mapping[str, Expectation]:
    """All rules of a kind of file by id."""
    return {each.meta.id: each for each in suite_for(BOOK.get(kind), BOOK).expectations}


def is_about_rows(expectation: Expectation) -> bool:
    """Whether a rule counts rows; the others look at the table as a whole."""
    return not expectation.type.startswith("expect_table_")


def as_check(expectation: Expectation) -> ask.Check:
    """The question that the engine asks for an expectation about rows."""
    metric = f"{get_expectation_impl(expectation.type).map_metric}.unexpected_count"
    kwargs = dict(expectation.kwargs)
    return engine._COUNTED[metric](kwargs, kwargs, condition_of(expectation))


def condition_of(expectation: Expectation) -> ask.Condition | None:
    """Which rows a rule looks at."""
    return engine._condition(expectation.kwargs.get("row_condition"))


def count(kind: FileKind, frame: pl.DataFrame) -> dict[str, int]:
    """How many rows break each rule about rows."""
    asked = {rule: as_check(each) for rule, each in expectations(kind).items() if is_about_rows(each)}
    found = counting.count(frame.lazy(), BOOK.get(kind), asked.values())
    return {rule: found[check] for rule, check in asked.items()}
