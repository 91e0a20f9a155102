"""What failed or can't be read waits for a person for a set number of days; then it is erased, on record."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rod_pipeline.alerts.causes import causes
from rod_pipeline.clock import SystemClock
from rod_pipeline.definitions import build_defs
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.refusing import refuse_undecided
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.retention.clockguard import ClockDoubtful
from rod_pipeline.retention.decisions import hold
from rod_pipeline.settings import Settings
from rod_pipeline.status import status
from rod_pipeline.system import System
from tests.support.pipeline import Bench, discrepancies


@pytest.fixture(autouse=True)
def _the_store_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """The days that the clock of a test is ahead have passed for the store too."""
    monkeypatch.setattr(System, "store_time", lambda system: system.clock.now().replace(microsecond=0))


class Later(SystemClock):
    """This machine's clock, some days on."""

    def __init__(self, days: float) -> None:
        self._ahead = timedelta(days=days)

    def now(self) -> datetime:
        return super().now() + self._ahead


def test_the_job_of_each_night_does_it(bench: Bench) -> None:
    key = "2025-12"
    bench.announce(key, fault="control_totals_mismatch")
    assert bench.walk(key) != []
    days = bench.settings.retention.decision_days

    class Afterwards(Rod):
        def open(self) -> System:
            return System.open(Settings.load(Path(self.home)), Later(days + 1))

    defs = build_defs(bench.settings, rod=Afterwards(home=str(bench.home)))
    assert defs.resolve_job_def("tidy_up").execute_in_process(instance=bench.instance).success
    assert bench.intake(key).refused == "ROD-REFUSE-03"
    assert "tidy_daily" in {schedule.name for schedule in defs.schedules or ()}


def test_it_is_erased_when_nobody_decided_and_not_a_day_before(bench: Bench) -> None:
    key = "2025-12"
    bench.announce(key, fault="control_totals_mismatch")
    assert bench.walk(key) != []
    assert bench.intake(key).stage == "failed"
    days = bench.settings.retention.decision_days
    with System.open(bench.settings, Later(days - 1)) as system:
        assert refuse_undecided(system) == ()
    assert bench.intake(key).stage == "failed"
    with System.open(bench.settings, Later(days + 1)) as system:
        assert refuse_undecided(system) == (key,)
        assert refuse_undecided(system) == ()
    assert bench.intake(key).refused == "ROD-REFUSE-03"
    assert [scope for scope in bench.objects() if bench.intake(key).delivery_id in scope] == []
    assert list((bench.home / "notices").glob(f"{key}-*.txt"))
    assert discrepancies(bench) == []


def blocked(bench: Bench, days: float) -> list[str]:
    """What owners are told that waits for a person, after so many days."""
    with System.open(bench.settings, Later(days)) as system:
        return [alert.body(system.settings.alerts) for alert in causes(system) if alert.kind == "blocked"]


def test_what_cannot_be_read_has_an_end_too_and_everybody_is_told_which(bench: Bench) -> None:
    key = "2025-12"
    bench.announce(key, fault="missing_file")
    assert bench.walk(key) != []
    intake, days = bench.intake(key), bench.settings.retention.decision_days
    assert intake.stage == "received" and intake.received_at is not None
    with bench.system() as system:
        (notice,) = system.ledger.state().notices_of(intake.delivery_id)
        until = notice.draft.found_at + timedelta(days=days)
        (one,) = [each for each in status(system).deliveries if each.key == key]
    assert any(waits.who == "person" and f"{until:%Y-%m-%d}" in waits.what for waits in one.waits)
    (told,) = blocked(bench, 1)
    assert "ROD-FILE-21" in told and f"{until:%Y-%m-%d}" in told
    bench.walk(key)
    with System.open(bench.settings, Later(days - 1)) as system:
        assert refuse_undecided(system) == ()
    with System.open(bench.settings, Later(days + 1)) as system:
        assert refuse_undecided(system) == (key,)
    assert bench.intake(key).refused == "ROD-REFUSE-03"
    assert [scope for scope in bench.objects() if intake.delivery_id in scope] == []
    assert blocked(bench, days + 1) == []
    assert discrepancies(bench) == []


def test_neither_a_clock_that_is_ahead_nor_an_order_lets_it_go(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "2025-12"
    bench.announce(key, fault="missing_file")
    assert bench.walk(key) != []
    days = bench.settings.retention.decision_days
    monkeypatch.setattr(System, "store_time", lambda _: SystemClock().now())
    with System.open(bench.settings, Later(days + 1)) as system, pytest.raises(ClockDoubtful):
        refuse_undecided(system)
    assert bench.intake(key).stage == "received"
    monkeypatch.setattr(System, "store_time", lambda system: system.clock.now().replace(microsecond=0))
    with bench.system() as system:
        until = system.clock.now() + timedelta(days=days + 5)
        hold(
            system, DeliveryKey.parse(key), order="O-1", until=until, beyond_term=False, set_by="a1", approved_by="a2"
        )  # fmt: skip
    with System.open(bench.settings, Later(days + 1)) as system:
        assert refuse_undecided(system) == ()
    with System.open(bench.settings, Later(days + 6)) as system:
        assert refuse_undecided(system) == (key,)
