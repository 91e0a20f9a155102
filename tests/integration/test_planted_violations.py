"""For every rule of every file: breaches that were planted are found, and counted exactly.

One small clean delivery; each rule is broken by itself and counted without Great Expectations, then many at once are
counted with it. What is counted is held against a second, naive reading (``tests.support.quality``), row by row.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import pytest

from rod_pipeline.contracts.model import FILE_KINDS, FileKind
from rod_pipeline.quality import Suite, counting, validate_file
from tests.support.planting import PLANTERS, plant
from tests.support.quality import naive
from tests.support.rules import BOOK, as_check, clean, count, expectations, is_about_rows

PLANTED = 7
EVERY = [(kind, rule) for kind in FILE_KINDS for rule, each in expectations(kind).items() if is_about_rows(each)]
WHOLE = [(kind, rule) for kind in FILE_KINDS for rule, each in expectations(kind).items() if not is_about_rows(each)]


@cache
def unbroken(kind: FileKind) -> Mapping[str, int]:
    """What each rule counts in the clean file."""
    return count(kind, clean()[kind])


def test_every_type_of_expectation_in_the_suites_has_a_way_to_break_it() -> None:
    assert {expectations(kind)[rule].type for kind, rule in EVERY} <= set(PLANTERS)


@pytest.mark.parametrize(("kind", "rule"), EVERY, ids=[rule for _, rule in EVERY])
def test_a_planted_breach_is_counted_exactly(kind: FileKind, rule: str) -> None:
    expectation, contract, frame = expectations(kind)[rule], BOOK.get(kind), clean()[kind]
    check = as_check(expectation)
    before = unbroken(kind)[rule]
    spoilt = plant(frame, contract, expectation, range(PLANTED))
    found = counting.count(spoilt.lazy(), contract, [check])[check]
    if "mostly" in expectation.kwargs:  # some rows break it in a clean file too
        assert found == naive(spoilt.to_dicts(), contract, check) > before
    else:
        assert (before, found) == (0, PLANTED)


@pytest.mark.parametrize(("kind", "rule"), WHOLE, ids=[rule for _, rule in WHOLE])
def test_a_rule_about_the_table_as_a_whole_is_broken_by_another_table(kind: FileKind, rule: str) -> None:
    expectation, contract, frame = expectations(kind)[rule], BOOK.get(kind), clean()[kind]
    spoilt = {"columns": frame.drop(frame.columns[-1]), "rows": frame.clear()}[rule.rpartition(".")[2]]
    alone = Suite(name="alone", expectations=(expectation,))
    for table, failed in ((frame, 0), (spoilt, 1)):
        (result,) = validate_file(table.lazy(), contract, alone).results
        assert (result.failed, result.passed) == (failed, not failed)


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_many_at_once_are_counted_alike_with_great_expectations_and_row_by_row(kind: FileKind) -> None:
    contract, frame = BOOK.get(kind), clean()[kind]
    rules: Sequence[str] = [rule for of, rule in EVERY if of == kind]
    each = max(1, min(3, frame.height // (3 * len(rules))))
    for at, rule in enumerate(rules):
        first = at * 3 * each % (frame.height - 3 * each)
        frame = plant(frame, contract, expectations(kind)[rule], range(first, first + each))
    suite = Suite(name=kind, expectations=tuple(expectations(kind).values()))
    report = validate_file(frame.lazy(), contract, suite)
    told = {result.id: result.failed for result in report.results if result.id in rules}
    rows = frame.to_dicts()
    assert told == {rule: naive(rows, contract, as_check(expectations(kind)[rule])) for rule in rules}
    assert told == count(kind, frame)
    assert sum(told[rule] > 0 for rule in rules) >= 0.95 * len(rules)
