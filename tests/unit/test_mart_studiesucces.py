"""Studiesucces: each result on cases counted by hand, and the judgement on the edges of its norms."""

from typing import Any

import polars as pl
import pytest

from rod_pipeline.marts.judgement import judgement
from rod_pipeline.marts.studiesucces import RESULTS
from tests.support.marts import Files, cells, table, total, year_of

_LEAVES = {"populatie_jaarresultaat": True, "populatie_diplomaresultaat": True}


def result(made: pl.DataFrame, name: str, **where: object) -> tuple[int, int]:
    return total(made, f"{name}_teller", **where), total(made, f"{name}_noemer", **where)


def made_of(*rows: dict[str, Any]) -> pl.DataFrame:
    return table("studiesucces", {"doorstroom": list(rows)})


def test_jaarresultaat_leaves_out_who_stays_without_a_diploma() -> None:
    """b graduated and staying, c leaver without, d leaver with: (b + d) / (b + c + d)."""
    made = made_of(
        year_of("b", 2023, populatie_jaarresultaat=True, heeft_diploma=True),
        year_of("c", 2023, **_LEAVES),
        year_of("d", 2023, **_LEAVES, heeft_diploma=True),
        year_of("stays without", 2023, populatie_jaarresultaat=False),
    )
    assert result(made, "jaarresultaat") == (2, 3)
    assert result(made, "diplomaresultaat") == (1, 2)
    assert set(made["opbrengstjaar"]) == {"2024"}, "1 October 2023 up to 30 September 2024"


def test_a_change_of_institution_counts_where_the_student_was() -> None:
    made = made_of(
        year_of("a", 2023, "01AA", **_LEAVES),
        year_of("a", 2024, "02BB", populatie_starter=True, indicatie_startersresultaat=True),
    )
    assert cells(made, "instellingscode", "opbrengstjaar", number="diplomaresultaat_noemer") == {("01AA", "2024"): 1}
    assert cells(made, "instellingscode", "opbrengstjaar", number="starters_teller") == {("02BB", "2025"): 1}


def test_startersresultaat_is_over_three_cohorts_together() -> None:
    starts = {"populatie_starter": True}
    made = made_of(
        year_of("a", 2021, **starts, indicatie_startersresultaat=True),
        year_of("b", 2022, **starts),
        year_of("c", 2023, **starts, indicatie_startersresultaat=True),
        year_of("d", 2024, **starts, indicatie_startersresultaat=True),
    )
    by_year = {year: result(made, "startersresultaat", opbrengstjaar=year) for year in ("2022", "2023", "2024", "2025")}
    assert by_year == {"2022": (1, 1), "2023": (1, 2), "2024": (2, 3), "2025": (2, 3)}
    assert dict(made.select("opbrengstjaar", "cohorten").rows()) == {"2022": "1", "2023": "2", "2024": "3", "2025": "3"}
    assert result(made, "starters", opbrengstjaar="2024") == (1, 1)


def test_an_earlier_cohort_counts_once_and_by_its_final_figures() -> None:
    starts = {"populatie_starter": True, "indicatie_startersresultaat": True}
    made = made_of(
        year_of("a", 2022, **starts),
        year_of("a", 2022, **starts, status="V"),
        year_of("gone in the final figures", 2022, **starts, status="V"),
        year_of("b", 2023, **starts),
    )
    assert result(made, "startersresultaat", opbrengstjaar="2024") == (2, 2)
    assert result(made, "startersresultaat", opbrengstjaar="2023", status="V") == (2, 2)


def test_a_cohort_without_rows_in_the_year_itself_still_counts_there() -> None:
    """A programme that takes nobody in any more keeps its startersresultaat for two years."""
    made = made_of(
        year_of("a", 2022, populatie_starter=True, kwalificatiecode_inschrijving="25009"),
        year_of("b", 2023, populatie_starter=True),
    )
    assert result(made, "startersresultaat", opbrengstjaar="2024", opleidingscode="25009") == (0, 1)


def test_passend_diploma_and_kwalificatiewinst_have_other_denominators() -> None:
    made = made_of(
        year_of("fits", 2023, **_LEAVES, heeft_diploma=True, passend_diploma=True, categorie_hoogste_vooropleiding="8"),
        year_of(
            "below", 2023, **_LEAVES, heeft_diploma=True, passend_diploma=False, categorie_hoogste_vooropleiding="8"
        ),
        year_of("no category", 2023, **_LEAVES, heeft_diploma=True, passend_diploma=True),
        year_of("none", 2023, **_LEAVES, passend_diploma=False, categorie_hoogste_vooropleiding="8"),
        year_of("stays", 2023, heeft_diploma=True, passend_diploma=True, categorie_hoogste_vooropleiding="8"),
    )
    assert result(made, "passend_diploma") == (2, 4)
    assert result(made, "kwalificatiewinst") == (1, 2)


def test_passende_plaatsing_is_what_duo_says() -> None:
    made = made_of(*(year_of(f"s{n}", 2023, passende_plaatsing=flag) for n, flag in enumerate((True, False, None))))
    assert result(made, "passende_plaatsing") == (1, 2)


