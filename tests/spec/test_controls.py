"""The list of controls names what exists: tests, files, tables of a dossier, and the conditions of the decree."""

import ast
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from rod_pipeline.audit.account import Account
from rod_pipeline.audit.controls import Control, load_controls, words_of
from rod_pipeline.audit.dossier import tables_of
from rod_pipeline.decree import load_decree

ROOT = Path(__file__).parents[2]
CONTROLS = load_controls()
DECREE = load_decree()


@cache
def named_in(path: str) -> frozenset[str]:
    """The tests of a file: ``test_x``, and ``Class::test_x`` of a class."""
    found = set()
    for node in ast.parse((ROOT / path).read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return frozenset(found)


@pytest.mark.parametrize("control", CONTROLS.controls, ids=lambda control: control.code)
def test_what_proves_a_control_exists(control: Control) -> None:
    for test in control.tests:
        path, _, name = test.partition("::")
        assert name in named_in(path), f"{test} isn't there"
    for path in control.code_paths:
        assert (ROOT / path).is_file(), f"{path} isn't there"
    tables = {table.name for table in tables_of(Account(), DECREE, date(2026, 1, 1))}
    assert set(control.tables) <= tables


def test_every_condition_of_the_decree_is_answered_for() -> None:
    """Besluit 55352791, section 3, a to j, and section 5."""
    assert [one.code for one in CONTROLS.conditions] == [*(f"3{letter}" for letter in "abcdefghij"), "5"]
    for one in CONTROLS.conditions:
        assert words_of(DECREE, one.code)


def test_every_threat_of_the_threat_model_names_controls_that_exist() -> None:
    page = (ROOT / "docs" / "explanation" / "threat-model.md").read_text("utf-8")
    known = {control.code for control in CONTROLS.controls}
    named = {
        word.strip("`,.|")
        for word in page.split()
        if word.strip("`,.|")[:1] == "M" and word.strip("`,.|")[1:].isdigit()
    }
    assert named <= known, named - known
    assert known <= named, f"no threat is answered by {known - named}"
