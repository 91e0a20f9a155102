"""The runbooks: one section for each error code that answers five questions, and names only what exists."""

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from docs.generator.errors import INTERNAL, error_classes
from rod_pipeline.cli import application
from rod_pipeline.doctor import CHECKS as DOCTOR
from rod_pipeline.orchestration.doctoring import CHECKS as DOCTOR_OF_DAGSTER
from rod_pipeline.runbooks import FOLDER, PARTS, address, section
from rod_pipeline.settings import Settings

CODES = sorted({cls.code for cls in error_classes()} | set(INTERNAL))
PAGES = sorted(FOLDER.glob("ROD-*.md"))
_PART = re.compile(r"^- \*\*(.+?)\.\*\* (\S.*)$")


@pytest.mark.parametrize("code", CODES)
def test_a_code_has_a_runbook_that_answers_all_five_questions(code: str) -> None:
    path, anchor = address(code).split("#")
    lines = [line for line in (section(code) or "").splitlines() if line]
    assert lines[:1] == [f"## {code}"], f"{path} has no section {code}"
    assert anchor == code.lower()
    parts = [_PART.match(line) for line in lines[1:]]
    assert [part and part[1] for part in parts] == list(PARTS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_about_the_codes_of_its_area_each_once(page: Path) -> None:
    of_this_area = [code for code in CODES if code.rpartition("-")[0] == page.stem]
    assert re.findall(r"^## (.+)$", page.read_text("utf-8"), re.MULTILINE) == of_this_area


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_only_what_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    assert set(re.findall(r"ROD-[A-Z]+-[0-9]{2}", text)) <= set(CODES)
    for command in re.findall(r"`(rod [^`]+)`", text):
        _exists(command)
    known = _settings(Settings)
    sections = "|".join(sorted({name.partition(".")[0] for name in known if "." in name}))
    named = set(re.findall(rf"`((?:{sections})\.[a-z_]+)`", text))
    assert {name for name in named if not name.endswith((".toml", ".yaml"))} <= known
    lines = re.findall(r"`rod doctor`[^.;:]*?\blines? ((?:\*[\w' ]+\*(?:, | and )?)+)", text)
    subjects = {subject for line in lines for subject in re.findall(r"\*([^*]+)\*", line)}
    subjects |= set(re.findall(r"`rod doctor` is good about \*([^*]+)\*", text))
    assert subjects <= {*DOCTOR, *DOCTOR_OF_DAGSTER}


def test_what_does_not_exist_would_be_noticed() -> None:
    for wrong in ("rod frobnicate", "rod ledger frobnicate", "rod rerun 2025-12 --force", "rod hold lift --by FG"):
        with pytest.raises(AssertionError):
            _exists(wrong)


def test_there_is_no_section_of_a_code_that_nobody_wrote() -> None:
    assert section("ROD-STORE-99") is None
    assert section("ROD-NOWHERE-01") is None


def _exists(command: str) -> None:
    """The command and its options are there; arguments are taken for what they are."""
    words = shlex.split(command)[1:]
    at = _rod()
    while commands := getattr(at, "commands", None):
        assert words and words[0] in commands, f"there is no command `{command}`"
        at = commands[words.pop(0)]
    options = {name for parameter in at.params for name in parameter.opts}
    for word in words:
        assert not word.startswith("--") or word in options, f"`{command}` has no option {word}"


@cache
def _rod() -> Any:
    return typer.main.get_command(application())


def _settings(model: type[BaseModel], prefix: str = "") -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        found.add(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= _settings(field.annotation, f"{prefix}{name}.")
    return found
