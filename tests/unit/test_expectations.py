"""The suites: every declared fact has a rule, every rule finds exactly what was planted, and clean data breaks none."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from pydantic import TypeAdapter

from expectations import BadSuite, loader, suite_for, written_for
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS, Column, ColumnType, Contract, FileKind
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
            "values": column.values is not None,
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


def test_an_unknown_value_blocks_a_closed_list_and_warns_of_an_open_one() -> None:
    severities = {}
    for kind in FILE_KINDS:
        contract = BOOK.get(kind)
        for expectation in suite_for(contract, BOOK).expectations:
            name = expectation.meta.id.removeprefix(f"{kind}.").removesuffix(".values")
            if expectation.meta.id.endswith(".values"):
                severities[BOOK.value_list(contract.column(name).values or "").open] = expectation.meta.severity
    assert severities == {True: "warning", False: "blocking"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_clean_files_break_no_rule(seed: int) -> None:
    assert {kind: failed(judged(kind, frame)) for kind, frame in clean(seed).items()} == {
        kind: {} for kind in FILE_KINDS
    }


def _bad_value(column: Column, contract: Contract) -> str:
    """A value that breaks everything that can be said of a text: type, pattern and list."""
    return "~" * 130 if column.type is not ColumnType.BOOLEAN else "misschien"


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_what_was_planted_in_each_column_is_counted_exactly(kind: FileKind) -> None:
    contract, planted, expected = BOOK.get(kind), clean()[kind], dict[str, int]()
    at = pl.int_range(planted.height)
    for column in contract.columns:
        name = pl.col(column.name)
        changed = pl.when(at < 4).then(pl.lit(_bad_value(column, contract))).otherwise(name)
        rules = f"{kind}.{column.name}"
        if not column.nullable:
            changed = pl.when(at.is_between(4, 6)).then(None).otherwise(changed)
            expected[f"{rules}.missing"] = 3
        if column.type not in (ColumnType.CODE, ColumnType.PSEUDONYM):
            expected[f"{rules}.type"] = 4
        if column.pattern is not None:
            expected[f"{rules}.pattern"] = 4
        if column.values is not None:
            expected[f"{rules}.values"] = 4
        if column.minimum is not None or column.maximum is not None:
            beyond = column.maximum + 1 if column.maximum is not None else (column.minimum or 0) - 1
            changed = pl.when(at.is_between(7, 11)).then(pl.lit(f"{beyond:g}")).otherwise(changed)
            expected[f"{rules}.range"] = 5
        planted = planted.with_columns(changed.alias(column.name))
    found = failed(judged(kind, planted))
    assert {rule: found.get(rule) for rule in expected} == expected


WRITTEN: Mapping[str, tuple[FileKind, Callable[[pl.DataFrame], pl.DataFrame], int]]


def _set(rows: int = 3, **values: str | None) -> Callable[[pl.DataFrame], pl.DataFrame]:
    at = pl.int_range(pl.len()) < rows
    return lambda frame: frame.with_columns(
        pl.when(at).then(pl.lit(value, dtype=pl.String)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def _same(**values: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Two rows of a student that nobody else is."""
    return _set(2, sectornummer="zzzzzzzzzz", instellingscode="99ZZ", schooljaar="2024-2025", **values)


