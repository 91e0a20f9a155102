"""A delivery that failed waits for a person for a set number of days; then it is erased, with notice and evidence."""

from datetime import datetime, timedelta
from pathlib import Path

from rod_pipeline.clock import SystemClock
from rod_pipeline.definitions import build_defs
from rod_pipeline.intake.refusing import refuse_undecided
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.settings import Settings
from rod_pipeline.system import System
from tests.support.pipeline import Bench, discrepancies


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
