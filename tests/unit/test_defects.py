"""A delivery that can't be read is told to DUO: which errors are, once each, and no longer when it could be read."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from rod_pipeline.clock import SystemClock
from rod_pipeline.errors import RefusedData, RodError, TransientError
from rod_pipeline.installation import make_installation
from rod_pipeline.intake import archive, pleio_errors, refusals
from rod_pipeline.intake.pleio_errors import TimedOut, WrongCode
from rod_pipeline.intake.refusals import MissingFile, WrongColumnCount, WrongEncoding
from rod_pipeline.ledger.state import IntakeState
from rod_pipeline.quality import CheckReport
from rod_pipeline.quality.defects import DEFECTS, WHOLE, explanation
from rod_pipeline.quality.notifying import (
    NoticesOverdue,
    close,
    files_of,
    find,
    refuse_overdue,
    send,
    tell,
    tell_defect,
    tell_read,
    tell_refusal,
    text_of,
)
from rod_pipeline.settings import Settings
from rod_pipeline.system import System
from tests.support import ledger as make
from tests.support import pdf
from tests.support.notice import broken

M1, M2 = "2025-12-m1", "2025-12-m2"
ENCODING = WrongEncoding("A byte in record 4711 is not utf-8.", "Ask DUO.")
MISSING = MissingFile("The delivery lacks: diplomas.", "Ask DUO.")

OURS = {
    "ROD-ARCHIVE-02": "the password may have been mistyped here; `rod zip-password`, then it is known",
    "ROD-ARCHIVE-03": "the password wasn't given here",
    "ROD-FILE-12": "our count and our parser differ",
    "ROD-FILE-15": "our code reads a stream twice",
    "ROD-FILE-16": "our rules let through what can't be typed",
    "ROD-FILE-23": "our contracts name one file twice",
    **{f"ROD-PLEIO-{n:02d}": "link, code, host or account, which we entered or have to get" for n in (1, 2, 5, 6, 7)},
    **{f"ROD-PLEIO-{n:02d}": "link, code, host or account, which we entered or have to get" for n in (8, 9, 10, 11)},
    **{f"ROD-PLEIO-{n:02d}": "PLEIO, not the delivery" for n in (3, 4, 12, 14, 15, 16, 29, 30)},
    "ROD-PLEIO-28": "a limit of our settings",
}


def errors(module: ModuleType) -> Iterator[type[RodError]]:
    for found in vars(module).values():
        own = isinstance(found, type) and issubclass(found, RodError) and found.__module__ == module.__name__
        if own and "code" in vars(found):
            yield found


READING = [error for module in (archive, refusals, pleio_errors) for error in errors(module)]


@pytest.fixture
def system(tmp_path: Path, set_clock: make.SetClock) -> System:
    home = tmp_path / "home"
    make_installation(home, SystemClock(), country="NL", site="test bench", declared_by="tester")
    made = System.open(Settings(home=home), set_clock)
    make.received(made.ledger)
    return made


def intake(system: System) -> IntakeState:
    return system.ledger.state().deliveries["2025-12"]


def text(system: System, notice: str = M1) -> str:
    return files_of(system.settings.home, notice).text.read_text("utf-8")


def told(system: System, notice: str = M1) -> list[tuple[str, str]]:
    return [(defect.file, defect.error) for defect in find(system, notice).draft.defects]


def statuses(system: System) -> dict[str, str]:
    notices = system.ledger.state().notices.values()
    return {one.notice: one.status if one.closed is None else one.closed.outcome for one in notices}


def test_every_error_of_reading_is_a_defect_of_the_delivery_or_ours_for_a_reason() -> None:
    assert len(READING) > 60
    for error in READING:
        judged = [issubclass(error, (RefusedData, TransientError)), error.code in DEFECTS, error.code in OURS]
        assert judged.count(True) == 1, error.code
    assert set(DEFECTS) | set(OURS) <= {error.code for error in READING}


@pytest.mark.parametrize("error", READING, ids=lambda error: error.code)
def test_a_defect_drafts_one_letter_in_dutch_and_nothing_else_does(error: type[RodError], system: System) -> None:
    raised = error("Record 4711 of diplomas.", "-")
    for _ in range(2):
        notice = tell_defect(system, intake(system), "diplomas", raised)
    if error.code not in DEFECTS:
        assert notice is None and not system.ledger.state().notices
        return
    assert notice is not None and (notice.notice, notice.draft.draft) == (M1, 1)
    assert told(system) == [("diplomas", error.code)]
    said = text(system)
    assert f"1. Bestand diplomas: {DEFECTS[error.code]} (code {error.code})." in said
    assert "Wij verzoeken u een herstelde, volledige levering te verstrekken" in said
    assert "niets bewaard" in said if error.code.startswith("ROD-PLEIO") else "ligt versleuteld opgeslagen" in said


def test_where_a_row_is_pointed_at_the_letter_is_silent() -> None:
    assert explanation(ENCODING) == explanation(WrongColumnCount("Record 7 has 3 values.", "-")) == ""
    assert explanation(MISSING) == MISSING.happened


def test_the_pdf_says_what_the_text_says_and_the_text_can_be_made_again(system: System) -> None:
    tell_defect(system, intake(system), WHOLE, MISSING)
    tell_defect(system, intake(system), "diplomas", ENCODING)
    files = files_of(system.settings.home, M1)
    said, shown = text(system), " ".join(pdf.text_of(files.pdf.read_bytes()).split())
    for part in (
        "Bestand diplomas: het bestand is geschreven in een andere tekencodering dan is afgesproken (code",
        "De levering: een bestand ontbreekt (code ROD-FILE-21).",
        "Toelichting van het systeem, in het Engels: The delivery lacks: diplomas.",
    ):
        assert part in said and part in shown
    assert "4711" not in said and "(code ROD-FILE-03)" in said
    for path in (files.text, files.pdf):
        path.unlink()
    assert text_of(system, find(system, M1)) == said
    files.content.unlink()
    assert tell_defect(system, intake(system), "doorstroom", ENCODING) is not None
    assert told(system) == [("delivery", "ROD-FILE-21"), ("diplomas", "ROD-FILE-03"), ("doorstroom", "ROD-FILE-03")]


def test_it_joins_what_was_found_in_other_files_and_goes_when_the_file_is_read(system: System) -> None:
    tell(system, intake(system), "inschrijvingen", CheckReport.of("inschrijvingen", [broken("a")], {"x": 100}))
    tell_defect(system, intake(system), "diplomas", ENCODING)
    assert (told(system), find(system, M1).draft.draft) == ([("diplomas", "ROD-FILE-03")], 2)
    assert "regel a:" in text(system) and "Wat niet gelezen kan worden" in text(system)
    tell_read(system, intake(system), "doorstroom")
    assert find(system, M1).draft.draft == 2
    tell_read(system, intake(system), "diplomas")
    assert (told(system), find(system, M1).draft.draft, statuses(system)) == ([], 3, {M1: "drafted"})
    assert "regel a:" in text(system) and "Wat niet gelezen kan worden" not in text(system)


def test_another_cause_takes_the_place_of_the_first_in_one_notice(system: System, set_clock: make.SetClock) -> None:
    tell_defect(system, intake(system), "diplomas", ENCODING)
    set_clock.move(hours=1)
    notice = tell_defect(system, intake(system), "diplomas", WrongColumnCount("-", "-"))
    assert (told(system), statuses(system)) == ([("diplomas", "ROD-FILE-06")], {M1: "drafted"})
    assert notice is not None and notice.draft.found_at == make.NOON


def test_read_after_all_it_is_void_for_that_reason(system: System) -> None:
    tell_defect(system, intake(system), "diplomas", ENCODING)
    tell_read(system, intake(system), "diplomas")
    assert statuses(system) == {M1: "read_since"}
    assert list((system.settings.home / "notices").iterdir()) == []
    tell_defect(system, intake(system), "diplomas", ENCODING)
    assert statuses(system) == {M1: "read_since", M2: "drafted"}


def test_a_later_intake_that_is_as_bad_adds_nothing_and_one_that_is_read_ends_it(system: System) -> None:
    tell_defect(system, intake(system), "diplomas", ENCODING)
    first = intake(system).delivery_id
    make.received(system.ledger)
    assert intake(system).delivery_id != first
    standing = tell_defect(system, intake(system), "diplomas", ENCODING)
    assert standing is not None and standing.notice == M1 and statuses(system) == {M1: "drafted"}
    tell_defect(system, intake(system), WHOLE, MISSING)
    assert statuses(system) == {M1: "drafted", M2: "drafted"}
    tell_read(system, intake(system), "diplomas")
    assert statuses(system) == {M1: "read_since", M2: "drafted"}
    tell_read(system, intake(system), WHOLE)
    assert statuses(system) == {M1: "read_since", M2: "read_since"}


@pytest.mark.parametrize("way", ["sent", "cause_ours"])
def test_what_was_sent_or_put_aside_is_not_told_again_of_this_intake(way: str, system: System) -> None:
    tell_defect(system, intake(system), "diplomas", ENCODING)
    if way == "sent":
        send(system, M1, 1, "portal")
    else:
        close(system, M1, "cause_ours")
    assert tell_defect(system, intake(system), "diplomas", ENCODING) is None
    tell_read(system, intake(system), "diplomas")
    assert statuses(system) == {M1: way}
    make.received(system.ledger)
    assert tell_defect(system, intake(system), "diplomas", ENCODING) is not None
    assert statuses(system) == {M1: way, M2: "drafted"}


def test_a_notice_about_what_was_refused_keeps_its_cause(system: System) -> None:
    tell_defect(system, intake(system), "diplomas", ENCODING)
    tell_refusal(system, intake(system), RefusedByPersonLike("-", "-"))
    make.received(system.ledger)
    tell_read(system, intake(system), "diplomas")
    assert (statuses(system), told(system)) == ({M1: "drafted"}, [("diplomas", "ROD-FILE-03")])
    assert "per direct gewist" in text(system) and "(code ROD-FILE-03)" in text(system)


def test_the_days_to_decide_begin_with_a_finding_not_with_what_could_not_be_read(
    system: System, set_clock: make.SetClock
) -> None:
    tell_defect(system, intake(system), "diplomas", ENCODING)
    assert intake(system).notified_at is None
    set_clock.move(days=20)
    tell(system, intake(system), "inschrijvingen", CheckReport.of("inschrijvingen", [broken("a")], {"x": 100}))
    assert intake(system).notified_at == set_clock.now()


class RefusedByPersonLike(RodError):
    code = "ROD-REFUSE-01"


def test_the_clock_of_immediately_holds_for_it(system: System, set_clock: make.SetClock) -> None:
    tell_defect(system, intake(system), WHOLE, MISSING)
    set_clock.move(hours=24)
    with pytest.raises(NoticesOverdue, match=re.escape(f"{M1}: found 1 day 0 h ago")):
        refuse_overdue(system)


def test_what_is_ours_or_passes_by_drafts_nothing(system: System) -> None:
    for error in (WrongCode(), TimedOut(), archive.WrongPassword("-", "-")):
        assert tell_defect(system, intake(system), WHOLE, error) is None
    assert not system.ledger.state().notices
