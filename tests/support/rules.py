"""The rules of a file without Great Expectations: as checks to count, and small clean tables to count them in."""

from collections.abc import Mapping
from functools import cache

import polars as pl

from expectations import suite_for
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FileKind
from rod_pipeline.quality import checks as ask
from rod_pipeline.quality import counting, metrics
from rod_pipeline.quality.engine import check_of
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
    check = check_of(expectation)
    assert check is not None
    return check


def condition_of(expectation: Expectation) -> ask.Condition | None:
    """Which rows a rule looks at."""
    return metrics._condition(expectation.kwargs.get("row_condition"))


def count(kind: FileKind, frame: pl.DataFrame) -> dict[str, int]:
    """How many rows break each rule about rows."""
    asked = {rule: as_check(each) for rule, each in expectations(kind).items() if is_about_rows(each)}
    found = counting.count(frame.lazy(), BOOK.get(kind), asked.values())
    return {rule: found[check] for rule, check in asked.items()}