def test_a_change_of_level_within_the_year_counts_at_the_level_of_1_october() -> None:
    """One row per student, institution and 1 October: who went from 2 to 3 in March is in the population of level 2."""
    made = made_of(
        year_of("a", 2023, niveau="MBO-2", niveau_jaar2="MBO-3", populatie_opstroom=True, indicatie_opstroom=True),
        year_of("b", 2023, niveau="MBO-3", populatie_opstroom=True, indicatie_opstroom=False),
        year_of("c", 2023, niveau="MBO-4", populatie_opstroom=False),
    )
    assert cells(made, "niveau", number="opstroom_noemer") == {"MBO-2": 1, "MBO-3": 1}
    assert result(made, "opstroom") == (1, 2)


def test_vo_and_rows_of_no_population_are_left_out_for_a_reason() -> None:
    files: Files = {"doorstroom": [{**year_of("pupil", 2023), "niveau": None}, year_of("in none", 2023)]}
    assert table("studiesucces", files).is_empty()


def judged(niveau: str = "MBO-3", **results: tuple[int, int]) -> dict[str, Any]:
    row: dict[str, Any] = {"niveau": niveau}
    for name in ("jaarresultaat", "diplomaresultaat", "startersresultaat"):
        row[f"{name}_teller"], row[f"{name}_noemer"] = results.get(name, (0, 0))
    return judgement(pl.DataFrame([row])).row(0, named=True)


@pytest.mark.parametrize(
    ("name", "niveau", "good", "of", "verdict"),
    [
        ("jaarresultaat", "MBO-2", 67, 100, "voldoende"),
        ("jaarresultaat", "MBO-2", 66, 100, "onvoldoende"),
        ("jaarresultaat", "MBO-3", 67, 100, "onvoldoende"),
        ("jaarresultaat", "MBO-4", 85, 100, "hoog"),
        ("jaarresultaat", "MBO-2", 82, 100, "hoog"),
        ("diplomaresultaat", "MBO-2", 61, 100, "voldoende"),
        ("diplomaresultaat", "MBO-3", 69, 100, "onvoldoende"),
        ("diplomaresultaat", "MBO-4", 88, 100, "voldoende"),
        ("diplomaresultaat", "MBO-4", 89, 100, "hoog"),
        ("startersresultaat", "MBO-2", 79, 100, "voldoende"),
        ("startersresultaat", "MBO-3", 81, 100, "onvoldoende"),
        ("startersresultaat", "MBO-4", 100, 100, "voldoende"),
        ("jaarresultaat", "MBO-3", 11, 11, None),
        ("jaarresultaat", "MBO-3", 9, 12, "voldoende"),
        ("jaarresultaat", "MBO-3", 9, 11, None),
        ("jaarresultaat", "MBO-3", 12, 12, None),
        ("diplomaresultaat", "MBO-3", 0, 50, None),
        ("startersresultaat", "MBO-3", 0, 50, "onvoldoende"),
        ("jaarresultaat", "MBO-1", 70, 100, None),
    ],
)
def test_one_result_against_its_norm(name: str, niveau: str, good: int, of: int, verdict: str | None) -> None:
    assert judged(niveau, **{name: (good, of)})[f"{name}_oordeel"] == verdict


GOOD, BAD, SMALL = (80, 100), (10, 100), (5, 11)
HIGH = (90, 100)


@pytest.mark.parametrize(
    ("jr", "dr", "sr", "verdict"),
    [
        (GOOD, GOOD, BAD, "voldoende"),
        (GOOD, BAD, HIGH, "voldoende"),
        (GOOD, BAD, BAD, "onvoldoende"),
        (GOOD, GOOD, SMALL, "voldoende"),
        (GOOD, BAD, SMALL, "onvoldoende"),
        (GOOD, SMALL, SMALL, None),
        (SMALL, SMALL, SMALL, None),
    ],
)
def test_two_of_three_make_voldoende_and_two_missing_no_judgement(
    jr: tuple[int, int], dr: tuple[int, int], sr: tuple[int, int], verdict: str | None
) -> None:
    assert judged(jaarresultaat=jr, diplomaresultaat=dr, startersresultaat=sr)["oordeel"] == verdict


def test_a_startersresultaat_over_fewer_cohorts_is_not_judged() -> None:
    row = pl.DataFrame([judged(startersresultaat=HIGH)]).select(pl.all().exclude("oordeel", "^.*_oordeel$"))
    told = [judgement(row.with_columns(cohorten=pl.lit(n)))["startersresultaat_oordeel"].item() for n in ("2", "3")]
    assert told == [None, "voldoende"]


def test_every_result_has_a_numerator_no_larger_than_its_denominator() -> None:
    made = made_of(year_of("a", 2023, **_LEAVES, heeft_diploma=True))
    for name in RESULTS:
        assert (made[f"{name}_teller"] <= made[f"{name}_noemer"]).all()
