"""One notice per intake: drafted, drafted anew, sent, and what is found afterwards; the clock and the alarm."""

import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import get_args

import pytest

from rod_pipeline.cli import notice as notice_cli
from rod_pipeline.cli import waivers as waivers_cli
from rod_pipeline.clock import SystemClock
from rod_pipeline.errors import RefusedData
from rod_pipeline.installation import make_installation
from rod_pipeline.ledger.findings import NoticeState
from rod_pipeline.ledger.quality import Answer, Outcome, Reason, SentBy
from rod_pipeline.ledger.rules import IllegalEvent
from rod_pipeline.ledger.state import IntakeState
from rod_pipeline.quality import CheckReport, RuleResult
from rod_pipeline.quality.notifying import (
    NoticeDiffers,
    NoticesOverdue,
    UnknownNotice,
    answer,
    clock,
    close,
    duration,
    files_of,
    find,
    overdue,
    refuse_overdue,
    send,
    tell,
    tell_refusal,
    text_of,
)
from rod_pipeline.quality.watching import watch_findings
from rod_pipeline.settings import Settings
from rod_pipeline.system import System
from tests.support import ledger as make
from tests.support.notice import broken

M1, M2 = "2025-12-m1", "2025-12-m2"


class Forbidden(RefusedData):
    code = "ROD-PRIVACY-01"


@pytest.fixture
def system(tmp_path: Path, set_clock: make.SetClock) -> System:
    """An installation without a store, on the set clock; one delivery was received."""
    home = tmp_path / "home"
    make_installation(home, SystemClock(), country="NL", site="test bench", declared_by="tester")
    made = System.open(Settings(home=home), set_clock)
    make.received(made.ledger)
    return made


def intake(system: System) -> IntakeState:
    return system.ledger.state().deliveries["2025-12"]


def found(system: System, subject: str, *results: RuleResult) -> NoticeState | None:
    return tell(system, intake(system), subject, CheckReport.of(subject, results, {subject: 100}))


def text(system: System, notice: str = M1) -> str:
    return files_of(system.settings.home, notice).text.read_text("utf-8")


def rules(notice: NoticeState | None) -> list[tuple[str, str]]:
    assert notice is not None
    return [(finding.file, finding.rule) for finding in notice.draft.findings]


def test_the_findings_of_all_files_and_of_the_whole_are_in_one_notice(system: System, set_clock: make.SetClock) -> None:
    found(system, "diplomas", broken("a"))
    set_clock.move(minutes=5)
    found(system, "doorstroom")
    found(system, "delivery", broken("c", file="technisch"))
    notice = found(system, "inschrijvingen", broken("b", "warning", file="inschrijvingen"))
    assert rules(notice) == [("diplomas", "a"), ("technisch", "c"), ("inschrijvingen", "b")]
    assert notice is not None and (notice.notice, notice.draft.draft) == (M1, 4)
    assert notice.draft.found_at == make.NOON
    assert all(part in text(system) for part in ("regel a:", "regel b:", "regel c:", f"{M1}, versie 4"))
    assert sha256(text(system).encode()).hexdigest() == notice.draft.text
    assert sorted(path.name for path in (system.settings.home / "notices").iterdir()) == [
        f"{M1}.json", f"{M1}.pdf", f"{M1}.txt",
    ]  # fmt: skip


def test_running_again_changes_nothing(system: System, set_clock: make.SetClock) -> None:
    found(system, "diplomas", broken("a"))
    found(system, "doorstroom")
    files = files_of(system.settings.home, M1)
    before, seq = (files.text.read_bytes(), files.pdf.read_bytes()), system.ledger.state().seq
    set_clock.move(hours=3)
    files.pdf.unlink()
    found(system, "diplomas", broken("a"))
    found(system, "doorstroom")
    assert (files.text.read_bytes(), files.pdf.read_bytes()) == before
    assert system.ledger.state().seq == seq


def test_what_changed_is_drafted_anew_and_what_vanished_makes_the_notice_void(system: System) -> None:
    found(system, "diplomas", broken("a", failed=3), broken("b"))
    assert rules(found(system, "diplomas", broken("a", failed=4))) == [("diplomas", "a")]
    assert "4 van 100 rijen" in text(system) and "regel b" not in text(system)
    assert found(system, "diplomas") is None
    assert find(system, M1).closed is not None and find(system, M1).status == "closed"
    assert list((system.settings.home / "notices").iterdir()) == []
    assert rules(found(system, "diplomas", broken("a"))) == [("diplomas", "a")]
    assert [notice.notice for notice in system.ledger.state().notices.values()] == [M1, M2]


def test_after_sending_only_what_is_new_makes_another_notice(system: System) -> None:
    found(system, "diplomas", broken("a"))
    as_sent = text(system)
    send(system, M1, 1, "portal")
    assert found(system, "diplomas", broken("a")) is None
    later = found(system, "doorstroom", broken("b", file="doorstroom"))
    assert rules(later) == [("doorstroom", "b")] and later is not None and later.notice == M2
    assert f"Eerdere meldingen over deze levering: {M1} (verzonden op 15 december 2025)" in text(system, M2)
    assert rules(found(system, "diplomas", broken("a", failed=5))) == [("diplomas", "a"), ("doorstroom", "b")]
    assert text(system) == as_sent


