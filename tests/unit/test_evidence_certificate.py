"""The certificate and the summary: the same each time, honest, marked when it is a simulation."""

from datetime import UTC, datetime
from pathlib import Path
from typing import cast, get_args

import pytest

from rod_pipeline.ledger.erasure import Method, Outcome, Place, PlaceLeft, What, Withdrawn
from rod_pipeline.ledger.vocabulary import Channel, MomentBasis
from rod_pipeline.retention.evidence import Evidence, attest, find, words
from rod_pipeline.retention.evidence.bundle import summary
from rod_pipeline.retention.evidence.certificate import Seal, certificate
from rod_pipeline.retention.evidence.record import Category, Limit, Reason
from rod_pipeline.retention.evidence.verifieer import COUNTED, PLACES
from rod_pipeline.system import System
from tests.support.evidence import Installation, at_the_end_of_the_term, counted, erased, signing_key, six_deliveries
from tests.support.ledger import SetClock
from tests.support.pdf import text_of

SEAL = Seal(str(signing_key("bewijs.rod.example/grootboek").verifier), 4711, bytes(range(32)))


def attested(installation: Installation, keys: tuple[str, ...] = ("2025-12",), **how: object) -> Evidence:
    plan = erased(installation, keys, **how)  # type: ignore[arg-type]
    attest(cast(System, installation), plan.purge_id)
    return find(cast(System, installation), plan.purge_id)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    made = Installation(tmp_path, SetClock())
    at_the_end_of_the_term(made)
    return made


def printed(evidence: Evidence, installation: Installation) -> str:
    return " ".join(text_of(certificate(evidence, installation.decree, SEAL)).split())


def test_the_same_record_gives_the_same_bytes(installation: Installation) -> None:
    evidence = attested(installation)
    assert certificate(evidence, installation.decree, SEAL) == certificate(evidence, installation.decree, SEAL)
    other = SEAL._replace(size=4712)
    assert certificate(evidence, installation.decree, SEAL) != certificate(evidence, installation.decree, other)


def test_it_is_pdf_a_and_accessible(installation: Installation) -> None:
    pdf = certificate(attested(installation), installation.decree, SEAL)
    assert b"<pdfaid:part>2</pdfaid:part>" in pdf and b"<pdfaid:conformance>A</pdfaid:conformance>" in pdf
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf


def test_it_says_what_why_when_how_where_and_by_whom(installation: Installation) -> None:
    text = printed(attested(installation), installation)
    for said in (
        "Verklaring van vernietiging",
        "Besluit 55352791 van 17 november 2025",
        "VOLLEDIG",
        "onderdeel 3, onder j",
        "15 december 2032",
        "Nederlandse tijd",
        "sleutel vernietigd",
        "s3.fr-par.scw.cloud, regio fr-par, Frankrijk (binnen de EER)",
        "KBA Groep B.V.",
        "Namens de MBO Raad",
        "Functionaris voor gegevensbescherming",
        "nummer 72 van 4711",
        *(words.LIMITS[limit] for limit in attested_limits(installation)),
    ):
        assert said in text, said
    assert "SIMULATIE" not in text


def attested_limits(installation: Installation) -> tuple[Limit, ...]:
    return find(cast(System, installation), "f" * 16).record.limits


def test_a_simulation_is_marked_on_every_page(tmp_path: Path) -> None:
    installation = Installation(tmp_path, SetClock(), origin="bewijs.rod.example/simulatie/grootboek")
    at_the_end_of_the_term(installation)
    evidence = attested(installation)
    assert evidence.record.simulation
    pages = text_of(certificate(evidence, installation.decree, SEAL)).count("SIMULATIE, geen echte gegevens")
    assert pages >= 3
    assert "SIMULATIE" in summary(evidence, installation.decree, SEAL)


def test_what_is_left_stands_on_the_first_page_under_the_outcome(installation: Installation) -> None:
    until = datetime(2033, 1, 20, tzinfo=UTC)
    left = {
        ("2025-12", "backups"): PlaceLeft(place="backups", counts=counted(backups=2), until=until),
        ("2025-12", "objects"): PlaceLeft(place="objects", counts=counted(versions=3)),
    }
    evidence = attested(installation, left=left)
    text = printed(evidence, installation)
    assert text.index("ONVOLLEDIG") < text.index("Wat rest") < text.index("Wat is gewist")
    assert "2 reservekopieën" in text and "20 januari 2033" in text and "3 objectversies" in text
    assert "In eigen huis is niets meer gevonden" not in text
    assert "ONVOLLEDIG" in summary(evidence, installation.decree, SEAL)


def test_lateness_is_told_in_days(installation: Installation) -> None:
    installation.clock.move(days=12)
    text = printed(attested(installation), installation)
    assert "TE LAAT" in text and "11 dagen te laat" in text


def test_six_deliveries_fit_on_one_certificate(tmp_path: Path) -> None:
    installation = Installation(tmp_path, SetClock())
    keys = six_deliveries(installation)
    installation.ledger.append(Withdrawn(order="OCW-2029-1", actor="a1"))
    text = printed(attested(installation, keys, ground="withdrawal", order="OCW-2029-1"), installation)
    assert all(key in text for key in keys)
    assert "Kenmerk van de opdracht: OCW-2029-1" in text


@pytest.mark.parametrize(
    ("codes", "spoken"),
    [
        (Place, PLACES),
        (What, COUNTED),
        (Method, words.METHODS),
        (Outcome, words.OUTCOMES),
        (Reason, words.REASONS),
        (MomentBasis, words.BASES),
        (Channel, words.SOURCES),
        (Category, words.CATEGORIES),
        (Limit, words.LIMITS),
    ],
)
def test_every_code_has_its_words(codes: object, spoken: dict[str, object]) -> None:
    assert set(get_args(codes)) == set(spoken)


def test_where_others_had_nothing_it_does_not_say_that_they_were_asked(installation: Installation) -> None:
    text = printed(attested(installation), installation)
    assert "had volgens het register geen kopie" in text
    assert "om wissing gevraagd" not in text and "verloopt op vaste datum" not in text
