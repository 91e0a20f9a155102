"""Doorstroom to hbo, careers over deliveries, and which delivery speaks, on cases counted by hand."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from rod_pipeline.marts import in_force
from tests.support.marts import asked, database, diploma, leaver, main, programme, table, total, year_of


def test_direct_is_the_next_1_october_and_everything_later_is_later() -> None:
    rows = [
        leaver("direct", 2023, hbo_instroom_studiejaar="2024-2025", hbo_onderbrekingsduur=0, hbo_verblijfsduur=1),
        leaver("a year later", 2023, hbo_instroom_studiejaar="2025-2026", hbo_onderbrekingsduur=1, hbo_verblijfsduur=1),
        leaver("contradicts itself", 2023, hbo_instroom_studiejaar="2025-2026", hbo_onderbrekingsduur=0),
        leaver("not in hbo", 2023),
        leaver("level 3", 2023, mbo_hoogste_diploma_niveau="MBO-3", hbo_instroom_studiejaar="2024-2025"),
        leaver("unknown level", 2023, mbo_hoogste_diploma_niveau=None),
    ]
    made = table("doorstroom_hbo", {"mbo_hbo": rows})
    assert [total(made, name) for name in ("gediplomeerden", "direct", "later")] == [4, 1, 2]


def test_dropout_is_over_those_whose_first_year_has_ended() -> None:
    enters = {"hbo_instroom_studiejaar": "2024-2025", "hbo_onderbrekingsduur": 0}
    rows = [
        leaver("first year runs", 2023, **enters, hbo_verblijfsduur=1),
        leaver("in the second year", 2023, **enters, hbo_verblijfsduur=2),
        leaver("dropped out at once", 2023, **enters, hbo_verblijfsduur=1, hbo_schooljaren_tot_uitval=1),
        leaver("dropped out later", 2023, **enters, hbo_verblijfsduur=2, hbo_schooljaren_tot_uitval=2),
        leaver("has a diploma", 2023, **enters, hbo_verblijfsduur=2, hbo_hoogste_diploma_niveau="AD"),
    ]
    later = {"hbo_instroom_studiejaar": "2025-2026", "hbo_onderbrekingsduur": 1, "hbo_verblijfsduur": 1}
    rows.append(leaver("after a year, dropped out at once", 2023, **later, hbo_schooljaren_tot_uitval=1))
    made = table("doorstroom_hbo", {"mbo_hbo": rows})
    assert [total(made, name) for name in ("jaar1_bekend", "uitval_jaar1", "hbo_diploma")] == [5, 2, 1]
    assert [total(made, f"{name}_direct") for name in ("jaar1_bekend", "uitval_jaar1")] == [4, 1]
    certified = made.filter(met_hbo_diploma="J")
    assert [total(certified, name) for name in ("hbo_diploma", "direct", "uitval_jaar1")] == [1, 1, 0]


def steps(*rows: dict[str, Any]) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Per student and school year: vervolg, stap, wissel, soort."""
    with database({"2025-12": {"doorstroom": rows}}) as connection:
        found = asked(
            connection, "select sectornummer, left(schooljaar, 4), vervolg, stap, wissel, soort from loopbanen"
        )
    return {(student, year): tuple(rest) for student, year, *rest in found}


def went(student: str, first: tuple[str, str], second: tuple[str, str], **values: Any) -> list[dict[str, Any]]:
    return [year_of(student, 2023, **programme(*first), **values), year_of(student, 2024, **programme(*second))]