def test_what_a_person_put_aside_as_ours_is_not_drafted_again(system: System) -> None:
    found(system, "diplomas", broken("a"))
    close(system, M1, "cause_ours")
    assert found(system, "diplomas", broken("a")) is None
    assert found(system, "diplomas", broken("a"), broken("b")) is not None


def test_a_refusal_joins_what_was_found_and_is_told_once(system: System) -> None:
    found(system, "diplomas", broken("a"))
    error = Forbidden("A column looks like a direct identifier.", "Ask DUO.")
    notice = tell_refusal(system, intake(system), error)
    assert notice is not None and (notice.draft.refused, notice.draft.draft) == ("ROD-PRIVACY-01", 2)
    assert "regel a:" in text(system) and "per direct gewist" in text(system)
    tell_refusal(system, intake(system), error)
    assert find(system, M1).draft.draft == 2
    send(system, M1, 2, "e-mail")
    assert tell_refusal(system, intake(system), error) is None
    assert list(system.ledger.state().notices) == [M1]


def test_without_its_content_a_draft_still_tells_what_the_ledger_knows(system: System) -> None:
    found(system, "diplomas", broken("a"))
    files_of(system.settings.home, M1).content.write_text("{", "utf-8")
    notice = found(system, "doorstroom", broken("b", file="doorstroom"))
    assert rules(notice) == [("diplomas", "a"), ("doorstroom", "b")]
    assert "Bestand diplomas, regel a: 3 van 100 rijen" in text(system)


def test_what_is_sent_is_the_draft_that_lies_there(system: System, set_clock: make.SetClock) -> None:
    with pytest.raises(UnknownNotice):
        send(system, M1, 1, "letter")
    found(system, "diplomas", broken("a"))
    found(system, "diplomas", broken("a"), broken("b"))
    with pytest.raises(IllegalEvent, match="number 2"):
        send(system, M1, 1, "letter")
    files = files_of(system.settings.home, M1)
    good = files.text.read_text("utf-8")
    for path in (files.text, files.pdf):
        whole = path.read_bytes()
        for bad in (whole.replace(b"regel b", b"regel q") + b" ", b""):
            path.write_bytes(bad)
            with pytest.raises(NoticeDiffers):
                send(system, M1, 2, "letter")
        path.unlink()
        assert text_of(system, find(system, M1)) == good
        assert path.read_bytes() == whole
    set_clock.move(hours=5)
    send(system, M1, 2, "letter", make.NOON + timedelta(hours=2))
    told = find(system, M1)
    assert text_of(system, told) == good
    assert clock(told, set_clock.now()) == f"{M1}: sent 2 h 0 min after the discovery, sent"
    answer(system, M1, "correction_promised", "DUO-7")
    close(system, M1, "corrected")
    assert find(system, M1).status == "closed"


def test_the_alarm_comes_after_the_hours_of_the_settings_and_ends_with_the_sending(
    system: System, set_clock: make.SetClock
) -> None:
    found(system, "diplomas", broken("a"))
    assert [finding.level for finding in watch_findings(system)] == ["notice"]
    set_clock.move(hours=23, minutes=59)
    refuse_overdue(system)
    assert overdue(system.ledger.state(), set_clock.now(), timedelta(hours=24)) == ()
    set_clock.move(minutes=1)
    with pytest.raises(NoticesOverdue, match=f"within 24 hours: {M1}: found 1 day 0 h ago, not sent"):
        refuse_overdue(system)
    (alarm,) = watch_findings(system)
    assert alarm.level == "alarm" and M1 in alarm.what
    send(system, M1, 1, "portal")
    refuse_overdue(system)
    assert watch_findings(system) == ()
    set_clock.move(days=30)
    (waiting,) = watch_findings(system)
    assert (waiting.level, "unanswered" in waiting.what) == ("notice", True)
    answer(system, M1, "acknowledged", "DUO-8")
    assert watch_findings(system) == ()


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(seconds=59), "0 min"),
        (timedelta(minutes=61), "1 h 1 min"),
        (timedelta(hours=24), "1 day 0 h"),
        (timedelta(days=2, hours=3, minutes=59), "2 days 3 h"),
    ],
)
def test_a_duration_is_said_in_few_words(span: timedelta, said: str) -> None:
    assert duration(span) == said


def test_the_content_beside_a_draft_holds_what_the_letter_holds(system: System) -> None:
    from rod_pipeline.quality.report import Detail

    found(system, "diplomas", broken("a", detail=Detail(first_rows=(77_001,))))
    content = json.loads(files_of(system.settings.home, M1).content.read_bytes())
    assert "77001" not in json.dumps(content) and "first_rows" not in json.dumps(content)


@pytest.mark.parametrize(
    ("shown", "codes"),
    [
        (notice_cli.By, set(get_args(SentBy))),
        (notice_cli.Said, set(get_args(Answer))),
        (notice_cli.Ended, set(get_args(Outcome)) - {"void", "read_since"}),
        (waivers_cli.Why, set(get_args(Reason))),
    ],
)
def test_the_commands_take_every_code_of_the_vocabulary(shown: type, codes: set[str]) -> None:
    assert {member.value for member in shown} == codes  # type: ignore[attr-defined]
