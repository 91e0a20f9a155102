"""Alerts as they happen: a run fails in Dagster, the sensor sees it, the job tells it; and a daemon that is dead."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData, TickData
from dagster._core.scheduler.instigation import TickStatus as Tick
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from rod_pipeline.clock import SystemClock
from rod_pipeline.definitions import build_defs
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.moments import answer
from rod_pipeline.intake.refusing import refuse_by_decision
from rod_pipeline.orchestration import heartbeat
from rod_pipeline.orchestration.alerting import WATCHES, alerts_here, standing_alerts, unsent_alerts
from rod_pipeline.orchestration.heartbeat import HeartbeatLost, SwitchUnreachable, look
from rod_pipeline.orchestration.planning import planned_moments
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.settings import Settings
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System
from tests.support.alerts import Hook, Mailbox, mailbox, webhook
from tests.support.pipeline import Bench, delivery

MARKER = "Jansen_123456782"
ROUTES = """
[alerts]
ui_url = "https://rod.example/"
docs_url = "https://docs.rod.example/"
heartbeat_url = "env:ALERTS_SWITCH"
[[alerts.routes]]
owner = "platform"
urls = ["env:ALERTS_PLATFORM"]
[[alerts.routes]]
owner = "privacy"
urls = ["env:ALERTS_HOOK"]
kinds = ["run_failed", "blocked", "heartbeat_lost"]
"""


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as made:
        yield made


@pytest.fixture
def telling(bench: Bench, mail: Mailbox, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The installation, with routes to a mail server and to a webhook."""
    with (bench.home / "rod.toml").open("a") as settings:
        settings.write(ROUTES)
    monkeypatch.setenv("ALERTS_PLATFORM", mail.url)
    monkeypatch.setenv("ALERTS_HOOK", f"json://{hook.address}")
    monkeypatch.setenv("ALERTS_SWITCH", f"http://{hook.address}")
    return bench


