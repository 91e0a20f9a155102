"""What people write in the documentation is true: links lead somewhere, what is named exists, the map has it all."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from docs.generator.markdown import ROOT
from docs.generator.site import OUTSIDE, navigation
from tests.performance.bench import APART, BENCHMARKS

PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / source for source in OUTSIDE)]
INDEX = (ROOT / "docs" / "README.md").read_text("utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")
PROMISES = (ROOT / "docs" / "explanation" / "promises.md").read_text("utf-8")
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:rod_pipeline|assets|expectations|deployments|tests|docs)/[\w./-]*[\w/])`")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(?:(\w+)::)?(test_\w+)`")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """What a link into ``page`` may name: its headings, the way that GitHub turns them into anchors, and its ids."""
    text = page.read_text("utf-8")
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    headings = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return headings | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors(there), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_nothing_waits_to_be_filled_in(page: Path) -> None:
    assert not re.search(r"@[A-Z_]+@|\bTODO\b|\bTBD\b", page.read_text("utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_paths_that_are_named_exist(page: Path) -> None:
    for path in _PATH.findall(page.read_text("utf-8")):
        assert (ROOT / path).exists(), f"{path} isn't there"


def test_every_promise_is_answered_for_by_tests_that_exist() -> None:
    sections = re.split(r"^## ", PROMISES, flags=re.MULTILINE)[1:]
    assert [section.split(".")[0] for section in sections] == [str(number) for number in range(1, 12)]
    for section in sections:
        guards = _TEST.findall(section)
        assert guards, f"nothing guards promise {section.splitlines()[0]}"
        for path, group, test in guards:
            assert test in names_of_tests(ROOT / path, group), f"{path}::{group}::{test} isn't there"


def names_of_tests(path: Path, group: str) -> set[str]:
    """The tests of a file that are in every run: a promise that a soak alone guards is unguarded most of the time."""
    text = path.read_text("utf-8")
    assert "pytestmark" not in text, f"{path.name}: say it of each test"
    body = ast.parse(text).body
    if group:
        (body,) = [node.body for node in body if isinstance(node, ast.ClassDef) and node.name == group]
    tests = [node for node in body if isinstance(node, ast.FunctionDef)]
    return {test.name for test in tests if "pytest.mark.soak" not in map(ast.unparse, test.decorator_list)}


def test_every_benchmark_is_run_by_make_bench() -> None:
    modules = {path.stem for path in (ROOT / "tests" / "performance").glob("*.py")}
    assert modules == {*BENCHMARKS, *APART}, "add it to tests/performance/bench.py"


def test_decisions_are_numbered_without_gaps() -> None:
    assert [path.name[:4] for path in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_says_why_what_and_what_follows(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith(f"# {int(page.name[:4])}. ")
    for part in ("**Context.**", "**Decision.**", "**Consequences.**"):
        assert text.count(part) == 1


def pages_in(navigation: list[Any]) -> list[str]:
    below = [pages_in(each) for entry in navigation if isinstance(entry, dict) for each in entry.values()]
    return [entry for entry in navigation if isinstance(entry, str)] + [page for pages in below for page in pages]


def test_every_page_stands_in_the_navigation_which_is_the_index() -> None:
    expected = {path.relative_to(ROOT / "docs").as_posix() for path in PAGES if path.is_relative_to(ROOT / "docs")}
    assert sorted(pages_in(navigation(INDEX))) == sorted(expected | set(OUTSIDE.values()))


def test_the_index_sends_nobody_to_a_page_twice() -> None:
    rows = [line for line in INDEX.splitlines() if line.startswith("| ")]
    targets = [target for row in rows for target in _LINK.findall(row)]
    assert sorted({target for target in targets if targets.count(target) > 1}) == []


def test_the_navigation_follows_the_headings_of_the_index() -> None:
    text = "[a](a.md)\n## One\n| x | [b](b.md), [b](b.md#c) |\n### Part\n[d](d.md) [e](../SECURITY.md)\n"
    text += "## Empty\n## Two\n[f](f.md)\n"
    below = ["b.md", {"Part": ["d.md", "project/security.md"]}]
    assert navigation(text) == ["README.md", {"One": below}, {"Two": ["f.md"]}]


def test_what_the_glossary_names_in_code_is_there() -> None:
    rows = [line.split(" | ") for line in GLOSSARY.splitlines() if line.startswith("| ") and " | " in line]
    named = {name for row in rows for name in re.findall(r"`([\w.]+)`", row[-1])}
    assert len(named) > 50
    for name in named:
        *modules, last = name.split(".")
        if last.islower():
            modules.append(last)
        places = [folder.joinpath(*modules) for folder in (ROOT / "rod_pipeline", ROOT)]
        assert any(place.exists() or place.with_suffix(".py").exists() for place in places), name
        if not last.islower():
            text = places[0].with_suffix(".py").read_text("utf-8")
            assert re.search(rf"^(class {last}\b|{last} = )", text, re.MULTILINE), name


def test_the_glossary_is_in_order_and_says_each_word_once() -> None:
    words = []
    for section in re.split(r"^##+ .*$", GLOSSARY, flags=re.MULTILINE):
        here = re.findall(r"^\| (?!Word )(.+?) \|", section, re.MULTILINE)
        assert here == sorted(here, key=str.casefold)
        words += here
    assert len(words) == len(set(words)) > 100
