"""What the book of contracts refuses, and that the message says which file and which column."""

import shutil
from pathlib import Path

import pytest

import rod_pipeline.contracts as contracts
from rod_pipeline.contracts import BadContract, ContractBook, Span, names_identifier

PACKAGED = Path(contracts.__file__).parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of contracts with a second version of diplomas and one value list of its own."""
    (tmp_path / "diplomas").mkdir()
    text = (PACKAGED / "diplomas" / "1.toml").read_text(encoding="utf-8")
    (tmp_path / "diplomas" / "2.toml").write_text(text.replace("version = 1", "version = 2"), encoding="utf-8")
    (tmp_path / "value_lists").mkdir()
    shutil.copy(PACKAGED / "value_lists" / "geslacht.toml", tmp_path / "value_lists")
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_highest_version_is_in_use_and_older_ones_stay(folder: Path) -> None:
    book = ContractBook.load(folder)
    assert book.get("diplomas").version == 2
    assert book.get("diplomas", 1).version == 1
    assert book.versions("diplomas") == (1, 2)
    assert book.get("doorstroom").version == 1


def test_a_value_list_of_the_folder_takes_the_place_of_the_packaged_one(folder: Path) -> None:
    edit(folder / "value_lists" / "geslacht.toml", '"O",', '"O",\n    "X",')
    edit(folder / "value_lists" / "geslacht.toml", '"man",', '"man",\n    "x",')
    assert "X" in ContractBook.load(folder).value_list("geslacht").values
    assert "X" not in ContractBook.load().value_list("geslacht").values


DIPLOMAS = "diplomas/2.toml"
GESLACHT = "value_lists/geslacht.toml"


@pytest.mark.parametrize(
    ("code", "file", "old", "new", "said"),
    [
        ("ROD-CONTRACT-01", DIPLOMAS, "[[column]]", "[[column", "diplomas/2.toml is no TOML"),
        ("ROD-CONTRACT-02", DIPLOMAS, "grain = ", "grian = ", "diplomas/2.toml has 2 fault(s)"),
        ("ROD-CONTRACT-02", DIPLOMAS, 'type = "boolean"', 'type = "flag"', "diplomas/2.toml"),
        ("ROD-CONTRACT-02", DIPLOMAS, 'rubriek = "04.01.30"', "", "column geslacht: name the rubriek"),
        ("ROD-CONTRACT-02", DIPLOMAS, 'rubriek = "04.01.30"', 'rubriek = "04.01.30"\ntechnical = true', "geslacht"),
        ("ROD-CONTRACT-02", DIPLOMAS, 'name = "geslacht"', 'name = "status"', "name stands twice: status"),
        ("ROD-CONTRACT-02", DIPLOMAS, 'header = "geslacht"', 'header = "STATUS"', "header stands twice: status"),
        ("ROD-CONTRACT-02", DIPLOMAS, '    "opleidingscode",\n', '    "opleiding",\n', "key names columns"),
        ("ROD-CONTRACT-02", DIPLOMAS, 'niveau = "niveau_diploma"', 'niveau = "niv"', "breakdowns names columns"),
        ("ROD-CONTRACT-02", DIPLOMAS, "^[0-9]{5}$", "^[0-9{5}$", "no regular expression"),
        ("ROD-CONTRACT-02", DIPLOMAS, "^[0-9]{5}$", "^(?!0)[0-9]{5}$", "look-around"),
        ("ROD-CONTRACT-02", DIPLOMAS, 'type = "boolean"', 'type = "boolean"\nvalues = "status"', "belong to a code"),
        ("ROD-CONTRACT-02", DIPLOMAS, 'type = "boolean"', 'type = "boolean"\nminimum = 0', "belong to a number"),
        ("ROD-CONTRACT-02", GESLACHT, '"V",', '"M",', "a value stands twice"),
        ("ROD-CONTRACT-02", GESLACHT, '    "man",\n', "", "one for each value"),
        (
            "ROD-CONTRACT-03",
            DIPLOMAS,
            '"04.01.30"',
            '"04.01.31"',
            "column geslacht: the decree 55352791 has no",
        ),
        ("ROD-CONTRACT-03", DIPLOMAS, '"04.01.30"', '"08.06.20"', "rubriek 08.06.20 has no field 'geslacht'"),
        (
            "ROD-CONTRACT-04",
            DIPLOMAS,
            'header = "geslacht"',
            'header = "Geslachtsnaam"\nfield = "geslacht"',
            "geslacht",
        ),
        ("ROD-CONTRACT-04", DIPLOMAS, 'name = "geslacht"', 'name = "student_bsn"', "student_bsn"),
        ("ROD-CONTRACT-05", DIPLOMAS, 'values = "geslacht"', 'values = "sexe"', "no value list 'sexe'"),
        (
            "ROD-CONTRACT-06",
            DIPLOMAS,
            "version = 2",
            "version = 3",
            "2.toml says that it is diplomas version 3",
        ),
        ("ROD-CONTRACT-06", GESLACHT, 'name = "geslacht"', 'name = "niveau"', "value_lists/geslacht.toml"),
    ],
)
def test_refused_with_the_file_and_the_place(folder: Path, code: str, file: str, old: str, new: str, said: str) -> None:
    edit(folder / file, old, new)
    with pytest.raises(BadContract) as caught:
        ContractBook.load(folder)
    assert caught.value.code == code
    assert said in str(caught.value)


def test_a_list_that_changes_is_told_by_another_digest_and_one_that_judges_nothing_here_is_not(folder: Path) -> None:
    before = ContractBook.load(folder)
    edit(folder / "value_lists" / "geslacht.toml", '"onbekend of niet', '"anders, onbekend of niet')
    assert ContractBook.load(folder).lists_digest(before.get("diplomas")) == before.lists_digest(before.get("diplomas"))
    edit(folder / "value_lists" / "geslacht.toml", '"O",', '"O",\n    "X",')
    edit(folder / "value_lists" / "geslacht.toml", '"man",', '"man",\n    "x",')
    after = ContractBook.load(folder)
    naming = {file for file in before.files() if any(one.values == "geslacht" for one in before.get(file).columns)}
    assert naming and naming != set(before.files())
    changed = {
        file for file in before.files() if before.lists_digest(before.get(file)) != after.lists_digest(after.get(file))
    }
    assert changed == naming


def test_a_version_in_use_never_changes(folder: Path) -> None:
    shutil.copy(PACKAGED / "diplomas" / "1.toml", folder / "diplomas")
    with pytest.raises(BadContract, match=r"\[ROD-CONTRACT-06\].*diplomas version 1 is already there"):
        ContractBook.load(folder)


def test_a_folder_that_is_not_there_is_no_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(BadContract, match="ROD-CONTRACT-01"):
        ContractBook.load(tmp_path / "missing")


def test_asking_for_what_is_not_there() -> None:
    book = ContractBook.load()
    with pytest.raises(BadContract, match=r"\[ROD-CONTRACT-07\].*no version 9"):
        book.get("diplomas", 9)
    with pytest.raises(BadContract, match=r"\[ROD-CONTRACT-05\].*'sexe'"):
        book.value_list("sexe")


@pytest.mark.parametrize(
    "name",
    [
        "BSN",
        "bsn_student",
        "Burgerservicenummer",
        "burger service nummer",
        "PGN",
        "Persoonsgebonden nummer",
        "Onderwijsnummer",
        "Geslachtsnaam",
        "Achternaam",
        "VOORNAMEN",
        "Roepnaam",
        "voorletters",
        "Naam",
        "naam_student",
        "Studentnaam",
        "Adres",
        "Woonplaats",
        "Postcode",
        "postcode student",
        "Straat",
        "Huisnummer + toevoeging",
        "Geboortedatum",
        "geboorte_datum",
        "Date of birth",
        "E-mailadres",
        "Telefoonnummer",
    ],
)
def test_names_of_direct_identifiers(name: str) -> None:
    assert names_identifier(name)


@pytest.mark.parametrize(
    "name",
    [
        "Postcodecijfers hoogste vooropl. VO vóór MBO",
        "Geboren in Nederland",
        "geslacht",
        "Gemeentecode student mbo",
        "Naam opleiding",
        "Sectornummer",
    ],
)
def test_lawful_names_that_come_close(name: str) -> None:
    assert not names_identifier(name)


LIST = 'name = "jaren"\nsource = "test"\nopen = {open}\nvalues = {values}\n'


@pytest.mark.parametrize(
    "text",
    [
        LIST.format(open="false", values="[]"),
        LIST.format(open="true", values='["1"]') + '[valid]\n"2" = { last = 2020-12-31 }\n',
        LIST.format(open="true", values='["1"]') + '[valid]\n"1" = { first = 2021-01-01, last = 2020-12-31 }\n',
        LIST.format(open="true", values='["1"]') + '[valid]\n"1" = {}\n',
    ],
    ids=["closed and empty", "validity of an unknown value", "last before first", "no bound"],
)
def test_a_value_list_that_contradicts_itself_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "value_lists").mkdir()
    (tmp_path / "value_lists" / "jaren.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadContract, match=r"jaren\.toml"):
        ContractBook.load(tmp_path)


@pytest.mark.parametrize(
    ("span", "years"),
    [
        ({"last": "2020-12-31"}, (None, 2020)),
        ({"last": "2021-07-31"}, (None, 2020)),
        ({"last": "2021-08-01"}, (None, 2021)),
        ({"first": "2021-01-01"}, (2020, None)),
        ({"first": "2021-08-01", "last": "2023-07-31"}, (2021, 2022)),
    ],
)
def test_a_span_covers_the_school_years_that_it_has_a_day_in(
    span: dict[str, str], years: tuple[int | None, int | None]
) -> None:
    assert Span.model_validate(span).school_years == years
