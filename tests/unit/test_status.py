"""How everything stands: each delivery with what it waits for, and whose turn it is."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rod_pipeline.cli import application
from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.installation import make_installation
from rod_pipeline.ledger.events import CodeEnded, Refused
from rod_pipeline.ledger.rules import IllegalEvent
from rod_pipeline.quality import CheckReport
from rod_pipeline.quality.notifying import find, send, tell
from rod_pipeline.retention.decisions import suspend
from rod_pipeline.settings import Settings
from rod_pipeline.status import DeliveryStatus, status
from rod_pipeline.system import NoInstallation, System
from tests.support import ledger as make
from tests.support.night import rod
from tests.support.notice import broken

KEY = "2025-12"


@pytest.fixture
def system(tmp_path: Path, set_clock: make.SetClock, monkeypatch: pytest.MonkeyPatch) -> System:
    """An installation without a store, on the set clock; ``rod`` works on it as well."""
    home = tmp_path / "home"
    make_installation(home, SystemClock(), country="NL", site="test bench", declared_by="tester")
    monkeypatch.setenv("ROD_HOME", str(home))
    return System.open(Settings(home=home), set_clock)


def only(system: System) -> DeliveryStatus:
    (one,) = status(system).deliveries
    return one


def whose(system: System) -> list[str]:
    return [waits.who for waits in only(system).waits]


def test_what_was_announced_waits_for_its_run_and_a_hand_over_that_broke_off_for_a_person(system: System) -> None:
    system.ledger.append(make.announced(KEY))
    assert (only(system).stage, whose(system)) == ("announced", ["pipeline"])
    system.ledger.append(make.announced(KEY, channel="drop"))
    assert whose(system) == ["person"]
    assert f"rod drop {KEY}" in only(system).waits[0].what


def test_a_code_that_is_gone_is_asked_of_duo(system: System) -> None:
    event = make.announced(KEY)
    system.ledger.append(event, CodeEnded(delivery_id=event.delivery_id, reason="used"))
    assert (only(system).stage, whose(system)) == ("waiting_for_code", ["DUO"])
    assert "(used)" in only(system).waits[0].what


def test_what_failed_waits_for_a_decision_and_its_notice_for_a_person_then_for_duo(system: System) -> None:
    delivery = make.received(system.ledger, KEY)
    copy = make.parsed(system.ledger, delivery)
    intake = system.ledger.state().deliveries[KEY]
    notice = tell(system, intake, "diplomas", CheckReport.of("diplomas", (broken("a"),), {"diplomas": 100}))
    assert notice is not None
    bad = {"outcome": "failed", "findings": notice.draft.findings}
    system.ledger.append(make.checked(delivery, copy).model_copy(update=bad))
    one = only(system)
    assert (one.stage, one.checks) == ("failed", "failed: diplomas")
    assert [waits.who for waits in one.waits] == ["person", "person"]
    until = system.clock.now() + timedelta(days=system.settings.retention.decision_days)
    assert f"before {until:%Y-%m-%d}" in one.waits[0].what
    assert f"rod notice show {notice.notice}" in one.waits[1].what
    assert len(status(system).notices) == 1 and "OVERDUE" not in status(system).notices[0]
    system.clock.move(hours=25)  # type: ignore[attr-defined]
    assert "OVERDUE" in status(system).notices[0]
    send(system, notice.notice, find(system, notice.notice).draft.draft, "e-mail")
    assert whose(system) == ["person", "DUO"]


def test_what_is_stored_waits_for_the_clock_and_shows_its_deadline(system: System) -> None:
    make.stored(system.ledger, KEY)
    one = only(system)
    assert one.stage == "stored" and one.erase_before is not None and one.copies > 0
    assert [waits.who for waits in one.waits] == ["clock"]
    assert f"{one.erase_before - timedelta(days=2):%Y-%m-%d}" in one.waits[0].what


def test_what_was_refused_waits_for_a_corrected_delivery(system: System) -> None:
    delivery = make.received(system.ledger, KEY)
    system.ledger.append(Refused(delivery_id=delivery, error="ROD-PRIVACY-01"))
    assert only(system).stage == "refused (ROD-PRIVACY-01), erased"
    assert whose(system) == ["DUO"]


def test_it_says_who_works_on_what_and_keeps_nobody_from_it(system: System) -> None:
    delivery = make.received(system.ledger, KEY)
    assert not only(system).working
    with system.ledger.exclusive(delivery):
        assert only(system).working
        other = make.received(system.ledger, "2026-08")
        assert [one.working for one in status(system).deliveries] == [True, False]
    assert not status(system).deliveries[0].working
    with system.ledger.exclusive(other):
        assert [one.working for one in status(system).deliveries] == [False, True]


def test_a_lease_in_postgresql_is_seen_too(postgres_url: str, set_clock: make.SetClock) -> None:
    from rod_pipeline.ledger.log import Ledger

    one, other = Ledger(postgres_url, set_clock), Ledger(postgres_url, set_clock)
    with one.exclusive("a1b2c3d4e5f60718"):
        assert other.held("a1b2c3d4e5f60718")
        assert not other.held("a1b2c3d4e5f60719")
    assert not other.held("a1b2c3d4e5f60718")


def test_a_suspension_stands_above_all(system: System) -> None:
    suspend(system, "o1", datetime(2999, 1, 1, tzinfo=UTC))
    assert status(system).standing == "The decree is suspended (order o1) until 2999-01-01: nothing comes in."


def test_people_get_a_table_and_programs_get_all_of_it(system: System) -> None:
    make.stored(system.ledger, KEY)
    exits, said = rod("status")
    assert exits == 0
    assert f"{KEY} waits for clock: its erasure" in said and "stored" in said
    exits, said = rod("status", "--json")
    found = json.loads(said)
    assert exits == 0
    assert found["deliveries"][0]["key"] == str(DeliveryKey.parse(KEY))
    assert found["deliveries"][0]["waits"][0]["who"] == "clock"
    assert datetime.fromisoformat(found["at"]).tzinfo is not None


def test_it_needs_neither_dagster_nor_the_store(system: System) -> None:
    make.stored(system.ledger, KEY)
    asks = "import sys; from rod_pipeline.cli import application; application()(['status'], standalone_mode=False); "
    heavy = {"dagster", "scipy", "great_expectations"}
    looks = f"sys.exit(not sys.modules.keys().isdisjoint({heavy}))"
    done = subprocess.run(
        [sys.executable, "-c", asks + looks], env=os.environ | {"PYTHONPATH": os.getcwd()}, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert not (system.settings.home / "store").exists()


def test_the_runbook_of_an_error_can_be_read_at_the_terminal(system: System) -> None:
    exits, said = rod("runbook", "rod-pleio-17")
    assert exits == 0
    assert "ROD-PLEIO-17" in said and "429" in said and "rod rerun-failed" in said
    exits, said = rod("runbook", "ROD-PLEIO-99")
    assert exits == 1 and "docs/runbooks/ROD-PLEIO.md#rod-pleio-99" in said


def test_a_folder_without_an_installation_is_not_told_as_one_without_deliveries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROD_HOME", str(tmp_path / "elsewhere"))
    for command in (["status"], ["watch"], ["rerun-failed"], ["retention", "forecast"], ["doctor"], ["heartbeat"]):
        result = CliRunner().invoke(application(), command)
        assert isinstance(result.exception, NoInstallation)
        assert not (tmp_path / "elsewhere").exists(), command


def test_a_persons_word_about_nothing_is_not_taken(system: System) -> None:
    nothing, letter = "0" * 16, ["--reference", "B-1", "--erased-at", "2026-01-01"]
    for command in (
        ["retention", "dagster-gone", nothing, "--confirm", nothing],
        ["declare", "--package", nothing, *letter],
        ["declare", nothing, *letter],
    ):
        assert isinstance(CliRunner().invoke(application(), command).exception, IllegalEvent), command
    assert rod("declare", *letter)[0] == rod("retention", "dagster-gone", nothing, "--confirm", "1")[0] + 1 == 2
    assert system.ledger.state().seq == 0


def test_an_installation_without_a_ledger_begins_one_and_says_that_nothing_came(system: System) -> None:
    assert not (system.settings.home / "ledger.db").exists()
    exits, said = rod("status")
    assert exits == 0 and "rod drop" in said


def test_no_word_of_the_table_is_broken_in_a_terminal_of_80(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    system.ledger.append(make.announced("2026-08-r2", channel="pleio"))
    make.stored(system.ledger, KEY)
    _, said = rod("status")
    words = said.split()
    assert {"delivery", "stage", "checks", "moment", "before", "copies", "2026-08-r2", "announced", "stored"} <= set(
        words
    )
    assert "passed" in words
