"""Results of institutions beside norm, country and each other, counted by hand."""

from typing import Any

from tests.support.marts import asked, database, year_of

_LEAVES = {"populatie_jaarresultaat": True, "populatie_diplomaresultaat": True}


def leavers(place: str, good: int, of: int, year: int = 2023, **values: Any) -> list[dict[str, Any]]:
    """So many leavers of level 4, of whom so many with a diploma."""
    return [
        year_of(f"{place}{year}{n}{sorted(values.values())}", year, place, **_LEAVES, heeft_diploma=n < good, **values)
        for n in range(of)
    ]


def told(rows: list[dict[str, Any]], what: str, result: str = "jaarresultaat") -> list[tuple[Any, ...]]:
    with database({"2025-12": {"doorstroom": rows}}) as connection:
        query = f"select instellingscode, {what} from oordelen where resultaat = '{result}' order by all"
        return asked(connection, query)


def test_a_result_stands_beside_norm_country_mean_and_rank() -> None:
    rows = leavers("01AA", 9, 12) + leavers("02BB", 10, 20) + leavers("03CC", 15, 20) + leavers("04DD", 1, 2)
    assert told(
        rows, "teller, noemer, percentage, norm_voldoende, oordeel, landelijk, gemiddelde, rang, instellingen"
    ) == [
        ("01AA", 9, 12, 75.0, 68, "voldoende", 64.8, 66.7, 1, 3),
        ("02BB", 10, 20, 50.0, 68, "onvoldoende", 64.8, 66.7, 3, 3),
        ("03CC", 15, 20, 75.0, 68, "voldoende", 64.8, 66.7, 1, 3),
        ("04DD", 1, 2, 50.0, 68, None, 64.8, 66.7, None, 3),
    ], "35 of 54 in the country; a denominator under twelve is not judged, ranked, nor in the mean"


def test_who_does_not_take_part_is_no_part_of_any_figure() -> None:
    """Other ways of learning (ovo, odt) aren't judged (Inspectie)."""
    rows = leavers("01AA", 12, 16) + leavers("01AA", 0, 40, leerweg="OVO")
    assert told(rows, "teller, noemer, landelijk") == [("01AA", 12, 16, 75.0)]


def test_the_verdict_over_all_needs_two_and_stands_with_each_result() -> None:
    rows = leavers("01AA", 15, 20)
    assert told(rows, "oordeel, eindoordeel") == [("01AA", "voldoende", "voldoende")]
    assert told(rows, "oordeel, eindoordeel", "passend_diploma") == [("01AA", None, "voldoende")]
    few = leavers("01AA", 8, 11)
    assert told(few, "oordeel, eindoordeel") == [("01AA", None, None)]


def test_a_startersresultaat_is_judged_on_three_cohorts_and_years_stand_apart() -> None:
    starts = {"populatie_starter": True, "indicatie_startersresultaat": True}
    rows = [year_of(f"{year}{n}", year, **starts) for year in (2021, 2022, 2023) for n in range(5)]
    assert told(rows, "opbrengstjaar, noemer, cohorten, oordeel", "startersresultaat") == [
        ("01AA", "2022", 5, "1", None),
        ("01AA", "2023", 10, "2", None),
        ("01AA", "2024", 15, "3", "voldoende"),
    ]


def test_of_a_year_the_figures_in_force_are_judged() -> None:
    first = leavers("01AA", 0, 20, status="V")
    second = leavers("01AA", 15, 20)
    with database({"2025-12": {"doorstroom": first}, "2026-08": {"doorstroom": second}}) as connection:
        query = "select levering, status, percentage from oordelen where resultaat = 'diplomaresultaat'"
        assert asked(connection, query) == [("2026-08", "D", 75.0)]
