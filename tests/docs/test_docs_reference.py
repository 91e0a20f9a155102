"""The reference pages say what the code says."""

import inspect
import re

import polars as pl
import pytest

from docs.generator import PAGES, PARTS, hand_written, page, with_parts
from docs.generator.errors import INTERNAL, KINDS, bases, error_classes, raisings
from docs.generator.markdown import ROOT
from expectations.loader import suite_for
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS, FileKind
from rod_pipeline.decree import load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.orchestration.failures import UNFORESEEN
from rod_pipeline.quality.delivery import validate_delivery
from rod_pipeline.quality.history import Earlier
from rod_pipeline.quality.runbook import address
from rod_pipeline.runbooks import FOLDER
from rod_pipeline.settings import Settings, StoreSection
from tests.support.synthetic import LATER, SMALL, contracts_for, tables, zipped

MADE = ("reference", "runbooks")


@pytest.mark.parametrize("name", PAGES)
def test_a_committed_page_is_what_the_code_gives(name: str) -> None:
    assert (ROOT / "docs" / f"{name}.md").read_text("utf-8") == page(name), "run `make docs` and commit the result"


def test_no_other_page_lies_among_those_that_are_made() -> None:
    found = {path for folder in MADE for path in (ROOT / "docs" / folder).iterdir()} - set(FOLDER.glob("ROD-*.md"))
    assert found == {ROOT / "docs" / f"{name}.md" for name in PAGES}


def test_generated_parts_of_written_pages_are_what_the_code_gives() -> None:
    used = set()
    for path in hand_written():
        text = path.read_text("utf-8")
        used |= set(re.findall(r"<!-- generated: ([a-z-]+) -->", text))
        assert text == with_parts(text), f"{path.name}: run `make docs` and commit the result"
    assert used == set(PARTS)


def test_a_changed_page_would_be_noticed() -> None:
    text = "<!-- generated: zones -->\nsomething else\n<!-- end -->\n"
    assert with_parts(text) != text


def test_each_error_has_one_code_of_the_form_and_says_what_it_means() -> None:
    classes = error_classes()
    assert len(classes) > 100
    codes = [cls.code for cls in classes]
    assert len(codes) == len(set(codes)), sorted({code for code in codes if codes.count(code) > 1})
    for cls in classes:
        assert re.fullmatch(r"ROD-[A-Z]+-[0-9]{2}", cls.code), cls
        own = inspect.cleandoc(vars(cls).get("__doc__") or "")
        assert own, f"{cls.__name__} has no docstring of its own"
        assert cls.kind in KINDS


def test_no_base_class_is_raised() -> None:
    where = raisings()
    for cls in bases():
        assert not [place for place in where.get(cls, []) if place.happened], f"{cls.__name__} is raised"


def test_the_codes_without_a_class_are_those_in_the_code() -> None:
    text = "".join(path.read_text("utf-8") for path in (ROOT / "rod_pipeline").rglob("*.py"))
    assert set(re.findall(r"ROD-INTERNAL-[0-9]{2}", text)) == set(INTERNAL)
    assert UNFORESEEN in INTERNAL


def test_every_code_that_the_code_names_is_explained() -> None:
    known = {cls.code for cls in error_classes()} | set(INTERNAL)
    for folder in ("rod_pipeline", "assets", "expectations", "docs"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".md", ".toml") and path.parent.name not in MADE:
                named = set(re.findall(r"\bROD-[A-Z]+-(?!00)[0-9]{2}\b", path.read_text("utf-8")))
                assert named <= known, (path, named - known)


def test_every_rule_that_judges_a_delivery_leads_to_its_place_in_the_runbook() -> None:
    text = page("runbooks/quality")
    anchors = re.findall(r'<a id="([^"]+)"></a>', text)
    assert len(anchors) == len(set(anchors))
    book, key = ContractBook.load(), DeliveryKey.parse("2026-08")
    earlier = Earlier.of(DeliveryKey.parse("2025-12"), lazy("2025-12", book), contracts_for(book))
    judged = validate_delivery(lazy(str(key), book), contracts_for(book), key, load_decree(), LATER, [earlier])
    ids = {result.id for result in judged.results}
    ids |= {one.meta.id for file in FILE_KINDS for one in suite_for(book.get(file), book).expectations}
    assert len(ids) > 250
    assert ids - set(anchors) == set()
    assert address("a.rule") == "docs/runbooks/quality.md#a.rule"


def lazy(key: str, book: ContractBook) -> dict[FileKind, pl.LazyFrame]:
    return {kind: frame.lazy() for kind, frame in tables(zipped(key, SMALL, book), book).items()}


def test_every_setting_says_what_it_is() -> None:
    for model in (Settings, StoreSection):
        for name, field in model.model_fields.items():
            assert field.description, name