@pytest.mark.parametrize(
    ("first", "second", "diploma_earned", "expected"),
    [
        (("25001", "MBO-3"), ("25001", "MBO-3"), False, ("gelijk", "geen", "blijft")),
        (("25001", "MBO-3"), ("25002", "MBO-3"), False, ("gelijk", "opleiding", "switch")),
        (("25001", "MBO-3"), ("25011", "MBO-4"), False, ("opstroom", "BC", "switch")),
        (("25001", "MBO-3"), ("25101", "MBO-2"), False, ("afstroom", "SG", "switch")),
        (("25001", "MBO-3"), ("26001", "MBO-3"), False, ("gelijk", "HG", "switch")),
        (("25001", "MBO-3"), ("25002", "MBO-4"), True, ("opstroom", "opleiding", "doorstroom")),
        (("25001", "MBO-3"), ("25001", "MBO-3"), True, ("gelijk", "geen", "blijft")),
    ],
)
def test_a_step_has_a_name(
    first: tuple[str, str], second: tuple[str, str], diploma_earned: bool, expected: tuple[str, str, str]
) -> None:
    rows = went("a", first, second, heeft_diploma=diploma_earned)
    for row in rows:
        crebo = row["kwalificatiecode_inschrijving"]
        row |= {"code_bc": f"bc{crebo[:4]}"[:6], "code_sg": f"sg{crebo[1:3]}0", "code_hg": f"hg{crebo[1]}00"}
    assert steps(*rows)["a", "2023"] == ("mbo", *expected)


def test_leaving_is_known_only_when_the_next_year_is() -> None:
    found = steps(year_of("leaves", 2023), year_of("other", 2024), year_of("back after a year", 2022))
    assert found["leaves", "2023"][0::3] == ("uit mbo", "uitstroom")
    assert found["other", "2024"][0::3] == ("onbekend", "onbekend")
    assert found["back after a year", "2022"][0::3] == ("uit mbo", "uitstroom")


def test_a_change_of_institution_is_no_change_of_programme() -> None:
    with database({"2025-12": {"doorstroom": [year_of("a", 2023, "01AA"), year_of("a", 2024, "02BB")]}}) as connection:
        query = (
            "select instelling_gewisseld, wissel, vervolg_instellingscode from loopbanen where schooljaar = '2023-2024'"
        )
        assert asked(connection, query) == [("J", "geen", "02BB")]


def test_of_two_institutions_the_career_follows_the_highest_level() -> None:
    rows = [year_of("a", 2023, "01AA", niveau="MBO-2"), year_of("a", 2023, "02BB", niveau="MBO-3")]
    with database({"2025-12": {"doorstroom": rows}}) as connection:
        assert asked(connection, "select instellingscode, niveau from loopbanen") == [("02BB", "MBO-3")]


def test_a_career_goes_over_deliveries_by_the_one_that_speaks() -> None:
    """2024 was provisional in the first delivery and final in the second; 2022 stands in the first alone."""
    first = [
        year_of("a", 2022),
        year_of("a", 2023, status="D"),
        year_of("a", 2024, status="V", **programme("26001", "MBO-4")),
    ]
    second = [year_of("a", 2023), year_of("a", 2024)]
    deliveries = {"2025-12": {"doorstroom": first}, "2026-08": {"doorstroom": second}}
    with database(deliveries) as connection:
        query = "select left(schooljaar, 4), levering, status, soort from loopbanen order by 1"
        assert asked(connection, query) == [
            ("2022", "2025-12", "D", "blijft"),
            ("2023", "2026-08", "D", "blijft"),
            ("2024", "2026-08", "D", "onbekend"),
        ], "the switch that only the provisional figures had is gone"


def test_nobody_s_rows_stay_beside_the_careers() -> None:
    with database({"2025-12": {"doorstroom": [year_of("a", 2023)]}}) as connection:
        with_persons = asked(
            connection, "select distinct table_name from duckdb_columns() where column_name = 'sectornummer'"
        )
    assert with_persons == [("loopbanen",)]


def standing(*editions: tuple[str, str | None, str, int]) -> dict[str, tuple[str | None, str]]:
    """Per school year who speaks; an edition is school year, status, delivery, day of December."""
    rows = [("m", year, status, key, datetime(2025, 12, day, tzinfo=UTC)) for year, status, key, day in editions]
    names = ["mart", "schooljaar", "status", "levering", "moment"]
    found = in_force.standing(pl.DataFrame(rows, schema=names, orient="row"))
    return {row["schooljaar"]: (row["status"], row["levering"]) for row in found.filter("geldt").rows(named=True)}


