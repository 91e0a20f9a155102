"""Members of a delivery to kinds of file: each once, strangers by name."""

import pytest

from rod_pipeline.contracts import ContractBook
from rod_pipeline.errors import RefusedData
from rod_pipeline.intake.matching import match_members
from rod_pipeline.intake.refusals import AmbiguousFile, DoubleFile, MissingFile, RenamedFile, UnknownFile

NAMES = ["ROD_Inschrijvingen_2025.CSV", "map/diplomas.csv", "doorstroom.csv", "mbo_hbo.csv", "controle.csv"]


@pytest.fixture(scope="module")
def book() -> ContractBook:
    return ContractBook.load()


def test_each_file_finds_its_kind(book: ContractBook) -> None:
    assert match_members(NAMES, book) == {
        "inschrijvingen": NAMES[0],
        "diplomas": NAMES[1],
        "doorstroom": NAMES[2],
        "mbo_hbo": NAMES[3],
        "technisch": NAMES[4],
    }


def test_an_unknown_file_is_refused_by_name_and_not_kept(book: ContractBook) -> None:
    with pytest.raises(UnknownFile, match=r"verzuim\\x1b\.csv.*leeg") as caught:
        match_members([*NAMES, "verzuim\x1b.csv", "leeg.txt"], book)
    assert isinstance(caught.value, RefusedData)
    assert "\x1b" not in str(caught.value)


def test_a_new_name_beside_a_missing_kind_waits_for_a_person(book: ContractBook) -> None:
    with pytest.raises(RenamedFile, match=r"inschr_2026\.csv.*lacks inschrijvingen") as caught:
        match_members(["inschr_2026.csv", *NAMES[1:]], book)
    assert not isinstance(caught.value, RefusedData)
    with pytest.raises(UnknownFile):
        match_members(["inschr_2026.csv", "verzuim.csv", *NAMES[1:]], book)


def test_many_unknown_files_make_no_endless_message(book: ContractBook) -> None:
    with pytest.raises(UnknownFile, match="and 40 more") as caught:
        match_members([*NAMES, *(f"{'x' * 200}{i}.csv" for i in range(50))], book)
    assert len(str(caught.value)) < 1500


def test_a_missing_kind_is_named(book: ContractBook) -> None:
    with pytest.raises(MissingFile, match=r"diplomas, mbo_hbo"):
        match_members([NAMES[0], NAMES[2], NAMES[4]], book)


def test_two_files_of_a_kind_are_both_named(book: ContractBook) -> None:
    with pytest.raises(DoubleFile, match=r"diplomas: .*diplomas\.csv.*diplomas_2\.csv"):
        match_members([*NAMES, "diplomas_2.csv"], book)


def test_a_name_of_two_kinds_is_not_guessed(book: ContractBook) -> None:
    with pytest.raises(AmbiguousFile, match=r"doorstroom_mbo_hbo\.csv"):
        match_members([*NAMES, "doorstroom_mbo_hbo.csv"], book)
