"""The packaged contracts against the decree: every name is carried, every column has its ground."""

import re
from datetime import date

import pytest

from rod_pipeline.contracts import FILE_KINDS, Column, ColumnType, Contract, ContractBook, Span, names_identifier
from rod_pipeline.decree import load_decree

BOOK = ContractBook.load()
CONTRACTS = [BOOK.get(file) for file in BOOK.files()]
DATA_FILES = [contract for contract in CONTRACTS if contract.file != "technisch"]
COLUMNS = [(contract, column) for contract in CONTRACTS for column in contract.columns]
each_contract = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.file)
each_data_file = pytest.mark.parametrize("contract", DATA_FILES, ids=lambda contract: contract.file)


def test_there_is_a_contract_for_each_kind_of_file() -> None:
    assert BOOK.files() == FILE_KINDS


def test_every_field_name_of_the_annex_is_in_a_contract_under_its_rubriek() -> None:
    carried = {(column.rubriek, column.duo_field) for _, column in COLUMNS}
    annex = {(rubriek.code, name) for rubriek in load_decree().rubrieken for name in rubriek.duo_fields}
    # One column for a name that the annex prints under two rubrieken (ambiguity A04); it cites the first.
    assert annex - carried == {("29.44.14", "Herkomst")}
    assert ("29.44.13", "Herkomst") in carried


def test_every_rubriek_is_carried() -> None:
    assert {rubriek.code for rubriek in load_decree().rubrieken} == {
        column.rubriek for _, column in COLUMNS if column.rubriek
    }


def test_only_the_technical_data_of_the_decree_go_without_a_rubriek() -> None:
    assert {column.name for _, column in COLUMNS if column.technical} == {
        "bestand",
        "schooljaar",
        "peildatum",
        "prikdatum",
        "status",
        "uitsplitsing",
        "waarde",
        "aantal",
    }


@each_data_file
def test_data_files_begin_alike(contract: Contract) -> None:
    assert [column.name for column in contract.columns[:5]] == [
        "sectornummer",
        "schooljaar",
        "peildatum",
        "prikdatum",
        "status",
    ]
    assert contract.columns[0].type is ColumnType.PSEUDONYM
    assert not any(column.nullable for column in contract.columns[:5])


@each_contract
def test_rows_can_be_told_apart(contract: Contract) -> None:
    assert contract.key
    assert {"schooljaar", "status"} <= set(contract.key)


def test_a_name_means_the_same_in_every_file() -> None:
    meaning: dict[str, set[tuple[object, ...]]] = {}
    for _, column in COLUMNS:
        meaning.setdefault(column.name, set()).add((column.rubriek, column.type, column.values, column.pattern))
    several = {name: meanings for name, meanings in meaning.items() if len(meanings) > 1}
    assert set(several) == {"sectorkamer_diploma"}  # 29.74.06 and 29.74.14: ambiguity A22
    assert len({meaning[1:] for meaning in several["sectorkamer_diploma"]}) == 1


@pytest.mark.parametrize(("contract", "column"), COLUMNS, ids=lambda each: getattr(each, "file", None) or each.name)
def test_codes_say_what_they_may_be_and_where_that_comes_from(contract: Contract, column: Column) -> None:
    assert column.description
    if column.type in (ColumnType.CODE, ColumnType.PSEUDONYM) and column.name != "waarde":
        assert column.values or column.pattern
    if column.pattern:
        assert column.source
        assert column.pattern.startswith("^") and column.pattern.endswith("$")
    if column.values:
        assert BOOK.value_list(column.values).source


def test_flags_are_booleans() -> None:
    flags = [column for _, column in COLUMNS if re.search(r"\(J|J\)", column.header)]
    assert len(flags) == 9
    assert {column.type for column in flags} == {ColumnType.BOOLEAN}


def test_every_value_list_is_used_and_says_whether_it_is_open() -> None:
    used = {column.values for _, column in COLUMNS if column.values}
    assert {value_list.name for value_list in BOOK.value_lists()} == used
    closed = {value_list.name for value_list in BOOK.value_lists() if not value_list.open}
    assert {"geslacht", "niveau", "leerweg", "status", "sectorkamer", "bestand"} <= closed
    assert not {"leeftijdsgroep", "gemeente", "opleidingscode"} & closed


@pytest.mark.parametrize(
    ("day", "count"),
    [
        ("2016-01-01", 390),
        ("2017-01-01", 388),
        ("2018-01-01", 380),
        ("2019-01-01", 355),
        ("2021-01-01", 352),
        ("2022-01-01", 345),
        ("2022-03-24", 344),
        ("2023-01-01", 342),
        ("2025-01-01", 342),
    ],
)
def test_there_are_as_many_municipalities_as_statistics_netherlands_counts(day: str, count: int) -> None:
    """CBS, "Nederland telt op 1 januari … gemeenten", each year's announcement."""
    listed, on = BOOK.value_list("gemeente"), date.fromisoformat(day)
    spans = [listed.valid.get(code, Span(last=date.max)) for code in listed.values]
    assert sum((span.first or date.min) <= on <= (span.last or date.max) for span in spans) == count


@pytest.mark.parametrize(("contract", "column"), COLUMNS, ids=lambda each: getattr(each, "file", None) or each.name)
def test_what_we_made_up_ourselves_is_marked_as_assumed(contract: Contract, column: Column) -> None:
    judged = column.pattern or column.values or column.minimum is not None or column.maximum is not None
    ours = re.search("aanname|niet bevestigd|niet bekend|gelezen als", column.source) is not None
    assert column.assumed == bool(ours and judged and not column.technical)


def test_repeated_study_years_are_columns_of_their_own() -> None:
    mbo_hbo = BOOK.get("mbo_hbo")
    expanded = {
        code: [column.name for column in mbo_hbo.columns if column.rubriek == code]
        for code in ("29.65.07", "29.65.08", "29.65.12", "29.65.13")
    }
    assert {code: len(names) for code, names in expanded.items()} == {
        "29.65.07": 6,
        "29.65.08": 6,
        "29.65.12": 3,
        "29.65.13": 3,
    }
    assert len([column for column in BOOK.get("inschrijvingen").columns if column.rubriek == "29.44.12"]) == 4


@each_data_file
def test_control_totals_can_be_counted_by_columns_of_the_file(contract: Contract) -> None:
    assert {"totaal", *contract.breakdowns} <= set(BOOK.value_list("uitsplitsing").values)
    assert {"niveau", "instelling"} <= set(contract.breakdowns)
    assert contract.file in BOOK.value_list("bestand").values


def test_no_name_of_the_annex_is_taken_for_an_identifier() -> None:
    assert not [name for rubriek in load_decree().rubrieken for name in rubriek.duo_fields if names_identifier(name)]
