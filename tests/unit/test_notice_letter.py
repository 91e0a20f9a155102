"""The letter to DUO and the minister: what it says, in Dutch; and that the PDF says the same."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from rod_pipeline.errors import RefusedData

# So that every refusal is there, and has its word of Dutch.
from rod_pipeline.intake import parsing
from rod_pipeline.ledger.quality import Waived
from rod_pipeline.quality import verdict
from rod_pipeline.quality.notice import Refusal, as_pdf, as_text
from rod_pipeline.quality.report import Detail, Unit
from tests.support.notice import FOUND, broken, letter_of
from tests.support.pdf import text_of

REFUSALS = {error.code for error in RefusedData.__subclasses__() if error.__module__.startswith("rod_pipeline")}
DETAIL = Detail(
    first_rows=(77_001, 77_002),
    institutions=(("25LX", 1_200), ("01AA", 8)),
    elsewhere=26,
    codes=(("XX", 5),),
    columns=(("niveau", 0.125),),
)


assert parsing and verdict and len(REFUSALS) >= 6


def text(*results: Any, **more: Any) -> str:
    return as_text(letter_of(*results, **more))


def waived(until: datetime) -> Waived:
    return Waived(
        waiver_id="0" * 16, delivery_id="1" * 16, file="diplomas", rule="a.rule", failed=3, reason="duo_confirmed",
        until=until, actor="a",
    )  # fmt: skip


def test_it_names_delivery_ground_files_rules_counts_shares_and_the_moment_of_discovery() -> None:
    said = text(
        broken("a.rule", failed=1_234, rows=5_000), broken("b", "warning", 1),
        rows={"diplomas": 5_000, "doorstroom": 1}, provided=datetime(2025, 12, 1, 23, 30, tzinfo=UTC),
    )  # fmt: skip
    for part in (
        "Aan: Dienst Uitvoering Onderwijs en de Minister van Onderwijs, Cultuur en Wetenschap",
        "Kenmerk: 2025-12-m1, versie 1",
        "Betreft: Melding over levering 2025-12 ",
        "voorschrift 3, onder e, van besluit 55352791 van 17 november 2025",
        "gebreken in de datakwaliteit zijn gevonden.",
        "Verstrekt: 2 december 2025",  # half past eleven at night by UTC
        "Moment van ontdekking: 3 december 2025 om 12:05 uur (Nederlandse tijd)",
        "Gecontroleerde bestanden: diplomas (5.000 rijen), doorstroom (1 rij)",
        "1. Bestand diplomas, regel a.rule: 1.234 van 5.000 rijen (24,7%) voldoen niet.",
        "   Regel: De regel a.rule klopt.",
        "   Rubriek: 04.01.30",
        "1. Bestand diplomas, regel b: 1 van 100 rijen (1,0%) voldoet niet.",
        "De levering is niet in gebruik genomen.",
        "een herstelde, volledige levering",
        "Deze melding bevat geen persoonsgegevens: alleen regels en aantallen.",
    ):
        assert part in said
    assert said.index("Gebreken die ingebruikneming beletten") < said.index("Overige bevindingen")
    assert "The rule" not in said and "Ask DUO" not in said


@pytest.mark.parametrize(
    ("failed", "rows", "said"),
    [
        (1, 1, "1 van 1 rij voldoet niet"),
        (1, 2, "1 van 2 rijen (50,0%) voldoet niet"),
        (2, 2, "2 van 2 rijen (100,0%) voldoen niet"),
        (1, 3_000_000, "1 van 3.000.000 rijen (minder dan 0,1%) voldoet niet"),
        (1_234_567, 3_000_000, "1.234.567 van 3.000.000 rijen (41,2%) voldoen niet"),
    ],
)
def test_numbers_are_dutch_and_agree_with_their_verb(failed: int, rows: int, said: str) -> None:
    assert said in text(broken(failed=failed, rows=rows))


@pytest.mark.parametrize("unit", get_args(Unit))
def test_every_unit_has_a_dutch_word_for_one_and_for_many(unit: Unit) -> None:
    one, many = text(broken(failed=1, rows=1, unit=unit)), text(broken(failed=1, rows=2, unit=unit))
    words = [said.split(" van ")[-1] for said in (one, many)]
    assert words[0] != words[1] and unit not in {"rows", "students", "totals", "files"} & set(many.split())


def test_a_breakdown_is_told_as_far_as_the_result_has_one_and_the_numbers_of_rows_never() -> None:
    said = text(broken(detail=DETAIL, since="2024-12"))
    assert "   Instellingen: 25LX (1.200), 01AA (8); alle andere samen 26" in said
    assert "   Codes: XX (5)" in said
    assert "   Kolommen: niveau (verschuiving 12,5%)" in said
    assert "   Sinds: levering 2024-12, en in elke levering daarna" in said
    assert "77.001" not in said and "77001" not in said
    assert "Instellingen" not in text(broken())


def test_warnings_alone_do_not_stop_a_delivery_from_being_used() -> None:
    said = text(broken("b", "warning", 1))
    assert "Deze bevindingen beletten niet dat de levering in gebruik wordt genomen." in said
    assert "Wij verzoeken u deze bevinding te beoordelen" in said
    assert "Wij verzoeken u deze bevindingen te beoordelen" in text(broken("b", "warning"), broken("c", "warning"))


def test_what_is_waived_is_told_all_the_same_with_its_end() -> None:
    said = text(broken(waived=waived(datetime(2026, 1, 31, 23, tzinfo=UTC))))
    assert "Gebreken die wij voor deze levering tijdelijk aanvaarden" in said
    assert "Aanvaard tot 1 februari 2026" in said
    assert "ondanks deze gebreken te gebruiken" in said
    both = text(broken(waived=waived(FOUND)), broken("b"))
    assert "De levering is niet in gebruik genomen." in both


def test_earlier_notices_about_the_delivery_are_named() -> None:
    assert "Eerdere meldingen over deze levering: 2025-12-m1 (verzonden op 3 december 2025)" in text(
        broken(), notice="2025-12-m2", earlier=(("2025-12-m1", FOUND),)
    )


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_refusal_says_why_in_dutch_and_that_all_is_erased(code: str) -> None:
    said = text(found={}, refusal=Refusal(code=code, happened="A column looks like a direct identifier."))
    assert "gegevens zijn aangetroffen die het besluit niet toestaat." in said
    assert f"(code {code})" in said and "De levering mag niet worden bewaard. (" not in said
    assert "in het Engels: A column looks like a direct identifier." in said
    assert "wordt met alle kopieën per direct gewist" in said


@pytest.mark.parametrize("code", ["ROD-REFUSE-01", "ROD-REFUSE-03"])
def test_who_decided_not_to_keep_a_delivery_accuses_nobody_of_forbidden_data(code: str) -> None:
    said = text(broken(), refusal=Refusal(code=code, happened="-"))
    assert "gebreken in de datakwaliteit zijn gevonden." in said
    assert "niet toestaat" not in said
    assert "per direct gewist" in said and "regel a.rule" in said


def _bare(words: str) -> str:
    return "".join(words.replace("\u00ad", "").split())


def test_the_pdf_says_what_the_text_says_in_the_same_order() -> None:
    results = [broken(f"rule.{number}", failed=number, rows=1_000, detail=DETAIL) for number in range(1, 40)]
    said = letter_of(*results, broken("b", "warning", 1), rows={"diplomas": 1_000}, earlier=(("2025-12-m1", FOUND),))
    printed = _bare(text_of(as_pdf(said, FOUND)))
    at = 0
    for line in as_text(said).splitlines():
        wanted = _bare(line)
        found = printed.find(wanted, at)
        assert found >= 0, line
        at = found
    assert "rule.39" in printed


def test_the_same_letter_gives_the_same_bytes_in_a_form_that_lasts_and_can_be_read_by_everybody() -> None:
    said = letter_of(broken())
    pdf = as_pdf(said, FOUND)
    assert pdf == as_pdf(said, FOUND) != as_pdf(letter_of(broken(failed=4)), FOUND)
    assert b"<pdfaid:part>2</pdfaid:part>" in pdf and b"<pdfuaid:part>1</pdfuaid:part>" in pdf
