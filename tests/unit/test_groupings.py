"""Bedrijfstakgroepen and regions are reference tables that a person keeps, valid from a school year on."""

from pathlib import Path

import polars as pl
import pytest

from rod_pipeline.marts.groupings import BadReference, grouped, groupings
from rod_pipeline.publishing.regrouped import Regrouped, refuse_regrouped

GROUPS = """
[[indeling]]
vanaf = "2022-2023"
bron = "x"
nagezien_op = 2026-08-05
aangenomen = false
[[indeling.groep]]
code = "bouw"
naam = "Bouw"
sectorkamers = ["01"]
[[indeling.groep]]
code = "zorg"
naam = "Zorg"
sectorkamers = ["03"]
opleidingen = ["25001"]
"""
LATER = """
[[indeling]]
vanaf = "2024-2025"
bron = "x"
nagezien_op = 2026-08-05
aangenomen = false
[[indeling.groep]]
code = "bouw"
naam = "Bouw en infra"
sectorkamers = ["01"]
[[indeling.groep]]
code = "zorg"
naam = "Zorg"
sectorkamers = ["03"]
"""
REGIONS = """
[[indeling]]
vanaf = "2022-2023"
bron = "x"
nagezien_op = 2026-08-05
aangenomen = false
[[indeling.groep]]
code = "noord"
naam = "Noord"
instellingen = ["25LW"]
"""


def kept(folder: Path, groups: str = GROUPS, regions: str = "") -> pl.DataFrame:
    (folder / "bedrijfstakgroepen.toml").write_text(groups)
    (folder / "regios.toml").write_text(regions)
    return groupings(folder)


def test_every_sectorkamer_is_in_a_packaged_group_that_says_it_is_assumed_and_there_are_no_regions() -> None:
    packaged = groupings()
    assert set(packaged.filter(soort="sectorkamer")["code"]) == {f"0{n}" for n in range(1, 10)}
    assert set(packaged["aangenomen"]) == {"J"} and set(packaged["indeling"]) == {"bedrijfstakgroep"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (GROUPS.replace('["03"]', '["01"]'), "01 in two groups"),
        (GROUPS + GROUPS, "two indelingen from the same school year"),
        (GROUPS.replace("zorg", "z org"), "can't be read"),
        ("naam =", "can't be read"),
    ],
    ids=["code twice", "year twice", "bad code", "no toml"],
)
def test_a_table_that_contradicts_itself_is_refused(tmp_path: Path, wrong: str, said: str) -> None:
    with pytest.raises(BadReference, match=said):
        kept(tmp_path, wrong)


def test_a_crebo_goes_before_its_sectorkamer_and_an_indeling_holds_until_the_next(tmp_path: Path) -> None:
    rows = [(year, crebo, "01") for year in ("2021-2022", "2023-2024", "2024-2025") for crebo in ("25001", "25002")]
    leaves = pl.DataFrame(rows, schema=["schooljaar", "opleidingscode", "sectorkamer"], orient="row")
    found = grouped(leaves, kept(tmp_path, GROUPS + LATER))
    assert found["bedrijfstakgroep"].to_list() == [None, None, "zorg", "bouw", "bouw", "bouw"]
    assert "regio" not in found.columns


def test_an_institution_lies_in_the_region_that_a_person_put_it_in(tmp_path: Path) -> None:
    leaves = pl.DataFrame({"schooljaar": ["2023-2024"] * 2, "instellingscode": ["25LW", "25LH"]})
    assert grouped(leaves, kept(tmp_path, regions=REGIONS))["regio"].to_list() == ["noord", None]


def test_a_school_year_that_was_told_by_groups_keeps_them(tmp_path: Path) -> None:
    then, told = kept(tmp_path), {"bedrijfstakgroep": {"2023-2024"}}
    refuse_regrouped(then, then, told)
    refuse_regrouped(kept(tmp_path, GROUPS + LATER), then, told)
    moved = kept(tmp_path, GROUPS.replace('opleidingen = ["25001"]', 'opleidingen = ["25001", "25002"]'))
    with pytest.raises(Regrouped, match="2023-2024"):
        refuse_regrouped(moved, then, told)
    with pytest.raises(Regrouped, match="2024-2025"):
        refuse_regrouped(kept(tmp_path, GROUPS + LATER), then, {"bedrijfstakgroep": {"2024-2025"}})
    refuse_regrouped(moved, then, {"bedrijfstakgroep": set()})
