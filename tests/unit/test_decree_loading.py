"""Another decree is another file; a faulty one is refused with the place of the fault."""

from pathlib import Path

import pytest

import rod_pipeline.decree as decree_package
from rod_pipeline.decree import BadDecree, load_decree

PACKAGED = Path(decree_package.__file__).parent / "besluit-55352791.toml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = PACKAGED.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "besluit.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_another_decree_is_another_file(tmp_path: Path) -> None:
    other = load_decree(changed(tmp_path, 'reference = "55352791"', 'reference = "1"'))
    assert other.reference == "1"
    assert load_decree().reference == "55352791"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[[moment]]", "[[moment", "no valid TOML"),
        ("years = 7", "years = 0", "retention.years"),
        ('key = "2026-08"', 'key = "2025-12"', "moment 2025-12 stands twice"),
        ('code = "04.01.30"', 'code = "29.02.10"', "rubriek 29.02.10 stands twice"),
        ('code = "04.01.30"', 'code = "04.01.31"', "names unknown rubrieken: 04.01.30"),
        ('group = "8a"', 'group = "9a"', "rubriek.92.kind"),
        ("[retention]", "[retentie]", "fault(s)"),
    ],
)
def test_a_faulty_decree_is_refused_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(BadDecree) as caught:
        load_decree(changed(tmp_path, old, new))
    assert caught.value.code == "ROD-DECREE-01"
    assert said in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDecree, match="can't be read"):
        load_decree(tmp_path / "none.toml")


def test_what_holds_for_a_rubriek_is_told_once_and_found_there() -> None:
    decree = load_decree()
    assert decree.rubriek("29.44.14").ambiguities == ("A04", "A26")
    assert decree.rubriek("29.44.14").kind == "derived"
    assert "29.44.14" in decree.ambiguity("A04").rubrieken