WRITTEN = {
    "inschrijvingen.datum_uitschrijving_werkelijk.order": (
        "inschrijvingen",
        _set(datum_inschrijving="02-09-2024", datum_uitschrijving_werkelijk="01-09-2024"),
        3,
    ),
    "inschrijvingen.datum_uitschrijving_gepland.order": (
        "inschrijvingen",
        _set(datum_inschrijving="02-09-2024", datum_uitschrijving_gepland="00-08-2024"),
        3,
    ),
    "inschrijvingen.periode.order": ("inschrijvingen", _set(datum_inschrijving="02-09-2024", periode="01-09-2024"), 3),
    "inschrijvingen.periode.end": (
        "inschrijvingen",
        _set(periode="02-09-2024", datum_uitschrijving_werkelijk="01-09-2024"),
        3,
    ),
    "inschrijvingen.datum_inschrijving.known": ("inschrijvingen", _set(datum_inschrijving="02-12-2025"), 3),
    "inschrijvingen.hoofdinschrijving_instelling.once": (
        "inschrijvingen",
        _same(hoofdinschrijving_instelling="J"),
        2,
    ),
    "inschrijvingen.hoofdinschrijving_mbo.once": ("inschrijvingen", _same(hoofdinschrijving_mbo="J"), 2),
    "inschrijvingen.hoofdinschrijving_mbo.within": (
        "inschrijvingen",
        _set(hoofdinschrijving_mbo="J", hoofdinschrijving_instelling="N"),
        3,
    ),
    "inschrijvingen.reden_uitstroom.unasked": (
        "inschrijvingen",
        _set(datum_uitschrijving_werkelijk=None, reden_uitstroom="01"),
        3,
    ),
    "inschrijvingen.leerweg.ended": ("inschrijvingen", _set(datum_inschrijving="01-08-2023", leerweg="BOL_DT"), 3),
    "inschrijvingen.niveau.agrees": ("inschrijvingen", _set(niveau="MBO-1", niveau_inschrijf="MBO-2"), 3),
    "inschrijvingen.leerroute_vorm.asked": (
        "inschrijvingen",
        _set(doorlopende_leerroute="J", leerroute_vorm=None),
        3,
    ),
    "diplomas.datum_examen_behaald.known": ("diplomas", _set(datum_examen_behaald="02-12-2025"), 3),
    "diplomas.hoofddiploma.once": ("diplomas", _same(hoofddiploma="J"), 2),
    "doorstroom.indicatie_opstroom.population": (
        "doorstroom",
        _set(populatie_opstroom="N", indicatie_opstroom="J"),
        3,
    ),
    "doorstroom.indicatie_startersresultaat.population": (
        "doorstroom",
        _set(populatie_starter="N", indicatie_startersresultaat="J"),
        3,
    ),
    "doorstroom.passend_diploma.within": ("doorstroom", _set(passend_diploma="J", heeft_diploma="N"), 3),
    "doorstroom.kwalificatiecode_diploma.unasked": (
        "doorstroom",
        _set(heeft_diploma="N", kwalificatiecode_diploma="25000"),
        3,
    ),
    "mbo_hbo.hbo_verblijfsduur.unasked": ("mbo_hbo", _set(hbo_instroom_studiejaar=None, hbo_verblijfsduur="1"), 3),
    "mbo_hbo.hbo_schooljaren_tot_uitval.unasked": (
        "mbo_hbo",
        _set(hbo_instroom_studiejaar=None, hbo_schooljaren_tot_uitval="1"),
        3,
    ),
    "mbo_hbo.hbo_onderbrekingsduur.unasked": (
        "mbo_hbo",
        _set(hbo_instroom_studiejaar=None, hbo_onderbrekingsduur="0"),
        3,
    ),
    "mbo_hbo.hbo_jaar1_instelling.unasked": (
        "mbo_hbo",
        _set(hbo_instroom_studiejaar=None, hbo_jaar1_instelling="21PC"),
        3,
    ),
    "technisch.waarde.unasked": ("technisch", _set(uitsplitsing="totaal", waarde="BOL"), 3),
}


def test_every_written_rule_has_a_planted_violation() -> None:
    assert set(WRITTEN) == {expectation.meta.id for kind in FILE_KINDS for expectation in written_for(kind)}


@pytest.mark.parametrize("rule", WRITTEN)
def test_a_written_rule_counts_exactly_what_was_planted(rule: str) -> None:
    kind, plant, rows = WRITTEN[rule]
    assert failed(judged(kind, plant(clean()[kind])))[rule] == rows


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
