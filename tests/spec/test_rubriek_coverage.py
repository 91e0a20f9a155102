"""Every rubriek of the annex is guarded by what can be known of it, or it is said why nothing more can be known."""

import pytest

from docs.generator.coverage import coverage
from docs.generator.runbook import every_rule
from expectations import suite_for
from expectations.coverage import NOTHING_MORE, beyond_itself, by_layer
from expectations.loader import columns_of
from rod_pipeline.contracts import ContractBook
from rod_pipeline.decree import Rubriek, load_decree

BOOK = ContractBook.load()
RUBRIEKEN = load_decree().rubrieken
COLUMNS = [
    (file, column.name) for file in BOOK.files() for column in BOOK.get(file).columns if column.rubriek is not None
]


@pytest.mark.parametrize("rubriek", RUBRIEKEN, ids=lambda rubriek: rubriek.code)
def test_a_rubriek_is_held_against_something_else_or_it_is_said_why_not(rubriek: Rubriek) -> None:
    guarded = by_layer(rubriek.code, every_rule())
    assert guarded.get("value") or guarded.get("row"), "nothing looks at its values"
    assert beyond_itself(guarded) == (rubriek.code not in NOTHING_MORE)


@pytest.mark.parametrize(("file", "name"), COLUMNS, ids=[f"{file}.{name}" for file, name in COLUMNS])
def test_each_column_has_a_rule_beyond_being_there(file: str, name: str) -> None:
    suite = suite_for(BOOK.get(file), BOOK)
    looking = [
        each.meta.id
        for each in suite.expectations
        if name in columns_of(each) and each.meta.id not in (f"{file}.{name}.missing", f"{file}.key")
    ]
    assert looking


def test_the_reasons_are_about_rubrieken_of_the_annex() -> None:
    assert set(NOTHING_MORE) < {rubriek.code for rubriek in RUBRIEKEN}


def test_the_page_has_a_line_for_each_rubriek() -> None:
    lines = [line for line in coverage().splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines] == [rubriek.code for rubriek in RUBRIEKEN]
    assert len(lines) == 94
