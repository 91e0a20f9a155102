"""Voorschrift 3b and section 6 (dataminimalisatie) of the decree: what an institution gets of its students' rows."""

import pytest

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FileKind
from rod_pipeline.packages.allowed import allowed

BOOK = ContractBook.load()
FILES = tuple(allowed().own_rows)
SPECIAL = {"29.44.13", "29.44.14", "08.06.20"}
"""Rubrieken of annex 1 on origin and on health: article 9 AVG."""


@pytest.mark.parametrize("file", FILES)
def test_every_column_was_looked_at_and_leaves_or_stays_for_a_reason(file: FileKind) -> None:
    own = allowed().own_rows[file]
    columns = [column.name for column in BOOK.get(file).columns]
    assert sorted([*own.columns, *own.left_out]) == sorted(columns)
    assert all(len(reason) > 10 for reason in (*own.columns.values(), *own.left_out.values()))


@pytest.mark.parametrize("file", FILES)
def test_no_pseudonym_of_duo_and_no_special_category_leaves(file: FileKind) -> None:
    own = set(allowed().own_rows[file].columns)
    for column in BOOK.get(file).columns:
        if column.type == "pseudonym" or column.rubriek in SPECIAL:
            assert column.name not in own


@pytest.mark.parametrize("file", FILES)
def test_no_day_of_a_student_leaves(file: FileKind) -> None:
    """But the day of reference, which all students have in common."""
    own = set(allowed().own_rows[file].columns)
    days = {column.name for column in BOOK.get(file).columns if column.type == "date"}
    assert own & days <= {"peildatum"}


@pytest.mark.parametrize("file", FILES)
def test_rows_are_chosen_by_the_institution_that_has_the_student(file: FileKind) -> None:
    own = allowed().own_rows[file]
    (column,) = [column for column in BOOK.get(file).columns if column.name == own.institution]
    assert column.rubriek == "05.01.10"
    assert own.institution in own.columns
