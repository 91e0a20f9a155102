"""A planned delivery that hasn't come is a question: when it is raised, how it is answered, when it is raised again."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from rod_pipeline.clock import SystemClock
from rod_pipeline.decree import load_decree
from rod_pipeline.installation import make_installation
from rod_pipeline.intake.moments import NothingToAnswer, Planned, UnknownMoment, answer, open_questions, planned
from rod_pipeline.ledger.erasure import Suspended
from rod_pipeline.ledger.moments import MomentAnswered
from rod_pipeline.ledger.rules import IllegalEvent
from rod_pipeline.settings import Settings
from rod_pipeline.system import System
from tests.support import ledger as make

LAST_MINUTE = datetime(2025, 12, 31, 22, 59, tzinfo=UTC)


@pytest.fixture
def system(tmp_path: Path) -> System:
    home = tmp_path / "home"
    make_installation(home, SystemClock(), country="NL", site="test bench", declared_by="tester")
    return System.open(Settings(home=home), make.SetClock(LAST_MINUTE))


def asked(system: System) -> list[str]:
    return [one.moment for one in open_questions(system.ledger.state(), system.decree, system.clock.now())]


def standing(system: System) -> dict[str, Planned]:
    return {one.moment: one for one in planned(system.ledger.state(), system.decree, system.clock.now())}


def later(system: System, **by: float) -> None:
    assert isinstance(system.clock, make.SetClock)
    system.clock.move(**by)


def test_it_is_asked_once_the_month_of_the_plan_is_over_in_the_netherlands(system: System) -> None:
    assert asked(system) == [] and standing(system)["2025-12"].status == "planned"
    later(system, minutes=1)
    assert asked(system) == ["2025-12"]
    assert "has not come, and was to be there by 2025-12-31" in standing(system)["2025-12"].question
    assert list(standing(system)) == [moment.key for moment in load_decree().moments]
    later(system, days=365)
    assert asked(system) == ["2025-12", "2026-08", "2026-12"]


def test_what_came_is_asked_no_more_and_what_was_only_announced_still_is(system: System) -> None:
    later(system, hours=12)
    system.ledger.append(make.announced("2025-12"))
    assert asked(system) == ["2025-12"]
    assert "was announced, but nothing of it was received" in standing(system)["2025-12"].question
    make.received(system.ledger, "2025-12", moment=system.clock.now())
    assert asked(system) == [] and standing(system)["2025-12"].status == "came"
    with pytest.raises(NothingToAnswer):
        answer(system, "2025-12", None)
    with pytest.raises(IllegalEvent, match="has come"):
        system.ledger.append(MomentAnswered(moment="2025-12", actor="a"))


def test_a_correction_is_a_delivery_of_its_moment(system: System) -> None:
    later(system, hours=12)
    make.received(system.ledger, "2025-12-r2", moment=system.clock.now())
    assert asked(system) == []


def test_expected_by_a_day_it_is_asked_again_after_that_day(system: System) -> None:
    later(system, minutes=1)
    answer(system, "2025-12", date(2026, 1, 2))
    assert asked(system) == [] and standing(system)["2025-12"].status == "expected"
    later(system, hours=47, minutes=59)
    assert asked(system) == []
    later(system, minutes=1)
    assert asked(system) == ["2025-12"]
    answer(system, "2025-12", date(2026, 2, 1))
    assert asked(system) == []
    with pytest.raises(NothingToAnswer, match="has passed"):
        answer(system, "2025-12", date(2026, 1, 1))
    with pytest.raises(IllegalEvent, match="has passed"):
        system.ledger.append(MomentAnswered(moment="2025-12", expected_by=date(2026, 1, 1), actor="a"))


def test_not_this_time_ends_it_until_something_else_is_said(system: System) -> None:
    answer(system, "2025-12", None)
    later(system, days=100)
    assert asked(system) == [] and standing(system)["2025-12"].status == "not this time"
    answer(system, "2025-12", system.clock.now().date() + timedelta(days=1))
    later(system, days=2)
    assert asked(system) == ["2025-12"]


def test_a_moment_that_the_decree_does_not_plan_is_refused(system: System) -> None:
    with pytest.raises(UnknownMoment, match="2028-08"):
        answer(system, "2026-01", None)


def test_while_intake_is_suspended_nothing_is_asked(system: System) -> None:
    later(system, minutes=1)
    system.ledger.append(Suspended(order="o-1", until=system.clock.now() + timedelta(days=9)))
    assert asked(system) == []
