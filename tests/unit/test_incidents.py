"""Incidents and changed circumstances: who has to be told, by when, and what the letters say."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rod_pipeline.incidents import keeping
from rod_pipeline.incidents.clocks import open_duties, watch_duties
from rod_pipeline.incidents.keeping import Description
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.overseen import IncidentState
from rod_pipeline.ledger.oversight import IncidentOpened
from rod_pipeline.ledger.rules import IllegalEvent
from tests.support.evidence import Installation
from tests.support.ledger import NOON, SetClock

DAY = timedelta(hours=24)
KNOWN = Description(
    cause="sent_to_wrong_recipient",
    persons="1000_9999",
    records="10000_99999",
    risk="risk",
    consequences=("identification",),
    measures=("recipient_asked_to_erase",),
    nature=("confidentiality",),
    categories=("pseudonyms", "enrolments"),
)


@dataclass(frozen=True)
class Office(Installation):
    """An installation with somebody in it."""

    def actor(self) -> str:
        return "a1"

    def state(self, incident: str = "2025-i1") -> IncidentState:
        return self.ledger.state().oversight.incidents[incident]

    def letter(self) -> Path:
        sent = self.home / "sent.pdf"
        sent.write_bytes(b"as it was sent")
        return sent


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path, SetClock())


def duties(office: Office) -> list[tuple[str, float]]:
    """Who still has to be told, and the hours that are left for it."""
    found = open_duties(office.ledger.state(), office.clock.now(), DAY)
    return [(duty.to, duty.left.total_seconds() / 3600) for duty in found]


def test_the_clocks_run_from_the_discovery_and_not_from_when_it_was_put_on_record(office: Office) -> None:
    keeping.open_incident(office, "breach", "processor", NOON - timedelta(hours=10))  # type: ignore[arg-type]
    assert duties(office) == [("minister", 14.0), ("supervisor", 62.0)]
    office.clock.move(hours=62)
    minister, supervisor = open_duties(office.ledger.state(), office.clock.now(), DAY)
    assert minister.overdue and supervisor.overdue
    assert "48 h 00 min OVERDUE" in str(minister)
    office.clock.move(minutes=-1)
    assert not open_duties(office.ledger.state(), office.clock.now(), DAY)[1].overdue


def test_seventy_two_hours_are_hours_also_over_a_change_of_the_clocks(office: Office) -> None:
    office.clock.time = discovered = datetime(2026, 3, 27, 16, tzinfo=UTC)
    keeping.open_incident(office, "breach", "ourselves")  # type: ignore[arg-type]
    supervisor = open_duties(office.ledger.state(), discovered, DAY)[1]
    assert supervisor.due == datetime(2026, 3, 30, 16, tzinfo=UTC)


def test_an_incident_is_closed_when_everybody_was_told(office: Office) -> None:
    incident = keeping.open_incident(office, "breach", "ourselves")  # type: ignore[arg-type]
    keeping.describe(office, incident, KNOWN)  # type: ignore[arg-type]
    for to in ("minister", "supervisor"):
        with pytest.raises(IllegalEvent, match=to):
            keeping.close(office, incident, "resolved")  # type: ignore[arg-type]
        keeping.notify(office, incident, to, office.letter(), "portal", "complete")  # type: ignore[arg-type]
    assert duties(office) == []
    keeping.close(office, incident, "resolved")  # type: ignore[arg-type]
    with pytest.raises(IllegalEvent, match="closed"):
        keeping.describe(office, incident, KNOWN)  # type: ignore[arg-type]


def test_a_first_report_meets_the_term_and_the_rest_still_has_to_follow(office: Office) -> None:
    incident = keeping.open_incident(office, "breach", "ourselves")  # type: ignore[arg-type]
    with pytest.raises(IllegalEvent, match="first report"):
        keeping.notify(office, incident, "supervisor", office.letter(), "portal", "complete")  # type: ignore[arg-type]
    office.clock.move(hours=71)
    keeping.notify(office, incident, "supervisor", office.letter(), "portal", "initial")  # type: ignore[arg-type]
    assert ("supervisor", 72.0) in duties(office)
    keeping.describe(office, incident, KNOWN)  # type: ignore[arg-type]
    keeping.notify(office, incident, "supervisor", office.letter(), "portal", "further")  # type: ignore[arg-type]
    assert [to for to, _ in duties(office)] == ["minister"]


def test_telling_the_supervisor_late_says_why_and_in_time_does_not(office: Office) -> None:
    incident = keeping.open_incident(office, "breach", "ourselves")  # type: ignore[arg-type]
    told = (office, incident, "supervisor", office.letter(), "portal", "initial")
    with pytest.raises(IllegalEvent, match="72 hours"):
        keeping.notify(*told, delay="technical")  # type: ignore[arg-type]
    office.clock.move(hours=72, seconds=1)
    with pytest.raises(IllegalEvent, match="72 hours"):
        keeping.notify(*told)  # type: ignore[arg-type]
    keeping.notify(*told, delay="technical")  # type: ignore[arg-type]


def test_the_supervisor_is_left_out_only_while_harm_is_unlikely(office: Office) -> None:
    incident = keeping.open_incident(office, "breach", "ourselves")  # type: ignore[arg-type]
    keeping.describe(office, incident, KNOWN)  # type: ignore[arg-type]
    with pytest.raises(IllegalEvent, match="not unlikely"):
        keeping.decide_not(office, incident, "supervisor", "risk_unlikely")  # type: ignore[arg-type]
    unlikely = Description(**{**vars_of(KNOWN), "risk": "unlikely"})
    keeping.describe(office, incident, unlikely)  # type: ignore[arg-type]
    keeping.decide_not(office, incident, "supervisor", "risk_unlikely")  # type: ignore[arg-type]
    assert [to for to, _ in duties(office)] == ["minister"]
    keeping.describe(office, incident, KNOWN)  # type: ignore[arg-type]
    assert [to for to, _ in duties(office)] == ["minister", "supervisor"], "a decision falls with what it rests on"


def test_persons_are_told_of_a_high_risk_unless_the_law_says_otherwise(office: Office) -> None:
    incident = keeping.open_incident(office, "breach", "ourselves")  # type: ignore[arg-type]
    keeping.describe(office, incident, Description(**{**vars_of(KNOWN), "risk": "high"}))  # type: ignore[arg-type]
    assert "data_subjects" in dict(duties(office))
    with pytest.raises(IllegalEvent, match="no reason"):
        keeping.decide_not(office, incident, "data_subjects", "risk_unlikely")  # type: ignore[arg-type]
    keeping.decide_not(office, incident, "data_subjects", "disproportionate_effort")  # type: ignore[arg-type]
    assert "data_subjects" not in dict(duties(office))


def test_the_minister_is_never_left_out(office: Office) -> None:
    incident = keeping.open_incident(office, "unlawful_processing", "duo")  # type: ignore[arg-type]
    keeping.describe(office, incident, KNOWN)  # type: ignore[arg-type]
    with pytest.raises(keeping.NoSuchLetter):
        keeping.decide_not(office, incident, "minister", "no_breach")  # type: ignore[arg-type]
    assert [to for to, _ in duties(office)] == ["minister"], "no breach: the supervisor need not be told"


def test_an_incident_lies_in_no_future_and_its_references_have_no_gaps(ledger: Ledger) -> None:
    event = IncidentOpened(incident="2025-i1", what="breach", discovered_at=NOON, source="duo", actor="a1")
    with pytest.raises(IllegalEvent, match="next one"):
        ledger.append(event.model_copy(update={"incident": "2025-i2"}))
    with pytest.raises(IllegalEvent, match="future"):
        ledger.append(event.model_copy(update={"discovered_at": NOON + timedelta(days=1)}))
    ledger.append(event)
    assert ledger.state().oversight.next_incident(2025) == "2025-i2"
    assert ledger.state().oversight.next_incident(2026) == "2026-i1"


def test_the_letter_to_the_supervisor_has_what_article_33_asks_for(office: Office) -> None:
    incident = keeping.open_incident(office, "breach", "ourselves", NOON - timedelta(hours=12, minutes=30))  # type: ignore[arg-type]
    keeping.describe(office, incident, KNOWN)  # type: ignore[arg-type]
    story = office.home / "story.txt"
    story.write_text("Het pakket ging naar het verkeerde adres.\n\nEr is gebeld.", "utf-8")
    text, pdf = keeping.draft(office, incident, "supervisor", story)  # type: ignore[arg-type]
    said = text.read_text("utf-8")
    for letter in "abcd":
        assert f"art. 33, derde lid, onder {letter}" in said
    assert "nog 59 uur en 30 minuten" in said
    assert "1.000 tot 10.000" in said and "Records, bij benadering: 10.000 tot 100.000" in said
    assert "Het pakket ging naar het verkeerde adres." in said
    assert pdf.read_bytes().startswith(b"%PDF")
    ledger = (office.home / "ledger.db").read_bytes()
    assert b"verkeerde adres" not in ledger, "what a person writes stays out of the ledger"


def test_the_letter_to_the_minister_names_the_voorschrift(office: Office) -> None:
    incident = keeping.open_incident(office, "unlawful_processing", "ourselves")  # type: ignore[arg-type]
    said = keeping.draft(office, incident, "minister")[0].read_text("utf-8")  # type: ignore[arg-type]
    assert "voorschrift 3, onder e, van besluit 55352791" in said
    assert "Nog niet bekend" in said and "in te vullen" in said


def test_a_changed_circumstance_waits_until_the_minister_was_told(office: Office) -> None:
    reference = keeping.note(office, "new_subprocessor", NOON - timedelta(hours=4))  # type: ignore[arg-type]
    assert duties(office) == [("minister", 20.0)]
    with pytest.raises(IllegalEvent, match="not told"):
        keeping.close_circumstance(office, reference, "accepted")  # type: ignore[arg-type]
    text, _ = keeping.draft(office, reference, "minister")  # type: ignore[arg-type]
    assert "voorschrift 3, onder h" in text.read_text("utf-8")
    keeping.notify_circumstance(office, reference, text, "letter")  # type: ignore[arg-type]
    assert duties(office) == []
    keeping.close_circumstance(office, reference, "accepted")  # type: ignore[arg-type]


def test_the_watch_alarms_a_day_before_the_supervisors_term_ends(office: Office) -> None:
    keeping.open_incident(office, "breach", "ourselves")  # type: ignore[arg-type]
    assert [found.level for found in watch_duties(office)] == ["notice", "notice"]  # type: ignore[arg-type]
    office.clock.move(hours=48, minutes=1)
    minister, supervisor = watch_duties(office)  # type: ignore[arg-type]
    assert (minister.level, supervisor.level) == ("alarm", "alarm")
    assert "23 h 59 min left" in supervisor.what


def vars_of(known: Description) -> dict[str, object]:
    return {name: getattr(known, name) for name in known.__slots__}
