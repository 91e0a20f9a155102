"""Received files held against the contracts, and drafts by which the reader then takes them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rod_pipeline.cli.contract import app
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.check import Checked, check, on_disk
from rod_pipeline.contracts.draft import draft
from rod_pipeline.contracts.model import Contract, Dialect, FileKind
from rod_pipeline.decree import load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.reader import read_table
from rod_pipeline.synthetic.delivery import write_delivery
from rod_pipeline.synthetic.population import Population

pytestmark = pytest.mark.usefixtures("one_country")

KEY = DeliveryKey.parse("2025-12")
POPULATION = Population(seed=3, scale=0.0005)
DECREE = load_decree()
ODD: tuple[dict[str, Any], ...] = (
    {"separator": "|", "dates": "JJJJ-MM-DD", "booleans": ("1", "0"), "newline": "\n", "decimal": "."},
    {"encoding": "cp1252", "header_prefix": "#", "control_record": "SLR", "booleans": ("true", "false")},
    {"separator": ",", "bom": True, "dates": "EEJJMMDD"},
    {"separator": "\t", "header": False, "quote": ""},
)


@pytest.fixture(scope="module")
def book() -> ContractBook:
    return ContractBook.load()


def delivery(folder: Path, book: ContractBook, fault: str | None = None, **dialect: Any) -> list[Path]:
    odd: dict[FileKind, Dialect] = {
        kind: Dialect.model_validate(book.get(kind).dialect.model_dump() | dialect) for kind in book.files()
    }
    return write_delivery(folder, KEY, population=POPULATION, book=book, dialects=odd, fault=fault)


def checked(paths: list[Path], book: ContractBook) -> dict[str | None, Checked]:
    return {one.kind: one for one in check(on_disk(paths), book)}


def test_a_delivery_by_the_contract_has_no_difference(tmp_path: Path, book: ContractBook) -> None:
    found = checked(delivery(tmp_path, book), book)
    assert set(found) == set(book.files())
    for one in found.values():
        assert (one.differences, one.accepted) == ((), ())


@pytest.mark.parametrize("dialect", ODD)
def test_another_dialect_is_told_and_the_draft_makes_the_reader_take_the_file(
    tmp_path: Path, book: ContractBook, dialect: dict[str, Any]
) -> None:
    paths = delivery(tmp_path, book, **dialect)
    for kind, one in checked(paths, book).items():
        assert kind is not None
        seen = one.observation
        assert seen is not None
        assert seen.stopped is None
        assert not seen.misses
        says, has = book.get(kind).dialect, seen.dialect
        # What a file can't tell stays as the contract says: notations of types that it lacks, plain ASCII's encoding.
        for field, value in dialect.items():
            assert getattr(has, field) in (value, getattr(says, field)), (kind, field)
        if "separator" in dialect:
            assert any(text.startswith("separator: ") for text in one.differences)
        drafted = Contract.model_validate(tomllib.loads(draft(seen, DECREE)))
        assert drafted.version == book.get(kind).version + 1
        assert drafted.columns == book.get(kind).columns
        (path,) = [path for path in paths if kind in path.name]
        with path.open("rb") as stream:
            table = read_table(stream, drafted)
            assert table.frame.collect().height == seen.rows == table.finish().rows


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("missing_column", "inschrijvingen", "missing column: 'geslacht'"),
        ("extra_column", "inschrijvingen", "'Verzuimdagen'"),
        ("renamed_column", "inschrijvingen", "'Leerroute (nieuw)'"),
        ("duplicate_header", "inschrijvingen", "double column"),
        ("unknown_codes", "inschrijvingen", "column 'MBO Opleiding Leerweg': {count} of"),
        ("malformed_code", "inschrijvingen", "another shape than the pattern"),
        ("impossible_dates", "inschrijvingen", "column 'Datum inschrijving': {count} of"),
        ("decimal_point_mixed", "inschrijvingen", "are no decimal"),
        ("null_sectornummer", "inschrijvingen", "column 'Sectornummer': {count} of"),
        ("wrong_separator", "inschrijvingen", "separator: the file has '|'"),
        ("unexpected_bom", "diplomas", "byte order mark: the file has one, the contract says none"),
        ("no_header", "doorstroom", "header: the file has none, the contract says one"),
        ("truncated_row", "doorstroom", "truncated"),
        ("unclosed_quote", "diplomas", "ROD-FILE-07"),
        ("header_only", "diplomas", "ROD-FILE-02"),
        ("empty_file", "diplomas", "0 bytes"),
        ("utf16", "diplomas", "UTF-16"),
        ("bsn_column", "inschrijvingen", "ROD-PRIVACY-01"),
        ("bsn_in_sectornummer", "inschrijvingen", "eleven-test"),
        ("birthdates_in_declared_column", "inschrijvingen", "birth dates"),
    ],
)
def test_what_is_wrong_is_told_in_names_and_counts(
    tmp_path: Path, book: ContractBook, fault: str, kind: str, words: str
) -> None:
    paths = delivery(tmp_path, book, fault)
    result = CliRunner().invoke(app, ["check", *map(str, paths)])
    assert result.exit_code == 1
    about = [line for line in result.output.splitlines() if line.startswith("  - ")]
    assert any(words in re.sub(r"\b[1-9][0-9]* of", "{count} of", line) for line in about), about
    others = [line for line in result.output.splitlines() if line.endswith("fits its contract")]
    assert len(others) == len(book.files()) - 1
    (path,) = [path for path in paths if kind in path.name]
    assert_no_value(result.output, path)


def assert_no_value(output: str, path: Path) -> None:
    """No pseudonym of the file stands in the output."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    pseudonyms = {line.split(";")[0] for line in text.splitlines()[1:]}
    assert not [value for value in pseudonyms if len(value) > 5 and value in output]


