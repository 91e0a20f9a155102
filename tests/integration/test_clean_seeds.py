"""Clean deliveries break no rule of any file: no false alarm, blocking or warning. Two in every run, ten in a soak."""

import polars as pl
import pytest

from rod_pipeline.contracts.model import FILE_KINDS, FileKind
from rod_pipeline.quality import checks as ask
from rod_pipeline.quality import counting
from rod_pipeline.quality.suite import Expectation
from tests.support.rules import BOOK, clean, condition_of, count, expectations
from tests.support.soak import in_soak

SEEDS = [101, 102, *in_soak(range(103, 111))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("key", ["2025-12", "2026-08"])
def test_a_clean_delivery_breaks_no_rule(seed: int, key: str) -> None:
    broken = {}
    for kind in FILE_KINDS:
        frame = clean(seed, 0.001, key)[kind]
        assert frame.height > 0
        for rule, failed in count(kind, frame).items():
            if failed > _allowed(kind, frame, expectations(kind)[rule]):
                broken[rule] = failed
    assert broken == {}


def _allowed(kind: FileKind, frame: pl.DataFrame, rule: Expectation) -> float:
    """How many exceptions a rule allows for (``mostly``)."""
    if "mostly" not in rule.kwargs:
        return 0
    rows = ask.Rows(condition_of(rule))
    return (1 - float(rule.kwargs["mostly"])) * counting.count(frame.lazy(), BOOK.get(kind), [rows])[rows]