def renamed(content: bytes, names: Mapping[str, str]) -> bytes:
    """A zip with other names of members: ``names`` maps a part of the old one to the new one."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            as_now = next((now for part, now in names.items() if part in name), name)
            new.writestr(as_now, old.read(name))
    return made.getvalue()


def tick(bench: Bench) -> dg.RunRequest | dg.SkipReason:
    context = dg.build_sensor_context(instance=bench.instance, resources={"rod": Rod(home=str(bench.home))})
    result = unsent_alerts(context)
    assert isinstance(result, dg.RunRequest | dg.SkipReason)
    return result


def execute(bench: Bench, job: str) -> bool:
    made = build_defs(bench.settings).resolve_job_def(job)
    return made.execute_in_process(instance=bench.instance, raise_on_error=False).success


def test_a_run_that_fails_is_told_once_with_links_and_nothing_that_came_from_outside(
    telling: Bench, mail: Mailbox, hook: Hook
) -> None:
    good = delivery("2025-12", population=Population(seed=5, scale=0.001))
    telling.announce("2025-12", renamed(good, {"diplomas": f"{MARKER}.csv"}))
    (told,) = telling.run("2025-12")
    assert MARKER in told and "ROD-FILE-24" in told
    telling.announce("2026-08", b"<html>" + MARKER.encode())
    telling.run("2026-08")

    request = tick(telling)
    assert isinstance(request, dg.RunRequest) and MARKER not in (request.run_key or "")
    assert mail.letters == [], "the sensor itself sends nothing"
    mail.refuses = True
    assert not execute(telling, "send_alerts")
    told_to_hook = len(hook.bodies)
    assert isinstance(tick(telling), dg.RunRequest)
    mail.refuses = False
    assert execute(telling, "send_alerts")
    assert isinstance(tick(telling), dg.SkipReason)
    assert execute(telling, "send_alerts") and len(hook.bodies) == told_to_hook == 2

    (failed,) = telling.instance.get_runs(dg.RunsFilter(tags={"dagster/partition": "2025-12"}))
    letter = next(letter for letter in mail.letters if "(ROD-FILE-24)" in letter)
    for part in (
        "Subject: ROD: waits for a person: 2025-12 (ROD-FILE-24)",
        "A file that no contract names, while a kind of file is missing",
        "What to do: Send the notice, and decide by 20",
        f"https://rod.example/runs/{failed.run_id}",
        "https://docs.rod.example/docs/",
    ):
        assert part in letter
    assert any("a run failed: 2026-08 (ROD-PLEIO-26)" in letter for letter in mail.letters)
    assert "ROD: a delivery arrived: 2025-12" in mail.subjects
    remembered = (telling.home / "alerts" / "sent.json").read_text()
    assert not [text for text in (*mail.letters, *hook.bodies, remembered) if "Jansen" in text or "1234567" in text]
    assert {json.loads(body)["title"].split(":")[1].strip() for body in hook.bodies} == {
        "waits for a person", "a run failed",
    }  # fmt: skip


def test_a_run_that_goes_well_ends_it_and_another_job_is_another_cause(telling: Bench) -> None:
    def ran(job: str, status: dg.DagsterRunStatus) -> None:
        telling.instance.add_run(dg.DagsterRun(job, status=status, tags={"dagster/partition": "2025-12"}))

    def causes() -> list[tuple[str, str]]:
        with telling.system() as system:
            alerts, _ = standing_alerts(system, telling.instance)
        return sorted((one.kind, one.about) for one in alerts if one.kind != "missed_moment")

    for job in ("deliver", "__ASSET_JOB", "purge", "overdue_notices", "send_alerts", "deliver"):
        ran(job, dg.DagsterRunStatus.FAILURE)
    ran("deliver", dg.DagsterRunStatus.STARTED)
    assert causes() == [
        ("purge_late", "2025-12 purge"),
        ("run_failed", "2025-12"),
        ("run_failed", "2025-12 __ASSET_JOB"),
    ]
    ran("deliver", dg.DagsterRunStatus.SUCCESS)
    assert ("run_failed", "2025-12") not in causes()
    telling.announce("2025-12", b"-")
    ran("deliver", dg.DagsterRunStatus.FAILURE)
    assert ("run_failed", "2025-12") in causes()
    with telling.system() as system:
        refuse_by_decision(system, DeliveryKey.parse("2025-12"))
    assert ("run_failed", "2025-12") not in causes()


def test_a_ledger_that_cannot_be_read_is_told_as_well(
    telling: Bench, mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROD_LEDGER_URL", "postgresql+psycopg2://rod:hidden@127.0.0.1:9/rod")
    assert isinstance(tick(telling), dg.RunRequest)
    assert execute(telling, "send_alerts")
    (subject,) = mail.subjects
    assert subject.startswith("ROD: a run failed: the ledger (ROD-LEDGER-")
    assert "hidden" not in mail.letters[0]


def beat(instance: dg.DagsterInstance, at: datetime, status: Tick = Tick.SKIPPED) -> None:
    """A sign of life of every daemon, and a tick of the sensor, at ``at``."""
    for daemon in instance.get_required_daemon_types():
        instance.add_daemon_heartbeat(DaemonHeartbeat(at.timestamp(), daemon, "d1", []))
    states = [state for state in instance.all_instigator_state() if state.instigator_name == WATCHES]
    if not states:
        place = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="rod_pipeline.definitions"))
        origin = RemoteRepositoryOrigin(place, "__repository__").get_instigator_origin(WATCHES)
        instance.add_instigator_state(
            InstigatorState(
                origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData(min_interval=60)
            )
        )
        states = [state for state in instance.all_instigator_state() if state.instigator_name == WATCHES]
    (state,) = states
    failed = SerializableErrorInfo("-", [], None) if status == Tick.FAILURE else None
    instance.create_tick(
        TickData(
            state.instigator_origin_id,
            WATCHES,
            InstigatorType.SENSOR,
            status,
            at.timestamp(),
            error=failed,
            selector_id=state.selector_id,
        )
    )


def test_a_heart_that_stops_is_told_once_and_the_switch_is_asked_only_while_it_beats(
    telling: Bench, mail: Mailbox, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, minutes = SystemClock().now(), timedelta(minutes=5)
    with telling.system() as system:
        with pytest.raises(HeartbeatLost, match="never ran"):
            look(system, minutes)
        assert hook.asked == 0 and mail.subjects == ["ROD: the pipeline stands still: daemon (ROD-HEARTBEAT-01)"]
        beat(telling.instance, now)
        look(system, minutes)
        assert hook.asked == 1
        beat(telling.instance, now + timedelta(seconds=1), Tick.FAILURE)
        with pytest.raises(HeartbeatLost, match="tick of the sensor unsent_alerts failed"):
            look(system, minutes)
        assert len(mail.letters) == 2
        with pytest.raises(HeartbeatLost):
            look(system, minutes)
        assert len(mail.letters) == 2 and hook.asked == 1
        beat(telling.instance, now + timedelta(seconds=2))
        monkeypatch.setenv("ALERTS_SWITCH", "http://127.0.0.1:9/secret-path")
        with pytest.raises(SwitchUnreachable) as raised:
            look(system, minutes)
        assert "secret-path" not in str(raised.value)


def test_an_old_sign_of_life_is_none(telling: Bench, mail: Mailbox) -> None:
    beat(telling.instance, SystemClock().now() - timedelta(minutes=6))
    with telling.system() as system:
        mail.refuses = True
        with pytest.raises(HeartbeatLost, match=r"its daemons were last heard of at .* UTC \(ASSET, "):
            look(system, timedelta(minutes=5))
        heartbeat.refuse_dead(system, timedelta(minutes=10))
        look(system, timedelta(minutes=10), alert=False)


def test_from_outside_the_same_alerts_are_seen(telling: Bench) -> None:
    with telling.system() as system:
        alerts, kinds = alerts_here(system)
    assert "run_failed" in kinds and {alert.kind for alert in alerts} <= {"missed_moment"}


class OnTheDay(SystemClock):
    """The first day after the month of the decree's first moment."""

    def now(self) -> datetime:
        return datetime.fromisoformat("2026-01-01T12:00:00+00:00")


class Then(Rod):
    """The door to an installation, on that day."""

    def open(self) -> System:
        return System.open(Settings.load(Path(self.home)), OnTheDay())


def test_a_moment_that_was_missed_warns_in_the_ui_until_it_is_answered(bench: Bench) -> None:
    def looked() -> tuple[bool, dg.AssetCheckSeverity, str]:
        job = build_defs(bench.settings, rod=Then(home=str(bench.home))).resolve_job_def("look_for_moments")
        result = job.execute_in_process(instance=bench.instance)
        (check,) = result.get_asset_check_evaluations()
        return check.passed, check.severity, check.description or ""

    def asks_for() -> str | None:
        request = planned_moments(dg.build_sensor_context(resources={"rod": Then(home=str(bench.home))}))
        assert isinstance(request, dg.RunRequest)
        return request.run_key

    before = asks_for()
    passed, severity, said = looked()
    assert (passed, severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "The delivery of 2025-12 has not come" in said and "2026-08" not in said
    with System.open(bench.settings, OnTheDay()) as system:
        answer(system, "2025-12", None)
    assert asks_for() != before
    assert looked()[0]
