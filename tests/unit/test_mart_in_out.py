"""Instroom, uitstroom and diplomas, each definition on cases counted by hand."""

from tests.support.marts import cells, diploma, main, table, total, year_of


def test_who_comes_in_counts_per_vooropleiding_and_school_of_origin() -> None:
    files = {
        "doorstroom": [
            year_of("a", 2024, letter="I", categorie_hoogste_vooropleiding="8"),
            year_of("b", 2024, letter="T", categorie_hoogste_vooropleiding="8"),
            year_of("c", 2024, letter="D", categorie_hoogste_vooropleiding="8"),
            year_of("d", 2021, letter="I", categorie_hoogste_vooropleiding="5"),
            {**year_of("pupil", 2024, letter="I"), "niveau": None},
        ],
        "inschrijvingen": [main("a", 2024, instelling_vooropleiding_vo="10XX")],
    }
    made = table("instroom", files)
    assert cells(made, "schooljaar", "vooropleiding", "letter", number="instroom") == {
        ("2024-2025", "8", "I"): 1,
        ("2024-2025", "8", "T"): 1,
        ("2021-2022", "5", "I"): 1,
    }
    assert cells(made, "vo_instelling", "vo_instelling_verteld", number="instroom") == {
        ("10XX", "J"): 1,
        (None, "J"): 1,
        (None, "N"): 1,
    }, "inschrijvingen doesn't tell of 2021"


def test_two_enrolments_count_once_in_the_country_at_the_highest_level() -> None:
    files = {
        "doorstroom": [
            year_of("a", 2024, "01AA", "I", kwalificatiecode_inschrijving="25001", niveau="MBO-3"),
            year_of("a", 2024, "02BB", "I", kwalificatiecode_inschrijving="25002", niveau="MBO-4"),
            year_of("b", 2024, "02BB", "I", kwalificatiecode_inschrijving="25003"),
            year_of("b", 2024, "01AA", "I", kwalificatiecode_inschrijving="25002"),
        ]
    }
    made = table("instroom", files)
    assert total(made, "instroom") == 2
    assert total(made, "instroom_instelling") == 4
    assert cells(made, "instellingscode", "opleidingscode", number="instroom") == {
        ("02BB", "25002"): 1,
        ("01AA", "25002"): 1,
    }, "of equal levels the lowest crebo"


def test_leavers_count_by_diploma_of_that_year_and_by_registered_reason() -> None:
    files = {
        "doorstroom": [
            year_of("with", 2024, letter="U", heeft_diploma=True),
            year_of("without", 2024, letter="U"),
            year_of("unsaid", 2024, letter="U", heeft_diploma=None),
            year_of("came and went", 2023, letter="T"),
            year_of("stays", 2024, letter="D", heeft_diploma=True),
        ],
        "inschrijvingen": [
            main("with", 2024, reden_uitstroom="08"),
            main("without", 2024, reden_uitstroom="04"),
            main("without", 2024, "02BB", reden_uitstroom="01"),
            main("without", 2024, hoofdinschrijving_instelling=False, reden_uitstroom="07"),
            main("unsaid", 2024),
        ],
    }
    made = table("uitstroom", files)
    assert cells(made, "letter", "diploma", "reden", number="uitstroom") == {
        ("U", "J", "08"): 1,
        ("U", "N", "04"): 1,
        ("U", None, None): 1,
        ("T", "N", None): 1,
    }


def test_a_diploma_after_leaving_is_of_the_year_in_which_it_was_earned() -> None:
    """Somebody who was enrolled in 2023-2024 alone and earns it a year later left without one."""
    files = {
        "doorstroom": [year_of("late", 2023, letter="U", heeft_diploma=False)],
        "inschrijvingen": [main("late", 2023)],
        "diplomas": [diploma("late", 2024)],
    }
    assert cells(table("uitstroom", files), "schooljaar", "diploma", number="uitstroom") == {("2023-2024", "N"): 1}
    made = table("behaalde_diplomas", files)
    assert cells(made, "schooljaar", "leerweg", "code_bc", number="hoofddiplomas") == {("2024-2025", None, "bc500"): 1}


def test_two_diplomas_are_one_graduate_and_a_certificate_is_none() -> None:
    files = {
        "diplomas": [
            diploma("a", 2024),
            diploma("a", 2024, "02BB", hoofddiploma=False, soort_diploma_mbo_studiejaar="02", niveau_diploma="MBO-3"),
            diploma("a", 2024, hoofddiploma=False, soort_diploma_mbo_studiejaar="02", niveau_diploma=None),
            diploma("only a certificate", 2024, hoofddiploma=False, niveau_diploma=None),
            diploma("invalid", 2024, soort_diploma_mbo_studiejaar="99"),
            diploma("main one of an unknown level", 2024, niveau_diploma=None),
        ],
        "inschrijvingen": [main("a", 2024, leerweg="BBL")],
    }
    made = table("behaalde_diplomas", files)
    assert (total(made, "hoofddiplomas"), total(made, "diplomas")) == (2, 3)
    assert cells(made, "niveau", "leerweg", number="diplomas") == {
        ("MBO-4", "BBL"): 1,
        ("MBO-3", None): 1,
        (None, None): 1,
    }, "the leerweg is of the main enrolment at that institution"


def test_a_lookup_never_doubles_what_is_counted() -> None:
    """Not even when the file has two main enrolments where there can be one."""
    twice = [main("a", 2024, reden_uitstroom="04"), main("a", 2024, opleidingscode="25002", reden_uitstroom="01")]
    files = {"doorstroom": [year_of("a", 2024, letter="U")], "inschrijvingen": twice, "diplomas": [diploma("a", 2024)]}
    assert cells(table("uitstroom", files), "reden", number="uitstroom_instelling") == {"01": 1}
    assert total(table("behaalde_diplomas", files), "diplomas") == 1


def test_provisional_and_final_rows_of_a_year_are_counted_apart() -> None:
    rows = [year_of("a", 2024, letter="I", status=status) for status in "VD"]
    files = {"doorstroom": rows, "inschrijvingen": [main("a", 2024, status="D", instelling_vooropleiding_vo="10XX")]}
    made = table("instroom", files)
    assert cells(made, "status", "vo_instelling", number="instroom") == {("V", None): 1, ("D", "10XX"): 1}
