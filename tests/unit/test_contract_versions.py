"""What changed between two versions is told in words; what a draft leaves open is refused; marts say what they know."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import rod_pipeline.contracts as contracts
from expectations.loader import BadSuite, suite_for
from rod_pipeline.cli.contract import app
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.accept import Reviewed
from rod_pipeline.contracts.codes import FLOOR, looks_like, under_the_floor
from rod_pipeline.contracts.diff import GROUPS, changes, rules_on
from rod_pipeline.contracts.errors import BadContract, NoDraft, NotReviewed
from rod_pipeline.contracts.model import Column, ColumnType, Contract
from rod_pipeline.decree import load_decree
from rod_pipeline.marts.declared import (
    MARTS,
    NotUnderstood,
    WronglyNamed,
    marts_on,
    refuse_not_understood,
    refuse_wrongly_named,
    understanding,
)

BOOK = ContractBook.load()
DECREE = load_decree()
PACKAGED = Path(contracts.__file__).parent
DIPLOMAS = BOOK.get("diplomas")
INSCHRIJVINGEN = BOOK.get("inschrijvingen")
CONTRACTS = {kind: BOOK.get(kind) for kind in BOOK.files()}


def changed(contract: Contract, column: str, **changes: object) -> Contract:
    columns = tuple(one.model_copy(update=changes) if one.name == column else one for one in contract.columns)
    return contract.model_copy(update={"columns": columns, "version": contract.version + 1})


def said(new: Contract, old: Contract = DIPLOMAS) -> list[tuple[str, str]]:
    return [(one.group, one.said) for one in changes(old, new, BOOK.value_list, BOOK.value_list)]


@pytest.mark.parametrize(
    ("new", "group", "words"),
    [
        (
            changed(DIPLOMAS, "geslacht", header="sekse", field="geslacht"),
            "columns renamed",
            "'geslacht' is now 'sekse'",
        ),
        (changed(DIPLOMAS, "geslacht", nullable=False), "columns changed", "nullable: yes is now no"),
        (changed(DIPLOMAS, "geslacht", pattern="^[A-Z]$"), "columns changed", "pattern: none is now '^[A-Z]$'"),
        (changed(DIPLOMAS, "hoofddiploma", type=ColumnType.CODE), "columns changed", "type: 'boolean' is now 'code'"),
        (
            changed(DIPLOMAS, "geslacht", rubriek=None, letter="MBO-2027-118, 2027-03-04"),
            "columns changed",
            "allowed by rubriek 04.01.30, now by letter of the minister MBO-2027-118, 2027-03-04",
        ),
        (
            DIPLOMAS.model_copy(update={"columns": DIPLOMAS.columns[:-1]}),
            "columns removed",
            f"{DIPLOMAS.columns[-1].header!r}, {DIPLOMAS.columns[-1].name}",
        ),
        (DIPLOMAS.model_copy(update={"columns": DIPLOMAS.columns[::-1]}), "file", "stand in another order: 16 of 17"),
        (DIPLOMAS.model_copy(update={"key": DIPLOMAS.key[:-1]}), "file", f", {DIPLOMAS.key[-1]} is now"),
        (DIPLOMAS.model_copy(update={"members": ("*graad*.csv",)}), "file", "is now *graad*.csv"),
        (DIPLOMAS.model_copy(update={"breakdowns": {}}), "file", "control totals by niveau: counted by"),
        (DIPLOMAS.model_copy(update={"marts": ("m",)}), "file", "marts: none is now m"),
        (DIPLOMAS.with_dialect(separator="|"), "dialect", "separator: ';' is now '|'"),
        (DIPLOMAS.with_dialect(bom=True), "dialect", "byte order mark: no is now yes"),
        (DIPLOMAS.with_dialect(booleans=("1", "0")), "dialect", "yes and no: J, N is now 1, 0"),
    ],
)
def test_each_kind_of_change_is_told(new: Contract, group: str, words: str) -> None:
    assert [one for one in said(new) if one[0] == group and words in one[1]], said(new)


def test_every_field_of_a_contract_and_of_a_column_is_compared() -> None:
    """A field that comes later must not be able to change without anybody being told."""
    for field in set(Column.model_fields) - {"name"}:
        new = changed(DIPLOMAS, "geslacht", **{field: "leerweg"})
        if field in ("rubriek", "letter", "technical"):
            new = changed(DIPLOMAS, "geslacht", **{"rubriek": None, "technical": field != "letter", "letter": "zz"})
        assert said(new), field
    for field in set(Contract.model_fields) - {"file", "version", "columns", "dialect"}:
        value = {"x": "status"} if field == "breakdowns" else ("zz",)
        assert said(DIPLOMAS.model_copy(update={field: value})), field
    for field in set(type(DIPLOMAS.dialect).model_fields):
        assert said(DIPLOMAS.with_dialect(**{field: "zz"})), field


def test_the_same_contract_has_no_change_and_changes_come_in_groups() -> None:
    assert said(DIPLOMAS) == []
    new = changed(DIPLOMAS.with_dialect(separator="|"), "geslacht", header="sekse", nullable=False)
    groups = [group for group, _ in said(new.model_copy(update={"title": "x"}))]
    assert groups == sorted(groups, key=list(GROUPS).index)
    assert len(set(groups)) == 4


def test_values_that_came_and_went_are_named() -> None:
    old = BOOK.value_list("geslacht")
    new = old.model_copy(update={"values": (*old.values[1:], "X"), "labels": ()})
    (one,) = changes(
        DIPLOMAS, DIPLOMAS, BOOK.value_list, lambda name: new if name == "geslacht" else BOOK.value_list(name)
    )
    assert (one.group, one.said) == ("value lists", f"geslacht: added X; removed {old.values[0]}")
    assert one.columns == ("geslacht",)


def test_rules_that_only_one_version_has_are_marked() -> None:
    before = {"a": frozenset({"x"}), "b": frozenset({"y"}), "c": frozenset({"x", "y"})}
    after = {"a": frozenset({"x"}), "d": frozenset({"x"})}
    assert rules_on(("x",), before, after) == ("a", "c (gone)", "d (new)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a draft of diplomas in which one column has no ground."""
    (tmp_path / "diplomas").mkdir()
    text = (PACKAGED / "diplomas" / "1.toml").read_text("utf-8").replace("version = 1", "version = 2", 1)
    assert text.count('rubriek = "04.01.30"') == 1
    (tmp_path / "diplomas" / "2.draft.toml").write_text(text.replace('rubriek = "04.01.30"', 'rubriek = ""'), "utf-8")
    return tmp_path


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "diplomas" / "2.draft.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def find(folder: Path) -> Reviewed:
    return Reviewed.find(folder, "diplomas", ContractBook.load(folder), DECREE)