def test_the_latest_final_figures_speak_else_the_latest_provisional() -> None:
    assert standing(
        ("2023", "D", "a", 1),
        ("2023", "D", "b", 2),
        ("2023", "V", "c", 3),
        ("2024", "V", "b", 2),
        ("2024", "V", "c", 3),
        ("2025", None, "b", 2),
        ("2025", "V", "a", 1),
    ) == {"2023": ("D", "b"), "2024": ("V", "c"), "2025": ("V", "a")}


def test_of_two_at_the_same_moment_the_later_key_speaks() -> None:
    assert standing(("2023", "D", "2025-12", 1), ("2023", "D", "2026-08", 1)) == {"2023": ("D", "2026-08")}


def test_a_correction_waits_as_long_as_what_it_corrects_is_there() -> None:
    old, new = ("2023", "V", "2025-12", 1), ("2023", "D", "2025-12-r2", 9)
    assert standing(old, new) == {"2023": ("V", "2025-12")}
    assert standing(new) == {"2023": ("D", "2025-12-r2")}
    assert standing(old, new, ("2023", "V", "2026-08", 2)) == {"2023": ("V", "2026-08")}
    only_there = ("2022", "D", "2025-12-r2", 9)
    assert standing(old, only_there)["2022"] == ("D", "2025-12-r2")


def test_what_changed_between_provisional_and_final_shows_per_cell() -> None:
    provisional = [main("a", 2024, status="V"), main("b", 2024, status="V", leerweg="BBL"), main("c", 2025, status="V")]
    final = [main("a", 2024), main("d", 2024)]
    deliveries = {"2025-12": {"inschrijvingen": provisional}, "2026-08": {"inschrijvingen": final}}
    with database(deliveries) as connection:
        query = "select leerweg, voorlopig, definitief, verschil from voorlopig_definitief order by 1"
        assert asked(connection, query) == [("BBL", 1, 0, -1), ("BOL", 1, 2, 1)]


def test_results_change_too_between_provisional_and_final() -> None:
    leaves = {"populatie_diplomaresultaat": True}
    deliveries = {
        "2025-12": {"doorstroom": [year_of("a", 2024, status="V", **leaves)]},
        "2026-08": {"doorstroom": [year_of("a", 2024, **leaves, heeft_diploma=True), year_of("b", 2024, **leaves)]},
    }
    with database(deliveries) as connection:
        query = "select maat, voorlopig, definitief from voorlopig_definitief order by 1"
        assert asked(connection, query) == [("diplomaresultaat_noemer", 1, 2), ("diplomaresultaat_teller", 0, 1)]


def test_the_trend_adds_the_figures_in_force_per_group() -> None:
    files = {
        "inschrijvingen": [main("a", 2024), main("b", 2024, status="D")],
        "doorstroom": [year_of("a", 2024, letter="I"), year_of("b", 2024, letter="U")],
        "diplomas": [diploma("b", 2024)],
    }
    with database({"2025-12": {"inschrijvingen": [main("old", 2024, status="V")]}, "2026-08": files}) as connection:
        query = (
            "select bedrijfstakgroep, aangenomen, sum(studenten)::int, sum(instroom)::int, sum(uitstroom)::int, "
            "sum(gediplomeerden)::int from trend group by all"
        )
        assert asked(connection, query) == [("Techniek en gebouwde omgeving", "J", 2, 1, 1, 1)]


def test_every_table_and_column_says_what_it_means() -> None:
    with database({}) as connection:
        untold = asked(
            connection,
            "select table_name, column_name from duckdb_columns() where not internal and comment is null "
            "and schema_name = 'main' and table_name <> 'leveringen' order by all",
        )
        assert untold == []
        assert asked(connection, "select view_name from duckdb_views() where not internal and comment is null") == []
