"""The suites: every declared fact has a rule, and a rule says all that a person needs when it breaks."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from pydantic import TypeAdapter

from expectations import BadSuite, loader, suite_for, written_for
from expectations.derived import derived_from
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS, ColumnType, FileKind
from rod_pipeline.ledger.events import Code
from rod_pipeline.quality import CheckReport, Suite, validate_file
from rod_pipeline.synthetic.population import Population
from tests.support.synthetic import tables, zipped

BOOK = ContractBook.load()
KEY = "2025-12"


@cache
def clean(seed: int = 1) -> Mapping[FileKind, pl.DataFrame]:
    return tables(zipped(KEY, Population(seed=seed, scale=0.002), BOOK), BOOK)


def judged(kind: FileKind, frame: pl.DataFrame) -> CheckReport:
    return validate_file(frame.lazy(), BOOK.get(kind), suite_for(BOOK.get(kind), BOOK))


def failed(report: CheckReport) -> dict[str, int]:
    return {result.id: result.failed for result in report.broken}


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_every_declared_fact_of_a_column_has_a_rule(kind: FileKind) -> None:
    contract = BOOK.get(kind)
    ids = {expectation.meta.id for expectation in suite_for(contract, BOOK).expectations}
    written = {expectation.meta.id for expectation in written_for(kind)}
    wanted = {f"{kind}.columns", f"{kind}.rows", f"{kind}.key"}
    for column in contract.columns:
        facts = {
            "missing": not column.nullable,
            "type": column.type not in (ColumnType.CODE, ColumnType.PSEUDONYM),
            "pattern": column.pattern is not None,
            "values": column.values is not None and bool(BOOK.value_list(column.values).values),
            "years": column.values is not None and bool(BOOK.value_list(column.values).valid),
            "range": column.minimum is not None or column.maximum is not None,
        }
        by_judgement = any(rule.startswith(f"{kind}.{column.name}.") for rule in written)
        assert any(facts.values()) or by_judgement, f"nothing guards {column.name}"
        wanted |= {f"{kind}.{column.name}.{fact}" for fact, holds in facts.items() if holds}
    assert ids >= wanted
    assert ids - wanted == written


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_rules_name_existing_rubrieken_and_fit_the_ledger(kind: FileKind) -> None:
    from rod_pipeline.decree import load_decree

    known = {rubriek.code for rubriek in load_decree().rubrieken}
    for expectation in suite_for(BOOK.get(kind), BOOK).expectations:
        assert set(expectation.meta.rubrieken) <= known, expectation.meta.id
        TypeAdapter(Code).validate_python(expectation.meta.id)


def test_what_is_closed_and_sourced_blocks_and_what_is_open_or_assumed_warns() -> None:
    told = {"values": set(), "pattern": set(), "range": set(), "years": set(), "type": set()}
    for kind in FILE_KINDS:
        contract = BOOK.get(kind)
        for expectation in derived_from(contract, BOOK.value_list):
            _, name, *fact = expectation.meta.id.split(".")
            if fact:
                column = contract.column(name)
                loose = fact == ["values"] and column.values is not None and BOOK.value_list(column.values).open
                told.setdefault(fact[0], set()).add((loose or column.assumed, expectation.meta.severity))
    weighed = {(True, "warning"), (False, "blocking")}
    assert told["values"] == told["pattern"] == weighed
    assert told["range"] == weighed
    assert told["years"] == {(False, "warning")}
    assert {severity for _, severity in told["type"] | told["missing"]} == {"blocking"}


def test_an_empty_open_list_asks_nothing_and_the_operators_list_of_that_name_does(tmp_path: Path) -> None:
    assert not [rule for rule in _rules("diplomas", BOOK) if rule.startswith("diplomas.opleidingscode.values")]
    (tmp_path / "value_lists").mkdir()
    (tmp_path / "value_lists" / "opleidingscode.toml").write_text(
        'name = "opleidingscode"\nsource = "RIO"\nopen = true\nvalues = ["25001", "25002"]\n'
        '[valid]\n"25001" = { last = 2023-07-31 }\n',
        encoding="utf-8",
    )
    book = ContractBook.load(tmp_path)
    contract, frame = book.get("diplomas"), clean()["diplomas"].head(4)
    frame = frame.with_columns(
        opleidingscode=pl.Series(["25001", "25001", "25002", "99999"]),
        schooljaar=pl.Series(["2022-2023", "2023-2024", "2023-2024", "2023-2024"]),
    )
    suite = Suite(
        name="diplomas",
        expectations=tuple(
            each
            for each in suite_for(contract, book).expectations
            if each.meta.id.startswith("diplomas.opleidingscode.")
        ),
    )
    report = validate_file(frame.lazy(), contract, suite)
    assert failed(report) == {"diplomas.opleidingscode.values": 1, "diplomas.opleidingscode.years": 1}
    assert {result.severity for result in report.broken} == {"warning"}


def _rules(kind: FileKind, book: ContractBook) -> set[str]:
    return {expectation.meta.id for expectation in suite_for(book.get(kind), book).expectations}


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_every_rule_says_what_it_looks_at_and_why_it_may_break(kind: FileKind) -> None:
    for expectation in suite_for(BOOK.get(kind), BOOK).expectations:
        rule = expectation.meta
        assert rule.layer in ("shape", "value", "row", "table"), rule.id
        assert (rule.layer == "shape") == expectation.type.startswith("expect_table_"), rule.id
        assert len(rule.cause) > 10, rule.id
        for text in (rule.sentence, rule.zin, rule.cause, rule.remedy):
            assert text[0].isupper() or text.split()[0] in _HEADERS, (rule.id, text)
            assert text.endswith((".", "...")), (rule.id, text)


_HEADERS = {column.header.split()[0] for kind in FILE_KINDS for column in BOOK.get(kind).columns}


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_our_own_judgement_warns_unless_the_file_contradicts_itself(kind: FileKind) -> None:
    blocking = {
        expectation.meta.id
        for expectation in written_for(kind)
        if expectation.meta.severity == "blocking" and "own judgement" in expectation.meta.source
    }
    assert blocking == {f"{kind}.peildatum.known"}


def test_rows_that_share_the_key_are_counted() -> None:
    frame = clean()["inschrijvingen"]
    assert failed(judged("inschrijvingen", pl.concat([frame, frame.head(5)])))["inschrijvingen.key"] == 10


def test_a_written_rule_about_an_undeclared_column_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    contract = BOOK.get("diplomas")
    less = contract.model_copy(update={"columns": tuple(one for one in contract.columns if one.name != "hoofddiploma")})
    with pytest.raises(BadSuite, match="hoofddiploma"):
        suite_for(less, BOOK)
    monkeypatch.setattr(loader, "_SUITES", tmp_path)
    (tmp_path / "diplomas.json").write_text('{"name": "diplomas", "expectations": []}')
    with pytest.raises(BadSuite):
        suite_for(contract, BOOK)


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_a_suite_is_one_of_great_expectations(kind: FileKind) -> None:
    import great_expectations as gx

    import rod_pipeline.quality.engine  # registers our expectation  # noqa: F401

    suite: Suite = suite_for(BOOK.get(kind), BOOK)
    form = json.loads(suite.model_dump_json())
    assert len(gx.ExpectationSuite(**form).expectations) == len(suite.expectations)