def test_what_is_left_open_is_refused_and_a_letter_is_a_ground(folder: Path) -> None:
    assert ContractBook.load(folder).versions("diplomas") == (1,)
    with pytest.raises(NotReviewed, match="no ground is given for 'geslacht'"):
        find(folder)
    edit(folder, 'rubriek = ""', 'letter = "MBO-2027-118, 2027-03-04"')
    reviewed = find(folder)
    assert reviewed.contract.column("geslacht").ground == "letter of the minister MBO-2027-118, 2027-03-04"
    assert reviewed.put_in_force() == (folder / "diplomas" / "2.toml",)
    assert ContractBook.load(folder).get("diplomas") == reviewed.contract
    with pytest.raises(NoDraft):
        find(folder)


@pytest.mark.parametrize(
    "letter",
    ["", "MBO-2027-118", "MBO-2027-118, 2027-02-30", ", 2027-03-04", "x" * 200 + ", 2027-03-04", "a\nb, 2027-03-04"],
)
def test_a_letter_has_a_reference_and_a_date(folder: Path, letter: str) -> None:
    edit(folder, 'rubriek = ""', f"letter = {letter!r}" if "\n" not in letter else 'letter = "a\\nb, 2027-03-04"')
    with pytest.raises((BadContract, NotReviewed)):
        find(folder)


@pytest.mark.parametrize("beside", ['rubriek = "04.01.30"', "technical = true"])
def test_a_letter_stands_alone(folder: Path, beside: str) -> None:
    edit(folder, 'rubriek = ""', f'letter = "MBO-2027-118, 2027-03-04"\n{beside}')
    with pytest.raises(BadContract, match="one of the three"):
        find(folder)


def test_a_value_list_that_a_draft_names_goes_along(folder: Path) -> None:
    edit(folder, 'rubriek = ""', 'rubriek = "04.01.30"')
    (folder / "value_lists").mkdir()
    for name in ("geslacht", "leerweg"):
        shutil.copy(PACKAGED / "value_lists" / f"{name}.toml", folder / "value_lists" / f"{name}.draft.toml")
    assert [path.name for path in find(folder).files] == ["geslacht.draft.toml", "2.draft.toml"]
    find(folder).put_in_force()
    assert sorted(path.name for path in (folder / "value_lists").iterdir()) == ["geslacht.toml", "leerweg.draft.toml"]


