"""What gives cause for an alert, and that each is told once, by whom it concerns, and never lost."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from rod_pipeline.alerts.alert import Alert, sentence
from rod_pipeline.alerts.causes import causes
from rod_pipeline.alerts.rounds import AlertsUnsent, due, send_due
from rod_pipeline.alerts.routes import RouteUnusable, UnknownOwner, of_owner, secret
from rod_pipeline.cli import application
from rod_pipeline.clock import SystemClock
from rod_pipeline.installation import make_installation
from rod_pipeline.ledger.events import CodeEnded, Validated
from rod_pipeline.ledger.quality import Finding, Waived
from rod_pipeline.quality import CheckReport
from rod_pipeline.quality.notifying import send as record_sent
from rod_pipeline.quality.notifying import tell
from rod_pipeline.settings import AlertsSection, RouteSection, Settings
from rod_pipeline.system import System
from tests.support import ledger as make
from tests.support.alerts import Hook, Mailbox, mailbox, webhook
from tests.support.notice import broken

SECRET = "planted-secret-of-a-route"


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as made:
        yield made


@pytest.fixture
def system(
    tmp_path: Path, set_clock: make.SetClock, mail: Mailbox, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> System:
    """An installation with two routes: the platform team by mail, the privacy officer by a webhook, for two kinds."""
    home = tmp_path / "home"
    make_installation(home, SystemClock(), country="NL", site="test bench", declared_by="tester")
    monkeypatch.setenv("ALERTS_PLATFORM", mail.url)
    address = home / "secrets" / "privacy"
    address.write_text(f"json://user:{SECRET}@{hook.address}\n")
    address.chmod(0o600)
    routes = (
        RouteSection(owner="platform", urls=("env:ALERTS_PLATFORM",)),
        RouteSection(owner="privacy", urls=(f"file:{address}",), kinds=("notice_overdue", "purge_late")),
    )
    return System.open(Settings(home=home, alerts=AlertsSection(routes=routes)), set_clock)


def told(system: System) -> list[tuple[str, str]]:
    """What a round sends: to whom, and which cause."""
    return [(one.route.owner, one.alert.cause) for one in send_due(system, causes(system))]


def kinds(system: System) -> set[str]:
    return {alert.cause for alert in causes(system)}


def failed(system: System) -> None:
    """A delivery that broke a rule, with a notice about it."""
    delivery = make.received(system.ledger)
    copy = make.parsed(system.ledger, delivery)
    finding = Finding(rule="a", file="diplomas", severity="blocking", failed=3, rows=100)
    system.ledger.append(make.checked(delivery, copy).model_copy(update={"outcome": "failed", "findings": (finding,)}))
    intake = system.ledger.state().deliveries["2025-12"]
    tell(system, intake, "diplomas", CheckReport.of("diplomas", [broken("a")], {"diplomas": 100}))


def test_each_cause_is_told_once_to_whom_it_is_for(
    system: System, set_clock: make.SetClock, mail: Mailbox, hook: Hook
) -> None:
    failed(system)
    assert told(system) == [("platform", "blocked 2025-12"), ("platform", "arrived 2025-12")]
    assert told(system) == [] and len(mail.letters) == 2 and hook.bodies == []
    set_clock.move(hours=24)
    # The first is told again because it lasts, what arrived isn't, and the notice is overdue now.
    assert told(system) == [
        ("platform", "blocked 2025-12"),
        ("platform", "notice_overdue 2025-12-m1"),
        ("privacy", "notice_overdue 2025-12-m1"),
    ]
    (body,) = hook.bodies
    assert json.loads(body)["title"] == "ROD: a notice wasn't sent: 2025-12-m1 (ROD-NOTICE-03)"
    assert "Runbook: docs/how-to/report-to-duo.md" in body
    record_sent(system, "2025-12-m1", 1, "portal")
    set_clock.move(hours=1)
    assert told(system) == [] and "notice_overdue 2025-12-m1" not in kinds(system)


def test_what_changed_is_told_anew_and_what_came_back_too(system: System, set_clock: make.SetClock) -> None:
    one = Alert("run_failed", "2025-12", "-", "-", "-", code="ROD-FILE-03")
    assert len(send_due(system, [one])) == 1
    assert send_due(system, [one]) == ()
    other = Alert("run_failed", "2025-12", "-", "-", "-", code="ROD-FILE-06")
    assert len(send_due(system, [other])) == 1
    assert send_due(system, [], {"heartbeat_lost"}) == () and send_due(system, [other]) == ()
    assert send_due(system, []) == ()
    assert len(send_due(system, [other])) == 1


def test_while_the_mail_server_is_down_nothing_is_lost_and_nothing_told_twice(
    system: System, mail: Mailbox, hook: Hook, set_clock: make.SetClock
) -> None:
    failed(system)
    set_clock.move(hours=30)
    mail.refuses = True
    for _ in range(2):
        with pytest.raises(AlertsUnsent, match=r"couldn't be sent to platform"):
            send_due(system, causes(system))
    assert len(hook.bodies) == 1
    mail.refuses = False
    again = System.open(system.settings, set_clock)
    assert {owner for owner, _ in told(again)} == {"platform"}
    assert len(mail.letters) == 3 and len(hook.bodies) == 1


def test_a_lost_memory_tells_again_rather_than_never(system: System) -> None:
    make.received(system.ledger)
    assert len(told(system)) == 1
    (system.settings.home / "alerts" / "sent.json").write_text("{")
    assert len(told(system)) == 1


def test_a_code_that_is_gone_waits_for_a_person(system: System) -> None:
    event = make.announced()
    system.ledger.append(event, CodeEnded(delivery_id=event.delivery_id, reason="wrong"))
    (alert,) = causes(system)
    assert (alert.kind, alert.about, alert.code) == ("blocked", "2025-12", "ROD-LANDING-01")


def test_an_erasure_that_nobody_does_and_one_that_is_over_its_term(system: System, set_clock: make.SetClock) -> None:
    make.stored(system.ledger)
    assert kinds(system) == {"arrived 2025-12"}
    set_clock.move(days=365 * 7)
    states = {alert.about: alert.state for alert in causes(system) if alert.kind == "purge_late"}
    assert states == {"2025-12": "not begun"}
    set_clock.move(days=5)
    states = {alert.about: alert.state for alert in causes(system) if alert.kind == "purge_late"}
    assert states == {"2025-12": "overdue "}


def test_a_waiver_is_told_before_it_ends_and_when_it_has(system: System, set_clock: make.SetClock) -> None:
    failed(system)
    intake = system.ledger.state().deliveries["2025-12"]
    until = set_clock.now() + timedelta(days=10)
    system.ledger.append(
        Waived(
            waiver_id="1" * 16, delivery_id=intake.delivery_id, file="diplomas", rule="a", failed=3,
            reason="duo_confirmed", until=until, actor="a",
        )
    )  # fmt: skip
    check = system.ledger.state().deliveries["2025-12"].checks["diplomas"]
    system.ledger.append(
        check.model_copy(update={"outcome": "passed"}),
        Validated(delivery_id=intake.delivery_id, outcome="passed", copies=(check.copy_id,)),
    )
    assert not told_of_waiver(system)
    set_clock.move(days=4)
    assert told_of_waiver(system) == ["Waivers of 2025-12 end within 7 days, for a."]
    assert ("platform", "waiver_ends 2025-12") in told(system)
    set_clock.move(hours=23)
    assert ("platform", "waiver_ends 2025-12") not in told(system)
    set_clock.move(days=6)
    assert told_of_waiver(system) == ["Waivers of 2025-12 have ended, for a."]


def told_of_waiver(system: System) -> list[str]:
    return [alert.happened for alert in causes(system) if alert.kind == "waiver_ends"]


def test_a_moment_that_was_missed_is_told_once(system: System, set_clock: make.SetClock, mail: Mailbox) -> None:
    set_clock.move(days=40)
    assert told(system) == [("platform", "missed_moment 2025-12")]
    set_clock.move(days=40)
    assert told(system) == []
    assert mail.subjects == ["ROD: a delivery hasn't come: 2025-12"]


@pytest.mark.parametrize("held", ["nothing", "no address", "readable by others"])
def test_a_route_that_is_no_good_stops_no_other_and_is_named_without_its_address(
    held: str, system: System, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    if held == "readable by others":
        file = system.settings.home / "open"
        file.write_text(SECRET)
        file.chmod(0o644)
        with pytest.raises(RouteUnusable) as raised:
            secret(f"file:{file}")
        assert SECRET not in str(raised.value)
        return
    monkeypatch.setenv("ALERTS_PLATFORM", "" if held == "nothing" else SECRET)
    alert = Alert("purge_late", "2025-12", "-", "-", "-")
    with pytest.raises(AlertsUnsent) as unsent:
        send_due(system, [alert])
    assert len(hook.bodies) == 1 and SECRET not in str(unsent.value)
    assert [one.route.owner for one in due(system, [alert])] == ["platform"]


def test_an_address_in_the_settings_themselves_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        RouteSection(owner="platform", urls=(f"json://user:{SECRET}@127.0.0.1",))


def test_no_address_is_logged(system: System, caplog: pytest.LogCaptureFixture, mail: Mailbox, hook: Hook) -> None:
    caplog.set_level(logging.DEBUG)
    mail.refuses = True
    with pytest.raises(AlertsUnsent):
        send_due(system, [Alert("purge_late", "2025-12", "-", "-", "-")])
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name != "mail.log")
    assert (
        SECRET not in ours
        and "oncall@" not in ours
        and f"{mail.port}" not in ours
        and f"{hook.server_port}" not in ours
    )


def test_the_sentence_of_a_code_is_ours_and_fixed() -> None:
    assert sentence("ROD-ALERT-02") == "Alerts couldn't be sent; they are tried again by the next round."
    assert sentence("ROD-NOWHERE-99") == "Error ROD-NOWHERE-99."


def test_a_route_is_proved_by_a_command(
    system: System, mail: Mailbox, monkeypatch: pytest.MonkeyPatch, hook: Hook
) -> None:
    monkeypatch.setenv("ROD_HOME", str(system.settings.home))
    (system.settings.home / "rod.toml").write_text(
        '[alerts]\n[[alerts.routes]]\nowner = "platform"\nurls = ["env:ALERTS_PLATFORM"]\n'
    )
    done = CliRunner().invoke(application(), ["alert", "test", "platform"])
    assert done.exit_code == 0 and mail.subjects == ["ROD: trial"]
    mail.refuses = True
    done = CliRunner().invoke(application(), ["alert", "test", "platform"])
    assert isinstance(done.exception, AlertsUnsent) and len(mail.letters) == 1
    with pytest.raises(UnknownOwner):
        of_owner(system.settings.alerts, "nobody")


def test_from_cron_the_same_is_listed_and_sent(system: System, mail: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROD_HOME", str(system.settings.home))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (system.settings.home / "rod.toml").write_text(
        '[alerts]\n[[alerts.routes]]\nowner = "platform"\nurls = ["env:ALERTS_PLATFORM"]\nkinds = ["arrived"]\n'
    )
    make.received(system.ledger)
    said = [
        CliRunner().invoke(application(), ["alert", *arguments]).output for arguments in (["list"], ["send"], ["send"])
    ]
    assert "arrived" in said[0] and "platform" in said[0]
    assert said[1:] == ["1 alerts were sent.\n", "0 alerts were sent.\n"]
    assert mail.subjects == ["ROD: a delivery arrived: 2025-12"]