def test_a_draft_never_assigns_a_rubriek(tmp_path: Path, book: ContractBook) -> None:
    """Not even where the annex has the very name; that stands in a comment."""
    paths = delivery(tmp_path, book, "extra_column")
    seen = checked(paths, book)["inschrijvingen"].observation
    assert seen is not None
    text = draft(seen, DECREE)
    assert "1 of its columns are not declared" in text
    (new,) = [one for one in tomllib.loads(text)["column"] if not one.get("rubriek") and not one.get("technical")]
    assert new == {"name": "verzuimdagen", "header": "Verzuimdagen", "rubriek": "", "type": "code"}
    (path,) = [path for path in paths if "inschrijvingen" in path.name]
    for annex, said in (
        ("Niveau (Diploma/Examen)", "The annex has this name under rubriek 07.05.10"),
        ("Niveau (Diploma/Examen) oud", 'has the name "Niveau (Diploma/Examen)", of which this may be a part'),
    ):
        path.write_bytes(path.read_bytes().replace(b"Verzuimdagen", annex.encode(), 1))
        (one,) = check(on_disk([path]), book)
        assert one.observation is not None
        text = draft(one.observation, DECREE)
        assert said in text
        (new,) = [column for column in tomllib.loads(text)["column"] if column.get("rubriek") == ""]
        assert new["header"] == annex
        path.write_bytes(path.read_bytes().replace(annex.encode(), b"Verzuimdagen", 1))


def test_a_draft_names_a_direct_identifier_as_forbidden_and_the_likely_old_name(
    tmp_path: Path, book: ContractBook
) -> None:
    seen = checked(delivery(tmp_path / "a", book, "bsn_column"), book)["inschrijvingen"].observation
    assert seen is not None
    assert "may never be declared" in draft(seen, DECREE)
    path = delivery(tmp_path / "b", book)[0]
    path.write_bytes(path.read_bytes().replace(b"Datum inschrijving", b"Datum van inschrijving", 1))
    (one,) = check(on_disk([path]), book)
    assert any("perhaps 'Datum inschrijving' under a new name" in text for text in one.differences)
    assert one.observation is not None
    text = draft(one.observation, DECREE)
    assert '# Perhaps it is "Datum inschrijving" under a new name' in text
    (new,) = [column for column in tomllib.loads(text)["column"] if column.get("rubriek") == ""]
    assert (new["name"], new["field"], new["type"]) == ("datum_inschrijving", "Datum inschrijving", "date")


def test_the_draft_in_a_folder_is_a_contract_that_the_book_loads(tmp_path: Path, book: ContractBook) -> None:
    paths = delivery(tmp_path / "came", book, separator="|")
    out = tmp_path / "contracts"
    result = CliRunner().invoke(app, ["draft", *map(str, paths), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert ContractBook.load(out).get("inschrijvingen").version == book.get("inschrijvingen").version, "a draft holds"
    newer = ContractBook.load(out, drafts=sorted(out.glob("*/*.draft.toml")))
    for kind in book.files():
        assert newer.get(kind).version == book.get(kind).version + 1
        assert newer.get(kind).dialect.separator == "|"
    again = CliRunner().invoke(app, ["draft", str(paths[0]), "--out", str(out)])
    assert again.exit_code != 0


def test_a_zip_is_checked_as_a_whole_delivery(tmp_path: Path, book: ContractBook) -> None:
    (path,) = write_delivery(tmp_path / "a", KEY, population=POPULATION, book=book, archive="zip")
    assert CliRunner().invoke(app, ["check", str(path)]).exit_code == 0
    (path,) = write_delivery(tmp_path / "b", KEY, population=POPULATION, book=book, archive="zip", fault="missing_file")
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 1
    assert "The delivery lacks: diplomas." in result.output


def test_a_file_of_another_name_needs_its_kind(tmp_path: Path, book: ContractBook) -> None:
    path = next(path for path in delivery(tmp_path, book) if "diplomas" in path.name)
    renamed = path.rename(tmp_path / "lijst.csv")
    result = CliRunner().invoke(app, ["check", str(renamed)])
    assert result.exit_code == 1
    assert "no contract knows a file of this name" in result.output
    assert CliRunner().invoke(app, ["check", str(renamed), "--as", "diplomas"]).exit_code == 0
    assert CliRunner().invoke(app, ["check", str(renamed), "--as", "verzuim"]).exit_code == 2


def test_the_list_shows_every_contract(book: ContractBook) -> None:
    result = CliRunner().invoke(app, ["list"])
    assert result.exit_code == 0
    assert all(kind in result.output for kind in book.files())