def test_a_draft_on_which_a_written_rule_has_no_hold_is_not_accepted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else every delivery of that version would stop, for want of a change in code."""
    edit(folder, 'rubriek = ""', 'rubriek = "04.01.30"')
    edit(folder, 'name = "hoofddiploma"', 'name = "eerste_diploma"')
    monkeypatch.setenv("ROD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ROD_CONTRACTS", str(folder))
    refused = CliRunner().invoke(app, ["accept", "diplomas", "--yes"])
    assert isinstance(refused.exception, BadSuite)
    assert (folder / "diplomas" / "2.draft.toml").exists()


def test_a_mart_understands_what_it_or_a_person_declares() -> None:
    names = tuple(mart.name for mart in marts_on("inschrijvingen"))
    newer = INSCHRIJVINGEN.model_copy(update={"version": 2})
    for understood in (INSCHRIJVINGEN, newer.model_copy(update={"marts": names})):
        refuse_not_understood({**CONTRACTS, "inschrijvingen": understood}, BOOK)
        assert understanding(understood, BOOK) == dict.fromkeys(names, "")
    for named in ((), names[:1], names[1:]):
        some = newer.model_copy(update={"marts": named})
        with pytest.raises(NotUnderstood, match="is not known to understand inschrijvingen version 2"):
            refuse_not_understood({**CONTRACTS, "inschrijvingen": some}, BOOK)
    assert understanding(BOOK.get("technisch"), BOOK) == {}


@pytest.mark.parametrize(
    "change", [{"name": "dag"}, {"type": ColumnType.CODE}], ids=["a column that is gone", "a column of another type"]
)
def test_nobody_can_declare_a_mart_whose_columns_a_version_lacks(change: dict[str, object]) -> None:
    names = tuple(mart.name for mart in marts_on("inschrijvingen"))
    lacking = changed(INSCHRIJVINGEN, "peildatum", **change).model_copy(update={"marts": names})
    with pytest.raises(NotUnderstood, match="another type: peildatum"):
        refuse_not_understood({**CONTRACTS, "inschrijvingen": lacking}, BOOK)
    with pytest.raises(WronglyNamed):
        refuse_wrongly_named(lacking, BOOK)
    with pytest.raises(WronglyNamed, match="which there is not"):
        refuse_wrongly_named(DIPLOMAS.model_copy(update={"marts": ("studentenaantal",)}), BOOK)


def test_each_mart_uses_columns_of_the_versions_that_it_declares() -> None:
    for mart in MARTS:
        for file, versions in mart.contracts.items():
            for version in versions:
                contract = BOOK.get(file, version)
                assert mart.uses[file] <= {column.name for column in contract.columns}
                suite_for(contract, BOOK)


@pytest.mark.parametrize(
    ("value", "alike"),
    [
        ("CBL", True),
        ("BOL_X", True),
        ("bol", False),
        ("12", False),
        ("ABCDEFGHI", False),
        ("JAN SEN", False),
        ("B.L", False),
    ],
)
def test_what_looks_like_a_code_of_a_list(value: str, alike: bool) -> None:
    assert looks_like(value, BOOK.value_list("leerweg").values) is alike


COUNTS: Callable[[], st.SearchStrategy[dict[str, int]]] = lambda: st.dictionaries(  # noqa: E731
    st.sampled_from(["A", "B", "C", "D", "E"]), st.integers(1, 12)
)


@given(COUNTS(), st.integers(0, 12))
def test_no_code_and_no_rest_under_the_floor_is_told(unknown: dict[str, int], others: int) -> None:
    rows = sum(unknown.values()) + others
    listed, rest = under_the_floor(unknown, rows)
    told = dict(listed)
    assert all(unknown[code] == count >= FLOOR for code, count in told.items())
    assert rest == rows - sum(told.values())
    assert not told or rest == 0 or rest >= FLOOR


@pytest.mark.parametrize("file", BOOK.files())
def test_an_earlier_version_comes_back_as_the_next_one(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, and understood by the marts that understood it; the one that was wrong stays, for what was read by it."""
    folder = tmp_path / "contracts"
    first = BOOK.get(file)  # type: ignore[arg-type]
    lines = (PACKAGED / file / "1.toml").read_text("utf-8")
    (folder / file).mkdir(parents=True)
    wrong = lines.replace("version = 1", "version = 2").replace("title = ", 'title = "wrong" #', 1)
    (folder / file / "2.toml").write_text(wrong, "utf-8")
    monkeypatch.setenv("ROD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ROD_CONTRACTS", str(folder))

    assert CliRunner().invoke(app, ["revert", file, "2"]).exit_code == 2
    assert CliRunner().invoke(app, ["revert", file, "1"]).exit_code == 0
    assert CliRunner().invoke(app, ["revert", file, "1"]).exit_code == 2
    accepted = CliRunner().invoke(app, ["accept", file, "--yes"])
    assert accepted.exit_code == 0, accepted.output
    book = ContractBook.load(folder, DECREE)
    assert book.versions(first.file) == (1, 2, 3)
    marts = tuple(mart.name for mart in marts_on(first.file) if mart.declares(first))
    assert book.get(first.file) == first.model_copy(update={"version": 3, "marts": marts})
    assert not any(understanding(book.get(first.file), book).values())
